"""What pages say of a clip, in people's words."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

from watcher.model import serialize
from watcher.model.clip import LISTED_STATES, Clip, ClipState, Playable
from watcher.web.http import wire


def card(clip: Clip, url: str, zone: tzinfo) -> dict[str, Any]:
    """What a card says of a clip; `static/card.js` says the same of a clip's JSON."""
    local = clip.started_at.astimezone(zone)
    seconds = clip.duration_seconds
    text = badge(clip)
    labels = [label.name for label in clip.labels or ()]
    spoken = [f"{local:%A}, {local.day} {local:%B}", *([f"{round(seconds)} seconds"] if seconds else [])]
    return {
        "id": clip.id,
        "revision": clip.revision,
        "url": url,
        "camera": clip.camera,
        "poster": wire.poster_path(clip),
        "sprite": clip.sprite,
        "src": wire.clip_path(clip),
        "local": local,
        "at": serialize.utc(clip.started_at),
        # What is heard besides what is seen.
        "spoken": ", ".join([*spoken, *([text] if text else []), *(["kept"] if clip.held else [])]),
        "seconds": seconds,
        "length": length(seconds),
        "labels": labels,
        "sights": {label.name: label.sight for label in clip.labels or () if label.sight is not None},
        "held": clip.held,
        "badge": text,
        "codec": video_codec(clip) if text else None,
        "why": clip.error or clip.playable_reason,
    }


def badge(clip: Clip) -> str | None:
    """The word on a clip's picture, where there is something to warn of."""
    if clip.state is ClipState.BROKEN:
        return "broken"
    if clip.state not in LISTED_STATES:
        return str(clip.state)
    if clip.playable is not Playable.YES and clip.media_info and clip.media_info.video:
        return codec_name(clip.media_info.video.codec)
    return None


def video_codec(clip: Clip) -> str | None:
    """What a browser can be asked about: the RFC 6381 name of an MP4's picture, None where there is none."""
    media = clip.media_info
    if media is None or media.video is None or clip.state is ClipState.BROKEN or media.container != "mp4":
        return None
    return media.codecs.split(",")[0]


def length(seconds: float | None) -> str:
    """Minutes and seconds as players write them.

    >>> length(3671.2)
    '1:01:11'
    >>> length(12.48)
    '0:12'
    """
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def clips_of(count: int) -> str:
    """A number of clips in words.

    >>> clips_of(1), clips_of(1204)
    ('1 clip', '1,204 clips')
    """
    return "1 clip" if count == 1 else f"{count:,} clips"


def codec_name(codec: str) -> str:
    """A codec as people write it."""
    names = {"h264": "H.264", "hevc": "H.265", "mjpeg": "MJPEG", "mpeg4": "MPEG-4", "aac": "AAC", "av1": "AV1"}
    return names.get(codec, codec.upper())


def size(size_bytes: int) -> str:
    """A number of bytes with three digits.

    >>> size(5296229)
    '5.3 MB'
    """
    value = float(size_bytes)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
