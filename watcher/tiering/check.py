"""The catalog against its stores: two streams in the order of keys, merged, so that memory does not grow."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import NamedTuple

from watcher.catalog.stored import Lying
from watcher.services import Services
from watcher.stores.store import Store, Stored
from watcher.tiering.footage import Stores


class Difference(enum.Enum):
    """How a store and the catalog differ about a key."""

    LOST = "not in the store"
    OTHER = "another file in the store"
    UNKNOWN = "in the store, and no clip's"  # what a crash left, or somebody else's: it is left alone


class Finding(NamedTuple):
    """One key about which they differ."""

    key: str  # in the store
    difference: Difference


def compare(services: Services, name: str) -> Iterator[Finding]:
    """What differs between a store and the catalog. Raises StoreAwayError."""
    yield from merge(services.catalog.stored.known(name), Stores(services)[name])


def merge(known: Iterator[Lying], store: Store) -> Iterator[Finding]:
    """The same of rows, in the order of their keys there."""
    row = next(known, None)
    for listed in store.list():
        while row is not None and _key(row).encode() < listed.key.encode("utf-8", "surrogateescape"):
            yield Finding(_key(row), Difference.LOST)
            row = next(known, None)
        if row is None or _key(row) != listed.key:
            yield Finding(listed.key, Difference.UNKNOWN)
            continue
        if not _same(row, listed):
            yield Finding(listed.key, Difference.OTHER)
        row = next(known, None)
    while row is not None:
        yield Finding(_key(row), Difference.LOST)
        row = next(known, None)


def _key(row: Lying) -> str:
    return row.store_key or ""


def _same(row: Lying, listed: Stored) -> bool:
    return (row.size_bytes, row.etag) == (listed.size, listed.etag)
