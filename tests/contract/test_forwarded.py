"""Where people find the service: what proxies say is believed of those that are named, and of nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.builders import services
from watcher.model.errors import ConfigError
from watcher.ops import keys
from watcher.settings.schema import Auth, Settings, Site
from watcher.web import create_app

PROXY = {"WATCHER_PEER": "192.0.2.1", "REQUEST_SCHEME": "http"}
FORWARDED = {
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "cams.example",
    "X-Forwarded-Prefix": "/cams",
    "X-Ingress-Path": "/api/hassio_ingress/AbC_-1",
    "X-Real-IP": "203.0.113.9",
    "X-Forwarded-For": "203.0.113.9",
    "Forwarded": "for=203.0.113.9;proto=https;host=cams.example",
}
HTML = {"Accept": "text/html"}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Callable[..., FlaskClient]]:
    """Clients of services with some settings of the site."""
    started = []

    def make(*, auth: str = "open", **site: object) -> FlaskClient:
        service = services(tmp_path, Settings(site=Site(**site), auth=Auth(mode=auth)))
        started.append(service)
        app = create_app(service)
        app.config["APPLICATION_ROOT"] = "/watcher"  # where nginx has it
        client = app.test_client(use_cookies=False)
        client.environ_base.update(PROXY, secret=keys.create(service, "anna", "view", None))
        return client

    yield make
    for service in started:
        service.catalog.database.engine.dispose()


def test_what_strangers_say_is_not_looked_at(client: Callable[..., FlaskClient]) -> None:
    """Whoever connects and is no named proxy: not of an address, a name, a path, nor that it came by HTTPS."""
    here = client(trusted_proxies=("192.0.2.2", "198.51.100.0/24"))
    for path in ("/clips", "/", "/clips/1", "/status/"):
        bare, forwarded = here.get(path, headers=HTML), here.get(path, headers=HTML | FORWARDED)
        assert (forwarded.status_code, forwarded.data) == (bare.status_code, bare.data), path
        for answer in (forwarded, bare):
            answer.headers.pop("Set-Cookie", None)  # each is another browser
        assert dict(forwarded.headers) == dict(bare.headers)
    assert "/cams" not in here.get("/", headers=FORWARDED).text
    refused = here.put("/clips/1/labels/fox", headers={**FORWARDED, "Origin": "https://cams.example"})
    assert refused.status_code == 403


def test_a_named_proxy_is_believed(client: Callable[..., FlaskClient]) -> None:
    """About scheme, host and path; of several words the last, which is its own."""
    there = client(trusted_proxies=("192.0.2.0/24",))
    headers = {name: FORWARDED[name] for name in ("X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Prefix")}
    clip = there.get("/clips", headers=headers).json["clips"][0]
    assert clip["url"] == f"/cams/{clip['key']}"
    assert clip["links"]["self"] == f"/cams/watcher/clips/{clip['id']}"
    assert (
        there.get("/clips?limit=1", headers=headers)
        .headers["Link"]
        .startswith("</cams/watcher/clips?limit=1&after=")
    )
    page = there.get("/", headers={**HTML, **headers}).text
    assert 'data-mount="/cams/watcher"' in page
    assert 'href="/watcher' not in page
    own = {**headers, "Origin": "https://cams.example"}
    assert there.put("/clips/1/labels/fox", headers=own).status_code == 201
    listed = {"X-Forwarded-Prefix": "/evil, /cams"}
    assert there.get("/clips", headers=listed).json["clips"][0]["url"].startswith("/cams/gate/")


@pytest.mark.parametrize(
    "prefix",
    ["//evil.example", "/a//b", "/../x", "/a/./b", "evil", "/a?b", "/a#b", '/"><script>', "/a b", "/\\evil", "/ä",
     "https://evil.example", "/" + "a" * 600, "/%2e%2e", "", "/", "/a\x01"],
)  # fmt: skip
def test_a_path_that_makes_no_sense_is_none(client: Callable[..., FlaskClient], prefix: str) -> None:
    """It would stand in every address and redirect."""
    there = client(trusted_proxies=("192.0.2.1",))
    for name in ("X-Forwarded-Prefix", "X-Ingress-Path"):
        clip = there.get("/clips", headers={name: prefix}).json["clips"][0]
        assert clip["url"] == f"/{clip['key']}", name


def test_home_assistant_shows_pages_in_its_own(client: Callable[..., FlaskClient]) -> None:
    """Below its ingress path, in a frame of the same origin; nobody else frames them."""
    there = client(trusted_proxies=("192.0.2.1",))
    ingress = {"X-Ingress-Path": FORWARDED["X-Ingress-Path"]}
    framed, alone = there.get("/", headers={**HTML, **ingress}), there.get("/", headers=HTML)
    assert 'data-mount="/api/hassio_ingress/AbC_-1/watcher"' in framed.text
    assert "frame-ancestors 'self'" in framed.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in alone.headers["Content-Security-Policy"]


def test_the_public_address_may_have_a_path(client: Callable[..., FlaskClient]) -> None:
    """Then all addresses have it, in answers absolute, on pages from the host on; so has the session's cookie."""
    there = client(auth="keys", public_url="https://example.net/home/cams/")
    mine = {"Authorization": f"Bearer {there.environ_base['secret']}"}
    clip = there.get("/clips", headers=mine).json["clips"][0]
    assert clip["url"] == f"https://example.net/home/cams/{clip['key']}"
    assert clip["links"]["self"] == f"https://example.net/home/cams/watcher/clips/{clip['id']}"
    shared = there.post(f"/clips/{clip['id']}/share", json={"expires_in_seconds": 9}, headers=mine).json["url"]
    assert shared.startswith(f"{clip['url']}?share=")
    assert 'data-mount="/home/cams/watcher"' in there.get("/", headers={**HTML, **mine}).text
    away = there.get("/status", headers=HTML)
    assert away.headers["Location"] == "/home/cams/watcher/sign-in?next=/home/cams/watcher/status"
    signed_in = there.post(
        "/sign-in", data={"key": there.environ_base["secret"], "next": "/home/cams/watcher/status"}
    )
    assert signed_in.headers["Location"] == "/home/cams/watcher/status"
    cookie = signed_in.headers["Set-Cookie"]
    assert cookie.startswith("__Secure-watcher_session=")
    assert "Path=/home/cams/;" in cookie + ";"


@pytest.mark.parametrize(
    "url", ["https://x/a?b", "https://x/a#b", "https://x//a", "https://x/../a", "https://x/a b"]
)
def test_a_public_address_that_makes_no_sense_is_refused(url: str) -> None:
    """Before anything is started."""
    from watcher.settings.load import load

    with pytest.raises(ConfigError, match="public_url"):
        load({"WATCHER_SITE__PUBLIC_URL": url})
