"""Pages equal the whole, and walk an index, on either engine."""

from __future__ import annotations

import itertools
import random
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from tests.builders import START, probed
from watcher.catalog import Catalog
from watcher.catalog.listing import listing
from watcher.catalog.planner import STATISTICS
from watcher.catalog.rows import Rendered
from watcher.catalog.schema import clips
from watcher.model.clip import (
    ClipFilter,
    ClipState,
    Fingerprint,
    Light,
    Playable,
    Position,
    TimeQuality,
    milliseconds,
)
from watcher.model.instant import Instant
from watcher.model.search_words import words_in


def every_page(catalog: Catalog, clip_filter: ClipFilter, limit: int, newest_first: bool) -> list[str]:
    keys_, after = [], None
    while True:
        page = catalog.clips.find(clip_filter, limit=limit, newest_first=newest_first, after=after)
        keys_ += [clip.key for clip in page.clips]
        if not page.more_after:
            return keys_
        after = Position(milliseconds(page.clips[-1].started_at), page.clips[-1].id)


@pytest.mark.slow
def test_pages_equal_the_whole(catalog: Catalog) -> None:
    """Any filter, any page size, both orders: the pages together are what filtering everything gives."""
    chance = random.Random(9)
    shelf = [
        probed(
            f"c{chance.randrange(4)}/{number}.mp4",
            chance.randrange(60),  # many at the same instant
            duration_seconds=chance.choice([None, 0.0, 1.5, 600.0]),
            state=chance.choice([ClipState.READY, ClipState.READY, ClipState.BROKEN, ClipState.NEW]),
        )
        for number in range(200)
    ]
    catalog.writes.put(shelf, now=START)
    catalog.writes.mark_missing([clip.key for clip in shelf[::7]], now=START)
    known = [catalog.clips.by_key(clip.key) for clip in shelf]
    for _ in range(60):
        start = START + timedelta(minutes=chance.uniform(-5, 65))
        clip_filter = ClipFilter(
            cameras=tuple(chance.sample(["c0", "c1", "c2", "c3", "c9"], chance.randrange(3))),
            states=chance.choice([
                (ClipState.READY, ClipState.BROKEN), (ClipState.MISSING,), (ClipState.READY,),
                (ClipState.NEW, ClipState.MISSING, ClipState.BROKEN),
            ]),
            from_at=chance.choice([None, start]),
            to_at=chance.choice([None, start + timedelta(minutes=chance.uniform(0.01, 30))]),
        )  # fmt: skip
        newest_first = chance.random() < 0.5

        def fits(clip: Any, clip_filter: ClipFilter = clip_filter) -> bool:
            return (
                (not clip_filter.cameras or clip.camera in clip_filter.cameras)
                and clip.state in clip_filter.states
                and (clip_filter.to_at is None or milliseconds(clip.started_at) < milliseconds(clip_filter.to_at))
                and (
                    clip_filter.from_at is None
                    or milliseconds(clip.ended_at) > milliseconds(clip_filter.from_at)
                    or milliseconds(clip.started_at) >= milliseconds(clip_filter.from_at)
                )
            )

        expected = sorted(filter(fits, known), key=lambda c: (c.started_at, c.id), reverse=newest_first)
        assert every_page(catalog, clip_filter, chance.choice([1, 3, 50]), newest_first) == [
            c.key for c in expected
        ]


def test_paging_is_stable_while_clips_arrive(catalog: Catalog) -> None:
    """What arrives between two pages moves nobody: no gap, no double."""
    catalog.writes.put([probed(f"a/{n:03d}.mp4", n) for n in range(50)], now=START)
    first = catalog.clips.find(ClipFilter(), limit=10)
    catalog.writes.put([probed(f"a/late{n}.mp4", n + 0.5) for n in range(50)], now=START)
    last = first.clips[-1]
    second = catalog.clips.find(ClipFilter(), limit=10, after=Position(milliseconds(last.started_at), last.id))
    assert [clip.key for clip in first.clips] == [f"a/{n:03d}.mp4" for n in range(49, 39, -1)]
    assert second.clips[0].key == "a/late39.mp4"
    assert second.more_before


def analyze(catalog: Catalog) -> None:
    """Statistics, as PostgreSQL's autovacuum keeps them; SQLite's are always the same."""
    if catalog.database.engine.dialect.name == "postgresql":
        with catalog.database.engine.begin() as connection:
            connection.exec_driver_sql("ANALYZE")


def plan(catalog: Catalog, select: Any) -> str:
    """The database's plan for a statement, as text."""
    sql = str(select.compile(catalog.database.engine, compile_kwargs={"literal_binds": True}))
    prefix = "EXPLAIN QUERY PLAN " if catalog.database.engine.dialect.name == "sqlite" else "EXPLAIN "
    with catalog.database.engine.connect() as connection:
        return "\n".join(str(row) for row in connection.exec_driver_sql(prefix + sql.replace("%", "%%")))


def list_plan(catalog: Catalog, clip_filter: ClipFilter, position: Position | None = None) -> str:
    """The plan for a page of a list, newest first."""
    sqlite = catalog.database.engine.dialect.name == "sqlite"
    select, values = listing(
        clip_filter, sqlite=sqlite, descending=True, limit=51, position=position, longest_ms=30000
    )
    return plan(catalog, select.params(values))


LISTED = [
    ClipFilter(),
    ClipFilter(cameras=("c1",)),
    ClipFilter(from_at=START, to_at=START + timedelta(hours=1)),
    ClipFilter(cameras=("c1",), from_at=START),
    ClipFilter(cameras=("c1",), from_at=START, to_at=START + timedelta(days=365)),
    ClipFilter(cameras=("c1",), to_at=START + timedelta(days=1), states=(ClipState.READY,)),
    ClipFilter(light=(Light.NIGHT,)),
    ClipFilter(states=(ClipState.MISSING,)),
]


def test_the_planner_is_told_of_every_index(catalog: Catalog) -> None:
    """Of the tables that it is told of at all: one without sizes would be taken for better or worse than it is."""
    if catalog.database.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL counts by itself")
    with catalog.database.engine.connect() as connection:
        statistics = {
            (row.tbl, row.idx): row.stat for row in connection.execute(sa.text("SELECT * FROM sqlite_stat1"))
        }
        there = {
            (row.tbl_name, row.name): len(connection.execute(sa.text(f"PRAGMA index_info('{row.name}')")).all())
            for row in connection.execute(sa.text("SELECT tbl_name, name FROM sqlite_master WHERE type = 'index'"))
        }
    assert statistics == STATISTICS
    tables = {table for table, _ in statistics}
    assert {place: len(sizes.split()) - 1 for place, sizes in statistics.items()} == {
        place: columns for place, columns in there.items() if place[0] in tables
    }


@pytest.mark.slow
def test_lists_walk_an_index(catalog: Catalog) -> None:
    """No sort, no scan of the table, wherever the page lies: asserted, since hoping has cost others 760 ×."""
    for start in range(0, 6000, 1000):
        catalog.writes.put([probed(f"c{n % 5}/{n}.mp4", n) for n in range(start, start + 1000)], now=START)
    catalog.daylight.set_sun("here", [(START + timedelta(hours=6 * n), list(Light)[n % 3]) for n in range(1500)])
    analyze(catalog)
    deep = Position(milliseconds(START + timedelta(minutes=3000)), 3000)
    for clip_filter, position in itertools.product(LISTED, (None, deep)):
        steps = list_plan(catalog, clip_filter, position)
        assert "TEMP B-TREE" not in steps, clip_filter
        assert "SCAN clips" not in steps.replace("USING INDEX", "").replace("SCAN clips USING", ""), clip_filter
        assert "Seq Scan" not in steps, clip_filter
        if "sqlite" in catalog.database.engine.dialect.name and clip_filter.cameras:
            assert "ix_clips_camera_time" in steps, clip_filter
        # Of those that are missing there are none to sort.
        assert "Sort" not in steps or clip_filter.states == (ClipState.MISSING,), clip_filter


def test_looking_for_work_reads_only_work(catalog: Catalog) -> None:
    """Not the clips that are done: there may be millions of those."""
    catalog.writes.put([probed(f"a/{n}.mp4", n) for n in range(1000)], now=START)
    catalog.renditions.set_posters([Rendered(clip_id, f"a/{clip_id - 1}.mp4", "p") for clip_id in range(1, 990)])
    analyze(catalog)
    steps = plan(
        catalog, sa.select(clips.c.id).where(sa.text("render_due = 1")).order_by(clips.c.started_ms.desc()).limit(1)
    )
    assert "ix_clips_render_due" in steps
    assert "TEMP B-TREE" not in steps
    assert len(catalog.files.unrendered(100)) == 11


def test_what_people_say_of_a_clip_stays(catalog: Catalog) -> None:
    """Held and noted, through other bytes and another name; lists can ask for it along an index of their own."""
    catalog.writes.put([probed(f"a/{n}.mp4", n) for n in range(3000)], now=START)
    held = [catalog.clips.by_key(f"a/{n}.mp4").id for n in (7, 1200, 2900)]
    for clip_id in held:
        catalog.writes.correct(clip_id, held=True, note="the fox")
    catalog.writes.put([probed("a/7.mp4", 7, digest="new", fingerprint=Fingerprint(5, 5))], now=START)
    catalog.writes.put([probed("b/7.mp4", 8, digest="new", moved_from=held[0])], now=START)
    clip = catalog.clips.get(held[0])
    assert (clip.key, clip.held, clip.note, clip.time_source) == ("b/7.mp4", True, "the fox", "name")
    clip_filter = ClipFilter(held=True)
    analyze(catalog)
    assert [c.id for c in catalog.clips.find(clip_filter, limit=9, newest_first=False).clips] == held
    assert len(catalog.clips.find(ClipFilter(held=False), limit=3100).clips) == 2997
    for some in (clip_filter, ClipFilter(held=True, cameras=("a",)), ClipFilter(held=True, from_at=START)):
        steps = list_plan(catalog, some)
        assert "ix_clips_held" in steps, steps
    catalog.writes.correct(held[0], held=False, note=None)
    assert (catalog.clips.get(held[0]).held, catalog.clips.get(held[0]).note) == (False, None)


def test_lists_by_length_and_by_what_browsers_play(catalog: Catalog) -> None:
    """Unknown lengths are in no such list; broken clips do not play."""
    values = [("yes", 5.0), ("no", 10.0), ("maybe", 20.0), (None, None)]
    batch = [
        probed(f"a/{n}.mp4", n, playable=play and Playable(play), duration_seconds=length)
        for n, (play, length) in enumerate(values)
    ]
    broken = probed("a/9.mp4", 9, state=ClipState.BROKEN, playable=None, duration_seconds=None, error="cut off")
    catalog.writes.put([*batch, broken], now=START)

    def keys(**parameters: Any) -> list[str]:
        return [c.key[2:3] for c in catalog.clips.find(ClipFilter(**parameters), limit=9, newest_first=False).clips]

    assert keys(playable=(Playable.NO,)) == ["1", "9"]
    assert keys(playable=(Playable.YES, Playable.MAYBE)) == ["0", "2", "3"]
    assert keys(min_seconds=10.0) == ["1", "2"]
    assert keys(max_seconds=10.0) == ["0", "1"]
    assert keys(min_seconds=6.0, max_seconds=19.9) == ["1"]


def test_lists_by_label_walk_its_index(catalog: Catalog) -> None:
    """A rare label among many clips, and what nobody has labelled yet."""
    for start in range(0, 4000, 1000):
        catalog.writes.put([probed(f"c{n % 5}/{n}.mp4", n) for n in range(start, start + 1000)], now=START)
    with catalog.database.write() as connection:
        rows = [{"id": n, "name": "fox" if n % 100 == 0 else "cat", "at": n * 60000} for n in range(1, 3900)]
        connection.execute(
            sa.text("INSERT INTO labels VALUES (:id, :name, 'anna', NULL, 0, :at, NULL)"),
            rows,
        )
        connection.execute(sa.text("UPDATE clips SET labels = '[]' WHERE id < 3900"))
    analyze(catalog)
    for clip_filter, index in (
        (ClipFilter(labels=("fox",)), "ix_labels_time"),
        (ClipFilter(labeled=False), "unlabeled"),
    ):
        steps = list_plan(catalog, clip_filter)
        assert index in steps, steps
        assert "TEMP B-TREE" not in steps


def test_clips_are_found_by_their_words(catalog: Catalog) -> None:
    """Of the key, the camera and the labels, in any case; page by page, in time order, in both directions."""
    batch = [probed(f"{'Front_Door' if n % 3 else 'Übung'}/2026-11-21/{n:06}.mp4", n / 7) for n in range(90)]
    catalog.writes.put(batch, now=START)
    ids = [catalog.clips.by_key(probed.key).id for probed in batch]
    for n in range(0, 90, 9):
        catalog.labels.put(ids[n], "Red fox", author="anna", confidence=None, now=START)

    def ids_of(text: str, *, newest_first: bool = False, **more: Any) -> list[int]:
        seen: list[int] = []
        after = None
        while True:
            clip_filter = ClipFilter(words=tuple(words_in(text)), **more)
            page = catalog.clips.find(clip_filter, limit=4, newest_first=newest_first, after=after)
            seen += [ids.index(clip.id) for clip in page.clips]
            if not page.more_after:
                return seen
            after = Position(milliseconds(page.clips[-1].started_at), page.clips[-1].id)

    assert ids_of("front door") == [n for n in range(90) if n % 3]
    assert ids_of("DOOR", newest_first=True) == [n for n in reversed(range(90)) if n % 3]
    assert ids_of("übung 000003") == [3]
    assert ids_of("fox") == list(range(0, 90, 9)) == ids_of("U\u0308BUNG red FOX")
    catalog.writes.correct(ids[5], note="A heron, at the pond")
    assert ids_of("heron POND") == [5]
    catalog.labels.put(ids[5], "bird", author="anna", confidence=None, now=START)
    catalog.writes.put(
        [probed(batch[5].key, 5 / 7, digest="another")], now=START
    )  # another content: the note stays
    assert ids_of("heron bird") == [5]
    catalog.writes.correct(ids[5], camera="yard")
    assert ids_of("heron yard") == [5]
    catalog.writes.correct(ids[5], note=None, camera=None)
    assert ids_of("heron") == []
    assert ids_of("fox", cameras=("Übung", "none")) == list(range(0, 90, 9))
    assert ids_of("fox", from_at=START + timedelta(minutes=5), to_at=START + timedelta(minutes=10)) == [
        36,
        45,
        54,
        63,
    ]
    assert ids_of("do") == []
    assert ids_of("door' OR 1") == []
    around = catalog.clips.around(
        ClipFilter(words=("door",)), Position(milliseconds(START + timedelta(minutes=5)), 0), limit=4
    )
    assert [ids.index(c.id) for c in around.clips] == [37, 35, 34, 32]

    catalog.writes.correct(ids[9], camera="shed", start=Instant(START + timedelta(minutes=60), 0, TimeQuality.SURE))
    assert ids_of("shed fox") == [9]
    assert ids_of("fox", newest_first=True)[0] == 9
    catalog.labels.remove(ids[9], "Red fox")
    assert ids_of("shed fox") == []
    moved = msgspec.structs.replace(batch[9], key="attic/9.mp4", moved_from=ids[9])
    catalog.writes.put([moved], now=START)
    assert ids_of("attic shed") == [9]
    assert ids_of("000009") == []
    catalog.writes.mark_missing([batch[18].key], now=START)
    assert 18 not in ids_of("fox")


@pytest.mark.slow
def test_a_search_walks_its_index(catalog: Catalog) -> None:
    """In the order of time where the word is in every clip, and without one where it is in few."""
    for start in range(0, 4000, 1000):
        batch = [probed(f"c{n % 5}/{'rare' if n == 700 else n}.mp4", n) for n in range(start, start + 1000)]
        catalog.writes.put(batch, now=START)
    analyze(catalog)
    for word in ("mp4", "rare"):
        steps = list_plan(catalog, ClipFilter(words=(word,)), Position(milliseconds(START), 3000))
        assert "TEMP B-TREE" not in steps, steps
        assert "Seq Scan" not in steps.replace("Seq Scan on sun", "")  # which is empty
        if catalog.database.engine.dialect.name == "sqlite":
            assert "VIRTUAL TABLE" in steps, steps
