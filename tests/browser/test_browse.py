"""Browse's and Status' details: what the sheet will show, what days are called, rows of one height, a broken last clip."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
import requests
from playwright.sync_api import Page, Route, expect

from tests import clips
from tests.browser.conftest import Watched, look, until
from tests.running import ZONE, RunningUnit, wait_for

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
SIZES = [{"viewport": {"width": 1440, "height": 900}}, PHONE, {"viewport": {"width": 3840, "height": 2160}}]
CAMERAS = ("gate", "porch")
EVERY = 24
LABELS = {0: ("car", "person", "wheelbarrow"), 3: ("fox",), 4: ("fox", "person")}


@pytest.fixture(scope="module")
def shelf(unit: RunningUnit, samples: Path) -> list[dict]:
    """Twelve clips of each of two cameras on two days, some with labels, the last one broken; newest first."""
    data = (samples / "plain.mp4").read_bytes()
    for number in range(EVERY):
        at = datetime(2026, 11, 20 + number // 12, 8, number).astimezone()
        path = unit.video / CAMERAS[number % 2] / f"{at:%Y-%m-%d_%H%M%S}.mp4"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(clips.stamp(data, number) if number < EVERY - 1 else b"\0" * 300)
    rows = wait_for(lambda: rows if len(rows := unit.clips()) == EVERY else None, what="all clips")
    for number, names in LABELS.items():
        for name in names:
            requests.put(
                unit.url(f"/watcher/clips/{rows[number]['id']}/labels/{name}"), timeout=10
            ).raise_for_status()
    return rows


def held(page: Page, pattern: str) -> list[Route]:
    """What is asked for from here on, which waits to be let go on."""
    asked: list[Route] = []

    def hold(route: Route) -> None:
        asked.append(route)

    page.route(pattern, hold)
    return asked


def heard(page: Page, what: Callable[[], object]) -> None:
    """Wait for something that Playwright tells, which it does while it is asked."""
    wait_for(lambda: page.evaluate("true") and what(), what="a request")


def test_a_time_is_read_by_a_script_that_comes_as_one_begins_to_type(watched: Watched, shelf: list[dict]) -> None:
    """Not before; and what was typed meanwhile, Enter included, is not lost."""
    page = watched.open("/watcher/")
    page.wait_for_load_state("load")
    asked = held(page, "**/typed.js")
    loaded = "performance.getEntriesByType('resource').map((entry) => entry.name.split('/').pop())"
    assert not {"typed.js", "fingers.js"} & set(page.evaluate(loaded))
    page.keyboard.press("d")
    page.keyboard.type("20 nov 2026 08:05")
    page.keyboard.press("Enter")
    heard(page, lambda: asked)
    expect(page.locator(".calendar")).to_be_visible()
    asked[0].continue_()
    until(page, "document.activeElement.closest('.card')")
    assert page.locator(":focus time").inner_text() == "08:05:00"


def test_whoever_left_the_calendar_is_not_taken_anywhere(watched: Watched, shelf: list[dict]) -> None:
    """By what was typed there, and can be read only afterwards."""
    page = watched.open("/watcher/")
    page.wait_for_load_state("load")
    asked = held(page, "**/typed.js")
    page.keyboard.press("d")
    page.keyboard.type("20 nov 2026 08:05")
    page.keyboard.press("Enter")
    heard(page, lambda: asked)
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    asked[0].continue_()
    page.evaluate(
        "(address) => import(address).then(() => new Promise(requestAnimationFrame))", asked[0].request.url
    )
    assert "at=" not in page.url
    assert not page.evaluate("document.activeElement.closest('.card')")


def shown_by(page: Page) -> str:
    return page.locator("#filter > .show").inner_text()


def test_a_time_that_cannot_be_read_yet_is_said_to_be_so(watched: Watched, shelf: list[dict]) -> None:
    """Where the server is away, the calendar's days are there, and the next time it opens asks again."""
    page = watched.open("/watcher/")
    page.route("**/typed.js", lambda route: route.abort())
    page.keyboard.press("d")
    page.keyboard.type("16:05")
    expect(page.locator(".calendar .preview")).to_have_text("The server does not answer.")
    page.keyboard.press("Enter")
    expect(page.locator(".calendar td button").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    page.unroute("**/typed.js")
    page.keyboard.press("d")
    page.keyboard.type("20 nov 2026 16:05")
    expect(page.locator(".calendar .preview")).to_have_text("Friday, 20 November 2026, 16:05")
    watched.faults = [fault for fault in watched.faults if "ERR_FAILED" not in fault]


@pytest.mark.parametrize("watched", [PHONE], indirect=True)
def test_the_sheet_says_how_many_clips_it_will_show(watched: Watched, shelf: list[dict]) -> None:
    """For what is chosen in it, at once and without a shift; so many there are, then."""
    page = watched.open("/watcher/")
    page.locator("#filtering").click()
    show = page.locator("#filter > .show")
    expect(show).to_have_text("Show 24 clips")
    page.locator("#filter > .chips").get_by_text("fox").click()
    expect(show).to_have_text("Show 2 clips")
    box = show.bounding_box()
    page.locator("#filter > .chips").get_by_text("wheelbarrow").click()  # or
    expect(show).to_have_text("Show 3 clips")
    page.locator("#filter > .chips").get_by_text("fox").click()
    expect(show).to_have_text("Show 1 clip")
    page.locator("#filter > .chips").get_by_text("wheelbarrow").click()
    expect(show).to_have_text("Show 24 clips")
    assert show.bounding_box() == box
    page.locator("#filter summary").last.click()
    page.locator("#filter [name=to]").fill("2026-11-20")
    expect(show).to_have_text("Show 12 clips")
    page.locator("#filter [name=from]").fill("2026-11-21")  # nothing is both
    expect(show).to_have_text("Show")
    page.locator("#filter [name=from]").fill("2026-11-20")
    page.locator("#filter [name=seen]").check()
    expect(show).to_have_text("Show 0 clips")  # this browser was never here
    page.locator("#filter [name=seen]").uncheck()
    expect(show).to_have_text("Show 12 clips")
    expect(page.get_by_role("button", name="Show", exact=False)).to_have_count(1)
    expect(show).to_be_in_viewport(ratio=1)
    look(page, "sheet")
    show.click()
    expect(page.locator(".card")).to_have_count(12)
    assert "from=2026-11-20&to=2026-11-20" in page.url
    page.locator("#filtering").click()
    expect(show).to_have_text("Show 12 clips")
    assert len(watched.faults) == 1  # the console tells that a range was refused
    watched.faults.clear()


@pytest.mark.parametrize("watched", [PHONE], indirect=True)
def test_a_day_that_is_typed_is_counted_in_the_end(watched: Watched, shelf: list[dict]) -> None:
    """Its year is 2, 20 and 202 before it is 2026, and may be one that no clock has."""
    page = watched.open("/watcher/")
    page.locator("#filtering").click()
    page.locator("#filter summary").last.click()
    day = page.locator("#filter [name=from]")
    day.click(position={"x": 12, "y": 10})
    page.keyboard.type("1121")
    for digit in "2026":
        page.keyboard.type(digit)
        until(page, "document.querySelector('#filter > .show').textContent !== 'Show'")
    expect(day).to_have_value("2026-11-21")
    expect(page.locator("#filter > .show")).to_have_text("Show 12 clips")
    day.fill("275000-01-01")
    expect(page.locator("#filter > .show")).to_have_text("Show")
    day.fill("2026-11-21")
    expect(page.locator("#filter > .show")).to_have_text("Show 12 clips")


@pytest.mark.parametrize("watched", [PHONE], indirect=True)
def test_one_count_at_a_time_and_the_last_one_counts(watched: Watched, shelf: list[dict]) -> None:
    """What was chosen meanwhile is asked for next, once; until that is known no number stands there."""
    page = watched.open("/watcher/")
    page.wait_for_load_state("networkidle")
    asked = held(page, "**/watcher/calendar?*")
    page.locator("#filtering").click()
    heard(page, lambda: asked)
    for name in ("fox", "person", "wheelbarrow"):
        page.locator("#filter > .chips").get_by_text(name).click()
    assert len(asked) == 1
    asked[0].continue_()
    heard(page, lambda: len(asked) == 2)
    assert parse_qs(urlsplit(asked[1].request.url).query)["label"] == ["fox", "person", "wheelbarrow"]
    assert shown_by(page) == "Show"
    asked[1].continue_()
    expect(page.locator("#filter > .show")).to_have_text("Show 3 clips")
    assert len(asked) == 2


@pytest.mark.parametrize("watched", [{**PHONE, "locale": "pl"}], indirect=True)
def test_what_was_not_counted_to_the_end_says_so(watched: Watched, shelf: list[dict]) -> None:
    """At least so many, in the page's language; nothing where nothing is known."""
    page = watched.open("/watcher/")
    page.wait_for_load_state("networkidle")
    newest = {"month": None, "tz": ZONE, "counted_from": "2026-11-21"}
    day = {"day": "2026-11-21", "clips": 5, "more": False}
    answers: list[str | None] = [json.dumps({**newest, "days": [day]}), json.dumps({**newest, "days": []}), None]

    def answer(route: Route) -> None:
        if body := answers.pop(0):
            route.fulfill(body=body, content_type="application/json")
        else:
            route.fulfill(status=404, body="{}")

    page.route("**/watcher/calendar?*", answer)
    page.locator("#filtering").click()
    show, fox = page.locator("#filter > .show"), page.locator("#filter > .chips").get_by_text("fox")
    expect(show).to_have_text("Pokaż co najmniej 5 klipów")
    for left in (1, 0):
        fox.click()
        heard(page, lambda: len(answers) == left)  # noqa: B023
        page.wait_for_load_state("networkidle")
        expect(show).to_have_text("Pokaż")
    watched.faults.clear()  # the console tells of the 404


@pytest.mark.parametrize("watched", SIZES, indirect=True)
def test_rows_are_of_one_height(watched: Watched, shelf: list[dict]) -> None:
    """Whatever labels a clip has, and if it is broken; the first label has room for its name where cards are wide."""
    page = watched.open("/watcher/")
    expect(page.locator(".card")).to_have_count(EVERY)
    heights = page.locator(".card a").evaluate_all("list => list.map((a) => a.getBoundingClientRect().height)")
    assert max(heights) - min(heights) < 1, heights
    card = page.locator(f".card[data-id='{shelf[0]['id']}']")
    expect(card.locator(".labels")).to_have_attribute("title", "car, person, wheelbarrow")
    expect(card.get_by_role("link")).to_have_accessible_name(re.compile("car.*person.*wheelbarrow"))
    tags = card.locator(".tag").evaluate_all(
        "list => list.map((tag) => [tag.scrollWidth > tag.clientWidth, tag.clientWidth])"
    )
    assert all(width >= 8 for _, width in tags), tags  # its sign at least
    if page.viewport_size != PHONE["viewport"]:
        assert not tags[0][0], tags
    look(page, f"rows-{page.viewport_size['width']}")


@pytest.mark.parametrize("watched", SIZES, indirect=True)
def test_watch_all_stands_on_the_line_of_its_heading(watched: Watched, shelf: list[dict]) -> None:
    """Its icon has the middle that the day's name has."""
    page = watched.open("/watcher/")
    apart = page.locator(".day h2").first.evaluate(
        """h2 => { const words = document.createRange(), middle = (box) => box.top + box.height / 2;
        words.selectNodeContents(h2.firstChild);
        return Math.abs(middle(words.getBoundingClientRect()) - middle(h2.querySelector(".i").getBoundingClientRect())); }"""
    )
    assert apart <= 3, apart


def days(page: Page) -> list[str]:
    return [
        re.sub(r" \d+ clips.*", "", " ".join(text.split())) for text in page.locator(".day h2").all_inner_texts()
    ]


@pytest.mark.parametrize("locale", ["en-GB", "de"])
def test_today_is_called_today(watched: Watched, unit: RunningUnit, shelf: list[dict], locale: str) -> None:
    """By the server, with the date; the other days have it alone."""
    now = datetime.now().astimezone()
    words = {"en-GB": ("Today", "Yesterday"), "de": ("Heute", "Gestern")}[locale]
    data = (unit.video / shelf[-1]["key"]).read_bytes()
    for back, name in enumerate(words):
        at = (now - timedelta(days=back)).replace(hour=0, minute=0, second=1)
        key = f"today/{at:%Y-%m-%d_%H%M%S}.mp4"
        clips.leave(unit.video / key, clips.stamp(data, 100 + back))
        unit.wait_clip(key, state="ready")
        html = unit.get("/watcher/?camera=today", headers={"Accept": "text/html", "Accept-Language": locale}).text
        assert re.search(rf'<h2>{name} <span class="quiet">[^<]*\b{at.day}\b[^<]*{at.year}</span>', html)
    assert re.search(
        r"<h2>\w+,? 21\.? November 2026",
        unit.get("/watcher/?camera=gate", headers={"Accept": "text/html", "Accept-Language": locale}).text,
    )


def test_at_midnight_today_is_yesterday(watched: Watched, shelf: list[dict]) -> None:
    """In the cameras' zone, on a page that stays open; what *Today* leads to is another day then, too."""
    page = watched.page
    late = datetime(2026, 11, 21, 23, 59, 50, tzinfo=ZoneInfo(ZONE))
    page.clock.install(time=late)
    watched.open("/watcher/?camera=gate&camera=porch")
    titles = ["Saturday, 21 November 2026", "Friday, 20 November 2026"]
    wait_for(
        lambda: days(page) == [f"Today {titles[0]}", f"Yesterday {titles[1]}"], what=f"their names, {days(page)}"
    )
    now = datetime.now().astimezone().date()

    def tomorrow(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace(f"from={now}", "from=2031-01-01"))

    page.route(re.compile(r"/watcher/\?camera="), tomorrow)
    page.clock.run_for(12_000)
    wait_for(lambda: days(page) == [f"Yesterday {titles[0]}", titles[1]], what="their new names")
    until(page, "document.querySelector('.quick a').href.includes('from=2031-01-01')")


def test_at_the_cameras_midnight_today_leads_to_another_day(watched: Watched, shelf: list[dict]) -> None:
    """In one's own zone too, where it is not midnight; but what comes after one went on is of another filter."""
    page = watched.page
    page.clock.install(time=datetime(2026, 11, 21, 23, 59, 50, tzinfo=ZoneInfo(ZONE)))
    watched.open("/watcher/?camera=gate&camera=porch")
    page.locator("#menu > summary").click()
    page.get_by_role("button", name=ZONE).click()
    until(page, "document.documentElement.dataset.zone !== document.documentElement.dataset.siteZone")
    page.wait_for_load_state("networkidle")
    asked = held(page, "**/watcher/?camera=*")
    before, links = days(page), "[...document.querySelectorAll('.quick a')].map((link) => link.search)"
    page.clock.run_for(12_000)
    heard(page, lambda: asked)
    assert days(page) == before
    page.route("**/watcher/?camera=*", lambda route: route.continue_())
    page.locator(".search [type=search]").fill("fox")
    page.keyboard.press("Enter")
    page.wait_for_url("**label=fox*")
    until(page, f"{links}.every((search) => search.includes('label=fox'))")
    with page.expect_request_finished(lambda request: request == asked[0].request):
        asked[0].continue_()
    page.evaluate("fetch(location.href).then((answer) => answer.text())")
    assert page.evaluate(f"{links}.every((search) => search.includes('label=fox'))")


def test_a_broken_last_clip_is_said_first(watched: Watched, unit: RunningUnit, shelf: list[dict]) -> None:
    """In the headline, counted as in the bar; its camera has the last picture there is, with its time, and why it is not the last clip's."""
    now = datetime.now().astimezone()
    data = (unit.video / shelf[-1]["key"]).read_bytes()

    def leave(minutes: int, content: bytes, state: str) -> dict:
        key = f"shed/{now - timedelta(minutes=minutes):%Y-%m-%d_%H%M%S}.mp4"
        clips.leave(unit.video / key, content)
        return unit.wait_clip(key, state=state)

    good, broken = leave(9, clips.stamp(data, 200), "ready"), leave(6, b"\0" * 300, "broken")
    wait_for(lambda: unit.clip(good["key"])["poster_url"], what="its picture")  # type: ignore[index]
    page = watched.open("/watcher/status")
    title, alarm, card = page.get_by_role("heading", level=1), page.locator("#alarm"), page.locator("#camera-shed")
    expect(title).to_contain_text("2 cameras’ last clips cannot be played")  # the porch's was broken before
    expect(title).not_to_contain_text("Everything works")
    assert re.findall(r"\d+", alarm.inner_text())[0] == str(sum(map(int, re.findall(r"\d+", title.inner_text()))))
    expect(card).to_contain_text("The last clip cannot be played: filled with zeros")
    expect(card).to_have_class(re.compile("warned"))
    expect(card.locator(".picture img")).to_be_visible()
    expect(card.locator(".picture .length")).to_have_text(good["local_time"][11:16])
    expect(card.locator("a.picture")).to_have_attribute("href", re.compile(rf"/watch/{good['id']}$"))
    expect(card.get_by_role("link", name="Last clip")).to_have_attribute(
        "href", re.compile(rf"/watch/{broken['id']}$")
    )
    look(page, "status-broken")
    assert unit.get("/watcher/readyz").status_code == 200
    leave(3, clips.stamp(data, 201), "ready")
    page.reload()
    expect(title).to_contain_text("1 camera’s last clip cannot be played")
    expect(card).not_to_contain_text("cannot be played")
