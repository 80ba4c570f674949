"""Clips that are sent: by curl, ffmpeg, a form; checked, filed, listed, and never taken by halves."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests import clips
from tests.running import RunningUnit, wait_for


def bytes_of(samples: Path, number: int, name: str = "plain") -> bytes:
    """A clip of its own content."""
    return clips.stamp((samples / f"{name}.mp4").read_bytes(), number)


def put(unit: RunningUnit, path: str, data: bytes, **headers: str) -> requests.Response:
    """PUT raw bytes."""
    return requests.put(unit.url(f"/watcher/uploads/{path}"), data=data, headers=headers, timeout=60)


def spooled(unit: RunningUnit) -> list[str]:
    """What lies in the spool, but for the folder of unfinished uploads."""
    return [str(p.relative_to(unit.data)) for p in (unit.data / "spool").rglob("*") if p.is_file()]


def curl(*arguments: str) -> tuple[int, str]:
    """The status and the body that curl got."""
    done = subprocess.run(
        ["curl", "-s", "-w", "\n%{http_code}", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    text, _, code = done.stdout.rpartition("\n")
    return int(code), text


def test_a_clip_is_put_and_plays(unit: RunningUnit, samples: Path) -> None:
    """201 with the clip and where it is; listed and served at once; its poster follows; nothing stays behind."""
    data = bytes_of(samples, 1)
    sent = put(unit, "porch/2026-11-21/070000.mp4", data)
    assert sent.status_code == 201, sent.text
    clip = sent.json()
    assert (clip["key"], clip["camera"], clip["state"]) == ("porch/2026-11-21/070000.mp4", "porch", "ready")
    assert (clip["started_at"], clip["time_source"]) == ("2026-11-21T06:00:00.000Z", "name")
    assert sent.headers["Location"] == clip["links"]["self"]
    assert unit.get(clip["url"]).content == data
    assert [c["id"] for c in unit.clips(camera="porch")] == [clip["id"]]
    wait_for(lambda: unit.clip(clip["key"])["poster_url"], what="its poster")
    assert unit.clip(clip["key"])["id"] == clip["id"]
    wait_for(lambda: spooled(unit) == [], what="an empty spool")


def test_twice_is_the_same_clip_and_other_bytes_are_refused(unit: RunningUnit, samples: Path) -> None:
    """200 with the same id; 409 leaves what is there."""
    data = bytes_of(samples, 2)
    first = put(unit, "twice/a.mp4", data)
    again = put(unit, "twice/a.mp4", data)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["id"] == first.json()["id"]
    other = put(unit, "twice/a.mp4", bytes_of(samples, 3))
    assert (other.status_code, other.json()["code"]) == (409, "taken")
    same_ends = bytearray(data)
    same_ends[len(data) // 2] ^= 1  # the same size, and the same at both ends
    assert put(unit, "twice/a.mp4", bytes(same_ends)).status_code == 409
    assert unit.get("/twice/a.mp4").content == data
    wait_for(lambda: spooled(unit) == [], what="an empty spool")


def test_the_digest_that_was_sent_is_checked(unit: RunningUnit, samples: Path) -> None:
    """Repr-Digest: a mismatch is 400 and nothing is kept; algorithms that nobody should use are passed over."""
    data = bytes_of(samples, 4)
    right = base64.b64encode(hashlib.sha256(data).digest()).decode()
    wrong = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    refused = put(unit, "digest/a.mp4", data, **{"Repr-Digest": f"sha-256=:{wrong}:"})
    assert (refused.status_code, refused.json()["code"]) == (400, "digest_mismatch")
    assert unit.get("/digest/a.mp4").status_code == 404
    assert put(unit, "digest/a.mp4", data, **{"Repr-Digest": "sha-256=nonsense"}).status_code == 400
    taken = put(unit, "digest/a.mp4", data, **{"Repr-Digest": f"md5=:AAAA:, sha-256=:{right}:"})
    assert taken.status_code == 201
    wait_for(lambda: spooled(unit) == [], what="an empty spool")


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"this is no film", 415, "not_iso_media"),
        (b"", 415, "not_iso_media"),
        (b"\x00" * 5000, 415, "not_iso_media"),
        (b"\x00\x00\x01\xba" + b"\x44" * 3000, 415, "not_iso_media"),
        ("cut", 422, "broken_clip"),
    ],
    ids=["text", "empty", "zeros", "mpeg", "cut"],
)
def test_what_is_no_clip_is_refused(
    content: bytes | str, status: int, code: str, unit: RunningUnit, samples: Path
) -> None:
    """415 for other bytes, 422 for a film that is cut off; nothing is kept."""
    data = content if isinstance(content, bytes) else (samples / "plain.mp4").read_bytes()[:-900]
    refused = put(unit, "bad/a.mp4", data)
    assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text
    assert not (unit.video / "bad" / "a.mp4").exists()
    wait_for(lambda: spooled(unit) == [], what="an empty spool")


@pytest.mark.parametrize(
    "path",
    [
        "porch/clip.txt",
        "porch/.hidden.mp4",
        "porch/clip.mp4.part",
        ".porch/clip.mp4",
        "watcher/clip.mp4",
        "porch/%2e%2e/%2e%2e/clip.mp4",
        "porch/a%00b.mp4",
        "porch/a%0Ab.mp4",
        "porch/%20a.mp4",
        "porch/@eaDir/a.mp4",
        "porch/" + "x" * 230 + ".mp4",
        "porch/" + "f/" * 12 + "a.mp4",
        "porch/a%5C..%5Cb.mp4",
        "porch/.mp4",
    ],
)
def test_names_that_are_no_keys(path: str, unit: RunningUnit, samples: Path) -> None:
    """400 before the body is taken, or another refusal of nginx's; nothing is written anywhere."""
    before = sorted(p for p in unit.data.rglob("*") if p.is_file() and "video" in p.parts)
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", unit.port, timeout=30)) as connection:
        connection.request("PUT", f"/watcher/uploads/{path}", body=bytes_of(samples, 5))
        answer = connection.getresponse()
        assert 400 <= answer.status < 500, (path, answer.status)
        if "%00" not in path:  # nginx refuses it before it knows which location is meant
            assert answer.headers["Content-Type"] == "application/problem+json"
            json.loads(answer.read())
    assert sorted(p for p in unit.data.rglob("*") if p.is_file() and "video" in p.parts) == before


def test_names_of_people(unit: RunningUnit, samples: Path) -> None:
    """Spaces, umlauts, emoji and folders are names like others."""
    for number, name in enumerate(
        ("Haus Tür/Gäste 🦊.mp4", "Haus Tür/a/b/c.MP4", "Haus Tür/100%25.mov".replace("%25", "%"))
    ):
        path = requests.utils.quote(name)
        sent = put(unit, path, bytes_of(samples, 10 + number))
        assert sent.status_code == 201, sent.text
        assert sent.json()["key"] == name
        assert unit.get(sent.json()["url"]).status_code == 200


def test_the_server_names_what_comes_without_a_name(unit: RunningUnit, samples: Path) -> None:
    """By `started_at`, else by the request's Date, in the site's zone; two of one second are two clips."""
    at = "2026-11-21T07:00:00%2B01:00"
    first = put(unit, f"gate/?started_at={at}", bytes_of(samples, 20)).json()
    second = put(unit, f"gate/?started_at={at}", bytes_of(samples, 21)).json()
    again = put(unit, f"gate/?started_at={at}", bytes_of(samples, 20))
    assert (first["key"], second["key"]) == ("gate/2026-11-21/070000.mp4", "gate/2026-11-21/070000-2.mp4")
    assert (again.status_code, again.json()["id"]) == (200, first["id"])
    assert {c["started_at"] for c in (first, second)} == {"2026-11-21T06:00:00.000Z"}
    dated = put(unit, "gate/", bytes_of(samples, 22), Date="Sat, 21 Nov 2026 08:30:00 GMT").json()
    assert (dated["key"], dated["time_source"]) == ("gate/2026-11-21/093000.mp4", "upload")


def test_what_was_said_of_a_clip_stays(unit: RunningUnit, samples: Path) -> None:
    """Its camera and its start, whatever its name tells, also after the file was read again."""
    sent = put(unit, "shed/clip7.mp4?started_at=2026-03-05T12:00:00.250Z", bytes_of(samples, 23)).json()
    assert (sent["started_at"], sent["time_source"]) == ("2026-03-05T12:00:00.250Z", "upload")
    os.utime(unit.video / "shed" / "clip7.mp4")
    revision = sent["revision"]
    again = wait_for(lambda: (c := unit.clip("shed/clip7.mp4")) and c["revision"] > revision + 1 and c, what="it")
    assert (again["started_at"], again["time_source"], again["camera"]) == (
        "2026-03-05T12:00:00.250Z",
        "upload",
        "shed",
    )
    named = put(unit, "shed/FrontDoor.20260305_120000.mp4", bytes_of(samples, 24)).json()
    assert named["camera"] == "shed"
    for text in ("2026-03-05T12:00:00", "tomorrow", "1970-01-01T00:00:00Z"):
        refused = put(unit, f"shed/x.mp4?started_at={text}", b"")
        assert (refused.status_code, refused.json()["parameter"]) == (400, "started_at")


def test_a_form(unit: RunningUnit, samples: Path, tmp_path: Path) -> None:
    """As curl and browsers send it, the fields in any order, and a file that has the look of a boundary in it."""
    data = bytes_of(samples, 30)
    path = tmp_path / "C:\\cams\\clip 1.mp4"
    path.write_bytes(data)
    url = unit.url("/watcher/uploads")
    code, text = curl("-F", f'file=@"{path}"', "-F", "camera=form", "-F", "started_at=2026-03-05T12:00:00Z", url)
    assert code == 201, text
    clip = json.loads(text)
    assert (clip["key"], clip["started_at"]) == ("form/clip 1.mp4", "2026-03-05T12:00:00.000Z")
    assert unit.get(clip["url"]).content == data
    assert curl("-F", "camera=form", "-F", f'file=@"{path}"', url)[0] == 200
    tricky = data + b"\x00\x00\x00\x2afree\r\n--boundary\r\n--boundar--\r\n\r\n------"
    tricky = data + (len(tricky) - len(data)).to_bytes(4, "big") + tricky[len(data) + 4 :]
    sent = requests.post(url, data={"camera": "form"}, files={"file": ("b.mp4", tricky)}, timeout=30)
    assert sent.status_code == 201, sent.text
    assert unit.get("/form/b.mp4").content == tricky
    for fields, files, parameter in (
        ({}, {"file": ("c.mp4", data)}, "camera"),
        ({"camera": "form"}, {"other": ("c.mp4", data)}, "file"),
        ({"camera": "../x"}, {"file": ("c.mp4", data)}, "camera"),
    ):
        refused = requests.post(url, data=fields, files=files, timeout=30)
        assert (refused.status_code, refused.json()["parameter"]) == (400, parameter)
    cut = requests.Request("POST", url, data={"camera": "form"}, files={"file": ("d.mp4", data)}).prepare()
    refused = requests.post(
        url, data=cut.body[:-20], headers={"Content-Type": cut.headers["Content-Type"]}, timeout=30
    )
    assert (refused.status_code, refused.json()["parameter"]) == (400, "body")
    wait_for(lambda: spooled(unit) == [], what="an empty spool")


def test_curl_and_ffmpeg_put(unit: RunningUnit, samples: Path) -> None:
    """With a length, in chunks, and from ffmpeg, which leaves without reading the answer."""
    source = samples / "plain.mp4"
    code, text = curl("-T", str(source), unit.url("/watcher/uploads/curl/length.mp4"))
    assert code == 201, text
    chunked = ["-H", "Transfer-Encoding: chunked", "-H", "Content-Type: video/quicktime", "-T", str(source)]
    code, text = curl(*chunked, unit.url("/watcher/uploads/curl/chunked.mp4"))
    assert code == 201, text
    assert unit.get("/curl/chunked.mp4").content == source.read_bytes()
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    command = ["ffmpeg", "-v", "error", "-i", str(source), "-c", "copy", "-f", "mp4"]
    moving = ["-movflags", "frag_keyframe+empty_moov", "-method", "PUT"]
    subprocess.run([*command, *moving, unit.url("/watcher/uploads/curl/ffmpeg.mp4")], check=True, timeout=60)
    clip = unit.wait_clip("curl/ffmpeg.mp4", state="ready")
    assert clip["media"]["fragmented"]
    wait_for(lambda: spooled(unit) == [], what="an empty spool")


def test_a_client_that_dies_leaves_nothing(unit: RunningUnit, samples: Path) -> None:
    """Half a body is no clip; the next one under that name is."""
    data = bytes_of(samples, 40) + (300_000).to_bytes(4, "big") + b"free" + bytes(299_992)
    with socket.create_connection(("127.0.0.1", unit.port)) as connection:
        head = f"PUT /watcher/uploads/dead/a.mp4 HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n"
        connection.sendall(head.encode() + data[: len(data) // 2])
        wait_for(lambda: spooled(unit), what="a body in the spool")
    wait_for(lambda: spooled(unit) == [], what="an empty spool")
    assert unit.clip("dead/a.mp4") is None
    assert put(unit, "dead/a.mp4", data).status_code == 201


def test_parts_of_clips_are_no_clips(unit: RunningUnit, samples: Path) -> None:
    """Content-Range and Content-Encoding are refused, not ignored."""
    data = bytes_of(samples, 41)
    refused = put(unit, "parts/a.mp4", data, **{"Content-Range": f"bytes 0-{len(data) - 1}/{len(data)}"})
    assert (refused.status_code, refused.json()["parameter"]) == (400, "Content-Range")
    assert put(unit, "parts/a.mp4", data, **{"Content-Encoding": "gzip"}).status_code == 415


@pytest.mark.slow
def test_limits(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """Too large, too much for today, too little free: refused before a byte is taken where the length is known."""
    data = (samples / "plain.mp4").read_bytes()
    free = shutil.disk_usage(samples).free
    unit = start_unit(
        settings={
            "WATCHER_UPLOAD__MAX_BYTES": str(1 << 20),
            "WATCHER_UPLOAD__MAX_BYTES_PER_DAY": str(len(data) * 2 + 40),
        }
    )
    large = requests.put(
        unit.url("/watcher/uploads/a/large.mp4"),
        headers={"Content-Length": str(2 << 20), "Expect": "100-continue"},
        timeout=30,
    )
    assert (large.status_code, large.json()["code"]) == (413, "too_large")
    assert put(unit, "a/large.mp4", b"\0" * (2 << 20)).status_code == 413
    chunked = requests.put(unit.url("/watcher/uploads/a/large.mp4"), data=iter([b"\0" * (1 << 20)] * 3), timeout=30)
    assert chunked.status_code == 411, "so much is too much for today; a smaller one with its length is not"
    assert [put(unit, f"a/{n}.mp4", clips.stamp(data, n)).status_code for n in range(3)] == [201, 201, 429]
    assert put(unit, "b/0.mp4", clips.stamp(data, 9)).status_code == 201
    wait_for(lambda: spooled(unit) == [], what="an empty spool")
    tight = start_unit("tight", settings={"WATCHER_UPLOAD__MIN_FREE_BYTES": str(free + (10 << 30))})
    full = put(tight, "a/1.mp4", data)
    assert (full.status_code, full.json()["code"]) == (507, "disk_full")


def test_an_upload_does_not_follow_links_out_of_the_tree(unit: RunningUnit, samples: Path, tmp_path: Path) -> None:
    """A linked folder is no place for a clip."""
    (unit.video / "linked").symlink_to(tmp_path)
    refused = put(unit, "linked/a.mp4", bytes_of(samples, 42))
    assert refused.status_code == 400, refused.text
    assert list(tmp_path.iterdir()) == []
    (unit.video / "linked").unlink()


def test_nobody_asks_what_nginx_asks(unit: RunningUnit) -> None:
    """The question before an upload is nginx's own."""
    for path in ("/watcher/internal/upload", "/watcher/internal/", "/watcher/uploads/../internal/upload"):
        assert unit.get(path).status_code == 404
    assert unit.get("/watcher/uploads/a/b.mp4").status_code == 405
