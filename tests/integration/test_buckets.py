"""A bucket behind a running watcher: clips move there, and play at their address as before."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.integration.test_stores import address, leave, store_of
from tests.running import RunningUnit, wait_for
from tests.s3_server import BUCKET, KEY, SECRET, Handler, Server, s3_server

SAME = ("ETag", "Last-Modified", "Content-Type", "Content-Length", "Cache-Control", "Content-Range")
HOSTILE = {
    "Set-Cookie": "a=b",
    "X-Accel-Redirect": "/watcher/internal/media",
    "X-Accel-Limit-Rate": "1",
    "Content-Type": "text/html",
    "Content-Disposition": "inline",
    "Cache-Control": "public, max-age=99",
    "Access-Control-Allow-Origin": "*",
    "Refresh": "0; url=http://example.org",
    "x-amz-request-id": "1",
    "x-amz-meta-sha256": "0",
}


@pytest.fixture
def server() -> Iterator[Server]:
    with s3_server() as started:
        yield started


def tiered(
    unit: RunningUnit,
    tmp_path: Path,
    endpoint: str,
    bucket: str = BUCKET,
    *,
    keys: tuple[str, str] = (KEY, SECRET),
    **settings: str,
) -> None:
    """Stop it when its pictures are made, if they are, which is asked before a clip moves; start it with a bucket."""
    if unit.environment.get("WATCHER_RENDER__WORKERS") != "0":
        wait_for(lambda: all(clip["poster_url"] for clip in unit.clips()), what="the posters")
    for name, secret in zip(("key", "secret"), keys, strict=True):
        (tmp_path / name).write_text(secret)
    unit.stop()
    unit.environment |= settings
    (unit.folder / "watcher.toml").write_text(
        f'[[stores]]\nname = "archive"\nkind = "s3"\nendpoint = "{endpoint}"\nbucket = "{bucket}"\nprefix = "ä b/"\n'
        f'access_key_file = "{tmp_path}/key"\nsecret_key_file = "{tmp_path}/secret"\n[tiering]\nafter_days = 1\n'
    )
    unit.start()


def requests_of(unit: RunningUnit) -> float:
    """How many requests the application has answered, this one not."""
    figures = re.findall(r"watcher_requests_total\{.*\} (\S+)", unit.get("/watcher/metrics").text)
    assert figures
    return sum(map(float, figures))


def finished(unit: RunningUnit, export: int) -> dict[str, Any] | None:
    """An export that is made, or failed."""
    answer: dict[str, Any] = unit.get(f"/watcher/exports/{export}").json()
    return answer if answer["state"] in {"ready", "failed", "error"} else None


QUESTIONS: list[tuple[str, dict[str, str]]] = [
    ("GET", {}),
    ("HEAD", {}),
    ("POST", {}),
    ("PUT", {}),
    ("GET", {"Range": "bytes=0-1"}),
    ("HEAD", {"Range": "bytes=0-1"}),
    ("GET", {"Range": "bytes=100-199"}),
    ("GET", {"Range": "bytes=100-"}),
    ("GET", {"Range": "bytes=-7"}),
    ("GET", {"Range": "bytes=-99999999"}),
    ("GET", {"Range": "bytes=-0"}),
    ("GET", {"Range": "bytes=99999999-"}),
    ("GET", {"Range": "bytes=0-1,3-4"}),
    ("GET", {"Range": "lines=0-1"}),
    ("GET", {"Range": "bytes=0-1", "If-Range": "ETAG"}),
    ("GET", {"Range": "bytes=0-1", "If-Range": '"other"'}),
    ("GET", {"Range": "bytes=0-1", "If-Range": "MODIFIED"}),
    ("GET", {"If-None-Match": "ETAG"}),
    ("GET", {"If-None-Match": "W/ETAG"}),
    ("GET", {"If-None-Match": '"other"'}),
    ("GET", {"If-Modified-Since": "MODIFIED"}),
    ("GET", {"If-None-Match": "ETAG", "If-Modified-Since": "MODIFIED"}),
    ("HEAD", {"If-None-Match": "ETAG"}),
]


def answers(unit: RunningUnit, key: str, etag: str, modified: str) -> list[tuple[object, ...]]:
    """What each question is answered with."""
    replies: list[tuple[object, ...]] = []
    for method, headers in QUESTIONS:
        sent = {name: value.replace("ETAG", etag).replace("MODIFIED", modified) for name, value in headers.items()}
        answer = requests.request(method, address(unit, key) + "?x=y", headers=sent, timeout=60)
        values = {name: answer.headers.get(name) for name in SAME}
        if answer.status_code >= 400:  # whose words may differ
            replies.append((method, headers, answer.status_code, values["Content-Range"]))
        else:
            if answer.status_code == 304:
                values["Content-Length"] = None
            replies.append((method, headers, answer.status_code, answer.content, values))
    return replies


@pytest.mark.slow
def test_a_clip_in_a_bucket_plays_as_before(
    start_unit: Callable[..., RunningUnit], samples: Path, tmp_path: Path, server: Server
) -> None:
    """Each kind of question has the same answer; one question to Python, none of the client's words to the store."""
    unit = start_unit(settings={"WATCHER_RENDER__SPRITES": "false"})
    keys = [leave(unit, samples, 1), leave(unit, samples, 2, camera="Ünter 100% #1")]
    local = {key: requests.get(address(unit, key), timeout=60) for key in keys}
    before = {
        key: answers(unit, key, local[key].headers["ETag"], local[key].headers["Last-Modified"]) for key in keys
    }
    tiered(unit, tmp_path, server.endpoint)
    for key in keys:
        wait_for(lambda key=key: store_of(unit, key) == "archive", what="the move", seconds=60)
        wait_for(lambda key=key: not (unit.video / key).exists(), what="its end here")
        assert server.bucket.objects[f"ä b/{key}"] == local[key].content
        requested = (local[key].headers["ETag"], local[key].headers["Last-Modified"])
        for was, now in zip(before[key], answers(unit, key, *requested), strict=True):
            assert now == was
        for odd in ("bytes=5-4", "bytes=x", "bytes=99999999999999999999-"):
            assert requests.get(address(unit, key), headers={"Range": odd}, timeout=60).status_code in {200, 416}
    # What wants a file has a copy for a while: HLS, a zip, a film.
    clip = unit.clip(keys[0])
    assert clip is not None
    number = clip["id"]
    assert requests.get(unit.url(f"/watcher/clips/{number}/segment.m4s"), timeout=60).status_code == 200
    packed = requests.get(unit.url("/watcher/clips.zip"), params={"id": [number]}, timeout=60).content
    assert zipfile.ZipFile(io.BytesIO(packed)).read(keys[0]) == local[keys[0]].content
    asks = {"cameras": ["porch"], "from": clip["started_at"], "to": clip["ended_at"]}
    film = requests.post(unit.url("/watcher/exports"), json=asks, timeout=60)
    assert film.status_code in {201, 202}, film.text
    export = wait_for(lambda: finished(unit, film.json()["id"]), what="the film")
    assert export["state"] == "ready", export
    copies = unit.folder / "data" / "spool"
    assert len([*copies.glob("cold/[0-9]*")]) == 1
    assert not (copies / "cold-films").exists()
    seen: list[dict[str, str]] = []

    def hostile(handler: Handler) -> bool:
        seen.append(dict(handler.headers.items()))
        if "X-Amz-Signature" in handler.path:
            real = handler.reply
            handler.reply = lambda status, body=b"", **more: real(status, body, **{**more, **HOSTILE})  # type: ignore[method-assign]
        return False

    key = keys[0]
    server.bucket.trick = hostile
    secret = {"Authorization": "Bearer wk_secret", "Cookie": "watcher=secret", "X-Other": "1", "User-Agent": "me"}
    answer = requests.get(address(unit, key), headers=secret, timeout=60)
    assert (answer.status_code, answer.content) == (200, local[key].content)
    assert set(answer.headers) <= set(local[key].headers) | {"Vary"}
    assert {name: answer.headers.get(name) for name in SAME} == {
        name: local[key].headers.get(name) for name in SAME
    }
    mine = [headers for headers in seen if "Authorization" not in headers]
    assert [set(headers) for headers in mine] == [{"Host"}]
    # Python was asked once, however often and by whomever the clip is asked for.
    was = requests_of(unit)
    for first in range(40):
        asks = {"Range": f"bytes={first}-", "Authorization": f"Bearer {first}"}
        assert requests.get(address(unit, key), headers=asks, timeout=60).status_code == 206
    assert requests_of(unit) - was < 5
    # What the store refuses, and where it would send a client, is told in words of ours.
    for status, code in ((403, 503), (301, 503), (500, 503), (503, 503), (400, 503)):
        server.bucket.trick = refusing(status)
        answer = requests.get(address(unit, key), timeout=60, allow_redirects=False)
        assert (answer.status_code, answer.text) == (code, "The store in which this clip lies is away\n")
        assert answer.headers["Retry-After"]
        assert "example.org" not in str(answer.headers)
    server.bucket.trick = None
    # An object that is not there is not found.
    kept = server.bucket.objects.pop(f"ä b/{key}")
    assert requests.get(address(unit, key), timeout=60).status_code == 404
    server.bucket.objects[f"ä b/{key}"] = kept
    # A store that is away is away for its clips alone.
    young = leave(unit, samples, 3, days=0)
    server.shutdown()
    server.server_close()
    answer = requests.get(address(unit, key), timeout=60)
    assert (answer.status_code, answer.text) == (503, "The store in which this clip lies is away\n")
    assert requests.get(address(unit, young), timeout=60).status_code == 200
    # Nothing that came from outside leads to a store, nor to the question where a clip lies.
    for path in ("/watcher/internal/cold", "/@store_archive", "/watcher/internal/said/page"):
        assert requests.get(unit.url(path), headers={"X-Watcher-Store": "archive"}, timeout=60).status_code == 404


def refusing(status: int) -> Callable[[Handler], bool]:
    """A store that answers signed addresses so."""

    def trick(handler: Handler) -> bool:
        if "X-Amz-Signature" not in handler.path:
            return False
        handler.reply(status, b"<Error><Code>No</Code></Error>", Location="http://example.org/")
        return True

    return trick
