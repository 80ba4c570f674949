"""Makes exports, one at a time: films of a time, joined from clips, and a manifest that says what they hold.

The steps of one: 1. a folder of its own, made anew, 2. the films, 3. the manifest, 4. its row says so. A crash
before 4 makes it again. One that is given up or too old goes the other way round: its row, then its folder; what a
crash leaves in between goes at the next start. Clips are only ever read.
"""

from __future__ import annotations

import glob
import logging
import os
import re
import shutil
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from watcher.catalog.exports import Export, ExportFile
from watcher.model import serialize
from watcher.model.clip import ClipFilter, ClipState, moment
from watcher.model.errors import NotNowError, RenderError, WatcherError
from watcher.renditions.jobs import Jobs
from watcher.services import Services
from watcher.tiering.footage import Footage

log = logging.getLogger("watcher.ingester")

FOLDER = "exports"  # below that of the renditions
MANIFEST = "manifest.json"
GAP_MS = 1000  # cameras tell their time in seconds: less is no gap
HEADERS_BYTES = 64 << 20  # that films may have beside what their clips have


class _GivenUpError(NotNowError):
    """Nobody wants it any more."""


class Exports(Jobs):
    """Makes the exports that people asked for."""

    def __init__(self, services: Services) -> None:
        super().__init__(services, "exports")
        self._settings = services.settings.export
        self._folder = services.places.renditions / FOLDER
        self._footage = Footage.of(services, lasting="films")

    def begin(self) -> None:
        """Remove what a crash has left, and forget what is not there."""
        self._folder.mkdir(exist_ok=True)
        self._footage.copies.clear()
        for export in self.catalog.exports.all():
            if (
                export.done_ms is not None
                and export.error is None
                and not (self._folder_of(export) / MANIFEST).is_file()
            ):
                self.catalog.exports.drop(export.id)

    def drop_spent(self) -> None:
        """Forget exports that are too old, and remove the folders that no row names."""
        before = self.services.clock.now() - timedelta(days=self._settings.keep_days)
        exports = self.catalog.exports.all()
        for export in exports:
            if export.done_ms is not None and moment(export.done_ms) < before:
                self.catalog.exports.drop(export.id)
                self._remove_folder(export)
        names = {str(export.id) for export in exports}
        for path in self._folder.iterdir():
            if path.name not in names:
                shutil.rmtree(path, ignore_errors=True)

    def make(self) -> None:
        """Make what is wanted, one after the other; one that fails by a fault of ours does not stop the others."""
        failed = False
        for export in self.catalog.exports.to_make():
            success = False
            try:
                self._make(export)
                success = True
            except _GivenUpError:
                pass
            except NotNowError:
                raise
            except Exception:
                log.exception("export %d: trying again in a while", export.id)
                failed = True
            finally:
                if not success:
                    self._remove_folder(export)  # half of it is of no use, and takes room
        if failed:
            raise NotNowError

    def _remove_folder(self, export: Export) -> None:
        shutil.rmtree(self._folder_of(export), ignore_errors=True)

    def _folder_of(self, export: Export) -> Path:
        return self._folder / str(export.id)

    def _make(self, export: Export) -> None:
        folder, now = self._folder_of(export), self.services.clock.now
        self.must_have_room()
        self._note_share(export, 0.0)
        self._remove_folder(export)
        folder.mkdir()
        try:
            parts = [self._film(export, number, camera) for number, camera in enumerate(export.cameras)]
            if not any(part["files"] for part in parts):
                raise RenderError(
                    next((out["reason"] for part in parts for out in part["left_out"]), "no clips are left")
                )
            size = self._write_manifest(export, folder, parts)
        except RenderError as reason:
            self.must_have_room()  # or the disk is what went wrong
            log.warning("export %d: %s", export.id, reason)
            self._remove_folder(export)
            self.catalog.exports.set_error(export.id, str(reason), now=now())
            return
        files = [_file(part["camera"], file) for part in parts for file in part["files"]]
        if not self.catalog.exports.set_done(export.id, files, size, now=now()):
            raise _GivenUpError
        log.info("export %d: %d files of %s bytes", export.id, len(files), f"{size:,}")

    def _film(self, export: Export, number: int, camera: str) -> dict[str, Any]:
        """Have the films of one camera made; copies of its clips in buckets lie here meanwhile."""
        try:
            return self._filmed(export, number, camera)
        finally:
            self._footage.copies.clear()

    def _filmed(self, export: Export, number: int, camera: str) -> dict[str, Any]:
        clips, left_out = self._sources(export, camera)
        if not clips:
            return {"camera": camera, "files": [], "left_out": left_out}
        plain, begins = _plain(camera), serialize.utc_of(max(export.from_ms, clips[0]["started_ms"]))
        again = f"-{number}" if plain in map(_plain, export.cameras[:number]) else ""
        job = {
            "clips": clips,
            "folder": str(self._folder_of(export)),
            "stem": f"{plain}-{begins[:19].replace('-', '').replace(':', '')}Z{again}",
            "camera": camera,
            "from_ms": export.from_ms,
            "to_ms": export.to_ms,
            "cut": export.cut,
            "most_bytes": 2 * sum(clip["size_bytes"] for clip in clips) + HEADERS_BYTES,
        }
        tell = partial(self._note_camera_share, export, number)
        films, harmful = self._joined(job, tell)
        return {"camera": camera, "files": films["files"], "left_out": left_out + harmful + films["left_out"]}

    def _joined(self, job: dict[str, Any], tell: Callable[[float], None]) -> tuple[Any, list[dict[str, Any]]]:
        """Have a worker do a job; what it made, and the clips that crashed it twice, which are left out."""
        harmful: list[dict[str, Any]] = []
        blamed: int | None = None
        while job["clips"]:
            try:
                return self.work("watcher.workers.export", job, tell), harmful
            except RenderError as reason:
                at = next((clip for clip in job["clips"] if clip["id"] == self.about), None)
                if not reason.fatal or at is None:
                    raise
                for path in Path(job["folder"]).glob(f"{glob.escape(job['stem'])}*"):
                    path.unlink()
                if blamed == at["id"]:
                    job["clips"].remove(at)
                    harmful.append({"clip_id": at["id"], "key": at["key"], "reason": str(reason)})
                blamed = at["id"]
        return {"files": [], "left_out": []}, harmful

    def _sources(self, export: Export, camera: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """What a worker is told of a camera's clips; and those that are left out."""
        footage, zone = self._footage, self.services.settings.zone
        clips: list[dict[str, Any]] = []
        left_out: list[dict[str, Any]] = []
        clip_filter = ClipFilter(
            cameras=(camera,), states=(ClipState.READY,), from_at=moment(export.from_ms), to_at=moment(export.to_ms)
        )
        for clip in chain.from_iterable(self.catalog.clips.pages(clip_filter)):
            try:
                path = footage.path(clip.key)
            # Its store is away, or there is no room for a copy: rather no film than one that lacks what is there.
            except WatcherError as reason:
                raise RenderError(str(reason)) from None
            if path is None:
                left_out.append({"clip_id": clip.id, "key": clip.key, "reason": "its file is not there"})
                continue
            offset = clip.offset_seconds
            if offset is None:
                offset = round((clip.started_at.astimezone(zone).utcoffset() or timedelta()).total_seconds())
            clips.append(
                {
                    "id": clip.id,
                    "key": clip.key,
                    "path": path,
                    "container": clip.media_info.container if clip.media_info else None,
                    "size_bytes": clip.size_bytes,
                    "started_ms": clip.started_ms,
                    "ended_ms": clip.ended_ms,
                    "utc_offset": offset,
                }
            )
        return clips, left_out

    def _note_camera_share(self, export: Export, number: int, share: float) -> None:
        """So much of one camera's films is done."""
        self._note_share(export, (number + share) / len(export.cameras))

    def _note_share(self, export: Export, share: float) -> None:
        if not self.catalog.exports.set_share(export.id, share):
            raise _GivenUpError

    def _write_manifest(self, export: Export, folder: Path, parts: list[dict[str, Any]]) -> int:
        """Write down what the films hold, and make sure that all is on disk; the bytes of the films."""
        manifest = {
            "export": export.id,
            "from": serialize.utc_of(export.from_ms),
            "to": serialize.utc_of(export.to_ms),
            "cut": export.cut,
            "made_at": serialize.utc(self.services.clock.now()),
            "cameras": [
                {
                    "camera": part["camera"],
                    "files": [
                        {**file, "pieces": [_piece(piece) for piece in file["pieces"]]} for file in part["files"]
                    ],
                    "gaps": _gaps(export, [piece for file in part["files"] for piece in file["pieces"]]),
                    "left_out": part["left_out"],
                }
                for part in parts
            ],
        }
        path = folder / MANIFEST
        path.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2))
        for written in folder.iterdir():
            with written.open("rb") as file:
                os.fsync(file.fileno())
        return sum(file["size_bytes"] for part in parts for file in part["files"])


def _plain(camera: str) -> str:
    """A camera's name as part of a file's: letters and digits of any script.

    >>> _plain("Front door / 2"), _plain("../..")
    ('Front-door-2', 'camera')
    """
    return re.sub(r"[^\w]+", "-", camera).strip("-")[:60] or "camera"


def _file(camera: str, film: dict[str, Any]) -> ExportFile:
    return ExportFile(
        camera,
        film["name"],
        film["size_bytes"],
        film["sha256"],
        film["pieces"][0]["started_ms"],
        film["pieces"][-1]["ended_ms"],
        film["duration_seconds"],
    )


def _piece(film: dict[str, Any]) -> dict[str, Any]:
    return {
        "clip_id": film["clip_id"],
        "key": film["key"],
        "size_bytes": film["size_bytes"],
        "sha256": film["sha256"],
        "started_at": serialize.utc_of(film["started_ms"]),
        "ended_at": serialize.utc_of(film["ended_ms"]),
        "offset_seconds": film["offset_seconds"],
        "damage": film["damage"],
    }


def _gaps(export: Export, pieces: list[dict[str, Any]]) -> list[dict[str, str]]:
    """The times in which there is nothing of a camera."""
    gaps, until = [], export.from_ms
    for piece in pieces:
        if piece["started_ms"] - until > GAP_MS:
            gaps.append((until, piece["started_ms"]))
        until = max(until, piece["ended_ms"])
    if export.to_ms - until > GAP_MS:
        gaps.append((until, export.to_ms))
    return [{"from": serialize.utc_of(first), "to": serialize.utc_of(last)} for first, last in gaps]
