"""Reconcile the catalog with the disk: events are hints, the scan is the truth.

Two ordered streams are merged, the walk of the disk and the catalog by key, so memory does not grow with the
number of files. What differs comes out as findings. A `Comparison` acts on them, the ingester's and that of
`watcher scan`; `watcher check` only tells them.
"""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from watcher.catalog import Catalog
from watcher.ingest.newest_first import Worklist
from watcher.storage.video_root import Blind, Report, VideoRoot

RECENT = timedelta(minutes=10)  # a tree is rarely emptied in one instant
FEW = 10  # so many clips may go at once from any catalog without a question


class Difference(enum.Enum):
    """How disk and catalog differ about a key."""

    NEW = "not in the catalog"
    CHANGED = "changed on disk"
    RETURNED = "back on disk"
    GONE = "gone from disk"


class Finding(NamedTuple):
    """One key about which disk and catalog differ; without a difference they agree."""

    key: str
    difference: Difference | None
    mtime_ns: int = 0  # of the file, where there is one
    deferred: bool = False  # it comes again, once everything has been seen
    due: bool = False  # it was deferred, and its turn has come to be read


def reconcile(root: VideoRoot, catalog: Catalog, report: Report, prefix: str = "") -> Iterator[Finding]:
    """Compare the files below a folder with the clips below it, in the order of keys.

    Below a folder that cannot be read nothing is said to be gone. Yields a finding for every file and for
    every clip without one, so that a caller can pause, count and show progress.
    """
    rows = catalog.files.known(prefix)
    row = next(rows, None)
    blind: str | None = None
    for entry in root.walk(prefix, report):
        key = entry[0]
        # Plain indexes below: this loop runs once per file of the collection.
        while row is not None and row[0] < key:
            if row[3] != "missing" and not (blind is not None and row[0].startswith(blind)):
                yield Finding(row[0], Difference.GONE)
            row = next(rows, None)
        if isinstance(entry, Blind):
            blind = entry.prefix
        elif row is None or row[0] != key:
            yield Finding(key, Difference.NEW, entry[2])
        else:
            if row[3] == "missing":
                yield Finding(key, Difference.RETURNED, entry[2])
            elif row[1] != entry[1] or row[2] != entry[2]:
                yield Finding(key, Difference.CHANGED, entry[2])
            else:
                yield Finding(key, None, entry[2])
            row = next(rows, None)
    while row is not None:
        if row[3] != "missing" and not (blind is not None and row[0].startswith(blind)):
            yield Finding(row[0], Difference.GONE)
        row = next(rows, None)


def newest_first(
    findings: Iterator[Finding],
    moment: Callable[[str, int], float],
    folder: Path,
    *,
    again: bool = False,
) -> Iterator[Finding]:
    """The same findings, the files that are to be read after all others and the newest of them first.

    A year of clips that is moved in takes minutes, and what people look for is mostly what happened last. Each
    such file is yielded twice: `deferred` when it is seen, so that a caller can count and pause, and when it is
    `due`. `moment` tells about when a file's recording began, in seconds since 1970, from its key and mtime;
    `again` has unchanged files read too. More than can be kept in memory waits in a file in `folder`.
    """
    with contextlib.closing(Worklist(folder)) as work:
        for finding in findings:
            key, difference, mtime_ns = finding[:3]
            if difference is Difference.GONE or (difference is None and not again):
                yield finding
            else:
                work.add(moment(key, mtime_ns), key, difference.name if difference else "")
                yield finding._replace(deferred=True)
        for key, name in work:
            yield Finding(key, Difference[name] if name else None, due=True)


def too_many_missing(
    catalog: Catalog, count: int, *, share: float, now: datetime, stores: Sequence[str] = ()
) -> str | None:
    """Why so many clips must not be marked missing at once, in a sentence for people; None if they may.

    Those that went missing in the last ten minutes count too, since events tell of them one by one. `stores` are
    the names of those where they may lie, which a catalog from a backup does not know.
    """
    if not count:
        return None
    present = catalog.clips.listed_count() - catalog.stored.listed()
    recent = catalog.clips.missing_since(now - RECENT)
    going, before = count + recent, max(present, count) + recent
    emptied = count >= before - recent and going > 1 and before > 1
    if not emptied and going <= max(FEW, share * before):
        return None
    return (
        f"{count:,} of {before:,} clips are gone from disk at once ({recent:,} more in the last minutes): none of "
        "them is marked missing. If they were removed on purpose, run: watcher scan --accept-missing"
        + "".join(f". {way_back(name)}" for name in stores)
    )


def way_back(store: str) -> str:
    """How clips are had back that went to a store after the backup that the catalog is from."""
    return (
        f"What went to the store {store} after the backup that this catalog is from, "
        f"`watcher scan --store {store}` brings back"
    )
