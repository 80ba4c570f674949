"""How many clips each day has under a filter: from kept sums where these say it, else by reading, in steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, tzinfo
from typing import NamedTuple

import msgspec

from watcher.catalog.clips import Clips
from watcher.catalog.timeline import Timeline
from watcher.model import buckets
from watcher.model.buckets import QUARTER, Bucket, Span
from watcher.model.clip import EPOCH, ClipFilter

STEP = 20_000  # clips that are read at a time: some 30 ms
_AT_ONCE = 366 * Bucket.DAY  # quarters whose sums are held, to divide them into steps


class DayCounts(NamedTuple):
    """Clips by day, numbered from 1970, as far as they were counted."""

    clips: dict[int, int]
    more: frozenset[int]  # days that have more than were counted
    first: int  # the day down to which they were counted, from the newest on


def is_kept(clip_filter: ClipFilter) -> bool:
    """Whether kept sums know how many clips a filter finds: it asks for nothing but cameras and time."""
    return clip_filter == ClipFilter(
        cameras=clip_filter.cameras, from_at=clip_filter.from_at, to_at=clip_filter.to_at
    )


def label_of(clip_filter: ClipFilter) -> str | None:
    """The label that a filter asks for, where it asks for nothing else but cameras."""
    cameras, labels = clip_filter.cameras, clip_filter.labels
    return labels[0] if len(labels) == 1 and clip_filter == ClipFilter(cameras=cameras, labels=labels) else None


class Days:
    """Counts the clips of days."""

    def __init__(self, clips: Clips, timeline: Timeline) -> None:
        self._clips, self._timeline = clips, timeline

    def count(
        self, clip_filter: ClipFilter, first: int, end: int, zone: tzinfo, go_on: Callable[[], bool]
    ) -> DayCounts:
        """Clips that start on the days from one to before another, under a filter, by a zone's clocks.

        Exact for cameras and for one label. What kept sums do not know is read, newest first, at least one step
        and others while `go_on` says so: a step has as many days as have at most `STEP` listed clips, whatever the
        filter finds of them, or is one day, of which no more than so many are counted.
        """
        quarters = [buckets.quarter_of(buckets.bounds(day, Bucket.DAY, zone)[0]) for day in (first, end)]
        spans = buckets.spans(*quarters, zone)
        counts: Counter[int] = Counter()
        if is_kept(clip_filter) and clip_filter.from_at is None and clip_filter.to_at is None:
            return DayCounts(dict(self._timeline.days(spans, clip_filter.cameras)), frozenset(), first)
        label, more = label_of(clip_filter), set[int]()
        begun = end  # the day in which the last step began: the one before may end in it, where the clocks changed
        for span in reversed(spans):
            kept = None if label is None else self._timeline.label_days(span, label, clip_filter.cameras)
            if kept is not None:
                counts.update(kept.clips)
                for edge in (kept.after, kept.before):  # parts of days on which the clocks changed
                    self._read(clip_filter, edge, counts, more, lambda: True)
                continue
            for step in self._divided(span, clip_filter.cameras):
                last = _day(step.end - 1, step)
                if last < begun < end and not go_on():
                    return DayCounts(dict(counts), frozenset(more), last + 1)
                begun = self._read(clip_filter, step, counts, more, go_on)
                if begun > _day(step.first, step):
                    return DayCounts(dict(counts), frozenset(more), begun)
        return DayCounts(dict(counts), frozenset(more), first)

    def _divided(self, span: Span, cameras: tuple[str, ...]) -> Iterator[Span]:
        """A span in parts of whole days with at most so many listed clips, newest first."""
        end = span.end
        while end > span.first:
            first = max(span.first, _begin(_day(max(span.first, end - _AT_ONCE), span), span))
            listed = self._timeline.days([Span(first, end, span.offset)], cameras)
            start, held = end, 0
            for day in range(_day(end - 1, span), _day(first, span) - 1, -1):
                if start < end and held + listed[day] > STEP:
                    yield Span(start, end, span.offset)
                    end, held = start, 0
                start, held = max(first, _begin(day, span)), held + listed[day]
            yield Span(start, end, span.offset)
            end = start

    def _read(
        self,
        clip_filter: ClipFilter,
        step: Span,
        counts: Counter[int],
        more: set[int],
        go_on: Callable[[], bool],
    ) -> int:
        """Count the clips of a step, where it must be over in several turns; the first day that was counted."""
        end = step.end
        while end > step.first and (end == step.end or go_on()):
            since, until = (EPOCH + quarter * QUARTER for quarter in (step.first, end))
            part = _within(clip_filter, since, until)
            if part is None:
                return _day(step.first, step)
            days = self._clips.days(part, since=since, offset=step.offset * QUARTER, limit=STEP)
            if sum(days.values()) < STEP:
                counts.update(days)
                return _day(step.first, step)
            oldest = min(days)  # perhaps not all of it: clips that lists do not show are in no sum
            if oldest == _day(end - 1, step):
                more.add(oldest)
            else:
                del days[oldest]
                oldest += 1
            counts.update(days)
            end = max(step.first, _begin(oldest, step))
        return _day(end, step)


def _within(clip_filter: ClipFilter, since: datetime, until: datetime) -> ClipFilter | None:
    """A filter for what starts in a part of the time and lasts into what is asked for; None for what is after."""
    from_at = since if clip_filter.from_at is None else max(since, clip_filter.from_at)
    to_at = until if clip_filter.to_at is None else min(until, clip_filter.to_at)
    if since >= to_at:
        return None
    return msgspec.structs.replace(clip_filter, from_at=from_at, to_at=to_at)


def _day(quarter: int, span: Span) -> int:
    return buckets.place(quarter, span.offset, Bucket.DAY)


def _begin(day: int, span: Span) -> int:
    """The quarter in which a day begins by a span's clocks."""
    return day * Bucket.DAY - span.offset
