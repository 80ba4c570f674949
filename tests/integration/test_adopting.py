"""A catalog from before clips moved, beside a running watcher: `watcher scan --store` brings them back, and takes others' in."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests import clips
from tests.integration.test_buckets import tiered as with_bucket
from tests.integration.test_stores import address, leave, store_of
from tests.integration.test_stores import tiered as with_disk
from tests.running import RunningUnit, wait_for
from tests.s3_server import Server, bucket, s3_server

OTHERS = "garden/2026-01-02/03-04-05.mp4"


@pytest.fixture
def server() -> Iterator[Server]:
    with s3_server() as started:
        yield started


def restore(unit: RunningUnit, file: Path) -> str:
    """What it says."""
    unit.stop()
    for path in unit.data.glob("catalog.db*"):
        path.unlink()
    restored = unit.run("restore", str(file))
    assert restored.returncode == 0, restored.stderr
    unit.spawn()  # which is not ready: too much is gone
    return restored.stdout


def ranges(unit: RunningUnit, key: str) -> list[tuple[int, bytes]]:
    sends = ({"Range": "bytes=100-199"}, {"Range": "bytes=-7"}, {})
    answers = [requests.get(address(unit, key), headers=headers, timeout=60) for headers in sends]
    return [(answer.status_code, answer.content) for answer in answers]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["disk", "bucket"])
def test_clips_that_moved_after_the_backup_play_again(
    start_unit: Callable[..., RunningUnit], samples: Path, tmp_path: Path, server: Server, kind: str
) -> None:
    """At their addresses, under their ids and with their labels; what somebody else put there gets its poster too."""
    unit = start_unit(settings={"WATCHER_VIDEO__SETTLE_SECONDS": "0.05"})
    keys = [leave(unit, samples, number) for number in (1, 2)]
    before = {key: ranges(unit, key) for key in keys}
    first = unit.clip(keys[0])
    assert first is not None
    requests.put(unit.url(f"{first['links']['self']}/labels/fox"), timeout=60).raise_for_status()
    wait_for(lambda: all(clip["sprite"] for clip in unit.clips()), what="the pictures")
    file = tmp_path / "backup.tar.gz"
    assert unit.run("backup", str(file)).returncode == 0
    cold = None
    if kind == "disk":
        cold = with_disk(unit, tmp_path)
    else:
        with_bucket(unit, tmp_path, server.endpoint)
    for key in keys:
        wait_for(lambda key=key: store_of(unit, key) == "archive", what="the move", seconds=60)
        wait_for(lambda key=key: not (unit.video / key).exists(), what="its end here")
    other = clips.stamp((samples / "plain.mp4").read_bytes(), 77)
    if cold is not None:
        (cold / OTHERS).parent.mkdir(parents=True)
        (cold / OTHERS).write_bytes(other)
    else:
        with contextlib.closing(bucket(server, prefix="ä b/")) as store:
            store.put(OTHERS, io.BytesIO(other), len(other))
    assert "watcher scan --store archive" in restore(unit, file)
    wait_for(lambda: "`watcher scan --store archive` brings back" in unit.logged(), what="the way back")
    assert requests.get(address(unit, keys[0]), timeout=60).status_code == 404
    check = unit.run("check")
    assert (check.returncode, "`watcher scan --store archive` brings clips back" in check.stdout) == (1, True)
    scan = unit.run("scan", "--store", "archive")
    assert (scan.returncode, scan.stdout) == (0, "archive: 2 clips are back, 1 became new clips\n"), scan.stderr
    for key in keys:
        wait_for(lambda key=key: ranges(unit, key) == before[key], what="its bytes")
        clip = unit.wait_clip(key, state="ready", store="archive")
        assert requests.get(unit.url(clip["poster_url"]), timeout=60).status_code == 200
    again = unit.clip(keys[0])
    assert again is not None
    assert (again["id"], [label["name"] for label in again["labels"]]) == (first["id"], ["fox"])
    adopted = unit.wait_clip(OTHERS, state="ready", store="archive", camera="garden")
    assert adopted["started_at"].startswith("2026-01-02T02:04:05")  # in Berlin
    assert ranges(unit, OTHERS) == [(206, other[100:200]), (206, other[-7:]), (200, other)]
    poster = wait_for(lambda: (unit.clip(OTHERS) or {}).get("poster_url"), what="its poster", seconds=60)
    assert requests.get(unit.url(poster), timeout=60).status_code == 200
    check = unit.run("check")
    assert check.returncode == 0, check.stdout
    assert unit.run("scan", "--store", "archive").stdout == "archive: nothing that was not known\n"
    unknown = unit.run("scan", "--store", "warm")
    assert (unknown.returncode, "no store called 'warm' in the settings (archive)" in unknown.stderr) == (1, True)
