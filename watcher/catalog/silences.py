"""Cameras that should have left clips and did not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from watcher.catalog.database import Database
from watcher.catalog.schema import quarters, silences
from watcher.model.clip import milliseconds, moment


class Silence(NamedTuple):
    """Whether a camera is silent, and since when."""

    camera: str
    silent: bool
    since: datetime  # it is, or was, silent: when the clip before ended
    limit: timedelta  # for which it may be quiet
    revision: int | None  # at which it fell silent, or was back; None while it never was


class Silences:
    """What is known of silent cameras."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def active_quarters(self, camera: str, first: int) -> list[int]:
        """The quarters of an hour from one on in which a camera left clips, in their order."""
        select = sa.select(quarters.c.quarter).where(
            quarters.c.camera == camera, quarters.c.quarter >= first, quarters.c.clips > 0
        )
        with self._database.engine.connect() as connection:
            return list(connection.execute(select.order_by(quarters.c.quarter)).scalars())

    def all(self) -> dict[str, Silence]:
        """Each camera that was looked at."""
        with self._database.engine.connect() as connection:
            return {row.camera: _silence(row) for row in connection.execute(sa.select(silences))}

    def after(self, since: int, upto: int, *, cameras: Sequence[str] | None = None) -> list[Silence]:
        """Cameras that fell silent, or were back, after one revision and not after another."""
        there = (silences.c.revision > since) & (silences.c.revision <= upto)
        if cameras is not None:
            there &= silences.c.camera.in_(cameras)
        with self._database.engine.connect() as connection:
            select = sa.select(silences).where(there).order_by(silences.c.revision)
            return [_silence(row) for row in connection.execute(select)]

    def set(self, camera: str, *, silent: bool, since: datetime, limit: timedelta) -> None:
        """Note how it is with a camera; its revision is that of the last time when it fell silent or was back."""
        with self._database.write() as connection:
            revision = self._database.revisions(connection, 1) + 1
            was = connection.execute(sa.select(silences.c.silent).where(silences.c.camera == camera)).scalar()
            values: dict[str, Any] = {
                "silent": int(silent),
                "since_ms": milliseconds(since),
                "limit_ms": round(limit.total_seconds() * 1000),
            }
            if bool(was) != silent:
                values["revision"] = revision
            row = self._database.insert(silences).values(camera=camera, **values)
            connection.execute(row.on_conflict_do_update(index_elements=["camera"], set_=values))

    def drop(self, cameras: Sequence[str]) -> None:
        """Forget cameras that are not to be looked at any more."""
        with self._database.write() as connection:
            self._database.revisions(connection, 1)
            connection.execute(sa.delete(silences).where(silences.c.camera.in_(cameras)))


def _silence(row: Any) -> Silence:
    limit = timedelta(milliseconds=row.limit_ms)
    return Silence(row.camera, bool(row.silent), moment(row.since_ms), limit, row.revision)
