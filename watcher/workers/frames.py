"""Single frames of a clip, for whoever makes pictures of them or looks at them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from watcher.model.errors import RenderError
from watcher.workers.demux import must_decode

ONWARD_PACKETS, ONWARD_SECONDS = 900, 1.5  # that are decoded on the way to frames between key frames, at most
SAME_SECONDS = 0.001  # by which the time of a frame may be off


def video_of(container: Any) -> Any:
    """The track of pictures, of which only key frames are decoded. Raises RenderError where none can be."""
    if not container.streams.video:
        raise RenderError("it has no picture")
    stream = container.streams.video[0]
    must_decode(stream)
    stream.codec_context.thread_count = 1
    stream.codec_context.skip_frame = "NONKEY"
    return stream


def key_frame(av: Any, container: Any, stream: Any) -> Any:
    """The frame of the next key packet; None if it is damaged or there is none."""
    for packet in container.demux(stream):
        if packet.is_keyframe or packet.size == 0:
            try:
                # A decoder that orders frames holds the first one back until it is told that no more come.
                return next(iter([*packet.decode(), *stream.codec_context.decode(None)]), None)
            except av.FFmpegError:
                return None
    return None


def seconds_of(av: Any, container: Any, stream: Any, frame: Any) -> float:
    """How far into the clip a frame is shown."""
    begin = (container.start_time or 0) / av.time_base
    return 0.0 if frame.pts is None else max(0.0, float(frame.pts * stream.time_base) - begin)


def frames_at(av: Any, container: Any, stream: Any, moments: Sequence[float]) -> Iterator[tuple[float, Any]]:
    """The frames at some moments (seconds, ascending), each with its own, as far as decoding to them is cheap."""
    if not moments:
        return
    context, until, rest = stream.codec_context, time.process_time() + ONWARD_SECONDS, list(moments)
    context.skip_frame = "NONREF"
    container.seek((container.start_time or 0) + round((rest[0] + SAME_SECONDS) * av.time_base))
    for count, packet in enumerate(container.demux(stream)):
        if count > ONWARD_PACKETS or time.process_time() > until:
            return
        try:
            frames = packet.decode()
        except av.InvalidDataError:
            continue
        for frame in frames:
            seconds = seconds_of(av, container, stream, frame)
            if seconds >= rest[0] - SAME_SECONDS:
                yield seconds, frame
                while rest and rest[0] - SAME_SECONDS <= seconds:
                    rest.pop(0)
                if not rest:
                    return


def full_range(av: Any, frame: Any) -> bool:
    """Whether a frame's brightness uses all values, as a JPEG's."""
    return bool(frame.format.name.startswith("yuvj") or frame.color_range == av.video.reformatter.ColorRange.JPEG)
