"""What pages say of a clip, in people's words."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

from watcher.model import serialize
from watcher.model.clip import LISTED_STATES, Clip, ClipState, Playable, sight_ms
from watcher.web.http import wire
from watcher.web.page.dates import day_spoken
from watcher.web.page.language import gettext as _
from watcher.web.page.language import ngettext, number, translated


def card(clip: Clip, url: str, zone: tzinfo) -> dict[str, Any]:
    """What a card says of a clip; `static/card.js` says the same of a clip's JSON."""
    local = clip.started_at.astimezone(zone)
    seconds = clip.duration_seconds
    text = badge(clip)
    labels = [label.name for label in clip.labels or ()]
    spoken = [day_spoken(local)]
    if seconds:
        spoken.append(ngettext("%(count)s second", "%(count)s seconds", round(seconds)))
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
        "spoken": ", ".join([*spoken, *([text] if text else []), *([_("kept")] if clip.held else [])]),
        "seconds": seconds,
        "length": length(seconds),
        "labels": labels,
        # When and where a model sees what labels name, and which millisecond of that the poster shows.
        "sights": {
            label.name: {"at": sight.at_seconds, "spans": sight.spans, "boxes": sight.boxes}
            for label in clip.labels or ()
            if (sight := label.sight) is not None
        },
        "best": sight_ms(clip.poster),
        "held": clip.held,
        "badge": text,
        "broken": clip.state is ClipState.BROKEN,
        "codec": video_codec(clip) if text else None,
        "why": translated(clip.error or clip.playable_reason),
    }


def badge(clip: Clip) -> str | None:
    """The word on a clip's picture, where there is something to warn of."""
    if clip.state is ClipState.BROKEN:
        return _("broken")
    if clip.state not in LISTED_STATES:
        return {
            ClipState.NEW: _("new"),
            ClipState.MISSING: _("missing"),
            ClipState.RETIRED: _("retired"),
        }[clip.state]
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
    return ngettext("%(count)s clip", "%(count)s clips", count)


def wrong(silent: int, broken: int, others: int) -> tuple[int, list[str]]:
    """How many things are wrong, and what, in words that begin with a number.

    >>> wrong(2, 0, 1)
    (3, ['2 cameras are silent', '1 thing needs a look'])
    """
    words = [
        (silent, ngettext("%(count)s camera is silent", "%(count)s cameras are silent", silent)),
        (
            broken,
            ngettext(
                "%(count)s camera’s last clip cannot be played",
                "%(count)s cameras’ last clips cannot be played",
                broken,
            ),
        ),
        (others, ngettext("%(count)s thing needs a look", "%(count)s things need a look", others)),
    ]
    return silent + broken + others, [said for count, said in words if count]


def percent(share: str) -> str:
    r"""A share, as it stands in an address, for people.

    >>> percent("0.6"), percent("0.6667")
    ('60\xa0%', '66.7\xa0%')
    """
    value = 100 * float(share)
    return f"{number(value, 0 if round(value, 1) == round(value) else 1)}\N{NO-BREAK SPACE}%"


def codec_name(codec: str) -> str:
    """A codec as people write it."""
    names = {"h264": "H.264", "hevc": "H.265", "mjpeg": "MJPEG", "mpeg4": "MPEG-4", "aac": "AAC", "av1": "AV1"}
    return names.get(codec, codec.upper())


def size(size_bytes: int) -> str:
    """A number of bytes with three digits.

    >>> size(5296229)
    '5.3 MB'
    """
    value, units = float(size_bytes), _("bytes kB MB GB TB").split()
    while value >= 1000 and len(units) > 1:
        value /= 1000
        del units[0]
    return f"{number(value, 0 if value == size_bytes or value >= 100 else 1)} {units[0]}"
