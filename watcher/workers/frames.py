"""Single frames of a clip, for whoever makes pictures of them or looks at them."""

from __future__ import annotations

from typing import Any

from watcher.model.errors import RenderError
from watcher.workers.demux import must_decode


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


def full_range(av: Any, frame: Any) -> bool:
    """Whether a frame's brightness uses all values, as a JPEG's."""
    return bool(frame.format.name.startswith("yuvj") or frame.color_range == av.video.reformatter.ColorRange.JPEG)
