"""Connections that questions are asked over: kept, let go of where one broke, and never in each other's way."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.builders import START, probed
from watcher.catalog import Catalog, migrate, open_engine
from watcher.model.errors import CatalogError, ClipNotFoundError


def open_files(folder: Path) -> int:
    """How many of a folder's files this process has open."""
    return sum(str(link.resolve()).startswith(str(folder)) for link in Path("/proc/self/fd").iterdir())


@pytest.fixture
def catalog(engine: sa.Engine) -> Catalog:
    known = Catalog(engine)
    known.writes.put([probed("gate/1.mp4")], now=START)
    return known


def test_a_connection_is_used_again(catalog: Catalog) -> None:
    """Also after a question that was refused."""
    catalog.clips.head()
    connection = catalog.database.reading._idle[0]
    with pytest.raises(ClipNotFoundError), catalog.database.reading():
        catalog.clips.get(99)
    for _ in range(3):
        assert catalog.clips.get(1).key == "gate/1.mp4"
    assert catalog.database.reading._idle == [connection]


def test_what_was_written_meanwhile_is_seen_next_time(catalog: Catalog) -> None:
    """A connection that is kept holds no old moment of the catalog."""
    for number in range(2, 5):
        before = catalog.clips.head()
        catalog.writes.put([probed(f"gate/{number}.mp4", number)], now=START)
        assert catalog.clips.head() > before
        assert catalog.clips.get(number).key == f"gate/{number}.mp4"


def test_a_writer_waits_for_no_reader(tmp_path: Path) -> None:
    """On SQLite, where threads that read take turns; and what it wrote is seen at once."""
    engine = open_engine(f"sqlite:///{tmp_path}/catalog.db")
    migrate(engine)
    catalog = Catalog(engine)
    with catalog.database.reading():
        before = catalog.clips.head()
        writer = threading.Thread(target=catalog.writes.put, args=([probed("gate/1.mp4")],), kwargs={"now": START})
        writer.start()
        writer.join(timeout=60)
        assert not writer.is_alive()
        assert catalog.clips.head() > before
    engine.dispose()


def test_threads_read_at_once(catalog: Catalog) -> None:
    """Each gets its own answers."""
    catalog.writes.put([probed(f"gate/{n}.mp4", n) for n in range(2, 9)], now=START)
    wrong: list[object] = []

    def read(clip_id: int) -> None:
        for _ in range(200):
            try:
                if (key := catalog.clips.get(clip_id).key) != f"gate/{clip_id}.mp4":
                    wrong.append(key)
            except BaseException as reason:
                wrong.append(reason)

    threads = [threading.Thread(target=read, args=(clip_id,)) for clip_id in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_nobody_waits_for_a_slow_reader(catalog: Catalog) -> None:
    """Such as one whose rows are on a disk that has to be woken."""
    slow, over = threading.Event(), threading.Event()

    def read() -> None:
        with catalog.database.reading():
            catalog.clips.head()
            slow.set()
            over.wait(timeout=60)

    thread = threading.Thread(target=read)
    thread.start()
    assert slow.wait(timeout=60)
    for _ in range(3):
        assert catalog.clips.get(1).key == "gate/1.mp4"
    assert not over.is_set()
    over.set()
    thread.join()
    assert len(catalog.database.reading._idle) == 2
    assert not catalog.database.reading._turn.locked()


def test_after_an_error_the_next_question_is_answered(catalog: Catalog) -> None:
    """Such as of a table that is not there for a while."""
    catalog.clips.head()
    with catalog.database.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE counters RENAME TO elsewhere"))
    driver = catalog.database.engine.dialect.loaded_dbapi
    with pytest.raises((CatalogError, driver.Error)):
        catalog.clips.head()
    with catalog.database.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE elsewhere RENAME TO counters"))
    assert catalog.clips.head() > 0
    assert len(catalog.database.reading._idle) == 1


def test_a_server_that_was_restarted_is_asked_again(postgresql: str) -> None:
    """Without an error, though it ended every connection that lay idle."""
    engine = open_engine(postgresql)
    catalog = Catalog(engine)
    migrate(engine)
    catalog.clips.head()
    with catalog.database.reading() as ask:
        (first,) = ask(sa.select(sa.func.pg_backend_pid()), {})
    admin = sa.create_engine(postgresql, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with admin.connect() as connection:
        assert connection.execute(sa.select(sa.func.pg_terminate_backend(first[0]))).scalar() is True
    with catalog.database.reading() as ask:
        (second,) = ask(sa.select(sa.func.pg_backend_pid()), {})
    assert second != first
    engine.dispose()


def test_nothing_stays_open(tmp_path: Path) -> None:
    """After `dispose`, and after an error."""
    engine = open_engine(f"sqlite:///{tmp_path}/catalog.db")
    migrate(engine)
    catalog = Catalog(engine)
    catalog.clips.head()
    assert open_files(tmp_path) > 0
    engine.dispose()
    assert open_files(tmp_path) == 0
    with pytest.raises(CatalogError), catalog.database.reading():
        raise sqlite3.OperationalError("disk I/O error")
    engine.dispose()
    assert open_files(tmp_path) == 0
    assert catalog.clips.head() == 0
    engine.dispose()
