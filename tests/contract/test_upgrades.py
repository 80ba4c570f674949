"""Catalogs that each landed schema of this repository's history left, brought to today's.

`tests/fixtures/catalogs/` has one of each commit that changed a migration, made by that commit's own `watcher scan`
on three files, one of them cut off: a SQLite file and a dump of PostgreSQL. Two migrations were edited after they
had landed (0001, 0013), so there are two catalogs of each.
"""

from __future__ import annotations

import gzip
import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from tests.builders import probed
from watcher.catalog import Catalog, migrate
from watcher.catalog.engine import HEAD, revision
from watcher.catalog.migrations import VERSIONS
from watcher.catalog.schema import clips, metadata
from watcher.model.clip import ClipFilter

OLD = Path(__file__).parent.parent / "fixtures" / "catalogs"
FROZEN = OLD / "migrations.sha256"
LANDED = sorted(path.name.removesuffix(".db.gz") for path in OLD.glob("*.db.gz"))


def leave(name: str, engine: sa.Engine) -> None:
    """Put a catalog of then into an empty database."""
    if engine.dialect.name == "sqlite":
        Path(str(engine.url.database)).write_bytes(gzip.decompress((OLD / f"{name}.db.gz").read_bytes()))
        return
    statements = gzip.decompress((OLD / f"{name}.sql.gz").read_bytes()).decode()
    text = "\n".join(line for line in statements.splitlines() if not line.startswith(("SET ", "\\")))
    with engine.begin() as connection:
        connection.exec_driver_sql(text.replace("%", "%%"))
        connection.exec_driver_sql("SELECT pg_catalog.set_config('search_path', 'public', false)")


@pytest.mark.parametrize("name", LANDED)
def test_a_catalog_of_every_landed_schema_becomes_today_s(name: str, engine: sa.Engine) -> None:
    """Its clips stay, with their ids; its tables and indexes are today's; it can be read and written."""
    leave(name, engine)
    with engine.connect() as connection:
        before = {row.id: row.key for row in connection.execute(sa.select(clips.c.id, clips.c.key))}
    assert len(before) == 2
    migrate(engine)
    catalog = Catalog(engine)
    assert {clip.id: clip.key for clip in catalog.clips.find(ClipFilter(), limit=10).clips} == before
    catalog.writes.put([probed("c/1.mp4")], now=datetime.now(UTC))
    assert catalog.clips.by_key("c/1.mp4") is not None
    catalog.writes.mark_missing(list(before.values()), now=datetime.now(UTC))
    assert catalog.files.unrendered(limit=10)
    with engine.connect() as connection:
        ours = {"include_name": lambda name, kind, _: not (kind == "table" and name.startswith("clip_words"))}
        differences = compare_metadata(MigrationContext.configure(connection, opts=ours), metadata)
        assert revision(connection) == HEAD
        fresh = {index.name for index in clips.indexes}
        assert fresh <= {index["name"] for index in sa.inspect(connection).get_indexes("clips")}
    assert [d for d in differences if d[0] not in {"remove_index", "add_index"}] == []


def test_old_notes_are_found(engine: sa.Engine) -> None:
    """0033 puts the words of notes that were written before among the clip's."""
    migrate(engine)
    catalog = Catalog(engine)
    catalog.writes.put([probed("c/1.mp4"), probed("c/2.mp4")], now=datetime.now(UTC))
    for key in ("c/1.mp4", "c/2.mp4"):
        clip = catalog.clips.by_key(key)
        assert clip is not None
        catalog.labels.put(clip.id, "fox", author="anna", confidence=None, now=datetime.now(UTC))
    with engine.begin() as connection:  # as 0032 left it
        connection.execute(sa.text("UPDATE clips SET note = 'A heron: 100%' WHERE key = 'c/1.mp4'"))
        connection.execute(sa.text("DROP TABLE label_days"))
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0032'"))
    assert catalog.clips.find(ClipFilter(words=("heron",)), limit=10).clips == []
    migrate(engine)
    for words in (("heron",), ("fox", "100"), ("c", "heron", "mp4")):
        assert [clip.key for clip in catalog.clips.find(ClipFilter(words=words), limit=10).clips] == ["c/1.mp4"]


def test_migrations_are_frozen() -> None:
    """What has landed is never edited: a catalog that is past it would not get the change. Add another migration."""
    listed = dict(reversed(line.split("  ")) for line in FROZEN.read_text().splitlines())
    there = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VERSIONS.glob("0*.py")}
    edited = [name for name, digest in listed.items() if there.get(name) != digest]
    assert not edited, f"{edited} landed once, and may not change"
    fresh = sorted(set(there) - set(listed))
    lines = "\n".join(f"{there[name]}  {name}" for name in fresh)
    assert not fresh, f"freeze what is to land: add to {FROZEN.name}\n{lines}"
