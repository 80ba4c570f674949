"""Exports: asked for, made, gone.

    asked ─▶ a row waits ─▶ files on disk ─▶ that row says so ─▶ too old, or given up: the row, then the files

A crash before the row says so makes the files again in the same folder; one after it has gone leaves a folder that
nobody names, which goes at the next start. While an export is not made, retention leaves its clips alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from watcher.catalog.database import Database
from watcher.catalog.schema import clips, exports
from watcher.model.clip import ClipState, milliseconds
from watcher.model.errors import ExportNotFoundError


class ExportFile(msgspec.Struct, frozen=True):
    """One film of an export."""

    camera: str
    name: str
    size_bytes: int
    sha256: str
    started_ms: int  # of what it shows, by the clock
    ended_ms: int
    duration_seconds: float


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody has asked for, and how far it is."""

    id: int
    author: str  # the name of the key that asked
    cameras: tuple[str, ...]
    from_ms: int
    to_ms: int
    cut: str  # "key" or "exact"
    clips: int
    source_bytes: int
    asked_ms: int
    share: float | None = None  # that is done; None while it waits
    done_ms: int | None = None
    files: tuple[ExportFile, ...] = ()
    size_bytes: int | None = None
    error: str | None = None
    key_id: int | None = None  # whose it is; None: of a key that is not known any more

    def needs(self, camera: str, started_ms: int, ended_ms: int) -> bool:
        """Whether a clip is part of it."""
        return camera in self.cameras and started_ms < self.to_ms and ended_ms > self.from_ms


class Source(NamedTuple):
    """What there is for an export."""

    clips: int
    size_bytes: int


class Exports:
    """What is known of exports."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def source(self, cameras: Sequence[str], from_at: datetime, to_at: datetime) -> Source:
        """How many clips that are ready some cameras have in a time, and their bytes."""
        first, last = milliseconds(from_at), milliseconds(to_at)
        conditions = (
            clips.c.camera.in_(cameras),
            clips.c.listed == 1,
            clips.c.started_ms < last,
            clips.c.started_ms >= first - self._database.counter("longest_ms"),
            clips.c.ended_ms > first,
            clips.c.state == ClipState.READY,
        )
        sums = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(clips.c.size_bytes), 0)).where(*conditions)
        with self._database.engine.connect() as connection:
            return Source(*map(int, connection.execute(sums).one()))

    def want(
        self,
        cameras: Sequence[str],
        from_at: datetime,
        to_at: datetime,
        *,
        cut: str,
        author: str,
        source: Source,
        now: datetime,
        key_id: int = 0,
    ) -> Export:
        """Note that somebody wants an export."""
        values = {
            "author": author,
            "key_id": key_id,
            "cameras": msgspec.json.encode(cameras).decode(),
            "from_ms": milliseconds(from_at),
            "to_ms": milliseconds(to_at),
            "cut": cut,
            "clips": source.clips,
            "source_bytes": source.size_bytes,
            "asked_ms": milliseconds(now),
        }
        with self._database.write() as connection:
            self._database.revisions(connection, 0)
            export_id = connection.execute(sa.insert(exports).values(values).returning(exports.c.id)).scalar_one()
        return self.get(export_id)

    def get(self, export_id: int) -> Export:
        """One export. Raises ExportNotFoundError."""
        with self._database.engine.connect() as connection:
            row = connection.execute(sa.select(exports).where(exports.c.id == export_id)).first()
        if row is None:
            raise ExportNotFoundError(f"there is no export {export_id}")
        return _export(row)

    def all(self) -> list[Export]:
        """All of them, the newest first."""
        with self._database.engine.connect() as connection:
            return [_export(row) for row in connection.execute(sa.select(exports).order_by(exports.c.id.desc()))]

    def to_make(self) -> list[Export]:
        """Those that are not made yet, as their turns come: the first of each key before any second."""
        turn = sa.func.row_number().over(partition_by=[exports.c.author, exports.c.key_id], order_by=exports.c.id)
        select = sa.select(exports).where(exports.c.done_ms.is_(None)).order_by(turn, exports.c.id)
        with self._database.engine.connect() as connection:
            return [_export(row) for row in connection.execute(select)]

    def set_share(self, export_id: int, share: float) -> bool:
        """Note how much of an export is done; False if nobody wants it any more."""
        return self._set(export_id, {"share": share})

    def set_done(self, export_id: int, files: Sequence[ExportFile], size_bytes: int, *, now: datetime) -> bool:
        """Note that an export was made; False if nobody wants it any more."""
        listed = msgspec.json.encode(files).decode()
        values = {"files": listed, "size_bytes": size_bytes, "share": 1.0, "done_ms": milliseconds(now)}
        return self._set(export_id, values)

    def set_error(self, export_id: int, error: str, *, now: datetime) -> bool:
        """Note why there can be no export; False if nobody wants it any more."""
        return self._set(export_id, {"error": error, "done_ms": milliseconds(now)})

    def _set(self, export_id: int, values: dict[str, Any]) -> bool:
        with self._database.write() as connection:
            self._database.revisions(connection, 0)
            mine = (exports.c.id == export_id) & exports.c.done_ms.is_(None)
            return bool(connection.execute(sa.update(exports).where(mine).values(values)).rowcount)

    def drop(self, export_id: int) -> None:
        """Forget an export, whatever its state; for one in the making that is the end. Gone already is no harm."""
        with self._database.write() as connection:
            self._database.revisions(connection, 0)
            connection.execute(sa.delete(exports).where(exports.c.id == export_id))


def _export(row: Any) -> Export:
    fields = dict(row._mapping)
    fields["cameras"] = tuple(msgspec.json.decode(row.cameras, type=list[str]))
    fields["files"] = () if row.files is None else msgspec.json.decode(row.files, type=tuple[ExportFile, ...])
    return Export(**fields)
