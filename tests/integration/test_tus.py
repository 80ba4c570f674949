"""Resumable uploads, tus 1.0: what the protocol says, and clients that others wrote."""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from tusclient.client import TusClient
from tusclient.exceptions import TusUploadFailed

from tests import clips
from tests.running import RunningUnit, wait_for
from watcher.storage.spool import Spool
from watcher.storage.upload import Lives, Part

TUS = {"Tus-Resumable": "1.0.0"}
PIECE = {**TUS, "Content-Type": "application/offset+octet-stream"}


def metadata(**values: str) -> str:
    """Upload-Metadata."""
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in values.items())


def begin(
    unit: RunningUnit, length: int, headers: dict | None = None, data: bytes = b"", **meta: str
) -> requests.Response:
    """POST: the creation of an upload."""
    all_headers = {**TUS, "Upload-Length": str(length), "Upload-Metadata": metadata(**meta), **(headers or {})}
    return requests.post(unit.url("/watcher/tus"), headers=all_headers, data=data, timeout=30)


def send(unit: RunningUnit, address: str, offset: int, data: bytes, **more: str) -> requests.Response:
    """PATCH: a piece of it."""
    headers = {**PIECE, "Upload-Offset": str(offset), **more}
    return requests.patch(unit.url(address), headers=headers, data=data, timeout=30)


def offset(unit: RunningUnit, address: str) -> int:
    """HEAD: how much is there."""
    return int(requests.head(unit.url(address), headers=TUS, timeout=30).headers["Upload-Offset"])


@pytest.fixture
def data(samples: Path, request: pytest.FixtureRequest) -> bytes:
    """A clip of the test's own content."""
    return clips.stamp((samples / "plain.mp4").read_bytes(), abs(hash(request.node.name)) % 100_000)


def left(unit: RunningUnit) -> list[str]:
    """What lies in the spool, but for notes that uploads are done."""
    return [p.name for p in (unit.data / "spool").rglob("*") if p.is_file() and p.suffix != ".done"]


def test_what_is_spoken(unit: RunningUnit) -> None:
    """OPTIONS tells version, extensions, the largest size and the checksums."""
    answer = requests.options(unit.url("/watcher/tus"), timeout=30)
    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert set(answer.headers["Tus-Extension"].split(",")) == {
        "creation",
        "creation-with-upload",
        "termination",
        "expiration",
        "checksum",
    }
    assert int(answer.headers["Tus-Max-Size"]) == 4 << 30
    assert "sha256" in answer.headers["Tus-Checksum-Algorithm"].split(",")
    assert requests.options(unit.url("/watcher/tus/"), timeout=30).status_code == 204
    other = requests.post(unit.url("/watcher/tus/"), headers={"Tus-Resumable": "0.2.2"}, timeout=30)
    assert (other.status_code, other.headers["Tus-Version"]) == (412, "1.0.0")
    assert requests.post(unit.url("/watcher/tus"), timeout=30).status_code == 412


def test_in_pieces(unit: RunningUnit, data: bytes) -> None:
    """201 with its address, 204 with each piece, HEAD tells where it is; whole it is a clip."""
    answer = begin(unit, len(data), camera="tus", filename="a.mp4", started_at="2026-03-05T12:00:00Z")
    assert answer.status_code == 201
    address = answer.headers["Location"]
    assert answer.headers["Tus-Resumable"] == "1.0.0"
    assert "GMT" in answer.headers["Upload-Expires"]
    head = requests.head(unit.url(address), headers=TUS, timeout=30)
    assert head.status_code == 200
    assert head.headers["Cache-Control"] == "no-store"
    assert (head.headers["Upload-Offset"], head.headers["Upload-Length"]) == ("0", str(len(data)))
    assert head.headers["Upload-Metadata"] == metadata(
        camera="tus", filename="a.mp4", started_at="2026-03-05T12:00:00Z"
    )
    at = 0
    for piece in (data[:3000], data[3000:3001], data[3001:8000], data[8000:]):
        assert unit.clip("tus/a.mp4") is None
        sent = send(unit, address, at, piece)
        at += len(piece)
        assert (sent.status_code, sent.headers["Upload-Offset"]) == (204, str(at)), sent.text
    clip = unit.clip("tus/a.mp4")
    assert sent.headers["Content-Location"] == clip["links"]["self"]
    assert (clip["state"], clip["started_at"], clip["time_source"]) == (
        "ready",
        "2026-03-05T12:00:00.000Z",
        "upload",
    )
    assert unit.get(clip["url"]).content == data
    assert offset(unit, address) == len(data), "a client whose answer was lost is told so"
    again = send(unit, address, len(data), b"")
    assert (again.status_code, again.headers["Upload-Offset"]) == (204, str(len(data)))
    assert send(unit, address, 0, data).status_code == 409
    wait_for(lambda: left(unit) == [], what="an empty spool")


@contextlib.contextmanager
def whole_and_held(unit: RunningUnit, data: bytes, **meta: str) -> Iterator[str]:
    """An upload of which every byte is here and which nobody can finish meanwhile; its address."""
    upload = Spool(unit.data / "spool", Lives(3600)).new()
    part = Part(metadata=metadata(**meta), length=len(data), camera=meta["camera"], name=meta["filename"])
    upload.begin(part)
    with upload.held():
        upload.file.write_bytes(data)
        yield f"/watcher/tus/{upload.id}"


def test_all_is_told_only_when_it_is_a_clip(unit: RunningUnit, data: bytes) -> None:
    """What is whole and could not be finished keeps its last byte back; the server finishes it without its client."""
    with whole_and_held(unit, data, camera="tus", filename="kept.mp4") as address:
        assert offset(unit, address) == len(data) - 1
        assert "Upload-Expires" not in requests.head(unit.url(address), headers=TUS, timeout=30).headers
        assert send(unit, address, len(data) - 1, data[-1:]).status_code == 423
        assert unit.clip("tus/kept.mp4") is None
    wait_for(lambda: unit.clip("tus/kept.mp4"), what="the clip")
    assert wait_for(lambda: (at := offset(unit, address)) == len(data) and at, what="the offset")
    assert unit.get("/tus/kept.mp4").content == data


def test_the_last_byte_finishes_what_is_whole(unit: RunningUnit, data: bytes) -> None:
    """The client is told to send it again, whatever it sends; the bytes that were here stand."""
    with whole_and_held(unit, data, camera="tus", filename="last.mp4") as address:
        pass
    last = send(unit, address, len(data) - 1, b"x")
    assert last.status_code in {204, 409, 423}, "409 where the ingester was quicker"
    wait_for(lambda: offset(unit, address) == len(data), what="the end")
    assert unit.get("/tus/last.mp4").content == data


@pytest.mark.slow
def test_what_the_server_cannot_finish_for_good_is_no_success(unit: RunningUnit, data: bytes) -> None:
    """The name was taken meanwhile, or it is no clip: its client begins anew, and is told why."""
    assert begin(unit, len(data), PIECE, data, camera="tus", filename="was.mp4").status_code == 201
    for content, name in ((clips.stamp(data, 1), "was.mp4"), (b"no film", "none.mp4")):
        with whole_and_held(unit, content, camera="tus", filename=name) as address:
            pass
        head = functools.partial(requests.head, unit.url(address), headers=TUS, timeout=30)
        wait_for(lambda head=head: head().status_code == 404, what="its end")
    assert unit.get("/tus/was.mp4").content == data


def test_what_is_here_need_not_be_sent_by_any_client(unit: RunningUnit, data: bytes, tmp_path: Path) -> None:
    """`sha256` is told: the answer's offset is the length, and what a client sends all the same is no error."""
    assert begin(unit, len(data), PIECE, data, camera="tus", filename="here.mp4").status_code == 201
    meta = {"camera": "tus", "filename": "here.mp4", "sha256": hashlib.sha256(data).hexdigest()}
    answer = begin(unit, len(data), **meta)
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, str(len(data)))
    assert offset(unit, answer.headers["Location"]) == len(data)
    path = tmp_path / "clip.mp4"
    path.write_bytes(data)
    with path.open("rb") as file:
        TusClient(unit.url("/watcher/tus")).uploader(file_stream=file, chunk_size=3000, metadata=meta).upload()
    other = begin(unit, len(data), **{**meta, "sha256": "0" * 64})
    assert "Upload-Offset" not in other.headers
    requests.delete(unit.url(other.headers["Location"]), headers=TUS, timeout=30)


@pytest.mark.slow
def test_no_client_is_told_all_of_what_is_no_clip(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """Every worker killed in the middle of the last piece, at moments that differ: either less is told, or it is there."""
    unit = start_unit()
    session = requests.Session()
    plain, seen = (samples / "plain.mp4").read_bytes(), {True: 0, False: 0}
    for number in range(8):
        data, key = clips.stamp(plain, 500 + number), f"tus/killed{number}.mp4"
        address = begin(unit, len(data), PIECE, data[:100], camera="tus", filename=key[4:]).headers["Location"]
        sender = threading.Thread(
            target=lambda data=data, address=address: quiet(lambda: send(unit, address, 100, data[100:]))
        )
        sender.start()
        time.sleep(0.003 * number)
        for pid, command in unit.family().items():
            if "uwsgi" in command and pid != unit.process.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        sender.join()

        def offset(address: str = address) -> int | None:
            with contextlib.suppress(requests.RequestException):
                answer = session.head(unit.url(address), headers=TUS, timeout=5)
                if answer.status_code == 200:
                    return int(answer.headers["Upload-Offset"])
            return None

        at = wait_for(offset, what="the offset")
        there = (unit.video / key).exists()
        assert at < len(data) or (there and (unit.video / key).read_bytes() == data), number
        seen[at == len(data)] += 1
        if at < len(data) - 1:  # what is whole is finished by the server
            assert send(unit, address, at, data[at:]).status_code == 204
        wait_for(lambda offset=offset, data=data: offset() == len(data), what="the clip")
        assert (unit.video / key).read_bytes() == data
    wait_for(lambda: not left(unit), what=f"an empty spool ({seen}): what a killed worker left goes in its turn")


def quiet(call: Callable[[], object]) -> None:
    """Do something of which nobody hears how it went."""
    with contextlib.suppress(requests.RequestException):
        call()


def test_creation_with_upload(unit: RunningUnit, data: bytes) -> None:
    """All of it, or the beginning, with the creation."""
    whole = begin(unit, len(data), PIECE, data, camera="tus", filename="whole.mp4")
    assert (whole.status_code, whole.headers["Upload-Offset"]) == (201, str(len(data)))
    assert unit.get("/tus/whole.mp4").content == data
    other = clips.stamp(data, 7)
    part = begin(unit, len(other), PIECE, other[:4000], camera="tus", filename="part.mp4")
    assert (part.status_code, part.headers["Upload-Offset"]) == (201, "4000")
    assert send(unit, part.headers["Location"], 4000, other[4000:]).status_code == 204
    assert unit.get("/tus/part.mp4").content == other


def test_offsets_and_types_that_do_not_fit(unit: RunningUnit, data: bytes) -> None:
    """409, 415, 413, 400, 404: and what was there stays."""
    address = begin(unit, len(data), camera="tus", filename="fit.mp4").headers["Location"]
    send(unit, address, 0, data[:100])
    assert send(unit, address, 0, data[:100]).status_code == 409
    assert send(unit, address, 200, data[200:]).status_code == 409
    assert send(unit, address, 100, data[100:], **{"Content-Type": "video/mp4"}).status_code == 415
    assert send(unit, address, 100, data + data).status_code == 413
    assert requests.patch(unit.url(address), headers=PIECE, data=b"x", timeout=30).status_code == 400
    assert send(unit, "/watcher/tus/" + "A" * 22, 0, b"x").status_code == 404
    assert requests.head(unit.url("/watcher/tus/..%2f..%2fx"), headers=TUS, timeout=30).status_code == 404
    assert offset(unit, address) == 100
    assert requests.delete(unit.url(address), headers=TUS, timeout=30).status_code == 204
    assert requests.head(unit.url(address), headers=TUS, timeout=30).status_code == 404
    assert send(unit, address, 100, data[100:]).status_code == 404


@pytest.mark.parametrize(
    ("length", "meta", "status"),
    [
        (5 << 30, {"camera": "tus", "filename": "x.mp4"}, 413),
        (100, {"filename": "x.mp4"}, 400),
        (100, {"camera": "../x", "filename": "x.mp4"}, 400),
        (100, {"camera": "tus", "filename": "../../x.mp4"}, 400),
        (100, {"camera": "tus", "filename": "x.exe"}, 400),
        (100, {"camera": "tus", "filename": "x.mp4", "started_at": "yesterday"}, 400),
    ],
)
def test_uploads_that_are_not_begun(length: int, meta: dict, status: int, unit: RunningUnit) -> None:
    """Refused when they are created, before a byte is sent."""
    assert begin(unit, length, **meta).status_code == status
    for header, value in (("Upload-Length", "-1"), ("Upload-Length", ""), ("Upload-Metadata", "camera !!!")):
        assert begin(unit, 100, {header: value}, camera="tus", filename="x.mp4").status_code == 400


def test_checksums(unit: RunningUnit, data: bytes) -> None:
    """460 for a piece that was damaged on the way, and nothing of it counts."""
    address = begin(unit, len(data), camera="tus", filename="sum.mp4").headers["Location"]
    for name, digest in (("sha1", hashlib.sha1), ("sha256", hashlib.sha256), ("md5", hashlib.md5)):
        at = offset(unit, address)
        piece = data[at : at + 1000]
        checksum = f"{name} {base64.b64encode(digest(piece).digest()).decode()}"
        assert send(unit, address, at, b"x" * 1000, **{"Upload-Checksum": checksum}).status_code == 460
        assert offset(unit, address) == at
        assert send(unit, address, at, piece, **{"Upload-Checksum": checksum}).status_code == 204
    for checksum in ("crc32 AAAA", "sha1 ###", "sha1"):
        refused = send(unit, address, 3000, data[3000:], **{"Upload-Checksum": checksum})
        assert refused.status_code in {400, 460}, checksum
    assert offset(unit, address) == 3000
    requests.delete(unit.url(address), headers=TUS, timeout=30)


def test_what_is_whole_and_no_clip_is_dropped(unit: RunningUnit, data: bytes) -> None:
    """The last piece is told so; the same bytes under a taken name are fine, others are not."""
    bad = begin(unit, 5000, camera="tus", filename="bad.mp4").headers["Location"]
    assert send(unit, bad, 0, b"no film" + bytes(4993)).status_code == 415
    assert requests.head(unit.url(bad), headers=TUS, timeout=30).status_code == 404
    assert begin(unit, len(data), PIECE, data, camera="tus", filename="same.mp4").status_code == 201
    assert begin(unit, len(data), PIECE, data, camera="tus", filename="same.mp4").status_code == 201
    other = clips.stamp(data, 1)
    assert begin(unit, len(other), PIECE, other, camera="tus", filename="same.mp4").status_code == 409
    wait_for(lambda: left(unit) == [], what="an empty spool")


def test_methods_of_clients_that_have_few(unit: RunningUnit, data: bytes) -> None:
    """X-HTTP-Method-Override."""
    address = begin(unit, len(data), camera="tus", filename="over.mp4").headers["Location"]
    headers = {**PIECE, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert requests.post(unit.url(address), headers=headers, data=data[:10], timeout=30).status_code == 204
    assert offset(unit, address) == 10
    gone = requests.post(unit.url(address), headers={**TUS, "X-HTTP-Method-Override": "DELETE"}, timeout=30)
    assert gone.status_code == 204
    assert requests.head(unit.url(address), headers=TUS, timeout=30).status_code == 404


@pytest.mark.slow
def test_uploads_expire(start_unit: Callable[..., RunningUnit], data: bytes) -> None:
    """410 after so long without a byte, and the ingester removes what is left; running ones are let be."""
    unit = start_unit(settings={"WATCHER_UPLOAD__EXPIRE_HOURS": "0.002", "WATCHER_SCAN__INTERVAL_SECONDS": "1"})
    old = begin(unit, len(data), PIECE, data[:500], camera="tus", filename="old.mp4").headers["Location"]
    gone = wait_for(
        lambda: (code := requests.head(unit.url(old), headers=TUS, timeout=30).status_code) in {410, 404} and code,
        what="its end",
    )
    assert gone in {410, 404}
    wait_for(lambda: left(unit) == [], what="an empty spool")
    alive = begin(unit, len(data), camera="tus", filename="alive.mp4").headers["Location"]
    until = time.monotonic() + 9
    at = 0
    while time.monotonic() < until:
        assert send(unit, alive, at, data[at : at + 1]).status_code == 204
        at += 1
        time.sleep(0.2)
    assert send(unit, alive, at, data[at:]).status_code == 204
    assert unit.get("/tus/alive.mp4").content == data


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["uwsgi", "nginx: worker", "all"])
def test_an_upload_goes_on_after_a_crash(victim: str, start_unit: Callable[..., RunningUnit], data: bytes) -> None:
    """What was acknowledged is there; the rest is sent from the offset that HEAD tells."""
    unit = start_unit()
    address = begin(unit, len(data), camera="tus", filename="crash.mp4").headers["Location"]
    assert send(unit, address, 0, data[:5000]).status_code == 204
    if victim == "all":
        unit.stop(signal.SIGKILL)
        unit.start()
    else:
        for pid, command in unit.family().items():
            if victim in command and pid != unit.process.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def offset() -> int | None:
        try:
            answer = requests.head(unit.url(address), headers=TUS, timeout=5)
        except requests.RequestException:
            return None
        return int(answer.headers["Upload-Offset"]) if answer.status_code == 200 else None

    assert wait_for(offset, what="the offset") == 5000
    assert send(unit, address, 5000, data[5000:]).status_code == 204
    assert unit.get("/tus/crash.mp4").content == data


def test_tus_js_client(unit: RunningUnit, data: bytes, tmp_path: Path) -> None:
    """The client that pages and apps use, in pieces, stopped and gone on with."""
    folder = Path(__file__).parent.parent / "npm"
    if shutil.which("node") is None or not (folder / "node_modules").exists():
        pytest.skip("clients from npm are not installed (make npm)")
    path = tmp_path / "clip.mp4"
    path.write_bytes(data)
    command = ["node", folder / "send.mjs", unit.url("/watcher/tus"), path, "tusjs", "clip.mp4"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["resumed_at"] >= 4096
    assert unit.get("/tusjs/clip.mp4").content == data
    # Stopped before the end, which then fails; when the server has finished it, nothing more is sent.
    going_on = ["node", folder / "send.mjs", unit.url("/watcher/tus"), path, "tusjs", "kept.mp4"]
    with whole_and_held(unit, data, camera="tusjs", filename="kept.mp4") as address:
        failed = subprocess.run([*going_on, unit.url(address)], capture_output=True, text=True, timeout=60)
        assert failed.returncode != 0
        assert "423" in failed.stderr
    wait_for(lambda: offset(unit, address) == len(data), what="the clip")
    done = subprocess.run([*going_on, unit.url(address)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert unit.get("/tusjs/kept.mp4").content == data


def test_tuspy(unit: RunningUnit, data: bytes, tmp_path: Path) -> None:
    """A client from PyPI, in pieces, and resumed by another process of it."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(data)
    client = TusClient(unit.url("/watcher/tus"))
    metadata_ = {"camera": "tuspy", "filename": "clip.mp4"}
    with path.open("rb") as first, path.open("rb") as second:
        uploader = client.uploader(file_stream=first, chunk_size=3000, metadata=metadata_)
        uploader.upload_chunk()
        again = client.uploader(file_stream=second, chunk_size=3000, url=uploader.url)
        assert again.offset == 3000
        again.upload()
    assert unit.get("/tuspy/clip.mp4").content == data
    with whole_and_held(unit, data, camera="tuspy", filename="kept.mp4") as address, path.open("rb") as file:
        uploader = client.uploader(file_stream=file, chunk_size=3000, url=unit.url(address))
        with pytest.raises(TusUploadFailed, match="423"):
            uploader.upload()
    wait_for(lambda: offset(unit, address) == len(data), what="the clip")
    with path.open("rb") as file:
        client.uploader(file_stream=file, chunk_size=3000, url=unit.url(address)).upload()
    assert unit.get("/tuspy/kept.mp4").content == data
