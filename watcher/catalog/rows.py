"""Rows and values: the statements' columns, what is put and what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from watcher.catalog.bounds import json_text, length_ms, optional, text
from watcher.catalog.light import LIGHT
from watcher.catalog.rendition_names import PICTURE, SPRITE, shows
from watcher.catalog.schema import clips, counters, facts, labels
from watcher.model.clip import (
    LISTED_STATES,
    Clip,
    ClipState,
    Fingerprint,
    Label,
    Light,
    Playable,
    Sprite,
    TimeQuality,
    TimeSource,
    milliseconds,
)
from watcher.model.instant import Instant
from watcher.model.limits import LENGTH_LIMIT_SECONDS

LENGTH_LIMIT_MS = LENGTH_LIMIT_SECONDS * 1000


class Probed(msgspec.Struct, frozen=True, kw_only=True):
    """A settled file as ingest saw it, ready to be catalogued."""

    key: str
    camera: str
    state: ClipState  # new, ready or broken
    started_at: datetime
    ended_at: datetime | None = None  # as its name tells, for clips whose length is not known
    offset_seconds: int | None = None  # of the camera's clock, east of UTC
    time_source: TimeSource
    time_quality: TimeQuality = TimeQuality.SURE
    duration_seconds: float | None
    fingerprint: Fingerprint
    inode: int
    changed_ns: int = 0  # the file's ctime, which nobody sets; 0 where it is not known
    digest: str
    media: str | None  # MediaInfo as JSON
    playable: Playable | None
    playable_reason: str | None
    error: str | None
    sender_camera: str | None = None  # who sent it says so, whatever its name tells
    sender_start: Instant | None = None
    moved_from: int | None = None  # id of the clip whose file this is, under its new name


class Known(NamedTuple):
    """What a scan needs of a catalogued clip that lies in the video root, or should."""

    key: str
    size_bytes: int
    mtime_ns: int
    state: str

    @property
    def fingerprint(self) -> Fingerprint:
        """How its file looked when it was read."""
        return Fingerprint(self.size_bytes, self.mtime_ns)


class Namesake(NamedTuple):
    """A catalogued clip with the content of a file found under another key."""

    id: int
    key: str
    digest: str
    inode: int
    state: str


class Unrendered(NamedTuple):
    """A clip that waits for its poster, or, when `new`, for its probe; or, if `due` is SPRITE, for its sprite."""

    id: int
    key: str
    digest: str
    state: str
    media: str | None  # MediaInfo as JSON
    picture: str | None  # key of the camera's own picture
    due: int = PICTURE


class Rendered(NamedTuple):
    """A poster that was made."""

    clip_id: int
    digest: str  # of the content that it was made for
    poster: str  # its name
    picture: str | None = None  # the key of the camera's picture that the clip had then
    sprite: str | None = None  # as JSON, where it was made at once
    due: int = SPRITE  # what is left to be made


CLIP = sa.select(
    clips.c.id,
    clips.c.key,
    clips.c.camera,
    clips.c.state,
    clips.c.started_ms,
    clips.c.ended_ms,
    clips.c.time_source,
    clips.c.duration_ms,
    clips.c.size_bytes,
    clips.c.media,
    clips.c.playable,
    clips.c.playable_reason,
    clips.c.error,
    clips.c.poster,
    clips.c.sprite,
    clips.c.digest,
    clips.c.revision,
    clips.c.ingested_ms,
    clips.c.missing_ms,
    clips.c.offset_seconds,
    clips.c.time_quality,
    clips.c.held,
    clips.c.note,
    clips.c.labels,
    clips.c.proxy,
    clips.c.store,
    LIGHT.label("light"),
)
PRESENT = ("new", "ready", "broken")  # states of clips whose file should be there
FULL = sa.select(clips)
KNOWN = sa.select(clips.c.key, clips.c.size_bytes, clips.c.mtime_ns, clips.c.state).where(
    clips.c.state != "retired", clips.c.store.is_(None)
)
CATALOG_ID = sa.select(facts.c.value).where(facts.c.name == "catalog_id")
SCANNED = sa.select(facts.c.value).where(facts.c.name == "scanned")
COUNTER = sa.select(counters.c.value).where(counters.c.name == sa.bindparam("counter"))
# What reading a file never changes: who the clip is, and what was said or left of it.
_UNCHANGED = frozenset((
    "id", "ingested_ms", "picture", "sprite", "proxy", "held", "note", "labels", "labeled_by_people",
    "rendered_from", "rendered_at", "light",
    "store", "store_key", "store_etag", "store_sha256", "store_ms", "store_due",
))  # fmt: skip
UPDATE = (
    sa.update(clips)
    .where(clips.c.id == sa.bindparam("row"))
    .values({column.name: sa.bindparam(column.name) for column in clips.c if column.name not in _UNCHANGED})
)
REDATE_LABELS = (
    sa.update(labels).where(labels.c.clip_id == sa.bindparam("row")).values(started_ms=sa.bindparam("at"))
)


def rendered(revision: Any) -> dict[str, Any]:
    """What a row is given for a rendition: the new revision, and since which one nothing but renditions came."""
    since = sa.case((clips.c.rendered_at == clips.c.revision, clips.c.rendered_from), else_=clips.c.revision)
    return {"revision": revision, "rendered_at": revision, "rendered_from": since}


_COMPARED = (
    "camera", "started_ms", "offset_seconds", "time_source", "time_quality", "ended_ms",
    "size_bytes", "mtime_ns", "inode", "digest", "error",
)  # fmt: skip


def gone_key(clip_id: int, key: str) -> str:
    """Under what a row keeps the key of a retired clip whose file is gone: no file's key begins with a slash.

    >>> gone_key(17, "porch/1.mp4"), shown_key("/17/porch/1.mp4"), shown_key("porch/1.mp4")
    ('/17/porch/1.mp4', 'porch/1.mp4', 'porch/1.mp4')
    """
    return f"/{clip_id}/{key}"


def shown_key(key: str) -> str:
    """A clip's key, also that of one that is gone."""
    return key.split("/", 2)[2] if key.startswith("/") else key


# Looked up rather than called: a third of what a clip costs.
_STATES: dict[str, ClipState] = {state.value: state for state in ClipState}
_SOURCES: dict[str, TimeSource] = {source.value: source for source in TimeSource}
_QUALITIES: dict[str, TimeQuality] = {quality.value: quality for quality in TimeQuality}
_PLAYABLE: dict[str, Playable] = {playable.value: playable for playable in Playable}
_LIGHTS: dict[str, Light] = {light.value: light for light in Light}


def to_clip(row: Sequence[Any]) -> Clip:
    """A row of `CLIP` as a clip."""
    (
        clip_id, key, camera, state, started, ended, source, duration, size,
        media, playable, reason, error, poster, sprite, digest, revision, ingested, missing,
        offset, quality, held, note, labels, proxy, store, light,
    ) = row  # fmt: skip
    return Clip(
        id=clip_id,
        key=shown_key(key),
        camera=camera,
        state=_STATES[state],
        started_ms=started,
        ended_ms=ended,
        offset_seconds=offset,
        time_source=_SOURCES[source],
        time_quality=_QUALITIES[quality],
        duration_seconds=None if duration is None else duration / 1000,
        size_bytes=size,
        media=None if media is None else msgspec.Raw(media),
        playable=None if playable is None else _PLAYABLE[playable],
        playable_reason=reason,
        error=error,
        poster=poster if shows(poster, digest) else None,
        sprite=None if not shows(sprite, digest) else msgspec.json.decode(sprite, type=Sprite),
        proxy=proxy if shows(proxy, digest) else None,
        light=None if light is None else _LIGHTS[light],
        revision=revision,
        ingested_ms=ingested,
        missing_ms=missing,
        held=bool(held),
        note=note,
        labels=None if labels is None else msgspec.json.decode(labels, type=tuple[Label, ...]),
        store=store,
    )


def to_values(probed: Probed, revision: int) -> dict[str, Any]:
    """What a probed file puts into its row, whatever it says within what a row holds."""
    started = milliseconds(probed.started_at)
    duration = length_ms(probed.duration_seconds)
    return {
        "key": probed.key,
        "camera": text(probed.camera),
        "state": probed.state.value,
        "listed": 1 if probed.state in LISTED_STATES else 0,
        "started_ms": started,
        "ended_ms": _end(started, duration, probed.ended_at),
        "offset_seconds": probed.offset_seconds,
        "time_source": probed.time_source.value,
        "time_quality": probed.time_quality.value,
        "duration_ms": duration,
        "size_bytes": probed.fingerprint.size_bytes,
        "mtime_ns": probed.fingerprint.mtime_ns,
        "inode": signed(probed.inode),
        "digest": probed.digest,
        "media": json_text(probed.media),
        "playable": probed.playable,
        "playable_reason": optional(probed.playable_reason),
        "error": optional(probed.error),
        "poster": None,
        "poster_error": None,
        "uncorrected": None,
        "render_due": int(probed.state in {ClipState.NEW, ClipState.READY}),
        "revision": revision,
        "missing_ms": None,
    }


def _end(started: int, duration: int | None, name_end: datetime | None) -> int:
    """Milliseconds since 1970: the start and the length, or where that is unknown what the name told."""
    if duration is None and name_end is not None:
        duration = max(0, milliseconds(name_end) - started)
    return started + min(duration or 0, LENGTH_LIMIT_MS)


def unchanged(row: Any, revision: int) -> bool:
    """Whether a clip is as it was at a revision, but for posters and sprites, which come by themselves."""
    if row.rendered_at != row.revision:
        return bool(row.revision == revision)
    return bool(row.rendered_from <= revision <= row.revision)


def label_names(row: Any) -> list[str]:
    """The labels that a row says its clip has; none for no row."""
    return [] if row is None else names_in(row.labels)


def names_in(labels: str | None) -> list[str]:
    """The names of a clip's labels, as its row has these."""
    return [] if labels is None else [label.name for label in msgspec.json.decode(labels, type=list[Label])]


def same(old: Any, values: dict[str, Any]) -> bool:
    """Whether a row says already what a probed file would put into it."""
    return all(getattr(old, name) == values[name] for name in _COMPARED)


def signed(inode: int) -> int:
    """An inode number as the signed 64-bit integer that both engines store."""
    return inode - (1 << 64) if inode >= 1 << 63 else inode
