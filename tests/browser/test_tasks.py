"""What people come for, in so many actions, by mouse and by keyboard: an action is a click, or a line that is typed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest
import requests
from playwright.sync_api import Page, expect

from tests import clips
from tests.browser.conftest import Watched, look, until
from tests.running import RunningUnit, running, wait_for

pytestmark = pytest.mark.browser

BERLIN = ZoneInfo("Europe/Berlin")
VIDEO = "document.querySelector('video')"


class Actions:
    """A person before a page, whose actions are counted."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.count = 0

    def click(self, selector: str) -> None:
        """Click what is in sight."""
        self.count += 1
        self._page.locator(selector).first.click()

    def type(self, text: str) -> None:
        """Write a line into the search box; by its key where one has no mouse."""
        self.count += 1
        if not text.startswith("/"):
            self._page.locator("#search").click()
        self._page.keyboard.type(text)
        self._page.keyboard.press("Enter")
        self._page.wait_for_url(re.compile(r"/watcher/\?"))

    def press(self, key: str) -> None:
        """Press a key."""
        self.count += 1
        self._page.keyboard.press(key)


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningUnit, dict[str, dict]]]:
    """Clips of the gate on the last Tuesday and of last night, and of the porch, one with a person."""
    folder = tmp_path_factory.mktemp("week")
    with running(folder) as unit:
        now = datetime.now(BERLIN)
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        tuesday = today - timedelta(days=(today.weekday() - 1) % 7 or 7)
        starts = {
            "before": tuesday.replace(hour=15, minute=40),
            "asked": tuesday.replace(hour=16, minute=1),
            "after": tuesday.replace(hour=16, minute=30),
            "first": today - timedelta(hours=2),
            "second": today - timedelta(hours=1, minutes=30),
            "third": today - timedelta(hours=1),
        }
        for number, at in enumerate(starts.values()):
            clips.make(unit.video / f"gate/{at:%Y-%m-%d_%H%M%S}.mp4", number=number, seconds=4)
        clips.make(unit.video / f"porch/{starts['asked']:%Y-%m-%d_%H%M%S}.mp4", number=8, seconds=4)

        def ready() -> list[dict] | None:
            rows = unit.clips()
            return rows if len(rows) == 7 and all(clip["poster_url"] for clip in rows) else None

        rows = wait_for(ready, seconds=60, what="seven clips")
        named = {
            name: next(
                clip
                for clip in rows
                if clip["camera"] == "gate" and datetime.fromisoformat(clip["started_at"]) == at.astimezone(BERLIN)
            )
            for name, at in starts.items()
        }
        named["person"] = named["second"]
        url = unit.url(f"/watcher/clips/{named['person']['id']}/labels/person")
        requests.put(url, timeout=10).raise_for_status()
        yield unit, named


Step = Callable[[Actions], None]


def shows(page: Page, clip: dict) -> None:
    """That a clip is open, and plays, or has played: it is over soon."""
    page.wait_for_url(re.compile(rf"/watch/{clip['id']}(\?|$)"))
    until(page, f"{VIDEO}.currentTime > 0 && (!{VIDEO}.paused || {VIDEO}.ended) && {VIDEO}.videoWidth > 0")


def test_the_gate_last_tuesday_at_four(watched: Watched, week: tuple[RunningUnit, dict[str, dict]]) -> None:
    """Two actions: what one looks for in a line, and the clip, which is the nearest one; nothing else is hidden."""
    watched.unit, named = week
    by_hand: list[Step] = [
        lambda someone: someone.click(f".card[data-id='{named['asked']['id']}'] a"),
        lambda someone: someone.press("Enter"),
    ]
    for typed, second in zip(("gate last tuesday 16:00", "/gate last tuesday 4pm"), by_hand, strict=True):
        page = watched.open("/watcher/")
        someone = Actions(page)
        someone.type(typed)
        until(page, f"document.querySelector('.card[data-id=\"{named['asked']['id']}\"]')")
        expect(page.locator(".card")).to_have_count(6)  # all of the gate's
        look(page, "task-tuesday")
        second(someone)
        shows(page, named["asked"])
        assert someone.count == 2


def test_the_last_person_on_any_camera(watched: Watched, week: tuple[RunningUnit, dict[str, dict]]) -> None:
    """Two actions: the label, and the first clip."""
    watched.unit, named = week
    by_mouse: tuple[Step, Step] = (
        lambda someone: someone.click("#filter .chip:has-text('person')"),
        lambda someone: someone.click(".card a"),
    )
    by_keyboard: tuple[Step, Step] = (
        lambda someone: someone.type("/person"),
        lambda someone: someone.press("Enter"),
    )
    for asks, opens in (by_mouse, by_keyboard):
        someone = Actions(watched.open("/watcher/"))
        asks(someone)
        expect(watched.page.locator(".card")).to_have_count(1)
        opens(someone)
        shows(watched.page, named["person"])
        assert someone.count == 2


def test_the_whole_night_at_eight_times_the_speed(
    watched: Watched, week: tuple[RunningUnit, dict[str, dict]]
) -> None:
    """Two actions for whoever has watched at this speed before: the speed is remembered."""
    watched.unit, named = week
    page = watched.open(f"/watcher/watch/{named['after']['id']}")
    page.get_by_role("combobox", name="Speed").select_option("8")
    ids = [str(named[name]["id"]) for name in ("first", "second", "third")]
    for typed, second in (("last night", ".watch-all.primary"), ("/last night", "a")):
        page = watched.open("/watcher/")
        someone = Actions(page)
        someone.type(typed)
        expect(page.locator(".card")).to_have_count(3)
        visited = addresses(page)
        (someone.press if second == "a" else someone.click)(second)
        page.wait_for_timeout(5000)
        wait_for(partial(went, page, visited, ids), what="all of the night")
        assert page.evaluate(f"{VIDEO}.playbackRate") == 8
        assert someone.count == 2


def addresses(page: Page) -> list[str]:
    """The addresses that a page has from now on."""
    visited: list[str] = []
    page.on("framenavigated", lambda frame: visited.append(frame.url))
    return visited


def went(page: Page, visited: list[str], ids: list[str]) -> bool:
    """Whether a page has shown some clips, each once, in this order."""
    page.title()  # which lets it tell where it was
    return ids == list(dict.fromkeys(re.findall(r"/watch/([0-9]+)", " ".join(visited))))


def test_whether_a_camera_is_dead(watched: Watched, shelf: list[dict]) -> None:
    """No action: the number in the bar says how many cameras are silent."""
    for path in ("/watcher/", "/watcher/day", "/watcher/status"):
        page = watched.open(path)
        wait_for(lambda page=page: page.reload() and page.locator("#alarm:visible").count(), what="the number")
        expect(page.locator("#alarm")).to_have_attribute("title", re.compile("^3 cameras are silent"))
        expect(page.get_by_role("link", name=re.compile(r"^Status ?\d .*: 3 cameras are silent"))).to_be_visible()


def test_a_person_on_the_other_cameras(watched: Watched, week: tuple[RunningUnit, dict[str, dict]]) -> None:
    """One action leads from a clip to the same moment on the others."""
    watched.unit, named = week
    for key in (None, "v"):
        page = watched.open(f"/watcher/watch/{named['asked']['id']}")
        someone = Actions(page)
        (someone.press if key else someone.click)(key or "a:has-text('side by side')")
        page.wait_for_url("**/side-by-side?*")
        until(page, "document.querySelectorAll('#panes video.shown').length === 2")
        assert someone.count == 1
