"""Films of a time: what is in them is what the clips hold, picture by picture, and the manifest tells no lies."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
import requests

from tests import clips
from tests.mounting import mounted
from tests.running import EXPORT, PROXY, RunningUnit, alive, parent_of, running, wait_for

NOON = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
LARGE = 2 << 30  # bytes of holes behind a clip: reading them twice takes longer than a test needs to interfere


def put(unit: RunningUnit, key: str, source: Path, at: datetime) -> dict[str, Any]:
    """A clip that began at a moment."""
    path = unit.video / key
    path.parent.mkdir(parents=True, exist_ok=True)
    os.replace(source, path)
    clip = unit.wait_clip(key, state="ready")
    answer = requests.patch(unit.url(clip["links"]["self"]), json={"started_at": at.isoformat()}, timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.json()


def leave(unit: RunningUnit, key: str, at: datetime, number: int = 0, seconds: float = 4) -> dict[str, Any]:
    return put(unit, key, clips.make(unit.folder / "one.mp4", seconds=seconds, number=number), at)


def ask(unit: RunningUnit, cameras: list[str], begin: datetime, end: datetime, **more: str) -> requests.Response:
    body = {"cameras": cameras, "from": begin.isoformat(), "to": end.isoformat(), **more}
    return requests.post(unit.url("/watcher/exports"), json=body, timeout=10)


def wait_export(unit: RunningUnit, answer: requests.Response) -> dict[str, Any]:
    """The export, once it is made."""
    assert answer.status_code == 202, answer.text
    address = answer.json()["links"]["self"]
    assert answer.headers["Location"] == address

    def done() -> dict[str, Any] | None:
        export = unit.get(address).json()
        return export if export["state"] in {"ready", "failed"} else None

    return wait_for(done, what="the export")


def fetched(unit: RunningUnit, export: dict[str, Any], tmp_path: Path) -> list[Path]:
    """Its films, which are what it says of them."""
    paths = []
    for file in export["files"]:
        answer = unit.get(file["url"])
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "video/mp4")
        assert "attachment" in answer.headers["Content-Disposition"]
        assert len(answer.content) == file["size_bytes"]
        assert hashlib.sha256(answer.content).hexdigest() == file["sha256"]
        paths.append(tmp_path / f"{len(paths)}.mp4")
        paths[-1].write_bytes(answer.content)
    return paths


def manifest(unit: RunningUnit, export: dict[str, Any]) -> dict[str, Any]:
    return unit.get(export["manifest_url"]).json()


def pictures(path: Path) -> list[str]:
    """A hash of each picture that a player shows, by ffmpeg."""
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-i",
        str(path),
        "-map",
        "0:v",
        "-fps_mode",
        "passthrough",
        "-f",
        "framemd5",
        "-",
    ]
    output = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    return [line.rpartition(",")[2].strip() for line in output.splitlines() if not line.startswith("#")]


def chapters(path: Path) -> list[dict[str, Any]]:
    command = ["ffprobe", "-v", "error", "-show_chapters", "-of", "json", str(path)]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["chapters"]


def test_the_clips_of_a_time_become_one_film(unit: RunningUnit, tmp_path: Path) -> None:
    """Every picture from the key frame before the beginning to the end; the gap is told, and each clip's hash."""
    times = (0, 4, 20)
    some = [leave(unit, f"whole/{n}.mp4", NOON + timedelta(seconds=at), n) for n, at in enumerate(times)]
    other = leave(unit, "other/a.mp4", NOON + timedelta(seconds=1), 4)
    answer = ask(unit, ["whole", "other"], NOON + timedelta(seconds=2.5), NOON + timedelta(seconds=22))
    assert answer.json()["clips"] == 4
    export = wait_export(unit, answer)
    assert export["state"] == "ready"
    assert export["progress"] == 1
    assert [file["camera"] for file in export["files"]] == ["whole", "other"]
    film, second = fetched(unit, export, tmp_path)
    sources = [pictures(unit.video / clip["key"]) for clip in some]
    shown = pictures(film)
    expected = [*sources[0][30:], *sources[1], *sources[2][:30]]  # 15 pictures a second, a key frame each second
    assert shown[: len(expected)] == expected
    assert len(shown) <= len(expected) + 1  # one that a picture before the end was made from
    assert pictures(second)[:45] == pictures(unit.video / other["key"])[15:]
    with av.open(str(film)) as container:
        times_of = [frame.time for frame in container.decode(video=0)]
        assert container.metadata["title"] == "whole"
        assert container.metadata["creation_time"] == "2026-11-20T12:00:02.000000Z"
    assert all(0.06 < after - before < 0.08 for before, after in pairwise(times_of))

    document = manifest(unit, export)
    whole = document["cameras"][0]
    pieces = whole["files"][0]["pieces"]
    assert [(piece["clip_id"], piece["offset_seconds"]) for piece in pieces] == list(
        zip((clip["id"] for clip in some), (0, 2, 6), strict=True)
    )
    for piece in pieces:
        data = (unit.video / piece["key"]).read_bytes()
        assert piece["sha256"] == hashlib.sha256(data).hexdigest()
    assert whole["gaps"] == [{"from": "2026-11-20T12:00:08.000Z", "to": "2026-11-20T12:00:20.000Z"}]
    assert whole["left_out"] == []
    marks = [
        (float(chapter["start_time"]), datetime.fromisoformat(chapter["tags"]["title"]))
        for chapter in chapters(film)
    ]
    assert marks == [(at, NOON + timedelta(seconds=clock)) for at, clock in ((0, 2), (2, 4), (6, 20))]
    assert export["links"]["self"] in [
        entry["links"]["self"] for entry in unit.get("/watcher/exports").json()["exports"]
    ]
    assert requests.delete(unit.url(export["links"]["self"]), timeout=10).status_code == 204
    assert unit.get(export["files"][0]["url"]).status_code == 404
    assert unit.get(export["links"]["self"]).json()["code"] == "export_not_found"
    assert [(unit.video / clip["key"]).exists() for clip in some] == [True] * 3


@pytest.mark.slow
def test_it_can_begin_exactly(unit: RunningUnit, tmp_path: Path) -> None:
    """Players show nothing before the moment, though the film holds what its first picture is made from."""
    clip = leave(unit, "exact/a.mp4", NOON, 7)
    begin, end = NOON + timedelta(seconds=1.4), NOON + timedelta(seconds=3)
    export = wait_export(unit, ask(unit, ["exact"], begin, end, cut="exact"))
    (film,) = fetched(unit, export, tmp_path)
    shown = pictures(film)
    assert shown[:24] == pictures(unit.video / clip["key"])[21:45]
    assert len(shown) <= 25
    assert export["files"][0]["started_at"] == "2026-11-20T12:00:01.400Z"
    with av.open(str(film)) as container:
        assert next(container.decode(video=0)).time == pytest.approx(0, abs=0.001)


@pytest.mark.slow
def test_another_coding_begins_another_film(unit: RunningUnit, tmp_path: Path) -> None:
    """Nothing is encoded anew but sound that no MP4 can hold; turned pictures stay turned."""
    coded: list[dict[str, Any]] = [
        {},
        {"video": "libx265", "tag": "hvc1"},
        {"audio": "pcm_mulaw", "container": "mov"},
        {"audio": "aac"},
        {"video": "mjpeg"},
        {"audio": "aac", "container": "matroska"},
        {"video": None, "audio": "aac"},
    ]
    names = ["a.mp4", "b.mp4", "c.mov", "d.mp4", "e.mp4", "f.mkv", "g.mp4"]
    for number, (name, how) in enumerate(zip(names, coded, strict=True)):
        source = clips.make_coded(unit.folder / name, seconds=2, **how)
        put(unit, f"mixed/{name}", source, NOON + timedelta(seconds=2 * number))
    export = wait_export(unit, ask(unit, ["mixed"], NOON, NOON + timedelta(seconds=60)))
    films = fetched(unit, export, tmp_path)
    kinds = []
    for film in films:
        with av.open(str(film)) as container:
            kinds.append(
                [stream.codec_context.name for stream in container.streams if stream.type in {"video", "audio"}]
            )
    assert [kind for kind in kinds if kind != ["h264", "aac"]] == [["h264"], ["hevc"], ["mjpeg"], ["aac"]]
    assert sum(kind == ["h264", "aac"] for kind in kinds) >= 2
    pieces = [piece["key"] for file in manifest(unit, export)["cameras"][0]["files"] for piece in file["pieces"]]
    assert pieces == [f"mixed/{name}" for name in names]
    for film, name in zip(films, names, strict=False):
        if name in {"a.mp4", "b.mp4", "c.mov"}:
            assert pictures(film) == pictures(unit.video / "mixed" / name)


@pytest.mark.slow
def test_a_turned_picture_stays_turned(unit: RunningUnit, tmp_path: Path) -> None:
    """What a phone says of how it was held goes into the film."""
    data = clips.make(unit.folder / "phone.mp4", seconds=2, number=5).read_bytes()
    upright = bytes.fromhex("00010000 00000000 00000000 00000000 00010000 00000000 00000000 00000000 40000000")
    turned = bytes.fromhex("00000000 00010000 00000000 ffff0000 00000000 00000000 00000000 00000000 40000000")
    head, tail = data.split(b"tkhd", 1)
    source = unit.folder / "turned.mp4"
    source.write_bytes(head + b"tkhd" + tail.replace(upright, turned, 1))
    put(unit, "turned/a.mp4", source, NOON)
    export = wait_export(unit, ask(unit, ["turned"], NOON, NOON + timedelta(seconds=9)))
    (film,) = fetched(unit, export, tmp_path)
    with av.open(str(film)) as container, av.open(str(unit.video / "turned/a.mp4")) as original:
        assert next(container.decode(video=0)).rotation == next(original.decode(video=0)).rotation != 0


@pytest.mark.slow
def test_the_night_in_which_the_clocks_go_back(start_unit: Callable[..., RunningUnit], tmp_path: Path) -> None:
    """02:59:58 comes twice; the chapters tell them apart."""
    unit = start_unit(settings={"WATCHER_SITE__TIMEZONE": "Europe/Berlin"})
    night = datetime(2026, 10, 25, 0, 59, 58, tzinfo=UTC)
    for number in range(2):
        leave(unit, f"night/{number}.mp4", night + timedelta(hours=number), number)
    export = wait_export(unit, ask(unit, ["night"], night, night + timedelta(hours=2)))
    (film,) = fetched(unit, export, tmp_path)
    assert [chapter["tags"]["title"] for chapter in chapters(film)] == [
        "2026-10-25 02:59:58+02:00",
        "2026-10-25 03:00:00+02:00",  # the clip's clock: it was set back while it ran
        "2026-10-25 02:59:58+01:00",
        "2026-10-25 03:00:00+01:00",
    ]
    assert manifest(unit, export)["cameras"][0]["gaps"][0]["from"] == "2026-10-25T01:00:02.000Z"


@pytest.mark.slow
def test_what_cannot_be_read_is_left_out(unit: RunningUnit, tmp_path: Path) -> None:
    """One that lost its index, one that is gone: said in the manifest, and the others are there."""
    some = [leave(unit, f"torn/{n}.mp4", NOON + timedelta(seconds=4 * n), n) for n in range(3)]
    torn = unit.video / some[1]["key"]
    look, data = torn.stat(), bytearray(torn.read_bytes())
    at = data.index(b"moov")
    data[at + 4 : at + 200] = bytes(196)
    with torn.open("r+b") as file:  # the same file, of the same size and time: nobody notices
        file.write(data)
    os.utime(torn, ns=(look.st_atime_ns, look.st_mtime_ns))
    export = wait_export(unit, ask(unit, ["torn"], NOON, NOON + timedelta(seconds=60)))
    assert export["state"] == "ready"
    (film,) = fetched(unit, export, tmp_path)
    assert pictures(film) == pictures(unit.video / some[0]["key"]) + pictures(unit.video / some[2]["key"])
    document = manifest(unit, export)["cameras"][0]
    assert [out["clip_id"] for out in document["left_out"]] == [some[1]["id"]]
    assert document["left_out"][0]["reason"]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"from": "2026-11-20T13:00:00Z"}, 400, "bad_parameter"),
        ({"from": "2026-11-20T11:00:00"}, 400, "bad_parameter"),
        ({"cameras": []}, 400, "bad_parameter"),
        ({"cameras": ["nobody"]}, 404, "clip_not_found"),
        ({"cut": "sharp"}, 400, "bad_parameter"),
        ({"more": 1}, 400, "bad_parameter"),
        ({"cameras": "whole"}, 400, "bad_parameter"),
    ],
)
def test_what_makes_no_sense_is_refused(unit: RunningUnit, change: dict, status: int, code: str) -> None:
    """In a sentence, and nothing is made."""
    leave(unit, "refused/a.mp4", NOON, 3, seconds=1)
    before = unit.get("/watcher/exports").json()
    body = {"cameras": ["refused"], "from": "2026-11-20T11:00:00Z", "to": "2026-11-20T12:30:00Z", **change}
    answer = requests.post(unit.url("/watcher/exports"), json=body, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert unit.get("/watcher/exports").json() == before
    assert unit.get("/watcher/exports/99999999999999999999").status_code == 404


@pytest.mark.slow
def test_no_more_than_the_settings_allow(start_unit: Callable[..., RunningUnit], tmp_path: Path) -> None:
    """Of one export, and of all together; those that are too old go by themselves, also with what a crash left."""
    source = clips.make(tmp_path / "a.mp4", seconds=2)
    size = source.stat().st_size
    unit = start_unit(settings={"WATCHER_EXPORT__MAX_BYTES": str(size * 5 // 2)})
    for number in range(3):
        leave(unit, f"yard/{number}.mp4", NOON + timedelta(seconds=2 * number), 0, seconds=2)
    whole = ask(unit, ["yard"], NOON, NOON + timedelta(seconds=6))
    assert (whole.status_code, whole.json()["code"]) == (413, "too_large")
    export = wait_export(unit, ask(unit, ["yard"], NOON, NOON + timedelta(seconds=2)))
    again = ask(unit, ["yard"], NOON, NOON + timedelta(seconds=4))
    assert (again.status_code, again.json()["code"]) == (429, "too_many")
    folder = unit.data / "renditions" / "exports"
    (folder / "77").mkdir()
    unit.stop()
    unit.environment["WATCHER_EXPORT__KEEP_DAYS"] = "0.00001"
    unit.start()
    wait_for(lambda: not list(folder.iterdir()), what="an empty folder")
    assert unit.get(export["links"]["self"]).status_code == 404


def large(unit: RunningUnit, key: str, at: datetime) -> dict[str, Any]:
    """A clip with so large a hole at its end that reading it takes seconds."""
    path = clips.make(unit.folder / "large.mp4", seconds=2)
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        file.write(b"\0\0\0\1free" + (LARGE).to_bytes(8, "big"))
        file.truncate(end + LARGE)
    return put(unit, key, path, at)


def decoders(unit: RunningUnit) -> list[int]:
    """The processes behind the wall that look into an export's clips: the children of those that open them."""
    family = {pid: command for pid, command in unit.family().items() if EXPORT in command}
    return [pid for pid in family if parent_of(pid) in family]


def reads(pid: int, path: Path) -> bool:
    """Whether a process has begun with a file: those of all clips are open from the start."""
    with contextlib.suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            if os.readlink(descriptor) == str(path):
                position = Path(f"/proc/{pid}/fdinfo/{descriptor.name}").read_text(encoding="ascii").split()[1]
                return int(position) > 0
    return False


def working(unit: RunningUnit, key: str) -> int:
    """The process that makes an export; it was reading a clip, and goes no further."""

    def stopped() -> int | None:
        for pid in decoders(unit):
            if reads(pid, unit.video / key):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
                    return pid
        return None

    return wait_for(stopped, what="a worker at work")


def kill(pid: int) -> None:
    """Kill a process, and see it gone: while it ends it still has its files, and could be taken for the next one."""
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not alive(pid), what="its end")


def test_more_clips_than_can_be_open_is_told_and_lacks_none(tmp_path: Path) -> None:
    """A film without those that could not be opened would be worse than none."""
    job = {"folder": str(tmp_path), "stem": "film", "most_bytes": 1 << 20, "clips": []}
    for number in range(100):
        (tmp_path / f"{number}.mp4").touch()
        job["clips"].append({"path": str(tmp_path / f"{number}.mp4")})
    command = ["prlimit", "--nofile=64:64", sys.executable, "-P", "-m", EXPORT]
    output = subprocess.run(command, input=json.dumps(job).encode(), capture_output=True, check=True).stdout
    assert json.loads(output.splitlines()[-1])["error"] == "it needs 100 open files; this system allows 64"
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.slow
@pytest.mark.parametrize("module", [EXPORT, PROXY])
def test_a_disk_without_room_is_no_fault_of_the_clip(tmp_path: Path, module: str) -> None:
    """The worker says so while what it has written still takes the room, which is free again when somebody looks."""
    folder = tmp_path / "disk"
    with mounted(folder, "20m"):
        noise = folder / "noise.mp4"
        command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=1280x720:r=10,noise=alls=100:allf=t"]
        subprocess.run([*command, "-t", "2", "-c:v", "mjpeg", "-q:v", "1", str(noise)], check=True)
        size = noise.stat().st_size
        assert 10 << 20 < size < 19 << 20
        job = {"path": str(noise), "container": "mp4", "most_bytes": 2 * size}
        if module == PROXY:
            job |= {"do": "make", "out": str(folder / "copy.mp4"), "copy_video": True, "copy_audio": True}
            job |= {"threads": 1, "rotation": 0, "height": 720}
        else:
            clip = {"id": 1, "key": "gate/a.mp4", "size_bytes": size, "started_ms": 0, "ended_ms": 2000}
            job |= {"folder": str(folder), "stem": "film", "camera": "gate", "from_ms": 0, "to_ms": 2000}
            job |= {"cut": False, "clips": [job | clip | {"utc_offset": 0}]}
        command = [sys.executable, "-P", "-m", module]
        output = subprocess.run(command, input=json.dumps(job).encode(), capture_output=True, check=True).stdout
        assert json.loads(output.splitlines()[-1]).get("ours") is True, output
        assert [path.name for path in folder.iterdir()] == ["noise.mp4"]


@pytest.mark.slow
def test_it_is_made_whatever_is_killed_and_given_up_at_once(start_unit: Callable[..., RunningUnit]) -> None:
    """The worker, the ingester; retention leaves the clips alone meanwhile; what is given up leaves nothing behind."""
    unit = start_unit(settings={"WATCHER_RENDER__WORKERS": "0"})
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    clip = large(unit, "gate/a.mp4", begin)
    answer = ask(unit, ["gate"], begin, begin + timedelta(seconds=9))
    address = answer.json()["links"]["self"]
    folder = unit.data / "renditions" / "exports" / str(answer.json()["id"])
    os.kill(working(unit, clip["key"]), signal.SIGKILL)
    working(unit, clip["key"])
    unit.stop()
    unit.environment["WATCHER_RETENTION__MAX_BYTES"] = str(LARGE // 2)
    unit.spawn()
    working(unit, clip["key"])  # looked for at once: the whole may take longer to be ready than this worker to end
    unit.wait_ready()
    assert unit.get("/watcher/retention/plan").json()["clips"] == []
    os.kill(unit.ingester(), signal.SIGKILL)
    export = wait_export(unit, answer)
    assert export["state"] == "ready"
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".mp4"]
    assert manifest(unit, export)["cameras"][0]["left_out"] == []
    assert unit.run("sweep").returncode == 0
    assert unit.clip(clip["key"]) is None  # it may go now

    unit.stop()
    unit.environment.pop("WATCHER_RETENTION__MAX_BYTES")
    unit.start()
    large(unit, "gate/b.mp4", begin)
    answer = ask(unit, ["gate"], begin, begin + timedelta(seconds=9))
    address = answer.json()["links"]["self"]
    worker = working(unit, "gate/b.mp4")
    assert requests.delete(unit.url(address), timeout=10).status_code == 204
    wait_for(lambda: worker not in unit.family(), what="the end of the worker")
    gone = unit.data / "renditions" / "exports" / str(answer.json()["id"])
    wait_for(lambda: not gone.exists(), what="the end of its folder")
    assert (unit.video / "gate/b.mp4").exists()


@pytest.mark.slow
def test_a_clip_that_harms_the_worker_costs_no_other(
    start_unit: Callable[..., RunningUnit], tmp_path: Path
) -> None:
    """One that it does not come to the end of, twice, is left out."""
    unit = start_unit(settings={"WATCHER_RENDER__WORKERS": "0"})
    begin = NOON
    first = leave(unit, "gate/a.mp4", begin)
    bad = large(unit, "gate/b.mp4", begin + timedelta(seconds=10))
    answer = ask(unit, ["gate"], begin, begin + timedelta(seconds=20))
    for _ in range(2):
        kill(working(unit, bad["key"]))
    export = wait_export(unit, answer)
    (film,) = fetched(unit, export, tmp_path)
    assert pictures(film) == pictures(unit.video / first["key"])
    assert [out["clip_id"] for out in manifest(unit, export)["cameras"][0]["left_out"]] == [bad["id"]]


@pytest.mark.slow
def test_a_worker_that_was_told_to_end_costs_no_clip(start_unit: Callable[..., RunningUnit]) -> None:
    """A stop goes to the whole group: beside one crash it is not the second."""
    unit = start_unit(settings={"WATCHER_RENDER__WORKERS": "0"})
    clip = large(unit, "gate/a.mp4", NOON)
    answer = ask(unit, ["gate"], NOON, NOON + timedelta(seconds=9))
    kill(working(unit, clip["key"]))
    worker = working(unit, clip["key"])
    os.kill(worker, signal.SIGTERM)
    os.kill(worker, signal.SIGCONT)
    export = wait_export(unit, answer)
    assert export["state"] == "ready"
    assert manifest(unit, export)["cameras"][0]["left_out"] == []


@pytest.mark.slow
def test_a_disk_that_fills_meanwhile_costs_no_clip(tmp_path: Path) -> None:
    """It waits, leaves nothing that takes room, and is made whole when there is room again."""
    settings = {"WATCHER_UPLOAD__MIN_FREE_BYTES": str(16 << 20), "WATCHER_RENDER__WORKERS": "0"}
    with mounted(tmp_path / "unit" / "data", "300m"), running(tmp_path / "unit", settings=settings) as unit:
        noise = tmp_path / "noise.mp4"
        command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=1280x720:r=10,noise=alls=100:allf=t"]
        subprocess.run([*command, "-t", "8", "-c:v", "mjpeg", "-q:v", "1", str(noise)], check=True)
        assert noise.stat().st_size > 40 << 20
        began = put(unit, "gate/a.mp4", clips.make(unit.data / "a.mp4", seconds=4), NOON)
        shutil.move(noise, unit.data / "noise.mp4")
        noisy = put(unit, "gate/b.mp4", unit.data / "noise.mp4", NOON + timedelta(seconds=10))
        answer = ask(unit, ["gate"], NOON, NOON + timedelta(seconds=30))
        worker = wait_for(lambda: next(iter(decoders(unit)), None), what="a worker")
        os.kill(worker, signal.SIGSTOP)
        with (unit.data / "filler").open("wb", buffering=0) as file:
            while shutil.disk_usage(unit.data).free > 32 << 20:
                file.write(bytes(1 << 20))
        os.kill(worker, signal.SIGCONT)
        wait_for(lambda: worker not in unit.family(), what="the end of the worker")
        folder = unit.data / "renditions" / "exports" / str(answer.json()["id"])
        wait_for(lambda: not folder.exists(), seconds=180, what="its folder to go")
        assert unit.get(answer.json()["links"]["self"]).json()["state"] in {"waiting", "working"}
        (unit.data / "filler").unlink()
        export = wait_export(unit, answer)
        assert export["state"] == "ready"
        assert manifest(unit, export)["cameras"][0]["left_out"] == []
        shown = [picture for film in fetched(unit, export, tmp_path) for picture in pictures(film)]
        assert shown == [*pictures(unit.video / began["key"]), *pictures(unit.video / noisy["key"])]


@pytest.mark.slow
def test_a_link_works_without_a_key_until_it_expires(start_unit: Callable[..., RunningUnit]) -> None:
    """And for nobody who changes it; who sees only some cameras asks for those, and sees no other exports."""
    unit = start_unit(settings={"WATCHER_AUTH__MODE": "keys"})
    keys = {}
    for name, role, more in (
        ("all", "admin", []),
        ("viewer", "view", []),
        ("gate", "view", ["--camera", "gate"]),
    ):
        keys[name] = unit.run("key", "create", name, "--role", role, *more).stdout.split()[-1]

    def call(name: str, method: str, path: str, **more: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {keys[name]}"}
        return requests.request(method, unit.url(path), headers=headers, timeout=10, **more)

    for camera in ("gate", "yard"):
        (unit.video / camera).mkdir()
        clips.make(unit.folder / "k.mp4", seconds=1).replace(unit.video / camera / "k.mp4")

    def there() -> list[dict[str, Any]] | None:
        clips = call("all", "GET", "/watcher/clips?state=ready").json()["clips"]
        return clips if len(clips) == 2 else None

    starts = [datetime.fromisoformat(clip["started_at"]) for clip in wait_for(there, what="both clips")]
    times = {
        "from": (min(starts) - timedelta(minutes=1)).isoformat(),
        "to": (max(starts) + timedelta(minutes=1)).isoformat(),
    }

    def export(name: str, *cameras: str) -> dict[str, Any]:
        answer = call(name, "POST", "/watcher/exports", json={"cameras": cameras, **times})
        assert answer.status_code == 202, answer.text
        address = answer.json()["links"]["self"]
        return wait_for(
            lambda: (export := call(name, "GET", address).json())["state"] == "ready" and export, what="it"
        )

    both, mine = export("viewer", "gate", "yard"), export("gate", "gate", "yard")
    assert mine["cameras"] == ["gate"]
    assert call("gate", "POST", "/watcher/exports", json={"cameras": ["yard"], **times}).status_code == 404
    assert [export["id"] for export in call("gate", "GET", "/watcher/exports").json()["exports"]] == [mine["id"]]
    assert call("gate", "GET", both["links"]["self"]).status_code == 404
    assert call("gate", "DELETE", both["links"]["self"]).status_code == 404
    assert call("viewer", "DELETE", mine["links"]["self"]).status_code == 403
    link = both["files"][0]["url"]
    bare = link.partition("?")[0]
    assert unit.get(link).content[4:8] == b"ftyp"
    assert unit.get(both["manifest_url"]).status_code == 200
    assert unit.get(bare).status_code == 401
    assert unit.get(link.replace("expires=", "expires=1")).status_code == 401
    assert unit.get(f"{mine['files'][0]['url'].partition('?')[0]}?{link.partition('?')[2]}").status_code == 401
    assert call("viewer", "GET", bare).status_code == 200
    assert call("gate", "GET", bare).status_code == 403
    assert call("all", "DELETE", both["links"]["self"]).status_code == 204
    assert unit.get(link).status_code == 404
    log = unit.logged()
    assert "sig=" not in log
