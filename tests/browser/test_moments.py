"""Time on the page: what is typed, the calendar, and what keeps the moment."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect

from tests import clips
from tests.browser.conftest import Watched, look, until
from tests.running import RunningUnit, wait_for

pytestmark = pytest.mark.browser

CAMERAS = ("gate", "porch", "yard")
BERLIN = "Europe/Berlin"
NOW = "2026-11-29T10:00:00Z"  # a Sunday, 11:00 in Berlin
TYPED = {  # what it means on that day, where one looks at 20 November; a star: the whole day
    "now": ["2026-11-29 11:00:00"],
    "16": ["2026-11-20 16:00:00"],
    "16:05": ["2026-11-20 16:05:00"],
    "4pm": ["2026-11-20 16:00:00"],
    "4": ["2026-11-20 04:00:00", "2026-11-20 16:00:00"],
    "04": ["2026-11-20 04:00:00"],
    "12am today": ["2026-11-29 00:00:00"],
    "noon yesterday": ["2026-11-28 12:00:00"],
    "yesterday 14:30": ["2026-11-28 14:30:00"],
    "yesterday at 4 pm": ["2026-11-28 16:00:00"],
    "-2h": ["2026-11-29 09:00:00"],
    "\u221290 min": ["2026-11-29 09:30:00"],
    "1d 2h ago": ["2026-11-28 09:00:00"],
    "last tue 16:00": ["2026-11-24 16:00:00"],
    "Tuesday": ["2026-11-24*"],
    "sun": ["2026-11-29*", "2026-11-22*"],
    "last sunday": ["2026-11-22*"],
    "2026-11-03": ["2026-11-03*"],
    "2026-11-03 14:30:05": ["2026-11-03 14:30:05"],
    "2026-11-03T14:30:05Z": ["2026-11-03 15:30:05"],
    "3 nov 8am": ["2026-11-03 08:00:00"],
    "8am 3 nov": ["2026-11-03 08:00:00"],
    "Nov 3, 2025": ["2025-11-03*"],
    "24 dec": ["2025-12-24*"],
    "29 feb": ["2024-02-29*"],
    "3/11": ["2026-11-03*", "2026-03-11*"],
    "13/11": ["2026-11-13*"],
    "3.11.": ["2026-11-03*"],
    "16.05": ["2026-05-16*", "2026-11-20 16:05:00"],
    "25.10.2026 02:30": ["2026-10-25 02:30:00"] * 2,  # the clocks were put back over it
    "2026-03-29 02:30": [],  # they were put on over it
    "31 nov": [],
    "2026-02-30": [],
    "0001-01-01": [],
    "25:00": [],
    "13pm": [],
    "99999999999999999d ago": [],
    "": [],
    "hello": [],
    "\U0001f4a5": [],
    "<b>1</b>": [],
}


@pytest.fixture(scope="module")
def shelf(unit: RunningUnit, samples: Path) -> list[dict]:
    """Forty-eight clips on two mornings, of three cameras in turn, newest first."""
    data = (samples / "plain.mp4").read_bytes()
    for number in range(48):
        at = datetime(2026, 11, 20 + number // 24, 8, number % 24).astimezone()
        path = unit.video / CAMERAS[number % 3] / f"{at:%Y-%m-%d_%H%M%S}.mp4"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(clips.stamp(data, number))
    for name in ("fox", "car"):
        unit.wait_clip("gate/2026-11-21_080000.mp4", state="ready")
        requests.put(
            unit.url(f"/watcher/clips/{unit.clip('gate/2026-11-21_080000.mp4')['id']}/labels/{name}"), timeout=10
        )
    return wait_for(lambda: rows if len(rows := unit.clips()) == 48 else None, what="48 clips")


def module(page: Page, name: str) -> str:
    return str(page.evaluate("document.querySelector('script[type=module]').src.replace(/[^/]+$/, '')")) + name


def test_what_is_typed_means_one_moment_or_is_asked(watched: Watched, shelf: list[dict]) -> None:
    """The parser alone, in the browser itself; what may mean two things means both, what is no moment means none."""
    page = watched.open("/watcher/")
    moments = page.evaluate(
        """async ([typed, times, texts, now, zone]) => {
        const { read } = await import(typed), { wall } = await import(times);
        const words = ({ at, whole }) => { const { day, time } = wall(at, zone); return whole ? `${day}*` : `${day} ${time}`; };
        return Object.fromEntries(texts.map((text) => [text, read(text, { now: Date.parse(now), day: "2026-11-20", zone }).map(words)])); }""",
        [module(page, "typed.js"), module(page, "times.js"), list(TYPED), NOW, BERLIN],
    )
    assert moments == TYPED


def first(page: Page) -> str:
    """The camera's time of the first card in sight."""
    return str(
        page.evaluate(
            """() => { const top = Math.max(...[...document.querySelectorAll('.bar, .above')].map((o) => o.getBoundingClientRect().bottom));
            return [...document.querySelectorAll('.card')].find((c) => c.getBoundingClientRect().bottom > top + 60).querySelector('time').textContent; }"""
        )
    )


def ask(page: Page, text: str) -> None:
    page.keyboard.press("d")
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def test_a_typed_time_goes_to_the_nearest_clip_and_filters_nothing(watched: Watched, shelf: list[dict]) -> None:
    """Be it later than what was typed; how far it is stands in words; all clips are still there."""
    page = watched.open("/watcher/?camera=gate&camera=porch&camera=yard")
    mine = sorted(datetime.fromisoformat(clip["local_time"]) for clip in shelf if clip["local_time"] < "2026-11-21")
    ask(page, "20 nov 2026 07:59")
    expect(page.locator("#said")).to_have_text("")  # within a minute
    until(page, "document.activeElement.closest('.card')")
    assert f"{mine[0]:%H:%M:%S}" == "08:00:00"
    expect(page.locator(":focus time")).to_have_text("08:00:00")
    ask(page, "20 nov 2026 03:00")
    expect(page.locator("#said")).to_have_text("The nearest clip is 5 hours later.")
    ask(page, "20 nov 2026 19:20")
    expect(page.locator("#said")).to_contain_text("earlier")
    expect(page.locator(":focus time")).to_have_text(f"{mine[-1]:%H:%M:%S}")
    assert "from=" not in page.url
    assert page.url.count("camera=") == 3
    page.keyboard.press("n")
    until(page, "document.querySelectorAll('.card').length > 40")


def test_what_may_mean_two_things_is_asked(watched: Watched, shelf: list[dict]) -> None:
    """Both stand there to choose from; what means nothing says so, and nothing moves."""
    page = watched.open("/watcher/")
    ask(page, "20.11.2026 8")
    dialog = page.get_by_role("dialog", name="Go to a date or time")
    expect(dialog.get_by_role("button", name="Friday, 20 November 2026, 08:00")).to_be_focused()
    look(page, "calendar")
    dialog.get_by_role("button", name="Friday, 20 November 2026, 20:00").click()
    expect(dialog).to_have_count(0)
    until(page, "document.activeElement.closest('.card')")
    before = page.url
    ask(page, "when it rained")
    expect(dialog).to_contain_text("Not understood")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert page.url == before


def test_the_calendar_is_tinted_by_what_the_filter_finds(watched: Watched, shelf: list[dict]) -> None:
    """Days without clips are dim; keys move in it, by days and months; Enter goes to a day's latest clip."""
    page = watched.open("/watcher/?camera=yard&at=2026-11-21T12:00:00Z")
    page.get_by_role("button", name="Nov", exact=False).and_(page.locator(".when .moment")).click()
    dialog = page.get_by_role("dialog", name="Go to a date or time")
    yard = [clip["local_time"] for clip in shelf if clip["camera"] == "yard"]
    count = sum(time.startswith("2026-11-20") for time in yard)
    day = dialog.get_by_role("button", name=f"Friday, 20 November 2026, {count} clips")
    expect(day).to_be_visible()
    expect(dialog.locator("td button:not(.none)")).to_have_count(2)
    page.keyboard.press("ArrowDown")
    expect(dialog.locator("[aria-current=date]")).to_be_focused()
    page.keyboard.press("PageUp")
    expect(dialog.get_by_role("heading", level=3)).to_have_text("October 2026")
    page.keyboard.press("PageDown")
    page.keyboard.press("ArrowLeft")
    expect(day).to_be_focused()
    page.keyboard.press("Enter")
    until(page, "document.activeElement.closest('.card')")
    assert page.locator(":focus time").inner_text() == max(t for t in yard if t < "2026-11-21")[11:19]


def test_another_filter_keeps_the_moment(watched: Watched, shelf: list[dict]) -> None:
    """Also when it is taken off again; and the newest stays the newest."""
    page = watched.open("/watcher/")
    ask(page, "20 nov 2026 08:20")
    until(page, "location.search.includes('at=')")
    expect(page.locator(":focus .camera")).to_have_text("yard")
    page.locator(".choice summary").first.focus()  # by keys: to click Playwright scrolls, which is to go elsewhere
    page.keyboard.press("Enter")
    page.get_by_label("gate", exact=True).focus()
    page.keyboard.press(" ")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?camera=gate*")
    until(
        page,
        "document.querySelectorAll('.card').length && [...document.querySelectorAll('.camera')].every((c) => c.textContent === 'gate')",
    )
    wait = "document.querySelector('.when .moment span').textContent"
    expect(page.locator(".when .moment")).to_contain_text("20 Nov")
    page.locator(".choice summary").first.focus()
    page.keyboard.press("Enter")
    page.get_by_label("gate", exact=True).focus()
    page.keyboard.press(" ")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "camera" not in url)
    until(page, f"{wait}.includes('20 Nov')")
    page.keyboard.press("n")
    until(page, "!location.search.includes('at=')")


def test_screens_carry_filter_and_moment(watched: Watched, shelf: list[dict]) -> None:
    """Browse, Timeline and back: the same cameras, the same time."""
    page = watched.open("/watcher/?camera=gate&label=fox&label=")
    expect(page.get_by_role("link", name="Timeline")).to_have_attribute(
        "href", "/watcher/day?camera=gate&label=fox"
    )
    page = watched.open("/watcher/?camera=gate")
    ask(page, "20 nov 2026 08:21")
    until(page, "location.search.includes('at=')")
    at = page.evaluate("new URLSearchParams(location.search).get('at')")
    page.keyboard.press("g")
    page.keyboard.press("t")
    page.wait_for_url("**/day/2026-11-20?camera=gate&at=*")
    page.wait_for_load_state("networkidle")
    page.get_by_role("link", name="Browse").click()
    page.wait_for_url("**/watcher/?camera=gate&at=*")
    assert (
        abs(page.evaluate(f"Date.parse(new URLSearchParams(location.search).get('at')) - Date.parse('{at}')"))
        < 60_000
    )
    until(page, "document.querySelector('.when .moment span').textContent.includes('20 Nov')")


def test_a_server_that_is_away_leaves_the_clips_on_the_screen(watched: Watched, shelf: list[dict]) -> None:
    """A click says what is wrong; the browser's page of errors replaced all that was loaded."""
    page = watched.open("/watcher/")
    page.wait_for_load_state("networkidle")
    page.context.set_offline(True)
    page.locator(".card a").nth(2).click()
    expect(page.locator("#said")).to_have_text("The server does not answer.")
    expect(page.locator(".card").nth(2)).to_be_visible()
    page.context.set_offline(False)
    page.locator(".card a").nth(2).click()
    expect(page.locator("dialog.over")).to_be_visible()
    watched.faults = [fault for fault in watched.faults if "ERR_INTERNET_DISCONNECTED" not in fault]


def test_a_clip_s_screen_has_the_way_to_any_moment(watched: Watched, shelf: list[dict]) -> None:
    """`d` there as well: the nearest clip under the same filter."""
    gate = [clip for clip in shelf if clip["camera"] == "gate"]
    page = watched.open(f"/watcher/watch/{gate[0]['id']}?camera=gate")
    until(page, "document.querySelector('video').readyState >= 2")
    ask(page, "20 nov 2026 08:20")
    nearest = min(
        gate,
        key=lambda clip: abs(
            datetime.fromisoformat(clip["local_time"]) - datetime.fromisoformat("2026-11-20T08:20:00+01:00")
        ),
    )
    page.wait_for_url(f"**/watch/{nearest['id']}?camera=gate*")
