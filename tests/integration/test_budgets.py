"""Budgets hold for all doors together: the day's share, the floor of free space, how much at once."""

from __future__ import annotations

import contextlib
import ftplib
import os
import shlex
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests import clips
from tests.integration.test_ftp import listening
from tests.integration.test_tus import TUS, metadata
from tests.mounting import mounted
from tests.running import RunningUnit, free_port, running, wait_for

DAY = 2 << 20
FLOOR = 32 << 20


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def unit(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[RunningUnit]:
    """A watcher with keys and an FTP door, whose cameras may send 2 MB a day."""
    settings = {
        "WATCHER_AUTH__MODE": "keys",
        "WATCHER_FTP__LISTEN": f"127.0.0.1:{port}",
        "WATCHER_UPLOAD__MAX_BYTES_PER_DAY": str(DAY),
        "WATCHER_UPLOAD__CHUNKED_BYTES": str(1 << 20),
        "WATCHER_UPLOAD__MAX_UNFINISHED": "5",
        "WATCHER_UPLOAD__MAX_PARALLEL": "3",
    }
    with running(tmp_path_factory.mktemp("budgets"), settings=settings) as started:
        yield started


def key_of(unit: RunningUnit, camera: str) -> dict[str, str]:
    """Headers with a new upload key of a camera."""
    command = unit.run("key", "create", camera, "--role", "upload", "--camera", camera)
    return {"Authorization": f"Bearer {command.stdout.strip()}"}


def admin_of(unit: RunningUnit) -> str:
    """The secret of an admin's key."""
    if not hasattr(unit, "admin"):
        unit.admin = unit.run("key", "create", "boss", "--role", "admin").stdout.strip()
    return str(unit.admin)


def begin(unit: RunningUnit, key: dict[str, str], camera: str, name: str, length: int) -> requests.Response:
    headers = {**TUS, **key, "Upload-Length": str(length)}
    headers["Upload-Metadata"] = metadata(camera=camera, filename=name)
    return requests.post(unit.url("/watcher/tus"), headers=headers, timeout=30)


def padded(samples: Path, number: int, size: int) -> bytes:
    """A clip of its own content, of a size."""
    plain = (samples / "plain.mp4").read_bytes()
    rest = size - len(plain)
    return clips.stamp(plain + rest.to_bytes(4, "big") + b"free" + os.urandom(rest - 8), number)


@contextlib.contextmanager
def logged_in(port: int, key: dict[str, str]) -> Iterator[ftplib.FTP]:
    """A camera's connection."""
    client = ftplib.FTP(timeout=30)
    try:
        wait_for(lambda: listening(client, port), what="the FTP door")
        client.login("x", key["Authorization"].partition(" ")[2])
        yield client
    finally:
        client.close()


def store(client: ftplib.FTP, name: str, data: bytes) -> str:
    """What a camera is told that sends a file, whole or as far as it is let."""
    connection = client.transfercmd(f"STOR {name}")
    with contextlib.suppress(OSError), connection:
        connection.sendall(data)
    return client.getmultiline()


def test_what_is_begun_counts_at_every_door(unit: RunningUnit, port: int, samples: Path) -> None:
    """Unfinished parts take their share before a byte of them comes, and give it back when they are given up."""
    key = key_of(unit, "all")
    parts = [begin(unit, key, "all", f"{n}.mp4", 890_000) for n in range(3)]
    assert [answer.status_code for answer in parts] == [201, 201, 429]
    assert parts[2].json()["code"] == "quota"
    url = unit.url("/watcher/uploads/all/put.mp4")
    large = padded(samples, 1, 400_000)
    assert requests.put(url, data=large, headers=key, timeout=30).status_code == 429
    chunked = requests.put(url, data=iter([large]), headers=key, timeout=30)
    assert (chunked.status_code, chunked.json()["code"]) == (411, "length_required")
    with logged_in(port, key) as client:
        assert store(client, "ftp.mp4", large).startswith("552")
    gone = requests.delete(unit.url(parts[0].headers["Location"]), headers={**TUS, **key}, timeout=30)
    assert gone.status_code == 204
    assert requests.put(url, data=large, headers=key, timeout=30).status_code == 201
    small = padded(samples, 2, 200_000)
    assert requests.put(unit.url("/watcher/uploads/all/small.mp4"), data=small, headers=key).status_code == 201


def test_ftp_counts_as_it_receives(unit: RunningUnit, port: int, samples: Path) -> None:
    """Under any name; what has no clip's name is told so."""
    key = key_of(unit, "ftp")
    with logged_in(port, key) as client:
        assert "no clip's name" in store(client, "junk.bin", bytes(1 << 20))
        assert store(client, "more.bin", bytes(DAY)).startswith("552")
        there = sum(p.stat().st_size for p in (unit.data / "spool" / "ftp" / "ftp").iterdir())
        assert there <= DAY
        for number in range(3):
            store(client, f"empty{number}.bin", b"")
        with pytest.raises(ftplib.Error, match="enough"):
            client.transfercmd("STOR sixth.bin")
    with logged_in(port, key_of(unit, "ftp2")) as client:
        assert store(client, "a.mp4", padded(samples, 3, 900_000)).startswith("226")
        assert store(client, "b.mp4", padded(samples, 4, 1_300_000)).startswith("552")


@pytest.mark.slow
def test_a_key_sends_so_much_at_once(unit: RunningUnit, samples: Path) -> None:
    """Bodies in parallel, and uploads that are begun; other keys do not wait for them."""
    key, other = key_of(unit, "slow"), key_of(unit, "quick")
    with contextlib.ExitStack() as stack:
        for number in range(3):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", unit.port)))
            head = f"PUT /watcher/uploads/slow/{number}.mp4 HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
            head += f"Authorization: {key['Authorization']}\r\n\r\n"
            connection.sendall(head.encode() + b"x")
        ledger = unit.data / "run" / "uploads.json"
        promised = '"slow",1000,'  # of the camera, whose key has no name there
        wait_for(lambda: ledger.exists() and ledger.read_text().count(promised) == 3, what="three promises")
        data = padded(samples, 5, 20_000)
        fourth = requests.put(unit.url("/watcher/uploads/slow/3.mp4"), data=data, headers=key, timeout=30)
        assert (fourth.status_code, fourth.json()["code"]) == (429, "too_many_uploads")
        answer = requests.put(unit.url("/watcher/uploads/quick/3.mp4"), data=data, headers=other, timeout=30)
        assert answer.status_code == 201
    begun = [begin(unit, other, "quick", f"{n}.mp4", 1000).status_code for n in range(6)]
    assert begun == [201] * 5 + [429]


@pytest.mark.slow
def test_an_ftp_login_ends_with_its_key(unit: RunningUnit, port: int, samples: Path) -> None:
    """The next transfer is refused, and the connection ends."""
    with logged_in(port, key_of(unit, "ended")) as client:
        assert store(client, "a.mp4", padded(samples, 6, 20_000)).startswith("226")
        assert unit.run("key", "revoke", "ended").returncode == 0
        client.voidcmd("TYPE I")
        with pytest.raises(ftplib.error_perm, match="530"):
            client.sendcmd("STOR b.mp4")
        with pytest.raises((EOFError, OSError)):
            client.voidcmd("NOOP")
    assert not (unit.video / "ended" / "b.mp4").exists()


@pytest.mark.slow
@pytest.mark.parametrize("page", ["uploads.md", "cameras/ffmpeg.md"])
def test_the_guide_s_line_for_ffmpeg_carries_the_key(page: str, unit: RunningUnit, samples: Path) -> None:
    """As it is written, with the camera's stream, the key and the port put in."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    camera = f"guide{len(page)}"
    key = key_of(unit, camera)["Authorization"].partition(" ")[2]
    text = (Path(__file__).parent.parent.parent / "guide" / page).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.startswith("    ffmpeg") and "wk_…" in line]
    assert len(lines) == 1
    line = lines[0].replace("rtsp://camera/stream", str(samples / "plain.mp4")).replace("wk_…", key)
    line = line.replace("127.0.0.1:8080", f"127.0.0.1:{unit.port}").replace("uploads/porch", f"uploads/{camera}")
    done = subprocess.run(shlex.split(line), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    admin = {"Authorization": f"Bearer {admin_of(unit)}"}
    url = unit.url(f"/watcher/clips?camera={camera}")
    wait_for(lambda: requests.get(url, headers=admin, timeout=30).json()["clips"], what="the clip")


@pytest.mark.slow
def test_who_is_turned_away_is_told(unit: RunningUnit, samples: Path) -> None:
    """In the log and on Status, with a hint; never the secret."""
    admin = {"Authorization": f"Bearer {admin_of(unit)}"}
    wrong = {"Authorization": "Bearer wk_verysecretindeed", "User-Agent": "Lavf/60.16.100"}
    for _ in range(3):
        answer = requests.put(
            unit.url("/watcher/uploads/away/wk_insecret.mp4"), data=b"x", headers=wrong, timeout=30
        )
        assert answer.status_code == 401
    page = requests.get(unit.url("/watcher/status"), headers=admin, timeout=30).text
    assert "Turned away" in page
    assert "-auth_type basic" in page
    assert "Lavf/60.16.100" in page
    viewer = unit.run("key", "create", "looks", "--role", "view").stdout.strip()
    seen = requests.get(unit.url("/watcher/status"), headers={"Authorization": f"Bearer {viewer}"}, timeout=30).text
    assert "Turned away" not in seen
    log = (unit.log / "app.log").read_text()
    assert log.count("refused: 127.0.0.1") <= 2, "one line a minute from each process"
    assert "refused: 127.0.0.1 (Lavf/60.16.100) at /watcher/uploads/away/" in log
    for text in (log, page, (unit.data / "run" / "refused.json").read_text()):
        assert "wk_verysecret" not in text
        assert "wk_insecret" not in text


DOORS = ("put", "chunked", "form", "tus", "tus at once", "tus without a length", "ftp", "ftp junk", "ftp appended")
PIECE = 1 << 20


def by_tus(unit: RunningUnit, key: dict[str, str], camera: str, name: str, data: bytes) -> Iterator[int]:
    """An upload in pieces, as far as it is let."""
    upload = begin(unit, key, camera, name, len(data))
    yield upload.status_code
    for at in range(0, len(data) if upload.status_code == 201 else 0, PIECE):
        headers = {**TUS, **key, "Content-Type": "application/offset+octet-stream", "Upload-Offset": str(at)}
        url = unit.url(upload.headers["Location"])
        sent = requests.patch(url, data=data[at : at + PIECE], headers=headers, timeout=60)
        yield sent.status_code
        if sent.status_code != 204:
            return


def by_ftp(port: int, key: dict[str, str], name: str, data: bytes, *, appended: bool = False) -> Iterator[int]:
    """A file by FTP, in one transfer, or in some, each behind what is there."""
    with logged_in(port, key) as client:
        for at in range(0, len(data), PIECE if appended else len(data)):
            piece = data[at : at + PIECE] if appended else data
            connection = client.transfercmd(f"{'APPE' if at else 'STOR'} {name}")
            with contextlib.suppress(OSError), connection:
                connection.sendall(piece)
            yield int(client.getmultiline()[:3])


def by_http(unit: RunningUnit, key: dict[str, str], camera: str, name: str, data: bytes, door: str) -> int:
    """A request that brings a whole clip."""
    url = unit.url(f"/watcher/uploads/{camera}/{name}")
    if door == "put":
        return requests.put(url, data=data, headers=key, timeout=60).status_code
    if door == "chunked":
        pieces = (data[at : at + 65536] for at in range(0, len(data), 65536))
        return requests.put(url, data=pieces, headers=key, timeout=60).status_code
    if door == "form":
        files = {"file": (name, data, "video/mp4")}
        url = unit.url("/watcher/uploads")
        return requests.post(url, data={"camera": camera}, files=files, headers=key, timeout=60).status_code
    headers = {**TUS, **key, "Upload-Metadata": metadata(camera=camera, filename=name)}
    headers["Content-Type"] = "application/offset+octet-stream"
    length = {"Upload-Defer-Length": "1"} if door == "tus without a length" else {"Upload-Length": str(len(data))}
    return requests.post(unit.url("/watcher/tus"), data=data, headers=headers | length, timeout=60).status_code


@pytest.mark.slow
@pytest.mark.parametrize("day_bytes", [0, 12 << 20])
def test_a_small_disk_and_a_small_quota_hold(day_bytes: int, tmp_path: Path, samples: Path) -> None:
    """Two keys send by every door at once, more than there is, and more than each may send.

    Free space never goes below the floor by a megabyte, and no camera has more here than it may send in a day: what
    became clips, and what waits in the spool.
    """
    ftp = free_port()
    settings = {
        "WATCHER_AUTH__MODE": "keys",
        "WATCHER_FTP__LISTEN": f"127.0.0.1:{ftp}",
        "WATCHER_UPLOAD__MIN_FREE_BYTES": str(FLOOR),
        "WATCHER_UPLOAD__CHUNKED_BYTES": str(8 << 20),
        "WATCHER_UPLOAD__MAX_BYTES_PER_DAY": str(day_bytes),
        "WATCHER_RENDER__WORKERS": "0",
    }
    folder = tmp_path / "unit"
    with mounted(folder / "data", "90m"), running(folder, settings=settings) as unit:
        least, stopped = [1 << 60], threading.Event()
        answers: dict[str, list[int]] = {door: [] for door in DOORS}

        def watch() -> None:
            while not stopped.wait(0.002):
                least[0] = min(least[0], shutil.disk_usage(unit.data).free)

        def send(camera: str, key: dict[str, str], door: str) -> None:
            for number in range(3):
                data = padded(samples, hash((camera, door, number)) % 1000, 3 << 20)
                name = f"{door.replace(' ', '-')}{number}.{'bin' if 'junk' in door else 'mp4'}"
                with contextlib.suppress(requests.RequestException, ftplib.Error, OSError, EOFError):
                    if door == "tus":
                        for status in by_tus(unit, key, camera, name, data):
                            answers[door].append(status)
                    elif door.startswith("ftp"):
                        for status in by_ftp(ftp, key, name, data, appended="appended" in door):
                            answers[door].append(status)
                    else:
                        answers[door].append(by_http(unit, key, camera, name, data, door))

        keys = {camera: key_of(unit, camera) for camera in ("one", "two")}
        senders = [
            threading.Thread(target=send, args=(camera, key, door))
            for camera, key in keys.items()
            for door in DOORS
        ]
        watching = threading.Thread(target=watch)
        for thread in (watching, *senders):
            thread.start()
        for thread in senders:
            thread.join()
        stopped.set()
        watching.join()
        assert least[0] >= FLOOR - (1 << 20), f"{FLOOR - least[0]:,} bytes below the floor; {answers}"
        assert set(answers.pop("tus without a length")) <= {400, 429, 507}, "it is not spoken here"
        statuses = {status for answer in answers.values() for status in answer}
        assert 201 in statuses, answers
        refused = {429, 552} if day_bytes else {507, 452}
        assert refused & statuses, ("there was more than room", answers)
        assert statuses <= {200, 201, 204, 226, 411, 550} | {429, 552, 507, 452}, answers
        for camera in keys:
            parts = (unit.data / "spool" / "tus").glob("*.json")
            there = [path.with_suffix(".part") for path in parts if f'"camera":"{camera}"' in path.read_text()]
            there += [*(unit.video / camera).rglob("*.mp4"), *(unit.data / "spool" / "ftp" / camera).rglob("*.*")]
            size = sum(path.stat().st_size for path in there)
            assert not day_bytes or size <= day_bytes + (1 << 20), (camera, size, answers)
