"""Culprits of every kind among good clips, by every road: each costs itself, is named, and no process ends."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import requests

from tests import clips, postgres
from tests.running import RunningUnit, running, wait_for
from tests.unit.test_hostile import grown, table
from watcher.media.walk import make

pytestmark = pytest.mark.slow

YEARS = {"1": -62135596800, "1601": -11644473600, "1677": -9223372037, "2263": 9246182400, "2400": 13569465600}


def impossible(data: bytes) -> bytes:
    """Two seconds that claim to be 136 years."""
    changed = bytearray(data)
    struct.pack_into(">I", changed, data.index(b"mdhd") + 16, 1)
    struct.pack_into(">II", changed, data.index(b"stts") + 12, 0xFFFFFFFF, 0xFFFFFFFF)
    return bytes(changed)


def nested(data: bytes) -> bytes:
    """A sample entry with 990 boxes within each other."""
    at = data.rindex(b"mp4a") - 4
    size = struct.unpack_from(">I", data, at)[0]
    nest = b"".join(struct.pack(">I4s", 8 * (990 - depth), b"wave") for depth in range(990))
    entry = struct.pack(">I", size + len(nest)) + data[at + 4 : at + 36] + nest + data[at + 36 : at + size]
    return grown(data, (b"stsd", b"stbl", b"minf", b"mdia", b"trak", b"moov"), at, size, entry)


def garbled(data: bytes) -> bytes:
    """Pictures that no decoder understands."""
    start, length = next((at, size) for kind, at, size in clips.boxes(data) if kind == b"mdat")
    return data[: start + 8] + clips.noise(length - 8) + data[start + length :]


def contents(samples: Path) -> Iterator[tuple[str, bytes, str | None]]:
    """Name, bytes, and what is said of them; None where it is a clip like others."""
    plain, sound = ((samples / f"{name}.mp4").read_bytes() for name in ("plain", "sound"))
    runs = struct.pack(">II", 1, 1000) * 1_000_000
    stts = make(b"stts", bytes(4), struct.pack(">I", 1_000_000), runs)
    yield "index of runs", table(plain, b"stts", stts), None
    yield "index of fragments", plain + make(b"moof", make(b"traf")) * 700_000, "takes more than"
    yield "nested", nested(sound), ""
    yield "codec without a name", plain.replace(b"avc1", b"av\0c"), "no decoder"
    yield "codec without a decoder", plain.replace(b"avc1", b"braw"), "no decoder"
    yield "impossible length", impossible(plain), None
    yield "garbled", garbled(plain), ""
    yield "cut", plain[: len(plain) * 2 // 3], "cut off"
    yield "empty", b"", "empty file"
    yield "encrypted", plain.replace(b"avc1", b"encv"), "encrypted"
    yield "trailer", plain + clips.noise(5000), None


class Culprits:
    """What is left in a folder, a good clip beside each."""

    def __init__(self, folder: Path, samples: Path, *, number: int) -> None:
        self.folder = folder
        self.good: list[str] = []
        self.verdicts: dict[str, str] = {}  # what is said of which file
        self.ignored: dict[str, str] = {}
        self._good, self._number = (samples / "plain.mp4").read_bytes(), number * 1000
        self._samples = samples

    def _beside(self) -> None:
        self.good.append(f"good {len(self.good):02}.mp4")
        self._number += 1
        (self.folder / self.good[-1]).write_bytes(clips.stamp(self._good, self._number))

    def leave(self, stack: ExitStack) -> None:
        """All kinds that a folder can hold."""
        self.folder.mkdir()
        for name, data, verdict in contents(self._samples):
            (self.folder / f"{name}.mp4").write_bytes(data)
            if verdict is not None:
                self.verdicts[f"{name}.mp4"] = verdict
            self._beside()
        for year, seconds in YEARS.items():
            path = self.folder / f"year {year}.mp4"
            self._number += 1
            path.write_bytes(clips.stamp(self._good, self._number))
            os.utime(path, (seconds, seconds))
            self._beside()
        Path(os.fsdecode(os.fsencode(self.folder) + b"/raw \xff.mp4")).write_bytes(self._good)
        os.mkfifo(self.folder / "pipe.mp4")
        with socket.socket(socket.AF_UNIX) as door:
            door.bind(f"/proc/self/fd/{stack.enter_context(open_folder(self.folder))}/socket.mp4")
        (self.folder / "dangling.mp4").symlink_to("nowhere.mp4")
        (self.folder / "loop.mp4").symlink_to("loop.mp4")
        self.ignored |= {"raw ": "not UTF-8", "pipe.mp4": "not a regular file", "socket.mp4": "not a regular file"}
        self.ignored |= {"dangling.mp4": "symbolic link", "loop.mp4": "symbolic link"}
        (self.folder / "folder.mp4").mkdir()
        with (self.folder / "sparse.mp4").open("wb") as file:
            file.truncate(1 << 40)
        self.verdicts["sparse.mp4"] = "filled with zeros"
        closed = self.folder / "closed.mp4"
        closed.write_bytes(clips.stamp(self._good, self._number + 1))
        closed.chmod(0)
        self._beside()
        stack.enter_context(growing(self.folder / "growing.mp4", self._good))
        self._beside()


@contextmanager
def open_folder(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def growing(path: Path, data: bytes) -> Iterator[None]:
    """A file that somebody writes to all the time."""
    over = threading.Event()

    file = path.open("wb", buffering=0)
    file.write(data[: len(data) // 2])

    def write() -> None:
        while not over.wait(0.2):
            file.write(b"more")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        over.set()
        writer.join()
        file.close()


def judge(unit: RunningUnit, culprits: Culprits) -> None:
    """Each good clip is listed with its poster, and each culprit is named wherever people look."""
    camera = culprits.folder.name

    def named(name: str, text: str) -> list[str]:
        return [line for line in text.splitlines() if f"{camera}/{name}" in line]

    def settled() -> dict[str, Any] | None:
        time.sleep(0.3)  # these are long answers
        by_name = {clip["key"].partition("/")[2]: clip for clip in unit.clips(camera=camera)}
        status = unescape(unit.get("/watcher/status").text)
        shown = all(by_name.get(name, {}).get("poster_url") for name in culprits.good)
        return (
            by_name
            if shown and all(name in by_name and named(name, status) for name in culprits.verdicts)
            else None
        )

    verdicts = wait_for(settled, what="a verdict on each")
    assert unit.get("/watcher/readyz").status_code == 200, unit.problems()
    check = unit.run("check", "--ignored").stdout
    status = unescape(unit.get("/watcher/status").text)
    for name, why in culprits.verdicts.items():
        for where, text in {"Status": status, "check": check, "log": unit.logged()}.items():
            assert any(why in line for line in named(name, text)), (name, why, where, named(name, text))
    for name, why in culprits.ignored.items():
        assert any(name in line and why in line for line in check.splitlines()), (name, check)
    for year in YEARS:
        if culprits.folder.joinpath(f"year {year}.mp4").exists():
            assert verdicts[f"year {year}.mp4"]["state"] == "ready"
    assert "Traceback" not in unit.logged()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder whose file system holds any time, if there is one."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    folder = Path(tempfile.mkdtemp(dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_culprits_cost_themselves(
    place: Path, small_machine: tuple[str, ...], request: pytest.FixtureRequest, samples: Path, engine: str
) -> None:
    """At start, dropped, moved in, and sent: neighbours get their pictures, and the processes are the same.

    With SQLite on a machine of one core and one gigabyte.
    """
    settings = {"WATCHER_RENDER__SPRITES": "false"}
    if engine == "postgresql":
        settings["WATCHER_CATALOG__URL"] = postgres.fresh(request.getfixturevalue("postgresql"))
    video = place / "unit" / "data" / "video"
    video.mkdir(parents=True)
    with ExitStack() as stack:
        early = Culprits(video / "start", samples, number=1)
        early.leave(stack)
        within = small_machine if engine == "sqlite" else ()
        unit = stack.enter_context(running(place / "unit", settings=settings, within=within))
        processes = unit.named()
        judge(unit, early)
        for number, road in enumerate(("dropped", "moved"), 2):
            folder = video / road if road == "dropped" else place / "unit" / road
            culprits = Culprits(folder, samples, number=number)
            culprits.leave(stack)
            if road == "moved":
                culprits.folder = folder.rename(video / road)
            judge(unit, culprits)
        sent = Culprits(video / "sent", samples, number=9)
        answers = {}
        for name, data, _ in contents(samples):
            answers[name] = requests.put(unit.url(f"/watcher/uploads/sent/{name}.mp4"), data=data, timeout=60)
        for name in ("raw %FF.mp4", "nul %00.mp4", "a" * 300 + ".mp4", "%2e%2e%2fup.mp4", "line%0abreak.mp4"):
            data = clips.stamp((samples / "plain.mp4").read_bytes(), len(answers) + 500)
            answers[name] = requests.put(unit.url(f"/watcher/uploads/sent/{name}"), data=data, timeout=60)
        statuses = {name: answer.status_code for name, answer in answers.items()}
        assert all(200 <= status < 500 for status in statuses.values()), statuses
        assert statuses["impossible length"] == 201
        sent._beside()
        judge(unit, sent)
        assert unit.named() == processes
