"""Is the process alive; is the service fit for work. Open to everybody, so it names no folder and no clip."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from datetime import datetime, timedelta

import sqlalchemy as sa
from flask import Blueprint, Response
from msgspec import UNSET

from watcher.catalog import check_schema
from watcher.model.access import Role
from watcher.model.clip import CameraSummary
from watcher.model.errors import (
    CatalogDamagedError,
    CatalogError,
    DiskFullError,
    ReadOnlyError,
    RootAwayError,
    WatcherError,
)
from watcher.model.schemas import StatusShape
from watcher.retention import forecast
from watcher.retention.rules import Rules
from watcher.storage import damage, permission, status
from watcher.web.http import wire
from watcher.web.http.auth import principal
from watcher.web.http.routes import route
from watcher.web.http.state import catalog, state

bp = Blueprint("health", __name__)

LEAST_FREE_BYTES = 64 << 20
_PROBLEMS = {  # the ingester's problems, as far as strangers may know; its log has the whole sentence
    "marker": "the video root is not the one of this catalog, or its disk is not mounted",
    "missing": "many clips are gone from disk at once; nothing was marked missing",
    "events": "native file events are not available; polling",
    "ingest": "the catalog cannot be written",
    "turn": "a part of the ingester's work failed; its log says which",
}
_DAMAGED = (
    "it is damaged, or its file was removed or replaced: clips go on playing; guide/damaged.md has the way back"
)
FOLDERS_MOST = 3  # that are named at once
FORESIGHT_SECONDS = 300.0
FOLDERS_SECONDS = 5.0  # before the folders are looked at again
QUIET = timedelta(days=1)  # after which a camera counts as silent, whatever its rhythm
TROUBLE_SECONDS = 10.0  # before what is wrong is counted anew for the bars
CHECKS = ("catalog", "disk", "ingester", *_PROBLEMS)


@route(bp, "/livez", role=None, answers=StatusShape)
def livez() -> Response:
    """Whether this process answers."""
    return wire.json_response(StatusShape("alive"), Cache_Control="no-store")


@route(bp, "/readyz", role=None, answers=StatusShape, problems=(503,))
def readyz() -> Response:
    """Whether database, disk and ingester are fine."""
    results = checks()
    ready = all(answer == "ok" for answer in results.values())
    body = StatusShape("ready" if ready else "not ready", results, warnings() or UNSET)
    return wire.json_response(body, 200 if ready else 503, Cache_Control="no-store")


def checks() -> dict[str, str]:
    """What was looked at: "ok", or what is wrong with it."""
    checks = {"catalog": _catalog(), "disk": _disk(), "ingester": "ok"}
    if not state().services.settings.ingest.here:  # it is another node's
        return checks
    state_file = status.read(state().services.places.status)
    if state_file is None:
        checks["ingester"] = "it is not running"
    else:
        ingester, age = state_file
        if age > status.STALE_SECONDS:
            checks["ingester"] = "it has not been heard of lately"
        for code in ingester.problems:
            checks[code] = _PROBLEMS.get(code, "see the ingester's log")
    return checks


def warnings() -> dict[str, str]:
    """What will be wrong before long, though nothing is yet."""
    now, at = state().services.clock.now(), full_at()
    if at is None or at - now > forecast.WARNING:
        return _warnings()
    full = f"it will be full on {at.astimezone(state().zone).date()}, at the rate of the last day"
    return {"disk": full} | _warnings()


def _warnings(*, look: bool = True) -> dict[str, str]:
    """Those but that the disk fills up, which reads a day of clips to know; folders are looked at if `look`."""
    warnings = {}
    with contextlib.suppress(OSError):  # the check of the disk tells
        if few := permission.space(state().services.places.video).few_inodes:
            warnings["inodes"] = few
    if (state_file := status.read(state().services.places.status)) is not None:
        warnings |= state_file[0].warnings
        if "stores" in warnings and not _is_admin():  # its sentence may name a folder, a bucket or a clip
            warnings["stores"] = "clips cannot be moved to or from a store; Status and the ingester's log tell why"
        if count := len(state_file[0].aside):
            what = "1 file is" if count == 1 else f"{count} files are"
            warnings["aside"] = f"{what} set aside; Status and the log tell which, and why"
    if unwritable := _unwritable(look=look):
        warnings["folders"] = f"{len(unwritable)} folders of clips cannot be written; `watcher doctor` names them"
        if _is_admin():
            warnings["folders"] = "; ".join(unwritable[:FOLDERS_MOST]) + (
                "; and more" if len(unwritable) > FOLDERS_MOST else ""
            )
    if waits := retention():
        warnings["retention"] = waits
    return warnings


def silent(cameras: Iterable[CameraSummary], *, hidden: bool = False) -> list[CameraSummary]:
    """Those of some cameras that should have left a clip, or left none for a day; `hidden`: those that are, too."""
    now = state().services.clock.now()
    return [
        summary
        for summary in cameras
        if (hidden or not summary.settings.hidden)
        and (summary.silent or (summary.silent_since and now - summary.silent_since > QUIET))
    ]


def last_broken(cameras: Iterable[CameraSummary]) -> list[CameraSummary]:
    """Those of some cameras whose last clip cannot be played; what is hidden is not looked at."""
    return [summary for summary in cameras if summary.last_broken and not summary.settings.hidden]


def trouble(*, look: bool = True) -> list[tuple[str, str]]:
    """What is wrong with the service, or will be before long; a disk that fills up is said beside the disk."""
    return [*((name, result) for name, result in checks().items() if result != "ok"), *_warnings(look=look).items()]


def trouble_counts() -> tuple[int, int, int]:
    """How many cameras are silent, how many left a broken clip last, and how many things `trouble` tells.

    Cameras are those that whoever asks may know. Every screen asks: it is counted once in a while, and no folder is
    looked at, which may take half a second.
    """
    at, known = state().services.clock.monotonic(), state().trouble
    if known is None or at - known[0] >= TROUBLE_SECONDS:
        try:
            every = catalog().clips.camera_summaries()
        except (CatalogError, sa.exc.DBAPIError):
            every = []  # the check of the catalog tells
        kinds = [tuple(summary.camera for summary in wrong) for wrong in (silent(every), last_broken(every))]
        known = state().trouble = (at, kinds, len(trouble(look=False)))
    mute, broken = (sum(principal().sees(camera) for camera in cameras) for cameras in known[1])
    return mute, broken, known[2]


def retention() -> str | None:
    """What retention waits with, or cannot keep to, as of its last sweep; of no camera, since anybody may ask."""
    if not Rules.of(state().services).limits.any:
        return None
    try:
        remembered = catalog().retention.remembered()
    except (CatalogError, sa.exc.DBAPIError):
        return None  # the check of the catalog tells
    if remembered is None:
        return None
    sentences = []
    if remembered.waiting:
        clips = sum(item.clips for item in remembered.waiting)
        sentences.append(
            f"{clips:,} clips wait: more would go than is ordinary in a day; see `watcher retention plan`"
        )
    if remembered.overshoot_bytes:
        size = f"{remembered.overshoot_bytes:,}"
        sentences.append(f"max_bytes is exceeded by {size} bytes of clips that were very old when they came")
    return "; ".join(sentences) or None


def _unwritable(*, look: bool) -> list[str]:
    """Why folders of clips cannot be written; looked up now and then, or as it was found last."""
    now, known = state().services.clock.monotonic(), state().unwritable
    if not look:
        return known[1] if known else []
    if known is None or now - known[0] >= FOLDERS_SECONDS:
        reasons = [str(reason) for reason in permission.unwritable(state().services.places.video)]
        known = state().unwritable = (now, reasons)
    return known[1]


def _is_admin() -> bool:
    """Whether whoever asks may know the names of folders."""
    try:
        return principal().may(Role.ADMIN)
    except WatcherError:
        return False


def full_at() -> datetime | None:
    """When the disk will be full; looked up once in some minutes, since it reads a day of clips."""
    now, known = state().services.clock.monotonic(), state().full_at
    if known is None or now - known[0] >= FORESIGHT_SECONDS:
        try:
            known = state().full_at = (now, forecast.disk_full_at(state().services))
        except (CatalogError, sa.exc.DBAPIError):
            return None  # the check of the catalog tells
    return known[1]


def _catalog() -> str:
    try:
        catalog().database.check_file()
        check_schema(catalog().database.engine)
    except CatalogDamagedError:
        return _DAMAGED
    except CatalogError:
        return "it cannot be read, or is of another version"
    return "ok" if damage.noted(state().services.places) is None else _DAMAGED


def _disk() -> str:
    try:
        state().services.root.check_writable(keep_bytes=LEAST_FREE_BYTES)
    except DiskFullError:
        try:
            roomy = permission.space(state().services.places.video).has_inodes
        except OSError:
            roomy = True
        return "it is full" if roomy else "it is full: it has no room for more files (inodes)"
    except RootAwayError:
        return "ok"  # the check of the marker tells, by the ingester, which looks once a second
    except ReadOnlyError:
        return "it is mounted read-only"
    except (OSError, WatcherError):
        return "the video root cannot be written"
    except sa.exc.DBAPIError:
        return "ok"  # the check of the catalog tells
    return "ok"
