"""The catalog's promises, the same on SQLite and on PostgreSQL."""

from __future__ import annotations

import itertools
import random
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from watcher.catalog import Catalog, Probed, check_schema, migrate, open_engine
from watcher.catalog.engine import HEAD, WRITE, revision
from watcher.catalog.files import ALIKE_LIMIT
from watcher.catalog.listing import listing
from watcher.catalog.migrations import upgrade
from watcher.catalog.planner import STATISTICS
from watcher.catalog.rendition_names import poster_name
from watcher.catalog.retries import NO_PICTURE
from watcher.catalog.rows import Rendered
from watcher.catalog.schema import clips, metadata
from watcher.model.buckets import Bucket, bounds, spans, whole
from watcher.model.clip import (
    ClipFilter,
    ClipState,
    Fingerprint,
    Light,
    Playable,
    Position,
    Sprite,
    TimeQuality,
    TimeSource,
    milliseconds,
)
from watcher.model.errors import CatalogError, ChangedError, ClipNotFoundError, HeldError
from watcher.model.instant import Instant
from watcher.model.search_words import words_in

START = datetime(2026, 11, 21, tzinfo=UTC)


def probed(key: str, minute: float = 0, **more: Any) -> Probed:
    values: dict[str, Any] = {
        "key": key,
        "camera": key.partition("/")[0],
        "state": ClipState.READY,
        "started_at": START + timedelta(minutes=minute),
        "time_source": TimeSource.NAME,
        "duration_seconds": 30.0,
        "fingerprint": Fingerprint(1000, 1),
        "inode": abs(hash(key)) % 10**9,
        "digest": key,
        "media": '{"container":"mp4","codecs":"","fragmented":false,"faststart":true,"video":null,"audio":null}',
        "playable": Playable.YES,
        "playable_reason": None,
        "error": None,
    }
    return Probed(**values | more)


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
    kept = [
        (c.camera, c.clips, c.size_bytes, round(c.duration_seconds * 1000))
        for c in catalog.clips.camera_summaries()
    ]
    assert kept == [tuple(row) for row in counted]


def every_page(catalog: Catalog, wanted: ClipFilter, limit: int, newest_first: bool) -> list[str]:
    found, after = [], None
    while True:
        page = catalog.clips.find(wanted, limit=limit, newest_first=newest_first, after=after)
        found += [clip.key for clip in page.clips]
        if not page.more_after:
            return found
        after = Position(milliseconds(page.clips[-1].started_at), page.clips[-1].id)


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
        wanted = ClipFilter(
            cameras=tuple(chance.sample(["c0", "c1", "c2", "c3", "c9"], chance.randrange(3))),
            states=chance.choice([
                (ClipState.READY, ClipState.BROKEN), (ClipState.MISSING,), (ClipState.READY,),
                (ClipState.NEW, ClipState.MISSING, ClipState.BROKEN),
            ]),
            from_at=chance.choice([None, start]),
            to_at=chance.choice([None, start + timedelta(minutes=chance.uniform(0.01, 30))]),
        )  # fmt: skip
        newest_first = chance.random() < 0.5

        def fits(clip: Any, wanted: ClipFilter = wanted) -> bool:
            return (
                (not wanted.cameras or clip.camera in wanted.cameras)
                and clip.state in wanted.states
                and (wanted.to_at is None or milliseconds(clip.started_at) < milliseconds(wanted.to_at))
                and (
                    wanted.from_at is None
                    or milliseconds(clip.ended_at) > milliseconds(wanted.from_at)
                    or milliseconds(clip.started_at) >= milliseconds(wanted.from_at)
                )
            )

        expected = sorted(filter(fits, known), key=lambda c: (c.started_at, c.id), reverse=newest_first)
        assert every_page(catalog, wanted, chance.choice([1, 3, 50]), newest_first) == [c.key for c in expected]


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


def list_plan(catalog: Catalog, wanted: ClipFilter, position: Position | None = None) -> str:
    """The plan for a page of a list, newest first."""
    sqlite = catalog.database.engine.dialect.name == "sqlite"
    select, values = listing(wanted, sqlite=sqlite, descending=True, limit=51, position=position, longest_ms=30000)
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
        told = {(row.tbl, row.idx): row.stat for row in connection.execute(sa.text("SELECT * FROM sqlite_stat1"))}
        there = {
            (row.tbl_name, row.name): len(connection.execute(sa.text(f"PRAGMA index_info('{row.name}')")).all())
            for row in connection.execute(sa.text("SELECT tbl_name, name FROM sqlite_master WHERE type = 'index'"))
        }
    assert told == STATISTICS
    tables = {table for table, _ in told}
    assert {place: len(sizes.split()) - 1 for place, sizes in told.items()} == {
        place: columns for place, columns in there.items() if place[0] in tables
    }


def test_lists_walk_an_index(catalog: Catalog) -> None:
    """No sort, no scan of the table, wherever the page lies: asserted, since hoping has cost others 760 ×."""
    for start in range(0, 6000, 1000):
        catalog.writes.put([probed(f"c{n % 5}/{n}.mp4", n) for n in range(start, start + 1000)], now=START)
    catalog.daylight.set_sun("here", [(START + timedelta(hours=6 * n), list(Light)[n % 3]) for n in range(1500)])
    analyze(catalog)
    deep = Position(milliseconds(START + timedelta(minutes=3000)), 3000)
    for wanted, position in itertools.product(LISTED, (None, deep)):
        told = list_plan(catalog, wanted, position)
        assert "TEMP B-TREE" not in told, wanted
        assert "SCAN clips" not in told.replace("USING INDEX", "").replace("SCAN clips USING", ""), wanted
        assert "Seq Scan" not in told, wanted
        if "sqlite" in catalog.database.engine.dialect.name and wanted.cameras:
            assert "ix_clips_camera_time" in told, wanted
        # Of those that are missing there are none to sort.
        assert "Sort" not in told or wanted.states == (ClipState.MISSING,), wanted


def test_looking_for_work_reads_only_work(catalog: Catalog) -> None:
    """Not the clips that are done: there may be millions of those."""
    catalog.writes.put([probed(f"a/{n}.mp4", n) for n in range(1000)], now=START)
    catalog.renditions.set_posters([Rendered(clip_id, f"a/{clip_id - 1}.mp4", "p") for clip_id in range(1, 990)])
    analyze(catalog)
    told = plan(
        catalog, sa.select(clips.c.id).where(sa.text("render_due = 1")).order_by(clips.c.started_ms.desc()).limit(1)
    )
    assert "ix_clips_render_due" in told
    assert "TEMP B-TREE" not in told
    assert len(catalog.files.unrendered(100)) == 11


def test_known_comes_in_the_byte_order_of_keys(catalog: Catalog) -> None:
    """On every engine and in every locale, also below one folder only."""
    keys = [
        "a/1.mp4",
        "a-b/1.mp4",
        "a.mp4",
        "a0.mp4",
        "A/1.mp4",
        "ä/1.mp4",
        "z.mp4",
        "🦊.mp4",
        "a/ b.mp4",
        "aa.mp4",
    ]
    catalog.writes.put([probed(key, n) for n, key in enumerate(keys)], now=START)
    assert [row[0] for row in catalog.files.known()] == sorted(keys, key=str.encode)
    assert [row[0] for row in catalog.files.known("a/")] == ["a/ b.mp4", "a/1.mp4"]
    assert set(catalog.files.known_keys(["a.mp4", "none"])) == {"a.mp4"}


def test_the_clips_that_a_file_may_be_are_found_in_a_crowd_of_copies(catalog: Catalog) -> None:
    """Of so many with the same content that not all are asked for: the one of its inode, and the missing one."""
    crowd = [probed(f"a/{n:04}.mp4", n, digest="same", inode=n + 1) for n in range(ALIKE_LIMIT + 200)]
    for start in range(0, len(crowd), 200):
        catalog.writes.put(crowd[start : start + 200], now=START)
    catalog.writes.mark_missing(["a/1150.mp4"], now=START)
    found = {one.key: one for one in catalog.files.namesakes([("same", 1171), ("other", 5)])}
    assert found["a/1170.mp4"].inode == 1171
    assert found["a/1150.mp4"].state == "missing"
    assert len(found) == ALIKE_LIMIT + 2


@pytest.mark.parametrize("kept", [None, {4, 8}, {8}], ids=["no days", "all days", "those of summer"])
def test_the_timeline_is_what_counting_would_tell(catalog: Catalog, kept: set[int] | None) -> None:
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
        if kept is not None and turn == 10:
            catalog.timeline.keep_days({0, 20}, lambda: True)
        if kept is not None and turn == 20:  # those of another zone, and it is cut off at first
            catalog.timeline.keep_days(kept, lambda: False)
        if kept is not None and turn == 30:
            catalog.timeline.keep_days(kept, lambda: True)
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
        told: Counter[tuple[datetime, str]] = Counter()
        seconds: Counter[tuple[datetime, str]] = Counter()
        for one in catalog.timeline.sums(spans(first, end, zone), bucket, ()):
            start, _ = bounds(one.place, bucket, zone)
            told[start, one.camera] += one.clips
            seconds[start, one.camera] += one.duration_ms
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
        assert told == counted
        assert +seconds == +lengths


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
    wanted = ClipFilter(held=True)
    analyze(catalog)
    assert [c.id for c in catalog.clips.find(wanted, limit=9, newest_first=False).clips] == held
    assert len(catalog.clips.find(ClipFilter(held=False), limit=3100).clips) == 2997
    for some in (wanted, ClipFilter(held=True, cameras=("a",)), ClipFilter(held=True, from_at=START)):
        told = list_plan(catalog, some)
        assert "ix_clips_held" in told, told
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

    def keys(**wanted: Any) -> list[str]:
        return [c.key[2:3] for c in catalog.clips.find(ClipFilter(**wanted), limit=9, newest_first=False).clips]

    assert keys(playable=(Playable.NO,)) == ["1", "9"]
    assert keys(playable=(Playable.YES, Playable.MAYBE)) == ["0", "2", "3"]
    assert keys(min_seconds=10.0) == ["1", "2"]
    assert keys(max_seconds=10.0) == ["0", "1"]
    assert keys(min_seconds=6.0, max_seconds=19.9) == ["1"]


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
    assert [(one.name, one.author, one.confidence) for one in catalog.clips.get(ids[0]).labels] == [
        ("fox", "bob", 0.5),
        ("night", "model", 0.75),
    ]
    assert catalog.clips.get(ids[0]).revision > before.revision
    assert catalog.labels.counts() == [("fox", 10), ("night", 5)]

    def found(**wanted: Any) -> list[int]:
        seen: list[int] = []
        after = None
        while True:
            page = catalog.clips.find(ClipFilter(**wanted), limit=3, newest_first=False, after=after)
            seen += [ids.index(clip.id) for clip in page.clips]
            if not page.more_after:
                return seen
            after = Position(milliseconds(page.clips[-1].started_at), page.clips[-1].id)

    assert found(labels=("fox",)) == list(range(0, 40, 4))
    assert found(labels=("fox", "night")) == list(range(0, 40, 4))
    assert found(labels=("night",), cameras=("a", "b")) == list(range(0, 40, 8))
    assert found(labels=("fox",), from_at=START + timedelta(minutes=20)) == list(range(20, 40, 4))
    assert found(labels=("none",)) == []
    assert len(found(labeled=False)) == 30

    catalog.writes.correct(ids[0], start=Instant(START + timedelta(minutes=21), 0, TimeQuality.SURE))
    catalog.writes.put([probed("a/8.mp4", 30.5, digest="other")], now=START)
    assert found(labels=("night",)) == [16, 0, 24, 8, 32]
    catalog.writes.mark_missing(["a/16.mp4"], now=START)
    assert found(labels=("night",)) == [0, 24, 8, 32]
    catalog.labels.remove(ids[0], "night")
    catalog.labels.remove(ids[0], "night")
    assert found(labels=("night",)) == [24, 8, 32]
    assert catalog.labels.counts() == [("fox", 10), ("night", 4)]
    for name in ("fox", "night"):
        catalog.labels.remove(ids[8], name)
    assert catalog.clips.get(ids[8]).labels is None
    with pytest.raises(ClipNotFoundError):
        catalog.labels.put(9999, "fox", author="anna", confidence=None, now=START)


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
    for wanted, index in (
        (ClipFilter(labels=("fox",)), "ix_labels_time"),
        (ClipFilter(labeled=False), "unlabeled"),
    ):
        told = list_plan(catalog, wanted)
        assert index in told, told
        assert "TEMP B-TREE" not in told


def test_clips_are_found_by_their_words(catalog: Catalog) -> None:
    """Of the key, the camera and the labels, in any case; page by page, in time order, in both directions."""
    batch = [probed(f"{'Front_Door' if n % 3 else 'Übung'}/2026-11-21/{n:06}.mp4", n / 7) for n in range(90)]
    catalog.writes.put(batch, now=START)
    ids = [catalog.clips.by_key(one.key).id for one in batch]
    for n in range(0, 90, 9):
        catalog.labels.put(ids[n], "Red fox", author="anna", confidence=None, now=START)

    def found(text: str, *, newest_first: bool = False, **more: Any) -> list[int]:
        seen: list[int] = []
        after = None
        while True:
            wanted = ClipFilter(words=tuple(words_in(text)), **more)
            page = catalog.clips.find(wanted, limit=4, newest_first=newest_first, after=after)
            seen += [ids.index(clip.id) for clip in page.clips]
            if not page.more_after:
                return seen
            after = Position(milliseconds(page.clips[-1].started_at), page.clips[-1].id)

    assert found("front door") == [n for n in range(90) if n % 3]
    assert found("DOOR", newest_first=True) == [n for n in reversed(range(90)) if n % 3]
    assert found("übung 000003") == [3]
    assert found("fox") == list(range(0, 90, 9)) == found("U\u0308BUNG red FOX")
    assert found("fox", cameras=("Übung", "none")) == list(range(0, 90, 9))
    assert found("fox", from_at=START + timedelta(minutes=5), to_at=START + timedelta(minutes=10)) == [
        36,
        45,
        54,
        63,
    ]
    assert found("do") == []
    assert found("door' OR 1") == []
    around = catalog.clips.around(
        ClipFilter(words=("door",)), Position(milliseconds(START + timedelta(minutes=5)), 0), limit=4
    )
    assert [ids.index(c.id) for c in around.clips] == [37, 35, 34, 32]

    catalog.writes.correct(ids[9], camera="shed", start=Instant(START + timedelta(minutes=60), 0, TimeQuality.SURE))
    assert found("shed fox") == [9]
    assert found("fox", newest_first=True)[0] == 9
    catalog.labels.remove(ids[9], "Red fox")
    assert found("shed fox") == []
    moved = msgspec.structs.replace(batch[9], key="attic/9.mp4", moved_from=ids[9])
    catalog.writes.put([moved], now=START)
    assert found("attic shed") == [9]
    assert found("000009") == []
    catalog.writes.mark_missing([batch[18].key], now=START)
    assert 18 not in found("fox")


def test_a_search_walks_its_index(catalog: Catalog) -> None:
    """In the order of time where the word is in every clip, and without one where it is in few."""
    for start in range(0, 4000, 1000):
        batch = [probed(f"c{n % 5}/{'rare' if n == 700 else n}.mp4", n) for n in range(start, start + 1000)]
        catalog.writes.put(batch, now=START)
    analyze(catalog)
    for word in ("mp4", "rare"):
        told = list_plan(catalog, ClipFilter(words=(word,)), Position(milliseconds(START), 3000))
        assert "TEMP B-TREE" not in told, told
        assert "Seq Scan" not in told.replace("Seq Scan on sun", "")  # which is empty
        if catalog.database.engine.dialect.name == "sqlite":
            assert "VIRTUAL TABLE" in told, told


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
    told = catalog.clips.get(ids[0])
    assert (told.key, told.state) == ("a/0.mp4", "retired")
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


def test_no_two_reviews_get_the_same_clip(catalog: Catalog) -> None:
    """While their leases last; a label ends one, and so do its review's end and time."""
    catalog.writes.put([probed(f"{'ab'[n % 2]}/{n}.mp4", n) for n in range(40)], now=START)
    until = START + timedelta(minutes=10)
    handed: list[list[int]] = []
    lock = threading.Lock()

    def review(number: int) -> None:
        for part in range(2):
            got = [c.id for c in catalog.reviews.lease(f"r{number}-{part}", limit=3, until=until, now=START)]
            with lock:
                handed.append(got)

    threads = [threading.Thread(target=review, args=(n,)) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = [clip_id for got in handed for clip_id in got]
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


def test_a_picture_finds_its_clip(catalog: Catalog) -> None:
    """By name; else by camera and time, from a few seconds before the start until the end; once only."""
    before = timedelta(seconds=5)
    catalog.writes.put(
        [probed("a/1.mp4"), probed("a/1.x.mp4", 9), probed("a/2.mp4", 1), probed("b/2.mp4", 1)], now=START
    )
    ids = {key: catalog.clips.by_key(key).id for key in ("a/1.mp4", "a/2.mp4", "b/2.mp4")}

    def found(stem: str, camera: str, seconds: float) -> int | None:
        return catalog.files.clip_of_picture(stem, camera, START + timedelta(seconds=seconds), before=before)

    assert found("a/1", "nobody", 9999) == ids["a/1.mp4"]
    assert [found("x", "a", seconds) for seconds in (-6, -5, 0, 30, 31)] == [None, *[ids["a/1.mp4"]] * 3, None]
    assert [found("x", camera, 61) for camera in "abc"] == [ids["a/2.mp4"], ids["b/2.mp4"], None]

    clip = catalog.clips.get(ids["a/1.mp4"])
    assert catalog.renditions.set_posters([Rendered(clip.id, "a/1.mp4", poster_name(clip.id, "a/1.mp4"))]) == []
    assert clip.id not in {job.id for job in catalog.files.unrendered(9)}
    assert catalog.renditions.set_picture(clip.id, "a/1.jpg")
    assert not catalog.renditions.set_picture(clip.id, "a/1b.jpg")
    assert catalog.files.pictured(["a/1.jpg", "a/1b.jpg"]) == {"a/1.jpg"}
    assert {job.id: job.picture for job in catalog.files.unrendered(9)}[clip.id] == "a/1.jpg"
    # A poster that was begun before the picture came does not end the wait for it.
    catalog.renditions.set_posters([Rendered(clip.id, "a/1.mp4", "early")])
    assert clip.id in {job.id for job in catalog.files.unrendered(9)}
    catalog.writes.put([probed("a/1.mp4", fingerprint=Fingerprint(1000, 2))], now=START)
    assert {job.id: job.picture for job in catalog.files.unrendered(9)}[clip.id] == "a/1.jpg"
    assert catalog.renditions.set_posters([Rendered(clip.id, "a/1.mp4", "late", "a/1.jpg")]) == ["early"]
    assert clip.id not in {job.id for job in catalog.files.unrendered(9)}


def test_two_processes_may_migrate_at_once(engine: sa.Engine) -> None:
    """One does the work, the other finds it done; both can go on."""
    failures: list[BaseException] = []

    def one() -> None:
        own = open_engine(engine.url.render_as_string(hide_password=False), pooled=False)
        try:
            migrate(own)
            check_schema(own)
        except BaseException as reason:
            failures.append(reason)
        finally:
            own.dispose()

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_new_file_may_be_opened_by_many_at_once(tmp_path: Path) -> None:
    """As at the first start, when ingester and workers come up together; twenty times, since it is a race."""
    failures: list[BaseException] = []

    def one(url: str, together: threading.Barrier) -> None:
        engine = open_engine(url, pooled=False)
        together.wait()
        try:
            with engine.connect() as connection:
                assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        except BaseException as reason:
            failures.append(reason)
        finally:
            engine.dispose()

    for number in range(20):
        together = threading.Barrier(6)
        url = f"sqlite:///{tmp_path}/{number}.db"
        threads = [threading.Thread(target=one, args=(url, together)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []


def test_a_catalog_of_an_older_watcher_keeps_its_clips(engine: sa.Engine) -> None:
    """Of the first schema, with clips in it: what later columns say of them is true."""
    with engine.connect().execution_options(**{WRITE: True}) as connection, connection.begin():
        upgrade(connection, "0001")
        for number, source in enumerate(["name", "mtime", "container"]):
            connection.execute(
                sa.text(
                    "INSERT INTO clips (key, camera, state, listed, started_ms, ended_ms, time_source, size_bytes,"
                    " mtime_ns, inode, digest, render_due, revision, ingested_ms)"
                    " VALUES (:key, 'a', 'ready', 1, 0, 0, :source, 1000, 1, 1, 'd', 0, 1, 0)"
                ),
                {"key": f"a/{number}.mp4", "source": source},
            )
    migrate(engine)
    found = Catalog(engine).clips.find(ClipFilter(), limit=10, newest_first=False).clips
    assert [(clip.key, clip.time_quality, clip.offset_seconds) for clip in found] == [
        ("a/0.mp4", "sure", None),
        ("a/1.mp4", "guessed", None),
        ("a/2.mp4", "guessed", None),
    ]


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


def test_the_migrations_make_the_tables_that_the_code_has(catalog: Catalog) -> None:
    """Nothing differs, and the newest one is the one that the code asks for."""
    with catalog.database.engine.connect() as connection:
        ours = {"include_name": lambda name, kind, _: not (kind == "table" and name.startswith("clip_words"))}
        differences = compare_metadata(MigrationContext.configure(connection, opts=ours), metadata)
        assert revision(connection) == HEAD
    assert [d for d in differences if d[0] not in {"remove_index", "add_index"}] == []


def test_a_newer_catalog_is_refused(catalog: Catalog) -> None:
    """An older watcher must not write into it."""
    with catalog.database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(CatalogError, match="newer"):
        migrate(catalog.database.engine)
    with pytest.raises(CatalogError, match="9999"):
        check_schema(catalog.database.engine)


def test_writers_queue_and_readers_do_not_wait(catalog: Catalog) -> None:
    """Four threads that write and four that read: nothing is locked out, nothing lost."""
    failures: list[BaseException] = []

    def write(who: int) -> None:
        try:
            for number in range(25):
                catalog.writes.put([probed(f"w{who}/{number}.mp4", number)], now=START)
        except BaseException as reason:
            failures.append(reason)

    def read() -> None:
        try:
            for _ in range(50):
                catalog.clips.find(ClipFilter(), limit=20)
        except BaseException as reason:
            failures.append(reason)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    threads += [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert catalog.clips.listed_count() == 100
    with catalog.database.engine.connect() as connection:
        revisions = [row[0] for row in connection.exec_driver_sql("SELECT revision FROM clips")]
    assert len(set(revisions)) == 100


def test_clips_without_a_picture_are_told_with_their_reasons(catalog: Catalog) -> None:
    """Those given up, and those tried again; to whom only some cameras exist, of these; sound only is no trouble."""
    catalog.writes.put(
        [probed(f"{camera}/{number}.mp4", number) for number, camera in enumerate("aabbc")], now=START
    )
    jobs = {job.key: job for job in catalog.files.unrendered(9)}
    for key, error in (("a/0.mp4", "it is garbled"), ("b/2.mp4", "no decoder"), ("c/4.mp4", NO_PICTURE)):
        catalog.renditions.set_no_poster(jobs[key].id, jobs[key].digest, error)
    for key in ("a/1.mp4", "b/3.mp4"):
        catalog.retries.retry(jobs[key].id, jobs[key].digest, "it crashed", tries=1, due=START)
    everything = catalog.retries.troubles(1)
    assert (everything.number, everything.waiting) == (2, 2)
    assert [one.key for one in everything.newest + everything.later] == ["b/2.mp4", "b/3.mp4"]
    mine = catalog.retries.troubles(9, ("a",))
    assert (mine.number, mine.waiting) == (1, 1)
    assert [(one.key, one.error) for one in mine.newest] == [("a/0.mp4", "it is garbled")]
    assert [(one.key, one.error) for one in mine.later] == [("a/1.mp4", "it crashed")]
