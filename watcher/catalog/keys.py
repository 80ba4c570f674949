"""Keys: only hashes of their secrets are here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from watcher.catalog.audit import By, note
from watcher.catalog.database import Database
from watcher.catalog.schema import counters, keys, sessions
from watcher.catalog.seen import forget
from watcher.model.access import Principal, Role, person_of
from watcher.model.clip import milliseconds, moment
from watcher.model.errors import KeyNameError

USED_MS = 60_000  # how exactly `last_used_at` is kept


class Key(NamedTuple):
    """A key without its secret."""

    id: int
    principal: Principal
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None = None  # None: never
    address: str | None = None  # that it was last used from

    def is_over(self, now: datetime) -> bool:
        """Whether it has expired."""
        return self.expires_at is not None and self.expires_at <= now


class Keys:
    """Who may, as the catalog knows it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        name: str,
        role: Role,
        cameras: Sequence[str] | None,
        secret_hash: str,
        *,
        now: datetime,
        expires: datetime | None = None,
        by: By | None = None,
    ) -> int:
        """Note a key; its id, which no other one had or gets. Raises KeyNameError if there is one of this name."""
        values: dict[str, Any] = {
            "name": name,
            "role": role.value,
            "cameras": None if cameras is None else msgspec.json.encode(list(cameras)).decode(),
            "hash": secret_hash,
            "created_ms": milliseconds(now),
            "expires_ms": None if expires is None else milliseconds(expires),
        }
        with self._database.write() as connection:
            values["id"] = changed(connection)
            if connection.execute(sa.select(keys.c.id).where(keys.c.name == name)).first():
                raise KeyNameError(f"there is a key {name!r} already; revoke or rotate it")
            text = f"{name}, {role}{'' if cameras is None else ' of ' + ', '.join(cameras)}{_until(expires)}"
            note(connection, "key created", text, by)
            connection.execute(keys.insert().values(values))
        return int(values["id"])

    def replace(self, name: str, secret_hash: str, *, by: By | None = None) -> None:
        """Give a key another secret; the old one and its sessions end. Raises KeyNameError."""
        with self._database.write() as connection:
            changed(connection)
            key_id = self._id(connection, name)
            connection.execute(sa.update(keys).where(keys.c.id == key_id).values(hash=secret_hash))
            connection.execute(sa.delete(sessions).where(sessions.c.key_id == key_id))
            note(connection, "key rotated", name, by)

    def expire(self, name: str, expires: datetime | None, *, by: By | None = None) -> None:
        """Set when a key ends, with its sessions; None: never. Raises KeyNameError."""
        with self._database.write() as connection:
            changed(connection)
            key_id = self._id(connection, name)
            at = None if expires is None else milliseconds(expires)
            connection.execute(sa.update(keys).where(keys.c.id == key_id).values(expires_ms=at))
            note(connection, "key's end set", name + (_until(expires) or ", never"), by)

    def revoke(self, name: str, *, by: By | None = None) -> None:
        """End a key and its sessions. Raises KeyNameError."""
        with self._database.write() as connection:
            changed(connection)
            key_id = self._id(connection, name)
            connection.execute(sa.delete(sessions).where(sessions.c.key_id == key_id))
            connection.execute(sa.delete(keys).where(keys.c.id == key_id))
            forget(connection, person_of(key_id))
            note(connection, "key revoked", name, by)

    def all(self) -> list[Key]:
        """Every key, by name, expired ones included."""
        with self._database.engine.connect() as connection:
            return [to_key(row) for row in connection.execute(sa.select(keys).order_by(keys.c.name))]

    def get(self, secret_hash: str, *, now: datetime) -> Key | None:
        """The key with this secret, unless it has expired."""
        with self._database.engine.connect() as connection:
            row = connection.execute(sa.select(keys).where(keys.c.hash == secret_hash, live_key(now))).first()
        return None if row is None else to_key(row)

    def note_use(self, key: Key, *, now: datetime, address: str | None = None) -> None:
        """Note that a key was used; to the minute, so that reading does not turn into writing."""
        at = milliseconds(now)
        if key.last_used_at is None or at - milliseconds(key.last_used_at) > USED_MS:
            values: dict[str, Any] = {"last_used_ms": at, **({} if address is None else {"address": address})}
            with self._database.write() as connection:
                connection.execute(sa.update(keys).where(keys.c.id == key.id).values(values))

    def _id(self, connection: sa.Connection, name: str) -> int:
        key_id = connection.execute(sa.select(keys.c.id).where(keys.c.name == name)).scalar()
        if key_id is None:
            raise KeyNameError(f"there is no key {name!r}")
        return int(key_id)


def changed(connection: sa.Connection) -> int:
    """Whoever remembers who may has to look again; the row's lock makes writers queue. A number that is new."""
    counter = sa.update(counters).where(counters.c.name == "keys").values(value=counters.c.value + 1)
    return int(connection.execute(counter.returning(counters.c.value)).scalar_one())


def live_key(now: datetime) -> sa.ColumnElement[bool]:
    """Of keys that have not expired."""
    return keys.c.expires_ms.is_(None) | (keys.c.expires_ms > milliseconds(now))


def to_key(row: Any) -> Key:
    """A row of `keys`."""
    cameras = None if row.cameras is None else tuple(msgspec.json.decode(row.cameras, type=list[str]))
    return Key(
        row.id,
        Principal(row.name, Role(row.role), cameras, row.id),
        moment(row.created_ms),
        None if row.last_used_ms is None else moment(row.last_used_ms),
        None if row.expires_ms is None else moment(row.expires_ms),
        row.address,
    )


def _until(expires: datetime | None) -> str:
    return "" if expires is None else f", until {expires:%Y-%m-%d %H:%M}Z"
