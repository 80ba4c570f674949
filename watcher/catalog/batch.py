"""How probed files become rows: what each was before, what its row says now, and how it is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from watcher.catalog.arrivals import came
from watcher.catalog.corrections import keep_corrections, take_word
from watcher.catalog.database import Database
from watcher.catalog.label_counts import Insert, move_labels
from watcher.catalog.rendition_names import SPRITE, shows
from watcher.catalog.rows import FULL, REDATE_LABELS, UPDATE, Probed, gone_key, label_names, signed
from watcher.catalog.schema import clips, counters
from watcher.catalog.stored import LEAVING, NOTHING, free_key
from watcher.model.clip import ClipState
from watcher.model.search_words import words_of

# What returns something is put into one statement for all rows, not run for each: SQLite's index of words writes
# what it has at the end of each statement, so that a clip takes 14 µs and not 49.
INSERT = sa.insert(clips).returning(clips.c.id)
_DECODED = ("media", "playable", "playable_reason", "duration_ms", "ended_ms")  # what a decoder said


class Before:
    """The rows that the files of a batch may be, as they were before it."""

    def __init__(self, connection: sa.Connection, batch: Sequence[Probed]) -> None:
        self._connection = connection
        keys = [probed.key for probed in batch]
        ids = [probed.moved_from for probed in batch if probed.moved_from is not None]
        live = clips.c.state != ClipState.RETIRED
        # The second condition costs a full scan if it stands beside the first one: two queries.
        self._named = {row.key: row for row in connection.execute(FULL.where(clips.c.key.in_(keys)))}
        self._movers = (
            {row.id: row for row in connection.execute(FULL.where(clips.c.id.in_(ids), live))} if ids else {}
        )
        self._leaving: set[int] = set()  # rows whose files have other names now
        self.batch = self._in_order(batch)

    def _in_order(self, batch: Sequence[Probed]) -> list[Probed]:
        """The files of a batch so that a row leaves its name before another file takes this.

        Files that were renamed in a ring, or a file that has the name of one that was renamed: each row is one's.
        """
        names = {probed.key: probed for probed in batch}
        moved: dict[str, Probed] = {}
        for probed in batch:
            mover: Probed | None = probed
            while mover is not None and mover.key not in moved and self._moves(mover):
                row = self._movers[mover.moved_from or 0]
                self._leaving.add(row.id)
                moved[mover.key] = mover
                mover = names.get(row.key)
        return [*moved.values(), *(probed for probed in batch if probed.key not in moved)]

    def _moves(self, probed: Probed) -> bool:
        """Whether a file takes along the row that it had under another name: its own is nobody's, or given up."""
        there = self._named.get(probed.key)
        free = there is None or there.id in self._leaving or self._gives_way(there, probed)
        return free and probed.moved_from in self._movers and probed.moved_from not in self._leaving

    def _gives_way(self, row: Any, probed: Probed) -> bool:
        """Whether a clip has no file that its name could mean, so that another file may have it: see `take`."""
        if row.state == ClipState.RETIRED:
            return not self.goes(probed)
        return row.store is not None and not _is_copy(row, probed)

    def goes(self, probed: Probed) -> bool:
        """Whether it is the very file of a retired clip, which is about to go."""
        row = self._named.get(probed.key)
        return (
            row is not None
            and row.state == ClipState.RETIRED
            and (row.digest, row.inode) == (probed.digest, signed(probed.inode))
        )

    def is_elsewhere(self, probed: Probed) -> bool:
        """Whether it is another copy of a clip that lies in a store: the mover removes it, or lets it stay."""
        row = self._named.get(probed.key)
        if row is None or row.store is None or row.state == ClipState.RETIRED or not _is_copy(row, probed):
            return False
        leaves = sa.update(clips).where(clips.c.id == row.id, clips.c.store_due == NOTHING)
        self._connection.execute(leaves.values(store_due=LEAVING))
        return True

    def take(self, probed: Probed, database: Database) -> Any:
        """The row that a file has, else the one whose content moved to its name; None for a new clip.

        A retired clip frees its key: another file has taken the name already. So does one that lies in a store,
        whose content nobody has written over: it stays, under another key.
        """
        row = self._named.get(probed.key)
        if row is not None and row.id in self._leaving:
            row = None
        if row is not None and row.store is not None and row.state != ClipState.RETIRED:
            free_key(self._connection, database, row)
            row = None
        if row is not None and row.state == ClipState.RETIRED:
            freed = {"key": gone_key(row.id, row.key)}
            self._connection.execute(sa.update(clips).where(clips.c.id == row.id).values(freed))
            row = None
        if row is None and probed.moved_from is not None:
            row = self._movers.pop(probed.moved_from, None)
        return row


def _is_copy(row: Any, probed: Probed) -> bool:
    return (row.digest, row.size_bytes) == (probed.digest, probed.fingerprint.size_bytes)


def complete(values: dict[str, Any], probed: Probed, old: Any, *, arrived: int, doubt_ms: int) -> None:
    """Add to what was read of a file what people said of it, when it came, and by which words it is found."""
    take_word(probed, values)
    if old is not None:
        keep_corrections(old, values)
    values |= came(old, values, arrived, doubt_ms)
    values["ready_revision"] = _ready_revision(old, values)
    values["words"] = words_of(probed.key, values["camera"], label_names(old), old and old.note)


def overwrite(connection: sa.Connection, insert: Insert, old: Any, values: dict[str, Any]) -> None:
    """Let a row have new values, but keep what is known of its content where that is the same."""
    if old.digest == values["digest"]:
        _keep_known(old, values)
    values["poster"] = old.poster  # an older content's is not shown; it is removed when replaced
    connection.execute(UPDATE, values | {"row": old.id})
    if old.labels is not None and old.started_ms != values["started_ms"]:
        connection.execute(REDATE_LABELS, {"row": old.id, "at": values["started_ms"]})
    move_labels(connection, insert, old, values["camera"])


def lengthen(connection: sa.Connection, longest_ms: int) -> None:
    """Note the length of a clip, if none was so long."""
    if longest_ms:
        longer = sa.update(counters).where(counters.c.name == "longest_ms", counters.c.value < longest_ms)
        connection.execute(longer.values(value=longest_ms))


def _keep_known(old: Any, values: dict[str, Any]) -> None:
    if old.state != "broken" and values["state"] == ClipState.NEW:
        # Known content that a decoder once looked at: moving or touching it does not ask again.
        for name in _DECODED:
            values[name] = getattr(old, name)
        if old.media is not None:
            values["state"], values["listed"] = "ready", 1
            values["ready_revision"] = old.ready_revision
    values["poster_error"] = old.poster_error
    if values["render_due"] and (shows(old.poster, old.digest) or old.poster_error is not None):
        values["render_due"] = old.render_due or (0 if old.sprite else SPRITE)


def _ready_revision(old: Any, values: dict[str, Any]) -> int | None:
    """At which revision the content became ready: now, before, or not yet."""
    if old is not None and old.digest == values["digest"] and old.ready_revision is not None:
        return int(old.ready_revision)
    # What an older watcher had catalogued was ready before anybody could be told.
    same_content = old is not None and old.digest == values["digest"] and old.state in {"ready", "missing"}
    return int(values["revision"]) if values["state"] == "ready" and not same_content else None
