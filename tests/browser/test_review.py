"""Review: clips without labels, one after another, by the keyboard alone."""

from __future__ import annotations

import re

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Watched, hear_fingers, look, until
from tests.running import RunningUnit, wait_for

pytestmark = pytest.mark.browser


def labelled(unit: RunningUnit) -> dict[int, list[str]]:
    return {clip["id"]: [label["name"] for label in clip["labels"]] for clip in unit.clips() if clip["labels"]}


def shown(page: Page) -> int:
    return int(page.locator("#watch").get_attribute("data-id") or 0)


def test_a_review_by_keys(watched: Watched, unit: RunningUnit, shelf: list[dict], browser: Browser) -> None:
    """Digits are labels, Enter goes on; two people never get the same clip; who leaves gives back what is unlabeled."""
    for clip, names in ((shelf[0], ["cat", "fox"]), (shelf[1], ["fox"])):
        for name in names:
            requests.put(unit.url(f"{clip['links']['self']}/labels/{name}"), timeout=10).raise_for_status()
    page = watched.open("/watcher/?camera=porch")
    page.locator("#menu > summary").click()
    page.get_by_role("link", name="Review").click()
    page.wait_for_url("**/review?camera=porch")
    porch = [clip["id"] for clip in shelf if clip["camera"] == "porch" and clip["id"] not in labelled(unit)]
    until(page, "document.querySelector('video')?.currentTime > 0")
    assert shown(page) == porch[0]
    assert page.locator(".numbered button").all_inner_texts() == ["1\nfox", "2\ncat"], "the most used first"
    look(page, "review")
    page.keyboard.press("2")
    expect(page.get_by_role("button", name="2 cat")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("1")
    expect(page.locator("#labels li")).to_have_count(2)
    page.keyboard.press("2")
    expect(page.locator("#labels li")).to_have_count(1)
    wait_for(lambda: labelled(unit).get(porch[0]) == ["fox"], what="the label")

    page.keyboard.press("Enter")
    expect(page.locator("#progress")).to_have_text(re.compile("^Clip 2 "))
    assert shown(page) == porch[1]

    other = Watched(browser.new_context(), unit)
    theirs = other.open("/watcher/review?camera=porch")
    until(theirs, "document.querySelector('#watch')")
    assert shown(theirs) == porch[5], "five are in the first one's hands"
    other.page.context.close()

    page.get_by_role("link", name="Stop").click()
    page.wait_for_url("**/?camera=porch")

    def free() -> list[int]:
        taken = requests.post(
            unit.url("/watcher/reviews"), json={"limit": 100, "cameras": ["porch"]}, timeout=10
        ).json()
        requests.delete(unit.url(taken["links"]["self"]), timeout=10)
        return [clip["id"] for clip in taken["clips"]]

    wait_for(lambda: free() == porch[1:], what="clips given back")


@pytest.mark.parametrize("watched", [{"has_touch": True}], indirect=True)
def test_the_end_of_a_clip_does_not_end_the_review(watched: Watched, shelf: list[dict]) -> None:
    """Also for who lets clips play on elsewhere: here a person says when, by a key, the button, or a swipe."""
    page = watched.open("/watcher/review?camera=gate")
    page.evaluate("localStorage.setItem('watcher-on-and-on', 'yes')")
    page.reload()
    until(
        page, "document.querySelector('video')?.readyState >= 1 && document.querySelector('video').videoWidth > 0"
    )
    first = shown(page)
    page.evaluate("document.querySelector('video').currentTime = document.querySelector('video').duration - 0.2")
    until(page, "document.querySelector('video').ended")
    page.wait_for_timeout(300)
    assert (shown(page), page.url.endswith("/review?camera=gate")) == (first, True)
    hear_fingers(page)
    page.evaluate(
        """() => { const screen = document.getElementById('screen');
        const at = (x) => new Touch({identifier: 1, target: screen, clientX: x, clientY: 200});
        screen.dispatchEvent(new TouchEvent('touchstart', {touches: [at(300)]}));
        screen.dispatchEvent(new TouchEvent('touchend', {changedTouches: [at(100)]})); }"""
    )
    expect(page.locator("#progress")).to_have_text(re.compile("^Clip 2 "))
    assert page.url.endswith("/review?camera=gate")


def test_when_nothing_is_left(watched: Watched, shelf: list[dict]) -> None:
    """It says so, and looks again when it is asked to."""
    page = watched.open("/watcher/review?camera=nobody")
    expect(page.get_by_role("heading", name="Nothing left to review")).to_be_visible()
    page.get_by_role("button", name="Look again").click()
    expect(page.get_by_role("heading", name="Nothing left to review")).to_be_visible()


@pytest.mark.parametrize("watched", [{"java_script_enabled": False}], indirect=True)
def test_without_scripts(watched: Watched, shelf: list[dict]) -> None:
    """The way to the list of clips without labels."""
    page = watched.open("/watcher/review?camera=porch")
    page.get_by_role("link", name="those without labels").click()
    assert set(page.locator(".card .camera").all_inner_texts()) == {"porch"}
