"""Clips that are retired, on either engine."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.builders import START, probed
from watcher.catalog import Catalog
from watcher.catalog.rows import Rendered
from watcher.model.clip import (
    ClipFilter,
    Fingerprint,
)
from watcher.model.errors import ChangedError, ClipNotFoundError, HeldError


def test_a_retired_clip_is_gone_and_told_of_until_it_is_forgotten(catalog: Catalog) -> None:
    """Its key is free for another clip; its labels no longer count; the feed's last row is never dropped."""
    catalog.writes.put([probed(f"a/{n}.mp4", n) for n in range(6)], now=START)
    ids = [catalog.clips.by_key(f"a/{n}.mp4").id for n in range(6)]
    catalog.labels.put(ids[0], "fox", author="anna", confidence=None, now=START)
    catalog.writes.correct(ids[1], held=True)
    with pytest.raises(HeldError):
        catalog.retired.retire(ids[1], now=START)
    with pytest.raises(ChangedError):
        catalog.retired.retire(ids[0], revision=1, now=START)
    gone = catalog.retired.retire(ids[0], now=START)
    assert (gone.id, gone.key, gone.fingerprint) == (ids[0], "a/0.mp4", Fingerprint(1000, 1))
    assert catalog.clips.by_key("a/0.mp4") is None
    assert catalog.labels.counts() == []
    assert [s.clips for s in catalog.clips.camera_summaries()] == [5]
    assert catalog.clips.find(ClipFilter(words=("0",)), limit=9).clips == []
    assert "a/0.mp4" not in [row[0] for row in catalog.files.known()]

    same_file = probed("a/0.mp4", 0)
    assert catalog.writes.put([same_file], now=START) == 0  # it is about to be removed
    assert catalog.retired.unswept() == [gone]
    other = probed("a/0.mp4", 9, digest="other", inode=5)
    assert catalog.writes.put([other], now=START) == 1
    assert catalog.retired.unswept() == []
    assert catalog.clips.by_key("a/0.mp4").id not in ids
    clip = catalog.clips.get(ids[0])
    assert (clip.key, clip.state) == ("a/0.mp4", "retired")
    for refused in (
        lambda: catalog.writes.correct(ids[0], note="x"),
        lambda: catalog.labels.put(ids[0], "x", author="a", confidence=None, now=START),
        lambda: catalog.retired.retire(9999, now=START),
    ):
        with pytest.raises(ClipNotFoundError):
            refused()
    assert catalog.renditions.set_posters([Rendered(ids[0], "a/0.mp4", "p")]) == ["p"]

    for clip_id in ids[2:5]:
        catalog.retired.retire(clip_id, now=START)
        catalog.retired.swept(clip_id)
    assert catalog.retired.retire(ids[2], now=START) is None
    assert [c.state for c in catalog.clips.changed(0, 99)][-3:] == ["retired"] * 3
    assert catalog.retired.forget(START) == 0
    assert catalog.retired.forget(START + timedelta(seconds=1)) == 3
    assert [c.id for c in catalog.clips.changed(0, 99)][-1] == ids[4]
    assert catalog.clips.forgotten() < catalog.clips.get(ids[4]).revision
    with pytest.raises(ClipNotFoundError):
        catalog.clips.get(ids[2])
