"""Opening a clip for a decoder: as the kind of file that it was found to be, and never as another.

FFmpeg would guess, by the bytes and by what they name: a film that is also a session description becomes a stream
from the network, a playlist opens other files. So the format is forced, no protocol is allowed, and only decoders
of what cameras and phones record are let near the bytes. PyAV is handed in by the workers.
"""

from __future__ import annotations

from typing import IO, Any

from watcher.model.errors import RenderError

READ_BYTES = 256 << 10  # at a time
_ISO = frozenset({"mp4", "mov"})  # as our reader calls what one demuxer reads

_NAMES = """
h264 hevc vvc av1 libdav1d vp8 vp9 libvpx-vp8 libvpx-vp9 mjpeg mpeg4 mpeg2video mpeg1video h263 h263p h261 flv
msmpeg4v1 msmpeg4v2 msmpeg4 wmv1 wmv2 wmv3 vc1 theora prores dnxhd dvvideo rawvideo png webp gif bmp aac
aac_fixed aac_latm mp1 mp2 mp3 mp1float mp2float mp3float ac3 ac3_fixed eac3 opus libopus vorbis flac alac
truehd dca amrnb amrwb libopencore_amrnb libopencore_amrwb gsm gsm_ms speex libspeex g723_1 g729 wmav1 wmav2
g722 g726 g726le
"""
_DECODERS = frozenset(_NAMES.split())
_FAMILIES = ("pcm_", "adpcm_")  # all of them


def allowed(decoder: str) -> bool:
    """Whether a decoder, by FFmpeg's name, is one that is let near clips.

    >>> allowed("h264"), allowed("pcm_alaw"), allowed("smacker")
    (True, True, False)
    """
    return decoder in _DECODERS or decoder.startswith(_FAMILIES)


def format_of(head: bytes) -> str | None:
    r"""FFmpeg's name of a file's format, by its first bytes (200 are enough); None for what no camera leaves.

    >>> format_of(b"\0\0\0\x18ftypisom"), format_of(b"\x1a\x45\xdf\xa3"), format_of(b"v=0\no=- 0 0 IN")
    ('mov', 'matroska', None)
    """
    for magic, name in (
        (b"\x1a\x45\xdf\xa3", "matroska"),
        (b"FLV\x01", "flv"),
        (b"\x00\x00\x01\xba", "mpeg"),
        (b"\xff\xd8\xff", "jpeg_pipe"),
        (b"\x89PNG\r\n\x1a\n", "png_pipe"),
        (b"GIF8", "gif"),
    ):
        if head.startswith(magic):
            return name
    if head.startswith(b"RIFF"):
        return {b"AVI ": "avi", b"WEBP": "webp_pipe"}.get(head[8:12])
    if len(head) > 196 and (head[0] == head[188] == 0x47 or head[4] == head[196] == 0x47):
        return "mpegts"
    return "mov" if len(head) >= 8 and head[4:8].isalnum() and not head[:3].isalpha() else None


def opened(av: Any, file: IO[bytes], container: str | None = None, *, edited: bool = True) -> Any:
    """A clip's container. `container` is what our reader found, None where it left that to its first bytes.

    `edited`: with the edit list, as players show it. Raises RenderError, or what PyAV raises.
    """
    file.seek(0)
    name = "mov" if container in _ISO else format_of(file.read(200))
    if name is None:
        raise RenderError("it is of no kind that can be decoded")
    file.seek(0)
    decoders = ",".join(sorted(codec for codec in av.codecs_available if allowed(codec)))
    options = {"protocol_whitelist": "", "format_whitelist": name, "codec_whitelist": decoders}
    if name == "mov":
        options |= {"enable_drefs": "0", "use_absolute_path": "0", "ignore_editlist": "0" if edited else "1"}
    return av.open(file, "r", format=name, options=options, metadata_errors="ignore", buffer_size=READ_BYTES)


def must_decode(stream: Any) -> None:
    """Raise RenderError unless there is a decoder for a stream that may be let near it."""
    context = stream.codec_context
    if context is None:
        raise RenderError("there is no decoder for it")
    if not allowed(context.name):
        raise RenderError(f"{context.name} is not decoded here: no camera records it")
