"""How many channels a sound has, and how many samples a second, from the configuration of its decoder.

The fields of the sample entry itself say 2 channels of what has 1 or 6, and hold no rate above 65,535 Hz.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from watcher.media.bits import Bits

# Samples a second by index (ISO/IEC 14496-3, table 1.18).
_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
# Loudspeakers by configuration (ISO/IEC 23091-3, table 9 "ChannelConfiguration").
_SPEAKERS = (0, 1, 2, 3, 4, 5, 6, 8, 2, 3, 4, 7, 8, 24, 8, 12, 10, 12, 14, 12, 14)
_AC3_RATES = (48000, 44100, 32000, 0)
_AC3_CHANNELS = (2, 1, 2, 3, 3, 4, 4, 5)  # by acmod (ETSI TS 102 366, table 4.3)
_EAC3_PLACES = (2, 2, 1, 1, 2, 2, 2, 1, 1)  # of chan_loc, from the lowest bit on (table F.6.1)
_TRUEHD_RATES = {0: 48000, 1: 96000, 2: 192000, 8: 44100, 9: 88200, 10: 176400}
_TRUEHD_PLACES = (2, 1, 1, 2, 2, 2, 2, 1, 1, 2, 2, 1, 1)  # from the lowest bit on
_DTS_PLACES = (1, 2, 2, 1, 1, 2, 2, 1, 1, 2, 2, 2, 1, 2, 1, 2)  # from the lowest bit on (ETSI TS 102 114, E.3)

Sound = tuple[int, int]  # channels, samples a second; 0: it does not say


def sound_of(kind: bytes, parts: Mapping[bytes, bytes], specific: bytes) -> Sound:
    """What the configuration says of a sound of this sample entry; `specific` is what its `esds` holds."""
    try:
        match kind:
            case b"mp4a":
                return aac(specific)[1:]
            case b"ac-3":
                return _ac3(parts[b"dac3"])
            case b"ec-3":
                return _eac3(parts[b"dec3"])
            case b"Opus":
                return parts[b"dOps"][1], 48000  # which it always is decoded to (RFC 7845, 5.1)
            case b"fLaC":
                return _flac(parts[b"dfLa"])
            case b"alac":
                config = parts[b"alac"]
                return config[13], struct.unpack_from(">I", config, 24)[0]
            case b"mlpa":
                return _truehd(parts[b"dmlp"])
            case b"dtsc" | b"dtsh" | b"dtsl" | b"dtse" | b"dtsx":
                return _dts(parts[b"ddts"])
            case b"mha1" | b"mha2" | b"mhm1" | b"mhm2":
                return _SPEAKERS[parts[b"mhaC"][2]], 0
            case b"samr":
                return 1, 8000
            case b"sawb":
                return 1, 16000
    except (LookupError, ValueError, struct.error):
        pass
    return 0, 0


def aac(specific: bytes) -> tuple[int, int, int]:
    """Object type, channels and rate of an AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1). Raises ValueError."""
    bits = Bits(specific[:64])
    kind = _object_type(bits)
    rate = _rate(bits)
    channels = bits.take(4)
    coded = kind
    if kind in {5, 29}:  # twice the rate by spectral band replication; with 29, two channels made of one
        rate = _rate(bits)
        coded = _object_type(bits)
    if channels == 0 and coded in {1, 2, 3, 4, 6, 7, 17, 19, 20, 21, 22, 23}:
        return kind, _program(bits), rate
    speakers = _SPEAKERS[channels]
    return kind, 2 if kind == 29 and speakers == 1 else speakers, rate


def _object_type(bits: Bits) -> int:
    kind = bits.take(5)
    return kind if kind < 31 else 32 + bits.take(6)


def _rate(bits: Bits) -> int:
    index = bits.take(4)
    if index == 15:
        return bits.take(24)
    return _RATES[index] if index < len(_RATES) else 0


def _program(bits: Bits) -> int:
    """The channels of a program_config_element (4.4.1.1), for which no configuration has a number."""
    bits.take(1)
    if bits.take(1):
        bits.take(14)
    bits.take(11)
    front, side, back, low = bits.take(4), bits.take(4), bits.take(4), bits.take(2)
    bits.take(7)
    for width in (4, 4, 3):  # mixed down
        if bits.take(1):
            bits.take(width)
    channels = low
    for _ in range(front + side + back):
        channels += 1 + bits.take(1)
        bits.take(4)
    return channels


def _ac3(config: bytes) -> Sound:
    bits = Bits(config[:3])
    rate = _AC3_RATES[bits.take(2)]
    bits.take(8)
    return _AC3_CHANNELS[bits.take(3)] + bits.take(1), rate


def _eac3(config: bytes) -> Sound:
    bits = Bits(config[:64])
    bits.take(16)
    rate = _AC3_RATES[bits.take(2)]
    bits.take(10)
    channels = _AC3_CHANNELS[bits.take(3)] + bits.take(1)
    bits.take(3)
    if bits.take(4):  # streams that depend on this one, with more channels
        places = bits.take(9)
        channels += sum(count for bit, count in enumerate(_EAC3_PLACES) if places >> bit & 1)
    return channels, rate


def _flac(config: bytes) -> Sound:
    bits = Bits(config[18:22])  # behind the box's and the block's header and the sizes of blocks and frames
    rate = bits.take(20)
    return bits.take(3) + 1, rate


def _truehd(config: bytes) -> Sound:
    bits = Bits(config[:4])
    rate = _TRUEHD_RATES.get(bits.take(4), 0)
    bits.take(8)
    six = bits.take(5)
    bits.take(2)
    places = bits.take(13) or six
    return sum(count for bit, count in enumerate(_TRUEHD_PLACES) if places >> bit & 1), rate


def _dts(config: bytes) -> Sound:
    bits = Bits(config[:20])
    rate = bits.take(32)
    bits.take(32 + 32 + 8 + 2 + 5 + 1 + 6 + 14 + 1 + 3)
    places = bits.take(16)
    return sum(count for bit, count in enumerate(_DTS_PLACES) if places >> bit & 1), rate
