"""What renditions are called, and what is due: no other content ever gets the name of one."""

from __future__ import annotations

import re
from enum import Enum, auto

from watcher.model.clip import SIGHT_DIGITS

PICTURE, SPRITE = 1, 2  # what `render_due` says
PROXIES = "proxies"  # their folder below that of the renditions
TELLING = "a1"  # in the name of a poster that is the most telling frame; another way of choosing, another letter
_SIGHT = re.compile(r"\.b[0-9]{8,}(?=\.webp\Z)")  # … that is the best sight of what a model found
FOLDER_CLIPS = 1000  # whose posters and sprites lie in one folder
POSTER_DIGITS = 16  # of the content id, in a poster's name


class Renditions(Enum):
    """What is made at present: nothing while there is no room, posters only, or sprites too."""

    NONE = auto()
    POSTERS = auto()
    ALL = auto()


def shows(poster: str | None, digest: str) -> bool:
    """Whether a poster, or a sprite, is of this content: its name says so."""
    return poster is not None and f"-{digest[:POSTER_DIGITS]}." in poster


def poster_name(clip_id: int, digest: str, picture: str = "") -> str:
    """A poster's path below the renditions folder: another content has another name, so it never changes.

    `picture` tells apart what is made from pictures that the camera left, in a few letters and digits.

    >>> poster_name(12034, "0123456789abcdef0123")
    '12/12034-0123456789abcdef.webp'
    >>> poster_name(12034, "0123456789abcdef0123", "5eed")
    '12/12034-0123456789abcdef.5eed.webp'
    """
    return f"{clip_id // FOLDER_CLIPS}/{clip_id}-{digest[:POSTER_DIGITS]}{'.' if picture else ''}{picture}.webp"


def sight_name(clip_id: int, digest: str, seconds: float) -> str:
    """The name of a poster that is the best sight of what a model found; `model.clip.sight_ms` reads it.

    >>> sight_name(12034, "0123456789abcdef0123", 3.4)
    '12/12034-0123456789abcdef.b00003400.webp'
    """
    return poster_name(clip_id, digest, f"b{round(seconds * 1000):0{SIGHT_DIGITS}}")


def poster_files(poster: str) -> list[str]:
    """The files of a poster: with a better frame those that were it before, which pages may still show.

    >>> poster_files("0/1-0123.a1.webp"), poster_files("0/1-0123.webp")
    (['0/1-0123.a1.webp', '0/1-0123.webp'], ['0/1-0123.webp'])
    >>> poster_files("0/1-0123.b00003400.webp")
    ['0/1-0123.b00003400.webp', '0/1-0123.a1.webp', '0/1-0123.webp']
    """
    telling = _SIGHT.sub(f".{TELLING}", poster)
    plain = telling.replace(f".{TELLING}.", ".")
    return list(dict.fromkeys([poster, telling, plain]))


def proxy_name(clip_id: int, digest: str) -> str:
    """A proxy's path below the renditions folder.

    >>> proxy_name(12034, "0123456789abcdef0123")
    'proxies/12034-0123456789abcdef.mp4'
    """
    return f"{PROXIES}/{clip_id}-{digest[:POSTER_DIGITS]}.mp4"


def sprite_name(clip_id: int, digest: str) -> str:
    """A sprite's path below the renditions folder.

    >>> sprite_name(12034, "0123456789abcdef0123")
    '12/12034-0123456789abcdef.sprite.webp'
    """
    return poster_name(clip_id, digest, "sprite")
