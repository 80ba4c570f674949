"""Clips whose files cannot be removed are not given up: not by a person, not by a rule, and others go in their place."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests import clips
from tests.integration.test_retiring import leave, sqlite_key
from tests.mounting import OWN_FILES_ONLY, bound, give_away, mounted, remount, unmount
from tests.running import RunningUnit, running, wait_for

BIN = {"WATCHER_RETENTION__BIN_DAYS": "7", "WATCHER_UPLOAD__MIN_FREE_BYTES": "1"}


@pytest.fixture(scope="module")
def unit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningUnit]:
    """A unit that has no rights over the files of others, as in a container that is not privileged."""
    give_away()
    with running(tmp_path_factory.mktemp("faults"), settings=BIN, within=OWN_FILES_ONLY) as started:
        yield started


def delete(unit: RunningUnit, clip: dict) -> requests.Response:
    return requests.delete(unit.url(clip["links"]["self"]), timeout=30)


def refused(answer: requests.Response, code: str, *words: str) -> None:
    """Refused with a sentence for people that has these words."""
    assert (answer.status_code, answer.json()["code"]) == (503, code), answer.text
    for word in words:
        assert word in answer.json()["detail"]


@pytest.mark.slow
def test_a_clip_in_somebody_else_s_folder_is_not_given_up(unit: RunningUnit, samples: Path) -> None:
    """The refusal names folder and owner; the clip stays as it is, with its labels, and goes when it may."""
    clip = leave(unit, samples, "foreign/1.mp4", 1)
    requests.put(unit.url(f"{clip['links']['self']}/labels/cat"), timeout=10)
    before = unit.clip("foreign/1.mp4")
    folder = unit.video / "foreign"
    give_away(folder)
    refused(delete(unit, clip), "not_writable", str(folder), "belongs to", "chown")
    assert unit.clip("foreign/1.mp4") == before, "its row was not touched"
    assert unit.get(clip["url"]).status_code == 200
    refused(
        requests.put(unit.url("/watcher/uploads/foreign/new.mp4"), data=b"x" * 100, timeout=10),
        "not_writable",
        str(folder),
    )
    doctor = unit.run("doctor").stdout
    assert f"the folder {folder} belongs to" in doctor
    warning = wait_for(lambda: unit.get("/watcher/readyz").json().get("warnings", {}).get("folders"), seconds=120)
    assert str(folder) in warning, "who asks is an admin where the service is open"
    os.chown(folder, os.geteuid(), -1)
    assert delete(unit, clip).status_code == 204
    assert unit.get(clip["url"]).status_code == 404


@pytest.mark.slow
def test_where_only_the_removal_tells_the_row_goes_back(unit: RunningUnit, samples: Path) -> None:
    """As from a server that trusts nobody's root: here the file may be looked at, but the bin holds no more."""
    clip = leave(unit, samples, "late/1.mp4", 2)
    requests.put(unit.url(f"{clip['links']['self']}/labels/fox"), timeout=10)
    in_the_way = unit.video / ".watcher.bin"
    moved = in_the_way.rename(unit.data / "bin") if in_the_way.exists() else None
    in_the_way.write_bytes(b"a file where the folder is to be")
    try:
        assert delete(unit, clip).status_code >= 500
        again = unit.clip("late/1.mp4")
        assert (again["id"], again["state"], [label["name"] for label in again["labels"]]) == (
            clip["id"],
            "ready",
            ["fox"],
        )
        assert [clip["id"] for clip in unit.clips(label="fox")] == [clip["id"]]
        assert unit.get(clip["url"]).status_code == 200
        assert (
            next(camera for camera in unit.get("/watcher/cameras").json()["cameras"] if camera["camera"] == "late")[
                "clips"
            ]
            == 1
        )
    finally:
        in_the_way.unlink()
        if moved:
            moved.rename(in_the_way)
    assert delete(unit, clip).status_code == 204
    assert unit.run("check").returncode == 0


def test_what_is_in_the_bin_stays_there_while_its_folder_is_closed(unit: RunningUnit, samples: Path) -> None:
    """A clip that cannot be given its file back is not said to be missing."""
    clip = leave(unit, samples, "back/1.mp4", 3)
    assert delete(unit, clip).status_code == 204
    give_away(unit.video / "back")
    answer = requests.post(unit.url(f"{clip['links']['self']}/restore"), timeout=10)
    refused(answer, "not_writable", str(unit.video / "back"))
    assert unit.get(clip["links"]["self"]).json()["state"] == "retired"
    os.chown(unit.video / "back", os.geteuid(), -1)
    assert requests.post(unit.url(f"{clip['links']['self']}/restore"), timeout=10).status_code == 202
    unit.wait_clip("back/1.mp4", state="ready")


@pytest.mark.slow
def test_rules_pass_over_what_cannot_go_and_take_others(tmp_path: Path, samples: Path) -> None:
    """The oldest lie in a foreign folder: the next ones go for their bytes, and the log says it once."""
    size = (samples / "plain.mp4").stat().st_size
    settings = {"WATCHER_RETENTION__MAX_BYTES": str(5 * size + size // 2), "WATCHER_UPLOAD__MIN_FREE_BYTES": "1"}
    folder = tmp_path / "unit"
    for camera in ("old", "new"):
        (folder / "data" / "video" / camera).mkdir(parents=True)
    for number in range(8):
        camera = "old" if number < 3 else "new"
        at = time.strftime("%Y%m%d_%H%M%S", time.localtime(time.time() - 3600 * (9 - number)))
        path = folder / "data" / "video" / camera / f"{at}.mp4"
        path.write_bytes(clips.stamp((samples / "plain.mp4").read_bytes(), number))
    give_away(folder / "data" / "video" / "old")
    with running(folder, settings=settings, within=OWN_FILES_ONLY) as unit:
        wait_for(lambda: len(unit.clips()) == 5 and len(unit.clips(state="retired")) == 3, what="three to go")
        assert len(unit.clips(camera="old")) == 3
        assert len(list((unit.video / "old").iterdir())) == 3
        unit.wait_logged("what is to go by the rules of retention stays")
        assert unit.logged().count("what is to go by the rules of retention stays") == 1
        (again := unit.run("sweep")).check_returncode()
        assert "nothing had to go" in again.stdout
        assert len(unit.clips()) == 5


@pytest.mark.slow
@pytest.mark.parametrize("how", ["ro", "away"])
def test_a_disk_that_is_read_only_or_away_gives_no_clip_up(tmp_path: Path, samples: Path, how: str) -> None:
    """Neither by a person nor by a rule; and when it is back as it was, everything goes on by itself."""
    folder = tmp_path / "unit"
    size = (samples / "plain.mp4").stat().st_size
    image = folder / "data" / "video"
    settings = BIN | {"WATCHER_RETENTION__MAX_BYTES": str(3 * size + size // 2), "WATCHER_RETENTION__BIN_DAYS": "0"}
    with mounted(image, "300m"), contextlib.ExitStack() as stack:
        unit = stack.enter_context(running(folder, settings=settings))
        clips = [leave(unit, samples, f"gate/{number}.mp4", number) for number in range(3)]
        held = stack.enter_context(bound(image, tmp_path / "elsewhere"))
        if how == "ro":
            remount(image, "ro")
        else:
            unmount(image)
        code, word = ("read_only", "read-only") if how == "ro" else ("root_away", "is its disk mounted?")
        refused(delete(unit, clips[0]), code, word)
        refused(requests.put(unit.url("/watcher/uploads/gate/new.mp4"), data=b"x" * 100, timeout=10), code, word)
        assert wait_for(unit.problems, what="readyz to tell")
        assert [unit.get(clip["links"]["self"]).json()["state"] for clip in clips] == ["ready"] * 3
        unit.run("sweep")
        assert len(unit.clips()) == 3
        if how == "ro":
            remount(image, "rw")
        else:
            assert list(image.iterdir()) == []
            stack.enter_context(bound(held, image))
        wait_for(lambda: unit.problems() == {}, what="a service without problems")
        assert delete(unit, clips[0]).status_code == 204
        assert sqlite_key(unit, clips[0]["id"]).startswith("/")
        leave(unit, samples, "gate/8.mp4", 8)
