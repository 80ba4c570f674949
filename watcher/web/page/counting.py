"""How many clips a filter finds and each of its days has, where kept sums say it without reading the clips."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, time, timedelta

import msgspec

from watcher.catalog.day_counts import is_kept, label_of
from watcher.model import buckets
from watcher.model.buckets import QUARTER, Bucket, quarter_of
from watcher.model.clip import EPOCH, CameraSummary, Clip, ClipFilter
from watcher.web.http.state import catalog
from watcher.web.page.layout import zone

BUSY = 200  # clips of a day, above which the page divides it by hours
_SPAN_MOST = timedelta(days=366)  # of sums that are read for one page


def total(clip_filter: ClipFilter, cameras: Sequence[CameraSummary]) -> int | None:
    """How many clips there are under a filter; None where only reading them would tell."""
    if not is_kept(clip_filter):
        return None
    if clip_filter.from_at is None and clip_filter.to_at is None:
        return sum(
            summary.clips for summary in cameras if not clip_filter.cameras or summary.camera in clip_filter.cameras
        )
    if (
        clip_filter.from_at is None
        or clip_filter.to_at is None
        or clip_filter.to_at - clip_filter.from_at > _SPAN_MOST
    ):
        return None
    if any((edge - EPOCH) % QUARTER for edge in (clip_filter.from_at, clip_filter.to_at)):
        return None
    spans = buckets.spans(quarter_of(clip_filter.from_at), quarter_of(clip_filter.to_at), zone())
    started = sum(day.clips for day in catalog().timeline.sums(spans, Bucket.DAY, clip_filter.cameras))
    # A clip counts where it starts, but is found wherever it lasts: add what was being recorded at the beginning.
    at = ClipFilter(cameras=clip_filter.cameras, from_at=clip_filter.from_at, to_at=clip_filter.from_at)
    return started + len(catalog().clips.find(at, limit=BUSY).clips)


def by_day(clip_filter: ClipFilter, clips: Sequence[Clip]) -> dict[date, int]:
    """How many clips the days of some clips have, newest first; empty where kept sums do not tell it.

    Nor where a part of a day is asked for: it is whole days that are counted.
    """
    edges = [edge.astimezone(zone()) for edge in (clip_filter.from_at, clip_filter.to_at) if edge is not None]
    if any(edge.time() != time() for edge in edges):
        return {}
    whole = msgspec.structs.replace(clip_filter, from_at=None, to_at=None)
    if not clips or clips[0].started_at - clips[-1].started_at > _SPAN_MOST:
        return {}
    if not is_kept(whole) and label_of(whole) is None:
        return {}
    days = [(clip.started_at.astimezone(zone()).date() - EPOCH.date()).days for clip in (clips[-1], clips[0])]
    counts = catalog().days.count(whole, days[0], days[1] + 1, zone(), lambda: False).clips
    return {EPOCH.date() + timedelta(days=day): count for day, count in counts.items()}
