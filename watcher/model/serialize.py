"""How clips look from outside: times, addresses, the JSON of a clip; the same for the API and for webhooks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta, tzinfo
from functools import lru_cache
from types import MappingProxyType
from urllib.parse import quote

import msgspec
from msgspec import UNSET

from watcher.model.clip import Clip, ClipState, Label, Playable, Sprite, moment
from watcher.model.schemas import ClipShape, LabelShape, Links, SpriteShape, as_media

LOCAL = "local"  # where clips lie that are in no store
NONE_AWAY: Mapping[int, str] = MappingProxyType({})
MOUNT = "/watcher"  # where the application is, below the address that people use
_DAY_MS = 86_400_000
_EPOCH_DAY = date(1970, 1, 1)
# What stands after the date: times are put together of four pieces, by far the cheapest way.
_MINUTES = [f"T{n // 60:02}:{n % 60:02}:" for n in range(1440)]
_SECONDS = [f"{n:02}." for n in range(60)]
_THOUSANDTHS = [f"{n:03}Z" for n in range(1000)]
# What a key is mostly made of, and an address may hold as it is (RFC 3986, 2.3).
_PLAIN = re.compile(r"[A-Za-z0-9_.~/-]*").fullmatch


def utc(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds.

    >>> from watcher.model.clip import EPOCH
    >>> utc(EPOCH)
    '1970-01-01T00:00:00.000Z'
    """
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


def utc_or_none(moment: datetime | None) -> str | None:
    """The same, where there may be no moment."""
    return None if moment is None else utc(moment)


def utc_of(ms: int) -> str:
    """The same of milliseconds since 1970. Lists have two hundred of them, so without a `datetime`: 0.4 µs, not 2.

    >>> utc_of(1793489623200), utc_of(-1)
    ('2026-10-31T23:33:43.200Z', '1969-12-31T23:59:59.999Z')
    """
    day, rest = divmod(ms, _DAY_MS)
    second = rest // 1000
    return _date(day) + _MINUTES[second // 60] + _SECONDS[second % 60] + _THOUSANDTHS[rest % 1000]


def local_time(clip: Clip, zone: tzinfo) -> str:
    """What the clock at the camera showed, RFC 3339; by the site's zone where that is not known."""
    offset = clip.offset_seconds
    if offset is None:
        offset = _offset_of_day(zone, clip.started_ms // _DAY_MS)
        if offset is None:
            offset = _offset(zone, clip.started_at)
    return utc_of(clip.started_ms + offset * 1000)[:-1] + _offset_text(offset)


@lru_cache(maxsize=5000)
def _date(day: int) -> str:
    return (_EPOCH_DAY + timedelta(days=day)).isoformat()


@lru_cache(maxsize=5000)
def _offset_of_day(zone: tzinfo, day: int) -> int | None:
    """Seconds east of UTC that a zone's clocks have for a whole day of UTC; None where they are changed in it."""
    first, last = (_offset(zone, moment((day + n) * _DAY_MS)) for n in (0, 1))
    return first if first == last else None


def _offset(zone: tzinfo, at: datetime) -> int:
    return round((at.astimezone(zone).utcoffset() or timedelta()).total_seconds())


@lru_cache(maxsize=500)
def _offset_text(seconds: int) -> str:
    """As in RFC 3339.

    >>> _offset_text(-12600), _offset_text(0)
    ('-03:30', '+00:00')
    """
    hours, rest = divmod(abs(seconds), 3600)
    minutes, odd = divmod(rest, 60)
    return f"{'-' if seconds < 0 else '+'}{hours:02}:{minutes:02}" + (f":{odd:02}" if odd else "")


def clip_path(clip: Clip) -> str:
    """Where nginx serves the file on this host: percent-encoded segment by segment."""
    return "/" + (clip.key if _PLAIN(clip.key) else quote(clip.key, safe="/"))


def _sprite(sprite: Sprite, renditions: str) -> SpriteShape:
    address = renditions + sprite.name
    return SpriteShape(address, sprite.frames, sprite.columns, sprite.tile_width, sprite.tile_height)


def _label(label: Label) -> LabelShape:
    if label.sight is None:
        return LabelShape(label.name, label.author, label.confidence, utc_of(label.at_ms))
    at, spans, box, model, boxes = msgspec.structs.astuple(label.sight)
    shape = LabelShape(label.name, label.author, label.confidence, utc_of(label.at_ms), at, spans, box, model)
    shape.boxes = boxes or UNSET
    return shape


def clip_bodies(
    clips: Sequence[Clip], *, base: str, mount: str, zone: tzinfo, away: Mapping[int, str] = NONE_AWAY
) -> list[ClipShape]:
    """Clips as the contract shows them.

    `base` stands before every address ("" keeps them relative), `mount` is where the API is below it; `away` are
    the clips that cannot be had from their stores, by their numbers, and why.
    """
    site = base + mount.removesuffix(MOUNT)  # clips lie beside the application
    clips_at, renditions = f"{base}{mount}/clips", f"{base}{mount}/renditions/"
    return [
        ClipShape(
            id=clip.id,
            key=clip.key,
            camera=clip.camera,
            state=clip.state,
            started_at=utc_of(clip.started_ms),
            ended_at=utc_of(clip.ended_ms),
            local_time=local_time(clip, zone),
            time_source=clip.time_source,
            time_quality=clip.time_quality,
            duration_seconds=clip.duration_seconds,
            size_bytes=clip.size_bytes,
            media=as_media(clip.media),
            playable=clip.playable or (Playable.NO if clip.state is ClipState.BROKEN else Playable.MAYBE),
            playable_reason=clip.playable_reason,
            error=clip.error,
            url=site + clip_path(clip),
            poster_url=clip.poster and renditions + clip.poster,
            sprite=None if clip.sprite is None else _sprite(clip.sprite, renditions),
            significant_at=None if (at := clip.significant_ms) is None else utc_of(clip.started_ms + at),
            proxy_url=clip.proxy and renditions + clip.proxy,
            light=clip.light,
            labels=[_label(label) for label in clip.labels or ()],
            held=clip.held,
            note=clip.note,
            revision=clip.revision,
            ingested_at=utc_of(clip.ingested_ms),
            links=Links(f"{clips_at}/{clip.id}"),
            store=clip.store or LOCAL,
            missing_since=UNSET if clip.missing_ms is None else utc_of(clip.missing_ms),
            available=False if clip.id in away else UNSET,
            available_reason=away.get(clip.id, UNSET),
        )
        for clip in clips
    ]
