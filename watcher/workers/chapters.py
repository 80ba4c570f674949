"""The chapters of a film: marks with the clock's time, as the clock at the camera showed it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from typing import Any

STEPS_SECONDS = (60, 300, 900, 3600)  # between two chapters of a clip
CHAPTERS = 200  # about so many: more of them nobody looks through


def chapters(pieces: Sequence[dict[str, Any]], length_seconds: float) -> list[dict[str, Any]]:
    """Where clips begin, and at full minutes, or fewer in a long film; as PyAV takes them.

    Of each piece: `started_ms` and `ended_ms` by the clock, `offset_seconds` in the film, `utc_offset` in seconds.
    """
    step = 1000 * next(
        (seconds for seconds in STEPS_SECONDS if length_seconds / seconds <= CHAPTERS), STEPS_SECONDS[-1]
    )
    marks: list[tuple[float, str]] = []
    for piece in pieces:
        first, last = piece["started_ms"], piece["ended_ms"]
        zone = timezone(timedelta(seconds=piece["utc_offset"]))
        for at in (first, *range(first - first % step + step, last, step)):
            title = datetime.fromtimestamp(at // 1000, zone).isoformat(" ")
            marks.append((piece["offset_seconds"] + (at - first) / 1000, title))
    ends = [at for at, _ in marks[1:]] + [length_seconds]
    return [
        {
            "id": number,
            "start": round(at * 1000),
            "end": round(end * 1000),
            "time_base": Fraction(1, 1000),
            "metadata": {"title": title},
        }
        for number, ((at, title), end) in enumerate(zip(marks, ends, strict=True))
    ]
