"""Who is let in by the page, who is not, and what a browser can be talked into."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.builders import bearer, services
from watcher.ops import keys
from watcher.services import Services
from watcher.settings.schema import Auth, Settings, Site
from watcher.web import create_app

ALLOWED = "https://home.example"
SETTINGS = Settings(auth=Auth(mode="keys"), site=Site(allowed_origins=(ALLOWED,)))
PAGE = {"Accept": "text/html"}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Services]:
    """A service that wants keys."""
    started = services(tmp_path, SETTINGS)
    yield started
    started.catalog.database.engine.dispose()


@pytest.fixture
def client(service: Services) -> FlaskClient:
    """A browser without a session."""
    return create_app(service).test_client()


# — the link of the first start —


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_a_look_does_not_spend_the_link(service: Services, client: FlaskClient, method: str) -> None:
    """Neither a preview's nor a person's: a button does, without a script; and only once."""
    link = keys.first_sign_in(service)
    for _ in range(3):
        looked = client.open(f"/sign-in?link={link}", method=method, headers=PAGE)
        assert (looked.status_code, "Set-Cookie" in looked.headers) == (200, False)
    assert looked.headers["Referrer-Policy"] == "strict-origin"
    assert looked.headers["Cache-Control"] == "no-store"
    page = client.get(f"/sign-in?link={link}", headers=PAGE).text
    form = re.search(r'<form method="post"[^>]*>.*?</form>', page, re.DOTALL)[0]
    assert re.search(r'name="link" value="([^"]+)"', form)[1] == link
    assert "<script" not in page
    foreign = client.post("/sign-in", data={"link": link}, headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403
    done = client.post("/sign-in", data={"link": link}, headers={"Origin": "http://localhost"})
    assert (done.status_code, "HttpOnly" in done.headers["Set-Cookie"]) == (303, True)
    assert link not in done.headers["Location"]
    assert client.get("/clips").status_code == 200
    for again in (client.get(f"/sign-in?link={link}"), client.post("/sign-in", data={"link": link})):
        assert (again.status_code, "Set-Cookie" in again.headers) == (401, False)


def test_one_link_ends_the_others(service: Services, client: FlaskClient) -> None:
    """Each start prints one until somebody has signed in; older ones must not wait in a terminal's memory."""
    first, second = keys.first_sign_in(service), keys.first_sign_in(service)
    assert client.post("/sign-in", data={"link": second}).status_code == 303
    assert create_app(service).test_client().post("/sign-in", data={"link": first}).status_code == 401


# — pages of other sites —

FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "http://localhost:81"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize("sends", ["bearer", "basic", "session"])
def test_pages_of_other_sites_change_nothing(
    service: Services, client: FlaskClient, headers: dict[str, str], sends: str
) -> None:
    """Whatever the visitor's browser sends along, Basic credentials that it keeps included."""
    key = keys.create(service, "person", "admin", None)
    auth = {}
    if sends == "session":
        client.post("/sign-in", data={"key": key})
    else:
        auth = {"Authorization": f"Bearer {key}"}
    if sends == "basic":
        made_of = client.get("/livez", auth=("me", key)).request.headers["Authorization"]
        auth = {"Authorization": made_of}
    for method, path in (
        ("PUT", "/clips/1/labels/fox"),
        ("DELETE", "/clips/1/labels/fox"),
        ("POST", "/clips/1/share"),
        ("PATCH", "/clips/1"),
        ("DELETE", "/clips/1"),
    ):
        refused = client.open(path, method=method, headers={**auth, **headers}, json={})
        assert (refused.status_code, refused.json["code"]) == (403, "cross_site"), (method, path)
    environ = {"WATCHER_METHOD": "PUT", "WATCHER_PATH": "/watcher/uploads/porch/a.mp4"}
    before = client.get("/internal/upload", headers={**auth, **headers}, environ_overrides=environ)
    assert (before.status_code, before.headers["Watcher-Status"]) == (403, "403"), "not a byte is spooled"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site", "Origin": ALLOWED},
        {"Origin": ALLOWED},
    ],
    ids=str,
)
def test_programs_and_allowed_pages_go_on(service: Services, client: FlaskClient, headers: dict[str, str]) -> None:
    """Who is no browser, the page itself, and pages of named origins that bring a key."""
    auth = bearer(service, "program", "label")
    assert client.put("/clips/1/labels/fox", headers={**auth, **headers}).status_code == 201


def test_a_named_origin_has_no_use_of_a_session(service: Services, client: FlaskClient) -> None:
    """Only of a key of its own: the session is the person's, who may not know what that page does."""
    client.post("/sign-in", data={"key": keys.create(service, "person", "label", None)})
    assert client.put("/clips/1/labels/fox", headers={"Origin": ALLOWED}).status_code == 403
    assert client.put("/clips/1/labels/fox", headers={"Origin": "http://localhost"}).status_code == 201


# — wrong keys —


def test_wrong_keys_lock_nobody_with_a_right_one_out(service: Services, client: FlaskClient) -> None:
    """An address of which many are wrong is told to wait; who brings a right key, or link, is let in at once."""
    key, link = keys.create(service, "person", "view", None), keys.first_sign_in(service)
    assert link is None
    answers = [client.post("/sign-in", data={"key": "wk_wrong"}) for _ in range(30)]
    assert [answer.status_code for answer in answers[:2]] == [401, 401]
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert client.post("/sign-in", data={"key": key}).status_code == 303
    assert client.post("/sign-in", data={"key": "wk_wrong"}).status_code == 429


def test_wrong_links_lock_nobody_with_a_right_one_out(service: Services, client: FlaskClient) -> None:
    """The same of one-time links, which a preview may have asked for again and again."""
    link = keys.first_sign_in(service)
    for _ in range(30):
        client.get("/sign-in?link=wrong")
    assert client.get(f"/sign-in?link={link}").status_code == 200
    assert client.post("/sign-in", data={"link": link}).status_code == 303


def test_failures_are_remembered_within_bounds() -> None:
    """However many addresses fail, and however often."""
    from watcher.web.http.attempts import ADDRESSES_MOST, Attempts

    attempts = Attempts()
    for number in range(3 * ADDRESSES_MOST):
        attempts.failed(f"192.0.{number // 256}.{number % 256}")
    for _ in range(1000):
        last = attempts.failed("2001:db8::1")
    assert last > 0
    assert attempts.failed("2001:db8::2:1") > 0, "one household has all of a /64"
    assert attempts.failed("2001:db8:0:1::1") == 0
    assert len(attempts) <= ADDRESSES_MOST
