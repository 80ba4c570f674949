"""Catalogs that are made, migrated and opened by several, on either engine."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from tests.builders import START, probed
from watcher.catalog import Catalog, check_schema, migrate, open_engine
from watcher.catalog.engine import HEAD, WRITE, revision
from watcher.catalog.migrations import upgrade
from watcher.catalog.schema import metadata
from watcher.model.clip import (
    ClipFilter,
)
from watcher.model.errors import CatalogError


def test_two_processes_may_migrate_at_once(engine: sa.Engine) -> None:
    """One does the work, the other finds it done; both can go on."""
    failures: list[BaseException] = []

    def migrate_one() -> None:
        own = open_engine(engine.url.render_as_string(hide_password=False), pooled=False)
        try:
            migrate(own)
            check_schema(own)
        except BaseException as reason:
            failures.append(reason)
        finally:
            own.dispose()

    threads = [threading.Thread(target=migrate_one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_new_file_may_be_opened_by_many_at_once(tmp_path: Path) -> None:
    """As at the first start, when ingester and workers come up together; twenty times, since it is a race."""
    failures: list[BaseException] = []

    def work(url: str, together: threading.Barrier) -> None:
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
        threads = [threading.Thread(target=work, args=(url, together)) for _ in range(6)]
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
    clips = Catalog(engine).clips.find(ClipFilter(), limit=10, newest_first=False).clips
    assert [(clip.key, clip.time_quality, clip.offset_seconds) for clip in clips] == [
        ("a/0.mp4", "sure", None),
        ("a/1.mp4", "guessed", None),
        ("a/2.mp4", "guessed", None),
    ]


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
