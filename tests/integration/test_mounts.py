"""A disk that is full, and one that is unmounted: real small file systems, where this user may mount."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
import requests

from tests import clips
from tests.integration.test_tus import PIECE, begin
from tests.mounting import looped, mounted
from tests.running import RunningUnit, running, wait_for

pytestmark = pytest.mark.slow

FILLS = int(os.environ.get("WATCHER_TEST_FILLS", "2"))  # how often a small disk is run to full


@contextlib.contextmanager
def with_twenty(folder: Path, samples: Path) -> Iterator[RunningUnit]:
    """A unit that knows twenty clips."""
    with running(folder) as unit:
        for number in range(20):
            (unit.video / f"{number}.mp4").write_bytes(clips.stamp((samples / "plain.mp4").read_bytes(), number))
        wait_for(lambda: len(unit.clips()) == 20, what="20 clips")
        yield unit


def test_a_full_disk_delays_and_loses_nothing(tmp_path: Path, samples: Path) -> None:
    """The catalog cannot grow: readyz says so, and when there is room again every clip is adopted."""
    folder = tmp_path / "unit"
    with mounted(folder / "data", "90m"), with_twenty(folder, samples) as unit:
        filler = unit.data / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(100_000))
        for number in range(1000):  # links take no room
            os.link(unit.video / "1.mp4", unit.video / f"link{number}.mp4")
        wait_for(lambda: "disk" in unit.problems(), what="the problem")
        wait_for(lambda: "disk is full" in unit.logged(), what="the log to say so")
        for question in ("/watcher/changes/head", "/watcher/clips?limit=500", "/watcher/cameras"):
            for header in ("no-cache", "max-age=1"):
                assert unit.get(question, headers={"Cache-Control": header}).json(), "answers, shared ones as well"
        filler.unlink()
        wait_for(lambda: len(unit.clips()) == 1020, what="every clip")
        wait_for(lambda: unit.problems() == {}, what="a service without problems")
        assert unit.run("check").returncode == 0


def test_with_little_room_clips_are_indexed_and_pictures_wait(tmp_path: Path, samples: Path) -> None:
    """Also one that a decoder has to look at; when there is room again, pictures are made without being asked for."""
    folder = tmp_path / "unit"
    settings = {"WATCHER_UPLOAD__MIN_FREE_BYTES": str(200 << 20)}
    with mounted(folder / "data", "300m"), running(folder, settings=settings) as unit:
        filler = unit.data / "filler"
        filler.write_bytes(bytes(150 << 20))
        shutil.copy(samples / "plain.mp4", unit.video / "a.mp4")
        with av.open(str(samples / "plain.mp4")) as source, av.open(str(unit.video / "b.mkv"), "w") as out:
            stream = out.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(source.streams.video[0]):
                if packet.dts is not None:
                    packet.stream = stream
                    out.mux(packet)
        for key in ("a.mp4", "b.mkv"):
            assert unit.wait_clip(key, state="ready")["poster_url"] is None
        filler.unlink()
        wait_for(lambda: all(clip["poster_url"] and clip["sprite"] for clip in unit.clips()), what="pictures")


def test_an_unmounted_video_root_marks_nothing_missing(tmp_path: Path, samples: Path) -> None:
    """The empty mount point is not the collection: every clip stays ready, and readyz and the log say what is wrong."""
    folder = tmp_path / "unit"
    with mounted(folder / "data" / "video", "200m"), with_twenty(folder, samples) as unit:
        subprocess.run(["umount", "-l", str(unit.video)], check=True)
        wait_for(lambda: "marker" in unit.problems(), what="the problem")
        unit.wait_logged("is its disk mounted?")
        until = time.monotonic() + 3
        while time.monotonic() < until:
            assert len(unit.clips(state="ready")) == 20
            time.sleep(0.2)
        assert unit.run("scan").returncode == 1
        assert unit.clips(state="missing") == []


def test_an_upload_that_could_fill_the_disk_is_refused_and_leaves_nothing(tmp_path: Path, samples: Path) -> None:
    """In chunks nobody knows the length before: it is asked for, or nginx ends it where more was not promised."""
    folder = tmp_path / "unit"
    with (
        mounted(folder / "data", "200m"),
        running(folder, settings={"WATCHER_UPLOAD__MIN_FREE_BYTES": "0"}) as unit,
    ):
        url = unit.url("/watcher/uploads/a/large.mp4")
        large = requests.put(url, data=(bytes(1 << 20) for _ in range(300)), timeout=60)
        assert (large.status_code, large.json()["code"]) == (411, "length_required")
        unit.stop()
        unit.environment["WATCHER_UPLOAD__CHUNKED_BYTES"] = str(64 << 20)
        unit.start()
        with contextlib.suppress(requests.ConnectionError):  # it may be ended before it reads the answer
            assert requests.put(url, data=(bytes(1 << 20) for _ in range(80)), timeout=60).status_code == 413
        wait_for(lambda: shutil.disk_usage(unit.data).free > 100 << 20, what="an empty spool")
        small = requests.put(
            unit.url("/watcher/uploads/a/small.mp4"), data=(samples / "plain.mp4").read_bytes(), timeout=60
        )
        assert small.status_code == 201, small.text
        assert [clip["key"] for clip in unit.clips()] == ["a/small.mp4"]


def test_clips_on_another_disk_than_the_spool(tmp_path: Path, samples: Path) -> None:
    """By every door of HTTP; both disks keep their floor; what is hidden there is not served."""
    folder, floor = tmp_path / "unit", {"WATCHER_UPLOAD__MIN_FREE_BYTES": str(70 << 20)}
    with mounted(folder / "data" / "video", "120m"), running(folder, settings=floor) as unit:
        data = [clips.stamp((samples / "plain.mp4").read_bytes(), number) for number in range(3)]
        url = unit.url("/watcher/uploads/a/put.mp4")
        assert requests.put(url, data=data[0], timeout=60).status_code == 201
        assert requests.put(url, data=data[0], timeout=60).status_code == 200
        assert requests.put(url, data=data[1], timeout=60).status_code == 409
        form = {"data": {"camera": "a"}, "files": {"file": ("form.mp4", data[1])}}
        assert requests.post(unit.url("/watcher/uploads"), timeout=60, **form).status_code == 201
        assert begin(unit, len(data[2]), PIECE, data[2], camera="a", filename="tus.mp4").status_code == 201
        for number, name in enumerate(("put", "form", "tus")):
            assert unit.get(f"/a/{name}.mp4").content == data[number]
        assert {path.name for path in (unit.video / "a").iterdir()} == {"put.mp4", "form.mp4", "tus.mp4"}
        (unit.video / "a" / ".1234.tmp").write_bytes(data[0])  # as a crash leaves it
        assert unit.get("/a/.1234.tmp").status_code == 404
        with mounted(unit.video / "other", "20m"):
            other = unit.url("/watcher/uploads/other/a.mp4")
            assert requests.put(other, data=data[0], timeout=60).status_code == 201
        large = requests.put(unit.url("/watcher/uploads/a/large.mp4"), data=bytes(60 << 20), timeout=60)
        assert (large.status_code, large.json()["code"]) == (507, "disk_full")
        assert "copied when they are whole" in unit.run("doctor").stdout


def test_a_small_disk_run_to_full_loses_only_what_the_plan_names(tmp_path: Path, samples: Path) -> None:
    """Clips dropped and sent far beyond the disk's size, the unit killed again and again: the newest stay, whole."""
    folder = tmp_path / "unit"
    floor = 100 << 20  # readyz wants 64 MB
    settings = {
        "WATCHER_RETENTION__MIN_FREE_BYTES": str(floor),
        "WATCHER_UPLOAD__MIN_FREE_BYTES": str(16 << 20),
    }
    plain = (samples / "plain.mp4").read_bytes()
    rest = (2 << 20) - len(plain)
    large = plain + rest.to_bytes(4, "big") + b"free" + os.urandom(rest - 8)
    began = time.time() - 2 * 86400
    sent: list[str] = []
    with mounted(folder / "data", "300m"), running(folder, settings=settings) as unit:
        for number in range(FILLS * 100):
            at = time.strftime("%Y%m%d_%H%M%S", time.localtime(began + 10 * number))
            key = f"porch/{at}.mp4"
            if number % 2:
                answer = None
                while answer is None or answer.status_code in {502, 503, 507}:
                    try:
                        answer = requests.put(
                            unit.url(f"/watcher/uploads/{key}"), data=clips.stamp(large, number), timeout=60
                        )
                    except requests.RequestException:
                        unit.wait_ready()
                    time.sleep(0.02)
                assert answer.status_code in {200, 201}, answer.text
            else:
                (unit.video / "porch").mkdir(exist_ok=True)
                while True:  # as a recorder does that finds the disk full: again, a little later
                    try:
                        (unit.video / key).write_bytes(clips.stamp(large, number))
                        break
                    except OSError:
                        (unit.video / key).unlink(missing_ok=True)
                        time.sleep(0.2)
            sent.append(key)
            if number % 40 == 20:
                unit.stop(signal.SIGKILL)
                unit.start()
        wait_for(lambda: shutil.disk_usage(unit.data).free >= floor, seconds=180, what="the floor of free space")
        wait_for(
            lambda: unit.clips(camera="porch")[:1] and unit.clips()[0]["key"] == sent[-1], what="the last clip"
        )

        def settled() -> list[str] | None:
            """What is listed, once each is listed that is there, and each has gone that was to go."""
            left = [clip["key"] for clip in unit.clips()]
            gone = {clip["key"] for clip in unit.clips(state="retired")}
            on_disk = {str(path.relative_to(unit.video)) for path in unit.video.rglob("*.mp4")}
            return left if gone == set(sent) - set(left) and on_disk == set(left) else None

        left = wait_for(settled, seconds=180, what="a catalog equal to the disk")
        assert len(left) >= 50
        assert left == sent[::-1][: len(left)], "the newest, without a gap"
        assert unit.run("check").returncode == 0


def test_what_was_acknowledged_survives_a_power_cut(tmp_path: Path, samples: Path) -> None:
    """Of a real file system only what reached its disk is kept: the disk is copied at the moment of the 201.

    What lies in the kernel's memory and was not synced is lost in the copy, as it would be without power.
    """
    image, folder, settings = tmp_path / "disk.img", tmp_path / "unit", {"WATCHER_UPLOAD__MIN_FREE_BYTES": "0"}
    with image.open("wb") as file:
        file.truncate(192 << 20)
    if shutil.which("mkfs.ext4") is None or os.geteuid() != 0:
        pytest.skip("this needs root and mkfs.ext4")
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    with looped(image, folder / "data"), running(folder, settings=settings) as unit:
        subprocess.run(["sync", "-f", str(unit.data)], check=True)
        data = (samples / "plain.mp4").read_bytes()
        acknowledged = {}
        for number in range(12):
            body = clips.stamp(data, number)
            answer = requests.put(unit.url(f"/watcher/uploads/power/{number}.mp4"), data=body, timeout=30)
            assert answer.status_code == 201
            acknowledged[f"power/{number}.mp4"] = body
            if number in {3, 11}:
                shutil.copyfile(image, tmp_path / f"cut{number}.img")  # the power goes, now
    for number in (3, 11):
        again = tmp_path / f"again{number}"
        with looped(tmp_path / f"cut{number}.img", again / "data"), running(again) as unit:
            expected = {key: body for key, body in acknowledged.items() if int(key[6:-4]) <= number}
            assert {key: (unit.video / key).read_bytes() for key in expected} == expected
            wait_for(
                lambda expected=expected, unit=unit: {c["key"] for c in unit.clips()} >= set(expected),
                what="its clips",
            )
            assert all(unit.get(f"/{key}").content == body for key, body in expected.items())
            assert unit.run("check").returncode == 0
