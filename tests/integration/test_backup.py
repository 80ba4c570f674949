"""Backup while clips arrive, restore elsewhere; the catalog moved to PostgreSQL and back: by the commands, as told in the guide."""

from __future__ import annotations

import fcntl
import gzip
import io
import os
import shutil
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa

from tests import clips
from tests.running import RunningUnit, wait_for


def known(unit: RunningUnit) -> dict[int, tuple]:
    """What is known of each clip, but for its pictures."""
    return {
        clip["id"]: (
            clip["key"],
            clip["started_at"],
            [label["name"] for label in clip["labels"]],
            clip["held"],
            clip["note"],
        )
        for clip in (unit.get(f"/watcher/clips/{listed['id']}").json() for listed in unit.clips())
    }


def fill(unit: RunningUnit, samples: Path, count: int = 5) -> None:
    """Some clips, of which one has a label, one is held and one corrected."""
    for number in range(count):
        path = unit.video / f"porch/2026-11-20/07000{number}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(clips.stamp((samples / "plain.mp4").read_bytes(), number))
    listed = wait_for(lambda: unit.clips() if len(unit.clips()) == count else None, what="clips")
    self = [unit.url(clip["links"]["self"]) for clip in listed]
    requests.put(f"{self[0]}/labels/fox", timeout=10).raise_for_status()
    requests.patch(self[1], json={"held": True, "note": "keep ä 😀"}, timeout=10).raise_for_status()
    requests.patch(self[2], json={"started_at": "2026-11-19T06:00:00Z"}, timeout=10).raise_for_status()


@pytest.mark.slow
def test_a_backup_while_clips_arrive_is_restored_elsewhere(
    start_unit: Callable[..., RunningUnit], samples: Path, tmp_path: Path
) -> None:
    """Labels, holds, corrections, ids and keys are there again; followers are told to start over; nothing is overwritten."""
    unit, done = start_unit(), threading.Event()
    fill(unit, samples)
    before = known(unit)
    key = unit.run("key", "create", "camera", "--role", "upload", "--camera", "porch").stdout.strip()

    def arrive() -> None:
        number = 100
        while not done.is_set():
            number += 1
            (unit.video / f"{number}.mp4").write_bytes(clips.stamp((samples / "plain.mp4").read_bytes(), number))
            done.wait(0.02)

    arriving = threading.Thread(target=arrive)
    arriving.start()
    file = tmp_path / "backup.tar.gz"
    try:
        backup = unit.run("backup", str(file))
    finally:
        done.set()
        arriving.join()
    assert backup.returncode == 0, backup.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    assert unit.run("backup", str(file)).returncode == 1, "a backup is never written over"
    wait_for(lambda: len(unit.clips()) == len(list(unit.video.rglob("*.mp4"))), what="all clips")
    head = unit.get("/watcher/changes/head").json()["head"]
    unit.stop()

    other = RunningUnit(tmp_path / "other")
    shutil.copytree(unit.video, other.video)  # as by rsync -a: the marker comes along
    restored = other.run("restore", str(file))
    assert restored.returncode == 0, restored.stderr
    assert "restored" in restored.stdout
    again = other.run("restore", str(file))
    assert again.returncode == 1
    assert "not empty" in again.stderr
    other.start()
    try:
        wait_for(lambda: len(other.clips()) == len(list(other.video.rglob("*.mp4"))), what="every clip")
        now = known(other)
        assert {clip_id: now[clip_id] for clip_id in before} == before
        assert "camera" in other.run("key", "list").stdout
        assert key.encode() not in gzip.decompress(file.read_bytes())
        assert other.get(f"/watcher/changes?since={head}").status_code == 410
        assert other.run("check").returncode == 0
        running = other.run("restore", str(file))
        assert running.returncode == 1
        assert "end watcher first" in running.stderr
    finally:
        other.stop()


@pytest.mark.slow
def test_what_is_no_backup_changes_nothing(tmp_path: Path) -> None:
    """Another file, half a backup, an archive with paths that lead elsewhere: a sentence, and the catalog stays empty."""
    unit = RunningUnit(tmp_path / "unit")
    whole = tmp_path / "whole.tar.gz"
    assert RunningUnit(tmp_path / "source").run("migrate").returncode == 0
    assert RunningUnit(tmp_path / "source").run("backup", str(whole)).returncode == 0
    (tmp_path / "text").write_text("no archive")
    (tmp_path / "half").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with tarfile.open(tmp_path / "evil", "w") as tar:
        for name in ("../../evil", "/tmp/evil", "catalog.db"):
            entry = tarfile.TarInfo(name)
            entry.size = 4
            tar.addfile(entry, io.BytesIO(b"evil"))
    for name in ("text", "half", "evil", "nothing"):
        answer = unit.run("restore", str(tmp_path / name))
        assert answer.returncode == 1
        assert answer.stderr.startswith("watcher: ")
        assert "Traceback" not in answer.stderr
    assert not list(tmp_path.rglob("evil*"))[1:]
    left = tmp_path / "unit" / "data" / ".watcher-scratch-killed.tmp"
    left.mkdir()
    (left / "catalog.db").touch()
    busy = left.with_name(".watcher-scratch-busy.tmp")
    busy.mkdir()
    descriptor = os.open(busy, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    assert unit.run("restore", str(whole)).returncode == 0
    assert list((tmp_path / "unit").rglob(".watcher-scratch-*")) == [busy], "what a killed one left is gone"
    os.close(descriptor)


@pytest.mark.slow
def test_to_postgresql_and_back(
    start_unit: Callable[..., RunningUnit], samples: Path, postgresql: str, tmp_path: Path
) -> None:
    """The same clips under the same ids; not while it runs, and not over what is there."""
    name = "moved"
    admin = sa.create_engine(postgresql, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    url = postgresql.replace("/postgres?", f"/{name}?")
    unit = start_unit()
    fill(unit, samples)
    before = known(unit)
    refused = unit.run("catalog", "copy", "--to", url)
    assert refused.returncode == 1
    assert "end watcher first" in refused.stderr
    unit.stop()
    copied = unit.run("catalog", "copy", "--to", url)
    assert copied.returncode == 0, copied.stderr
    assert "clips: 5 rows" in copied.stdout
    assert "not empty" in unit.run("catalog", "copy", "--to", url).stderr

    unit.environment["WATCHER_CATALOG__URL"] = url
    unit.start()
    assert known(unit) == before
    (unit.video / "new.mp4").write_bytes(clips.stamp((samples / "plain.mp4").read_bytes(), 77))
    assert unit.wait_clip("new.mp4", state="ready")["id"] > max(before)
    before = known(unit)
    unit.stop()
    back = f"sqlite:///{tmp_path}/back.db"
    assert unit.run("catalog", "copy", "--to", back).returncode == 0
    unit.environment["WATCHER_CATALOG__URL"] = back
    unit.start()
    assert known(unit) == before
    assert unit.run("check").returncode == 0
    unit.stop()
    with admin.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.slow
def test_a_new_url_takes_the_catalog_along(
    start_unit: Callable[..., RunningUnit], samples: Path, postgresql: str
) -> None:
    """As the guide says: set the URL and start. Ids, labels and keys are there; it is ready; the old file stays."""
    unit = start_unit()
    fill(unit, samples)
    before = known(unit)
    unit.run("key", "create", "porch", "--role", "upload", "--camera", "porch")
    unit.stop()
    with sa.create_engine(postgresql, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool).connect() as admin:
        admin.exec_driver_sql("CREATE DATABASE taken_along")
    unit.environment["WATCHER_CATALOG__URL"] = postgresql.replace("/postgres?", "/taken_along?")
    unit.start()
    assert known(unit) == before
    assert "porch" in unit.run("key", "list").stdout
    assert unit.problems() == {}
    assert (unit.data / "catalog.db").is_file()
    unit.stop()
    unit.start()  # and only once
    assert known(unit) == before
