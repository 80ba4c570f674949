"""A store's objects that the catalog does not know, or knows wrongly, become its clips: `watcher scan --store`.

A catalog that is restored from before its clips moved looks for them in the video root, where they are no more. An
object is such a clip's by its content (size and both ends, as of any file that comes back), first by its key; its
SHA-256 is the one that was kept beside it, else all of it is read. What is nobody's becomes a clip of its own.

1. the store is listed, 2. whose an object is is asked, 3. it is read, 4. one transaction asks again, and notes it.
A crash anywhere leaves what is noted; the next scan goes on. Only an object is taken that no row has: the mover's
own has its clip's file beside it, what was given up has a retired row for a month.
"""

from __future__ import annotations

import contextlib
import enum
import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from watcher.catalog import Probed
from watcher.catalog.adoption import Home
from watcher.catalog.stored import DROPPED, NOTHING, RETURNED, Lying
from watcher.model.clip import ClipState, milliseconds
from watcher.model.errors import MissingError, RowError, StoreAwayError
from watcher.naming.ignore import unusable
from watcher.services import Services
from watcher.storage.content import digest_by
from watcher.storage.folders import open_file
from watcher.storage.look import SIZE_MOST, Look, bounded
from watcher.storage.settle import Writer, writer
from watcher.stores.store import Stored
from watcher.tiering.check import Difference, merge
from watcher.tiering.copying import Pace, keys_for, number_of
from watcher.tiering.distinct import check_store
from watcher.tiering.footage import Footage, Stores

Describe = Callable[[Look, int, str], Probed | None]  # of an open file, and its digest; None: it is no clip
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Outcome(enum.Enum):
    """What came of an object."""

    BACK = "back"  # it is the clip's that looked lost
    ADOPTED = "a new clip"
    BROKEN = "broken"  # a new clip, and why it cannot be played
    RENEWED = "known again"  # the clip's that has it, under another ETag
    KNOWN = "noted meanwhile"
    IGNORED = "no clip"
    REFUSED = "could not be catalogued"
    HERE = "its clip lies elsewhere"  # in the video root, or in a store: what the mover left, and may take up again
    COPY = "a copy"
    GIVEN_UP = "of a clip that was given up"
    UNSETTLED = "being written"
    OTHER = "not the clip of its name"
    DAMAGED = "other bytes than were put there"
    FOREIGN = "another catalog's"
    LOST = "not in the store"


class Result(NamedTuple):
    """One key of the store."""

    key: str
    outcome: Outcome
    why: str = ""


class Adopting:
    """One scan of a store."""

    def __init__(self, services: Services, name: str, describe: Describe, *, accept: bool = False) -> None:
        """`accept`: what another catalog put there is this one's from now on. Raises StoreAwayError."""
        self._services, self._describe, self._accept = services, describe, accept
        self._catalog, self._root, self._clock = services.catalog, services.root, services.clock
        self._stores, self._name = Stores(services), name
        self._store = self._stores[name]
        self._owner = self._catalog.database.catalog_id() or ""
        self._pace = Pace(threading.Event(), services.settings.tiering.max_bytes_per_second)
        self._copies = Footage.of(services).copies

    def results(self) -> Iterator[Result]:
        """What comes of each key that differs. Raises StoreAwayError, DiskFullError, RootAwayError, OtherError."""
        self._root.check_mounted()  # else every clip would look lost
        self._bind()
        steps = {
            Difference.LOST: self._lack,
            Difference.OTHER: self._renew,
            Difference.UNKNOWN: self._take,
        }
        with contextlib.closing(self._stores):
            for key, difference in merge(self._catalog.stored.known(self._name), self._store):
                try:
                    yield steps[difference](key)
                except MissingError:
                    yield Result(key, Outcome.KNOWN)  # it went while it was read

    def _bind(self) -> None:
        """Let the store be ours, as the mover does; but an empty folder may be that of a disk that is away."""
        check_store(self._store, self._services.places)
        bound = self._catalog.stored.is_bound(self._name)
        path = self._store.path("-")
        if path is not None and (self._accept or not bound) and not any(Path(path).parent.glob("[!.]*")):
            raise StoreAwayError(f"the store {self._name} is empty: is its disk mounted?")
        if self._accept or not bound:
            self._store.bind(anew=self._accept)
            self._catalog.stored.bind(self._name)

    def _lack(self, key: str) -> Result:
        """An object that was not listed: it may be on its way out, or have come since."""
        clip = self._catalog.adoption.holder(self._name, key)
        lost = clip is not None and clip.store == self._name and clip.due != DROPPED
        return Result(key, Outcome.LOST if lost and self._store.find(key) is None else Outcome.KNOWN)

    def _renew(self, key: str) -> Result:
        """An object that is not as its row says: of the same bytes it was put there again."""
        clip, stored = self._catalog.adoption.holder(self._name, key), self._store.find(key)
        if clip is None or stored is None or clip.store is None:
            return Result(key, Outcome.KNOWN)
        if self._is_foreign(stored):
            return Result(key, Outcome.FOREIGN, stored.owner)
        if stored.size != clip.size_bytes or self._sha256(stored) != clip.sha256:
            return Result(key, Outcome.OTHER, f"clip {clip.id} is to lie there")
        renewed = self._catalog.adoption.renew(clip, stored.etag)
        return Result(key, Outcome.RENEWED if renewed else Outcome.KNOWN)

    def _take(self, key: str) -> Result:
        """An object that no row seemed to have. Raises MissingError."""
        if (why := unusable(key)) is not None:
            return Result(key, Outcome.IGNORED, why)
        holder = self._catalog.adoption.holder(self._name, key)
        named = holder or self._named(key)
        if named is None and (why := self._root.ignoring.key(key)) is not None:
            return Result(key, Outcome.IGNORED, why)
        stored = self._store.find(key)  # after its row was asked for: whoever removes it has its row say so first
        if stored is None or (holder is not None and holder.due != RETURNED):
            return Result(key, Outcome.KNOWN)
        if not 0 < stored.size <= SIZE_MOST:
            return Result(key, Outcome.IGNORED, "it is empty")
        if self._is_foreign(stored):
            return Result(key, Outcome.FOREIGN, stored.owner)
        if not self._is_settled(key):
            return Result(key, Outcome.UNSETTLED)
        return self._take_object(stored, named)

    def _is_foreign(self, stored: Stored) -> bool:
        """Whether another catalog put it there, which may let it go at any moment."""
        return stored.owner not in {"", self._owner} and not self._accept

    def _take_object(self, stored: Stored, named: Lying | None) -> Result:
        """An object that may be taken: of the clip that it is named for, of one with its content, or a new one."""
        key = stored.key
        digest = digest_by(lambda first, length: b"".join(self._store.read(key, first, length)), stored.size)
        if named is not None:
            if named.digest != digest:
                return Result(key, Outcome.OTHER, f"clip {named.id} has another content")
            return self._bring_back(named, stored, by_name=True) or Result(key, Outcome.HERE)
        alike = self._catalog.adoption.alike(digest)
        for clip in alike:
            if (result := self._bring_back(clip, stored, by_name=False)) is not None:
                return result
        if alike:
            there = [clip for clip in alike if clip.state != ClipState.RETIRED]
            why = f"clip {(there or alike)[0].id}"
            return Result(key, Outcome.COPY if there else Outcome.GIVEN_UP, why)
        if self._root.look(key) is not None:  # a scan of the video root comes first
            return Result(key, Outcome.HERE)
        return self._adopt(stored, digest)

    def _is_settled(self, key: str) -> bool:
        """Whether nobody writes an object; one of a bucket is there when it is whole."""
        if (path := self._store.path(key)) is None:
            return True
        try:
            fd = open_file("/", path.lstrip("/"))
        except FileNotFoundError:
            raise MissingError(f"the store {self._name} has nothing called {key}") from None
        try:
            quiet = self._clock.now().timestamp() - os.fstat(fd).st_ctime  # which nobody sets
            return writer(fd) is not Writer.OPEN and not 0 <= quiet < self._services.settings.video.settle_seconds
        finally:
            os.close(fd)

    def _named(self, key: str) -> Lying | None:
        """The clip that the mover would have put under this key."""
        clips = self._catalog.adoption.named(key, number_of(key))
        return next((clip for clip in clips if key in keys_for(clip)), None)

    def _is_lost(self, clip: Lying) -> bool:
        """Whether a clip is surely not where its row says. Raises RootAwayError."""
        if clip.state == ClipState.RETIRED or clip.due not in ({NOTHING} if clip.store else {NOTHING, RETURNED}):
            return False
        if clip.store is None:
            self._root.check_mounted()
        try:
            if clip.store is None:
                return self._root.look(clip.key) is None
            return self._stores[clip.store].find(clip.store_key or "") is None
        except (OSError, StoreAwayError):
            return False  # that is not absence

    def _bring_back(self, clip: Lying, stored: Stored, *, by_name: bool) -> Result | None:
        """Let a clip that looks lost lie here; None for one that does not, or has other bytes."""
        if not self._is_lost(clip):
            return None
        sha256 = self._sha256(stored)
        if clip.sha256 is not None and clip.sha256 != sha256:
            return Result(stored.key, Outcome.OTHER, f"clip {clip.id} has another SHA-256") if by_name else None
        home = Home(self._name, stored.key, stored.etag, sha256)
        poster = self._catalog.clips.get(clip.id).poster
        pictures = poster is None or (self._services.places.renditions / poster).exists()
        now = self._clock.now()
        back = self._catalog.adoption.bring_back(clip, home, by_name=by_name, pictures=pictures, now=now)
        return Result(stored.key, Outcome.BACK) if back else None

    def _adopt(self, stored: Stored, digest: str) -> Result:
        """Let an object be a new clip, if it is one."""
        path = self._store.path(stored.key)
        if path is None:
            with self._copies.of_nobody(self._store, stored, self._pace) as (aside, sha256):
                fd = os.open(aside, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    result = self._adopt_file(stored, digest, fd, sha256)
                finally:
                    os.close(fd)
                if result.outcome is Outcome.ADOPTED and (clip := self._catalog.clips.by_key(stored.key)):
                    # Its pictures are made of it.
                    self._copies.keep(aside, clip.id, clip.key, sha256, bounded(self._time(stored)))
                return result
        fd = open_file("/", path.lstrip("/"))
        try:
            sha256 = self._pace.hash_of(fd)
            if self._store.find(stored.key) != stored:
                return Result(stored.key, Outcome.UNSETTLED)
            return self._adopt_file(stored, digest, fd, sha256)
        finally:
            os.close(fd)

    def _adopt_file(self, stored: Stored, digest: str, fd: int, sha256: str) -> Result:
        if _SHA256.fullmatch(stored.sha256) and stored.sha256 != sha256:
            return Result(stored.key, Outcome.DAMAGED)
        look = Look(stored.key, stored.size, bounded(self._time(stored)), 0)
        probed = self._describe(look, fd, digest)
        if probed is None:
            return Result(stored.key, Outcome.IGNORED, "its bytes are no film's")
        probed = msgspec.structs.replace(probed, key=stored.key)
        home = Home(self._name, stored.key, stored.etag, sha256)
        try:
            if not self._catalog.adoption.adopt(probed, home, now=self._clock.now()):
                return Result(stored.key, Outcome.KNOWN)
        except RowError as reason:
            return Result(stored.key, Outcome.REFUSED, str(reason))
        if probed.error is not None:
            return Result(stored.key, Outcome.BROKEN, probed.error)
        return Result(stored.key, Outcome.ADOPTED)

    def _time(self, stored: Stored) -> int:
        """That of an object, in ns since 1970; now where its store tells none."""
        return stored.mtime_ns or milliseconds(self._clock.now()) * 10**6

    def _sha256(self, stored: Stored) -> str:
        """That of an object: as it was put, else all of it is read. Raises MissingError."""
        if _SHA256.fullmatch(stored.sha256):
            return stored.sha256
        sha256 = self._pace.hash_in(self._store, stored.key)
        if self._store.find(stored.key) != stored:
            raise MissingError(f"what the store {self._name} calls {stored.key} changed while it was read")
        return sha256
