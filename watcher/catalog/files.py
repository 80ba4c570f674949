"""The questions of the ingester: what is known of files, what moved, what is due."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from watcher.catalog.database import Database
from watcher.catalog.rendition_names import PICTURE, SPRITE, Renditions
from watcher.catalog.rows import KNOWN, Known, Namesake, Unrendered, signed
from watcher.catalog.schema import clips
from watcher.model.clip import EPOCH, ClipState, milliseconds

SCAN_PAGE = 2000  # rows that a scan holds at a time
ALIKE_LIMIT = 1000  # clips of equal content that a moved file is looked for among
IN_LIMIT = 1000  # values that one statement compares with; SQLite allows 32,766 variables


class Files:
    """What the ingester asks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self, prefix: str = "") -> Iterator[Known]:
        """Every clip below a folder (its key with slash; "" for all), in the byte order of keys.

        Read page by page, so that neither memory nor a transaction grows with the catalog.
        """
        after = prefix
        while True:
            select = KNOWN.where(clips.c.key > after).order_by(clips.c.key).limit(SCAN_PAGE)
            if prefix:  # "0" is the byte after "/"
                select = select.where(clips.c.key < prefix[:-1] + "0")
            with self._database.engine.connect() as connection:
                rows = connection.execute(select).fetchall()
            yield from rows  # type: ignore[misc]  # rows are tuples of Known's fields; making Known of each costs
            if len(rows) < SCAN_PAGE:
                return
            after = rows[-1][0]

    def known_keys(self, keys: Sequence[str]) -> dict[str, Known]:
        """What is known under some keys."""
        by_key: dict[str, Known] = {}
        with self._database.engine.connect() as connection:
            for start in range(0, len(keys), IN_LIMIT):
                some = KNOWN.where(clips.c.key.in_(keys[start : start + IN_LIMIT]))
                by_key.update((row[0], Known(*row)) for row in connection.execute(some))
        return by_key

    def some_present(self, count: int) -> list[tuple[str, int, int]]:
        """Key, size and time (ns) of some clips whose files should be there: the eldest, and the newest."""
        select = sa.select(clips.c.key, clips.c.size_bytes, clips.c.mtime_ns)
        select = select.where(
            clips.c.state.in_(["new", "ready", "broken"]),
            clips.c.mtime_ns != 0,
            clips.c.id > 0,
            clips.c.store.is_(None),
        ).limit(count)
        by_key: dict[str, tuple[str, int, int]] = {}
        with self._database.engine.connect() as connection:
            for order in (clips.c.id.asc(), clips.c.id.desc()):
                by_key.update(
                    (row[0], (row[0], row[1], row[2])) for row in connection.execute(select.order_by(order))
                )
        return list(by_key.values())

    def namesakes(self, contents: Sequence[tuple[str, int]]) -> list[Namesake]:
        """Clips with the same content (digest) as some files: of the same inode, missing ones, some others."""
        select = sa.select(clips.c.id, clips.c.key, clips.c.digest, clips.c.inode, clips.c.state)
        # Not of what lies in a store, whose file is not here for a good reason.
        select = select.where(clips.c.state != "retired", clips.c.store.is_(None))
        alike = select.where(clips.c.digest.in_([digest for digest, _ in contents])).limit(ALIKE_LIMIT)
        with self._database.engine.connect() as connection:
            namesakes = [Namesake(*row) for row in connection.execute(alike)]
            if len(namesakes) == ALIKE_LIMIT:  # a crowd of copies: those that matter must be among them
                files: dict[str, list[int]] = {}
                for digest, inode in contents:
                    files.setdefault(digest, []).append(signed(inode))
                # One by one: SQLite would look for pairs by reading all clips.
                same = [
                    select.where(clips.c.digest == digest, clips.c.inode.in_(files[digest])) for digest in files
                ]
                missing = alike.where(clips.c.state == "missing")
                namesakes += [Namesake(*row) for query in (*same, missing) for row in connection.execute(query)]
        return list({namesake.id: namesake for namesake in namesakes}.values())

    def unrendered(
        self, limit: int, *, exclude: Sequence[int] = (), what: Renditions = Renditions.ALL
    ) -> list[Unrendered]:
        """Clips that wait for a probe or a poster, newest first; then those that wait for a sprite."""
        with self._database.engine.connect() as connection:
            return find_unrendered(connection, limit, clips.c.id.not_in(exclude), what)

    def pictured(self, keys: Sequence[str]) -> set[str]:
        """Which of some pictures are known as those of clips."""
        select = sa.select(clips.c.picture).where(clips.c.picture.in_(keys))
        with self._database.engine.connect() as connection:
            return set(connection.execute(select).scalars())

    def clip_of_picture(self, stem: str, camera: str, at: datetime, *, before: timedelta) -> int | None:
        """The clip that a picture shows: of the same name, else the one that its camera was recording.

        `before` is for how long ahead of a clip's start its picture may have been taken.
        """
        present = clips.c.state.in_(["new", "ready"])
        twin = sa.select(clips.c.id, clips.c.key).where(clips.c.key > f"{stem}.", clips.c.key < f"{stem}/", present)
        moment = milliseconds(at)
        recording = (
            sa.select(clips.c.id, clips.c.ended_ms)
            .where(clips.c.camera == camera, clips.c.listed == 1)
            .where(clips.c.started_ms <= moment + milliseconds(EPOCH + before))
            .order_by(clips.c.started_ms.desc(), clips.c.id.desc())
            .limit(1)
        )
        with self._database.engine.connect() as connection:
            for row in connection.execute(twin.limit(10)):
                if "." not in row.key[len(stem) + 1 :]:
                    return int(row.id)
            last = connection.execute(recording).first()
        return int(last.id) if last is not None and last.ended_ms >= moment else None


def find_unrendered(
    connection: sa.Connection, limit: int, condition: sa.ColumnElement[bool], what: Renditions
) -> list[Unrendered]:
    """Some that a condition allows."""
    columns = (clips.c.id, clips.c.key, clips.c.digest, clips.c.state, clips.c.media, clips.c.picture)
    some = sa.select(*columns, clips.c.render_due).where(condition)
    some = some.order_by(clips.c.started_ms.desc()).limit(limit)
    # As text: a bound value would not match the partial indexes.
    pictures = some.where(sa.text(f"render_due = {PICTURE}"))
    if what is Renditions.NONE:
        pictures = pictures.where(clips.c.state == ClipState.NEW)
    rows = connection.execute(pictures).fetchall()
    if not rows and what is Renditions.ALL:
        rows = connection.execute(some.where(sa.text(f"render_due = {SPRITE}"))).fetchall()
    return [Unrendered(*row) for row in rows]
