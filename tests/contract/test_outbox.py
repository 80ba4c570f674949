"""Which clips a webhook that asks for labels is told of, on either engine."""

from __future__ import annotations

from datetime import timedelta

from tests.builders import START, probed
from watcher.catalog import Catalog
from watcher.catalog.webhooks import LABELED_LATE

URL = "http://127.0.0.1:9/hook"


def fill(catalog: Catalog, limit: int = 100, days: float = 0) -> list[int]:
    """The clips that a turn of the hook adds; what waits is delivered then."""
    now = START + timedelta(days=days)
    catalog.outbox.fill(URL, (), limit, now=now, names=["person", "dog"])
    due = catalog.outbox.due(URL, 100, now=now)
    for delivery in due:
        catalog.outbox.delivered(URL, delivery.revision)
    return [delivery.clip_id for delivery in due]


def test_a_label_is_told_once(catalog: Catalog) -> None:
    """However often the clip changes before and after, and few at a time as well as many at once."""
    names = [f"a/{n}.mp4" for n in range(6)]
    catalog.writes.put([probed(name, n) for n, name in enumerate(names)], now=START)
    ids = [catalog.clips.by_key(name).id for name in names]  # type: ignore[union-attr]
    fill(catalog)

    def label(number: int, name: str, confidence: float | None = None) -> None:
        catalog.labels.put(ids[number], name, author="somebody", confidence=confidence, now=START)

    for number in (4, 0, 2):
        label(number, "person")
    label(1, "car")
    label(0, "car")  # the clip is newer than its label that counts
    assert [fill(catalog, limit=2) for _ in range(3)] == [[ids[4], ids[0]], [ids[2]], []]
    label(0, "person", 0.5)  # the same word, in another voice
    label(2, "dog")
    label(2, "person", 0.5)
    assert fill(catalog) == [ids[2]]
    catalog.labels.remove(ids[2], "dog")
    assert fill(catalog) == []
    label(2, "dog")
    assert fill(catalog) == [ids[2]]


def test_old_clips_that_are_labeled_are_not_told_of(catalog: Catalog) -> None:
    """A model looks through a collection; only what came lately is news."""
    catalog.writes.put([probed("a/1.mp4")], now=START)
    fill(catalog)
    clip = catalog.clips.by_key("a/1.mp4")
    assert clip is not None
    catalog.labels.put(clip.id, "person", author="somebody", confidence=None, now=START)
    assert fill(catalog, days=LABELED_LATE.days + 0.1) == []
    assert fill(catalog) == []
