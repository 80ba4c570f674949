"""Who may what, written down: each route and method, for everybody who may stand before it."""

from __future__ import annotations

import contextlib
import http.client
import re
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from tests import clips
from tests.integration.test_access import ask, bearer
from tests.running import RunningUnit, running, wait_for
from watcher.catalog.audit import By
from watcher.model.access import hashed
from watcher.ops import keys
from watcher.services import Services, open_services
from watcher.settings.load import Settings
from watcher.web import create_app

# The role that a route needs. This is what is meant, beside what the code declares: a new route is written in here too.
EXPECTED = {
    "anybody": """
        GET /livez
        GET /manifest.webmanifest
        GET /offline
        GET /readyz
        GET /worker.js
        POST /language
        GET /sign-in
        POST /sign-in
        POST /sign-out
    """,
    "view": """
        GET /
        GET /calendar
        GET /cameras
        GET /cameras/<camera>
        GET /cameras/<camera>/playlist.m3u8
        GET /changes
        GET /changes/head
        GET /clips
        GET /clips.zip
        GET /clips/<clip_id>
        GET /clips/<clip_id>/init.mp4
        GET /clips/<clip_id>/neighbours
        GET /clips/<clip_id>/proxy
        POST /clips/<clip_id>/proxy
        GET /clips/<clip_id>/segment.m4s
        PUT /clips/<clip_id>/seen
        DELETE /clips/<clip_id>/seen
        POST /clips/<clip_id>/share
        GET /clips/by-key/<key>
        GET /day
        GET /day/<day>
        GET /docs
        GET /side-by-side
        GET /exports
        POST /exports
        GET /exports/<export_id>
        DELETE /exports/<export_id>
        GET /find
        GET /labels
        GET /labels/export
        GET /metrics
        GET /openapi.json
        GET /seen
        PUT /seen
        GET /sessions
        DELETE /sessions
        DELETE /sessions/<session>
        GET /shares
        DELETE /shares/<share_id>
        GET /status
        GET /timeline
        GET /watch
        GET /watch/<clip_id>
    """,
    "label": """
        PATCH /clips/<clip_id>
        PUT /clips/<clip_id>/labels/<name>
        DELETE /clips/<clip_id>/labels/<name>
        GET /review
        POST /reviews
        DELETE /reviews/<review>
    """,
    "upload": """
        OPTIONS /tus
        POST /tus
        GET /tus/<upload_id>
        PATCH /tus/<upload_id>
        DELETE /tus/<upload_id>
        POST /tus/<upload_id>
        POST /uploads
        PUT /uploads/<camera>/
        PUT /uploads/<camera>/<name>
    """,
    "admin": """
        DELETE /clips/<clip_id>
        POST /clips/<clip_id>/recall
        POST /clips/<clip_id>/restore
        POST /retention/allow
        GET /retention/plan
        POST /status
        PUT /cameras/<camera>
    """,
}
NEEDS = {line.strip(): role for role, lines in EXPECTED.items() for line in lines.strip().splitlines()}
MAY = {
    "view": {"view"},
    "bound view": {"view"},
    "session": {"view"},
    "label": {"view", "label"},
    "bound label": {"view", "label"},
    "upload": {"upload"},
    "admin": {"view", "label", "upload", "admin"},
}
NOBODY = (
    "none",
    "expired",
    "revoked",
    "session of an expired key",
    "session of a revoked key",
    "session that was ended",
    "share link",
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
ABSENT = "987654321"  # an id that nothing has: who may, changes nothing by asking
VALUES = {"camera": "porch", "name": "a.mp4", "key": "porch/1.mp4", "day": "2026-11-21", "upload": "A" * 22}


def routes() -> dict[str, set[str]]:
    """Every address of the application, and the methods that are declared for it."""
    app = create_app(open_services(Settings(), Path("/nonexistent")))
    roles: dict[str, set[str]] = {}
    for rule in app.url_map.iter_rules():
        declared = app.view_functions[rule.endpoint].declared
        if not declared.internal:
            roles.setdefault(re.sub(r"<\w+:", "<", rule.rule), set()).add(declared.method)
    return roles


def test_each_route_is_expected() -> None:
    """One that is new, or gone, has to be written down above."""
    assert {f"{method} {rule}" for rule, methods in routes().items() for method in methods} == set(NEEDS)


@pytest.fixture(scope="module")
def unit(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Iterator[RunningUnit]:
    """A watcher that wants keys, with one clip."""
    with running(tmp_path_factory.mktemp("roles"), settings={"WATCHER_AUTH__MODE": "keys"}) as started:
        (started.video / "porch").mkdir(parents=True)
        (started.video / "porch" / "1.mp4").write_bytes(clips.stamp((samples / "plain.mp4").read_bytes(), 1))
        yield started


def signed_in(unit: RunningUnit, key: str) -> dict[str, str]:
    answer = requests.post(unit.url("/watcher/sign-in"), data={"key": key}, allow_redirects=False, timeout=60)
    return {"Cookie": f"watcher_session={answer.cookies['watcher_session']}"}


@pytest.fixture(scope="module")
def services(unit: RunningUnit) -> Services:
    """As a command has them that runs beside the unit."""
    return open_services(Settings(), unit.data)


def end_soon(services: Services, name: str, seconds: float) -> None:
    """A key's last moment, so far from now."""
    now = services.clock.now()
    services.catalog.keys.expire(name, now + timedelta(seconds=seconds), by=By("test", now, None))


@pytest.fixture(scope="module")
def brought(unit: RunningUnit, services: Services) -> dict[str, dict[str, str]]:
    """Who comes, and what they bring; of a link its question, as `?`."""
    secrets = {role: keys.create(services, role, role, None) for role in ("view", "label", "admin")}
    secrets["upload"] = keys.create(services, "upload", "upload", ["porch"])
    secrets |= {
        f"bound {role}": keys.create(services, f"bound {role}", role, ["porch"]) for role in ("view", "label")
    }
    secrets |= {name: keys.create(services, name, "admin", None) for name in ("revoked", "expired", "leaves")}
    secrets["viewer"] = keys.create(
        services, "viewer", "view", None
    )  # of its own: whoever leaves ends one's others
    holders = {name: bearer(key) for name, key in secrets.items() if name != "viewer"}
    holders |= {"none": {}, "session": signed_in(unit, secrets.pop("viewer"))}
    holders["session of a revoked key"] = signed_in(unit, secrets["revoked"])
    holders["session of an expired key"] = signed_in(unit, secrets["expired"])
    holders["session that was ended"] = signed_in(unit, secrets["leaves"])

    def clip() -> dict | None:
        answer = unit.get("/watcher/clips/by-key/porch/1.mp4", headers=holders["admin"])
        return answer.json() if answer.status_code == 200 else None

    shared = unit.url(f"{wait_for(clip, what='the clip')['links']['self']}/share")
    link = requests.post(shared, json={"expires_in_seconds": 600}, headers=holders["admin"], timeout=60).json()[
        "url"
    ]
    holders["share link"] = {"?": link.partition("?")[2]}
    gone = requests.post(unit.url("/watcher/sign-out"), headers=holders["session that was ended"], timeout=60)
    assert gone.status_code == 200
    keys.revoke(services, "revoked")
    end_soon(services, "expired", -1)
    return holders


def send(unit: RunningUnit, method: str, rule: str, who: dict[str, str]) -> http.client.HTTPResponse:
    """A request for an address of a rule by somebody."""
    address = "/watcher" + re.sub(r"<(\w+)>", lambda m: VALUES.get(m[1], ABSENT), rule)
    headers = {**who, "Tus-Resumable": "1.0.0", "Cache-Control": "max-age=1"}
    question = headers.pop("?", "")
    return ask(unit, method, f"{address}?{question}" if question else address, **headers)


@pytest.mark.parametrize("who", [*NOBODY, *MAY])
def test_everybody_at_each_route(who: str, unit: RunningUnit, brought: dict[str, dict[str, str]]) -> None:
    """401 for whoever is nobody, 403 for whom it is not for, an answer for whom it is; by any method there is."""
    wrong = []
    for rule, declared in routes().items():
        for method in (*METHODS, "OPTIONS") if "OPTIONS" in declared else METHODS:
            asks = "GET" if method == "HEAD" and "GET" in declared else method
            needs = NEEDS.get(f"{asks} {rule}")
            if rule in {"/sign-in", "/sign-out"} and method == "POST":
                continue  # it ends what these tests bring
            status = send(unit, method, rule, brought[who]).status
            if needs is None:  # nobody may, and who is nobody need not hear of it
                right = status in ({401, 404, 405} if who in NOBODY else {400, 403, 404, 405, 411, 415})
            elif needs == "anybody":
                right = status < 400 or (who == "share link" and status == 400)  # it has no such parameters
            elif who in NOBODY:
                right = status == 401
            elif needs not in MAY[who]:
                right = status == 403
            else:
                right = status not in {401, 403} and status < 500
            if not right:
                wrong.append((method, rule, status))
    assert wrong == []


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "SEARCH", "get", "X"])
def test_methods_that_nobody_has(method: str, unit: RunningUnit, brought: dict[str, dict[str, str]]) -> None:
    """Are refused, and are no fault of ours, whoever asks."""
    for rule in routes():
        for who in ("none", "admin"):
            status = send(unit, method, rule, brought[who]).status
            assert 400 <= status < 500 or status == 501, (method, rule, who, status)
    assert "Traceback" not in (unit.log / "app.log").read_text()


def test_a_key_that_ends_meanwhile(unit: RunningUnit, services: Services, samples: Path) -> None:
    """At its moment it gets no list more, nor does its session, however many ask; a clip that is half sent is not taken."""
    key = keys.create(services, "guest", "view", None)
    sends = keys.create(services, "sender", "upload", ["porch"])
    session = signed_in(unit, key)
    body = clips.stamp((samples / "plain.mp4").read_bytes(), 5)
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", unit.port, timeout=60)) as sending:
        sending.putrequest("PUT", "/watcher/uploads/porch/begun.mp4")
        sending.putheader("Authorization", f"Bearer {sends}")
        sending.putheader("Content-Length", str(len(body)))
        sending.endheaders(body[:1000])
        noted = unit.data / "run" / "uploads.json"
        sender = services.catalog.keys.get(hashed(sends), now=services.clock.now()).principal.person
        wait_for(lambda: noted.exists() and sender in noted.read_text(), what="the promise of room for it")
        end_soon(services, "sender", 0)
        end_soon(services, "guest", 1)
        ends = time.monotonic() + 1  # not before the key's own moment, however long the line above took
        late: list[float] = []

        def ask_on(mine: dict[str, str]) -> None:
            asking = requests.Session()
            while (began := time.monotonic()) < ends + 2:
                for address in ("/watcher/clips", "/watcher/changes/head"):
                    headers = {**mine, "Cache-Control": "max-age=1"}
                    if asking.get(unit.url(address), headers=headers, timeout=60).status_code == 200:
                        late.append(began - ends)

        asking = [threading.Thread(target=ask_on, args=(mine,)) for mine in (bearer(key), session) * 2]
        for holder in asking:
            holder.start()
        for holder in asking:
            holder.join()
        assert late
        assert max(late) < 0.1, "a tenth of a second for what was asked at the very moment"
        sending.send(body[1000:])
        assert sending.getresponse().status == 401, "who may is asked again when a clip is filed"
    refused = requests.put(unit.url("/watcher/uploads/porch/b.mp4"), data=body, headers=bearer(sends), timeout=60)
    assert refused.status_code == 401
    assert requests.post(unit.url("/watcher/sign-in"), data={"key": key}, timeout=60).status_code == 401
    over = hashed(key)
    assert services.catalog.keys.get(over, now=services.clock.now()) is None
