"""The process that makes one proxy: a copy of a clip that every browser plays, H.264 and AAC in an indexed MP4.

It says which share of the clip is done, then that it is whole or what is wrong. It may crash, hang or eat memory on
a hostile file: `forkserver.py` has its wall and its limits, `proxies.py` watches and ends it.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from watcher.workers.demux import must_decode, opened
from watcher.workers.encoding import Encoded, Progress, Sound, film
from watcher.workers.forkserver import FILM_MEMORY, Files, Kind, Tell, serve
from watcher.workers.upright import ROTATED, Turner, place, shown_size

QUALITY = {"preset": "veryfast", "crf": "26"}
KEY_SECONDS = 2  # between two key frames: what a jump has to decode
TICKS = Fraction(1, 90000)  # of the picture's clock, as in MPEG: cameras vary their rate


def make(av: Any, job: dict[str, Any], files: Files, tell: Tell) -> dict[str, Any]:
    """Write the whole proxy."""
    try:
        _make(av, job, files, tell)
    except (av.FFmpegError, ValueError):
        if not job["copy_video"]:
            raise
        files.outs[0].seek(0)
        files.outs[0].truncate()
        _make(
            av, {**job, "copy_video": False, "copy_audio": False}, files, tell
        )  # what cannot be copied is encoded
    return {"made": True}


def _make(av: Any, job: dict[str, Any], files: Files, tell: Tell) -> None:
    """Write it in one way. Raises RenderError, ValueError, or what PyAV raises."""
    with (
        opened(av, files.source, job.get("container")) as source,
        film(av, files.outs[0], fast=True) as out,
    ):
        video = next(iter(source.streams.video), None)
        audio = next(iter(source.streams.audio), None)
        if video is None and audio is None:
            raise ValueError("no picture and no sound in it")
        begins = Fraction(source.start_time or 0, av.time_base)
        streams = [stream for stream in (video, audio) if stream is not None]
        for stream in streams:
            must_decode(stream)
        tracks: dict[int, Any] = {}
        if video is not None:
            tracks[video.index] = _picture(av, video, out, begins, job)
        if audio is not None:
            tracks[audio.index] = _sound(av, audio, out, begins, job)
        progress = Progress((source.duration or 0) / av.time_base, tell)
        for packet in source.demux(streams):
            for ready in tracks[packet.stream.index].take(packet):
                out.mux(ready)
            if packet.pts is not None:
                progress.at(float(packet.pts * packet.time_base - begins))
        for track in tracks.values():
            for ready in track.end():
                out.mux(ready)
        if video is not None and not tracks[video.index].count:
            raise ValueError("no picture in it could be decoded")


def _picture(av: Any, stream: Any, out: Any, begins: Fraction, job: dict[str, Any]) -> Any:
    return _Copied(stream, out, begins) if job["copy_video"] else _Picture(av, stream, out, begins, job)


def _sound(av: Any, stream: Any, out: Any, begins: Fraction, job: dict[str, Any]) -> Any:
    copied = job["copy_audio"] and job["copy_video"]
    return _Copied(stream, out, begins) if copied else Sound(av, stream, out, begins)


class _Copied:
    """A track that goes over as it is, from the beginning of the clip."""

    def __init__(self, stream: Any, out: Any, begins: Fraction) -> None:
        self._stream = out.add_stream_from_template(stream)
        self._shift = round(begins / stream.time_base)
        self.count = 0

    def take(self, packet: Any) -> Iterator[Any]:
        """The packet, for another file."""
        if packet.dts is None or packet.pts is None:
            if packet.size:
                raise ValueError("its pictures carry no times")
            return
        packet.dts -= self._shift
        packet.pts -= self._shift
        packet.stream = self._stream
        self.count += 1
        yield packet

    def end(self) -> Iterator[Any]:
        """Nothing is held back."""
        yield from ()


class _Picture(Encoded):
    """The picture as H.264, as players show it and not higher than was asked."""

    def __init__(self, av: Any, stream: Any, out: Any, begins: Fraction, job: dict[str, Any]) -> None:
        super().__init__(av, stream, begins)
        self._job = job
        stream.codec_context.thread_count = job["threads"]
        if not stream.codec_context.width or not stream.codec_context.height:
            raise ValueError("its pictures have no size")
        rate = stream.average_rate or stream.guessed_rate or 25
        rate = rate if 1 <= rate <= 120 else Fraction(25)
        self.encoder = out.add_stream("libx264", rate=rate)
        self._size = self._shown(stream)
        self.encoder.width, self.encoder.height = self._size
        self.encoder.pix_fmt = "yuv420p"
        self.encoder.options = QUALITY
        context = self.encoder.codec_context
        context.time_base, context.gop_size, context.thread_count = TICKS, round(rate * KEY_SECONDS), job["threads"]
        self._step = round(1 / (rate * TICKS))
        self._reformat = av.video.reformatter.VideoReformatter()
        self._turner = Turner(av)

    def _shown(self, stream: Any) -> tuple[int, int]:
        """The proxy's size, by the rotation that our reader found."""
        width, height = shown_size(stream.codec_context, stream, ROTATED.get(self._job["rotation"], ROTATED[0]))
        share = min(Fraction(self._job["height"], height), Fraction(1))
        return max(2, round(width * share / 2) * 2), max(2, round(height * share / 2) * 2)

    def encode(self, frame: Any) -> Iterator[Any]:
        at = self.on(self.at(frame, TICKS), self._step)
        frame = self._turner.turn(frame, place(frame, self._job["rotation"]))
        # JPEG's colours, and those of many cameras, are in the full range; H.264's are expected in the narrow one.
        ranges = self.av.video.reformatter.ColorRange
        full = frame.format.name.startswith("yuvj") or frame.color_range == ranges.JPEG
        shown = self._reformat.reformat(
            frame,
            width=self._size[0],
            height=self._size[1],
            format="yuv420p",
            src_color_range="JPEG" if full else "MPEG",
            dst_color_range="MPEG",
        )
        shown.pts, shown.time_base = at, TICKS
        shown.pict_type = 0  # what was a key frame need not be one
        self.count += 1
        yield from self.encoder.encode(shown)


def _writes(job: dict[str, Any]) -> list[str]:
    return [job["out"]]


KINDS = {"make": Kind(make, lambda job: [job["path"]], _writes, FILM_MEMORY, lambda job: int(job["most_bytes"]))}

if __name__ == "__main__":
    serve(KINDS)
