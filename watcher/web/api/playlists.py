"""A camera's time as one stream for players (HLS, RFC 8216): a playlist, and the segments that it names.

Segments are cut from the clips when they are asked for. A clip is looked into only where it is longer than a
segment should be; that is remembered, and done for some seconds at most, after which the rest of the clips are one
segment each.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from cachetools import LRUCache
from flask import Blueprint, Response, request

from watcher.media.fragments import Segment, Segments
from watcher.media.samples import Index
from watcher.model import serialize
from watcher.model.access import Role
from watcher.model.clip import Clip, ClipFilter, ClipState
from watcher.model.errors import BadParameterError, BrokenClipError, ClipNotFoundError
from watcher.tiering.footage import Footage
from watcher.web.http.auth import principal, visible
from watcher.web.http.query import bounded, single
from watcher.web.http.responses import streamed
from watcher.web.http.routes import route
from watcher.web.http.state import catalog, state
from watcher.web.http.wire import moment

bp = Blueprint("playlists", __name__)

CLIPS_MOST = 5000
SEGMENT_SECONDS = 6.0  # what Apple recommends
SHORT_SECONDS, SMALL_BYTES = 10.0, 8 << 20  # clips that are one segment without a look
LARGE_BYTES = 32 << 20  # clips that are looked into however long that takes
LOOK_SECONDS = 3.0
REMEMBERED = 20_000  # clips
CONTAINERS = {"mp4", "mov"}
WHOLE_MOST = 16 << 20  # bytes that nginx takes at once, and keeps on the disk for a slow reader: 6 s at 20 Mbit/s
PICTURES = {"h264", "hevc", "av1", "vp9"}  # that players take in fragments
SOUND = "aac"

# Where each content can be cut.
_remembered_cuts: LRUCache[str, list[float]] = LRUCache(REMEMBERED)
_lock = threading.Lock()


class Piece(NamedTuple):
    """A clip in a playlist."""

    clip: Clip
    sound: bool
    copied: bool  # its proxy is shown in its place

    @property
    def content(self) -> str:
        """What stands for the bytes that are shown: another content has another size, length or coding."""
        clip = self.clip
        parts = (clip.id, clip.size_bytes, clip.duration_seconds, clip.proxy if self.copied else None)
        return hashlib.blake2s(repr(parts).encode() + bytes(clip.media or b""), digest_size=8).hexdigest()


@route(
    bp,
    "/cameras/<camera>/playlist.m3u8",
    role=Role.VIEW,
    takes=("from", "to"),
    media_type="application/vnd.apple.mpegurl",
    problems=(404,),
)
def playlist(camera: str) -> Response:
    """A camera's clips from one moment to another as one stream, for players of HLS."""
    first, last = moment(single(request.args, "from", ""), "from"), moment(single(request.args, "to", ""), "to")
    if first >= last:
        raise BadParameterError("from", "from must be before to")
    pieces: list[Piece] = []
    left_out: list[str] = []
    for clip in _clips(camera, first, last) if principal().sees(camera) else ():
        piece = _piece(clip)
        if piece is None:
            left_out.append(f"# left out, since no player takes it in pieces: {clip.id}")
        else:
            pieces.append(piece)
    if not pieces and not left_out:
        raise ClipNotFoundError("this camera has no clips in that time")
    # Players stop where a sound ends that others had: either all have one, or none is heard.
    sound = bool(pieces) and all(piece.sound for piece in pieces)
    until = state().services.clock.monotonic() + LOOK_SECONDS
    longest, size = 1.0, 0
    lines: list[str] = []
    for piece in pieces:
        try:
            cuts = _cuts(piece, until)
        except (BrokenClipError, OSError):
            left_out.append(f"# left out, since it cannot be read: {piece.clip.id}")
            continue
        shown = [
            (begin, end)
            for begin, end in pairwise(cuts)
            if piece.clip.started_at + timedelta(seconds=end) > first
            and piece.clip.started_at + timedelta(seconds=begin) < last
        ]
        longest = max([longest, *(end - begin for begin, end in shown)])
        fresh = list(_lines(piece, shown, cuts[-1], sound=sound))
        lines += fresh
        size += sum(len(line) + 1 for line in fresh)
        if size > WHOLE_MOST:
            raise BadParameterError("to", "a playlist of that time would be too long; ask for less of it")
    if not lines:
        raise ClipNotFoundError("no player takes any of this camera's clips in that time in pieces")
    head = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{round(longest + 0.5)}",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        *left_out,
    ]
    body = "\n".join([*head, *lines[1:], "#EXT-X-ENDLIST", ""])  # nothing is before the first clip
    return Response(body, content_type="application/vnd.apple.mpegurl", headers={"Cache-Control": "no-cache"})


def _clips(camera: str, first: datetime, last: datetime) -> Iterator[Clip]:
    clip_filter = ClipFilter(cameras=(camera,), states=(ClipState.READY,), from_at=first, to_at=last)
    count = 0
    for clips in catalog().clips.pages(clip_filter):
        count += len(clips)
        if count > CLIPS_MOST:
            raise BadParameterError(
                "to", f"there are more than {CLIPS_MOST:,} clips in that time; ask for less of it"
            )
        yield from clips


def _piece(clip: Clip) -> Piece | None:
    """How a clip can be shown: itself, or its copy; None if neither can be taken to pieces."""
    media = clip.media_info
    if media is not None and media.container in CONTAINERS:
        sound = media.audio is not None and media.audio.codec == SOUND
        if media.video.codec in PICTURES if media.video is not None else sound:
            return Piece(clip, sound, copied=False)
    if clip.proxy is not None:
        return Piece(clip, media is not None and media.audio is not None, copied=True)
    return None


def _cuts(piece: Piece, until: float) -> list[float]:
    """Where the segments of a clip begin, and the last one ends, in seconds. Raises BrokenClipError, OSError."""
    clip = piece.clip
    with _lock:
        cuts = _remembered_cuts.get(piece.content)
    if cuts is not None:
        return cuts
    seconds = clip.duration_seconds or 0.0
    small = seconds <= SHORT_SECONDS and clip.size_bytes <= SMALL_BYTES
    late = clip.size_bytes <= LARGE_BYTES and state().services.clock.monotonic() > until
    if seconds and (small or late):
        return [0.0, seconds]
    with _opened(piece) as (_, segments):
        cuts = segments.cuts(SEGMENT_SECONDS)
    with _lock:
        _remembered_cuts[piece.content] = cuts
    return cuts


def _lines(piece: Piece, shown: list[tuple[float, float]], end: float, *, sound: bool) -> Iterator[str]:
    if not shown:
        return
    clip = piece.clip
    address = f"{request.script_root}/clips/{clip.id}"
    question = f"content={piece.content}&sound={'true' if sound else 'false'}"
    begins = serialize.utc_of(clip.started_ms + round(shown[0][0] * 1000))
    yield "#EXT-X-DISCONTINUITY"
    yield f'#EXT-X-MAP:URI="{address}/init.mp4?{question}"'
    yield f"#EXT-X-PROGRAM-DATE-TIME:{begins}"
    for first, last in shown:
        yield f"#EXTINF:{last - first:.3f},"
        until = "" if last == end else f"&end={int(last * 1000)}"
        yield f"{address}/segment.m4s?{question}&begin={int(first * 1000)}{until}"


@route(
    bp,
    "/clips/<int:clip_id>/init.mp4",
    role=Role.VIEW,
    takes=("content", "sound"),
    media_type="video/mp4",
    problems=(404, 422),
)
def beginning(clip_id: int) -> Response:
    """What a player needs of a clip before any of its segments."""
    with _opened(_requested_piece(clip_id)) as (_, segments):
        return _sent(segments.beginning(sound=_flag("sound")))


@route(
    bp,
    "/clips/<int:clip_id>/segment.m4s",
    role=Role.VIEW,
    takes=("content", "sound", "begin", "end"),
    media_type="video/mp4",
    problems=(404, 422, 429),
)
def segment(clip_id: int) -> Response:
    """The pictures of a clip from the key frame at `begin` to the one at `end`, and the sound meanwhile."""
    begin, end = _number("begin", 0) / 1000, _number("end", 1 << 40) / 1000
    with _opened(_requested_piece(clip_id)) as (fd, segments):
        cut = segments.segment(begin, end, sound=_flag("sound"))
        return _sent(b"".join(cut.pieces(fd))) if cut.size <= WHOLE_MOST else _streamed(fd, cut)


def _requested_piece(clip_id: int) -> Piece:
    clip = visible(catalog().clips.get(bounded(clip_id)))
    piece = _piece(clip) if clip.state is ClipState.READY else None
    if piece is None or single(request.args, "content", piece.content) != piece.content:
        raise ClipNotFoundError(f"there is no such segment of the clip {clip_id}")
    return piece


def _flag(name: str) -> bool:
    text = single(request.args, name, "true")
    if text not in {"true", "false"}:
        raise BadParameterError(name, f"{name}={text!r} must be true or false")
    return text == "true"


def _number(name: str, default: int) -> int:
    text = single(request.args, name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise BadParameterError(name, f"{name}={text!r} must be a whole number of milliseconds")
    return int(text)


@contextlib.contextmanager
def _opened(piece: Piece) -> Iterator[tuple[int, Segments]]:
    """A clip's file, or its copy's, and its index. Raises BrokenClipError, ClipNotFoundError if it is gone."""
    services = state().services
    try:
        if piece.copied:
            fd = os.open(services.places.renditions / str(piece.clip.proxy), os.O_RDONLY | os.O_CLOEXEC)
        else:
            fd = Footage.of(services, hurried=True).open(piece.clip.key)
    except FileNotFoundError:
        raise ClipNotFoundError("its file is not there") from None
    try:
        yield fd, Segments(Index(fd, os.fstat(fd).st_size))
    finally:
        os.close(fd)


def _sent(data: bytes) -> Response:
    return _cacheable(Response(data, content_type="video/mp4"))


def _streamed(fd: int, cut: Segment) -> Response:
    """A large segment, as its reader takes it. Raises TooManyError."""
    own = os.dup(fd)
    try:
        response = streamed(cut.pieces(own), "video/mp4")
    except BaseException:
        os.close(own)
        raise
    response.call_on_close(lambda: os.close(own))
    response.content_length = cut.size
    return _cacheable(response)


def _cacheable(response: Response) -> Response:
    response.headers["Cache-Control"] = "private, max-age=86400, immutable"  # the address says of which content
    return response
