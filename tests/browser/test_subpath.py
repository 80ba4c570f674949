"""A person watches below a path of a proxy, in Chromium: scripts, pictures, clips and the session all lie there."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Browser, expect

from tests import clips
from tests.browser.conftest import Watched, until
from tests.proxying import ADDRESS, proxied
from tests.running import running, wait_for

pytestmark = pytest.mark.browser
SETTINGS = {"WATCHER_AUTH__MODE": "keys", "WATCHER_SITE__TRUSTED_PROXIES": ADDRESS}


class Front:
    """What a page takes for the unit."""

    def __init__(self, address: str) -> None:
        self._address = address

    def url(self, path: str) -> str:
        return urljoin(self._address, path)


def test_watching_below_a_path(browser: Browser, tmp_path: Path) -> None:
    """Signing in by the first link, a clip that arrives, its poster, the clip, sharing it, Status, signing out."""
    (tmp_path / "front").mkdir()
    with running(tmp_path / "unit", settings=SETTINGS) as unit, proxied(unit, tmp_path / "front") as address:
        link = wait_for(lambda: re.search(r"http\S+/watcher/(sign-in\?link=\S+)", unit.console()), what="the link")[
            1
        ]
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        watched = Watched(context, Front(address))  # type: ignore[arg-type]
        page = watched.open(f"/cams/watcher/{link}")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="No clips yet")).to_be_visible()
        clips.make(unit.video / "porch" / "2026-11-21" / "070000.mp4")
        expect(page.locator(".card")).to_have_count(1)
        until(page, "document.querySelector('.card img')?.naturalWidth > 0")
        page.locator(".card a").first.click()
        until(page, "document.querySelector('video')?.readyState >= 2")
        assert "/cams/watcher/watch/" in page.url
        page.get_by_role("button", name="Share").click()
        shared = page.locator("input[readonly]").input_value()
        assert shared.startswith(f"{address}porch/")
        page.goto(address + "watcher/status")
        expect(page.get_by_role("heading", name="Status")).to_be_visible()
        page.locator("#menu > summary").click()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        assert watched.faults == []
        assert {
            request.url for request in watched.requests if not request.url.startswith((address, "blob:", "data:"))
        } == set()
        context.close()
