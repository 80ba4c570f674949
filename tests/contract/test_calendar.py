"""A month's days under a filter: what the calendar of the page is tinted by; the same on both engines."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient

from tests.builders import probed
from watcher.catalog import Catalog, day_counts
from watcher.model.clip import EPOCH, Clip, ClipFilter
from watcher.model.instant import at_zone
from watcher.web.api import calendar

FIRST = datetime(2026, 10, 1, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """One answer counts all, however busy the machine is."""
    monkeypatch.setattr(calendar, "COUNTING_SECONDS", 600)


def everything(catalog: Catalog) -> list[Clip]:
    return [clip for page in catalog.clips.pages(ClipFilter()) for clip in page]


def days(client: FlaskClient, question: str) -> dict[str, int]:
    answer = client.get(f"/calendar?{question}")
    assert answer.status_code == 200, answer.get_json()
    return {day["day"]: day["clips"] for day in answer.get_json()["days"]}


def test_each_filter_counts_what_its_list_has(client: FlaskClient, catalog: Catalog) -> None:
    """By the zone's own days, of which one has 25 hours; for cameras by kept sums, for others by looking."""
    chance = random.Random(22)
    some = [
        probed(
            f"{chance.choice(['gate', 'porch'])}/{n}.mp4",
            started_at=FIRST + timedelta(minutes=chance.randrange(31 * 1440)),
        )
        for n in range(120)
    ]
    catalog.writes.put(some, now=FIRST)
    for clip in everything(catalog):
        if chance.random() < 0.3:
            catalog.labels.put(clip.id, "fox", author="test", confidence=None, now=FIRST)
    for filter_, keep in (
        ("", lambda clip: True),
        ("camera=gate", lambda clip: clip.camera == "gate"),
        ("label=fox", lambda clip: clip.labels),
        ("camera=gate&label=fox", lambda clip: clip.camera == "gate" and clip.labels),
        ("q=gate", lambda clip: clip.camera == "gate"),
        ("label=nothing", lambda clip: False),
        ("from=2026-10-10T00:00:00Z&to=2026-10-20T00:00:00Z", lambda clip: 10 <= clip.started_at.day < 20),
    ):
        expected = Counter(
            local.date().isoformat()
            for clip in everything(catalog)
            if keep(clip) and (local := clip.started_at.astimezone(BERLIN)).month == 10
        )
        assert days(client, f"month=2026-10&tz=Europe/Berlin&{filter_}") == expected, filter_


def test_a_busy_day_says_that_it_has_more(
    client: FlaskClient, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a filter that no kept sum knows so many clips of a day are counted, and no more; a label's are known."""
    monkeypatch.setattr(day_counts, "STEP", 50)
    catalog.writes.put([probed(f"gate/{n}.mp4", n) for n in range(55)], now=FIRST)
    (day,) = client.get("/calendar?month=2026-11&tz=UTC&unlabeled=true").get_json()["days"]
    assert day == {"day": "2026-11-21", "clips": 50, "more": True}
    (day,) = client.get("/calendar?month=2026-11&tz=UTC").get_json()["days"]
    assert day == {"day": "2026-11-21", "clips": 55, "more": False}


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, 3, 50, 20_000])
def test_all_days_are_counted_in_the_end(
    client: FlaskClient, catalog: Catalog, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """However little is read for one answer: one asks on from where it ended. No clip is counted twice, or not."""
    chance = random.Random(step)
    monkeypatch.setattr(day_counts, "STEP", step)
    monkeypatch.setattr(calendar, "COUNTING_SECONDS", 0)
    some = [
        probed(
            f"{chance.choice(['gate', 'porch'])}/{n}.mp4",
            started_at=FIRST + timedelta(days=chance.randrange(60) ** 2 / 30, minutes=chance.randrange(1440)),
        )
        for n in range(150)
    ]
    catalog.writes.put(some, now=FIRST)
    catalog.writes.mark_missing([clip.key for clip in everything(catalog) if chance.random() < 0.3], now=FIRST)
    for filter_ in (
        "q=gate",
        "state=missing",
        "state=ready",
        "unlabeled=true&camera=porch",
        "min_duration=0&q=mp4",
    ):
        wanted: Counter[str] = Counter()
        for clip in client.get(f"/clips?{filter_}&limit=500").get_json()["clips"]:
            wanted[datetime.fromisoformat(clip["started_at"]).astimezone(BERLIN).date().isoformat()] += 1
        counts: dict[str, int] = {}
        day, cut, answers = date(2027, 6, 1), False, 0
        while day > date(2026, 9, 1):
            left = (day - date(2026, 9, 1)).days + 1
            answer = client.get(f"/calendar?day={day}&days={left}&tz=Europe/Berlin&{filter_}").get_json()
            counts |= {entry["day"]: entry["clips"] for entry in answer["days"]}
            cut |= any(entry["more"] for entry in answer["days"])
            assert all(entry["day"] >= answer["counted_from"] for entry in answer["days"])
            day = date.fromisoformat(answer["counted_from"]) - timedelta(days=1)
            answers += 1
        if step >= 50:
            assert not cut
            assert counts == wanted, filter_
        else:  # a day's count ends at the step; the clocks divide one day
            counts.pop("2026-10-25", None)
            wanted.pop("2026-10-25", None)
            assert counts == {name: min(count, step) for name, count in wanted.items()}, filter_
        assert answers >= (2 if step < 50 else 1)


def test_a_label_is_counted_by_its_sums(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever happens to the clips: labels that come and go, other cameras and times, files gone, retired, back.

    On the days on which the clocks change too, which are read.
    """
    chance = random.Random(3)
    zone = BERLIN
    catalog.timeline.keep_days({4, 8}, lambda: True)
    some = [
        probed(
            f"{chance.choice(['gate', 'porch'])}/{n}.mp4",
            started_at=datetime(2026, 10, 23, tzinfo=UTC) + timedelta(minutes=chance.randrange(4 * 1440)),
        )
        for n in range(120)
    ]
    catalog.writes.put(some, now=FIRST)
    clips = everything(catalog)
    for clip in clips:
        for label in ("fox", "cat"):
            if chance.random() < 0.5:
                catalog.labels.put(clip.id, label, author="test", confidence=None, now=FIRST)
    fresh = {clip.key: clip for clip in everything(catalog)}
    for number, clip in enumerate(fresh.values()):
        match number % 6:
            case 0:
                catalog.labels.remove(clip.id, "fox")
            case 1:
                catalog.writes.correct(clip.id, camera="yard")
            case 2:
                catalog.writes.correct(clip.id, start=at_zone(clip.started_at - timedelta(hours=25), UTC))
            case 3:
                catalog.writes.mark_missing([clip.key], now=FIRST)
            case 4:
                catalog.retired.retire(clip.id, now=FIRST)
    back = [file for file in some if file.key in fresh and chance.random() < 0.5]
    catalog.writes.put(back, now=FIRST)
    first, end = (datetime(2026, 10, day, tzinfo=UTC) for day in (20, 30))
    numbers = [(edge - EPOCH).days for edge in (first, end)]
    read = 0
    whole = catalog.clips.days

    def counted(*args: Any, **more: Any) -> dict[int, int]:
        nonlocal read
        read += 1
        return whole(*args, **more)

    monkeypatch.setattr(catalog.clips, "days", counted)
    for cameras in ((), ("gate",), ("yard", "porch")):
        for label in ("fox", "cat", "none"):
            clip_filter = ClipFilter(cameras=cameras, labels=(label,))
            expected = Counter(
                (clip.started_at.astimezone(zone).date() - EPOCH.date()).days
                for page in catalog.clips.pages(clip_filter)
                for clip in page
            )
            read = 0
            counts = catalog.days.count(clip_filter, numbers[0], numbers[1], zone, lambda: True)
            assert counts.clips == expected, (cameras, label)
            assert read == 2  # both parts of the 25th
    # As they are added up anew.
    before = catalog.days.count(ClipFilter(labels=("cat",)), numbers[0], numbers[1], zone, lambda: True)
    catalog.timeline.keep_days(set(), lambda: True)
    catalog.timeline.keep_days({4, 8}, lambda: True)
    assert catalog.days.count(ClipFilter(labels=("cat",)), numbers[0], numbers[1], zone, lambda: True) == before
    assert sum(before.clips.values()) > 10


@pytest.mark.parametrize(
    "question",
    [
        "month=2026-13",
        "month=26-1",
        "month=0001-01",
        "month=9999-01",
        "tz=x",
        "x=1",
        "day=2026-02-30",
        "days=0",
        "days=9999",
        "month=2026-11&days=3",
    ],
)
def test_what_is_no_month_is_refused(client: FlaskClient, question: str) -> None:
    """With a sentence, as everywhere."""
    assert client.get(f"/calendar?{question}").status_code == 400


@pytest.mark.parametrize("month", ["1970-01", "2169-12"])
def test_the_first_and_the_last_month(client: FlaskClient, month: str) -> None:
    """Also for filters, in zones at both edges."""
    for zone in ("Pacific/Kiritimati", "Pacific/Niue", "UTC"):
        assert days(client, f"month={month}&tz={zone}") == {}
        assert days(client, f"month={month}&tz={zone}&label=a") == {}
