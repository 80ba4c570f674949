"""Day, twilight and night by the sun, against an almanac's times; and at places where it does not set."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from watcher.ingester.daylight import changes, light_at
from watcher.model.clip import Light
from watcher.settings.place import Place, place_of

BERLIN = Place(52.52, 13.405)
MINUTE = timedelta(minutes=1)


def test_a_day_in_berlin() -> None:
    """21 June 2026: dawn 01:55, sunrise 02:43, sunset 19:33, dusk 20:22 (UTC), as the US Naval Observatory has them."""
    sun = list(changes(BERLIN, date(2026, 6, 21), date(2026, 6, 22)))
    assert [light for _, light in sun] == ["night", "twilight", "day", "twilight", "night"]
    expected = [datetime(2026, 6, 21, *clock, tzinfo=UTC) for clock in ((1, 55), (2, 43), (19, 33), (20, 22))]
    for (at, _), there in zip(sun[1:], expected, strict=True):
        assert abs(at - there) <= 3 * MINUTE


@pytest.mark.parametrize(
    ("north", "day", "lights"),
    [
        (69.65, date(2026, 6, 21), {"day"}),  # Tromsø at midsummer: the sun does not set
        (69.65, date(2026, 12, 21), {"twilight", "night"}),  # and does not rise in winter
        (78.22, date(2026, 12, 21), {"night"}),  # Longyearbyen: not even twilight
        (0.0, date(2026, 3, 20), {"day", "twilight", "night"}),
        (-90.0, date(2026, 12, 21), {"day"}),
    ],
)
def test_where_the_sun_does_not_set_or_rise(north: float, day: date, lights: set[str]) -> None:
    """No day lacks an answer."""
    assert {light for _, light in changes(Place(north, 18.95), day, day + timedelta(days=1))} == lights


def test_changes_are_what_the_moments_are() -> None:
    """A year of moments, by the list and by the sun itself; but for the minute in which it changes."""
    sun = list(changes(BERLIN, date(2026, 1, 1), date(2026, 3, 1)))
    at = datetime(2026, 1, 1, tzinfo=UTC)
    while at < datetime(2026, 3, 1, tzinfo=UTC):
        last = max((change for change in sun if change[0] <= at), key=lambda change: change[0])
        if all(abs(at - when) > 2 * MINUTE for when, _ in sun):
            assert light_at(BERLIN, at) is last[1]
        at += timedelta(minutes=97)
    assert {Light.DAY, Light.TWILIGHT, Light.NIGHT} == {light for _, light in sun}


@pytest.mark.parametrize("text", ["", "here", "52.52", "91, 0", "0, 181", "1, 2, 3", "٥٢, ١٣", "nan, 0"])
def test_what_is_no_place_is_refused(text: str) -> None:
    """In a sentence with an example."""
    with pytest.raises(ValueError, match="is no place"):
        place_of(text)
