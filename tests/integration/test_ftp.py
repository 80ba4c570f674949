"""Cameras that only know FTP: their clips are filed before they are told so, and they reach nothing else."""

from __future__ import annotations

import contextlib
import ftplib
import io
import os
import re
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import clips
from tests.running import RunningUnit, free_port, running, wait_for
from watcher.ingest.ftp_spool import FOLDERS_MOST, LEFT_SECONDS, UNNAMED_SECONDS, file_stragglers
from watcher.ingest.uploads import Uploads
from watcher.services import open_services
from watcher.settings.load import load

# As watcher.ftp has them: its library's imports are warned of here.
OF_ADDRESS_MOST, LOGIN_SECONDS = 128, 20.0


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def unit(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[RunningUnit]:
    """A watcher with an FTP door."""
    settings = {"WATCHER_FTP__LISTEN": f"127.0.0.1:{port}"}
    with running(tmp_path_factory.mktemp("ftp"), settings=settings) as started:
        with ftplib.FTP(timeout=20) as client:
            wait_for(lambda: listening(client, port), what="the FTP door")
        yield started


@pytest.fixture(scope="module")
def key(unit: RunningUnit) -> str:
    return unit.run("key", "create", "porch", "--role", "upload", "--camera", "porch").stdout.strip()


@pytest.fixture
def camera(unit: RunningUnit, port: int, key: str) -> Iterator[ftplib.FTP]:
    """A camera that has logged in."""

    client = logged_in(port, key)
    yield client
    client.close()


def logged_in(port: int, key: str) -> ftplib.FTP:
    client = ftplib.FTP(timeout=20)
    client.connect("127.0.0.1", port)
    client.login("anybody", key)
    return client


def listening(client: ftplib.FTP, port: int) -> bool:
    try:
        client.connect("127.0.0.1", port)
    except OSError:
        return False
    return True


def data_of(samples: Path, number: int) -> bytes:
    return clips.stamp((samples / "plain.mp4").read_bytes(), number)


def test_a_clip_is_listed_when_the_camera_is_told_so(unit: RunningUnit, camera: ftplib.FTP, samples: Path) -> None:
    """With the folders that the camera makes; its spool is empty then."""
    for folder in ("2026", "2026/03", "2026/03/05"):
        camera.mkd(folder)
    camera.cwd("2026/03/05")
    answer = camera.storbinary("STOR Camera1_00_20260305120000.mp4", io.BytesIO(data_of(samples, 1)))
    assert answer.startswith("226")
    clip = unit.clip("porch/2026/03/05/Camera1_00_20260305120000.mp4")
    assert (clip["camera"], clip["state"], clip["started_at"]) == ("porch", "ready", "2026-03-05T11:00:00.000Z")
    assert unit.get(clip["url"]).content == data_of(samples, 1)
    assert camera.nlst() == []


def test_what_is_renamed_is_filed_then(unit: RunningUnit, camera: ftplib.FTP, samples: Path) -> None:
    """Cameras that send under another name first."""
    camera.storbinary("STOR clip.tmp", io.BytesIO(data_of(samples, 2)))
    assert unit.clip("porch/clip.mp4") is None
    camera.rename("clip.tmp", "clip.mp4")
    assert unit.get(unit.clip("porch/clip.mp4")["url"]).content == data_of(samples, 2)


@pytest.mark.filterwarnings("ignore:The asyn:DeprecationWarning")  # what pyftpdlib stands on
def test_nothing_is_overwritten_and_nothing_is_lost(unit: RunningUnit, camera: ftplib.FTP, samples: Path) -> None:
    """The same bytes are the same clip; others get a number; what is cut off is kept as broken."""
    for number in (3, 3, 4):
        camera.storbinary("STOR same.mp4", io.BytesIO(data_of(samples, number)))
    assert unit.get("/porch/same.mp4").content == data_of(samples, 3)
    assert unit.get("/porch/same-2.mp4").content == data_of(samples, 4)
    assert unit.get("/porch/same-3.mp4").status_code == 404
    camera.storbinary("STOR cut.mp4", io.BytesIO(data_of(samples, 5)[:-800]))
    assert unit.clip("porch/cut.mp4") is None
    from watcher.ingest.ftp_spool import file_stragglers

    services = open_services(load({}).settings, unit.data)
    file_stragglers(unit.data / "spool", Uploads.of(services), time.time() - 600)
    assert unit.clip("porch/cut.mp4") is None
    file_stragglers(unit.data / "spool", Uploads.of(services), time.time() + 1)
    services.catalog.database.engine.dispose()
    unit.wait_clip("porch/cut.mp4", state="broken")


def test_a_picture_becomes_the_poster(unit: RunningUnit, camera: ftplib.FTP, samples: Path, tmp_path: Path) -> None:
    """As one that is dropped beside the clip."""
    from PIL import Image

    Image.new("RGB", (320, 180), (200, 30, 30)).save(tmp_path / "p.jpg")
    camera.storbinary("STOR Camera1_00_20260305130000.mp4", io.BytesIO(data_of(samples, 6)))
    camera.storbinary("STOR Camera1_00_20260305130000.jpg", io.BytesIO((tmp_path / "p.jpg").read_bytes()))
    made_of = re.compile(r"-[0-9a-f]+\.[0-9a-f]+\.webp$")  # such a name has a poster of a picture
    wait_for(
        lambda: made_of.search(unit.clip("porch/Camera1_00_20260305130000.mp4")["poster_url"] or ""),
        what="its poster",
    )
    assert (unit.video / "porch" / "Camera1_00_20260305130000.jpg").exists()


def test_a_transfer_that_breaks_off_is_gone_on_with(
    unit: RunningUnit, camera: ftplib.FTP, samples: Path, key: str, port: int
) -> None:
    """It is never listed by halves."""
    data = data_of(samples, 7)
    channel = camera.transfercmd("STOR broken.mp4")
    channel.sendall(data[:5000])
    for connection in (channel, camera.sock):  # the camera loses power: no goodbye, a reset at most
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    channel.close()
    camera.file.close()
    camera.sock.close()
    again = logged_in(port, key)
    assert again.storbinary("STOR broken.mp4", io.BytesIO(data)).startswith("226")
    again.close()
    assert unit.get("/porch/broken.mp4").content == data


@pytest.mark.filterwarnings("ignore:The asyn:DeprecationWarning")  # what pyftpdlib stands on
@pytest.mark.parametrize("way", ["anew", "further", "renamed"])
def test_a_connection_that_was_forgotten_writes_into_no_clip(
    unit: RunningUnit, camera: ftplib.FTP, samples: Path, key: str, port: int, way: str
) -> None:
    """It broke off without a word; its file was sent anew, gone on with, or renamed, and filed. It may not write on."""
    data = data_of(samples, {"anew": 9, "further": 10, "renamed": 11}[way])
    begun = bytes(3000) if way == "anew" else data[:3000] if way == "further" else data
    forgotten = camera.transfercmd(f"STOR {way}.tmp")
    forgotten.sendall(begun)
    spooled = unit.data / f"spool/ftp/porch/{way}.tmp"
    wait_for(lambda: spooled.exists() and spooled.stat().st_size == len(begun), what="the first one's bytes")
    again = logged_in(port, key)
    if way == "anew":
        again.storbinary(f"STOR {way}.tmp", io.BytesIO(data))
    elif way == "further":
        again.storbinary(f"APPE {way}.tmp", io.BytesIO(data[3000:]))
    again.rename(f"{way}.tmp", f"forgotten-{way}.mp4")
    again.close()
    assert unit.get(f"/porch/forgotten-{way}.mp4").content == data
    forgotten.sendall(bytes(100_000))
    forgotten.close()
    told = camera.getmultiline()
    assert unit.get(f"/porch/forgotten-{way}.mp4").content == data
    assert told.startswith("550 Another connection")
    assert "Traceback" not in unit.console()


@pytest.mark.parametrize(
    "command",
    [
        "RETR ../../../catalog.db",
        "RETR same.mp4",
        "DELE clip.tmp",
        "CWD ../../..",
        "STOR ../../../../video/gate/a.mp4",
        "STOR .hidden.mp4",
        "RMD 2026",
        "RNFR ../../../catalog.db",
    ],
)
def test_a_camera_reaches_nothing_else(command: str, unit: RunningUnit, camera: ftplib.FTP, samples: Path) -> None:
    """Neither reads nor deletes, and leaves its folder by no name."""
    before = sorted(path for path in unit.data.rglob("*.mp4") if "porch" not in path.parts)
    word = command.partition(" ")[0]
    harmless = word in {"STOR", "CWD"}  # such a path stays below the camera's folder
    with contextlib.suppress(ftplib.error_perm) if harmless else pytest.raises(ftplib.error_perm):
        if word == "STOR":
            camera.storbinary(command, io.BytesIO(data_of(samples, 8)))
        elif word == "RETR":
            camera.retrbinary(command, lambda _data: None)
        else:
            camera.sendcmd(command)
    assert sorted(path for path in unit.data.rglob("*.mp4") if "porch" not in path.parts) == before
    assert camera.pwd() == "/"


def test_only_upload_keys_are_let_in(unit: RunningUnit, port: int, key: str) -> None:
    """Not others, not revoked ones; a long key may be divided between the two fields."""
    view = unit.run("key", "create", "viewer", "--role", "view").stdout.strip()
    for user, password in (("x", "wk_wrong"), ("x", view), ("x", "")):
        client = ftplib.FTP(timeout=20)
        client.connect("127.0.0.1", port)
        with pytest.raises(ftplib.error_perm):
            client.login(user, password)
        client.close()
    client = ftplib.FTP(timeout=20)
    client.connect("127.0.0.1", port)
    assert client.login(key[:20], key[20:]).startswith("230")
    client.close()


@pytest.mark.slow
def test_cameras_of_one_user_name_stay_apart(unit: RunningUnit, port: int, samples: Path) -> None:
    """Many at once: each one's clips are its own camera's."""
    commands = {
        f"cam{n}": unit.run("key", "create", f"cam{n}", "--role", "upload", "--camera", f"cam{n}") for n in range(6)
    }
    wrong: list[str] = []

    def send(name: str, key: str) -> None:
        for number in range(4):
            client = ftplib.FTP(timeout=20)
            client.connect("127.0.0.1", port)
            client.login("admin", key)
            client.storbinary(f"STOR {name}-{number}.mp4", io.BytesIO(data_of(samples, 100 + number)))
            client.close()
            if not (unit.video / name / f"{name}-{number}.mp4").exists():
                wrong.append(name)

    threads = [threading.Thread(target=send, args=(name, done.stdout.strip())) for name, done in commands.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert {clip["camera"] for clip in unit.clips() if clip["key"].startswith("cam")} == set(commands)


def test_curl_sends(unit: RunningUnit, port: int, key: str, samples: Path) -> None:
    """With folders made on the way."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    command = ["curl", "-sS", "--ftp-create-dirs", "-u", f"x:{key}", "-T", str(samples / "faststart.mp4")]
    subprocess.run([*command, f"ftp://127.0.0.1:{port}/by/curl.mp4"], check=True, timeout=30)
    assert unit.clip("porch/by/curl.mp4")["state"] == "ready"


def test_names_that_no_system_takes_end_no_connection(camera: ftplib.FTP, unit: RunningUnit) -> None:
    """They are refused as others are."""
    for command in ("STOR", "MKD", "CWD", "SIZE"):
        with pytest.raises(ftplib.error_perm):
            camera.sendcmd(f"{command} a\0b.mp4")
    assert camera.pwd() == "/"
    assert "Traceback" not in unit.console()


def test_a_camera_makes_so_many_folders(camera: ftplib.FTP, unit: RunningUnit) -> None:
    """Each takes a file's place on the disk: there is an end to them."""
    home = unit.data / "spool" / "ftp" / "porch"
    for number in range(FOLDERS_MOST - 1 - sum(path.is_dir() for path in home.rglob("*"))):
        (home / f"many{number}").mkdir()
    camera.mkd("last")
    with pytest.raises(ftplib.error_perm, match="enough"):
        camera.mkd("more")


def test_folders_that_stay_empty_go(tmp_path: Path) -> None:
    """After an hour, the deepest first; not those in which something lies."""
    home = tmp_path / "ftp" / "porch"
    for folder in ("old/older", "kept", "new"):
        (home / folder).mkdir(parents=True)
    (home / "kept" / "a.tmp").touch()
    long_ago = time.time() - UNNAMED_SECONDS - 60
    for path in ("old/older", "old", "kept"):
        os.utime(home / path, (long_ago, long_ago))
    settings = load({}).settings
    services = open_services(settings, tmp_path / "data")
    file_stragglers(tmp_path, Uploads.of(services), time.time() - LEFT_SECONDS)
    assert sorted(p.name for p in home.iterdir()) == ["kept", "new", "old"]
    assert list((home / "old").iterdir()) == []
    assert (home / "kept" / "a.tmp").exists()


@pytest.mark.slow
@pytest.mark.parametrize("connected", [False, True])
def test_it_stops_without_a_word(connected: bool, tmp_path: Path) -> None:
    """Whether or not a camera is there: nothing polls what is closed."""
    port, unit = free_port(), RunningUnit(tmp_path)
    unit.environment["WATCHER_FTP__LISTEN"] = f"127.0.0.1:{port}"
    key = unit.run("key", "create", "porch", "--role", "upload", "--camera", "porch").stdout.strip()
    command, pipe = unit.command("ftp", "--data", str(unit.data)), subprocess.PIPE
    started = subprocess.Popen(command, env=unit.environment, stdout=pipe, stderr=subprocess.STDOUT, text=True)
    with started as door, ftplib.FTP() as camera:
        assert "FTP at" in door.stdout.readline()
        tasks = Path(f"/proc/{door.pid}/task")
        camera.connect("127.0.0.1", port, timeout=20)
        camera.login("anybody", key)
        both = len(list(tasks.iterdir()))
        if not connected:
            camera.quit()
            wait_for(lambda: len(list(tasks.iterdir())) < both, what="the end of its thread")
        door.terminate()
        assert door.communicate(timeout=60)[0] == ""
        assert door.returncode == 0


def test_silent_connections_keep_no_camera_out(unit: RunningUnit, port: int, key: str) -> None:
    """One address has half of all connections."""
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(200)]
        answers = [connection.recv(100)[:3] for connection in silent]
        assert answers.count(b"220") <= OF_ADDRESS_MOST
        assert answers.count(b"421") >= len(silent) - OF_ADDRESS_MOST
        other = stack.enter_context(ftplib.FTP(timeout=20, source_address=("127.0.0.2", 0)))
        other.connect("127.0.0.1", port)
        assert other.login("anybody", key).startswith("230")


@pytest.mark.slow
def test_who_does_not_log_in_is_sent_away(unit: RunningUnit, port: int) -> None:
    """Whatever is said meanwhile."""
    with socket.create_connection(("127.0.0.1", port), timeout=LOGIN_SECONDS * 3) as silent:
        began = time.monotonic()
        with contextlib.suppress(OSError):
            while silent.recv(1000):
                time.sleep(1)
                silent.sendall(b"NOOP\r\n")
        assert time.monotonic() - began > LOGIN_SECONDS - 2
