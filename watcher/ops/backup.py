"""`watcher backup`, `watcher restore` and `watcher catalog copy`: all that is not in the clips' own files.

A backup is a tar archive: `catalog.db`, the whole catalog as SQLite whatever engine it is on, `link-keys.json` (and
`link.secret`, of earlier versions), which shared links are signed with, and `watcher.toml`, the settings file that
was in force.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from watcher.catalog import Catalog, migrate, open_engine
from watcher.catalog.copy import copy, is_empty, one_file, step_on
from watcher.model.errors import CatalogError, StartError
from watcher.services import Services
from watcher.storage import links, modes
from watcher.storage.lock import INGESTER, only_one

CATALOG, SETTINGS = "catalog.db", "watcher.toml"
SECRETS = (links.KEYS, links.OLD)
_RUNNING = "an ingester is at work on this data folder: end watcher first"


def backup(services: Services, file: Path, *, settings_file: Path, out: TextIO) -> int:
    """Write a backup, while watcher runs. Raises StartError, or CatalogError.

    1. the copy is made and compared, 2. the archive is synced, 3. it gets its name: one that has it is whole.
    """
    if file.exists():
        raise StartError(f"{file} is there already: give another name")
    try:
        with _scratch(file.parent) as folder:
            with one_file(folder / CATALOG) as target:
                copy(services.catalog.database.engine, target, _teller(out))
            services.links.make()  # if nobody needed it before
            secrets = {name: services.places.data / name for name in SECRETS}
            members = {CATALOG: folder / CATALOG, **secrets, SETTINGS: settings_file}
            archive = folder / "archive"
            descriptor = os.open(archive, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)  # it holds secrets
            with os.fdopen(descriptor, "wb") as raw:
                with tarfile.open(fileobj=raw, mode="w:gz", compresslevel=1) as tar:
                    for name, path in members.items():
                        if path.is_file():
                            tar.add(path, arcname=name)
                raw.flush()
                os.fsync(raw.fileno())
            archive.replace(file)
    except OSError as reason:
        raise StartError(f"{file} cannot be written: {reason.strerror or reason}") from reason
    print(
        f"{file}: {file.stat().st_size:,} bytes. The clips are not in it: they are files below the video root.",
        file=out,
    )
    return 0


def restore(services: Services, file: Path, *, out: TextIO) -> int:
    """Fill an empty catalog from a backup. Raises StartError, or CatalogError.

    The catalog is filled in one transaction; a secret that is there already stays.
    """
    places = services.places
    try:
        with only_one(places.run / INGESTER, _RUNNING), _scratch(places.data) as folder:
            with tarfile.open(file) as tar:  # by name, never all: a stranger's archive must not choose paths
                names = {name for name in (CATALOG, *SECRETS, SETTINGS) if _take(tar, name, folder / name)}
            if CATALOG not in names:
                raise StartError(f"{file} is no backup of watcher: it has no {CATALOG}")
            with one_file(folder / CATALOG) as source:  # an older watcher's is brought to this schema first
                copy(source, services.catalog.database.engine, _teller(out))
            step_on(services.catalog.database.engine)
            for name in names & set(SECRETS):
                if not (places.data / name).exists():
                    (folder / name).chmod(0o600)
                    (folder / name).replace(places.data / name)
    except (tarfile.TarError, EOFError) as reason:
        raise StartError(f"{file} is no backup of watcher, or is damaged: {reason}") from reason
    except OSError as reason:
        raise StartError(f"{file} cannot be restored: {reason.strerror or reason}") from reason
    if SETTINGS in names:
        print(f"The settings of then are in the archive: tar xf {file} {SETTINGS}", file=out)
    problem = services.root.marker_problem(services.catalog.database.catalog_id() or "")
    print(problem or "The catalog is restored; the next start compares it with the clips.", file=out)
    for table in services.settings.stores:
        print(f"What went to the store {table.name} since the backup: watcher scan --store {table.name}", file=out)
    return 0


def copy_to(services: Services, url: str, *, out: TextIO) -> int:
    """Copy the catalog into an empty one elsewhere. Raises StartError, or CatalogError."""
    target = open_engine(url)
    try:
        if target.url == services.catalog.database.engine.url:
            raise StartError("that is this catalog itself")
        with only_one(services.places.run / INGESTER, _RUNNING):
            migrate(target, narrow=modes.narrow)
            copy(services.catalog.database.engine, target, _teller(out))
    finally:
        target.dispose()
    print(
        f"The catalog is copied and compared. To use it, set catalog.url to {target.url.render_as_string()!r}.",
        file=out,
    )
    return 0


def move_in(services: Services, *, out: TextIO) -> None:
    """Fill a new catalog from the SQLite file that the clips were catalogued in, where `catalog.url` was set since.

    The marker in the video root names the catalog that it belongs to: an empty one beside it could never be ready.
    The file stays as it was. Raises StartError while an ingester is at work on it, or CatalogError.
    """
    places, target = services.places, services.catalog.database.engine
    left, marker = places.data / CATALOG, services.root.marker()
    if marker is None or target.dialect.name == "sqlite" or not left.is_file() or not is_empty(target):
        return
    with only_one(places.run / INGESTER, _RUNNING), _scratch(places.data) as folder:
        _snapshot(left, folder / CATALOG)
        with one_file(folder / CATALOG) as source:
            if Catalog(source).database.catalog_id() == marker:
                print(
                    f"the catalog is new; what {left} knows of these clips is copied into it", file=out, flush=True
                )
                copy(source, target, _teller(out))


def _snapshot(source: Path, target: Path) -> None:
    """Copy a SQLite file as it is at one moment, with what its journal holds. Raises CatalogError."""
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as old,
            contextlib.closing(sqlite3.connect(target)) as new,
        ):
            old.backup(new)
    except sqlite3.Error as reason:
        raise CatalogError(f"{source} cannot be read ({reason}): move it away to start without it") from reason


def _teller(out: TextIO) -> Callable[[str, int], None]:
    return lambda table, rows: print(f"{table}: {rows:,} rows", file=out) if rows else None


@contextlib.contextmanager
def _scratch(parent: Path) -> Iterator[Path]:
    """A folder that is gone afterwards, on the disk where the result is to be; so are those of killed ones.

    Whoever uses one holds a lock on it, which the kernel frees however that process ends.
    """
    for left in parent.glob(".watcher-scratch-*.tmp"):
        with contextlib.suppress(BlockingIOError), _locked(left):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=".watcher-scratch-", suffix=".tmp", dir=parent))
    try:
        with _locked(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a folder's lock. Raises BlockingIOError where another process holds it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _take(tar: tarfile.TarFile, name: str, to: Path) -> bool:
    """Write a regular file of an archive to a place of ours; False if it has none of that name."""
    try:
        member = tar.extractfile(name)
    except KeyError:
        return False
    if member is None:
        raise CatalogError(f"{name} in the archive is no file")
    with member, to.open("wb") as out:
        shutil.copyfileobj(member, out)
    return True
