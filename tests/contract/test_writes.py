"""What is written of a clip, the same on SQLite and on PostgreSQL."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from tests.builders import START, probed
from watcher.catalog import Catalog
from watcher.catalog.rendition_names import poster_name
from watcher.catalog.rows import Rendered
from watcher.model.buckets import Bucket, Span, quarter_of
from watcher.model.clip import (
    ClipFilter,
    ClipState,
    Fingerprint,
    Playable,
    Sprite,
    TimeQuality,
)
from watcher.model.errors import ClipNotFoundError
from watcher.model.instant import Instant


def test_put_is_idempotent(catalog: Catalog) -> None:
    """The same file again changes nothing; another content under its key keeps the id."""
    assert catalog.writes.put([probed("a/1.mp4"), probed("a/2.mp4", 1)], now=START) == 2
    first = catalog.clips.by_key("a/1.mp4")
    assert catalog.writes.put([probed("a/1.mp4"), probed("a/2.mp4", 1)], now=START) == 0
    assert catalog.clips.by_key("a/1.mp4") == first
    assert catalog.writes.put([probed("a/1.mp4", digest="other", fingerprint=Fingerprint(2000, 2))], now=START) == 1
    second = catalog.clips.by_key("a/1.mp4")
    assert (second.id, second.size_bytes) == (first.id, 2000)
    assert second.revision > first.revision


def test_revisions_are_unique_and_grow(catalog: Catalog) -> None:
    """Every change of any clip has one of its own."""
    seen = []
    for number in range(20):
        catalog.writes.put(
            [probed(f"a/{n}.mp4", n, fingerprint=Fingerprint(number, n)) for n in range(5)], now=START
        )
        seen += [catalog.clips.by_key(f"a/{n}.mp4").revision for n in range(5)]
    assert seen == sorted(set(seen))


def test_a_clip_that_moved_keeps_its_id_and_poster(catalog: Catalog) -> None:
    """Under the new key, with the new camera; the old key is free again."""
    catalog.writes.put([probed("a/1.mp4", digest="x")], now=START)
    clip = catalog.clips.by_key("a/1.mp4")
    assert catalog.renditions.set_posters([Rendered(clip.id, "x", "0/1-x.webp")]) == []
    catalog.writes.put([probed("b/1.mp4", digest="x", moved_from=clip.id)], now=START)
    moved = catalog.clips.by_key("b/1.mp4")
    assert (moved.id, moved.camera, moved.poster) == (clip.id, "b", "0/1-x.webp")
    assert catalog.clips.by_key("a/1.mp4") is None
    assert [c.camera for c in catalog.clips.camera_summaries()] == ["b"]


def test_two_cannot_take_over_the_same_clip(catalog: Catalog) -> None:
    """Of two files with its content one is the clip, the other a new one."""
    catalog.writes.put([probed("a/1.mp4", digest="x")], now=START)
    clip = catalog.clips.by_key("a/1.mp4")
    batch = [probed(f"b/{n}.mp4", digest="x", moved_from=clip.id) for n in (1, 2)]
    catalog.writes.put(batch, now=START)
    assert [catalog.clips.by_key(p.key).id == clip.id for p in batch] == [True, False]


def test_missing_keeps_everything_and_comes_back(catalog: Catalog) -> None:
    """Out of the list and of the sums, and in again."""
    catalog.writes.put([probed("a/1.mp4"), probed("a/2.mp4", 1)], now=START)
    clip = catalog.clips.by_key("a/1.mp4")
    assert catalog.writes.mark_missing(["a/1.mp4", "a/none.mp4"], now=START) == 1
    assert catalog.writes.mark_missing(["a/1.mp4"], now=START) == 0
    gone = catalog.clips.by_key("a/1.mp4")
    assert (gone.id, gone.state, gone.missing_since) == (clip.id, ClipState.MISSING, START)
    assert catalog.clips.listed_count() == 1
    assert catalog.clips.missing_since(START - timedelta(seconds=1)) == 1
    catalog.writes.put([probed("a/1.mp4")], now=START)
    back = catalog.clips.by_key("a/1.mp4")
    assert (back.id, back.state, back.missing_since) == (clip.id, ClipState.READY, None)
    assert catalog.clips.listed_count() == 2


def test_what_was_learnt_of_another_content_is_not_noted(catalog: Catalog) -> None:
    """A poster that comes late must not be shown for a file that was replaced meanwhile."""
    catalog.writes.put([probed("a/1.mp4", digest="old")], now=START)
    clip = catalog.clips.by_key("a/1.mp4")
    catalog.writes.put([probed("a/1.mp4", digest="new", fingerprint=Fingerprint(5, 5))], now=START)
    sprite = msgspec.json.encode(Sprite("0/1-old.sprite.webp", 2, 2, 240, 135)).decode()
    late = Rendered(clip.id, "old", "0/1-old.webp", sprite=sprite)
    assert catalog.renditions.set_posters([late]) == ["0/1-old.webp", "0/1-old.sprite.webp"]
    assert not catalog.writes.set_broken(clip.id, "old", "no")
    assert catalog.clips.get(clip.id).poster is None
    with pytest.raises(ClipNotFoundError):
        catalog.clips.get(999)


def test_a_poster_of_an_older_content_is_not_shown_and_named_when_replaced(catalog: Catalog) -> None:
    """So that it can be removed, also after a crash between the two."""
    catalog.writes.put([probed("a/1.mp4", digest="old")], now=START)
    clip = catalog.clips.by_key("a/1.mp4")
    old, new = poster_name(clip.id, "old"), poster_name(clip.id, "new")
    assert catalog.renditions.set_posters([Rendered(clip.id, "old", old)]) == []
    catalog.writes.put([probed("a/1.mp4", digest="new", fingerprint=Fingerprint(5, 5))], now=START)
    catalog.writes.mark_missing(["a/1.mp4"], now=START)
    catalog.writes.put([probed("a/1.mp4", digest="new", fingerprint=Fingerprint(5, 5))], now=START)
    assert catalog.clips.get(clip.id).poster is None
    assert [job.id for job in catalog.files.unrendered(9)] == [clip.id]
    assert catalog.renditions.set_posters([Rendered(clip.id, "new", new)]) == [old]
    assert catalog.clips.get(clip.id).poster == new


def test_a_decoder_makes_a_new_clip_ready(catalog: Catalog) -> None:
    """It is listed from then on, counted, and not asked about again when the file is only touched."""
    catalog.writes.put(
        [probed("a/1.mkv", state=ClipState.NEW, media=None, duration_seconds=None, digest="x")], now=START
    )
    clip = catalog.clips.by_key("a/1.mkv")
    assert [job.id for job in catalog.files.unrendered(5)] == [clip.id]
    assert catalog.clips.listed_count() == 0
    media = '{"container":"matroska","codecs":"h264","fragmented":false,"faststart":false}'
    catalog.writes.set_probe(
        clip.id, "x", media=media, duration_seconds=9.5, playable=Playable.NO, playable_reason="no"
    )
    ready = catalog.clips.get(clip.id)
    assert (ready.state, ready.duration_seconds, ready.media_info.container) == ("ready", 9.5, "matroska")
    assert ready.ended_at - ready.started_at == timedelta(seconds=9.5)
    touched = probed(
        "a/1.mkv",
        state=ClipState.NEW,
        media=None,
        duration_seconds=None,
        digest="x",
        fingerprint=Fingerprint(1000, 9),
    )
    catalog.writes.put([touched], now=START)
    assert catalog.clips.get(clip.id).state == ClipState.READY
    assert catalog.clips.camera_summaries()[0].duration_seconds == 9.5


def test_a_correction_stands_through_everything(catalog: Catalog) -> None:
    """Another reading, another name, other bytes; sums and order follow it; taken back, what was read last counts."""
    catalog.writes.put([probed("a/1.mp4", digest="x"), probed("a/2.mp4", 5)], now=START)
    clip = catalog.clips.by_key("a/1.mp4")
    right = Instant(START + timedelta(minutes=10), 3600, TimeQuality.SURE)
    catalog.writes.correct(clip.id, camera="right", start=right)
    corrected = catalog.clips.get(clip.id)
    assert (corrected.camera, corrected.started_at, corrected.offset_seconds) == ("right", right.at, 3600)
    assert corrected.ended_at - corrected.started_at == timedelta(seconds=30)
    assert (corrected.time_source, corrected.revision > clip.revision) == ("corrected", True)
    assert [c.key for c in catalog.clips.find(ClipFilter(), limit=5).clips] == ["a/1.mp4", "a/2.mp4"]
    assert [(c.camera, c.clips) for c in catalog.clips.camera_summaries()] == [("a", 1), ("right", 1)]

    catalog.writes.put([probed("a/1.mp4", 1, digest="y", fingerprint=Fingerprint(5, 5))], now=START)
    catalog.writes.put([probed("b/1.mp4", 2, digest="y", moved_from=clip.id)], now=START)
    moved = catalog.clips.get(clip.id)
    assert (moved.key, moved.camera, moved.started_at) == ("b/1.mp4", "right", right.at)

    catalog.writes.correct(clip.id, camera=None, start=None)
    back = catalog.clips.get(clip.id)
    assert (back.camera, back.started_at) == ("b", START + timedelta(minutes=2))
    assert (back.time_source, back.ended_at - back.started_at) == ("name", timedelta(seconds=30))
    assert [(c.camera, c.clips) for c in catalog.clips.camera_summaries()] == [("a", 1), ("b", 1)]
    with pytest.raises(ClipNotFoundError):
        catalog.writes.correct(999, camera="x")


@pytest.mark.parametrize("turned", [False, True])
def test_a_name_that_was_left_and_taken_in_one_batch(catalog: Catalog, *, turned: bool) -> None:
    """Each row is one file's, whichever comes first: the renamed clip keeps its id, and the sums are the clips'."""
    catalog.writes.put([probed("porch/1.mp4"), probed("porch/2.mp4", 30)], now=START)
    first, second = (catalog.clips.by_key(f"porch/{n}.mp4") for n in (1, 2))
    assert first is not None
    assert second is not None
    batch = [
        probed("gate/1.mp4", digest=first.key, moved_from=first.id),
        probed("porch/1.mp4", 30, digest=second.key, moved_from=second.id),
        probed("porch/2.mp4", 60, digest="fresh"),
    ]
    catalog.writes.put(batch[::-1] if turned else batch, now=START)
    moved, behind = catalog.clips.by_key("gate/1.mp4"), catalog.clips.by_key("porch/1.mp4")
    assert moved is not None
    assert behind is not None
    assert (moved.id, behind.id) == (first.id, second.id)
    fresh = catalog.clips.by_key("porch/2.mp4")
    assert fresh is not None
    assert fresh.id not in {first.id, second.id}
    assert {summary.camera: summary.clips for summary in catalog.clips.camera_summaries()} == {
        "gate": 1,
        "porch": 2,
    }
    quarter = quarter_of(START)
    sums = catalog.timeline.sums([Span(quarter - 4, quarter + 8, 0)], Bucket.QUARTER, ())
    assert sorted((total.camera, total.clips) for total in sums) == [("gate", 1), ("porch", 1), ("porch", 1)]


def ids_of(catalog: Catalog, *keys: str) -> list[int]:
    """The clips of keys that each are one's."""
    return [clip.id for clip in map(catalog.clips.by_key, keys) if clip is not None]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("kind", ["retired", "store"])
def test_a_name_that_a_clip_had_who_is_not_there_any_more(catalog: Catalog, kind: str, *, turned: bool) -> None:
    """A clip is renamed to the name of one that was retired or lies in a store, and another file takes its own."""
    catalog.writes.put([probed("porch/1.mp4"), probed("porch/2.mp4", 30)], now=START)
    gone, clip = ids_of(catalog, "porch/1.mp4", "porch/2.mp4")
    if kind == "retired":
        assert catalog.retired.retire(gone, now=START) is not None
    else:
        lying = catalog.stored.get(gone)
        assert lying is not None
        assert catalog.stored.moved(lying, "bucket", "porch/1.mp4", "etag", "00ff", now=START)
    batch = [
        probed("porch/1.mp4", 30, digest="porch/2.mp4", moved_from=clip),
        probed("porch/2.mp4", 60, digest="fresh"),
    ]
    catalog.writes.put(batch[::-1] if turned else batch, now=START)
    moved, fresh = ids_of(catalog, "porch/1.mp4", "porch/2.mp4")
    assert moved == clip
    assert fresh not in {gone, clip}
    summaries = catalog.clips.camera_summaries()
    assert [(summary.camera, summary.clips) for summary in summaries] == [("porch", 2 if kind == "retired" else 3)]


def test_names_that_went_round(catalog: Catalog) -> None:
    """Of files that were renamed in a ring each name's clip takes the content: no row is two's, and none is lost."""
    keys = [f"porch/{n}.mp4" for n in range(3)]
    catalog.writes.put([probed(key, 30 * n) for n, key in enumerate(keys)], now=START)
    ids = ids_of(catalog, *keys)
    ring = [probed(keys[n], 30 * n, digest=keys[n - 1], moved_from=ids[n - 1]) for n in range(3)]
    catalog.writes.put(ring, now=START)
    assert sorted(ids_of(catalog, *keys)) == ids
    assert [summary.clips for summary in catalog.clips.camera_summaries()] == [3]
