"""A month's days under a filter: what the calendar of the page is tinted by; the same on both engines."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient

from tests.builders import probed
from watcher.catalog import Catalog
from watcher.model.clip import Clip, ClipFilter
from watcher.web.api.calendar import COUNTED

FIRST = datetime(2026, 10, 1, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


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


def test_a_busy_day_says_that_it_has_more(client: FlaskClient, catalog: Catalog) -> None:
    """A filter that no kept sum knows looks at so many clips a day, and no further."""
    catalog.writes.put([probed(f"gate/{n}.mp4", n) for n in range(COUNTED + 5)], now=FIRST)
    (day,) = client.get("/calendar?month=2026-11&tz=UTC&unlabeled=true").get_json()["days"]
    assert day == {"day": "2026-11-21", "clips": COUNTED, "more": True}
    (day,) = client.get("/calendar?month=2026-11&tz=UTC").get_json()["days"]
    assert day == {"day": "2026-11-21", "clips": COUNTED + 5, "more": False}


@pytest.mark.parametrize(
    "question", ["month=2026-13", "month=26-1", "month=0001-01", "month=9999-01", "tz=x", "x=1"]
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
