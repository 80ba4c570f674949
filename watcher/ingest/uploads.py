"""Uploads: from a body in the spool to a clip.

1. the name, the size, the disk and the day's share are looked at, before a byte is spooled where the length is
known, 2. the body is verified: digests that were sent, boxes whole, 3. it is synced and gets its key, where there
is no file, 4. its row is written, 5. the answer says so.
A crash before 3 leaves something in the spool, which expires. A crash after 3 leaves a whole file that the next
scan adopts by its name; the client, which has no answer, sends it again and is told that it is there.
"""

from __future__ import annotations

import contextlib
import hmac
import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import NamedTuple

from watcher.catalog import Catalog
from watcher.ingest.budget import Budget, Limits
from watcher.ingest.ingest import Ingest
from watcher.media.boxes import begins_like_a_movie, read_movie
from watcher.model.clip import Clip
from watcher.model.clock import Clock
from watcher.model.errors import (
    BadParameterError,
    BrokenClipError,
    DigestError,
    NotIsoMediaError,
    TakenError,
    TooLargeError,
)
from watcher.model.instant import Instant, at_zone
from watcher.naming.ignore import printable
from watcher.naming.upload_names import camera_name, key_for, name_for
from watcher.services import Services
from watcher.storage.permission import check_folder
from watcher.storage.spool import Spool, digest
from watcher.storage.upload import Lives, Upload
from watcher.storage.video_root import VideoRoot

log = logging.getLogger("watcher.uploads")

# Sending it again, or waiting, would not help.
FOR_GOOD = (BadParameterError, BrokenClipError, DigestError, TakenError, TooLargeError)
NAMES_MOST = 50  # of one moment, that are tried for what comes without a name


class Received(NamedTuple):
    """A clip that was sent, and whether it was not here before."""

    clip: Clip
    fresh: bool


def open_spool(services: Services) -> Spool:
    """Uploads in flight."""
    upload = services.settings.upload
    return Spool(services.places.spool, Lives(upload.expire_hours * 3600, upload.longest_hours * 3600))


class Uploads:
    """Takes in what cameras send."""

    def __init__(
        self,
        *,
        root: VideoRoot,
        catalog: Catalog,
        ingest: Ingest,
        spool: Spool,
        run: Path,
        clock: Clock,
        zone: tzinfo,
        limits: Limits,
        stores: bool = False,
    ) -> None:
        """`stores`: clips may lie elsewhere, so that a name may be taken that no file has."""
        self._stores = stores
        self.spool = spool
        self.limits = limits
        self._root = root
        self._catalog = catalog
        self._ingest = ingest
        self._clock = clock
        self._zone = zone
        self.budget = Budget(root=root, catalog=catalog, spool=spool, run=run, limits=limits, today=self._today)

    @classmethod
    def of(cls, services: Services, ingest: Ingest | None = None) -> Uploads:
        """The service's own; of a process that notes what it has in hand, by its `ingest`."""
        upload = services.settings.upload
        return cls(
            root=services.root,
            catalog=services.catalog,
            stores=bool(services.settings.stores),
            ingest=ingest or Ingest.of(services),
            spool=open_spool(services),
            run=services.places.run,
            clock=services.clock,
            zone=services.settings.zone,
            limits=Limits(
                clip_bytes=upload.max_bytes,
                day_bytes=upload.max_bytes_per_day,
                free_bytes=upload.min_free_bytes,
                chunked_bytes=upload.chunked_bytes,
                bodies=upload.max_parallel,
                parts=upload.max_unfinished,
            ),
        )

    def check(self, camera: str, name: str, size: int | None) -> None:
        """Whether an upload of so many bytes (None: not known yet) may begin; an empty name is chosen later.

        Whether there is room for it, the budget tells.
        Raises BadParameterError, TooLargeError, and what `VideoRoot.check_writable` raises.
        """
        self.check_folder(self._check_size(camera, name, size).rpartition("/")[0])

    def _check_size(self, camera: str, name: str, size: int | None) -> str:
        key = key_for(camera, name, self._root.ignoring) if name else f"{camera_name(camera)}/-"
        if size is not None and size > self.limits.clip_bytes:
            raise TooLargeError(f"a clip may have {self.limits.clip_bytes:,} bytes; this one has {size:,}")
        return key

    def check_folder(self, folder: str) -> None:
        """Raise why nothing can be taken into a folder now: what `VideoRoot.check_writable` raises."""
        self._root.check_writable(folder)
        check_folder(str(self.spool.folder))

    def here(self, camera: str, name: str, size: int, sha256: str) -> Clip | None:
        """The clip of this name, if it has these bytes already."""
        if not name:
            return None
        key = key_for(camera, name, self._root.ignoring)
        look = self._root.look(key)
        if look is None and self._stores and (lying := self._catalog.stored.find(key)) is not None:
            same = lying.size_bytes == size and lying.sha256 == sha256
            return self._catalog.clips.get(lying.id) if same else None
        if look is None or look.size_bytes != size or self._root.sha256(key) != sha256:
            return None
        self._root.sync(key)  # whoever brought it: a sender may remove its own copy now
        return self._catalog.clips.by_key(key)

    def receive(
        self,
        body: Path,
        camera: str,
        name: str,
        *,
        start: Instant | None = None,
        begun_at: datetime | None = None,
        digests: Mapping[str, bytes] | None = None,
    ) -> Received:
        """Take in a whole body as this clip of a camera; an empty name is chosen by its start, else by `begun_at`.

        The same bytes under the same name are the same clip. `digests` are what the sender told, by algorithm.
        Raises what `check` raises, DigestError, NotIsoMediaError, BrokenClipError, TakenError.
        """
        size = body.stat().st_size
        self._check_size(camera, name, size)  # not the disk: it has its place there, and a link needs none
        for algorithm, expected in (digests or {}).items():
            if not hmac.compare_digest(digest(body, algorithm), expected):
                raise DigestError(f"its {algorithm} is not the one that was sent: send it again")
        with body.open("rb") as file:
            try:
                read_movie(file.fileno(), size)
            except BrokenClipError as reason:
                if begins_like_a_movie(os.pread(file.fileno(), 8, 0)):
                    raise
                raise NotIsoMediaError(str(reason)) from reason
            except (ArithmeticError, LookupError, ValueError, RecursionError, MemoryError) as reason:
                raise BrokenClipError(f"its index cannot be read ({type(reason).__name__})") from reason
        return self._file(body, camera, name, size, start, begun_at or self._clock.now())

    def drop(self, body: Path, camera: str, name: str, *, picture: bool) -> str:
        """File a file as if it had been dropped into the camera's folder. Returns its key.

        For senders that cannot be asked to mend anything: what is cut off is kept, and listed as broken by the
        ingester; a name that is taken by other bytes gets a number. Raises BadParameterError, and what
        `VideoRoot.check_writable` raises.
        """
        size = body.stat().st_size
        stem, _, suffix = name.rpartition(".")
        if picture:
            key_for(camera, f"{stem}.mp4", self._root.ignoring)  # the same rule for its name
        for number in range(1, NAMES_MOST):
            key = f"{camera}/{stem}{'' if number == 1 else f'-{number}'}.{suffix}"
            if not picture:
                key_for(camera, key.partition("/")[2], self._root.ignoring)
            try:
                self._root.commit(body, key)
            except FileExistsError:
                if self._same(body, size, key):
                    return key
                continue
            if not picture:
                with contextlib.suppress(
                    BrokenClipError
                ):  # not whole: the ingester sees to it, as to what is dropped
                    self._ingest.adopt(key, camera=camera, start=None)
            self._catalog.sent.note(camera, self._today(), size)
            return key
        raise TakenError(f"{camera} has sent {NAMES_MOST} files of this name")

    def finish(self, upload: Upload) -> Received:
        """Let a whole resumable upload become its clip; whoever calls holds it.

        What cannot be taken as it is (no clip, the name of another) is dropped: sending more of it would not help.
        What cannot be taken now (a full disk, a catalog that is away) stays, and is tried again, here or by the
        ingester. The name of one without is chosen by when it was begun, so that it is the same each time.
        """
        part, _ = upload.part()
        start = None if part.started_at is None else at_zone(datetime.fromisoformat(part.started_at), self._zone)
        begun_at = datetime.fromtimestamp(part.begun_at, UTC) if part.begun_at else None
        digests = None if part.sha256 is None else {"sha256": bytes.fromhex(part.sha256)}
        try:
            done = self.receive(
                upload.file, part.camera, part.name, start=start, begun_at=begun_at, digests=digests
            )
        except FOR_GOOD:
            self.give_up(upload)
            raise
        upload.finish(done.clip.id)
        self.budget.release(upload.id)
        return done

    def give_up(self, upload: Upload) -> None:
        """Remove a resumable upload."""
        upload.drop()
        self.budget.release(upload.id)

    def _file(
        self, body: Path, camera: str, name: str, size: int, start: Instant | None, begun_at: datetime
    ) -> Received:
        moment = (start.at if start else begun_at).astimezone(self._zone)
        for number in range(1, NAMES_MOST):
            key = key_for(camera, name or name_for(moment, number), self._root.ignoring)
            if self._stores and (lying := self._catalog.stored.find(key)) is not None:
                if lying.size_bytes == size and lying.sha256 == digest(body, "sha256").hex():
                    return Received(self._catalog.clips.get(lying.id), fresh=False)
                if name:
                    raise TakenError(f"{key} is another clip, of other bytes")
                continue
            try:
                self._root.commit(body, key)
            except FileExistsError:
                if self._same(body, size, key):
                    return Received(self._ingest.adopt(key, camera=camera, start=start), fresh=False)
                if name:
                    raise TakenError(f"{key} is another clip, of other bytes") from None
                continue
            except (NotADirectoryError, IsADirectoryError):
                raise BadParameterError("name", f"{key} cannot be a file: something else is on the way") from None
            clip = self._ingest.adopt(key, camera=camera, start=start)
            self._catalog.sent.note(camera, self._today(), size)
            log.info("%s was sent: %d bytes", printable(key), size)
            return Received(clip, fresh=True)
        raise TakenError(f"{camera} has sent {NAMES_MOST} clips of this moment: give them names")

    def _same(self, body: Path, size: int, key: str) -> bool:
        look = self._root.look(key)
        return look is not None and look.size_bytes == size and self._root.same_bytes(body, key)

    def _today(self) -> str:
        return f"{self._clock.now().astimezone(self._zone):%Y-%m-%d}"
