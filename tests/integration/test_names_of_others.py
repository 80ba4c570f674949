"""Pages of other sites whose name leads here (DNS rebinding): they read nothing and change nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.running import RunningUnit
from watcher.ops import nginx
from watcher.services import open_services
from watcher.settings.schema import Auth, Settings, Site

OURS = ("127.0.0.1", "localhost", "[::1]", "nas", "nas.local", "cams.home.arpa", "127.1.2.3", "LOCALHOST", "a.test")
OTHERS = ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "evil.example.", "EVIL.EXAMPLE")


@pytest.fixture(scope="module")
def clip(unit: RunningUnit, samples: Path) -> dict:
    (unit.video / "porch").mkdir()
    (unit.video / "porch" / "1.mp4").write_bytes((samples / "plain.mp4").read_bytes())
    return unit.wait_clip("porch/1.mp4", state="ready")


def send(unit: RunningUnit, host: str, path: str, method: str = "GET") -> requests.Response:
    """What a page of a host is answered, whose browser takes us for its own site."""
    address = f"{host}:{unit.port}"
    headers = {"Host": address, "Origin": f"http://{address}", "Sec-Fetch-Site": "same-origin"}
    return requests.request(method, unit.url(path), headers=headers, allow_redirects=False, timeout=30)


@pytest.mark.parametrize("host", OTHERS)
def test_another_site_s_name_is_not_served(host: str, unit: RunningUnit, clip: dict) -> None:
    """Neither pages nor API nor clips; and what it would change stays."""
    for path in (
        "/",
        "/watcher/",
        "/watcher/clips",
        clip["links"]["self"],
        "/porch/1.mp4",
        "/watcher/readyz",
        "/no",
    ):
        answer = send(unit, host, path)
        assert answer.status_code == 421, path
        assert "public_url" in answer.text
    assert send(unit, host, clip["links"]["self"], "DELETE").status_code == 421
    assert send(unit, host, "/watcher/uploads/porch/x.mp4", "PUT").status_code == 421
    assert unit.get(clip["links"]["self"]).json()["state"] == "ready"


@pytest.mark.parametrize("host", OURS)
def test_our_own_names_are(host: str, unit: RunningUnit, clip: dict) -> None:
    """Addresses, and names that nobody can buy."""
    for path in ("/watcher/clips", "/porch/1.mp4"):
        assert send(unit, host, path).status_code == 200, path


def test_the_name_that_people_use(start_unit: Callable[..., RunningUnit]) -> None:
    """As the settings say; no other is served for it."""
    unit = start_unit(settings={"WATCHER_SITE__PUBLIC_URL": "https://cams.example.net/cams"})
    assert send(unit, "cams.example.net", "/watcher/clips").status_code == 200
    assert send(unit, "evil.example", "/watcher/clips").status_code == 421


@pytest.mark.parametrize(
    ("settings", "any_name"),
    [
        (Settings(), False),
        (Settings(auth=Auth(allow_open_network=True)), True),
        (Settings(auth=Auth(mode="keys")), True),
        (Settings(site=Site(trusted_proxies=("127.0.0.1",))), True),
    ],
)
def test_where_any_name_will_do(settings: Settings, any_name: bool, tmp_path: Path) -> None:
    """Where a key is needed, which a page of another site has not; on networks; and as a proxy says."""
    places = open_services(settings, tmp_path).places
    places.make()
    nginx.write_settings(places, settings)
    assert ("return 421" not in (places.run / "settings.conf").read_text()) == any_name
