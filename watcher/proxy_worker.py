"""The process that makes one proxy: a copy of a clip that every browser plays, H.264 and AAC in an indexed MP4.

Reads one JSON job from standard input, and says on standard output how many seconds of the clip are done, then that
it is whole or what is wrong. It may crash, hang or eat memory on a hostile file: `proxies.py` watches and ends it.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

from watcher.tether import die_with_parent

MEMORY_LIMIT = 3 << 30  # bytes of address space; 4K H.265 in and 720p out need about 1 GiB of it
TOLD_SECONDS = 1.0  # between two words of progress
QUALITY = {"preset": "veryfast", "crf": "26"}
KEY_SECONDS = 2  # between two key frames: what a jump has to decode
SOUND_RATES = {16000, 22050, 24000, 32000, 44100, 48000}  # Hz, that every browser's AAC decoder takes
SOUND_FRAME = 1024  # samples that AAC takes at a time
SOUND_BITS = 64000  # a second, each channel
TICKS = Fraction(1, 90000)  # of the picture's clock, as in MPEG: cameras vary their rate


def main() -> None:
    """Do the job."""
    die_with_parent(signal.SIGKILL)
    os.nice(19)
    job = json.loads(sys.stdin.readline())
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_FSIZE, (job["most_bytes"], job["most_bytes"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # too large a file is an error like others
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a codec prints must not look like an answer

    import av  # noqa: PLC0415 - after the limits
    import av.logging  # noqa: PLC0415

    av.logging.set_level(av.logging.PANIC)

    def tell(**told: Any) -> None:
        print(json.dumps(told), file=answers, flush=True)

    try:
        try:
            _make(av, job, tell)
        except (av.FFmpegError, ValueError):
            if not job["copy_video"]:
                raise
            _make(av, {**job, "copy_video": False, "copy_audio": False}, tell)  # what cannot be copied is encoded
        tell(made=True)
    except MemoryError:
        tell(error="its pictures need more memory than a camera's should")
    except (av.FFmpegError, ValueError, OSError, LookupError) as reason:  # all that bad bytes lead to
        tell(error=str(getattr(reason, "strerror", None) or reason))


def _make(av: Any, job: dict[str, Any], tell: Callable[..., None]) -> None:
    """Write the whole proxy. Raises ValueError, or what PyAV raises."""
    with (
        open(job["path"], "rb") as file,  # noqa: PTH123
        av.open(file, metadata_errors="ignore") as source,
        av.open(job["out"], "w", format="mp4", options={"movflags": "+faststart"}) as out,
    ):
        video = next(iter(source.streams.video), None)
        audio = next(iter(source.streams.audio), None)
        if video is None and audio is None:
            raise ValueError("no picture and no sound in it")
        begins = Fraction(source.start_time or 0, av.time_base)
        tracks: dict[int, Any] = {}
        if video is not None:
            picture = _Copied(video, out, begins) if job["copy_video"] else _Picture(av, video, out, begins, job)
            tracks[video.index] = picture
        if audio is not None:
            copied = job["copy_audio"] and job["copy_video"]
            tracks[audio.index] = _Copied(audio, out, begins) if copied else _Sound(av, audio, out, begins)
        told = time.monotonic()
        for packet in source.demux([stream for stream in (video, audio) if stream is not None]):
            for ready in tracks[packet.stream.index].take(packet):
                out.mux(ready)
            if packet.pts is not None and time.monotonic() - told > TOLD_SECONDS:
                told = time.monotonic()
                tell(seconds=float(packet.pts * packet.time_base - begins))
        for track in tracks.values():
            for ready in track.end():
                out.mux(ready)
        if video is not None and not tracks[video.index].count:
            raise ValueError("no picture in it could be decoded")


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


class _Encoded:
    """A track that is decoded and encoded anew."""

    def __init__(self, av: Any, stream: Any, begins: Fraction) -> None:
        self._av = av
        self._begins = begins
        self._last = -1  # tick of the piece before
        self._encoder: Any = None
        self._source = stream
        self.count = 0

    def take(self, packet: Any) -> Iterator[Any]:
        """What the encoder has ready after a packet; a damaged one is passed over."""
        try:
            frames = packet.decode()
        except self._av.InvalidDataError:
            return
        for frame in frames:
            yield from self._encode(frame)

    def end(self) -> Iterator[Any]:
        """What the encoder has held back."""
        if self._encoder is not None:
            yield from self._encoder.encode(None)

    def _encode(self, frame: Any) -> Iterator[Any]:
        raise NotImplementedError

    def _at(self, frame: Any, tick: Fraction) -> int | None:
        """When a frame is due, in ticks from the beginning of the clip; None where it carries no time."""
        return None if frame.pts is None else round((frame.pts * frame.time_base - self._begins) / tick)

    def _on(self, at: int | None, step: int) -> int:
        """When a piece is due, in the encoder's ticks: over gaps, jumps back and missing times, time runs on."""
        self._last = at if at is not None and at > self._last else self._last + step
        return self._last


class _Picture(_Encoded):
    """The picture as H.264, upright and not higher than was asked."""

    def __init__(self, av: Any, stream: Any, out: Any, begins: Fraction, job: dict[str, Any]) -> None:
        super().__init__(av, stream, begins)
        self._rotation = job["rotation"]
        stream.codec_context.thread_count = job["threads"]
        width, height = stream.codec_context.width, stream.codec_context.height
        if not width or not height:
            raise ValueError("its pictures have no size")
        if self._rotation in {90, 270}:
            width, height = height, width
        share = min(Fraction(job["height"], height), Fraction(1))
        self._size = max(2, round(width * share / 2) * 2), max(2, round(height * share / 2) * 2)
        rate = stream.average_rate or stream.guessed_rate or 25
        rate = rate if 1 <= rate <= 120 else Fraction(25)
        self._encoder = out.add_stream("libx264", rate=rate)
        self._encoder.width, self._encoder.height = self._size
        self._encoder.pix_fmt = "yuv420p"
        self._encoder.options = QUALITY
        context = self._encoder.codec_context
        context.time_base, context.gop_size, context.thread_count = TICKS, round(rate * KEY_SECONDS), job["threads"]
        self._step = round(1 / (rate * TICKS))
        self._reformat = av.video.reformatter.VideoReformatter()
        self._turn: Any = None

    def _encode(self, frame: Any) -> Iterator[Any]:
        at = self._on(self._at(frame, TICKS), self._step)
        if self._rotation:
            frame = self._turned(frame)
        # JPEG's colours, and those of many cameras, are in the full range; H.264's are expected in the narrow one.
        ranges = self._av.video.reformatter.ColorRange
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
        yield from self._encoder.encode(shown)

    def _turned(self, frame: Any) -> Any:
        if self._turn is None:
            steps = {90: ["clock"], 180: ["clock", "clock"], 270: ["cclock"]}[self._rotation]
            graph = self._turn = self._av.filter.Graph()
            turns = [graph.add("transpose", f"dir={step}") for step in steps]
            source = graph.add_buffer(template=self._source)
            graph.link_nodes(source, *turns, graph.add("buffersink")).configure()
        self._turn.push(frame)
        return self._turn.pull()


class _Sound(_Encoded):
    """The sound as AAC."""

    def __init__(self, av: Any, stream: Any, out: Any, begins: Fraction) -> None:
        super().__init__(av, stream, begins)
        rate = stream.rate if stream.rate in SOUND_RATES else 16000 if (stream.rate or 0) < 16000 else 48000
        layout = "mono" if stream.channels == 1 else "stereo"
        self._encoder = out.add_stream("aac", rate=rate)
        self._encoder.layout = layout
        self._encoder.bit_rate = SOUND_BITS * (1 if layout == "mono" else 2)
        self._sample = Fraction(1, rate)
        self._resample = av.AudioResampler(format="fltp", layout=layout, rate=rate, frame_size=SOUND_FRAME)

    def _encode(self, frame: Any) -> Iterator[Any]:
        # Counted in samples, whatever the container counts in: the resampler keeps what it is given.
        sample = Fraction(1, frame.sample_rate)
        frame.pts = self._at(frame, sample)
        frame.time_base = sample
        yield from self._frames(frame)

    def end(self) -> Iterator[Any]:
        """What the resampler and the encoder have held back."""
        yield from self._frames(None)
        yield from super().end()

    def _frames(self, frame: Any) -> Iterator[Any]:
        for piece in self._resample.resample(frame):
            at = None if piece.pts is None else round(piece.pts * piece.time_base / self._sample)
            piece.pts, piece.time_base = self._on(at, SOUND_FRAME), self._sample
            self.count += 1
            yield from self._encoder.encode(piece)


if __name__ == "__main__":
    main()
