"""How long a film is: by its samples and its edit list, and whether that can be.

A length is believed where it is at most a week, and where a sample lasts ten seconds at most on the average, or ten
minutes where the film's header says the same: a still picture with an hour of sound has such a one, sixty pictures
that claim 77 hours have not. Where the samples are not believed the headers are asked, then the sound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from watcher.media.tables import Edit
from watcher.model.limits import LENGTH_LIMIT_SECONDS

SAMPLE_SECONDS = 10.0  # that a sample may last on the average
WITNESSED_SECONDS = 600.0  # … where the header agrees
WITNESS_SHARE = 0.1  # by which the header may differ


@dataclass(slots=True)
class Timing:
    """When the samples of a track are due."""

    timescale: int = 0  # ticks a second
    movie_timescale: int = 0  # ticks a second of its edit list
    samples: int = 0
    ticks: int = 0  # that its samples last
    first: int = 0  # tick at which the first one is shown
    header: int = 0  # ticks that its header says
    edits: Sequence[Edit] = ()

    @property
    def seconds(self) -> float:
        """How long the samples last, in seconds."""
        return self.ticks / self.timescale if self.timescale else 0.0


@dataclass(slots=True)
class Length:
    """How long a film is, and what there is to be said about it."""

    seconds: float | None = 0.0  # None: nothing that it says can be
    media_seconds: float = 0.0  # that its samples last, whatever the edit list shows of them
    skips: float = 0.0  # seconds of its pictures that are not shown at the beginning
    waits: float = 0.0  # seconds before its first picture
    edited: bool = False  # by more than a beginning
    remarks: list[str] = field(default_factory=list)


class _Shown(NamedTuple):
    """What an edit list shows of a track, in seconds."""

    seconds: float
    skips: float = 0.0
    waits: float = 0.0
    edited: bool = False


def length_of(timings: Sequence[Timing], header_seconds: float) -> Length:
    """The length of a film with these tracks (the one that counts comes first) and this length in its header."""
    lead = timings[0]
    whole, shown = lead.seconds, _shown(lead)
    if _believed(shown.seconds, lead.samples, header_seconds):
        as_stored = shown.seconds == whole or _believed(whole, lead.samples, header_seconds)
        length = Length(
            shown.seconds,
            whole if as_stored else shown.seconds,
            round(shown.skips, 3) if shown.skips else 0.0,
            round(shown.waits, 3) if shown.waits else 0.0,
            shown.edited,
        )
        if not as_stored:
            length.remarks.append(_doubt(whole, lead.samples))
        if lead.edits and whole and shown.seconds == whole and _shows_nothing(lead):
            length.remarks.append("its edit list leaves nothing to show and is not followed")
        return length
    claimed = shown.seconds or whole
    length = Length(0.0) if not claimed else Length(None, remarks=[_doubt(claimed, lead.samples)])
    for seconds in _elsewhere(timings, header_seconds):
        if _believed(seconds, lead.samples, header_seconds):
            length.seconds = length.media_seconds = seconds
            break
    return length


def _elsewhere(timings: Sequence[Timing], header_seconds: float) -> Iterator[float]:
    """What else says how long a film is, in seconds."""
    lead, *others = timings
    yield lead.seconds
    yield header_seconds
    yield lead.header / lead.timescale if lead.timescale else 0.0
    for other in others:
        yield _shown(other).seconds


def _believed(seconds: float, samples: int, header_seconds: float) -> bool:
    if not 0 < seconds <= LENGTH_LIMIT_SECONDS:
        return False
    lasts = seconds / max(samples, 1)
    agrees = abs(seconds - header_seconds) <= WITNESS_SHARE * seconds
    return lasts <= (WITNESSED_SECONDS if agrees else SAMPLE_SECONDS)


def _shown(track: Timing) -> _Shown:
    """What the edit list shows of a track (ISO/IEC 14496-12, 8.6.6); all of it where there is none."""
    if not track.edits or not track.timescale or not track.movie_timescale:
        return _Shown(track.seconds)
    scale, first = track.timescale, track.first
    unit, end = 1 / track.movie_timescale, first + track.ticks
    total = waits = skips = 0.0
    number, plain = 0, True
    for ticks, media, rate in track.edits:
        length = ticks * unit
        if media < 0:  # nothing is shown meanwhile
            waits += 0 if number else length
            total += length
            continue
        rest = max(0, end - max(media, first)) / scale
        if rate != 1 << 16:
            plain = False
            if rate == 0:  # one picture, for so long
                rest = length
            elif rate > 0:
                rest = rest * 65536 / rate
        # Its length is rounded to the movie's ticks; 0 stands for all the rest in a file of fragments.
        total += length if 0 < length < rest - unit else rest
        if not number:
            skips = max(0, media - first) / scale
        number += 1
    if total - waits <= unit and track.ticks:
        return _Shown(track.seconds)
    return _Shown(total, skips, waits, number > 1 or not plain)


def _shows_nothing(track: Timing) -> bool:
    end = track.first + track.ticks
    return not any(0 <= media < end for _, media, _ in track.edits)


def _doubt(seconds: float, samples: int) -> str:
    return f"its length is not believed: {_clock_text(seconds)} for {samples:,} samples"


def _clock_text(seconds: float) -> str:
    if seconds > 1000 * 3600:
        return f"{seconds / 3600 / 24:,.0f} days" if seconds < 1e12 else "more than 30,000 years"
    return f"{int(seconds // 3600)}:{int(seconds // 60 % 60):02d}:{int(seconds % 60):02d}"
