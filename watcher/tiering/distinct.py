"""A store is another place than the data folder, whatever mounts lead there: else a copy is the file that goes."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from watcher.services import apart
from watcher.storage.mounts import overlap
from watcher.storage.places import Places
from watcher.stores.store import Store
from watcher.tiering.copying import OtherError


def check_store(store: Store, places: Places) -> None:
    """Raise ConfigError or OtherError where a store is the data folder, lies in it, or has it."""
    if (path := store.path("-")) is None:
        return
    folder = Path(path).parent  # which names no link any more
    apart(folder, places.data, store.name)
    for own in (places.data, places.video):
        if overlap(folder, own):
            raise OtherError(f"the store {store.name} and {own} are one by another mount: they must lie apart")


def check_object(store: Store, key: str, fd: int) -> None:
    """Raise OtherError where the object of a key is an open file itself.

    Two mounts of one share may differ in their device, but not in a file's number and when that changed.
    """
    if (path := store.path(key)) is not None:
        with contextlib.suppress(FileNotFoundError):
            there, here = os.lstat(path), os.fstat(fd)
            if (there.st_ino, there.st_ctime_ns) == (here.st_ino, here.st_ctime_ns):
                raise OtherError(f"what the store {store.name} has is the same file")
