"""What the catalog says of exports, and what retention makes of them, on each engine."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.builders import START, probed
from watcher.catalog import Catalog
from watcher.catalog.exports import Export, ExportFile
from watcher.model.clip import ClipState, milliseconds
from watcher.model.errors import ExportNotFoundError
from watcher.model.retention_state import Tick, advance
from watcher.retention.rules import Limits, Rules

MINUTE = timedelta(minutes=1)
FILE = ExportFile("a", "a.mp4", 100, "0" * 64, 0, 1000, 1.0)


def want(catalog: Catalog, first: int, last: int, *cameras: str) -> Export:
    """An export of some minutes."""
    begin, end = START + first * MINUTE, START + last * MINUTE
    source = catalog.exports.source(cameras, begin, end)
    return catalog.exports.want(cameras, begin, end, cut="key", author="me", source=source, now=START)


def fill(catalog: Catalog) -> None:
    """A clip a minute of two cameras, ten seconds each; one of them broken."""
    catalog.writes.put(
        [probed(f"{camera}/{n}.mp4", n, duration_seconds=10.0) for camera in "ab" for n in range(10)], now=START
    )
    catalog.writes.put([probed("a/x.mp4", 1.5, duration_seconds=10.0, state=ClipState.BROKEN)], now=START)


def test_what_there_is_for_it(catalog: Catalog) -> None:
    """Clips that are ready and overlap the time, of these cameras."""
    fill(catalog)
    at = START + timedelta(seconds=65)
    assert catalog.exports.source(["a"], at, START + 3 * MINUTE).clips == 2
    assert catalog.exports.source(["a", "b"], at, START + 3 * MINUTE).clips == 4
    assert catalog.exports.source(["a"], at + timedelta(seconds=5), START + 2 * MINUTE).clips == 0
    assert catalog.exports.source([], at, START + 3 * MINUTE) == (0, 0)


def test_the_life_of_an_export(catalog: Catalog) -> None:
    """Wanted, in the making, made, dropped; what is dropped takes no word about it any more."""
    fill(catalog)
    first, second = want(catalog, 0, 3, "a"), want(catalog, 0, 2, "a", "b")
    assert (first.clips, second.clips, first.share) == (3, 4, None)
    assert catalog.exports.to_make() == [first, second]
    assert catalog.exports.set_share(first.id, 0.5)
    assert catalog.exports.get(first.id).share == 0.5
    assert catalog.exports.set_done(first.id, [FILE], 100, now=START)
    film = catalog.exports.get(first.id)
    assert (film.files, film.size_bytes, film.share, film.error) == ((FILE,), 100, 1.0, None)
    assert not catalog.exports.set_share(first.id, 0.7)
    assert catalog.exports.set_error(second.id, "none are left", now=START)
    assert catalog.exports.get(second.id).error == "none are left"
    assert catalog.exports.to_make() == []
    assert [export.id for export in catalog.exports.all()] == [second.id, first.id]
    third = want(catalog, 0, 1, "b")
    catalog.exports.drop(third.id)
    catalog.exports.drop(third.id)
    assert not catalog.exports.set_done(third.id, [FILE], 100, now=START)
    with pytest.raises(ExportNotFoundError):
        catalog.exports.get(third.id)
    assert want(catalog, 0, 1, "b").id > third.id


def test_retention_leaves_its_clips_alone(catalog: Catalog) -> None:
    """Until it is made: then they go by the same rules."""
    fill(catalog)
    export = want(catalog, 2, 5, "a")
    rules = Rules(Limits(max_age=timedelta(seconds=1)), catalog, max_share=1)
    tick = Tick(milliseconds(START + timedelta(days=1)), "boot", 0)
    remembered = advance(None, tick, rules="", grace_ms=0)

    def going() -> set[str]:
        return {each.clip.key for each in rules.plan(remembered, 0)}

    whole = {f"{camera}/{n}.mp4" for camera in "ab" for n in range(10)} | {"a/x.mp4"}
    assert going() == whole - {"a/2.mp4", "a/3.mp4", "a/4.mp4"}
    catalog.exports.set_share(export.id, 0.9)
    assert "a/2.mp4" not in going()
    catalog.exports.set_done(export.id, [FILE], 100, now=START)
    assert going() == whole
