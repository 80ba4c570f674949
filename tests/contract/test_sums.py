"""Sums that are kept equal what counting would tell, on either engine."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from tests.builders import START, probed
from watcher.catalog import Catalog, Probed
from watcher.model.buckets import Bucket, bounds, spans, whole
from watcher.model.clip import (
    ClipFilter,
    ClipState,
    Fingerprint,
    TimeQuality,
)
from watcher.model.instant import Instant


@pytest.mark.slow
def test_sums_equal_what_they_sum(catalog: Catalog) -> None:
    """After five hundred random changes the kept sums are what counting gives."""
    chance = random.Random(5)
    for _ in range(100):
        keys = [f"c{chance.randrange(3)}/{chance.randrange(30)}.mp4" for _ in range(5)]
        batch = {
            key: probed(
                key,
                chance.randrange(100),
                fingerprint=Fingerprint(chance.randrange(1, 999), chance.randrange(9)),
                digest=f"{key}{chance.randrange(3)}",
                state=chance.choice([ClipState.READY, ClipState.BROKEN, ClipState.NEW]),
                camera=f"c{chance.randrange(3)}",
            )
            for key in keys
        }
        catalog.writes.put(list(batch.values()), now=START)
        catalog.writes.mark_missing(chance.choices(keys, k=2), now=START)
    with sa.create_engine(catalog.database.engine.url, poolclass=sa.NullPool).connect() as connection:
        counted = connection.execute(
            sa.text(
                "SELECT camera, count(*), sum(size_bytes), sum(coalesce(duration_ms, 0)) FROM clips "
                "WHERE state IN ('ready', 'broken') GROUP BY camera ORDER BY camera"
            )
        ).fetchall()
        listed = connection.execute(
            sa.text("SELECT count(*) FROM clips WHERE listed = 1 AND state NOT IN ('ready', 'broken')")
        )
        assert listed.scalar() == 0
    remaining = [
        (c.camera, c.clips, c.size_bytes, round(c.duration_seconds * 1000))
        for c in catalog.clips.camera_summaries()
    ]
    assert remaining == [tuple(row) for row in counted]


def test_a_clip_that_comes_while_days_are_added_up_counts(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before each transaction another one lists the first clip of a new camera, and one more of the first camera."""
    base = datetime(2026, 3, 5, 12, tzinfo=UTC)
    write = catalog.database.write
    comings = []

    def after_somebody_else() -> Any:
        monkeypatch.setattr(catalog.database, "write", write)
        comings.append(f"camera{len(comings)}")
        for camera in {comings[0], comings[-1]}:
            key = f"{camera}/{len(comings)}.mp4"
            catalog.writes.put([probed(key, camera=camera, started_at=base)], now=START)
        monkeypatch.setattr(catalog.database, "write", after_somebody_else)
        return write()

    monkeypatch.setattr(catalog.database, "write", after_somebody_else)
    catalog.timeline.keep_days({4, 8}, lambda: True)

    monkeypatch.undo()
    zone = ZoneInfo("Europe/Berlin")
    first, end = whole(base, base + timedelta(hours=1), Bucket.DAY, zone)
    days = {each.camera: each.clips for each in catalog.timeline.sums(spans(first, end, zone), Bucket.DAY, ())}
    assert days == dict.fromkeys(comings, 1) | {comings[0]: len(comings)}
    assert len(comings) > 3


@pytest.mark.parametrize("offsets_", [None, {4, 8}, {8}], ids=["no days", "all days", "those of summer"])
def test_the_timeline_is_what_counting_would_tell(catalog: Catalog, offsets_: set[int] | None) -> None:
    """After clips came, changed, moved, were re-dated, went and came back; in a zone, over a change of its clocks."""
    chance = random.Random(8)
    zone = ZoneInfo("Europe/Berlin")
    base = datetime(2026, 10, 23, tzinfo=UTC)

    def some(key: str) -> Probed:
        at = base + timedelta(seconds=chance.randrange(4 * 86400))
        long = chance.choice([None, 5.0, 60.0])
        print_ = Fingerprint(chance.randrange(1, 10**6), 1)
        return probed(key, camera=chance.choice("ab"), started_at=at, duration_seconds=long, fingerprint=print_)

    keys = [f"x/{number}.mp4" for number in range(60)]
    for turn in range(40):
        if offsets_ is not None and turn == 10:
            catalog.timeline.keep_days({0, 20}, lambda: True)
        if offsets_ is not None and turn == 20:  # those of another zone, and it is cut off at first
            catalog.timeline.keep_days(offsets_, lambda: False)
        if offsets_ is not None and turn == 30:
            catalog.timeline.keep_days(offsets_, lambda: True)
        match chance.randrange(4):
            case 0:
                catalog.writes.mark_missing(chance.sample(keys, 5), now=START)
            case 1:
                clip = catalog.clips.by_key(chance.choice(keys))
                if clip is not None:
                    at = base + timedelta(seconds=chance.randrange(4 * 86400))
                    catalog.writes.correct(clip.id, start=Instant(at, 0, TimeQuality.SURE))
            case _:
                catalog.writes.put([some(key) for key in chance.sample(keys, 10)], now=START)
    for bucket in Bucket:
        first, end = whole(base, base + timedelta(days=4), bucket, zone)
        counts: Counter[tuple[datetime, str]] = Counter()
        seconds: Counter[tuple[datetime, str]] = Counter()
        for total in catalog.timeline.sums(spans(first, end, zone), bucket, ()):
            start, _ = bounds(total.place, bucket, zone)
            counts[start, total.camera] += total.clips
            seconds[start, total.camera] += total.duration_ms
        counted: Counter[tuple[datetime, str]] = Counter()
        lengths: Counter[tuple[datetime, str]] = Counter()
        for clip in catalog.clips.find(ClipFilter(), limit=500).clips:
            local = clip.started_at.astimezone(zone)
            match bucket:
                case Bucket.DAY:
                    local = local.replace(hour=0, minute=0, second=0, fold=0)
                case Bucket.HOUR:
                    local = local.replace(minute=0, second=0)
                case Bucket.QUARTER:
                    local = local.replace(minute=local.minute // 15 * 15, second=0)
            place = (local.astimezone(UTC), clip.camera)
            counted[place] += 1
            lengths[place] += round((clip.duration_seconds or 0) * 1000)
        assert counts == counted
        assert +seconds == +lengths
