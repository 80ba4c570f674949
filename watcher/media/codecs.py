"""Codec names and RFC 6381 strings, from the sample entry that an MP4 describes its samples with."""

import struct
from functools import lru_cache

_u32 = struct.Struct(">I").unpack_from

# Sample entries that say all, with our name and the string of RFC 6381.
_PLAIN_CODECS = {
    b"jpeg": ("mjpeg", "jpeg"),
    b"mjpa": ("mjpeg", "mjpa"),
    b"mjpb": ("mjpeg", "mjpb"),
    b"s263": ("h263", "s263"),
    b"H263": ("h263", "s263"),
    b"vp08": ("vp8", "vp08"),
    b"vvc1": ("vvc", "vvc1"),
    b"vvi1": ("vvc", "vvi1"),
    b"Opus": ("opus", "opus"),
    b"fLaC": ("flac", "flac"),
    b"alac": ("alac", "alac"),
    b"ac-3": ("ac3", "ac-3"),
    b"sac3": ("ac3", "ac-3"),
    b"ec-3": ("eac3", "ec-3"),
    b"ac-4": ("ac4", "ac-4"),
    b"mlpa": ("truehd", "mlpa"),
    b"dtsc": ("dts", "dtsc"),
    b"dtsh": ("dts", "dtsh"),
    b"dtsl": ("dts", "dtsl"),
    b"dtse": ("dts", "dtse"),
    b"dtsx": ("dts", "dtsx"),
    b"mha1": ("mpegh", "mha1"),
    b"mha2": ("mpegh", "mha2"),
    b"mhm1": ("mpegh", "mhm1"),
    b"mhm2": ("mpegh", "mhm2"),
    b".mp3": ("mp3", "mp3"),
    b"ms\0\x55": ("mp3", "mp3"),
    b"ms\0\x02": ("adpcm_ms", "ms02"),
    b"ms\0\x11": ("adpcm_ima_wav", "ms11"),
    b"ima4": ("adpcm_ima_qt", "ima4"),
    b"alaw": ("pcm_alaw", "alaw"),
    b"ulaw": ("pcm_mulaw", "ulaw"),
    b"sowt": ("pcm_s16le", "sowt"),
    b"twos": ("pcm_s16be", "twos"),
    b"lpcm": ("pcm", "lpcm"),
    b"ipcm": ("pcm", "ipcm"),
    b"fpcm": ("pcm", "fpcm"),
    b"in24": ("pcm_s24be", "in24"),
    b"in32": ("pcm", "in32"),
    b"fl32": ("pcm", "fl32"),
    b"fl64": ("pcm", "fl64"),
    b"samr": ("amr_nb", "samr"),
    b"sawb": ("amr_wb", "sawb"),
}
_H264 = frozenset({b"avc1", b"avc2", b"avc3", b"avc4"})
_HEVC = frozenset({b"hvc1", b"hev1"})
_DOLBY_VISION = {b"dvh1": "hevc", b"dvhe": "hevc", b"dva1": "h264", b"dvav": "h264", b"dav1": "av1"}


def codec_of(kind: bytes, parts: dict[bytes, bytes]) -> tuple[str, str]:
    """Codec name and RFC 6381 string of a sample entry with these configuration boxes; both are printable ASCII."""
    entry = fourcc(kind)
    if kind in _H264:
        config = parts.get(b"avcC", b"")
        return "h264", f"{entry}.{config[1:4].hex()}" if len(config) >= 4 else entry
    if kind in _HEVC:
        return "hevc", _hevc(entry, parts.get(b"hvcC", b""))
    if kind in {b"mp4v", b"mp4a"}:
        return _mpeg4(entry, parts.get(b"esds", b""))
    if kind in _PLAIN_CODECS:
        return _PLAIN_CODECS[kind]
    if kind in _DOLBY_VISION:
        return _DOLBY_VISION[kind], _dolby_vision(entry, parts.get(b"dvcC") or parts.get(b"dvvC") or b"")
    if kind == b"av01":
        return "av1", _av1(parts.get(b"av1C", b""))
    if kind == b"vp09":
        config = parts.get(b"vpcC", b"")
        if len(config) < 7:
            return "vp9", "vp09"
        return "vp9", f"vp09.{config[4]:02d}.{config[5]:02d}.{config[6] >> 4:02d}"
    return entry.lower(), entry


@lru_cache(256)
def fourcc(kind: bytes) -> str:
    """Four bytes as a word: what is no letter, figure, dot or dash in them becomes _, spaces around go."""
    text = "".join(
        chr(byte) if byte < 0x7F and (chr(byte).isalnum() or byte in b".-") else "_" for byte in kind.strip()
    )
    return text or "unknown"


def _dolby_vision(entry: str, config: bytes) -> str:
    """`dvh1.05.06`: profile and level (Dolby Vision streams within the ISO base media file format, §3.2)."""
    if len(config) < 4:
        return entry
    both = config[2] << 8 | config[3]
    return f"{entry}.{both >> 9:02d}.{both >> 3 & 0x3F:02d}"


def _hevc(entry: str, config: bytes) -> str:
    """`hvc1.1.6.L93.B0`: profile, reversed compatibility, tier and level, constraints (14496-15, annex E)."""
    if len(config) < 13:
        return entry
    space = ("", "A", "B", "C")[config[1] >> 6]
    tier = "H" if config[1] & 0x20 else "L"
    compatibility = int(f"{_u32(config, 2)[0]:032b}"[::-1], 2)
    constraints = config[6:12].rstrip(b"\0")
    parts = [entry, f"{space}{config[1] & 0x1F}", f"{compatibility:X}", f"{tier}{config[12]}"]
    return ".".join(parts + [f"{byte:X}" for byte in constraints])


def _av1(config: bytes) -> str:
    """`av01.0.04M.08`: profile, level and tier, bit depth (AV1 codec ISO media file format binding, §5)."""
    if len(config) < 3:
        return "av01"
    profile, level = config[1] >> 5, config[1] & 0x1F
    tier = "H" if config[2] & 0x80 else "M"
    high, twelve = config[2] & 0x40, config[2] & 0x20
    depth = 12 if profile == 2 and high and twelve else 10 if high else 8
    return f"av01.{profile}.{level:02d}{tier}.{depth:02d}"


def _mpeg4(entry: str, esds: bytes) -> tuple[str, str]:
    """`mp4a.40.2` or `mp4v.20.9`, from the descriptors in `esds` (14496-1, §7.2.6)."""
    kind, specific = elementary_stream(esds)
    if entry == "mp4a":
        if kind == 0x40:
            coded = _audio_object_type(specific)
            return _MPEG4_SOUNDS.get(coded, "aac"), f"mp4a.40.{coded}"
        return _SOUNDS.get(kind, "mp4a"), f"mp4a.{kind:02X}" if kind else "mp4a"
    if kind == 0x20:
        mark = specific.find(b"\x00\x00\x01\xb0")
        profile = specific[mark + 4] if 0 <= mark < len(specific) - 4 else None
        return "mpeg4", "mp4v.20" if profile is None else f"mp4v.20.{profile}"
    return _PICTURES.get(kind, "mp4v"), f"mp4v.{kind:02X}" if kind else "mp4v"


# By object type of the stream (mp4ra.org, object types) …
_PICTURES = {
    0x21: "h264",
    0x23: "hevc",
    **dict.fromkeys(range(0x60, 0x66), "mpeg2video"),
    0x6A: "mpeg1video",
    0x6C: "mjpeg",
    0x6D: "png",
    0x6E: "jpeg2000",
}
_SOUNDS = {
    0x66: "aac",
    0x67: "aac",
    0x68: "aac",
    0x69: "mp3",
    0x6B: "mp3",
    0xA5: "ac3",
    0xA6: "eac3",
    0xA9: "dts",
    0xAA: "dts",
    0xAB: "dts",
    0xAC: "dts",
    0xAD: "opus",
    0xAE: "ac4",
    0xDD: "vorbis",
    0xE1: "qcelp",
}
# … and, of MPEG-4 sound, by its own (ISO/IEC 14496-3, table 1.17); browsers take the others for plain AAC.
_MPEG4_SOUNDS = {8: "celp", 23: "aac_ld", 32: "mp1", 33: "mp2", 34: "mp3", 36: "als", 39: "aac_eld", 42: "usac"}


def _audio_object_type(specific: bytes) -> int:
    if not specific:
        return 2
    kind = specific[0] >> 3
    if kind == 31 and len(specific) > 1:
        kind = 32 + ((specific[0] & 7) << 3 | specific[1] >> 5)
    return kind


def elementary_stream(esds: bytes) -> tuple[int, bytes]:
    """Object type and decoder-specific bytes of an ES descriptor; (0, b"") where there is none."""
    at, kind = 4, 0
    while at + 2 <= len(esds):
        tag = esds[at]
        at += 1
        length = 0
        for _ in range(4):
            byte = esds[at] if at < len(esds) else 0
            at += 1
            length = length << 7 | byte & 0x7F
            if not byte & 0x80:
                break
        if tag == 0x03 and at + 3 <= len(esds):  # ES descriptor: its fields, then the next descriptor inside it
            flags = esds[at + 2]
            at += 3 + (2 if flags & 0x80 else 0) + (2 if flags & 0x20 else 0)
            if flags & 0x40 and at < len(esds):
                at += 1 + esds[at]
        elif tag == 0x04 and at < len(esds):  # decoder configuration: 13 bytes, then its specific bytes
            kind = esds[at]
            at += 13
        elif tag == 0x05:
            return kind, esds[at : at + length]
        else:
            at += length
    return kind, b""
