"""A person signs in, watches, and signs out, in Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
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
    page.get_by_role("button", name="1 new clip").click()
    expect(page.locator(".card")).to_have_count(2)
    page.locator("#menu > summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert watched.faults == []
    page.goto(unit.url("/watcher/"))
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    context.close()


def test_sessions_and_links_are_seen_and_ended(browser: Browser, unit: RunningUnit) -> None:
    """On Status: who is signed in where, which links were given away; each ends by a button, at once."""
    key = unit.run("key", "create", "carla", "--role", "view").stdout.strip()
    elsewhere = requests.Session()
    elsewhere.post(
        unit.url("/watcher/sign-in"), data={"key": key}, headers={"User-Agent": "<b>Tablet</b>"}, timeout=10
    )
    listed = elsewhere.get(unit.url("/watcher/clips"), timeout=10)
    assert listed.status_code == 200
    clip = next(clip for clip in listed.json()["clips"] if clip["key"].endswith("070000.mp4"))
    link = unit.url(
        elsewhere.post(
            unit.url(f"/watcher/clips/{clip['id']}/share"), json={"expires_in_seconds": 600}, timeout=10
        ).json()["url"]
    )
    assert requests.get(link, timeout=10).status_code == 200
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    watched = Watched(context, unit)
    page = watched.open("/watcher/status")
    page.get_by_label("Key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    who = page.locator("section", has_text="Who is signed in")
    expect(who.locator("li")).to_have_count(2)
    expect(who).to_contain_text("this browser")
    expect(who).to_contain_text("<b>Tablet</b>")
    who.get_by_role("button", name="End").click()
    page.get_by_role("dialog").get_by_role("button", name="End").click()
    expect(who.locator("li")).to_have_count(1)
    wait_for(lambda: elsewhere.get(unit.url("/watcher/clips"), timeout=30).status_code == 401, what="its end")
    given = page.locator("section", has_text="Links given away")
    expect(given.locator("li")).to_contain_text("070000.mp4")
    given.get_by_role("button", name="End").click()
    page.get_by_role("dialog").get_by_role("button", name="End").click()
    expect(given).to_have_count(0)
    wait_for(lambda: requests.get(link, timeout=10).status_code in {401, 403}, what="the end of the link")
    assert watched.faults == []
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
