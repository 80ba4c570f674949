"""A person signs in, watches, and signs out, in Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests import clips
from tests.browser.conftest import Watched, until
from tests.running import RunningUnit, running, wait_for

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def unit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningUnit]:
    """A watcher that wants keys."""
    with running(tmp_path_factory.mktemp("keys"), settings={"WATCHER_AUTH__MODE": "keys"}) as started:
        clips.make(started.video / "porch" / "2026-11-21" / "070000.mp4")
        yield started


def test_signing_in_watching_and_signing_out(browser: Browser, unit: RunningUnit) -> None:
    """From the address that was wanted, through the form, back to it; posters and clips work, and end with the session."""
    key = unit.run("key", "create", "anna", "--role", "view").stdout.strip()
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    watched = Watched(context, unit)
    page = watched.open("/watcher/?camera=porch")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.screenshot(path=unit.folder / "sign-in.png")
    page.get_by_label("Key").fill("wk_wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("no key")
    watched.faults.clear()  # the browser's own line about the 401
    page.get_by_label("Key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".card")).to_have_count(1)
    assert page.url.endswith("/watcher/?camera=porch")
    wait_for(lambda: bool(unit_poster(watched)), what="a poster")
    page.reload()
    picture = page.locator(".card img").first
    expect(picture).to_be_visible()
    until(page, "document.querySelector('.card img').naturalWidth > 0")
    page.locator(".card a").first.click()
    until(page, "document.querySelector('video')?.readyState >= 2")
    clips.make(unit.video / "porch" / "2026-11-21" / "080000.mp4", number=1)
    page.go_back()
    page.get_by_role("button", name="1 new clip").click(timeout=8000)
    expect(page.locator(".card")).to_have_count(2)
    page.locator("#menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert watched.faults == []
    page.goto(unit.url("/watcher/"))
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    context.close()


def unit_poster(watched: Watched) -> str | None:
    """The poster's address, asked by the page itself, with its session."""
    return watched.page.evaluate("fetch('/watcher/clips').then(a => a.json()).then(a => a.clips[0].poster_url)")


def test_the_link_of_the_first_start(browser: Browser, tmp_path: Path) -> None:
    """Signs in by a button."""
    with running(tmp_path, settings={"WATCHER_AUTH__MODE": "keys"}) as unit:
        import re

        link = wait_for(lambda: re.search(r"http\S+sign-in\?link=\S+", unit.console()), what="the link")[0]
        context = browser.new_context()
        watched = Watched(context, unit)
        watched.page.goto(link)
        watched.page.get_by_role("button", name="Sign in").click()
        expect(watched.page.locator("#menu")).to_be_visible()
        assert "link=" not in watched.page.url
        context.close()
