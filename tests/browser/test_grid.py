"""The grid as a window onto many clips: by wheel, by rail, by keys, by pointer and by touch; and a million of them."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from playwright.sync_api import Page, Playwright, expect

from tests.browser.conftest import Watched, launched, look, until
from tests.running import RunningUnit, running, wait_for
from watcher.ops import demo
from watcher.services import open_services
from watcher.settings.load import load

pytestmark = pytest.mark.browser

CARDS = "[...document.querySelectorAll('#days .card')]"
IDS = f"{CARDS}.map(card => Number(card.dataset.id))"
# The place in the history is where one is: it is noted a moment after one has scrolled.
NOTED = """(() => { const at = history.state, card = at && document.querySelector(`.card[data-id="${at.id}"]`);
    return Boolean(card) && Math.abs(card.getBoundingClientRect().top - at.top) < 1; })()"""
TIMES = f"{CARDS}.map(card => Date.parse(card.dataset.at))"
# DiskSpace a catalog takes longer than the test; `make scale` takes a million.
ROWS = int(os.environ.get("WATCHER_TEST_ROWS", "300000"))


def shown(page: Page) -> list[int]:
    return page.evaluate(IDS)


def in_order(page: Page) -> None:
    """Newest first, each once."""
    times, ids = page.evaluate(TIMES), shown(page)
    assert all(a >= b for a, b in pairwise(times))
    assert len(set(ids)) == len(ids)


def test_keys_move_in_the_grid(watched: Watched, shelf: list[dict]) -> None:
    """From the skip link to a clip and back to its card, without a pointer."""
    page = watched.open("/watcher/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the clips")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    focused = "Number(document.activeElement.closest('.card')?.dataset.id)"
    assert page.evaluate(focused) == shelf[1]["id"]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    assert page.evaluate(focused) == shelf[1]["id"]
    page.keyboard.press("End")
    last_of_day = [clip for clip in shelf if clip["local_time"][:10] == shelf[0]["local_time"][:10]][-1]
    assert page.evaluate(focused) == last_of_day["id"]
    page.keyboard.press("ArrowRight")
    assert page.evaluate(focused) == shelf[shelf.index(last_of_day) + 1]["id"]
    assert page.evaluate("document.querySelectorAll('#days a[tabindex=\"0\"]').length") == 1
    card = page.evaluate(focused)
    page.keyboard.press("Enter")
    expect(page.locator("dialog.over")).to_be_visible()
    until(page, "document.querySelector('video')?.currentTime > 0.1")
    page.keyboard.press("Shift+P")
    page.keyboard.press("Escape")  # before the other clip is there
    expect(page.locator("dialog")).to_have_count(0)
    until(page, f"{focused} === {card}")
    page.keyboard.press("d")
    page.get_by_label("Go to a date or time").last.fill("2026-11-20T08:10:00")
    page.keyboard.press("Enter")
    until(page, f"{focused} !== {card} && document.activeElement.closest('.card')")
    assert page.locator(":focus time").inner_text() <= "08:10:59"
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("xl")
    expect(page.get_by_role("searchbox")).to_have_value("xl")


def test_pointing_skims_without_fetching_the_clip(watched: Watched, shelf: list[dict]) -> None:
    """Nothing before a moment of intent; one sprite; no clip; the poster again afterwards; a click lands there."""
    wait_for(lambda: watched.unit.clip(shelf[5]["key"])["sprite"], what="a sprite")  # type: ignore[index]
    page = watched.open("/watcher/")
    card = page.locator(f'.card[data-id="{shelf[5]["id"]}"]')
    box = card.locator(".picture").bounding_box()
    assert box is not None
    urls: list[str] = []
    times: list[float] = []  # of requests for a sprite
    page.on("request", lambda request: urls.append(request.url))
    page.on("request", lambda request: times.append(time.monotonic()) if "sprite" in request.url else None)
    pointed = time.monotonic()
    page.mouse.move(box["x"] + 5, box["y"] + 40)
    expect(card.locator(".sprite")).to_be_visible()
    assert times[0] - pointed > 0.15
    first = card.locator(".sprite").get_attribute("data-frame")
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 40, steps=4)
    expect(card.locator(".sprite")).not_to_have_attribute("data-frame", first or "")
    look(page, "browse-skimming")
    assert len([url for url in urls if "sprite" in url]) == 1
    assert not [url for url in urls if url.endswith(".mp4")]
    page.mouse.move(2, 2)
    expect(card.locator(".sprite")).to_have_count(0)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    expect(card.locator(".sprite")).to_be_visible()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 40)
    until(page, "document.querySelector('video')?.currentTime > 1.5")


@pytest.mark.parametrize(
    "watched", [{"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}], indirect=True
)
def test_a_finger_scrolls(watched: Watched, shelf: list[dict]) -> None:
    """Up and down it scrolls and shows no preview; a tap opens; the filter is a sheet at the bottom."""
    page = watched.open("/watcher/")
    session = page.context.new_cdp_session(page)
    session.send("Input.synthesizeScrollGesture", {"x": 100, "y": 600, "yDistance": -400, "speed": 1600})
    until(page, "scrollY > 200")
    expect(page.locator(".sprite")).to_have_count(0)
    page.evaluate("scrollTo(0, 0)")
    page.get_by_role("button", name="Filter").tap()
    expect(page.locator("#filter")).to_be_visible()
    look(page, "filter-phone")
    page.get_by_role("button", name="Filter").tap()
    page.locator(".card a").nth(3).tap()
    expect(page.locator("dialog.over video")).to_be_visible()


def test_back_comes_back_to_where_one_was(watched: Watched, shelf: list[dict]) -> None:
    """The filter, the place and the focus; also after a reload."""
    page = watched.open("/watcher/")
    page.locator(".card").nth(30).scroll_into_view_if_needed()
    page.evaluate("scrollBy(0, 200)")
    until(page, NOTED)
    in_sight = "card => card.getBoundingClientRect().top > 100 && card.getBoundingClientRect().bottom < innerHeight"
    identity = page.evaluate(f"{CARDS}.find({in_sight}).dataset.id")
    card = page.locator(f'.card[data-id="{identity}"]')
    top = card.bounding_box()["y"]  # type: ignore[index]
    card.locator("a").click()
    expect(page.locator("dialog.over")).to_be_visible()
    page.go_back()
    expect(page.locator("dialog")).to_have_count(0)
    assert abs(card.bounding_box()["y"] - top) < 4  # type: ignore[index]
    until(page, NOTED)
    page.reload()
    until(page, f"document.querySelector('.card[data-id=\"{identity}\"]') && scrollY > 100")
    assert abs(card.bounding_box()["y"] - top) < 40  # type: ignore[index]
    page.goto(watched.unit.url("/watcher/?at=2026-11-20T07:20:00Z"))
    until(page, f"{CARDS}.length > 0 && scrollY > 0")
    first = page.evaluate(
        f"{CARDS}.find(card => card.getBoundingClientRect().bottom > 160).querySelector('time').dateTime"
    )
    assert first[:16] <= "2026-11-20T07:24"


def test_what_cannot_be_loaded_can_be_asked_for_again(watched: Watched, shelf: list[dict]) -> None:
    """In place, and the rest stays."""
    page = watched.page
    page.route("**/watcher/clips?*after=*", lambda route: route.fulfill(status=503, body="{}"))
    page.goto(watched.unit.url("/watcher/"))
    page.locator(".card").last.scroll_into_view_if_needed()
    expect(page.locator(".end .trouble")).to_contain_text("Couldn’t load older clips")
    expect(page.locator(".card")).to_have_count(48)
    page.unroute("**/watcher/clips?*after=*")
    page.get_by_role("button", name="Retry").click()
    expect(page.locator(".card")).to_have_count(60)
    watched.faults.clear()  # the 503


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningUnit]:
    """A watcher with very many clips in its catalog, of which none has a file."""
    with running(tmp_path_factory.mktemp("many"), settings={"WATCHER_RENDER__WORKERS": "0"}) as unit:
        services = open_services(load({}).settings, unit.data)
        demo.fill(services, ROWS)
        services.catalog.database.engine.dispose()
        yield unit


@pytest.mark.slow
@pytest.mark.parametrize("ratio", [2, 3])
def test_the_ends_of_very_many_clips_on_fine_screens(many: RunningUnit, ratio: int, playwright: Playwright) -> None:
    """A browser's longest scroll box shrinks with its pixels; set by its own flag, since emulation does not show that."""
    with launched(playwright, f"--force-device-scale-factor={ratio}") as browser:
        watched = Watched(browser.new_context(no_viewport=True), many)
        page = watched.open("/watcher/")
        assert page.evaluate("devicePixelRatio") == ratio
        until(page, f"{CARDS}.length >= 48 && document.querySelector('.rail.shown')")
        newest = shown(page)[0]
        page.get_by_role("slider", name="Days with clips").focus()
        page.keyboard.press("End")
        until(page, f"{CARDS}.length && !{CARDS}.some(card => Number(card.dataset.id) === {newest})")
        scroll_to_the_oldest(page, many)
        in_order(page)
        page.keyboard.press("n")
        until(page, f"{CARDS}[0]?.dataset.id === '{newest}'")
        assert watched.faults == []


def scroll_to_the_oldest(page: Page, unit: RunningUnit) -> None:
    oldest = unit.get("/watcher/clips?sort=started_at&limit=1").json()["clips"][0]["id"]

    def there() -> bool:
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        page.wait_for_timeout(60)
        return shown(page)[-1] == oldest

    wait_for(there, what="the oldest clip")


@pytest.mark.slow
def test_very_many_clips(watched: Watched, many: RunningUnit) -> None:
    """A bounded window, without gaps or doubles; any day by the rail; the first clip as near as the newest."""
    watched.unit = many
    page = watched.open("/watcher/")
    until(page, f"{CARDS}.length >= 48")
    expected = [clip["id"] for clip in many.get("/watcher/clips?limit=500").json()["clips"]]
    seen = shown(page)

    def far_below() -> bool:
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        page.wait_for_timeout(60)
        now = shown(page)
        assert set(now) & set(seen[-48:]), "a gap"
        seen.extend(clip_id for clip_id in now if clip_id not in set(seen[-600:]))
        assert len(now) <= 480
        return len(seen) > 1000

    wait_for(far_below, what="a thousand clips")
    in_order(page)
    assert len(seen) == len(set(seen))
    assert seen[:500] == expected
    assert page.evaluate("document.querySelectorAll('*').length") < 4500

    def above() -> bool:
        page.evaluate("scrollTo(0, 0)")
        page.wait_for_timeout(60)
        return shown(page)[0] == seen[0]

    wait_for(above, what="the newest clip")
    assert shown(page)[:48] == seen[:48]
    in_order(page)
    rail = page.get_by_role("slider", name="Days with clips")
    box = rail.bounding_box()
    assert box is not None
    for share in (0.3, 0.75, 0.5):
        page.mouse.move(box["x"] + 10, box["y"] + box["height"] * share)
        bubble = page.locator(".rail .bubble").inner_text()
        page.mouse.down()
        page.mouse.up()
        day, clips_of = re.fullmatch(r"(.*), ([\d,]+ clips?)", bubble).groups()  # type: ignore[union-attr]
        first = f"{CARDS}.find(card => card.getBoundingClientRect().bottom > 160)"
        # A day of so many is divided by hours; the jump leads to its last one.
        title = f"{first}?.closest('.day').querySelector('h2').textContent"
        until(page, f"/^{day}, 23:00 {clips_of} that day\\b/.test({title})")
        in_order(page)
    rail.focus()
    page.keyboard.press("End")
    until(page, f"Math.min(...{TIMES}) < {1000 * 10**9 * 2}")
    scroll_to_the_oldest(page, many)
    look(page, "browse-oldest")
