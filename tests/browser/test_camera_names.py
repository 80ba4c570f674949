"""Cameras as a person calls them: said on Status, by the mouse, by keys and without scripts; seen on every screen."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Watched, look, until
from tests.browser.test_screens import AXE, nothing_wrong
from tests.running import RunningUnit

pytestmark = pytest.mark.browser

DAY = "/watcher/day/2026-11-21"
HOSTILE = "<img src=x onerror=alert(1)> & “Tür” 🚪"
HEBREW = "דלת קדמית"


@pytest.fixture(autouse=True)
def unsaid(unit: RunningUnit, shelf: list[dict]) -> Iterator[None]:
    """Nothing is said of any camera, before and after."""
    yield
    for camera in ("gate", "porch", "yard"):
        say(unit, camera)


def say(unit: RunningUnit, camera: str, **settings: object) -> None:
    assert requests.put(unit.url(f"/watcher/cameras/{camera}"), json=settings, timeout=10).status_code == 200


def card(page: Page, camera: str) -> Locator:
    return page.locator(f"#camera-{camera}")


def test_a_camera_is_renamed_with_the_mouse(watched: Watched, unit: RunningUnit, shelf: list[dict]) -> None:
    """On Status; Browse, its filter, its search, Watch and the Timeline call it so, and its identifier stays."""
    page = watched.open("/watcher/status")
    gate = card(page, "gate")
    gate.get_by_title("Name, colour, place").click()
    gate.locator("[name=name]").fill("Front gate")
    gate.locator("label").filter(has_text="teal").click()
    gate.locator("[name=order]").fill("1")
    look(page, "camera-form")
    gate.get_by_role("button", name="Save").click()
    expect(gate.get_by_role("heading").get_by_role("link")).to_have_text("Front gate")
    expect(page.locator("#said")).to_have_text("Saved: Front gate")
    answer = unit.get("/watcher/cameras/gate").json()
    assert [answer[name] for name in ("name", "colour", "order", "hidden")] == ["Front gate", "teal", 1, False]

    page = watched.open("/watcher/?camera=gate")
    named = page.locator(".card .camera span").first
    expect(named).to_have_text("Front gate")
    expect(named).to_have_attribute("title", "Front gate (gate)")
    expect(page.get_by_role("link", name="Without Front gate")).to_be_visible()
    assert "camera=gate" in page.url
    page.locator("summary", has_text="Cameras").click()
    names = page.locator(".choice.line").first.locator("label [data-name]")
    assert names.all_inner_texts() == ["Front gate", "porch", "yard"]
    page = watched.open("/watcher/")
    page.locator("#search").fill("front gate")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Without Front gate")).to_be_visible()
    page.locator(".card a").first.click()
    expect(page.locator("dialog.over h1 [data-name]")).to_have_text("Front gate")
    assert unit.get("/watcher/clips?camera=gate&limit=1").json()["clips"][0]["camera"] == "gate"

    page = watched.open(DAY)
    buttons = page.locator(".names button")
    expect(buttons).to_have_text(["Front gate", "porch", "yard"])
    expect(buttons.first).to_have_attribute("title", "Front gate (gate)")
    assert (
        page.evaluate(
            "getComputedStyle(document.querySelector('.names [data-colour]'), '::before').borderInlineStartWidth"
        )
        == "4px"
    )


def test_a_camera_is_renamed_with_the_keyboard(watched: Watched, unit: RunningUnit, shelf: list[dict]) -> None:
    """The focus is back where it was; Esc leaves all as it is; what is refused is said where it is written."""
    page = watched.open("/watcher/status")
    button = card(page, "porch").locator("summary")
    expect(button).to_have_accessible_name("Name, colour and place of porch")
    button.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("Not this")
    page.keyboard.press("Escape")
    expect(button).to_be_focused()
    expect(card(page, "porch").locator("[name=name]")).to_be_hidden()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Control+a")
    page.keyboard.type("\u200d")
    page.keyboard.press("Enter")
    expect(card(page, "porch").get_by_role("alert")).to_contain_text("some that can be seen")
    watched.faults.clear()  # the browser's own line about it
    page.keyboard.press("Control+a")
    page.keyboard.type(HOSTILE)
    page.keyboard.press("Enter")
    expect(card(page, "porch").get_by_role("heading").get_by_role("link")).to_have_text(HOSTILE)
    until(page, "document.activeElement.matches('#camera-porch summary')")
    assert unit.get("/watcher/cameras/porch").json()["name"] == HOSTILE
    for path in (f"/watcher/watch/{next(clip for clip in shelf if clip['camera'] == 'porch')['id']}", DAY):
        page = watched.open(path)
        expect(page.locator("[data-name=porch]").first).to_have_text(HOSTILE)
        assert page.locator("img[onerror]").count() == 0


def test_hidden_cameras_are_not_lost(watched: Watched, unit: RunningUnit, shelf: list[dict]) -> None:
    """Left out of Status' cards and of the lanes, with a way to see them; last in the filter; their clips are listed."""
    say(unit, "yard", hidden=True)
    page = watched.open("/watcher/status")
    expect(page.locator(".camera-card")).to_have_count(2)
    expect(page.get_by_role("heading", level=1)).to_contain_text("2 cameras are silent")
    expect(page.locator("#hidden-cameras")).to_contain_text(
        re.compile(r"1 camera is hidden, and silent\.\s+Show it")
    )
    page.get_by_role("link", name="Show it").click()
    expect(page.locator(".camera-card h3 a [data-name]")).to_have_text(["porch", "gate", "yard"])
    page = watched.open(DAY)
    expect(page.locator(".names button")).to_have_text(["gate", "porch"])
    count = len([clip for clip in shelf if clip["local_time"][:10] == "2026-11-21"])
    mine = len([clip for clip in shelf if clip["local_time"][:10] == "2026-11-21" and clip["camera"] != "yard"])
    expect(page.locator("#total")).to_have_text(f"{mine} clips on this day")
    page.get_by_role("link", name="Show 1 hidden camera").click()
    expect(page.locator(".names button")).to_have_text(["gate", "porch", "yard"])
    expect(page.locator("#total")).to_have_text(f"{count} clips on this day")
    assert "hidden=yes" in page.url
    page.get_by_role("link", name="Hide 1 hidden camera").click()
    expect(page.locator(".names button")).to_have_count(2)
    page = watched.open("/watcher/?camera=yard")
    expect(page.locator(".card .camera").first).to_have_text("yard")
    expect(page.locator(".choice.line").first.locator("label").last).to_have_text(re.compile(r"yard\s+hidden"))


def test_who_has_the_page_open_sees_it(watched: Watched, unit: RunningUnit, shelf: list[dict]) -> None:
    """On Browse and on the Timeline, without a new page."""
    page = watched.open("/watcher/")
    until(page, "performance.getEntriesByType('resource').some(one => one.name.includes('/changes/head'))")
    page.evaluate("window.here = 'still'")
    say(unit, "gate", name=HEBREW, colour="red")
    gate = page.locator(".card [data-name=gate]").first
    expect(gate).to_have_text(HEBREW)
    expect(gate).to_have_attribute("data-colour", "red")
    assert page.evaluate("window.here") == "still"
    page = watched.open(DAY)
    until(page, "performance.getEntriesByType('resource').some(one => one.name.includes('/changes/head'))")
    page.evaluate("window.here = 'still'")
    say(unit, "yard", name="Yard, the old one", order=1)
    say(unit, "porch", hidden=True)
    expect(page.locator(".names button")).to_have_text(["Yard, the old one", HEBREW])
    assert page.evaluate("window.here") == "still"


@pytest.mark.parametrize("watched", [{"java_script_enabled": False}], indirect=True)
def test_without_scripts(watched: Watched, unit: RunningUnit, shelf: list[dict]) -> None:
    """The form is a form."""
    page = watched.open("/watcher/status")
    gate = card(page, "gate")
    gate.locator("summary").click()
    gate.locator("[name=name]").fill(HEBREW)
    gate.get_by_label("Hide it").check()
    gate.get_by_role("button", name="Save").click()
    page.wait_for_url("**/status#camera-gate")
    expect(page.locator(".camera-card")).to_have_count(2)
    page.get_by_role("link", name="Show it").click()
    expect(card(page, "gate").get_by_role("heading").get_by_role("link")).to_have_text(HEBREW)
    watched.open(DAY)
    expect(page.locator("#lane-list li:visible")).to_have_count(2)
    page.get_by_role("link", name="Show 1 hidden camera").click()
    expect(page.locator("#lane-list li:visible")).to_have_count(3)


@pytest.mark.parametrize(
    "watched",
    [
        {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
        {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
        {"viewport": {"width": 320, "height": 568}, "forced_colors": "active"},
    ],
    ids=["desktop-dark", "phone", "forced"],
    indirect=True,
)
def test_axe_finds_nothing_in_names(watched: Watched, unit: RunningUnit, shelf: list[dict]) -> None:
    """With names, colours and an open form; nothing is wider than the screen."""
    for number, (camera, colour) in enumerate((("gate", "yellow"), ("porch", "blue"), ("yard", "pink"))):
        say(unit, camera, name=(HEBREW, HOSTILE, "x" * 80)[number], colour=colour, order=number + 1)
    forced = watched.page.evaluate("matchMedia('(forced-colors: active)').matches")
    for path in (
        ("/watcher/status", "/watcher/")
        if forced
        else ("/watcher/status", "/watcher/", DAY, "/watcher/side-by-side")
    ):
        page = watched.open(path)
        page.wait_for_load_state("load")
        if path.endswith("status"):
            page.locator(".edit summary").first.click()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        if AXE.exists():
            nothing_wrong(page, path)
