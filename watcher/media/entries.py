"""What a sample entry of an MP4 says (ISO/IEC 14496-12, 8.5.2 and 12): codec, size of the pictures, channels, rate.

Numbers that cannot be are not believed: a field that holds one counts as unknown, and the next source is asked.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache
from math import gcd

from watcher.media.codecs import codec_of, elementary_stream
from watcher.media.parameter_sets import picture_size
from watcher.media.sound_configs import sound_of

ENTRY_LIMIT = 64 << 10  # bytes that are looked at; an entry has some hundred
BOXES_LIMIT = 100
_KEPT_BYTES = 1024  # of an entry that is remembered: a camera writes the same one into each of its clips
SIDE_LIMIT = 16_888  # pixels; the longest that any level of H.265 allows (A.4.1, level 6.2)
RATE_LIMIT = 768_000  # samples a second; the quickest PCM there is
CHANNELS_LIMIT = 128
_WRAPPED = 4  # `wave` boxes within each other; QuickTime writes one

_u16 = struct.Struct(">H").unpack_from
_u32 = struct.Struct(">I").unpack_from
_header = struct.Struct(">I4s").unpack_from
_ENCRYPTED = frozenset({b"encv", b"enca", b"drmi", b"drms"})


class Entry:
    """A sample entry, given the bytes of its content and what kind of track it describes."""

    __slots__ = (
        "channels",
        "codec",
        "codec_string",
        "encrypted",
        "height",
        "pixel_aspect",
        "sample_rate",
        "width",
    )

    def __init__(self, kind: bytes, handler: str, data: bytes) -> None:
        """Raises struct.error where the entry is too short."""
        self.encrypted = kind in _ENCRYPTED
        self.width = self.height = self.channels = self.sample_rate = 0
        self.pixel_aspect: tuple[int, int] | None = None
        if handler == "vide":
            parts = dict(_inside(data, 78))
            self._picture(data, parts)
        else:
            parts = self._sound(kind, data)
        self.codec, self.codec_string = codec_of(kind, parts)

    def _picture(self, data: bytes, parts: dict[bytes, bytes]) -> None:
        width, height = _u16(data, 24)[0], _u16(data, 26)[0]
        if not (0 < width <= SIDE_LIMIT and 0 < height <= SIDE_LIMIT):
            width, height = picture_size(parts)
        if 0 < width <= SIDE_LIMIT and 0 < height <= SIDE_LIMIT:
            self.width, self.height = width, height
        aspect = parts.get(b"pasp", b"")
        if len(aspect) >= 8:
            wide, high = _u32(aspect)[0], _u32(aspect, 4)[0]
            if wide and high and wide != high and max(wide, high) <= 64 * min(wide, high):
                common = gcd(wide, high)
                self.pixel_aspect = (wide // common, high // common)

    def _sound(self, kind: bytes, data: bytes) -> dict[bytes, bytes]:
        """Take channels and rate; the boxes in the entry."""
        version, channels = _u16(data, 8)[0], _u16(data, 16)[0]
        rate: float = _u32(data, 24)[0]
        if kind != b"mlpa":  # which has all 32 bits for it
            rate /= 65536
        inner = 28
        if version == 2 and len(data) >= 64:  # QuickTime: a 64-bit float rate and a wide channel count
            rate, channels, inner = struct.unpack_from(">d", data, 32)[0], _u32(data, 40)[0], 64
        elif version == 1:
            inner = 44
        parts = dict(_inside(data, inner))
        if not parts and version == 1:  # ISO's version 1, which has no more fields than version 0
            parts = dict(_inside(data, 28))
        sound_config = sound_of(kind, parts, elementary_stream(parts[b"esds"])[1] if b"esds" in parts else b"")
        if len(parts.get(b"srat", b"")) >= 8:
            rate = _u32(parts[b"srat"], 4)[0]
        self.channels = next((number for number in (sound_config[0], channels) if 0 < number <= CHANNELS_LIMIT), 0)
        self.sample_rate = int(next((hertz for hertz in (sound_config[1], rate) if 0 < hertz <= RATE_LIMIT), 0))
        return parts


def entry_of(kind: bytes, handler: str, data: bytes) -> Entry:
    """The sample entry of these bytes. Raises struct.error where it is too short."""
    return (_remembered if len(data) <= _KEPT_BYTES else Entry)(kind, handler, data)


_remembered = lru_cache(maxsize=256)(Entry)


def _inside(data: bytes, start: int) -> Iterator[tuple[bytes, bytes]]:
    """The boxes inside a sample entry; junk behind the last one, which some cameras leave, is passed over.

    QuickTime wraps `esds` in a `wave` box, which is opened here.
    """
    ends = [len(data)]
    for _ in range(BOXES_LIMIT):
        while start + 8 > ends[-1]:
            start = ends.pop()
            if not ends:
                return
        length, kind = _header(data, start)
        stop = start + (length or ends[-1] - start)
        if not start + 8 <= stop <= ends[-1]:
            start = ends[-1]
        elif kind == b"wave" and len(ends) <= _WRAPPED:
            ends.append(stop)
            start += 8
        else:
            yield kind, data[start + 8 : stop]
            start = stop
