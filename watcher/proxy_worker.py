"""The process that makes one proxy: a copy of a clip that every browser plays, H.264 and AAC in an indexed MP4.

Reads one JSON job from standard input, and says on standard output which share of the clip is done, then that
it is whole or what is wrong. It may crash, hang or eat memory on a hostile file: `proxies.py` watches and ends it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

from watcher.encoding import Encoded, Progress, Sound, begin_job

QUALITY = {"preset": "veryfast", "crf": "26"}
KEY_SECONDS = 2  # between two key frames: what a jump has to decode
TICKS = Fraction(1, 90000)  # of the picture's clock, as in MPEG: cameras vary their rate


def main() -> None:
    """Do the job."""
    job, tell = begin_job()

    import av  # noqa: PLC0415 - after the limits
    import av.logging  # noqa: PLC0415

    av.logging.set_level(av.logging.PANIC)
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
            tracks[audio.index] = _Copied(audio, out, begins) if copied else Sound(av, audio, out, begins)
        progress = Progress((source.duration or 0) / av.time_base, tell)
        for packet in source.demux([stream for stream in (video, audio) if stream is not None]):
            for ready in tracks[packet.stream.index].take(packet):
                out.mux(ready)
            if packet.pts is not None:
                progress.at(float(packet.pts * packet.time_base - begins))
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


class _Picture(Encoded):
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
        self.encoder = out.add_stream("libx264", rate=rate)
        self.encoder.width, self.encoder.height = self._size
        self.encoder.pix_fmt = "yuv420p"
        self.encoder.options = QUALITY
        context = self.encoder.codec_context
        context.time_base, context.gop_size, context.thread_count = TICKS, round(rate * KEY_SECONDS), job["threads"]
        self._step = round(1 / (rate * TICKS))
        self._reformat = av.video.reformatter.VideoReformatter()
        self._turn: Any = None

    def encode(self, frame: Any) -> Iterator[Any]:
        at = self.on(self.at(frame, TICKS), self._step)
        if self._rotation:
            frame = self._turned(frame)
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

    def _turned(self, frame: Any) -> Any:
        if self._turn is None:
            steps = {90: ["clock"], 180: ["clock", "clock"], 270: ["cclock"]}[self._rotation]
            graph = self._turn = self.av.filter.Graph()
            turns = [graph.add("transpose", f"dir={step}") for step in steps]
            source = graph.add_buffer(template=self.source)
            graph.link_nodes(source, *turns, graph.add("buffersink")).configure()
        self._turn.push(frame)
        return self._turn.pull()


if __name__ == "__main__":
    main()
