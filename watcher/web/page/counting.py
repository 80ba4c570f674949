"""How many clips a filter finds and each of its days has, where kept sums say it without reading the clips."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from watcher.model import buckets
from watcher.model.buckets import QUARTER, Bucket, quarter_of
from watcher.model.clip import EPOCH, CameraSummary, Clip, ClipFilter
from watcher.web.api.calendar import by_sums
from watcher.web.http.state import catalog
from watcher.web.page.layout import zone

BUSY = 200  # clips of a day, above which the page divides it by hours
_SPAN_MOST = timedelta(days=366)  # of sums that are read for one page


def total(wanted: ClipFilter, cameras: Sequence[CameraSummary]) -> int | None:
    """How many clips there are under a filter; None where only reading them would tell."""
    if not by_sums(wanted):
        return None
    if wanted.from_at is None and wanted.to_at is None:
        return sum(one.clips for one in cameras if not wanted.cameras or one.camera in wanted.cameras)
    if wanted.from_at is None or wanted.to_at is None or wanted.to_at - wanted.from_at > _SPAN_MOST:
        return None
    if any((edge - EPOCH) % QUARTER for edge in (wanted.from_at, wanted.to_at)):
        return None
    spans = buckets.spans(quarter_of(wanted.from_at), quarter_of(wanted.to_at), zone())
    started = sum(one.clips for one in catalog().timeline.sums(spans, Bucket.DAY, wanted.cameras))
    # A clip counts where it starts, but is found wherever it lasts: add what was being recorded at the beginning.
    at = ClipFilter(cameras=wanted.cameras, from_at=wanted.from_at, to_at=wanted.from_at)
    return started + len(catalog().clips.find(at, limit=BUSY).clips)


def by_day(wanted: ClipFilter, clips: Sequence[Clip]) -> dict[date, int]:
    """How many clips the days of some clips have, newest first; empty where kept sums do not tell it."""
    if not clips or not by_sums(wanted) or clips[0].started_at - clips[-1].started_at > _SPAN_MOST:
        return {}
    found: dict[date, int] = {}
    first, end = buckets.whole(clips[-1].started_at, clips[0].started_at + timedelta(seconds=1), Bucket.DAY, zone())
    for one in catalog().timeline.sums(buckets.spans(first, end, zone()), Bucket.DAY, wanted.cameras):
        day = buckets.bounds(one.place, Bucket.DAY, zone())[0].astimezone(zone()).date()
        found[day] = found.get(day, 0) + one.clips
    return found
