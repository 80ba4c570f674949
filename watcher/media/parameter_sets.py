"""How large the pictures of a video are, from its sequence parameter set, where the sample entry says 0 × 0."""

from __future__ import annotations

from collections.abc import Mapping

from watcher.media.bits import Bits

_WITH_CHROMA = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135}  # profiles (H.264, 7.3.2.1.1)
_SPS_H265 = 33  # NAL unit type (H.265, table 7-1)


def picture_size(parts: Mapping[bytes, bytes]) -> tuple[int, int]:
    """Width and height that `avcC` or `hvcC` holds, in pixels; 0 × 0 where neither says."""
    try:
        if b"avcC" in parts:
            config = parts[b"avcC"]
            length = int.from_bytes(config[6:8], "big")
            return _h264(_payload(config[8 : 8 + length], 1)) if config[5] & 0x1F else (0, 0)
        if b"hvcC" in parts:
            return _h265(_payload(_hevc_set(parts[b"hvcC"]), 2))
    except (ValueError, IndexError):
        pass
    return 0, 0


def _payload(unit: bytes, header: int) -> Bits:
    """The bits of a NAL unit, without the bytes that keep start codes out of it; a size is at its beginning."""
    return Bits(unit[header:512].replace(b"\0\0\3", b"\0\0"))


def _hevc_set(config: bytes) -> bytes:
    """The first sequence parameter set of an `hvcC` (ISO/IEC 14496-15, 8.3.3.1)."""
    at = 23
    for _ in range(config[22]):
        kind, count = config[at] & 0x3F, int.from_bytes(config[at + 1 : at + 3], "big")
        at += 3
        for _ in range(count):
            length = int.from_bytes(config[at : at + 2], "big")
            if kind == _SPS_H265:
                return config[at + 2 : at + 2 + length]
            at += 2 + length
            if at > len(config):
                raise ValueError("it ends too early")
    return b""


def _h264(bits: Bits) -> tuple[int, int]:
    """From a sequence parameter set (H.264, 7.3.2.1.1)."""
    profile = bits.take(8)
    bits.take(16)
    bits.golomb()
    chroma, separate = 1, 0
    if profile in _WITH_CHROMA:
        chroma = bits.golomb()
        separate = bits.take(1) if chroma == 3 else 0
        bits.golomb()
        bits.golomb()
        bits.take(1)
        if bits.take(1):
            for number in range(8 if chroma != 3 else 12):
                if bits.take(1):
                    _scaling_list(bits, 16 if number < 6 else 64)
    bits.golomb()
    order = bits.golomb()
    if order == 0:
        bits.golomb()
    elif order == 1:
        bits.take(1)
        bits.golomb()
        bits.golomb()
        for _ in range(min(bits.golomb(), 255)):
            bits.golomb()
    bits.golomb()
    bits.take(1)
    width, height = 16 * (bits.golomb() + 1), 16 * (bits.golomb() + 1)
    fields = 1 - bits.take(1)
    height *= 1 + fields
    if fields:
        bits.take(1)
    bits.take(1)
    if bits.take(1):
        wide, high = (1, 1) if separate or chroma in {0, 3} else (2, 2 if chroma == 1 else 1)
        width -= wide * (bits.golomb() + bits.golomb())
        height -= high * (1 + fields) * (bits.golomb() + bits.golomb())
    return width, height


def _scaling_list(bits: Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed_golomb()) % 256
        last = following or last


def _h265(bits: Bits) -> tuple[int, int]:
    """From a sequence parameter set (H.265, 7.3.2.2.1)."""
    bits.take(4)
    layers = bits.take(3)
    bits.take(1)
    bits.take(96)  # general profile, tier and level
    present = [(bits.take(1), bits.take(1)) for _ in range(layers)]
    if layers:
        bits.take(2 * (8 - layers))
    for profile, level in present:
        bits.take((88 if profile else 0) + (8 if level else 0))
    bits.golomb()
    chroma = bits.golomb()
    separate = bits.take(1) if chroma == 3 else 0
    width, height = bits.golomb(), bits.golomb()
    if bits.take(1):
        wide, high = (1, 1) if separate or chroma in {0, 3} else (2, 2 if chroma == 1 else 1)
        width -= wide * (bits.golomb() + bits.golomb())
        height -= high * (bits.golomb() + bits.golomb())
    return width, height
