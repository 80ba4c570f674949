"""Clips straight from nginx: ranges as browsers ask for them, and nothing that is not a clip."""

from __future__ import annotations

import http.client
import shutil
from pathlib import Path

import pytest

from tests.running import RunningUnit


@pytest.fixture(scope="module")
def clip(unit: RunningUnit, samples: Path) -> bytes:
    """A clip at /served/a.mp4."""
    (unit.video / "served").mkdir()
    shutil.copy(samples / "faststart.mp4", unit.video / "served/a.mp4")
    unit.wait_clip("served/a.mp4")
    return (samples / "faststart.mp4").read_bytes()


@pytest.mark.parametrize(
    ("span", "first", "last"),
    [("0-1", 0, 1), ("0-", 0, None), ("100-199", 100, 199), ("-50", -50, None), ("5000-", 5000, None)],
)
def test_ranges(unit: RunningUnit, clip: bytes, span: str, first: int, last: int | None) -> None:
    """Safari's `bytes=0-1` probe, Chromium's open ranges, suffixes: 206 with exactly these bytes."""
    answer = unit.get("/served/a.mp4", headers={"Range": f"bytes={span}"})
    expected = clip[first:] if last is None else clip[first : last + 1]
    start = len(clip) + first if first < 0 else first

    assert answer.status_code == 206
    assert answer.content == expected
    assert answer.headers["Content-Range"] == f"bytes {start}-{start + len(expected) - 1}/{len(clip)}"
    assert answer.headers["Content-Type"] == "video/mp4"


def test_a_range_past_the_end_is_416(unit: RunningUnit, clip: bytes) -> None:
    """And it says how long the clip is."""
    answer = unit.get("/served/a.mp4", headers={"Range": f"bytes={len(clip)}-"})
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, f"bytes */{len(clip)}")


def test_if_range_and_if_none_match(unit: RunningUnit, clip: bytes) -> None:
    """A fresh tag gets the range or 304, a stale one the whole clip."""
    whole = unit.get("/served/a.mp4")
    tag = whole.headers["ETag"]
    fresh = unit.get("/served/a.mp4", headers={"Range": "bytes=10-19", "If-Range": tag})
    stale = unit.get("/served/a.mp4", headers={"Range": "bytes=10-19", "If-Range": '"stale"'})
    same = unit.get("/served/a.mp4", headers={"If-None-Match": tag})

    assert not tag.startswith("W/")
    assert (fresh.status_code, fresh.content) == (206, clip[10:20])
    assert (stale.status_code, stale.content) == (200, clip)
    assert same.status_code == 304


def test_head_and_headers(unit: RunningUnit, clip: bytes) -> None:
    """HEAD tells the length; the clip is asked for again each time, and never guessed at."""
    answer = unit.get("/served/a.mp4")
    head = http.client.HTTPConnection("127.0.0.1", unit.port)
    head.request("HEAD", "/served/a.mp4")
    response = head.getresponse()

    assert (response.status, response.getheader("Content-Length"), response.read()) == (200, str(len(clip)), b"")
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Server"] == "nginx"
    head.close()


def test_many_ranges_at_once_are_not_served(unit: RunningUnit, clip: bytes) -> None:
    """`max_ranges 1`: more than one is answered with the whole clip, not with a multipart storm."""
    answer = unit.get("/served/a.mp4", headers={"Range": "bytes=0-1,5-9,20-30"})
    assert (answer.status_code, len(answer.content)) == (200, len(clip))


@pytest.mark.parametrize(
    "path",
    [
        "/served/", "/served", "/.watcher", "/served/../../catalog.db", "/..%2fcatalog.db", "/%2e%2e/catalog.db",
        "/served/%2e%2e/%2e%2e/run/nginx.conf", "/nothing.mp4", "/served/a.mp4/", "/watcher/static/", "/run/nginx.conf",
        "/watcher/static/000000000000/../../web/wire.py", "/watcher/renditions/", "/watcher/renditions/../catalog.db",
    ],
)  # fmt: skip
def test_what_is_no_clip_is_not_there(unit: RunningUnit, clip: bytes, path: str) -> None:
    """Folders, hidden files, and ways out of the root."""
    connection = http.client.HTTPConnection("127.0.0.1", unit.port)
    connection.request("GET", path)  # as it is: requests would tidy the dots
    answer = connection.getresponse()
    body = answer.read()
    connection.close()

    assert answer.status in {400, 404, 301}, (path, answer.status)
    assert b"Index of" not in body
    assert b"SQLite" not in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_clips_are_read_only(unit: RunningUnit, clip: bytes, method: str) -> None:
    """Nothing that is sent to a clip's address changes it."""
    connection = http.client.HTTPConnection("127.0.0.1", unit.port)
    connection.request(method, "/served/a.mp4", body=b"x")
    assert connection.getresponse().status in {403, 405}
    connection.close()
    assert (unit.video / "served/a.mp4").read_bytes() == clip


def test_the_mount(unit: RunningUnit) -> None:
    """`/` and `/watcher` lead to the page; `/watcherx` is a clip's path; addresses carry the prefix."""
    home = unit.get("/", allow_redirects=False)
    bare = unit.get("/watcher", allow_redirects=False)

    assert (home.status_code, home.headers["Location"]) == (302, "/watcher/")
    assert (bare.status_code, bare.headers["Location"]) == (308, "/watcher/")
    assert unit.get("/watcherx").headers["Content-Type"] == "text/plain"  # nginx's own word, not the API's
    assert "<title>" in unit.get("/watcher/").text
    assert unit.get("/watcher/clips/").status_code == 404


def test_long_questions_get_through(unit: RunningUnit) -> None:
    """5 KB of query are twice in uWSGI's packet, whose default is 4 KB."""
    answer = unit.get("/watcher/clips?camera=" + "x" * 5000)
    assert (answer.status_code, answer.json()["clips"]) == (200, [])
    assert unit.get("/watcher/clips", headers={"X-Long": "y" * 6000}).status_code == 200


@pytest.mark.parametrize("path", ["clips", "cameras", "timeline", "changes", "changes/head", "metrics"])
def test_a_body_that_nobody_reads_breaks_nothing(path: str, unit: RunningUnit) -> None:
    """A POST to a place that takes none is answered, not cut off; one too large is a problem in JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", unit.port)
    for _ in range(6):
        connection.request("POST", f"/watcher/{path}", body=b"x" * 900_000)
        answer = connection.getresponse()
        assert (answer.status, answer.read()[:1]) == (405, b"{")
    connection.request("POST", f"/watcher/{path}", body=b"x" * 3_000_000)
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Content-Type")) == (413, "application/problem+json")
    connection.close()
