"""Who did what to keys, sessions and links: written in the same transaction as what was done."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from watcher.catalog.database import Database
from watcher.catalog.schema import audit
from watcher.model.clip import milliseconds, moment

ENTRY_AGE, KEY_ENTRY_AGE = timedelta(days=400), timedelta(days=3650)
MOST = 5000  # of one who, of keys and of all else: nobody can push out what others did
OF_KEYS = ("key created", "key rotated", "key's end set", "key revoked", "link secret rotated")
COMMAND_LINE = "command line"  # who works where the data is; a key of that name has an address beside it


class By(NamedTuple):
    """Who does something, and when."""

    who: str
    at: datetime
    address: str | None = None  # None: on this machine
    key_id: int = 0  # 0: of nobody's key


class Entry(NamedTuple):
    """Something that was done."""

    at: datetime
    who: str
    address: str | None
    action: str
    about: str


class Audit:
    """What was done, as the catalog remembers it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, action: str, about: str, by: By) -> None:
        """Note something that changes nothing here."""
        with self._database.write() as connection:
            note(connection, action, about, by)

    def entries(self, *, limit: int) -> list[Entry]:
        """What was done last, the newest first."""
        newest = sa.select(audit).order_by(audit.c.id.desc()).limit(limit)
        with self._database.engine.connect() as connection:
            return [
                Entry(moment(row.at_ms), row.who, row.address, row.action, row.about)
                for row in connection.execute(newest)
            ]


def note(connection: sa.Connection, action: str, about: str, by: By | None) -> None:
    """Add an entry, and let go of those that are too old or too many; nothing where nobody is named."""
    if by is None:
        return
    values = {"at_ms": milliseconds(by.at), "who": by.who, "address": by.address, "action": action, "about": about}
    connection.execute(sa.insert(audit).values(values))
    of_keys = audit.c.action.in_(OF_KEYS)
    old = (audit.c.at_ms < milliseconds(by.at - ENTRY_AGE)) & ~of_keys
    connection.execute(sa.delete(audit).where(old | (audit.c.at_ms < milliseconds(by.at - KEY_ENTRY_AGE))))
    alike = (audit.c.who == by.who) & (of_keys if action in OF_KEYS else ~of_keys)
    eldest = sa.select(audit.c.id).where(alike).order_by(audit.c.id.desc()).offset(MOST).limit(1)
    connection.execute(sa.delete(audit).where(alike, audit.c.id <= eldest.scalar_subquery()))
