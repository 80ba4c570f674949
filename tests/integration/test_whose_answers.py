"""Nobody gets somebody else's answer: what nginx remembers of a question is by all that says who asks."""

from __future__ import annotations

import http.client
import itertools
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests import clips
from tests.running import RunningUnit, running, wait_for

SHARED = {"Cache-Control": "max-age=1"}
NOTHING_SEEN = {401, 403, 400}


@pytest.fixture(scope="module")
def unit(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Iterator[RunningUnit]:
    """A watcher that wants keys, with a clip of each of two cameras."""
    with running(tmp_path_factory.mktemp("whose"), settings={"WATCHER_AUTH__MODE": "keys"}) as started:
        data = (samples / "plain.mp4").read_bytes()
        for number, camera in enumerate(("porch", "gate")):
            (started.video / camera).mkdir(parents=True)
            (started.video / camera / "1.mp4").write_bytes(clips.stamp(data, number))
        yield started


@pytest.fixture(scope="module")
def admin(unit: RunningUnit) -> str:
    return key(unit, "admin", "--role", "admin")


@pytest.fixture(scope="module")
def shown(unit: RunningUnit, admin: str) -> list[dict]:
    """Both clips, with posters."""

    def ready() -> list[dict] | None:
        clips = unit.get("/watcher/clips", headers=bearer(admin)).json()["clips"]
        return clips if len(clips) == 2 and all(clip["poster_url"] for clip in clips) else None

    return wait_for(ready, what="two clips with posters")


def key(unit: RunningUnit, name: str, *arguments: str) -> str:
    return unit.run("key", "create", name, *arguments).stdout.strip()


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def signed_in(unit: RunningUnit, secret: str) -> str:
    """The secret of a new session."""
    answer = requests.post(unit.url("/watcher/sign-in"), data={"key": secret}, allow_redirects=False, timeout=60)
    return answer.cookies["watcher_session"]


def raw(unit: RunningUnit, path: str, *headers: str, method: str = "GET") -> int:
    """The status of a request whose headers stand as they are given."""
    with socket.create_connection(("127.0.0.1", unit.port), 10) as asking:
        lines = [f"{method} {path} HTTP/1.1", "Host: x", "Connection: close", *headers]
        asking.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        answer = http.client.HTTPResponse(asking, method=method)
        answer.begin()
        answer.read()
        return answer.status


def addresses(shown: list[dict]) -> list[str]:
    """What is asked again and again, and media."""
    lists = ["clips", "changes/head", "cameras", "timeline?from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z"]
    return [f"/watcher/{name}" for name in lists] + [shown[0]["url"], shown[0]["poster_url"]]


def test_a_stranger_s_cookies_open_nothing_that_somebody_has_just_opened(
    unit: RunningUnit, admin: str, shown: list[dict]
) -> None:
    """Whatever a signed-in person asked a moment before, with several cookies or one, in one header or more."""
    mine = signed_in(unit, admin)
    share = "Cache-Control: max-age=1"
    for address in addresses(shown):
        for bad in ("x", '"x"', "", mine + "x"):
            for name in ("WATCHER_SESSION", "Watcher_Session", "watcher_session"):
                pair = (f"{name}={bad}", f"watcher_session={mine}")
                for two in (pair, pair[::-1]):
                    raw(unit, address, f"Cookie: {'; '.join(two)}", share)
                    raw(unit, address, f"Cookie: {two[0]}", f"Cookie: {two[1]}", share)
                alone = raw(unit, address, f"Cookie: {name}={bad}", share)
                assert alone in NOTHING_SEEN, (address, name, bad, alone)
        assert raw(unit, address, f"WATCHER_SESSION={mine}", share) in NOTHING_SEEN
        assert raw(unit, address, f"Cookie: theme=dark; watcher_session={mine}", share) == 200


def test_several_sessions_in_one_request_are_refused(unit: RunningUnit, admin: str, shown: list[dict]) -> None:
    """Even when each of them is right: nobody has two, and whoever plants one wants to be taken for somebody."""
    mine = signed_in(unit, admin)
    for address in addresses(shown):
        for name in ("watcher_session", "WATCHER_SESSION"):
            assert raw(unit, address, f"Cookie: {name}={mine}; watcher_session={mine}") == 401, address
            assert raw(unit, address, f"Cookie: {name}={mine}", f"Cookie: watcher_session={mine}") == 401, address
        twice = (f"Authorization: Bearer {admin}",) * 2
        assert raw(unit, address, *twice) in NOTHING_SEEN, address


def test_what_is_written_into_one_header_does_not_pass_for_another(
    unit: RunningUnit, admin: str, shown: list[dict]
) -> None:
    """A key or a cookie that holds what else stands in the name of an answer; paths that hold line ends."""
    mine, bound = signed_in(unit, admin), key(unit, "bound", "--role", "view", "--camera", "gate")
    clip = next(clip_ for clip_ in shown if clip_["camera"] == "porch")
    for address in addresses(shown):
        answer = raw(unit, address, f"Authorization: Bearer {admin}", f"Cookie: watcher_session={mine}")
        assert answer == 200
        for header in (
            f"Authorization: Bearer {admin} {mine}",
            f"Authorization: Bearer {admin} watcher_session={mine}",
            f"Authorization: Bearer {admin}\twatcher_session={mine}",
            f"Cookie: {admin} {mine}",
            f"Cookie: Bearer {admin}",
            f"Cookie: watcher_session={mine} ",
        ):
            expected = {200} if header.endswith("=" + mine + " ") else NOTHING_SEEN
            assert raw(unit, address, header, "Cache-Control: max-age=1") in expected, (address, header)
    assert raw(unit, clip["url"], f"Authorization: Bearer {bound}") == 403
    for path in (f"/x%0A{clip['url']}", f"/x%0D%0A{clip['url']}", f"{clip['url']}%0A", f"{clip['url']}%20"):
        assert raw(unit, path, f"Authorization: Bearer {bound}") in {403, 404}, path
        assert raw(unit, path) == 401, path
    assert raw(unit, clip["url"], f"Authorization: Bearer {bound}") == 403


def test_neither_method_nor_host_nor_forwarding_makes_a_difference(
    unit: RunningUnit, admin: str, shown: list[dict]
) -> None:
    """HEAD, ranges, compression, hosts and forwarded names: who has no key is refused each time."""
    variants = (
        "Host: other",
        "Range: bytes=0-1",
        "Accept-Encoding: gzip",
        "X-Forwarded-For: 127.0.0.1",
        "X-Forwarded-Host: other",
        "X-Forwarded-User: admin",
        "X-Original-URL: /watcher/livez",
        "X-Rewrite-URL: /watcher/livez",
        "Authorization_: x",
        "Http_Authorization: x",
        "If-None-Match: *",
    )
    for address, method in itertools.product(addresses(shown), ("GET", "HEAD")):
        for variant in variants[1:]:
            ok = raw(
                unit, address, f"Authorization: Bearer {admin}", variant, "Cache-Control: max-age=1", method=method
            )
            assert ok in {200, 206, 304}, (address, variant, ok)
            refused = raw(unit, address, variant, "Cache-Control: max-age=1", method=method)
            assert refused == 401, (address, variant, refused)
        assert raw(unit, address, f"AUTHORIZATION: bearer {admin}", method=method) == 200
    for spelling in ("/watcher/%63lips", "//watcher/clips", "/watcher/./clips", "/watcher/x/../clips?"):
        assert raw(unit, spelling, f"Authorization: Bearer {admin}", "Cache-Control: max-age=1") == 200
        assert raw(unit, spelling, "Cache-Control: max-age=1") == 401, spelling


@pytest.mark.slow
@pytest.mark.parametrize("how", ["revoke", "rotate"])
def test_a_key_that_ended_gets_no_list_more_however_many_ask(
    how: str, unit: RunningUnit, admin: str, shown: list[dict]
) -> None:
    """Not one, while eight ask without end for what may be a second old; and media for less than five seconds."""
    secret = key(unit, f"tablet-{how}", "--role", "view")
    session = signed_in(unit, secret)
    ended, stop = [float("inf")], threading.Event()
    late: list[tuple[str, float]] = []
    answered = itertools.count()
    media = {shown[0]["url"], shown[0]["poster_url"]}
    ways = [bearer(secret), {"Cookie": f"watcher_session={session}"}]

    def ask(mine: dict[str, str]) -> None:
        asking = requests.Session()
        for address in itertools.cycle(addresses(shown)):
            if stop.is_set():
                return
            began = time.monotonic()
            status = asking.get(unit.url(address), headers=SHARED | mine, timeout=60).status_code
            next(answered)
            if status != 401 and began > ended[0] + (5 if address in media else 0):
                late.append((address, began - ended[0]))

    asking = [threading.Thread(target=ask, args=(ways[number % 2],)) for number in range(8)]
    for holder in asking:
        holder.start()
    wait_for(lambda: next(answered) > 200, what="two hundred answers")
    assert unit.run("key", how, f"tablet-{how}").returncode == 0
    ended[0] = time.monotonic()
    for holder in (bearer(secret), {"Cookie": f"watcher_session={session}"}):
        assert unit.get("/watcher/clips", headers=SHARED | holder).status_code == 401
    threading.Event().wait(5.5)  # longer than media may take
    stop.set()
    for holder in asking:
        holder.join()
    assert late == []


def test_media_are_kept_by_nobody_between(unit: RunningUnit, admin: str, shown: list[dict]) -> None:
    """Who has to say who they are gets what only their own browser may keep, and only for them."""
    for address in (shown[0]["url"], shown[0]["poster_url"]):
        headers = unit.get(address, headers=bearer(admin)).headers
        directives = {part.strip() for part in headers["Cache-Control"].split(",")}
        assert "private" in directives, address
        assert "public" not in directives, address
        assert headers["Vary"] == "Authorization, Cookie"
