"""Retiring: how a clip's file is removed, and the sweep that finishes what a crash cut off.

1. it is looked whether the file can go, 2. the row becomes `retired`: listed no more, 3. the file goes, or into the
bin, 4. the renditions go, 5. the row frees its key.
A crash after 2, 3 or 4 leaves a retired row whose key is not free: the sweep after the next scan goes on from
there. The other way round a crash would leave a clip that is listed and cannot be played. Where 3 fails after all
the row goes back to what it was: no clip is given up whose file stays and is served.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from watcher.catalog import Catalog, Probed
from watcher.catalog.retired import Retired
from watcher.catalog.stored import GIVEN_UP
from watcher.ingest.ingest import Ingest
from watcher.model.clip import LISTED_STATES, ClipState
from watcher.model.clock import Clock
from watcher.model.errors import ClipNotFoundError, NotInBinError, RootAwayError, TakenError, WatcherError
from watcher.naming.ignore import printable
from watcher.retention.rules import limits_of
from watcher.services import Services
from watcher.storage import permission
from watcher.storage.bin import Bin, Binned, name_of
from watcher.storage.folders import held
from watcher.storage.look import look_of
from watcher.storage.video_root import VideoRoot

log = logging.getLogger("watcher.retention")

BIN_FLOOR = 2  # times the larger floor of free space, below which the bin is emptied
REMEMBERED = timedelta(days=30)  # for which the feed of changes tells that a clip was retired


class Retention:
    """Removes clips, when a person or a rule says so."""

    def __init__(
        self,
        *,
        root: VideoRoot,
        catalog: Catalog,
        ingest: Ingest,
        renditions: Path,
        clock: Clock,
        bin_days: float = 0,
        bin_floor_bytes: int = 0,
        age: Callable[[str, bool], timedelta | None] = lambda _camera, _labeled: None,
    ) -> None:
        """`bin_days`: for so long files stay in the bin, but not while less than the floor is free on the disk.

        Nor for longer than the clip's own `age` by the rules, of its camera and whether it has a label.
        """
        self._root = root
        self._bin = Bin(root.folder)
        self._bin_days = bin_days
        self._age = age
        self._bin_floor = bin_floor_bytes
        self._catalog = catalog
        self._ingest = ingest
        self._renditions = renditions
        self._clock = clock

    @classmethod
    def of(cls, services: Services, ingest: Ingest | None = None) -> Retention:
        """The service's own; of a process that notes what it has in hand, by its `ingest`."""
        table = services.settings.retention
        return cls(
            root=services.root,
            catalog=services.catalog,
            ingest=ingest or Ingest.of(services),
            renditions=services.places.renditions,
            clock=services.clock,
            bin_days=table.bin_days,
            age=limits_of(table).age,
            # Above both floors, so that neither uploads nor clips make way for what was given up.
            bin_floor_bytes=BIN_FLOOR * max(table.min_free_bytes, services.settings.upload.min_free_bytes),
        )

    def retire(self, clip_id: int, *, revision: int | None = None, past_bin: bool = False) -> None:
        """Give a clip up and remove its file; `past_bin` for good, also what is in the bin already.

        It goes through the bin even so: a crash in between leaves it there.
        Raises ClipNotFoundError, HeldError, ChangedError if it is not at the `revision` that is meant, what
        `check` raises, and OSError if the file cannot be removed after all: then the clip is what it was.
        """
        clip = self._catalog.clips.get(clip_id)
        if clip.state is not ClipState.RETIRED and clip.store is None:
            self.check(clip.key)
        retired = self._catalog.retired.retire(clip_id, revision=revision, now=self._clock.now())
        if retired is not None:
            self._remove_or_keep(retired)
        if past_bin:
            self._catalog.stored.drop(clip_id)
        if past_bin and (name := self._name_in_bin(clip_id)) is not None:
            with permission.explained(self._bin.folder):
                self._bin.remove(name)
            log.info("clip %d went from the bin for good", clip_id)

    def check(self, key: str) -> None:
        """Raise why the file of a key cannot be removed now: RootAwayError, ReadOnlyError, FolderError."""
        self._root.check_removable(key)
        if self._may_bin():
            permission.check_folder(self._bin.folder)

    def restore(self, clip_id: int) -> str:
        """Have a retired clip back from the bin; its key. It is ready as soon as the ingester has seen its file.

        1. its row says `missing`, under its own key, 2. the file gets its name back, 3. the ingester finds it. A
        crash after 1 leaves it in the bin: `tidy_bin` goes on from there.

        Raises NotInBinError, TakenError if anything else has the name, RootAwayError, ReadOnlyError, FolderError,
        and OSError.
        """
        if self._waits_in_store(clip_id):
            return self._catalog.retired.revive(clip_id, now=self._clock.now(), by_request=True)
        name = self._name_in_bin(clip_id)
        if name is None:
            raise NotInBinError(f"the clip {clip_id} is not in the bin")
        clip = self._catalog.clips.get(clip_id)
        if Path(self._root.path(clip.key)).exists():
            raise TakenError(f"another file is called {clip.key} now")
        self._root.check_mounted()
        for folder in (self._bin.folder, self._root.path(clip.key).rpartition("/")[0]):
            permission.check_folder(folder)
        key = clip.key
        if clip.state is ClipState.RETIRED:
            key = self._catalog.retired.revive(clip_id, now=self._clock.now(), by_request=True)
        try:
            self._give_back(name, key)
        except (FileExistsError, NotADirectoryError):
            raise TakenError(f"another file is called {key} now") from None
        log.info("%s is back from the bin", printable(key))
        return key

    def in_bin(self, clip_id: int) -> bool:
        """Whether a clip can be had back."""
        return self._waits_in_store(clip_id) or self._name_in_bin(clip_id) is not None

    def _waits_in_store(self, clip_id: int) -> bool:
        """Whether the object of a retired clip is there for as long as its file would be in the bin."""
        lying = self._catalog.stored.get(clip_id)
        return lying is not None and lying.due == GIVEN_UP

    def _name_in_bin(self, clip_id: int) -> str | None:
        """A clip's file in the bin: of its own content, since a bin may be older than its catalog."""
        digest = self._catalog.retired.gone([clip_id]).get(clip_id)
        name = None if digest is None else name_of(clip_id, digest)
        return name if name is not None and self._bin.has(name) else None

    def binned(self) -> list[Binned]:
        """What is in the bin, the eldest first."""
        return self._bin.files()

    def bin_lacks(self) -> int:
        """How many bytes the disk has too few free for a bin. Raises OSError."""
        return max(0, self._bin_floor - self._root.free_bytes())

    def tidy_bin(self, *, wanted_bytes: int = 0) -> int:
        """Remove for good what has been in the bin for too long, and the eldest until so many bytes are removed.

        Returns how many were. Raises ReadOnlyError, FolderError, and OSError.
        """
        binned, removed = self._bin.files(), 0
        too_old = self._too_old(binned)
        missing = self._catalog.retired.gone([entry.clip_id for entry in binned], states=(ClipState.MISSING,))
        there = self._catalog.retired.gone([entry.clip_id for entry in binned], states=LISTED_STATES)
        for entry in binned:
            if entry.name == name_of(entry.clip_id, missing.get(entry.clip_id, "-")) and self._finish_restore(
                entry
            ):
                continue
            if entry.clip_id in there and self._drop_second_name(entry):
                continue
            if entry.clip_id in too_old or removed < wanted_bytes:
                with permission.explained(self._bin.folder):
                    self._bin.remove(entry.name)
                removed += entry.size_bytes
                log.info("clip %d went from the bin for good", entry.clip_id)
        return removed

    def _too_old(self, binned: list[Binned]) -> set[int]:
        """The clips whose files have been in the bin for long enough."""
        now, days = self._clock.now(), timedelta(days=self._bin_days)
        whose = self._catalog.retired.whose([entry.clip_id for entry in binned])

        def kept_until(entry: Binned) -> datetime:
            camera, labeled = whose.get(entry.clip_id, ("", False))
            return entry.at + min(days, self._age(camera, labeled) or days)

        return {entry.clip_id for entry in binned if kept_until(entry) < now}

    def _give_back(self, name: str, key: str) -> None:
        """Give a file in the bin its key. Raises what `VideoRoot.give` does.

        1. it gets its key, 2. it loses the name in the bin. A crash after 1 leaves both; the clip is back.
        """
        with self._bin.held(name) as source:
            self._root.give(source, key)
        self._bin.remove(name)

    def _finish_restore(self, entry: Binned) -> bool:
        """Go on with a `restore` that a crash cut off; False where its name is taken."""
        try:
            self._give_back(entry.name, self._catalog.clips.get(entry.clip_id).key)
        except (FileExistsError, NotADirectoryError):
            return self._drop_second_name(entry)
        return True

    def _drop_second_name(self, entry: Binned) -> bool:
        """Remove the name in the bin of a file that has its key too; False where another file has that."""
        with contextlib.suppress(OSError), self._bin.held(entry.name) as path:
            if path.samefile(self._root.path(self._catalog.clips.get(entry.clip_id).key)):
                self._bin.remove(entry.name)
                return True
        return False

    def sweep(self) -> None:
        """Finish what a crash or a read-only disk left half done, and forget what was retired long ago."""
        with contextlib.suppress(RootAwayError):  # the files may well be there, and go when their disk is back
            self._root.check_mounted()
            for retired in self._catalog.retired.unswept():
                try:
                    self._remove_or_keep(retired)
                except (OSError, WatcherError) as reason:
                    log.error("%s was to go and is kept: %s", printable(retired.key), reason)
        while self._catalog.retired.forget(self._clock.now() - REMEMBERED):
            pass
        self._catalog.writes.mark_scanned()  # this is the end of one

    def _remove_or_keep(self, retired: Retired) -> None:
        """Remove a clip's file and what was made of it; where its file stays, let the clip be what it was.

        Raises what kept the file.
        """
        try:
            with permission.explained(self._root.path(retired.key).rpartition("/")[0]):
                self._remove_file(retired)
        except (OSError, WatcherError):
            # 1. it is missing, with its labels, 2. its file is read again. A scan goes on after a crash in between.
            with contextlib.suppress(ClipNotFoundError):  # another process was quicker
                self._catalog.retired.revive(retired.id, now=self._clock.now())
                outcome = self._ingest.examine(retired.key, finished=True)
                self._ingest.put([outcome] if isinstance(outcome, Probed) else [])
            raise
        try:
            for rendition in retired.renditions:
                (self._renditions / rendition).unlink(missing_ok=True)
        except OSError as reason:
            log.warning("pictures of %s stay until the next sweep: %s", printable(retired.key), reason)
            return
        self._catalog.retired.swept(retired.id)
        log.info("%s was removed", printable(retired.key))

    def _remove_file(self, retired: Retired) -> None:
        if retired.store is None:
            self._root.check_mounted()
        look = self._root.look(retired.key)
        # Another file that took the name meanwhile is nobody's to remove: it becomes a clip of its own.
        same = look is not None and look.inode in {0, retired.inode % 2**64}  # 0: nobody knows
        if look is not None and same and look.fingerprint == retired.fingerprint:
            name = name_of(retired.id, retired.digest)
            # What was looked at is what goes, though a link be put in its folder's place in between.
            with held(str(self._root.folder), retired.key) as path:
                if look_of(retired.key, os.lstat(path)).fingerprint != look.fingerprint:
                    return
                # Of one that lies in a store this is left of its moving there.
                if not (retired.store is None and self._may_bin() and self._bin.put(path, name)):
                    Path(path).unlink()

    def _may_bin(self) -> bool:
        """Whether what is retired goes into the bin: not while there is too little room for those to come."""
        return bool(self._bin_days) and self._root.has_room(self._bin_floor)
