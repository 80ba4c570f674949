"""The camera's side: everything arrives, once, through restarts and a network that breaks off."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests import clips
from tests.integration.test_tus import whole_and_held
from tests.running import RunningUnit, wait_for
from watcher.agent.journal import Entry, Journal
from watcher.workers.parent_death import die_with_parent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a camera writes into."""
    camera = tmp_path / "camera"
    camera.mkdir()
    return camera


def command(folder: Path, unit: RunningUnit, *more: str, port: int | None = None) -> list[str]:
    url = f"http://127.0.0.1:{port or unit.port}"
    return [sys.executable, "-m", "watcher", "push", str(folder), "--to", url, *more]


@contextlib.contextmanager
def pushing(words: list[str], **environment: str) -> Iterator[subprocess.Popen]:
    """`watcher push`, for the time of a block."""
    process = subprocess.Popen(
        words,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
        preexec_fn=lambda: die_with_parent(signal.SIGKILL),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


# Whatever is neither Python's own nor requests with its helpers is not installed.
BARE = """
import runpy, sys
class Bare:
    def find_spec(self, name, path=None, target=None):
        known = {"watcher", "requests", "urllib3", "idna", "certifi", "charset_normalizer", *sys.stdlib_module_names}
        if name.partition(".")[0] not in known:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Bare())
runpy.run_module("watcher", run_name="__main__", alter_sys=True)
"""


def bare(words: list[str]) -> list[str]:
    """The same command where only Python and requests are installed."""
    return [sys.executable, "-c", BARE, *words[3:]]


def once(words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, timeout=60)


def write(folder: Path, name: str, samples: Path, number: int, padding: int = 0) -> bytes:
    """A clip of its own content, as large as one likes."""
    data = clips.stamp((samples / "plain.mp4").read_bytes(), number)
    if padding:
        data += (padding + 8).to_bytes(4, "big") + b"free" + random.Random(number).randbytes(padding)
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return data


class Network:
    """A network between camera and server that breaks off after so many bytes, again and again."""

    def __init__(self, port: int, *, breaks_after: list[int]) -> None:
        self._to = port
        self._breaks = breaks_after
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.broken = 0
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            limit = self._breaks.pop(0) if self._breaks else None
            threading.Thread(target=self._carry, args=(client, limit), daemon=True).start()

    def _carry(self, client: socket.socket, limit: int | None) -> None:
        with client, socket.create_connection(("127.0.0.1", self._to)) as server:
            back = threading.Thread(target=self._back, args=(server, client), daemon=True)
            back.start()
            passed = 0
            with contextlib.suppress(OSError):
                while data := client.recv(65536):
                    passed += len(data)
                    if limit is not None and passed > limit:
                        self.broken += 1
                        break
                    server.sendall(data)
            for side in (client, server):
                with contextlib.suppress(OSError):
                    side.shutdown(socket.SHUT_RDWR)
            back.join(5)

    @staticmethod
    def _back(server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                client.sendall(data)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(5)


@pytest.mark.slow
def test_once(unit: RunningUnit, folder: Path, samples: Path) -> None:
    """Everything below the folder, each first folder a camera; a second run sends nothing."""
    sent = {
        f"once{n % 2}/2026-11-21/07000{n}.mp4": write(folder, f"once{n % 2}/2026-11-21/07000{n}.mp4", samples, n)
        for n in range(4)
    }
    write(folder, "nobody.mp4", samples, 8)
    write(folder, "once0/.hidden.mp4", samples, 9)
    (folder / "once0" / "notes.txt").write_text("no clip")
    done = once(command(folder, unit, "--once"))
    assert done.returncode == 0, done.stderr
    for key, data in sent.items():
        assert unit.get(f"/{key}").content == data
        assert (folder / key).exists()
    (unit.log / "app.log").write_text("")
    assert once(command(folder, unit, "--once")).returncode == 0
    assert "was sent" not in (unit.log / "app.log").read_text()
    assert {c["key"] for camera in ("once0", "once1") for c in unit.clips(camera=camera)} == set(sent)


def test_a_clip_that_was_sent_is_removed_only_when_asked(unit: RunningUnit, folder: Path, samples: Path) -> None:
    """And one that the server refuses stays, with a reason."""
    data = write(folder, "a/1.mp4", samples, 1)
    write(folder, "a/bad.mp4", samples, 2)
    (folder / "a" / "bad.mp4").write_bytes(b"this is no film, though it is named so")
    os.utime(folder / "a" / "bad.mp4", (1e9, 1e9))
    done = once(command(folder, unit, "--once", "--delete", "--camera", "deleting"))
    assert done.returncode == 1
    assert "415" in done.stderr
    assert not (folder / "a" / "1.mp4").exists()
    assert (folder / "a" / "bad.mp4").exists()
    assert unit.get("/deleting/a/1.mp4").content == data
    assert once(command(folder, unit, "--once", "--delete", "--camera", "deleting")).returncode == 1


@pytest.mark.slow
def test_nothing_is_sent_again_when_only_the_answer_was_lost(
    unit: RunningUnit, folder: Path, samples: Path
) -> None:
    """The server is told the digest first; what it has is confirmed, and removed here."""
    data = write(folder, "lost/1.mp4", samples, 1)
    assert once(command(folder, unit, "--once")).returncode == 0
    (folder / ".watcher-push.db").unlink()
    id_before = unit.clip("lost/1.mp4")["id"]
    other = write(folder, "lost/2.mp4", samples, 2)
    assert once(command(folder, unit, "--once", "--delete")).returncode == 0
    assert list((folder / "lost").iterdir()) == []
    assert unit.clip("lost/1.mp4")["id"] == id_before
    assert unit.get("/lost/1.mp4").content == data
    assert unit.get("/lost/2.mp4").content == other
    changed = write(folder, "lost/2.mp4", samples, 3)
    done = once(command(folder, unit, "--once", "--delete"))
    assert done.returncode == 1
    assert "409" in done.stderr
    assert (folder / "lost" / "2.mp4").read_bytes() == changed


def address_in_journal(folder: Path, name: str, state: str, address: str | None) -> None:
    """Note in the journal how a clip stands, as a push that was killed would have."""
    look = (folder / name).stat()
    with contextlib.closing(Journal(folder / ".watcher-push.db")) as journal:
        journal.note(name, Entry(look.st_size, look.st_mtime_ns, state, address, None))


def test_a_clip_that_could_not_be_filed_stays_on_the_camera(unit: RunningUnit, folder: Path, samples: Path) -> None:
    """All of it is there and it is no clip yet: that is no reason to remove it here; once it is one, it is."""
    data = write(folder, "floor/1.mp4", samples, 1)
    with whole_and_held(unit, data, camera="floor", filename="1.mp4") as address:
        address_in_journal(folder, "floor/1.mp4", "sending", unit.url(address))
        with pushing(command(folder, unit, "--delete")) as process:
            assert process.stderr is not None
            assert "423" in process.stderr.readline()
            assert (folder / "floor" / "1.mp4").read_bytes() == data
            assert unit.clip("floor/1.mp4") is None
    with pushing(command(folder, unit, "--delete")):
        wait_for(lambda: not (folder / "floor" / "1.mp4").exists(), what="the end of the camera's copy")
    assert unit.get("/floor/1.mp4").content == data


def test_a_note_that_a_clip_was_sent_is_no_proof(unit: RunningUnit, folder: Path, samples: Path) -> None:
    """Before a removal the server is asked: what it does not have is sent again, other bytes are not taken for these."""
    data = write(folder, "noted/1.mp4", samples, 1)
    other = write(folder, "noted/2.mp4", samples, 2)
    sent = requests.put(unit.url("/watcher/uploads/noted/2.mp4"), data=data, timeout=30)
    assert sent.status_code == 201
    for name in ("noted/1.mp4", "noted/2.mp4"):
        os.utime(folder / name, (1e9, 1e9))
        address_in_journal(folder, name, "sent", None)
    done = once(command(folder, unit, "--once", "--delete"))
    assert done.returncode == 1
    assert "409" in done.stderr
    assert not (folder / "noted" / "1.mp4").exists()
    assert (folder / "noted" / "2.mp4").read_bytes() == other
    assert unit.get("/noted/1.mp4").content == data
    assert unit.get("/noted/2.mp4").content == data


def test_while_it_watches(unit: RunningUnit, folder: Path, samples: Path) -> None:
    """A clip is sent when it is finished, and not before."""
    data = clips.stamp((samples / "plain.mp4").read_bytes(), 1)
    (folder / "live").mkdir()
    with pushing(command(folder, unit)):
        with (folder / "live" / "1.mp4").open("wb") as writing:
            writing.write(data[:4000])
            writing.flush()
            time.sleep(2.5)
            assert unit.clip("live/1.mp4") is None
            writing.write(data[4000:])
        wait_for(lambda: unit.clip("live/1.mp4"), what="the clip")
        (folder / "live" / "2.mp4.part").write_bytes(clips.stamp(data, 2))
        (folder / "live" / "2.mp4.part").rename(folder / "live" / "2.mp4")
        wait_for(lambda: unit.clip("live/2.mp4"), what="the other clip")
    assert unit.get("/live/1.mp4").content == data


@pytest.mark.slow
def test_through_a_network_that_breaks_off(unit: RunningUnit, folder: Path, samples: Path) -> None:
    """Pieces that arrived are not sent again; in the end the bytes are the same."""
    data = write(folder, "wifi/1.mp4", samples, 1, padding=11 << 20)
    network = Network(unit.port, breaks_after=[5 << 20, 6 << 20, 1000, 5 << 20])
    try:
        done = once(command(folder, unit, "--once", port=network.port))
    finally:
        network.close()
    assert done.returncode == 0, done.stderr
    assert network.broken >= 3
    assert unit.get("/wifi/1.mp4").content == data


@pytest.mark.slow
def test_through_the_end_of_either_side(
    start_unit: Callable[..., RunningUnit], folder: Path, samples: Path
) -> None:
    """The camera loses power in the middle, and the server too: sending goes on where it was."""
    unit = start_unit()
    data = write(folder, "power/1.mp4", samples, 1, padding=20 << 20)
    slow = command(folder, unit, "--rate", "6000")
    part = unit.data / "spool" / "tus"

    def arrived() -> int:
        return sum(path.stat().st_size for path in part.glob("*.part"))

    with pushing(slow):
        wait_for(lambda: arrived() > 4 << 20, what="a piece")
    before = arrived()
    unit.stop(signal.SIGKILL)
    with pushing(command(folder, unit)) as process:
        time.sleep(1.5)
        assert process.poll() is None
        assert arrived() >= before
        unit.start()
        clip = wait_for(lambda: unit.clip("power/1.mp4"), seconds=60, what="the clip")
    assert clip["size_bytes"] == len(data)
    assert unit.get("/power/1.mp4").content == data
    # The part goes after the row is there.
    wait_for(lambda: not [path for path in part.iterdir() if path.suffix != ".done"], what="the part to go")


@pytest.mark.slow
def test_with_a_key(start_unit: Callable[..., RunningUnit], folder: Path, samples: Path, tmp_path: Path) -> None:
    """From a file or the environment; a wrong one is told, and nothing is lost by it."""
    unit = start_unit(settings={"WATCHER_AUTH__MODE": "keys"})
    key = unit.run("key", "create", "porch", "--role", "upload", "--camera", "porch").stdout
    (tmp_path / "key").write_text(key)
    write(folder, "1.mp4", samples, 1)
    words = command(folder, unit, "--once", "--camera", "porch")
    wrong = once(words)
    assert wrong.returncode == 1
    assert "401" in wrong.stderr
    other = once([*command(folder, unit, "--once", "--camera", "gate"), "--key-file", str(tmp_path / "key")])
    assert "403" in other.stderr
    right = once([*words, "--key-file", str(tmp_path / "key")])
    assert right.returncode == 0, right.stderr
    assert key.strip() not in right.stderr + wrong.stderr
    assert (unit.video / "porch" / "1.mp4").exists()


def test_two_on_one_folder(unit: RunningUnit, folder: Path) -> None:
    """The second is refused with a sentence."""
    with pushing(command(folder, unit)):
        wait_for((folder / ".watcher-push.db").exists, what="the first one")
        second = once(command(folder, unit))
    assert second.returncode == 1
    assert "another push" in second.stderr
    assert once(command(folder / "none", unit)).returncode == 1


def test_a_camera_needs_nothing_but_requests(unit: RunningUnit, folder: Path, samples: Path) -> None:
    """No compiled library, no file events, no bar: on a computer for which nobody builds wheels."""
    server = subprocess.run(bare([sys.executable, "-m", "watcher", "config"]), capture_output=True, text=True)
    assert (
        server.stderr == "watcher: msgspec is not installed: pip install 'watcher-clips[server]'\n"
    )  # the wall stands
    sent = write(folder, "bare/a.mp4", samples, 7001)
    ended = once(bare(command(folder, unit, "--once")))
    assert ended.returncode == 0, ended.stderr
    assert (unit.data / "video/bare/a.mp4").read_bytes() == sent


def test_without_file_events_it_looks_by_itself(unit: RunningUnit, folder: Path, samples: Path) -> None:
    """And says so."""
    with pushing(bare(command(folder, unit))) as push:
        assert push.stderr is not None
        assert "watchdog is not installed" in push.stderr.readline()
        sent = write(folder, "blind/a.mp4", samples, 7002)
        target = unit.data / "video/blind/a.mp4"
        wait_for(target.exists, what="the clip")
        assert target.read_bytes() == sent
