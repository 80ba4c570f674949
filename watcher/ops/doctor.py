"""`watcher doctor`: what stands in the way of running here, with the remedy for each finding.

Changes nothing; into each of the stores it writes a small object, and removes it again.
"""

from __future__ import annotations

import contextlib
import os
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from watcher.catalog import engine as engines
from watcher.catalog.integrity import quick_check
from watcher.model.errors import CatalogError, FolderError, ReadOnlyError, StartError
from watcher.ops import nginx
from watcher.ops.finding import BAD, GOOD, WARN, Finding
from watcher.services import Services
from watcher.storage import damage, permission
from watcher.storage.lock import INGESTER, only_one
from watcher.storage.mounts import file_system, on_network
from watcher.storage.places import Places
from watcher.workers.process import ClipError, Worker, WorkerError
from watcher.workers.sandbox import described

FILES_LEAST = 1024  # descriptors that uWSGI takes
LOOK_SECONDS = 5.0  # for which folders are counted
FOLDERS_SHOWN = 20
FOLDERS_MOST = 1_000_000
EARLIEST_YEAR = 2025  # a clock that says less has not been set since the machine was switched on


def doctor(services: Services, *, out: TextIO) -> int:
    """Look at everything; 1 if something keeps watcher from running as it should."""
    worst = 0
    for look in LOOKS:
        for finding in look(services):
            print(f"{finding.level:<4}  {finding.what}", file=out)
            if finding.remedy:
                print(f"      → {finding.remedy}", file=out)
            worst = max(worst, finding.level == BAD)
    return worst


def _machine(_services: Services) -> Iterator[Finding]:
    year = time.gmtime().tm_year
    if year < EARLIEST_YEAR:
        yield Finding(
            BAD,
            f"the clock says {year}",
            "set it, or let NTP set it, before clips without times in their names come",
        )
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if files < FILES_LEAST:
        yield Finding(
            BAD,
            f"a process may open only {files} files",
            f"raise the limit to {FILES_LEAST} (ulimit -n, LimitNOFILE=)",
        )
    try:
        with contextlib.closing(sqlite3.connect(":memory:")) as trial:
            trial.execute("CREATE VIRTUAL TABLE trial USING fts5(words)")
    except sqlite3.OperationalError:
        yield Finding(
            BAD,
            f"Python's SQLite {sqlite3.sqlite_version} has no FTS5",
            "use a Python whose SQLite has it, as Debian's",
        )
    yield Finding(GOOD, f"Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}")


def _folders(services: Services) -> Iterator[Finding]:
    places = services.places
    for folder in (places.data, places.video, places.renditions, places.spool, places.run):
        there = next(parent for parent in (folder, *folder.parents) if parent.exists())
        if not there.is_dir():
            yield Finding(BAD, f"{there} is no folder", "move it away")
        else:
            yield from _may_write(there)
    if not places.video.is_dir():
        yield Finding(GOOD, f"{places.video} is not there yet; the first start makes it")
        return
    if places.spool.is_dir() and places.spool.stat().st_dev != places.video.stat().st_dev:
        yield Finding(
            WARN,
            "uploads are spooled on another disk than the clips', and copied when they are whole",
            "this works; with spool/ and video/ on one disk nothing is copied",
        )
    for number, reason in enumerate(permission.unwritable(places.video)):
        if number == FOLDERS_SHOWN:
            yield Finding(WARN, "… and more folders cannot be written")
            break
        yield Finding(WARN, str(reason), "until then nothing can be sent there, and no clip of it be removed")
    space, floor = permission.space(places.video), services.settings.upload.min_free_bytes
    free = space.free_bytes
    if (few := space.few_inodes) is not None:
        yield Finding(
            WARN if space.has_inodes else BAD,
            few,
            "remove small files, or use a file system with more (mkfs.ext4 -N; XFS and Btrfs make them as needed)",
        )
    if free < floor:
        yield Finding(
            BAD,
            f"{free:,} bytes are free, fewer than upload.min_free_bytes ({floor:,})",
            "free some, or set [retention]",
        )
    else:
        yield Finding(
            GOOD,
            f"{free >> 30} GB are free for clips below {places.video} ({file_system(places.video) or 'unknown'})",
        )
    if on_network(places.video):
        yield Finding(GOOD, "the video root is on a network: it is looked at by polling")


def _may_write(folder: Path) -> Iterator[Finding]:
    try:
        permission.check_folder(str(folder))
    except ReadOnlyError as reason:
        yield Finding(BAD, str(reason), "look at the kernel's log: a disk that fails is mounted so")
    except FolderError as reason:
        yield Finding(BAD, str(reason))


def _catalog(services: Services) -> Iterator[Finding]:
    engine = services.catalog.database.engine
    shown = engine.url.render_as_string()
    if engine.dialect.name == "sqlite":
        path = Path(engine.url.database or "")
        if not path.exists():
            yield Finding(GOOD, f"there is no catalog at {path} yet; the first start makes it")
            return
        if on_network(path):
            yield Finding(
                BAD,
                f"{path} is on a network, where SQLite's locks are known to fail",
                "put catalog.db on a local disk",
            )
        if (damaged := quick_check(path) or damage.noted(services.places)) is not None:
            yield Finding(BAD, damaged, "end watcher, and follow guide/damaged.md")
            return
    try:
        revision = engines.revision_of(engine)
    except CatalogError as reason:
        yield Finding(BAD, str(reason), "see catalog.url, and guide/backup.md to restore it")
        return
    if revision is not None and revision > engines.HEAD:
        yield Finding(BAD, f"the catalog is of a newer watcher (schema {revision})", "install that version again")
    elif revision != engines.HEAD:
        yield Finding(
            WARN,
            f"the next start brings the catalog from schema {revision or 'none'} to {engines.HEAD}",
            "watcher backup first",
        )
    else:
        yield Finding(GOOD, f"the catalog at {shown}: {services.catalog.clips.listed_count():,} clips")
        if services.places.video.is_dir() and (
            problem := services.root.marker_problem(services.catalog.database.catalog_id() or "")
        ):
            yield Finding(BAD, problem)


def _nginx(services: Services) -> Iterator[Finding]:
    try:
        program = nginx.find_nginx()
        yield Finding(GOOD, f"nginx {'.'.join(map(str, nginx.nginx_version(program) or ('?',)))} ({program})")
        with tempfile.TemporaryDirectory(prefix="watcher-") as folder:
            scratch = Places(Path(folder))
            scratch.make()
            nginx.write_settings(scratch, services.settings)
            listen = f"unix:{folder}/socket"
            nginx.write_main(scratch, services.settings, nginx=program, listen=listen, log=None)
            nginx.test(program, scratch, dict(os.environ))
        yield Finding(GOOD, "nginx accepts what these settings make of its configuration")
    except StartError as reason:
        yield Finding(BAD, str(reason))


def _events(services: Services) -> Iterator[Finding]:
    """The kernel watches each folder by itself, and only so many."""
    limit = Path("/proc/sys/fs/inotify/max_user_watches")
    if services.settings.video.watch == "poll" or not limit.exists() or not services.places.video.is_dir():
        return
    until, count = time.monotonic() + LOOK_SECONDS, 0
    for count, _ in enumerate(os.walk(services.places.video), start=1):
        if time.monotonic() > until or count >= FOLDERS_MOST:
            break
    most = int(limit.read_text(encoding="ascii"))
    if count * 2 > most:
        yield Finding(
            WARN,
            f"{count:,} folders are to be watched, and all programs of a user may watch {most:,}",
            f"sysctl -w fs.inotify.max_user_watches={max(524288, 4 * count)}, and in /etc/sysctl.d to keep it",
        )
    else:
        yield Finding(GOOD, f"{count:,} folders are watched, of {most:,} that may be")


def _decoder(services: Services) -> Iterator[Finding]:
    """A worker that says of nothing that it is no clip can decode."""
    worker = Worker(timeout_seconds=services.settings.render.timeout_seconds)
    try:
        worker.ask_probe(os.devnull)
        worker.answer()
    except ClipError:
        yield Finding(GOOD, "posters and sprites can be made")
        if worker.wall is not None:
            text = f"decoders work {described(worker.wall.held, worker.wall.holes)}"
            remedy = "let the kernel or the container allow seccomp or Landlock" if worker.wall.holes else ""
            yield Finding(WARN if worker.wall.holes else GOOD, text, remedy)
    except WorkerError as reason:
        yield Finding(BAD, f"no posters: {reason}", "install watcher again with its dependencies (PyAV)")
    finally:
        worker.close()


def _labels(services: Services) -> Iterator[Finding]:
    """Of a model that looks at clips, where that is asked for: it is really started."""
    settings = services.settings.labels
    if not settings.enabled:
        return
    from watcher.labels.labeller import Labeller  # noqa: PLC0415 - what is off costs nothing
    from watcher.labels.model import model_of  # noqa: PLC0415

    model = model_of(settings, services.places)
    if model.problem is not None:
        yield Finding(BAD, model.problem, "give labels.model a file that is there" if model.own else "make labels")
        return
    worker = Labeller.worker(services, model)
    try:
        worker.ask_inspect(os.devnull, 0)
        worker.answer()
    except ClipError:
        yield Finding(GOOD, f"{model.name} can look at clips")
    except WorkerError as reason:
        yield Finding(BAD, f"no labels by a model: {reason}", "make labels, or another labels.model")
    finally:
        worker.close()


def _stores(services: Services) -> Iterator[Finding]:
    """Each is really used: an object goes there, comes back, and is removed."""
    if services.settings.stores:
        from watcher.ops.store_findings import findings  # noqa: PLC0415 - what is off costs nothing

        yield from findings(services.settings.stores)


def _running(services: Services) -> Iterator[Finding]:
    if not services.places.run.is_dir() or not os.access(services.places.run, os.W_OK):
        return
    try:
        with only_one(services.places.run / INGESTER, "it runs"):
            yield Finding(GOOD, "watcher does not run on this data folder")
    except StartError:
        yield Finding(GOOD, "watcher runs on this data folder")


LOOKS: tuple[Callable[[Services], Iterator[Finding]], ...] = (
    _machine, _folders, _catalog, _nginx, _events, _decoder, _labels, _stores, _running,
)  # fmt: skip
