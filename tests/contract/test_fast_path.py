"""What is kept before Flask: the same answer, byte by byte, until something changes; never somebody else's."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from tests.builders import client_of, holder, probed, services
from tests.running import free_port
from watcher.model.access import hashed
from watcher.ops import keys
from watcher.services import Services, open_services
from watcher.settings.schema import Auth, CatalogTable, Settings, Site
from watcher.web import create_app, fast_path
from watcher.web.api import timeline
from watcher.web.http import cache, wire

NOW = datetime(2026, 11, 21, tzinfo=UTC)
QUESTIONS = (
    "/clips?limit=3",
    "/clips/1",
    "/clips/by-key/gate/1.mp4",
    "/clips/1/neighbours",
    "/cameras",
    "/labels",
    "/changes?since=0",
    "/changes/head",
    "/timeline?from=2026-11-20T00:00:00Z&to=2026-11-22T00:00:00Z",
)


def session(service: Services, name: str) -> dict[str, str]:
    """What the browser of somebody who signed in sends."""
    holder(service, name)
    key = next(key for key in service.catalog.keys.all() if key.principal.name == name)
    service.catalog.sessions.open(hashed("told"), key.id, until=datetime.now(UTC) + timedelta(days=1))
    return {"HTTP_COOKIE": "theme=dark; watcher_session=told"}


SERVICES = {
    "open": (Settings(), lambda _made: {}),
    "other origins": (Settings(site=Site(allowed_origins=("https://a.example",))), lambda _made: {}),
    "keys": (Settings(auth=Auth(mode="keys")), lambda service: holder(service, "program")),
    "one camera's key": (
        Settings(auth=Auth(mode="keys")),
        lambda service: holder(service, "porch", ["gate", "porch"]),
    ),
    "sessions": (Settings(auth=Auth(mode="keys")), lambda service: session(service, "person")),
}


@pytest.fixture
def opened(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Services, FlaskClient]]:
    """A service, open to all if nothing else is said, and somebody who may ask it."""
    settings, sends = SERVICES[getattr(request, "param", "open")]
    service = services(tmp_path, settings)
    yield service, client_of(service, sends(service))
    service.catalog.database.engine.dispose()


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_same_until_something_changes(
    opened: tuple[Services, FlaskClient], question: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second answer is the first one without Flask; after any change it is made anew."""
    service, client = opened
    first = client.get(question)
    with monkeypatch.context() as patched:
        # One clip is as cheap anew; timelines are kept otherwise, see below.
        if question not in {"/clips/1", "/clips/by-key/gate/1.mp4", QUESTIONS[-1]}:
            patched.setattr(wire, "parameters", lambda *_arguments: pytest.fail("it was made again"))
        second = client.get(question)
    assert (second.status_code, second.data) == (200, first.data)
    assert dict(second.headers) == dict(first.headers)
    tag = first.headers["ETag"]
    for text in (tag, f'"other", {tag}', tag.removeprefix("W/"), "*"):
        unchanged = client.get(question, headers={"If-None-Match": text})
        assert (unchanged.status_code, unchanged.data) == (304, b""), text
        assert unchanged.headers["ETag"] == tag
    assert client.get(question, headers={"If-None-Match": '"other"'}).data == first.data
    for clip_id in range(1, 6):
        service.catalog.labels.put(clip_id, "fox", author="a", confidence=None, now=NOW)
    third = client.get(question)
    assert third.headers["ETag"] != tag
    if question not in {"/cameras", QUESTIONS[-1]}:
        assert third.data != first.data


@pytest.mark.parametrize("opened", SERVICES, indirect=True)
@pytest.mark.parametrize("question", QUESTIONS)
def test_without_flask_as_with_it(
    opened: tuple[Services, FlaskClient], question: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status, body and headers are the same, whichever way a question takes."""
    service, client = opened
    sends = client.environ_base
    headers = {"If-None-Match": '"other"'}
    at_once = client_of(service, sends).get(question, headers=headers)
    monkeypatch.setattr(fast_path.FastPath, "_at_once", lambda *_arguments: None)
    by_flask = client_of(service, sends).get(question, headers=headers)
    assert (at_once.status_code, at_once.data) == (200, by_flask.data)
    assert sorted(at_once.headers) == sorted(by_flask.headers)
    unchanged = client_of(service, sends).get(question, headers={"If-None-Match": by_flask.headers["ETag"]})
    assert unchanged.status_code == 304


@pytest.mark.parametrize("opened", SERVICES, indirect=True)
@pytest.mark.parametrize("question", QUESTIONS)
def test_flask_is_not_asked(
    opened: tuple[Services, FlaskClient], question: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hot question is answered and counted without it; one changed clip later, and as 304, as well."""
    service, client = opened
    application = client.application.wsgi_app
    assert isinstance(application, fast_path.FastPath)
    monkeypatch.setattr(application, "_app", lambda *_arguments: pytest.fail("Flask was asked"))
    first = client.get(question)
    assert (first.status_code, bool(first.json)) == (200, True)
    assert client.get(question, headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
    for clip_id in (1, 2):
        service.catalog.labels.put(clip_id, "fox", author="a", confidence=None, now=NOW)
    assert client.get(question).headers["ETag"] != first.headers["ETag"]
    assert sum(count.requests for count in application._counters.sums()) == 3


def test_what_is_hot(opened: tuple[Services, FlaskClient]) -> None:
    """All that a page, a dashboard and a follower ask again and again; of keys those that are plain."""
    front = opened[1].application.wsgi_app
    assert isinstance(front, fast_path.FastPath)
    assert all(front.matcher.find(question.partition("?")[0]) for question in QUESTIONS)
    for path in ("/clips/by-key//x", "/clips/by-key/a b.mp4", "/clips/by-key/a/", "/clips/1/", "/clips/x", "/"):
        assert front.matcher.find(path) is None


REFUSED = (
    "/clips/by-key/gate/9.mp4",
    "/clips/by-key/../etc",
    "/clips/9/neighbours",
    "/clips/1/neighbours?limit=3",
    "/cameras?x=1",
    "/clips?limit=0",
    "/clips?colour=red",
    "/clips?camera=%00",
    "/clips?before=zzz",
    "/clips?from=2026-11-20T00:00:00",
    "/clips/99",
    "/clips/999999999999999999",
    "/clips/1?x=1",
    "/changes?since=99999",
    "/changes?since=-1",
    "/timeline?tz=Mars/Olympus",
)


@pytest.mark.parametrize("question", REFUSED)
def test_refusals_are_told_by_flask(opened: tuple[Services, FlaskClient], question: str) -> None:
    """In the words of a problem, with its code."""
    _, client = opened
    answer = client.get(question)
    assert 400 <= answer.status_code < 500
    assert answer.content_type == "application/problem+json"
    assert answer.json["code"]


def test_requests_have_numbers_of_their_own(opened: tuple[Services, FlaskClient]) -> None:
    """Also where the answer is an old one."""
    _, client = opened
    for number in ("one", "two", "three"):
        answer = client.get("/clips", environ_base={"WATCHER_REQUEST_ID": number})
        assert answer.headers.getlist("X-Request-Id") == [number]


def test_what_moves_with_the_clock_is_not_kept(
    opened: tuple[Services, FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A timeline until now."""
    service, client = opened
    first = client.get("/timeline?bucket=hour").json
    monkeypatch.setattr(type(service.clock), "now", lambda _self: datetime.now(UTC) + timedelta(days=1))
    assert client.get("/timeline?bucket=hour").json["to"] != first["to"]


def test_timelines_are_kept_by_what_is_summed_up(
    opened: tuple[Services, FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any two moments of the same days ask for the same; another camera, zone, bucket, day or scheme does not."""
    service, client = opened
    question = "/timeline?from=2026-11-20T{}Z&to=2026-11-22T{}Z&camera={}&tz={}&bucket={}"
    usual = ("01:00:00", "09:00:00", "gate", "Europe/Berlin", "day")
    first = client.get(question.format(*usual))
    assert [bucket["clips"] for bucket in first.json["buckets"]] == [5]
    others = {client.get(question.format(*usual[:n], value, *usual[n + 1 :])).data
              for n, value in enumerate(("23:30:00", "23:30:00", "porch", "UTC", "hour"))}  # fmt: skip
    assert first.data not in others
    assert len(others) == 5
    make = timeline._body
    monkeypatch.setattr(timeline, "_body", lambda *_arguments: pytest.fail("it was summed up again"))
    again = client.get(question.format("22:59:59.999", "00:00:01", *usual[2:]))
    assert (again.data, dict(again.headers)) == (first.data, dict(first.headers))
    assert "Strict-Transport-Security" not in again.headers
    with pytest.raises(pytest.fail.Exception, match="summed up again"):
        client.get(question.format(*usual), base_url="https://localhost")
    monkeypatch.setattr(timeline, "_body", make)
    service.catalog.writes.put([probed("gate/5.mp4", 5)], now=NOW)
    assert [bucket["clips"] for bucket in client.get(question.format(*usual)).json["buckets"]] == [6]


@pytest.mark.parametrize("question", QUESTIONS)
def test_nobody_gets_the_answer_of_somebody_else(tmp_path: Path, question: str) -> None:
    """Each sees their cameras, whoever asked before; who has no key, or one for uploads, sees none."""
    service = services(tmp_path, Settings(auth=Auth(mode="keys")))
    service.catalog.writes.put([probed(f"yard/{n}.mp4", n) for n in range(5)], now=NOW)
    service.catalog.labels.put(1, "fox", author="a", confidence=None, now=NOW)
    some = [holder(service, "all"), holder(service, "gate", ["gate"]), holder(service, "yard", ["yard"])]
    alone = [client_of(service, holder).get(question) for holder in some]
    if question != "/changes/head":
        assert len({(answer.status_code, answer.data) for answer in alone}) >= 2
    client = client_of(service, {})
    for given_answer, expected in [
        *zip(some, alone, strict=True),
        *zip(reversed(some), reversed(alone), strict=True),
    ]:
        answer = client.get(question, environ_overrides=given_answer)
        assert (answer.status_code, answer.data, answer.headers) == (
            expected.status_code,
            expected.data,
            expected.headers,
        )
    assert client.get(question).status_code == 401
    assert client.get(question, headers={"Authorization": "Bearer wk_other"}).status_code == 401
    upload = holder(service, "camera", ["gate"], "upload")
    assert client.get(question, environ_overrides=upload).status_code == 403
    service.catalog.database.engine.dispose()


def test_a_key_that_ends_gets_no_answer_that_was_kept(tmp_path: Path) -> None:
    """From the next request on; a key is no session, and a session no key."""
    service = services(tmp_path, Settings(auth=Auth(mode="keys")))
    client = client_of(service, {})
    key, cookie = holder(service, "program"), session(service, "person")
    as_session = {"HTTP_COOKIE": f"watcher_session={key['HTTP_AUTHORIZATION'].split()[1]}"}
    as_key = {"HTTP_AUTHORIZATION": "Bearer told"}
    for _ in range(2):
        answers = [client.get("/clips", environ_overrides=environ) for environ in (as_session, key, as_key, cookie)]
        assert [answer.status_code for answer in answers] == [401, 200, 401, 200]
    keys.revoke(service, "program")
    assert client.get("/clips", environ_overrides=key).status_code == 401
    assert client.get("/clips", environ_overrides=cookie).status_code == 200
    service.catalog.sessions.close(hashed("told"))
    assert client.get("/clips", environ_overrides=cookie).status_code == 401
    service.catalog.database.engine.dispose()


def test_other_origins_are_told_whether_they_may(tmp_path: Path) -> None:
    """Each by its name, whoever asked before."""
    service = services(tmp_path, Settings(site=Site(allowed_origins=("https://a.example",))))
    client = client_of(service, {})
    for origin, expected in (
        ("https://a.example", "https://a.example"),
        ("https://b.example", None),
        (None, None),
    ) * 2:
        answer = client.get("/clips", headers={"Origin": origin} if origin else {})
        assert answer.headers.get("Access-Control-Allow-Origin") == expected
        assert answer.headers["Vary"] == "Origin"
    service.catalog.database.engine.dispose()


def test_long_questions_do_not_fill_the_memory(opened: tuple[Services, FlaskClient]) -> None:
    """What is kept is bounded with all that belongs to it."""
    _, client = opened
    application = client.application.wsgi_app
    assert isinstance(application, fast_path.FastPath)
    for number in range(400):
        assert client.get(f"/clips?camera={'x' * 4000}{number}").json["clips"] == []
    assert sum(cost for _, cost in application._cache._entries.values()) <= cache.BYTES_MOST
    assert 10 < len(application._cache._entries) < 200


def test_a_refusal_is_not_kept(opened: tuple[Services, FlaskClient]) -> None:
    """Nor an answer to another method."""
    service, client = opened
    assert client.get("/clips/6").status_code == 404
    assert client.get("/clips?limit=0").status_code == 400
    service.catalog.writes.put([probed("gate/6.mp4", 6)], now=NOW)
    assert client.get("/clips/6").status_code == 200
    head = client.head("/clips/6")
    assert (head.status_code, head.data) == (200, b"")
    assert client.get("/clips/6").data


def test_faults_are_told_by_flask(opened: tuple[Services, FlaskClient], monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that goes away in the middle of an answer, and a fault of ours: as problems, not as broken answers."""
    service, client = opened
    client.application.config["PROPAGATE_EXCEPTIONS"] = False

    def fail(reason: Exception) -> None:
        def broken(*_arguments: object) -> None:
            raise reason

        monkeypatch.setattr(type(service.catalog.clips), "camera_summaries", broken)

    fail(sa.exc.OperationalError("SELECT 1", {}, Exception("it is gone")))
    away = client.get("/cameras")
    assert (away.status_code, away.mimetype) == (503, "application/problem+json")
    fail(ZeroDivisionError())
    fault = client.get("/cameras")
    assert (fault.status_code, fault.mimetype) == (500, "application/problem+json")


@pytest.mark.parametrize("question", [*QUESTIONS, "/readyz"])
def test_a_database_that_is_not_there(question: str, tmp_path: Path) -> None:
    """Is told as 503, whichever way a question takes."""
    url = f"postgresql+psycopg://nobody:x@127.0.0.1:{free_port()}/none"
    service = open_services(Settings(catalog=CatalogTable(url=url)), tmp_path)
    service.places.make()
    answer = create_app(service).test_client().get(question)
    assert answer.status_code == 503, answer.text


@pytest.mark.slow
@pytest.mark.parametrize("question", ["/clips/1", "/readyz"])
def test_a_database_that_does_not_answer(question: str, tmp_path: Path) -> None:
    """Is given up before uWSGI gives up the process that asks it (30 s)."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql+psycopg://nobody:x@127.0.0.1:{silent.getsockname()[1]}/none"
        service = open_services(Settings(catalog=CatalogTable(url=url)), tmp_path)
        service.places.make()
        began = time.monotonic()
        answer = create_app(service).test_client().get(question)
        assert answer.status_code == 503, answer.text
        assert time.monotonic() - began < 25


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_database_that_goes_away(opened: tuple[Services, FlaskClient], question: str, tmp_path: Path) -> None:
    """Is told as well where an answer was kept: nobody knows whether it still holds. It is given when it is back."""
    service, client = opened
    first = client.get(question)
    assert first.status_code == 200
    service.catalog.database.engine.dispose()
    database, elsewhere = tmp_path / "catalog.db", tmp_path / "elsewhere.db"
    database.rename(elsewhere)
    database.mkdir()
    away = client.get(question)
    assert (away.status_code, away.mimetype) == (503, "application/problem+json")
    database.rmdir()
    elsewhere.rename(database)
    assert client.get(question).data == first.data
