"""Sessions of browsers, and the links that open one: only hashes of secrets are here."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from watcher.catalog.audit import By, note
from watcher.catalog.database import Database
from watcher.catalog.keys import Key, changed, live_key, to_key
from watcher.catalog.schema import keys, sessions
from watcher.model.clip import milliseconds, moment

ID_DIGITS = 16  # of a session's hash, which name it and sign nobody in
AGENT_MOST = 200  # characters
SESSIONS_MOST = 100  # of one key

_of_hash: sa.ColumnElement[str] = sa.func.substr(sessions.c.hash, 1, ID_DIGITS)
_LAST_FIRST = sa.func.coalesce(sessions.c.last_used_ms, 0).desc(), sessions.c.hash


class Session(NamedTuple):
    """A browser that has signed in."""

    id: str
    key: str  # the name of whose it is
    until: datetime
    created_at: datetime | None
    last_used_at: datetime | None
    address: str | None
    agent: str | None


class Sessions:
    """The sessions of those who have signed in."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(
        self,
        secret_hash: str,
        key_id: int,
        *,
        until: datetime,
        once: bool = False,
        agent: str = "",
        by: By | None = None,
    ) -> None:
        """Note a session of a key, or, `once`, a link that opens one; what has run out goes.

        Of a key's sessions those stay that were used last: who signs in without end fills no catalog.
        """
        values: dict[str, Any] = {
            "hash": secret_hash,
            "key_id": key_id,
            "until_ms": milliseconds(until),
            "once": int(once),
        }
        if by is not None:
            at = milliseconds(by.at)
            values |= {"created_ms": at, "last_used_ms": at, "address": by.address, "agent": agent[:AGENT_MOST]}
        with self._database.write() as connection:
            changed(connection)
            if by is not None:
                connection.execute(sa.delete(sessions).where(sessions.c.until_ms <= at))
            connection.execute(sessions.insert().values(values))
            mine = (sessions.c.key_id == key_id) & (sessions.c.once == 0) & (sessions.c.hash != secret_hash)
            eldest = sa.select(sessions.c.hash).where(mine).order_by(*_LAST_FIRST).offset(SESSIONS_MOST - 1)
            for gone in connection.execute(eldest).scalars().all():
                connection.execute(sa.delete(sessions).where(sessions.c.hash == gone))
            if not once:
                note(connection, "signed in", f"session {secret_hash[:ID_DIGITS]}", by)

    def get(self, secret_hash: str, *, now: datetime) -> Key | None:
        """The key that a session is of, which ends with the session."""
        live = (sessions.c.hash == secret_hash) & (sessions.c.until_ms > milliseconds(now)) & (sessions.c.once == 0)
        select = sa.select(keys, sessions.c.until_ms).join(sessions, sessions.c.key_id == keys.c.id)
        with self._database.engine.connect() as connection:
            row = connection.execute(select.where(live, live_key(now))).first()
        if row is None:
            return None
        key, until = to_key(row), moment(row.until_ms)
        return key._replace(expires_at=until if key.expires_at is None else min(until, key.expires_at))

    def note_use(self, secret_hash: str, *, now: datetime, address: str | None) -> None:
        """Note that a session was used."""
        mine = sa.update(sessions).where(sessions.c.hash == secret_hash)
        with self._database.write() as connection:
            connection.execute(mine.values(last_used_ms=milliseconds(now), address=address))

    def link_key(self, secret_hash: str, *, now: datetime) -> Key | None:
        """The key that a link would sign in as; the link stays."""
        with self._database.engine.connect() as connection:
            row = connection.execute(_by_link(secret_hash, now)).first()
        return None if row is None else to_key(row)

    def use_link(self, secret_hash: str, *, now: datetime) -> Key | None:
        """The key that a link signs in as; the link is gone then, the key's other ones, and what has run out."""
        with self._database.write() as connection:
            changed(connection)
            row = connection.execute(_by_link(secret_hash, now)).first()
            gone = sessions.c.until_ms <= milliseconds(now)
            if row is not None:
                gone |= (sessions.c.key_id == row.id) & (sessions.c.once == 1)
            connection.execute(sa.delete(sessions).where(gone))
        return None if row is None else to_key(row)

    def close(self, secret_hash: str, *, by: By | None = None) -> None:
        """End a session, by the hash of its secret."""
        with self._database.write() as connection:
            changed(connection)
            if connection.execute(sa.delete(sessions).where(sessions.c.hash == secret_hash)).rowcount:
                note(connection, "signed out", f"session {secret_hash[:ID_DIGITS]}", by)

    def all(self, *, now: datetime, key: str | None = None) -> list[Session]:
        """The sessions that go on, of one key or of all; who was here last comes first."""
        live = (sessions.c.until_ms > milliseconds(now)) & (sessions.c.once == 0) & live_key(now)
        select = sa.select(sessions, _of_hash.label("id"), keys.c.name).join(keys, sessions.c.key_id == keys.c.id)
        with self._database.engine.connect() as connection:
            rows = connection.execute(select.where(live, *_of(key)).order_by(*_LAST_FIRST))
            return [
                Session(
                    row.id,
                    row.name,
                    moment(row.until_ms),
                    None if row.created_ms is None else moment(row.created_ms),
                    None if row.last_used_ms is None else moment(row.last_used_ms),
                    row.address,
                    row.agent,
                )
                for row in rows
            ]

    def end(self, *, key: str | None = None, session: str | None = None, but: str | None = None, by: By) -> int:
        """End sessions: of one key or of all, the one with this id or all, `but` for one; how many there were."""
        gone = sa.select(_of_hash, keys.c.name).join(keys, sessions.c.key_id == keys.c.id)
        gone = gone.where(sessions.c.once == 0, *_of(key))
        if session is not None:
            gone = gone.where(_of_hash == session)
        if but is not None:
            gone = gone.where(_of_hash != but)
        with self._database.write() as connection:
            changed(connection)
            rows = connection.execute(gone).all()
            for session_id, name in rows:
                connection.execute(sa.delete(sessions).where(_of_hash == session_id, sessions.c.once == 0))
                note(connection, "session ended", f"{session_id} of {name}", by)
        return len(rows)


def _of(key: str | None) -> list[sa.ColumnElement[bool]]:
    return [] if key is None else [keys.c.name == key]


def _by_link(secret_hash: str, now: datetime) -> sa.Select[Any]:
    link = (sessions.c.hash == secret_hash) & (sessions.c.once == 1) & (sessions.c.until_ms > milliseconds(now))
    return sa.select(keys).join(sessions, sessions.c.key_id == keys.c.id).where(link, live_key(now))
