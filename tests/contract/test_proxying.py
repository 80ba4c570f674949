"""What the catalog says of proxies and of silent cameras, on each engine."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.builders import START, probed
from watcher.catalog import Catalog
from watcher.catalog.rendition_names import proxy_name
from watcher.model.clip import ClipState, Playable
from watcher.model.errors import ClipNotFoundError

DIGESTS = {n: str(n) * 32 for n in range(9)}


def fill(catalog: Catalog, count: int, **more: object) -> list[int]:
    """Some clips; their ids."""
    batch = [probed(f"a/{n}.mp4", n, digest=DIGESTS[n], **more) for n in range(count)]
    catalog.writes.put(batch, now=START)
    return [catalog.clips.by_key(f"a/{n}.mp4").id for n in range(count)]


def test_those_that_are_asked_for_come_first(catalog: Catalog) -> None:
    """In the order of asking; what is made ahead waits behind, until somebody asks for it."""
    ids = fill(catalog, 4, playable=Playable.NO)
    while catalog.proxies.want_ahead(started_after=START - timedelta(days=1), now=START):
        pass
    assert catalog.proxies.sums().waiting == 4
    catalog.proxies.want(ids[2], now=START + timedelta(seconds=1))
    catalog.proxies.want(ids[1], now=START + timedelta(seconds=2))
    catalog.proxies.want(ids[2], now=START + timedelta(seconds=3))  # again: keeps its place
    assert [catalog.proxies.get(clip_id).before for clip_id in (ids[2], ids[1], ids[0])] == [0, 1, 2]
    order = []
    while (job := catalog.proxies.next()) is not None:
        order.append(job.clip_id)
        assert catalog.proxies.set_done(job.clip_id, job.digest, 100, now=START)
    assert order == [ids[2], ids[1], ids[0], ids[3]]
    assert catalog.proxies.sums() == (0, 4, 400)
    assert catalog.clips.get(ids[0]).proxy == proxy_name(ids[0], DIGESTS[0])
    assert catalog.proxies.want_ahead(started_after=START - timedelta(days=1), now=START) is False
    with pytest.raises(ClipNotFoundError):
        catalog.proxies.want(99999, now=START)


def test_what_plays_or_is_old_is_not_made_ahead(catalog: Catalog) -> None:
    """Only what some browser does not play, from the last days; each clip once, also after a restart."""
    fill(catalog, 2)
    catalog.writes.put([probed("b/old.mp4", -10_000, playable=Playable.NO)], now=START)
    catalog.writes.put([probed("b/maybe.mp4", 5, playable=Playable.MAYBE)], now=START)
    catalog.writes.put([probed("b/broken.mp4", 6, state=ClipState.BROKEN, playable=Playable.NO)], now=START)
    while catalog.proxies.want_ahead(started_after=START - timedelta(days=1), now=START):
        pass
    assert catalog.proxies.sums().waiting == 1
    assert catalog.proxies.next().key == "b/maybe.mp4"


def test_a_failure_is_kept_until_somebody_asks_again(catalog: Catalog) -> None:
    """It is not tried for ever."""
    (clip_id,) = fill(catalog, 1)
    catalog.proxies.want(clip_id, now=START)
    assert catalog.proxies.set_error(clip_id, DIGESTS[0], "noise", now=START)
    assert (catalog.proxies.next(), catalog.proxies.get(clip_id).error) == (None, "noise")
    catalog.proxies.want(clip_id, now=START)
    assert catalog.proxies.next().clip_id == clip_id


def test_other_content_and_gone_clips_take_no_proxy(catalog: Catalog) -> None:
    """What was made of a content that is no more is nobody's."""
    first, second = fill(catalog, 2)
    for clip_id in (first, second):
        catalog.proxies.want(clip_id, now=START)
    assert catalog.proxies.set_done(first, DIGESTS[0], 100, now=START)
    revision = catalog.clips.get(first).revision
    catalog.writes.put([probed("a/0.mp4", 0, digest=DIGESTS[7], inode=7)], now=START)
    assert catalog.clips.get(first).revision > revision
    assert (catalog.clips.get(first).proxy, catalog.proxies.get(first)) == (None, None)
    assert catalog.proxies.spent(START - timedelta(days=1), 1000) == [first]
    assert catalog.proxies.drop([first]) == [proxy_name(first, DIGESTS[0])]
    catalog.retired.retire(second, now=START)
    assert not catalog.proxies.set_done(second, DIGESTS[1], 100, now=START)
    assert catalog.proxies.next() is None


def test_the_eldest_go_first(catalog: Catalog) -> None:
    """By age, and by bytes; the newest stay."""
    ids = fill(catalog, 4)
    for number, clip_id in enumerate(ids):
        catalog.proxies.want(clip_id, now=START)
        catalog.proxies.set_done(clip_id, DIGESTS[number], 100, now=START + timedelta(hours=number))
    assert catalog.proxies.spent(START - timedelta(days=1), 250) == [ids[1], ids[0]]
    assert catalog.proxies.spent(START + timedelta(hours=2, minutes=30), 1000) == [ids[2], ids[1], ids[0]]
    assert catalog.proxies.without({proxy_name(ids[3], DIGESTS[3])}) == ids[:3]
    names = catalog.proxies.drop([ids[0]])
    assert names == [proxy_name(ids[0], DIGESTS[0])]
    assert catalog.clips.get(ids[0]).proxy is None
    assert len(catalog.proxies.names()) == 3


def test_silences(catalog: Catalog) -> None:
    """A revision for each turn, and none for a limit that changed."""
    fill(catalog, 1)
    limits = {"since": START, "limit": timedelta(hours=2)}
    catalog.silences.set("a", silent=False, **limits)
    (summary,) = catalog.clips.camera_summaries()
    assert (summary.silent, summary.expected_by) == (False, summary.silent_since + timedelta(hours=2))
    assert catalog.silences.after(0, catalog.clips.head()) == []
    catalog.silences.set("a", silent=True, **limits)
    (silence,) = catalog.silences.after(0, catalog.clips.head())
    assert (silence.camera, silence.silent, silence.since, silence.limit) == ("a", True, START, timedelta(hours=2))
    assert catalog.silences.after(0, catalog.clips.head(), cameras=["b"]) == []
    assert catalog.silences.after(catalog.clips.head(), catalog.clips.head() + 1) == []
    catalog.silences.set("a", silent=True, since=START, limit=timedelta(hours=3))
    assert catalog.silences.all()["a"].revision == silence.revision
    assert catalog.silences.active_quarters("a", 0) == [int(START.timestamp()) // 900]
    catalog.silences.drop(["a"])
    assert (catalog.silences.all(), catalog.clips.camera_summaries()[0].expected_by) == ({}, None)
