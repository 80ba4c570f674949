"""How clips look from outside: times, addresses, the JSON of a clip; the same for the API and for webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone, tzinfo
from urllib.parse import quote

from msgspec import UNSET

from watcher.clip import Clip, ClipState, Playable, Sprite
from watcher.clip import moment as moment_of
from watcher.shapes import ClipShape, LabelShape, Links, SpriteShape, as_media


def utc(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds.

    >>> from watcher.clip import EPOCH
    >>> utc(EPOCH)
    '1970-01-01T00:00:00.000Z'
    """
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


def utc_or_none(moment: datetime | None) -> str | None:
    """The same, where there may be no moment."""
    return None if moment is None else utc(moment)


def local_time(clip: Clip, zone: tzinfo) -> str:
    """What the clock at the camera showed, RFC 3339; by the site's zone where that is not known."""
    known = zone if clip.offset_seconds is None else timezone(timedelta(seconds=clip.offset_seconds))
    return clip.started_at.astimezone(known).isoformat(timespec="milliseconds")


def clip_path(clip: Clip) -> str:
    """Where nginx serves the file on this host: percent-encoded segment by segment."""
    return "/" + quote(clip.key, safe="/")


def _sprite(sprite: Sprite, renditions: str) -> SpriteShape:
    address = renditions + sprite.name
    return SpriteShape(address, sprite.frames, sprite.columns, sprite.tile_width, sprite.tile_height)


def clip_bodies(clips: Sequence[Clip], *, base: str, mount: str, zone: tzinfo) -> list[ClipShape]:
    """Clips as the contract shows them.

    `base` stands before every address ("" keeps them relative), `mount` is where the API is below it.
    """
    clips_at, renditions = f"{base}{mount}/clips", f"{base}{mount}/renditions/"
    return [
        ClipShape(
            id=clip.id,
            key=clip.key,
            camera=clip.camera,
            state=clip.state,
            started_at=utc(clip.started_at),
            ended_at=utc(clip.ended_at),
            local_time=local_time(clip, zone),
            time_source=clip.time_source,
            time_quality=clip.time_quality,
            duration_seconds=clip.duration_seconds,
            size_bytes=clip.fingerprint.size_bytes,
            media=as_media(clip.media),
            playable=clip.playable or (Playable.NO if clip.state is ClipState.BROKEN else Playable.MAYBE),
            playable_reason=clip.playable_reason,
            error=clip.error,
            url=base + clip_path(clip),
            poster_url=clip.poster and renditions + clip.poster,
            sprite=None if clip.sprite is None else _sprite(clip.sprite, renditions),
            labels=[
                LabelShape(label.name, label.author, label.confidence, utc(moment_of(label.at_ms)))
                for label in clip.labels or ()
            ],
            held=clip.held,
            note=clip.note,
            revision=clip.revision,
            ingested_at=utc(clip.ingested_at),
            links=Links(f"{clips_at}/{clip.id}"),
            missing_since=UNSET if clip.missing_since is None else utc(clip.missing_since),
        )
        for clip in clips
    ]
