"""The bytes of clips, wherever they lie: in the video root, or in a store.

Whoever reads clips asks here. The video root is asked first, and the catalog only where it has no such file and
there are stores: a local clip costs nothing more.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from watcher.catalog import Catalog
from watcher.catalog.stored import PRESENT, Lying
from watcher.model.errors import StoreAwayError, WatcherError
from watcher.services import Services
from watcher.storage.folders import open_file
from watcher.storage.look import Look
from watcher.storage.video_root import VideoRoot
from watcher.stores import open_store
from watcher.stores.store import Store
from watcher.tiering.copies import Copies

ELSEWHERE = -1  # in place of an inode: the file lies in a store


class Place(NamedTuple):
    """Where nginx finds a clip: in a folder, or at an address that is signed."""

    store: str
    folder: str | None  # of the store; None: it has none
    path: str  # below the folder; else path and question of the address
    lying: Lying
    copy: Path | None = None  # of what has an address: where a copy of it lies, if there is one


class Stores:
    """The stores that the settings name."""

    def __init__(self, services: Services) -> None:
        self._tables = {table.name: table for table in services.settings.stores}
        self._services = services
        self._open: dict[str, Store] = {}

    def __bool__(self) -> bool:
        return bool(self._tables)

    def __getitem__(self, name: str) -> Store:
        """A store. Raises StoreAwayError for one that the settings do not name, or no more."""
        if name not in self._tables:
            raise StoreAwayError(f"the store {name} is not in the settings any more")
        if name not in self._open:
            owner = self._services.catalog.database.catalog_id()
            self._open[name] = open_store(self._tables[name], owner)
        return self._open[name]

    def close(self) -> None:
        """Close the connections to those that have some."""
        for store in self._open.values():
            store.close()
        self._open.clear()


class Footage:
    """Opens clips."""

    def __init__(
        self, root: VideoRoot, catalog: Catalog, stores: Stores, copies: Copies, *, plays_copies: bool = False
    ) -> None:
        """`copies` of what a store does not hand out as a file; whether players are to have them too."""
        self._root = root
        self._catalog = catalog
        self._stores = stores
        self.copies, self._plays_copies = copies, plays_copies

    @classmethod
    def of(cls, services: Services, *, hurried: bool = False, lasting: str = "") -> Footage:
        """The service's own; `hurried` and `lasting` as of copies, which have a folder of that name then."""
        folder = services.places.spool / (f"cold-{lasting}" if lasting else "cold")
        floor, cache = services.settings.upload.min_free_bytes, services.settings.tiering.cache_bytes
        copies = Copies(folder, floor, cache_bytes=cache, hurried=hurried, lasting=bool(lasting))
        return cls(services.root, services.catalog, Stores(services), copies, plays_copies=cache > 0)

    def open(self, key: str) -> int:
        """A read-only descriptor of a clip, which the caller closes.

        Raises FileNotFoundError where there is none, StoreAwayError, DiskFullError, and OSError.
        """
        try:
            return self._root.open(key)
        except FileNotFoundError:
            if (lying := self._elsewhere(key)) is None:
                raise
        try:
            return open_file("/", self._path(lying).lstrip("/"))
        except FileNotFoundError:
            return self._root.open(key)  # where it has come back meanwhile

    def path(self, key: str) -> str | None:
        """A path for another process that opens it without following links; None where there is no such clip.

        Raises StoreAwayError, DiskFullError, and OSError where it cannot be looked at.
        """
        if self._root.look(key) is not None:
            return self._root.path(key)
        if (lying := self._elsewhere(key)) is None:
            return None
        try:
            return self._path(lying)
        except FileNotFoundError:  # or it has come back meanwhile
            return self._root.path(key) if self._root.look(key) is not None else None

    def reach(self, key: str) -> str:
        """The same for who finds out by opening it that nothing is there, or that its store is away."""
        if not self._stores:
            return self._root.path(key)
        try:
            return self.path(key) or self._root.path(key)
        except (WatcherError, OSError):
            return self._root.path(key)

    def place(self, key: str, seconds: int) -> Place | None:
        """Where a clip lies in its store, for nginx; None if there is none. An address is good for so many seconds.

        A bucket is not asked, so that nobody waits for one that is frozen. Raises StoreAwayError.
        """
        if (lying := self._elsewhere(key)) is None:
            return None
        store, stored_as = self._stores[lying.store or ""], lying.store_key or ""
        if (address := store.sign(stored_as, seconds)) is not None:
            copy = self.copies.note_use(lying) if self._plays_copies else None
            return Place(store.name, None, address, lying, copy)
        path = store.path(stored_as)
        if path is None or store.find(stored_as) is None:
            return None
        return Place(store.name, path.removesuffix(f"/{stored_as}"), f"/{stored_as}", lying)

    def playing(self) -> Iterable[int]:
        """The clips that players have from copies, whether or not their stores can be asked."""
        return self.copies.there() if self._plays_copies else ()

    def look(self, key: str) -> Look | None:
        """How a clip's file looks, or looked when it was moved; None if there is none. Its store is not asked.

        Raises OSError where the answer cannot be had.
        """
        look = self._root.look(key)
        if look is None and (lying := self._elsewhere(key)) is not None:
            return Look(key, lying.size_bytes, lying.mtime_ns, ELSEWHERE)
        return look

    def copy(self, lying: Lying) -> str:
        """The path of a copy of a clip in a bucket, which is made where there is none.

        Raises FileNotFoundError where its store has nothing, or something else, or where the clip was given up or
        came back meanwhile, and what `path` does.
        """
        path = self.copies.path(self._stores[lying.store or ""], lying)
        now = self._catalog.stored.get(lying.id)
        if now is None or not now.store or now.state not in PRESENT:  # who did that found no copy to remove
            self.copies.remove(lying.id)
            raise FileNotFoundError(f"the clip {lying.id} lies in no store any more")
        return path

    def _path(self, lying: Lying) -> str:
        """A path of what a store has; of a copy where it has no files of its own.

        Raises FileNotFoundError where the store has nothing, or something else, and what `path` does.
        """
        store, key = self._stores[lying.store or ""], lying.store_key or ""
        if (path := store.path(key)) is None:
            return self.copy(lying)
        stored = store.find(key)
        if stored is None or stored.size != lying.size_bytes:
            raise FileNotFoundError(f"the store {store.name} has not got {key} as it was put there")
        return path

    def _elsewhere(self, key: str) -> Lying | None:
        return self._catalog.stored.find(key) if self._stores else None
