"""Films with edit lists on a running watcher: each is ready, as long as its list says, and has its picture."""

from __future__ import annotations

from pathlib import Path

from tests import clips
from tests.running import RunningUnit, wait_for
from tests.unit.test_edit_lists import LISTS, edited


def test_an_edit_list_costs_a_film_no_picture(unit: RunningUnit, samples: Path) -> None:
    """Also where it leaves no key frame, or waits first."""
    (unit.video / "edits").mkdir()
    plain = (samples / "plain.mp4").read_bytes()
    expected = {f"edits/{name}.mp4": row for name, row in LISTS.items()}
    for number, (key, (edits, *_)) in enumerate(expected.items()):
        (unit.video / key).write_bytes(clips.stamp(edited(plain, *edits), number))

    def pictured() -> dict[str, dict] | None:
        by_key = {clip["key"]: clip for clip in unit.clips() if clip["poster_url"] or clip["state"] == "broken"}
        return by_key if by_key.keys() >= expected.keys() else None

    by_key = wait_for(pictured, what="a poster of each")
    seconds_by_key = {
        key: (by_key[key]["state"], by_key[key]["error"], round(by_key[key]["duration_seconds"], 1))
        for key in expected
    }
    assert seconds_by_key == {key: ("ready", None, row[1]) for key, row in expected.items()}
