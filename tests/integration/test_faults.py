"""Each fault, each way in, each question: what happens, and that everything goes on by itself afterwards."""

from __future__ import annotations

import base64
import contextlib
import errno
import ftplib
import io
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests import clips
from tests.clock import Clock
from tests.faults import FAULTS, GUIDE, QUESTIONS, WAYS, table
from tests.integration.test_push import command, pushing
from tests.mounting import OWN_FILES_ONLY, behind, bound, give_away, mounted, remount, unmount
from tests.running import RunningUnit, free_port, running, wait_for

INODES = 300
WATCHES = "/proc/sys/user/max_inotify_watches"  # of a user namespace
FEW_WATCHES = (*OWN_FILES_ONLY, "sh", "-c", f'echo 1 > {WATCHES} && exec "$@"', "sh")
CLOCKS = {"clock_ahead": 12 * 3600, "clock_back": -12 * 3600}  # seconds
Undo = Callable[[], None]


def test_the_guide_says_what_the_tests_expect() -> None:
    """`python -m tests.faults` writes it."""
    assert GUIDE.read_text(encoding="utf-8") == table()
    for fault in FAULTS.values():
        assert (len(fault.ways), len(fault.questions)) == (len(WAYS), len(QUESTIONS))


class Rig:
    """A unit under a fault, and a clip of each way in."""

    def __init__(self, unit: RunningUnit, samples: Path, scratch: Path, ftp_port: int) -> None:
        self.unit = unit
        self.data = (samples / "plain.mp4").read_bytes()
        self.scratch = scratch
        self.ftp_port = ftp_port
        self.key = unit.run("key", "create", "porch", "--role", "upload", "--camera", "porch").stdout.strip()
        self.pushed = scratch / "camera"
        (self.pushed / "porch").mkdir(parents=True)
        self.round = 0

    def clip(self, way: str) -> tuple[str, bytes]:
        number = 10 * self.round + WAYS.index(way)
        return f"{way}{self.round}.mp4", clips.stamp(self.data, 100 + number)

    def drop(self) -> str:
        name, data = self.clip("drop")
        path = self.unit.video / "porch" / name
        try:
            path.write_bytes(data)
        except OSError as reason:
            with contextlib.suppress(OSError):
                path.unlink()
            return errno.errorcode[reason.errno or 0]
        self.unit.wait_clip(f"porch/{name}", state="ready", seconds=60)
        return "listed"

    def put(self) -> str:
        name, data = self.clip("PUT")
        return detail(requests.put(self.unit.url(f"/watcher/uploads/porch/{name}"), data=data, timeout=60))

    def post(self) -> str:
        name, data = self.clip("POST")
        form = {"camera": (None, "porch"), "file": (name, data, "video/mp4")}
        return detail(requests.post(self.unit.url("/watcher/uploads"), files=form, timeout=60))

    def tus(self) -> str:
        name, data = self.clip("tus")
        metadata = {"camera": "porch", "filename": name}
        headers = {
            "Tus-Resumable": "1.0.0",
            "Upload-Length": str(len(data)),
            "Upload-Metadata": ",".join(
                f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in metadata.items()
            ),
            "Content-Type": "application/offset+octet-stream",
        }
        return detail(requests.post(self.unit.url("/watcher/tus"), data=data, headers=headers, timeout=60))

    def ftp(self) -> str:
        name, data = self.clip("FTP")
        with ftplib.FTP(timeout=60) as client:
            wait_for(lambda: connects(client, self.ftp_port), what="the FTP door")
            client.login("anybody", self.key)
            try:
                return client.storbinary(f"STOR {name}", io.BytesIO(data))[:3]
            except ftplib.Error as reason:
                return str(reason)[:3]

    def push(self) -> str:
        """Given to the camera's side, which goes on by itself."""
        name, data = self.clip("push")
        (self.pushed / "porch" / name).write_bytes(data)
        return name

    def questions(self, known: dict) -> tuple[str, ...]:
        """The list has the clip that was there before; itself; its bytes; readyz."""
        listed = self.unit.get("/watcher/clips?camera=porch&limit=500")
        assert known["id"] in [clip["id"] for clip in listed.json()["clips"]], "nothing is taken for gone"
        shown, played = (
            self.unit.get(known["links"]["self"]),
            self.unit.get(known["url"], headers={"Range": "bytes=0-9"}),
        )
        return str(listed.status_code), str(shown.status_code), str(played.status_code)

    def readyz(self) -> str:
        answer = self.unit.get("/watcher/readyz").json()
        wrong = sorted(name for name, result in answer["checks"].items() if result != "ok")
        warns = sorted(answer.get("warnings", {}))
        return "; ".join([", ".join(wrong) or "ready", *([f"warns: {', '.join(warns)}"] if warns else [])])


def detail(answer: requests.Response) -> str:
    """The status, and a problem's code; a refusal says why in a sentence."""
    if answer.status_code < 400:
        return str(answer.status_code)
    assert len(answer.json()["detail"]) > 20
    return f"{answer.status_code} {answer.json()['code']}"


def connects(client: ftplib.FTP, port: int) -> bool:
    try:
        client.connect("127.0.0.1", port)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def disk_of(fault: str, folder: Path) -> Iterator[None]:
    """The disk that the fault befalls, as the video root."""
    video = folder / "data" / "video"
    with contextlib.ExitStack() as stack:
        if fault == "slow_disk":
            stack.enter_context(behind(folder / "disk", video, "--read-rate=200k", "--write-rate=200k"))
        else:
            stack.enter_context(mounted(video, "300m", inodes=INODES if fault == "no_inodes" else 0))
        yield


@contextlib.contextmanager
def strike(
    fault: str, unit: RunningUnit, scratch: Path, mounts: contextlib.ExitStack, clock: Clock
) -> Iterator[None]:
    """The fault, for the time of a block; `mounts` are undone when the test is over."""
    video, filler = unit.video, unit.video / ".filler"
    if fault == "away":
        disk = mounts.enter_context(bound(video, scratch / "disk"))
        unmount(video)
        yield
        assert list(video.iterdir()) == [], "nothing was written below the mount point"
        mounts.enter_context(bound(disk, video))
        return
    if fault == "read_only":
        remount(video, "ro")
        yield
        remount(video, "rw")
    elif fault in {"floor", "full"}:
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while fault == "full" or shutil.disk_usage(video).free > 80 << 20:
                file.write(bytes(1 << 20))
        if fault == "full":
            with filler.open("ab", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(bytes(4096))
        yield
        filler.unlink()
    elif fault == "no_inodes":
        filler.mkdir()
        with contextlib.suppress(OSError):
            for number in range(2 * INODES):
                (filler / str(number)).touch()
        yield
        shutil.rmtree(filler)
    elif fault == "foreign":
        give_away(video / "porch")
        yield
        os.chown(video / "porch", os.geteuid(), -1)
    elif fault == "no_log":
        shutil.rmtree(unit.log)
        yield
    elif fault == "no_watches":
        yield
        own = ("nsenter", "--user", f"--target={unit.process.pid}")
        subprocess.run([*own, "sh", "-c", f"echo 8192 > {WATCHES}"], check=True)
    elif fault in CLOCKS:
        clock.set(CLOCKS[fault])
        yield
        clock.set(0)
    else:
        yield


@pytest.mark.parametrize(
    "fault", [pytest.param(name, marks=[pytest.mark.slow] if fault.slow else []) for name, fault in FAULTS.items()]
)
def test_what_happens(fault: str, tmp_path: Path, samples: Path) -> None:
    """As the guide says, and afterwards each way works again."""
    expected, port = FAULTS[fault], free_port()
    if fault == "foreign":
        give_away()
    settings = {
        "WATCHER_FTP__LISTEN": f"127.0.0.1:{port}",
        "WATCHER_UPLOAD__MIN_FREE_BYTES": str(100 << 20),
        "WATCHER_VIDEO__POLL_SECONDS": "1",
        "WATCHER_VIDEO__SETTLE_SECONDS": "1",
    }
    within = {"foreign": OWN_FILES_ONLY, "no_watches": FEW_WATCHES}.get(fault, ())
    clock, folder = Clock(tmp_path / "clock"), tmp_path / "unit"
    if fault in CLOCKS:
        settings |= clock.environment
    with (
        disk_of(fault, folder),
        contextlib.ExitStack() as mounts,
        running(folder, settings=settings, within=within) as unit,
    ):
        rig = Rig(unit, samples, tmp_path, port)
        (unit.video / "porch").mkdir()
        (unit.video / "porch" / "known.mp4").write_bytes(clips.stamp(rig.data, 1))
        known = unit.wait_clip("porch/known.mp4", state="ready")
        with pushing(command(rig.pushed, unit)):
            with strike(fault, unit, tmp_path, mounts, clock):
                pushed = rig.push()
                drop = "—" if expected.ways[0] == "—" else rig.drop()
                seen = [drop, rig.put(), rig.post(), rig.tus(), rig.ftp()]
                if expected.ways[-1] == "sent":
                    unit.wait_clip(f"porch/{pushed}", seconds=60)
                    seen.append("sent")
                else:
                    seen.append("waits" if unit.clip(f"porch/{pushed}") is None else "sent")
                assert tuple(seen) == expected.ways
                assert rig.questions(known) == expected.questions[:3]
                wait_for(lambda: rig.readyz() == expected.questions[3] or None, what=f"{expected.questions[3]!r}")
            wait_for(lambda: unit.problems() == {}, what="a service without problems")
            rig.round += 1
            again = [rig.drop(), rig.put(), rig.post(), rig.tus(), rig.ftp()]
            assert again == ["listed", "201", "201", "201", "226"]
            unit.wait_clip(f"porch/{pushed}", seconds=90)
        assert unit.clip("porch/known.mp4")["id"] == known["id"]
        assert unit.clips(state="missing") == []
        # The clip is listed before its upload is forgotten: a crash in between files it again.
        wait_for(lambda: not leftovers(unit), what="a spool without leftovers")


def leftovers(unit: RunningUnit) -> list[str]:
    """What of uploads is still in the spool."""
    kinds = {".part", ".json", ".extract"}
    files = (unit.data / "spool").rglob("*")
    return [path.name for path in files if path.suffix in kinds and path.name != "ledger.json"]
