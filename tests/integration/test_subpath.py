"""Below a path of another nginx: every address leads there, and what strangers say of themselves is not believed."""

from __future__ import annotations

import html
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
import requests

from tests.proxying import ADDRESS, proxied
from tests.running import RunningUnit, running, wait_for

SETTINGS = {"WATCHER_AUTH__MODE": "keys", "WATCHER_SITE__TRUSTED_PROXIES": ADDRESS}
HTML = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def unit(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Iterator[RunningUnit]:
    """A watcher that believes the proxy, and nobody else."""
    with running(tmp_path_factory.mktemp("unit"), settings=SETTINGS) as started:
        for camera in ("porch", "cams"):  # a camera may be called as the path is
            (started.video / camera).mkdir()
            shutil.copy(samples / "plain.mp4", started.video / camera / "20261121-070000 ä.mp4")
        yield started


@pytest.fixture(scope="module")
def front(unit: RunningUnit, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the whole service behind the proxy."""
    with proxied(unit, tmp_path_factory.mktemp("front")) as address:
        yield address


@pytest.fixture(scope="module")
def key(unit: RunningUnit) -> str:
    return unit.run("key", "create", "anna", "--role", "admin").stdout.strip()


@pytest.fixture(scope="module")
def browser(unit: RunningUnit, front: str, key: str) -> requests.Session:
    """Somebody who has signed in through the proxy, once both clips have their pictures."""
    session = requests.Session()
    there = session.get(front, headers=HTML, timeout=10)
    assert there.url == f"{front}watcher/sign-in?next=/cams/watcher/"
    assert session.post(front + "watcher/sign-in", data={"key": key}, timeout=10).url == front + "watcher/"
    assert [cookie.path for cookie in session.cookies] == ["/cams/"]

    def ready() -> bool:
        clips = session.get(front + "watcher/clips", timeout=10).json()["clips"]
        return len(clips) == 2 and all(clip["sprite"] for clip in clips)

    wait_for(ready, what="both clips with their pictures")
    return session


def addresses(page: str) -> set[str]:
    """All that a page leads to or loads, what its modules read of it included."""
    named = re.findall(
        r'\s(?:href|src|action|poster|data-(?:src|question|sprite|watch|browse|mount))="([^"]*)"', page
    )
    return {html.unescape(address).split(" ")[0] for address in named if address and not address.startswith("#")}


def test_every_address_of_every_page_leads_somewhere(front: str, browser: requests.Session) -> None:
    """Pages, assets, pictures, clips: all of them below the path, none of them broken."""
    waiting, seen = {front + "watcher/"}, set()
    while waiting:
        address = waiting.pop()
        place = urlsplit(address).path
        if place in seen:
            continue
        seen.add(place)
        answer = browser.get(address, headers=HTML, timeout=20)
        expected = {200, 404} if place.endswith("/watch/0") else {200}  # a pattern, which the page fills in
        assert answer.status_code in expected, address
        assert answer.url.startswith(front), address
        if "text/html" in answer.headers["Content-Type"] and len(seen) < 40:
            for target in addresses(answer.text):
                assert target.startswith("/cams/"), (place, target)
                if not target.endswith(("/sign-out", "/language", "/cams/watcher")):
                    waiting.add(urljoin(address, target))
    kinds = ("/static/", "/renditions/", "/watch/", "/day/", "/status", ".mp4", "/cams/cams/")
    assert all(any(kind in place for place in seen) for kind in kinds), seen


def test_every_address_of_the_api_leads_there(
    front: str, browser: requests.Session, key: str, samples: Path
) -> None:
    """Those of clips, pages, redirects, uploads, links; a link works for those who have no key."""
    assert (
        requests.get(front[:-1] + "/watcher", allow_redirects=False, timeout=10).headers["Location"] == "watcher/"
    )
    first = browser.get(front + "watcher/clips?limit=1", timeout=10)
    following = first.json()["next"]
    assert following in first.headers["Link"]
    for clip in (first.json()["clips"][0], browser.get(urljoin(front, following), timeout=10).json()["clips"][0]):
        for address in (clip["url"], clip["poster_url"], clip["links"]["self"]):
            assert address.startswith("/cams/")
            assert browser.get(urljoin(front, address), timeout=10).status_code == 200
        shared = browser.post(
            urljoin(front, clip["links"]["self"] + "/share"), json={"expires_in_seconds": 60}, timeout=10
        ).json()["url"]
        film = requests.get(urljoin(front, shared), headers={"Range": "bytes=4-7"}, timeout=10)
        assert (film.status_code, film.content) == (206, b"ftyp")
        assert requests.get(urljoin(front, clip["url"]), timeout=10).status_code == 401
    mine = {"Authorization": f"Bearer {key}"}
    sent = requests.put(
        front + "watcher/uploads/gate/", data=(samples / "faststart.mp4").read_bytes(), headers=mine, timeout=20
    )
    assert sent.status_code == 201
    assert requests.get(urljoin(front, sent.headers["Location"]), headers=mine, timeout=10).status_code == 200
    begun = requests.post(
        front + "watcher/tus",
        headers={**mine, "Tus-Resumable": "1.0.0", "Upload-Length": "9", "Upload-Metadata": "camera Z2F0ZQ=="},
        timeout=10,
    )
    assert begun.headers["Location"].startswith("/cams/watcher/tus/")


def test_strangers_say_nothing(unit: RunningUnit, front: str, key: str) -> None:
    """Who comes past the proxy is not believed, nor is what a client told the proxy of itself, in logs either."""
    mine = {"Authorization": f"Bearer {key}"}
    headers = {"X-Forwarded-Prefix": "/evil", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
    headers |= {"X-Forwarded-For": "203.0.113.7", "X-Ingress-Path": "/evil", "X-Real-IP": "203.0.113.8"}
    headers |= {"Forwarded": "for=203.0.113.9;host=evil.example"}
    for path in ("/watcher/", "/watcher/clips", "/watcher/status", "/watcher/nothing"):
        answer = unit.get(path, headers={**mine, **headers, **HTML})
        assert "evil" not in answer.text + str(answer.headers), path
    form = requests.post(
        unit.url("/watcher/sign-in"), data={"key": key}, headers=headers, allow_redirects=False, timeout=10
    )
    assert form.headers["Set-Cookie"].startswith("watcher_session=")
    assert "Secure" not in form.headers["Set-Cookie"]
    # Through the proxy the client's address is the one that the proxy saw.
    requests.get(front + "watcher/livez/through", headers={"X-Forwarded-For": "203.0.113.7"}, timeout=10)
    log = unit.log / "access.log"
    line = wait_for(lambda: re.findall(r"^.*livez/through.*$", log.read_text(), re.MULTILINE), what="its line")[0]
    assert line.startswith("127.0.0.1 [")
    assert "203.0.113." not in log.read_text()
    listed = unit.run("key", "list").stdout
    assert "from 127.0.0.1" in listed


def test_a_range_of_a_shared_link_is_asked_about_once(
    unit: RunningUnit, browser: requests.Session, front: str
) -> None:
    """By many requests in some seconds, of a player without a key."""
    clip = browser.get(front + "watcher/clips?limit=1", timeout=10).json()["clips"][0]
    share_url = browser.post(
        urljoin(front, clip["links"]["self"] + "/share"), json={"expires_in_seconds": 60}, timeout=10
    ).json()["url"]
    address = unit.url(share_url.removeprefix("/cams"))

    def questions() -> int:
        figures = browser.get(front + "watcher/metrics", timeout=10).text
        addresses_ = re.findall(
            r'^watcher_requests_total\{[^}]*route="/watcher/internal/media"[^}]*\} (\d+)', figures, re.MULTILINE
        )
        return sum(map(int, addresses_))

    before = questions()
    assert before, "which were answered for posters"
    with requests.Session() as player:
        for number in range(200):
            part = player.get(address, headers={"Range": f"bytes={number}-{number + 3}"}, timeout=10)
            assert part.status_code == 206
    assert questions() - before <= 40, "each answer holds for some seconds"
