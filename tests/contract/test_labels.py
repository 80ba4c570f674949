"""What people say of clips, on either engine."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from tests.builders import START, probed
from watcher.catalog import Catalog
from watcher.model.clip import (
    ClipFilter,
    Position,
    TimeQuality,
    milliseconds,
)
from watcher.model.errors import ClipNotFoundError
from watcher.model.instant import Instant


def test_labels_are_put_found_counted_and_taken_off(catalog: Catalog) -> None:
    """Each clip once for any number of labels, in the order of time, also after it was re-dated."""
    catalog.writes.put([probed(f"{'ab'[n % 2]}/{n}.mp4", n) for n in range(40)], now=START)
    ids = [catalog.clips.by_key(f"{'ab'[n % 2]}/{n}.mp4").id for n in range(40)]
    for n in range(0, 40, 4):
        assert catalog.labels.put(ids[n], "fox", author="anna", confidence=None, now=START)
    for n in range(0, 40, 8):
        assert catalog.labels.put(ids[n], "night", author="model", confidence=0.75, now=START)
    before = catalog.clips.get(ids[0])
    assert not catalog.labels.put(ids[0], "fox", author="anna", confidence=None, now=START)
    assert catalog.clips.get(ids[0]) == before
    assert not catalog.labels.put(ids[0], "fox", author="bob", confidence=0.5, now=START)
    assert [(label.name, label.author, label.confidence) for label in catalog.clips.get(ids[0]).labels] == [
        ("fox", "bob", 0.5),
        ("night", "model", 0.75),
    ]
    assert catalog.clips.get(ids[0]).revision > before.revision
    assert catalog.labels.counts() == [("fox", 10), ("night", 5)]

    def ids_of(**parameters: Any) -> list[int]:
        seen: list[int] = []
        after = None
        while True:
            page = catalog.clips.find(ClipFilter(**parameters), limit=3, newest_first=False, after=after)
            seen += [ids.index(clip.id) for clip in page.clips]
            if not page.more_after:
                return seen
            after = Position(milliseconds(page.clips[-1].started_at), page.clips[-1].id)

    assert ids_of(labels=("fox",)) == list(range(0, 40, 4))
    assert ids_of(labels=("fox", "night")) == list(range(0, 40, 4))
    assert ids_of(labels=("night",), cameras=("a", "b")) == list(range(0, 40, 8))
    assert ids_of(labels=("fox",), from_at=START + timedelta(minutes=20)) == list(range(20, 40, 4))
    assert ids_of(labels=("none",)) == []
    assert len(ids_of(labeled=False)) == 30

    catalog.writes.correct(ids[0], start=Instant(START + timedelta(minutes=21), 0, TimeQuality.SURE))
    catalog.writes.put([probed("a/8.mp4", 30.5, digest="other")], now=START)
    assert ids_of(labels=("night",)) == [16, 0, 24, 8, 32]
    catalog.writes.mark_missing(["a/16.mp4"], now=START)
    assert ids_of(labels=("night",)) == [0, 24, 8, 32]
    catalog.labels.remove(ids[0], "night")
    catalog.labels.remove(ids[0], "night")
    assert ids_of(labels=("night",)) == [24, 8, 32]
    assert catalog.labels.counts() == [("fox", 10), ("night", 4)]
    for name in ("fox", "night"):
        catalog.labels.remove(ids[8], name)
    assert catalog.clips.get(ids[8]).labels is None
    with pytest.raises(ClipNotFoundError):
        catalog.labels.put(9999, "fox", author="anna", confidence=None, now=START)


def test_no_two_reviews_get_the_same_clip(catalog: Catalog) -> None:
    """While their leases last; a label ends one, and so do its review's end and time."""
    catalog.writes.put([probed(f"{'ab'[n % 2]}/{n}.mp4", n) for n in range(40)], now=START)
    until = START + timedelta(minutes=10)
    handed: list[list[int]] = []
    lock = threading.Lock()

    def review(number: int) -> None:
        for part in range(2):
            ids = [c.id for c in catalog.reviews.lease(f"r{number}-{part}", limit=3, until=until, now=START)]
            with lock:
                handed.append(ids)

    threads = [threading.Thread(target=review, args=(n,)) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = [clip_id for ids in handed for clip_id in ids]
    assert len(everything) == len(set(everything)) == 30
    newest = max(catalog.clips.find(ClipFilter(), limit=1).clips, key=lambda c: c.started_at)
    assert newest.id in everything
    rest = catalog.reviews.lease("rest", limit=99, until=until, now=START, cameras=("a",))
    assert {c.camera for c in rest} == {"a"}
    assert len(rest) == 5
    catalog.labels.put(rest[0].id, "fox", author="anna", confidence=None, now=START)
    assert catalog.reviews.release("rest") == 4
    assert catalog.reviews.release("rest") == 0
    again = catalog.reviews.lease("again", limit=99, until=until, now=START)
    assert rest[0].id not in [c.id for c in again]
    assert len(again) == 9
    assert catalog.reviews.lease("none", limit=9, until=until, now=START) == []
    assert len(catalog.reviews.lease("late", limit=99, until=until, now=until)) == 39
