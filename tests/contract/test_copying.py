"""A catalog copied to the other engine and back is the same, and goes on as the first one would have."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.builders import START, probed
from watcher.catalog import Catalog, migrate, open_engine
from watcher.catalog import copy as the_module
from watcher.catalog.copy import copy, step_on
from watcher.catalog.schema import metadata
from watcher.model.access import Role
from watcher.model.camera import CameraSettings, Colour
from watcher.model.clip import ClipFilter, Position
from watcher.model.errors import CatalogError

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def lived_in(tmp_path: Path) -> Catalog:
    """A catalog in SQLite that has something in every table."""
    engine = open_engine(f"sqlite:///{tmp_path}/source.db")
    migrate(engine)
    catalog = Catalog(engine)
    catalog.database.claim_id("0123456789abcdef")
    catalog.writes.put([probed(f"gate/ä 😀 {n}.mp4", n) for n in range(2500)], now=START)
    first, second, last = (catalog.clips.by_key(f"gate/ä 😀 {n}.mp4").id for n in (0, 1, 2499))
    catalog.retired.retire(last, now=NOW)
    catalog.retired.swept(last)
    catalog.labels.put(first, "fox", author="a person", confidence=None, now=NOW)
    catalog.labels.put(first, "Katze", author="a model", confidence=0.75, now=NOW)
    catalog.writes.correct(second, held=True, note="keep")
    catalog.reviews.lease("review", limit=3, until=NOW + timedelta(hours=1), now=NOW)
    catalog.keys.create("porch", Role.UPLOAD, ("porch",), "hash", now=NOW)
    settings = CameraSettings(name="Tor ä 😀", colour=Colour.TEAL, order=3, hidden=True)
    catalog.cameras.set("gate", settings)
    assert catalog.retired.forget(NOW + timedelta(days=99)) == 1
    return catalog


def rows(engine: sa.Engine) -> dict[str, set]:
    with engine.connect() as connection:
        return {
            table.name: set(map(tuple, connection.execute(sa.select(table)))) for table in metadata.sorted_tables
        }


@pytest.mark.slow
def test_there_and_back(lived_in: Catalog, engine: sa.Engine, tmp_path: Path) -> None:
    """On both engines: every row, searches by words, and ids that are never given twice."""
    migrate(engine)
    counts: dict[str, int] = {}
    copy(lived_in.database.engine, engine, counts.__setitem__)
    assert counts["clips"] == 2499
    assert rows(engine) == rows(lived_in.database.engine)
    there = Catalog(engine)
    assert there.database.catalog_id() == "0123456789abcdef"
    assert len(there.clips.find(ClipFilter(words=("gate",)), limit=9).clips) == 9
    with open_engine(f"sqlite:///{tmp_path}/back.db").connect() as connection:
        back = connection.engine
    migrate(back)
    copy(engine, back, lambda _table, _rows: None)
    assert rows(back) == rows(lived_in.database.engine)
    for catalog in (there, Catalog(back)):
        assert catalog.cameras.settings() == lived_in.cameras.settings() != {}
        catalog.writes.put([probed("gate/new.mp4", 9999)], now=START)
        assert catalog.clips.by_key("gate/new.mp4").id == 2501, "2500 was given, and is gone"
    back.dispose()


def test_what_is_there_is_never_written_over(lived_in: Catalog, catalog: Catalog) -> None:
    """One clip, or one key, and nothing is copied."""
    catalog.writes.put([probed("a/1.mp4")], now=START)
    before = rows(catalog.database.engine)
    with pytest.raises(CatalogError, match="not empty"):
        copy(lived_in.database.engine, catalog.database.engine, lambda _table, _rows: None)
    assert rows(catalog.database.engine) == before


def test_a_copy_that_is_not_the_same_is_none(
    lived_in: Catalog, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read again before it counts; then the other catalog is as empty as it was."""
    before = rows(catalog.database.engine)
    real, calls = the_module._add, []

    def once_wrong(sums: int, some: object) -> int:
        calls.append(1)
        return real(sums, some) + (len(calls) == 3)

    monkeypatch.setattr(the_module, "_add", once_wrong)
    with pytest.raises(CatalogError, match="not the same"):
        copy(lived_in.database.engine, catalog.database.engine, lambda _table, _rows: None)
    assert rows(catalog.database.engine) == before


def test_after_a_restore_followers_start_over(lived_in: Catalog, catalog: Catalog) -> None:
    """What was given after the backup may be known to somebody, and is never given again."""
    copy(lived_in.database.engine, catalog.database.engine, lambda _table, _rows: None)
    head = lived_in.clips.head()
    step_on(catalog.database.engine)
    assert catalog.clips.forgotten() == catalog.clips.head() > head + 1_000_000
    assert catalog.clips.changed(0, 9999)[-1].revision == catalog.clips.head(), (
        "the end of the feed is not forgotten"
    )
    assert len(catalog.clips.find(ClipFilter(), limit=3, after=Position(10**15, 1)).clips) == 3
