"""What a column takes of a value that comes out of a file: whatever a file says, its row can be written."""

from __future__ import annotations

import math

from watcher.model.limits import LENGTH_LIMIT_SECONDS

TEXT_MOST = 1000  # characters of a sentence
MEDIA_MOST = 16 << 10  # characters of MediaInfo as JSON; that of a real clip has some 300


def text(value: str, most: int = TEXT_MOST) -> str:
    r"""A text that both engines take: PostgreSQL takes no NUL, neither takes half of a surrogate pair.

    >>> text("ab\0c\ud800"), text("µ" * 5, 3)
    ('ab�c�', 'µµ…')
    """
    if len(value) > most:
        value = value[: most - 1] + "…"
    if not value.isascii():
        value = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return value.replace("\0", "�")


def optional(value: str | None) -> str | None:
    """The same of a text that may be missing."""
    return None if value is None else text(value)


def json_text(value: str | None) -> str | None:
    r"""A JSON text without NUL, which PostgreSQL takes in no string of it; None for one of no sensible length.

    >>> json_text('{"codec":"av\\u0000c"}')
    '{"codec":"av\\ufffdc"}'
    """
    if value is None or len(value) > MEDIA_MOST:
        return None
    return value.replace("\\u0000", "\\ufffd")


def length_ms(seconds: float | None) -> int | None:
    """A length in milliseconds; None for what is no length, or is longer than any that is believed.

    >>> length_ms(12.48), length_ms(float("nan")), length_ms(1e15), length_ms(-1.0)
    (12480, None, None, None)
    """
    if seconds is None or not math.isfinite(seconds) or not 0 <= seconds <= LENGTH_LIMIT_SECONDS:
        return None
    return round(seconds * 1000)
