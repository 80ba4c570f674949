"""What is typed into the search box, as filters."""

from __future__ import annotations

from datetime import date

import pytest

from watcher.model.search import understand

TODAY = date(2026, 11, 25)  # a Wednesday
LABELS = ["person", "dog", "cat", "car", "Red fox", "bus"]
CAMERAS = {name: name for name in ("porch", "back yard", "Cam-2", "night")} | {"Front door": "porch"}


@pytest.mark.parametrize(
    ("text", "filters"),
    [
        ("person porch last week", "label=person camera=porch from=2026-11-16 to=2026-11-22"),
        ("dog or cat", "label=dog label=cat"),
        ("not car", "not_label=car"),
        (
            "dogs or cats in the back yard today",
            "label=dog label=cat camera=back yard from=2026-11-25 to=2026-11-25",
        ),
        ("red foxes", "q=red+foxes"),
        ("red fox yesterday", "label=Red fox from=2026-11-24 to=2026-11-24"),
        ("person dog", "label=person q=dog"),  # both
        ("cam-2 at day", "camera=Cam-2 light=day"),
        ("night", "camera=night"),  # a camera of that name comes first
        ("dusk without cat", "light=twilight not_label=cat"),
        ("person semaine dernière", "label=person from=2026-11-16 to=2026-11-22"),
        ("ostatnie 3 dni bez cat", "from=2026-11-23 to=2026-11-25 not_label=cat"),
        ("gisteren dog of cat", "from=2026-11-24 to=2026-11-24 label=dog label=cat"),
        ("person noche ayer", "label=person light=night from=2026-11-24 to=2026-11-24"),
        ("car mercoledì giorno", "label=car from=2026-11-25 to=2026-11-25 light=day"),
        ("Monday", "from=2026-11-23 to=2026-11-23"),
        ("last wednesday", "from=2026-11-18 to=2026-11-18"),
        ("wednesday", "from=2026-11-25 to=2026-11-25"),
        ("last 3 days person", "from=2026-11-23 to=2026-11-25 label=person"),
        ("past 2 weeks", "from=2026-11-12 to=2026-11-25"),
        ("last month", "from=2026-10-01 to=2026-10-31"),
        ("2026-11-21 bus", "from=2026-11-21 to=2026-11-21 label=bus"),
        ("2026-13-41", "q=2026+13+41"),
        ("070000.mp4", "q=070000+mp4"),
        ('"not car" dog', "label=dog q=not+car"),
        ("not tiger", "q=not+tiger"),
        ("or", "q=or"),
        ("hund oder katze gestern", "from=2026-11-24 to=2026-11-24 q=hund+katze"),
        (
            "person nachts letzte woche ohne car",
            "label=person light=night from=2026-11-16 to=2026-11-22 not_label=car",
        ),
        ("PERSON Porch", "label=person camera=porch"),
        ("", ""),
        ("…", ""),
        ("last", "q=last"),
        ("last 99999 days", "q=last+99999+days"),
    ],
)
def test_what_is_meant(text: str, filters: str) -> None:
    """Labels, cameras, light and days; what is none of them are words."""
    result = understand(text, labels=LABELS, cameras=CAMERAS, today=TODAY)
    assert (
        " ".join(f"{name}={value.replace(' ', '+') if name == 'q' else value}" for name, value in result) == filters
    )


def test_any_text_is_understood_somehow() -> None:
    """Also what nobody would type."""
    for text in (
        "not",
        "not not car",
        "or or",
        "\0",
        "'; --",
        "a" * 10_000,
        "0 " * 3000,
        "person " * 200,
        "🦊 fox",
    ):
        for name, value in understand(text, labels=LABELS, cameras=CAMERAS, today=TODAY):
            assert name in {"label", "not_label", "camera", "light", "from", "to", "q"}
            assert value
