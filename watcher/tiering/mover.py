"""Moves clips between the video root and the stores, one at a time: each is in one place or in two, never in none.

To a store: 1. its bytes are copied under a key that nothing has there, 2. they are read back, and compared by
length and SHA-256, 3. the row says where it lies, and that its file is to go (LEAVING), 4. the file goes, 5. the
row says so. A crash before 1 is done leaves nothing with a key; one before 3 an object of the same bytes, which the
next turn takes for its own; one before 4 a clip in both places, which the next turn compares again before the file
goes; one before 5 a row that says it later.

Back is `recall.py`. Retired (GIVEN_UP): its object stays for as long as it could be in the bin; 1. it goes, 2. the
row says so.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from watcher.catalog.rows import signed
from watcher.catalog.stored import DROPPED, GIVEN_UP, LEAVING, RETURNED, WANTED, Lying
from watcher.model.clip import ClipState, milliseconds
from watcher.model.errors import NotNowError, StoreAwayError, TakenError, WatcherError
from watcher.naming.ignore import printable
from watcher.services import Services
from watcher.storage.folders import held
from watcher.storage.look import look_of
from watcher.storage.settle import Writer, writer
from watcher.stores.costs import so_far
from watcher.stores.store import Store
from watcher.tiering.copying import OtherError, Pace, Paced, keys_for
from watcher.tiering.distinct import check_object, check_store
from watcher.tiering.footage import Footage, Stores
from watcher.tiering.recall import Recall
from watcher.tiering.rules import TierRules

log = logging.getLogger("watcher.tiering")

TURN_SECONDS = 5.0  # between two looks at what is wanted back
REST_SECONDS = 600.0  # before the rules are asked again where nothing was to go, …
AWAY_SECONDS = 60.0  # … or where the store was away, or pictures are still to be made


class Mover:
    """The task of the ingester."""

    def __init__(self, services: Services, age: Callable[[str, bool], timedelta | None]) -> None:
        """`age` tells how old a clip may become, of a camera and whether it has a label."""
        self.services = services
        self.name, self.every_seconds, self.stopped = "tiering", TURN_SECONDS, threading.Event()
        self.nice = 19
        tiering = services.settings.tiering
        self._catalog, self._root, self._clock = services.catalog, services.root, services.clock
        self._stores = Stores(services)
        self._rules = TierRules(tiering, services.catalog, services.settings.render) if tiering.any else None
        self._target = tiering.store or next(iter(services.settings.stores)).name
        self._pace = Pace(self.stopped, tiering.max_bytes_per_second)
        self._copies = Footage.of(services).copies
        self._recall = Recall(services, self._stores, self._pace)
        self._age = age
        self._rest_until = self._given_up_at = -1e9
        self._again: dict[int, float] = {}  # when what failed is tried again, by the clip
        self._begun = False
        self.problem: str | None = None  # why clips wait, in a sentence
        self._hindrance: str | None = None  # what the last look at the rules ended with; it holds while they rest
        self.away: dict[str, str] = {}  # stores that cannot be asked, and why
        self.costs = so_far  # of each store, in this process
        self.copies_bytes = 0  # of what lies in buckets, on the local disk
        self._asked_at = -1e9
        self._apart = False  # known once in a process

    def turn(self) -> None:
        """Finish what was begun, have back what is wanted, then move what is to go."""
        if not self._begun:
            self._recall.tidy()
            self._begun = True
        self._ask_stores()
        problem = self._settle()
        if self._rules is not None and self._clock.monotonic() >= self._rest_until:
            self._hindrance = self._move_all(self._rules)
        problem = self._hindrance or problem
        if problem != self.problem:
            log.log(logging.WARNING if problem else logging.INFO, "%s", problem or "stores can be used again")
        self.problem = problem

    def _ask_stores(self) -> None:
        """Look once a minute which stores can be asked; where that changes, kept answers hold no longer."""
        now = self._clock.monotonic()
        if now - self._asked_at < AWAY_SECONDS:
            return
        self._asked_at, away = now, {}
        self.copies_bytes = self._copies.sweep()
        for table in self.services.settings.stores:
            if self._catalog.stored.is_bound(table.name):
                try:
                    self._stores[table.name].find("-")
                except StoreAwayError as reason:
                    away[table.name] = str(reason)
        if away.keys() != self.away.keys():
            self._catalog.stored.let_answers_go()
            self._rest_until = now
        self.away = away

    # — what is left to be done —

    def _settle(self) -> str | None:
        """Go on with each clip of which something is left to be done; why one waits."""
        problem = None
        for due, step in (
            (LEAVING, self._leave),
            (RETURNED, self._drop_object),
            (DROPPED, self._drop_given_up),
            (WANTED, self._recall.bring_back),
        ):
            for clip in self._catalog.stored.left(due):
                problem = self._try(step, clip) or problem
        now = self._clock.monotonic()
        if now >= self._given_up_at:
            self._given_up_at = now + AWAY_SECONDS
            for clip in self._catalog.stored.left(GIVEN_UP):
                if self._is_over(clip):
                    problem = self._try(self._drop_given_up, clip) or problem
        return problem

    def _try(self, step: Callable[[Lying], None], clip: Lying) -> str | None:
        """Do a step of one clip; why it cannot be done now, and is tried again in a minute."""
        if self.stopped.is_set():
            raise NotNowError
        now = self._clock.monotonic()
        if now < self._again.get(clip.id, now):
            return self.problem
        try:
            step(clip)
        except (OSError, WatcherError, OtherError) as reason:
            self._again[clip.id] = now + AWAY_SECONDS
            return f"{printable(clip.key)}: {reason}"
        self._again.pop(clip.id, None)
        return None

    def _leave(self, clip: Lying) -> None:
        """Remove the file of a clip that a store has, if both are what the row says. Raises StoreAwayError."""
        store = self._stores[clip.store or ""]
        existing = store.find(clip.store_key or "")
        intact = existing is not None and (existing.size, existing.etag) == (clip.size_bytes, clip.etag)
        try:
            sha256 = self._hash(clip.key)
        except FileNotFoundError:
            if intact:
                self._catalog.stored.has_left(clip)
                return
            raise OtherError(f"the store {store.name} has not got it as it was put there") from None
        if sha256 != clip.sha256:
            self._catalog.stored.has_left(clip)
            self._catalog.stored.free_key(clip)  # another file has its name: it becomes a clip of its own
            return
        if not intact:
            # The file is all that is left: it is read again, and is the clip's.
            log.error("%s stays: the store %s has not got it as it was put there", printable(clip.key), store.name)
            self._catalog.stored.stays(clip)
            return
        self._remove(clip, sha256)

    def _remove(self, clip: Lying, sha256: str) -> None:
        """Remove a file whose bytes the store has, if it is still what was hashed. Raises OSError, WatcherError."""
        self._root.check_mounted()
        with held(str(self._root.folder), clip.key) as path:
            look = look_of(clip.key, os.lstat(path))
            fd = self._root.open(clip.key)
            try:
                there = os.fstat(fd)
                if writer(fd) is Writer.OPEN or look_of(clip.key, there) != look:
                    raise OtherError("somebody writes it")
                hashed = self._pace.hash_of(fd)
                if hashed != sha256 or look_of(clip.key, os.fstat(fd)) != look:
                    raise OtherError("it has changed meanwhile")
                check_object(self._stores[clip.store or ""], clip.store_key or "", fd)
                row = self._catalog.stored.get(clip.id)  # the last look: another ingester may have had it back
                if row is None or (row.store, row.due) != (clip.store, LEAVING):
                    raise OtherError("it is to stay by now")
                Path(path).unlink()
            finally:
                os.close(fd)
        self._catalog.stored.has_left(clip)

    def _drop_object(self, clip: Lying) -> None:
        """Remove the object of a clip that is back with its file, or was given up. Raises StoreAwayError."""
        name, key = clip.left_in
        if clip.state != ClipState.RETIRED:  # else its file is in the bin, or went for good
            with os.fdopen(self._root.open(clip.key), "rb") as file:
                if self._pace.hash_of(file.fileno()) != clip.sha256:
                    raise OtherError("it was brought back, and is another file by now")
                check_object(self._stores[name], key, file.fileno())
        self._copies.remove(clip.id)
        self._stores[name].delete(key)
        self._catalog.stored.object_gone(clip)

    def _drop_given_up(self, clip: Lying) -> None:
        """Remove the object of a retired clip, which cannot be had back from now on. Raises StoreAwayError."""
        if clip.due == GIVEN_UP and not self._catalog.stored.drop(clip.id):
            return  # somebody had it back
        clip = clip._replace(due=DROPPED)
        self._copies.remove(clip.id)
        self._stores[clip.store or ""].delete(clip.store_key or "")
        self._catalog.stored.object_gone(clip)
        log.info("%s went from the store %s for good", printable(clip.key), clip.store)

    def _is_over(self, clip: Lying) -> bool:
        """Whether a retired clip could no longer be had back from a bin."""
        days = timedelta(days=self.services.settings.retention.bin_days)
        age = self._age(clip.camera, bool(clip.labels)) or days
        return (clip.missing_ms or 0) < milliseconds(self._clock.now() - min(days, age))

    # — to a store —

    def _move_all(self, rules: TierRules) -> str | None:
        """Move what the rules say; why it stopped."""
        problem, moved = None, 0
        for clip in rules.going(self._clock.now()):
            if self._catalog.exports.to_make():  # whose clips stay where they are until it is made
                return problem
            try:
                self.move(clip)
                moved += 1
            except StoreAwayError as reason:
                self._rest_until = self._clock.monotonic() + AWAY_SECONDS
                return str(reason)
            except (OSError, WatcherError, OtherError) as reason:
                problem = f"{printable(clip.key)} stays: {reason}"
        rest = 0.0 if moved else AWAY_SECONDS if rules.more_soon() else REST_SECONDS
        self._rest_until = self._clock.monotonic() + rest
        if moved:
            log.info("%d clips went to the store %s", moved, self._target)
        return problem

    def move(self, clip: Lying) -> None:
        """Move a clip to the store. Raises StoreAwayError, NotNowError, and what keeps it here."""
        if self.stopped.is_set():
            raise NotNowError
        self._root.check_mounted()
        store = self._store()
        with os.fdopen(self._root.open(clip.key), "rb") as file:
            self._check_same(clip, file)
            if writer(file.fileno()) is Writer.OPEN:
                raise OtherError("somebody writes it")
            key, etag, sha256 = self._copy(store, clip, file)
            self._check_same(clip, file)
        moved = self._catalog.stored.moved(clip, store.name, key, etag, sha256, now=self._clock.now())
        if not moved:  # its object stays: another ingester may be about to note it, and `check` tells of it
            raise OtherError("it has changed meanwhile")
        there = self._catalog.stored.get(clip.id)
        if there is not None and there.due == LEAVING:
            self._remove(there, sha256)

    def _store(self) -> Store:
        """Where clips go; bound to this catalog once, so that an empty folder later is a disk that is away."""
        store = self._stores[self._target]
        if not self._apart:
            check_store(store, self.services.places)
        self._apart = True
        if not self._catalog.stored.is_bound(store.name):
            store.bind()
            self._catalog.stored.bind(store.name)
        return store

    def _copy(self, store: Store, clip: Lying, file: BinaryIO) -> tuple[str, str, str]:
        """Have a clip's bytes in a store, read back; the key, its ETag, and their SHA-256."""
        for key in keys_for(clip):
            file.seek(0)
            paced = Paced(file, self._pace)
            try:
                stored = store.put(key, paced, clip.size_bytes)  # type: ignore[arg-type]  # which reads, and no more
                sha256 = paced.hash.hexdigest()
            except TakenError:
                existing = store.find(key)
                if existing is None or existing.owner not in {"", self._catalog.database.catalog_id()}:
                    continue  # another catalog's, also of the same bytes: that one lets it go when it likes
                sha256 = self._pace.hash_of(file.fileno())
                if existing.size != clip.size_bytes or self._pace.hash_in(store, key) != sha256:
                    continue  # other bytes: they are somebody's, and stay
                if self._catalog.stored.uses(store.name, key):
                    continue
                stored = existing
            if stored.size != clip.size_bytes or self._pace.hash_in(store, key) != sha256:
                raise StoreAwayError(f"the store {store.name} does not give {key} back as it was written")
            return key, stored.etag, sha256
        raise TakenError(f"the store {store.name} has other files of its name")

    def _hash(self, key: str) -> str:
        with os.fdopen(self._root.open(key), "rb") as file:
            return self._pace.hash_of(file.fileno())

    def _check_same(self, clip: Lying, file: BinaryIO) -> None:
        """Raise OtherError where an open file, or what has its name, is not the one that the row means."""
        look, named = look_of(clip.key, os.fstat(file.fileno())), self._root.look(clip.key)
        if look.fingerprint != clip.fingerprint or named is None or signed(named.inode) != clip.inode:
            raise OtherError("it is another file by now")
