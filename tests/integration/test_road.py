"""The whole road: a clip dropped below the video root is listed, with its metadata, and plays from its URL."""

from __future__ import annotations

import os
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import clips
from tests.running import RunningUnit, wait_for


def test_a_dropped_clip_is_listed_with_its_metadata_and_served(unit: RunningUnit, samples: Path) -> None:
    """What the contract shows of a clip is what the API says of a real one."""
    key = "porch/2026-11-21/070000.mp4"
    path = unit.video / key
    path.parent.mkdir(parents=True)
    shutil.copy(samples / "plain.mp4", path)
    clip = unit.wait_pictured(key)

    assert (clip["state"], unit.clips(camera="porch")) == ("ready", [clip])
    assert clip["camera"] == "porch"
    assert clip["started_at"] == "2026-11-21T06:00:00.000Z"
    assert clip["ended_at"] == "2026-11-21T06:00:02.000Z"
    assert clip["local_time"] == "2026-11-21T07:00:00.000+01:00"
    assert clip["time_source"] == "name"
    assert clip["duration_seconds"] == 2.0
    assert clip["size_bytes"] == path.stat().st_size
    assert clip["media"]["video"] == {"codec": "h264", "width": 320, "height": 180, "fps": 15.0, "rotation": 0}
    assert clip["media"]["codecs"].startswith("avc1.64")
    assert (clip["playable"], clip["error"]) == ("yes", None)
    assert clip["links"] == {"self": f"/watcher/clips/{clip['id']}"}
    assert unit.get(clip["links"]["self"]).json() == clip
    served = unit.get(clip["url"])
    assert served.content == path.read_bytes()
    assert served.headers["Content-Type"] == "video/mp4"


def test_a_poster_follows(unit: RunningUnit, samples: Path) -> None:
    """The picture comes after the clip is listed, as a WebP that never changes."""
    path = unit.video / "poster" / "1.mp4"
    path.parent.mkdir()
    shutil.copy(samples / "faststart.mp4", path)
    clip = wait_for(lambda: (clip := unit.clip("poster/1.mp4")) and clip["poster_url"] and clip, what="the poster")
    picture = unit.get(clip["poster_url"])

    assert picture.headers["Content-Type"] == "image/webp"
    assert "immutable" in picture.headers["Cache-Control"]
    assert picture.content[:4] == b"RIFF"
    assert picture.content[8:12] == b"WEBP"


def test_a_close_lists_a_clip_without_waiting_for_the_settle_time(
    start_unit: Callable[..., RunningUnit], samples: Path
) -> None:
    """Forty clips closed one after another: half are listed within half of the settle time, 95 % within all of it."""
    settle_seconds = 15.0  # which no machine needs, whatever else it does
    unit = start_unit(settings={"WATCHER_VIDEO__SETTLE_SECONDS": str(settle_seconds)})
    data = (samples / "plain.mp4").read_bytes()
    folder = unit.video / "quick"
    folder.mkdir()
    took = []
    for number in range(40):
        key = f"quick/{number}.mp4"
        with (unit.video / key).open("wb") as file:
            file.write(clips.stamp(data, number))
        closed = time.monotonic()
        wait_for(lambda key=key: unit.clip(key), what=key)
        took.append(time.monotonic() - closed)

    assert statistics.median(took) < settle_seconds / 2, sorted(took)
    assert statistics.quantiles(took, n=20)[18] < settle_seconds, sorted(took)


@pytest.mark.slow
def test_a_file_that_is_written_slowly_is_not_listed_before_its_end(unit: RunningUnit, samples: Path) -> None:
    """Pauses longer than the settle time do not make a half-written file a clip, and its close does at once."""
    data = (samples / "fragmented.mp4").read_bytes()
    cuts = [start for kind, start, _ in clips.boxes(data) if kind == b"moof"]  # whole after each of these
    path = unit.video / "slow.mp4"
    with path.open("wb") as file:
        for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
            file.write(data[start:end])
            file.flush()
            until = time.monotonic() + 2.5
            while time.monotonic() < until:
                assert unit.clip("slow.mp4") is None
                time.sleep(0.05)
    clip = unit.wait_clip("slow.mp4")

    assert clip["state"] == "ready"
    assert clip["size_bytes"] == len(data)


def test_renamed_linked_and_moved_in_files_are_listed(unit: RunningUnit, samples: Path, tmp_path: Path) -> None:
    """None of these ways gives a close event."""
    data = (samples / "plain.mp4").read_bytes()
    outside = unit.data / "outside"
    (outside / "deep" / "er").mkdir(parents=True)
    for number, name in enumerate(["a.mp4", "b.mp4", "deep/c.mp4", "deep/er/d.mp4"]):
        (outside / name).write_bytes(clips.stamp(data, 1000 + number))
    (unit.video / "ways").mkdir()
    (outside / "a.mp4").rename(unit.video / "ways/renamed.mp4")
    os.link(outside / "b.mp4", unit.video / "ways/linked.mp4")
    (outside / "deep").rename(unit.video / "ways/moved")

    for name in ("renamed.mp4", "linked.mp4", "moved/c.mp4", "moved/er/d.mp4"):
        unit.wait_clip(f"ways/{name}", state="ready")


def test_a_fresh_deep_folder_loses_nothing(unit: RunningUnit, samples: Path) -> None:
    """A file written straight after `mkdir -p` is found, although its close is not seen."""
    data = (samples / "plain.mp4").read_bytes()
    for number in range(60):
        path = unit.video / f"deep/{number}/one/two/three/clip.mp4"
        path.parent.mkdir(parents=True)
        path.write_bytes(clips.stamp(data, 2000 + number))

    wait_for(lambda: len([c for c in unit.clips(camera="deep") if c["state"] == "ready"]) == 60, what="60 clips")


def test_renames_keep_the_clip(unit: RunningUnit, samples: Path) -> None:
    """A renamed file, and every file of a renamed folder, keeps its id, poster and history."""
    data = (samples / "plain.mp4").read_bytes()
    folder = unit.video / "before"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.mp4").write_bytes(clips.stamp(data, 3000 + number))
    ids = {}
    for number in range(5):
        clip = wait_for(
            lambda n=number: (c := unit.clip(f"before/{n}.mp4")) and c["poster_url"] and c, what="a poster"
        )
        ids[number] = clip["id"], clip["poster_url"]
    (folder / "0.mp4").rename(folder / "zero.mp4")
    moved = unit.wait_clip("before/zero.mp4")
    assert (moved["id"], moved["poster_url"]) == ids[0]

    folder.rename(unit.video / "after")
    for number in range(1, 5):
        moved = unit.wait_clip(f"after/{number}.mp4")
        assert (moved["id"], moved["poster_url"], moved["camera"]) == (*ids[number], "after")
    assert unit.clip("before/1.mp4") is None


def test_a_folder_that_is_renamed_there_and_back_keeps_its_clips(unit: RunningUnit, samples: Path) -> None:
    """Its files are as they were when they were read last, and yet their events are not passed over."""
    data = (samples / "plain.mp4").read_bytes()
    here, there = unit.video / "here", unit.video / "there"
    here.mkdir()
    for number in range(5):
        (here / f"{number}.mp4").write_bytes(clips.stamp(data, 3100 + number))
    ids = [unit.wait_clip(f"here/{number}.mp4")["id"] for number in range(5)]
    for old, new in ((here, there), (there, here), (here, there), (there, here)):
        old.rename(new)
        for number in range(5):
            assert unit.wait_clip(f"{new.name}/{number}.mp4", state="ready")["id"] == ids[number]


def test_a_folder_moved_out_and_made_anew_does_not_end_the_watch(unit: RunningUnit, samples: Path) -> None:
    """As when somebody archives a camera's folder by hand: this once ended watchdog's reader, silently."""
    folder, archive = unit.video / "archived", unit.data / "archive"
    for step in (folder.mkdir, lambda: folder.rename(archive), folder.mkdir, folder.rmdir, archive.rmdir):
        step()
        marker = unit.video / f"step-{time.monotonic_ns()}.mp4"
        shutil.copy(samples / "plain.mp4", marker)
        unit.wait_clip(marker.name)  # so that each step was read before the next
    shutil.copy(samples / "plain.mp4", unit.video / "after-all.mp4")
    unit.wait_clip("after-all.mp4")


def test_replaced_content_is_probed_again(unit: RunningUnit, samples: Path) -> None:
    """Another content under the same name keeps the id, and gets a new poster and a higher revision."""
    path = unit.video / "replaced.mp4"
    shutil.copy(samples / "plain.mp4", path)
    first = wait_for(lambda: (c := unit.clip("replaced.mp4")) and c["poster_url"] and c, what="a poster")
    new = unit.data / "new.mp4"
    shutil.copy(samples / "sound.mp4", new)
    new.replace(path)
    second = wait_for(
        lambda: (c := unit.clip("replaced.mp4")) and c["poster_url"] not in {None, first["poster_url"]} and c,
        what="another poster",
    )

    assert second["id"] == first["id"]
    assert second["revision"] > first["revision"]
    assert second["duration_seconds"] != first["duration_seconds"]
    assert second["media"]["audio"]["codec"] == "aac"
    wait_for(lambda: unit.get(first["poster_url"]).status_code == 404, what="the end of the older poster")


def test_a_vanished_clip_is_missing_and_comes_back_as_itself(unit: RunningUnit, samples: Path) -> None:
    """Away it is not listed, its address is 404 at once, and it returns with its id, also under another name."""
    path = unit.video / "away" / "one.mp4"
    path.parent.mkdir()
    shutil.copy(samples / "plain.mp4", path)
    clip = unit.wait_clip("away/one.mp4")
    copy = unit.data / "kept.mp4"
    shutil.copy(path, copy)  # another inode and another time: only the content tells
    path.unlink()
    assert unit.get("/away/one.mp4").status_code == 404
    gone = unit.wait_clip("away/one.mp4", state="missing")
    assert gone["id"] == clip["id"]
    assert unit.clips(camera="away") == []
    assert [c["id"] for c in unit.clips(camera="away", state="missing")] == [gone["id"]]

    shutil.copy(copy, path.with_name("two.mp4"))
    back = unit.wait_clip("away/two.mp4", state="ready")
    assert back["id"] == clip["id"]
    assert "missing_since" not in back


@pytest.mark.slow
def test_a_clip_dropped_while_nobody_watched_is_found_at_start(
    start_unit: Callable[..., RunningUnit], samples: Path
) -> None:
    """The scan at start adopts what came, notes what went, and knows what moved."""
    unit = start_unit()
    for name in ("stays", "goes", "moves"):
        (unit.video / f"{name}.mp4").write_bytes(clips.stamp((samples / "plain.mp4").read_bytes(), len(name)))
    ids = {name: unit.wait_clip(f"{name}.mp4")["id"] for name in ("stays", "goes", "moves")}
    unit.stop()
    (unit.video / "goes.mp4").unlink()
    (unit.video / "moves.mp4").rename(unit.video / "a-new-name.mp4")
    shutil.copy(samples / "faststart.mp4", unit.video / "comes.mp4")
    unit.start()

    unit.wait_clip("comes.mp4", state="ready")
    assert unit.wait_clip("a-new-name.mp4")["id"] == ids["moves"]
    assert unit.wait_clip("goes.mp4", state="missing")["id"] == ids["goes"]
    assert unit.wait_clip("stays.mp4", state="ready")["id"] == ids["stays"]
