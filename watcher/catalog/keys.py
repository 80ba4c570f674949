"""Keys and sessions: only hashes of secrets are here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from watcher.access import Principal, Role
from watcher.catalog.schema import counters, keys, sessions
from watcher.clip import milliseconds, moment
from watcher.errors import KeyNameError

USED_MS = 60_000  # how exactly `last_used_at` is kept


class Key(NamedTuple):
    """A key without its secret."""

    id: int
    principal: Principal
    created_at: datetime
    last_used_at: datetime | None


class Keys:
    """Who may, as the catalog knows it."""

    engine: sa.Engine
    write: Callable[[], Any]

    def create_key(
        self, name: str, role: Role, cameras: Sequence[str] | None, secret_hash: str, *, now: datetime
    ) -> int:
        """Note a key; its id. Raises KeyNameError if there is one of this name."""
        values = {
            "name": name,
            "role": role.value,
            "cameras": None if cameras is None else msgspec.json.encode(list(cameras)).decode(),
            "hash": secret_hash,
            "created_ms": milliseconds(now),
        }
        with self.write() as connection:
            self._changed(connection)
            if connection.execute(sa.select(keys.c.id).where(keys.c.name == name)).first():
                raise KeyNameError(f"there is a key {name!r} already; revoke or rotate it")
            return int(connection.execute(keys.insert().values(values)).inserted_primary_key[0])

    def replace_key(self, name: str, secret_hash: str) -> None:
        """Give a key another secret; the old one and its sessions end. Raises KeyNameError."""
        with self.write() as connection:
            self._changed(connection)
            key_id = self._id(connection, name)
            connection.execute(sa.update(keys).where(keys.c.id == key_id).values(hash=secret_hash))
            connection.execute(sa.delete(sessions).where(sessions.c.key_id == key_id))

    def revoke_key(self, name: str) -> None:
        """End a key and its sessions. Raises KeyNameError."""
        with self.write() as connection:
            self._changed(connection)
            key_id = self._id(connection, name)
            connection.execute(sa.delete(sessions).where(sessions.c.key_id == key_id))
            connection.execute(sa.delete(keys).where(keys.c.id == key_id))

    def all_keys(self) -> list[Key]:
        """Every key, by name."""
        with self.engine.connect() as connection:
            return [_key(row) for row in connection.execute(sa.select(keys).order_by(keys.c.name))]

    def key_of(self, secret_hash: str) -> Key | None:
        """The key with this secret."""
        with self.engine.connect() as connection:
            row = connection.execute(sa.select(keys).where(keys.c.hash == secret_hash)).first()
        return None if row is None else _key(row)

    def used_key(self, key: Key, *, now: datetime) -> None:
        """Note that a key was used; to the minute, so that reading does not turn into writing."""
        at = milliseconds(now)
        if key.last_used_at is None or at - milliseconds(key.last_used_at) > USED_MS:
            with self.write() as connection:
                connection.execute(sa.update(keys).where(keys.c.id == key.id).values(last_used_ms=at))

    def open_session(self, secret_hash: str, key_id: int, *, until: datetime, once: bool = False) -> None:
        """Note a session of a key, or, `once`, a link that opens one."""
        values = {"hash": secret_hash, "key_id": key_id, "until_ms": milliseconds(until), "once": int(once)}
        with self.write() as connection:
            self._changed(connection)
            connection.execute(sessions.insert().values(values))

    def session_of(self, secret_hash: str, *, now: datetime) -> Key | None:
        """The key that a session is of."""
        live = (sessions.c.hash == secret_hash) & (sessions.c.until_ms > milliseconds(now)) & (sessions.c.once == 0)
        select = sa.select(keys).join(sessions, sessions.c.key_id == keys.c.id).where(live)
        with self.engine.connect() as connection:
            row = connection.execute(select).first()
        return None if row is None else _key(row)

    def use_link(self, secret_hash: str, *, now: datetime) -> Key | None:
        """The key that a link signs in as; the link is gone then, and so is what has run out."""
        link = (sessions.c.hash == secret_hash) & (sessions.c.once == 1)
        select = sa.select(keys).join(sessions, sessions.c.key_id == keys.c.id)
        with self.write() as connection:
            self._changed(connection)
            connection.execute(sa.delete(sessions).where(sessions.c.until_ms <= milliseconds(now)))
            row = connection.execute(select.where(link)).first()
            connection.execute(sa.delete(sessions).where(link))
        return None if row is None else _key(row)

    def close_session(self, secret_hash: str) -> None:
        """End a session."""
        with self.write() as connection:
            self._changed(connection)
            connection.execute(sa.delete(sessions).where(sessions.c.hash == secret_hash))

    def _changed(self, connection: sa.Connection) -> None:
        """Whoever remembers who may has to look again; the row's lock makes writers queue."""
        counter = sa.update(counters).where(counters.c.name == "keys")
        connection.execute(counter.values(value=counters.c.value + 1))

    def _id(self, connection: sa.Connection, name: str) -> int:
        found = connection.execute(sa.select(keys.c.id).where(keys.c.name == name)).scalar()
        if found is None:
            raise KeyNameError(f"there is no key {name!r}")
        return int(found)


def _key(row: Any) -> Key:
    cameras = None if row.cameras is None else tuple(msgspec.json.decode(row.cameras, type=list[str]))
    return Key(
        row.id,
        Principal(row.name, Role(row.role), cameras),
        moment(row.created_ms),
        None if row.last_used_ms is None else moment(row.last_used_ms),
    )
