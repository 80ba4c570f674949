"""What a file is by its first bytes."""

from __future__ import annotations

from watcher.media.walk import Walk, is_type, u32, u64
from watcher.model.errors import BrokenClipError, NotIsoMediaError

# Box types that a file may begin with and still be ISO-BMFF or old QuickTime.
_FIRST_BOXES = frozenset(
    {b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"free", b"skip", b"wide", b"pnot", b"sidx", b"uuid"}
    | {b"junk", b"PICT", b"frea", b"thum"}  # of QuickTime, and of cameras: a picture or a maker's data come first
)
_UNKNOWN_MOST = 16  # boxes that nobody knows before the first that one does
# Brands of pictures (ISO/IEC 23008-12 and AVIF, Canon): a single one, or several without a time.
_PICTURE_BRANDS = {
    **dict.fromkeys(("heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "mif2", "msf1"), "HEIF picture"),
    **dict.fromkeys(("avif", "avis"), "AVIF picture"),
    "crx": "raw picture (CR3)",
}


def begins_like_a_movie(head: bytes) -> bool:
    """Whether the first eight bytes are those of ISO-BMFF or old QuickTime."""
    return len(head) >= 8 and head[4:8] in _FIRST_BOXES


def picture(brand: str) -> str | None:
    """What kind of picture a file of this brand is; None if it may be a film."""
    return _PICTURE_BRANDS.get(brand)


def sniff(walk: Walk) -> None:
    """Return where the first bytes are ISO-BMFF; else raise with the name of what they are."""
    size = walk.size
    walk.at(0, 1, 4096)
    head = walk.data
    if begins_like_a_movie(head) or _leads_to_a_movie(walk):
        return
    if not any(head):
        middle, last = size // 2, max(0, size - (1 << 16))
        if any(walk.read(middle, min(size, middle + (1 << 16)))) or any(walk.read(last, size)):
            raise BrokenClipError("its beginning is zeros: the start was reserved but never written")
        raise BrokenClipError("filled with zeros: the space was reserved, but nothing was written")
    for magic, container, name in (
        (b"\x00\x00\x01\xba", "mpeg", "MPEG program stream (Hikvision block file)"),
        (b"\x1a\x45\xdf\xa3", "matroska", "Matroska or WebM"),
        (b"DHAV", "dhav", "Dahua DAV stream"),
        (b"\xff\xd8\xff", None, "JPEG picture"),
        (b"\x89PNG", None, "PNG picture"),
        (b"PK\x03\x04", None, "ZIP archive"),
        (b"%PDF", None, "PDF document"),
        (b"FLV\x01", "flv", "Flash video"),
    ):
        if head.startswith(magic):
            raise NotIsoMediaError(name, container)
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        raise NotIsoMediaError("AVI", "avi")
    if len(head) > 188 and head[0] == 0x47 and head[188] == 0x47:
        raise NotIsoMediaError("MPEG transport stream", "mpegts")
    if head.startswith((b"\x00\x00\x00\x01", b"\x00\x00\x01")):
        raise NotIsoMediaError("bare video stream without a container", None)
    if _is_text(head[:512]):
        what = "HTML page" if head.lstrip()[:1] == b"<" else "text"
        raise NotIsoMediaError(what, None)
    raise NotIsoMediaError("unknown data", None)


def _leads_to_a_movie(walk: Walk) -> bool:
    """Whether boxes that nobody knows come before one that begins a film."""
    offset = 0
    for _ in range(_UNKNOWN_MOST):
        if offset + 8 > walk.size:
            return False
        header = walk.read(offset, min(offset + 16, walk.size))
        length, kind = u32(header)[0], header[4:8]
        if offset and kind in _FIRST_BOXES:
            return True
        if length == 1 and len(header) == 16:
            length = u64(header, 8)[0]
        if length < 8 or not is_type(kind):
            return False
        offset += length
    return False


def _is_text(sample: bytes) -> bool:
    return all(byte >= 0x20 or byte in b"\t\r\n\f\x1b" for byte in sample)
