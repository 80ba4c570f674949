"""Whether a store can be used: address, bucket, clock, and each right by itself, by an object that goes again."""

from __future__ import annotations

import io
import secrets
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from watcher.model.errors import ConfigError, StoreAwayError, TakenError
from watcher.ops.finding import BAD, GOOD, WARN, Finding
from watcher.settings.stores import StoreTable
from watcher.stores import open_store
from watcher.stores.s3 import S3
from watcher.stores.store import Store

SKEW_MOST = 60.0  # seconds between clocks that NTP sets; from 900 on S3 refuses every request
_TEXT = b"watcher doctor wrote this, and removes it again\n"
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def findings(tables: tuple[StoreTable, ...]) -> Iterator[Finding]:
    """What is to be said of each store."""
    for table in tables:
        try:
            store = open_store(table)
        except ConfigError as reason:
            yield Finding(BAD, str(reason))
            continue
        try:
            yield from _of_store(store)
        finally:
            if isinstance(store, S3):
                store.close()


def _of_store(store: Store) -> Iterator[Finding]:
    """One finding for each right that is missing, or one that none is; where nothing answers, that alone."""
    if isinstance(store, S3):
        problems = list(_address(store))
        yield from problems
        if any(problem.level == BAD for problem in problems):
            return
    # Hidden, so that no list shows one that a kill left.
    key = f".watcher-doctor-{secrets.token_hex(8)}"
    steps: list[tuple[Callable[[], Finding | None], bool]] = [  # and whether the later ones need it
        (lambda: _lists(store), False),
        (lambda: _takes(store, key), True),
        (lambda: _gives(store, key), False),
        (lambda: _keeps(store, key), False),
        (lambda: _removes(store, key), False),
    ]
    whole = True
    for step, needed in steps:
        try:
            result = step()
        except StoreAwayError as reason:
            result = _refused(reason)
        if result is not None:
            yield result
            whole = whole and result.level != BAD
            if needed and result.level == BAD:
                return
    if whole:
        yield Finding(GOOD, f"the store {store.name} lists, takes, gives and removes objects")


def _address(store: S3) -> Iterator[Finding]:
    """Whether it answers, knows key and bucket, and agrees on the time."""
    if store.endpoint.startswith("http:") and urlsplit(store.endpoint).hostname not in _LOOPBACK:
        yield Finding(
            WARN,
            f"the store {store.name} is spoken to without encryption, at {store.endpoint}",
            "use https://, unless the network between is yours alone",
        )
    try:
        ahead = store.clock()
    except StoreAwayError as reason:
        if reason.store_code != "AccessDenied":  # whether it may list is looked at by itself
            yield _refused(reason)
        return
    if ahead is not None and abs(ahead) > SKEW_MOST:
        apart = f"{abs(ahead):,.0f} seconds {'ahead' if ahead > 0 else 'behind'}"
        yield Finding(
            WARN,
            f"the clock of the store {store.name} is {apart}",
            "let NTP set both; from 15 minutes on nothing can be asked of it",
        )


def _lists(store: Store) -> None:
    next(store.list(), None)


def _takes(store: Store, key: str) -> None:
    store.put(key, io.BytesIO(_TEXT), len(_TEXT))


def _gives(store: Store, key: str) -> Finding | None:
    if b"".join(store.read(key, 8, 6)) != _TEXT[8:14]:
        return Finding(BAD, f"the store {store.name} gives other bytes than it took", "do not use it")
    if isinstance(store, S3):
        store.by_address(key)
    return None


def _keeps(store: Store, key: str) -> Finding | None:
    try:
        store.put(key, io.BytesIO(b""), 0)
    except TakenError:
        if not isinstance(store, S3) or store.refuses_to_overwrite(key, _TEXT):
            return None
        return Finding(
            WARN,
            f"the store {store.name} does not know If-None-Match, and would write over what is there",
            "let nobody but this watcher write below its prefix; or upgrade the store",
        )
    return Finding(BAD, f"the store {store.name} writes over what is there", "do not use it")


def _removes(store: Store, key: str) -> Finding | None:
    store.delete(key)
    if store.find(key) is None:
        return None
    return Finding(BAD, f"the store {store.name} still has what was removed", "look at its log")


def _refused(reason: StoreAwayError) -> Finding:
    return Finding(BAD, str(reason), reason.remedy or "look at its table [[stores]], and whether the store runs")
