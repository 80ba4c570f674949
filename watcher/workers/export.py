"""The process that makes the films of one camera for an export: its clips one after another, copied as they are.

It says which share of its job is done, then what it has made or what is wrong. Pictures and sound are not encoded
anew, but for sound that no MP4 can hold. Where a clip is coded otherwise than the one before, another file begins.
`forkserver.py` has its wall and its limits, `exports.py` watches it and ends it.

Times are fractions of seconds; `_ms` is the clock's, in milliseconds since 1970.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from typing import IO, Any

from watcher.model.errors import RenderError
from watcher.workers import encoding
from watcher.workers.chapters import chapters
from watcher.workers.cuts import key_frame, packets_between, streams_of
from watcher.workers.demux import must_decode, opened
from watcher.workers.encoding import Progress, Sound
from watcher.workers.forkserver import FILM_MEMORY, Files, Kind, Tell, serve, words_of

PIECE = 1 << 20  # bytes that are hashed at a time
FAST_BYTES = 1 << 30  # of clips: larger files keep their index at the end, rather than being written twice
SOUNDS = {"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"}  # that an MP4 can hold
TAGS = {"hevc": "hvc1"}  # Apple's players want H.265 called so
FILES = 100  # that an export of one camera has at most: one for each change of its coding
SLACK_MS = 60_000  # by which a clip may be longer than the catalog says


def make(av: Any, job: dict[str, Any], files: Files, tell: Tell) -> dict[str, Any]:
    """Write the films; what is in them, and which clips are not. A clip that cannot be read costs no other."""
    return {"made": _make(av, job, files, tell)}


def _make(av: Any, job: dict[str, Any], files: Files, tell: Tell) -> dict[str, Any]:
    # Each is read twice: to be copied, and for its hash.
    progress = Progress(2 * sum(clip["size_bytes"] for clip in job["clips"]), tell)
    films: list[dict[str, Any]] = []
    left_out: list[dict[str, Any]] = []
    film: _Film | None = None
    seen_ms = job["from_ms"]  # until then everything is in a film, or not asked for
    for clip, source_file in zip(job["clips"], files.sources, strict=True):
        tell(about=clip["id"])
        try:
            if isinstance(source_file, OSError):
                raise source_file
            with opened(av, source_file, clip.get("container")) as source:
                coded = _coded(source)
                if film is not None and film.coded != coded:
                    closing, film = film, None
                    films.append(closing.close())
                if film is None:
                    film = _Film(av, job, files.outs, len(films), coded, source)
                exact = job["cut"] == "exact" and not film.pieces and not films
                film.add(source, clip, max(seen_ms, clip["started_ms"]), exact=exact, progress=progress)
            progress.next(clip["size_bytes"])
            film.pieces[-1]["sha256"] = _sha256(source_file, progress)
        except (av.FFmpegError, ValueError, OSError, RenderError) as reason:
            if _full(reason):
                raise
            left_out.append({"clip_id": clip["id"], "key": clip["key"], "reason": words_of(reason)})
        if film is not None and film.pieces:
            seen_ms = max(seen_ms, film.pieces[-1]["ended_ms"])
        progress.next(clip["size_bytes"])
    if film is not None:
        films.append(film.close())
    return {"files": [written for written in films if written["pieces"]], "left_out": left_out}


def _full(reason: Exception) -> bool:
    """Whether it is the disk, or our own limit, and no clip's doing."""
    return getattr(reason, "errno", None) in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def _sha256(file: IO[bytes], progress: Progress | None = None) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    while piece := file.read(PIECE):
        digest.update(piece)
        if progress is not None:
            progress.at(file.tell())
    return digest.hexdigest()


def _coded(source: Any) -> tuple[Any, ...]:
    """What has to be the same of clips that are to be in one file: codecs, their headers, sizes and rates."""
    parameters: list[Any] = []
    for stream in streams_of(source):
        must_decode(stream)
        context = stream.codec_context
        parameters += [stream.type, context.name, bytes(context.extradata or b"")]
        parameters += [context.width, context.height] if stream.type == "video" else [stream.rate, stream.channels]
    if not parameters:
        raise ValueError("no picture and no sound in it")
    return tuple(parameters)


class _Track:
    """A stream of a film, into which packets go as they are."""

    def __init__(self, out: Any, stream: Any) -> None:
        self.out = out.add_stream_from_template(stream)
        self.out.time_base = stream.time_base
        if tag := TAGS.get(stream.codec_context.name):
            self.out.codec_context.codec_tag = tag
        self._last: int | None = None  # tick at which the packet before was decoded

    def take(self, packet: Any, shift: Fraction) -> Iterator[Any]:
        """A packet, so much later."""
        tick = self.out.time_base
        shown, decoded = (round((time * packet.time_base + shift) / tick) for time in (packet.pts, packet.dts))
        if self._last is not None and decoded <= self._last:  # the clips' reordering of pictures differs
            decoded = self._last + 1
        self._last = decoded
        length = round((packet.duration or 0) * packet.time_base / tick)
        packet.stream = self.out
        packet.time_base = tick
        packet.pts, packet.dts, packet.duration = max(shown, decoded), decoded, length
        yield packet

    def end(self) -> Iterator[Any]:
        """Nothing is held back."""
        yield from ()


class _Encoded:
    """A stream of a film whose sound is encoded anew."""

    def __init__(self, av: Any, out: Any, stream: Any) -> None:
        self._sound = Sound(av, stream, out, Fraction(0))

    def take(self, packet: Any, shift: Fraction) -> Iterator[Any]:
        """What the encoder has ready after a packet."""
        self._sound.begins = -shift
        yield from self._sound.take(packet)

    def end(self) -> Iterator[Any]:
        """What the encoder has held back."""
        yield from self._sound.end()


class _Film:
    """A file, and the clips in it."""

    def __init__(
        self, av: Any, job: dict[str, Any], outs: list[IO[bytes]], number: int, coded: tuple[Any, ...], source: Any
    ) -> None:
        if number >= len(outs):
            raise ValueError("the clips before it are coded in too many ways for one export")
        self._av = av
        self._job = job
        self.coded = coded
        self.pieces: list[dict[str, Any]] = []
        self._end = Fraction(0)
        self._name, self._file = _name(job, number), outs[number]
        fast = sum(clip["size_bytes"] for clip in job["clips"]) <= FAST_BYTES
        self._out = encoding.film(av, self._file, fast=fast)
        self._tracks: dict[str, _Track | _Encoded] = {}
        for stream in streams_of(source):
            plain = stream.type == "video" or stream.codec_context.name in SOUNDS
            track = _Track(self._out, stream) if plain else _Encoded(av, self._out, stream)
            self._tracks[stream.type] = track

    def add(self, source: Any, clip: dict[str, Any], from_ms: int, *, exact: bool, progress: Progress) -> None:
        """What a clip has from a moment of the clock on, until the end of what is asked for.

        It begins with the key frame at or before that moment: nothing is lost. `exact`: players are told to show it
        from the moment itself (by an edit list, ISO/IEC 14496-12, 8.6.6). Raises ValueError, or what PyAV raises.
        """
        offset = Fraction(from_ms - clip["started_ms"], 1000)
        # What claims to be shown long after the clip's end would put all that follows there.
        most_ms = min(self._job["to_ms"], clip["ended_ms"] + SLACK_MS)
        until = Fraction(most_ms - clip["started_ms"], 1000)
        origin = Fraction(source.start_time or 0, self._av.time_base)
        begin = key_frame(source, origin, offset) if offset > 0 else Fraction(0)
        cut = offset if exact and offset > 0 else begin
        if not self.pieces:
            self._begin(clip["started_ms"] + round(cut * 1000))
        shift = self._end - cut - origin
        end = Fraction(0)
        damage = None
        try:
            for at, ready in packets_between(source, origin, begin, until):
                packet = ready[-1]
                progress.at(packet.pos or 0)
                end = max(end, at + (packet.duration or 0) * packet.time_base - cut)
                for piece in ready:
                    for written in self._tracks[piece.stream.type].take(piece, shift):
                        self._out.mux(written)
        except (self._av.FFmpegError, ValueError) as reason:
            if end <= 0 or _full(reason):
                raise
            damage = words_of(reason)  # what came until then is in the film
        if end <= 0:
            raise ValueError("nothing of it lies in that time")
        started_ms = clip["started_ms"] + round(cut * 1000)
        self.pieces.append(
            {
                "clip_id": clip["id"],
                "key": clip["key"],
                "size_bytes": clip["size_bytes"],
                "offset_seconds": round(float(self._end), 3),
                "started_ms": started_ms,
                "ended_ms": started_ms + round(end * 1000),
                "utc_offset": clip["utc_offset"],
                "damage": damage,
            }
        )
        self._end += end

    def close(self) -> dict[str, Any]:
        """Finish the file; what is in it."""
        if not self.pieces:  # it may not even have begun
            with contextlib.suppress(self._av.FFmpegError, ValueError):
                self._out.close()
            self._file.truncate(0)  # what has no bytes gets no name
            return {"pieces": []}
        for track in self._tracks.values():
            for ready in track.end():
                self._out.mux(ready)
        self._out.set_chapters(chapters(self.pieces, float(self._end)))
        self._out.close()
        return {
            "name": self._name,
            "size_bytes": self._file.seek(0, os.SEEK_END),
            "sha256": _sha256(self._file),
            "duration_seconds": round(float(self._end), 3),
            "pieces": self.pieces,
        }

    def _begin(self, started_ms: int) -> None:
        self._out.metadata["title"] = self._job["camera"]
        self._out.metadata["creation_time"] = datetime.fromtimestamp(started_ms / 1000, UTC).isoformat()
        self._out.start_encoding()


def _name(job: dict[str, Any], number: int) -> str:
    return f"{job['stem']}{'' if number == 0 else f'-{number + 1}'}.mp4"


def _reads(job: dict[str, Any]) -> list[str]:
    return [clip["path"] for clip in job["clips"]]


def _writes(job: dict[str, Any]) -> list[str]:
    """As many as may be needed: behind the wall none can be added."""
    return [f"{job['folder']}/{_name(job, number)}" for number in range(min(len(job["clips"]), FILES))]


KINDS = {"make": Kind(make, _reads, _writes, FILM_MEMORY, lambda job: int(job["most_bytes"]))}

if __name__ == "__main__":
    serve(KINDS)
