"""The rail beside the list: what it counts is what the filter finds, by whatever way it is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Watched, look, until
from tests.builders import probed
from tests.running import RunningUnit, running
from watcher.model.clip import ClipFilter
from watcher.services import open_services
from watcher.settings.load import load

pytestmark = pytest.mark.browser

FIRST = datetime(2025, 11, 3, 12, tzinfo=UTC)
DAYS = 380


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningUnit]:
    """A watcher with clips of more than a year, some with a label, some with a note; none has a file."""
    with running(tmp_path_factory.mktemp("year"), settings={"WATCHER_RENDER__WORKERS": "0"}) as unit:
        catalog = open_services(load({}).settings, unit.data).catalog
        some = [
            probed(f"{['gate', 'porch'][n % 2]}/{day}-{n}.mp4", started_at=FIRST + timedelta(days=day, minutes=n))
            for day in range(DAYS)
            if day % 7 != 3
            for n in range(1 + day * 7 % 9)
        ]
        catalog.writes.put(some, now=FIRST)
        for page in catalog.clips.pages(ClipFilter()):
            for clip in page:
                if clip.id % 5 == 0:
                    catalog.labels.put(clip.id, "fox", author="test", confidence=None, now=FIRST)
                if clip.id % 50 == 0:
                    catalog.writes.correct(clip.id, note="A zebra, of all things")
        catalog.database.engine.dispose()
        yield unit


def spoken(page: Page, days: int) -> dict[str, str]:
    """What the rail says of its days, by walking along it."""
    rail = page.get_by_role("slider", name="Days with clips")
    rail.focus()
    page.keyboard.press("Home")
    lines = {}
    for _ in range(days):
        day, _, count = str(rail.get_attribute("aria-valuetext")).rpartition(", ")
        lines[day] = count
        page.keyboard.press("ArrowDown")
    return lines


@pytest.mark.parametrize(
    "question", ["", "label=fox", "q=zebra", "camera=gate&label=fox", "unlabeled=true&q=porch"]
)
def test_the_rail_counts_what_the_filter_finds(watched: Watched, year: RunningUnit, question: str) -> None:
    """Each of the newest days with clips is told with the number that the list has; the others are passed over."""
    watched.unit = year
    page = watched.open(f"/watcher/?{question}")
    until(page, "document.querySelector('.rail.shown')")
    found = year.get(f"/watcher/clips?{question}&limit=500").json()["clips"]
    counts = Counter(clip["local_time"][:10] for clip in found)
    newest = sorted(counts, reverse=True)[:6]
    expected = [
        f"{datetime.fromisoformat(day):%A, %-d %B %Y}, {counts[day]} clip{'s' if counts[day] > 1 else ''}"
        for day in newest
    ]
    until(page, "document.querySelector('.rail .slider').ariaValueText.includes('clip')")
    assert [f"{day}, {count}" for day, count in spoken(page, len(newest)).items()] == expected
    look(page, f"rail-{question.replace('=', '-').replace('&', '-') or 'all'}")
