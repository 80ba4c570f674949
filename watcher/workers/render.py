"""The process that makes posters and sprites, and probes what is not ISO-BMFF.

It may crash, hang or eat memory on a hostile file: `forkserver.py` has its wall and limits, `process.py` watches
it, ends it, and starts another.
"""

from __future__ import annotations

import errno
import math
import time
from collections.abc import Callable
from fractions import Fraction
from typing import IO, Any

from watcher.workers.demux import opened
from watcher.workers.forkserver import PICTURE_MEMORY, Files, Kind, Tell, UnwritableError, serve
from watcher.workers.frames import frames_at, full_range, key_frame, seconds_of, video_of
from watcher.workers.significance import TELLING_HEIGHT, TELLING_WIDTH, light_of, most_telling
from watcher.workers.upright import Turner, place, shown_size

FILE_LIMIT = 8 << 20  # bytes that a picture may take
POSTER_WIDTH = 320
SPRITE_WIDTH, SPRITE_FRAMES, SPRITE_COLUMNS = 240, 12, 4
PACKET_LIMIT = 3000  # packets read in search of the first picture
HIDDEN_LIMIT, HIDDEN_SECONDS = 900, 8.0  # packets, and time, for pictures that an edit list hides before that
LONGEST_SECONDS = 10 * 365 * 86400.0  # what claims more tells nothing
FASTEST = 1000.0  # pictures a second


def poster(av: Any, job: dict[str, Any], files: Files, _tell: Tell) -> dict[str, Any]:
    """Write the first picture that a player shows, or the one at `seconds`, as a small WebP."""
    if "seconds" in job:
        return _poster_at(av, job, files)
    packets = 0  # packets that a decoder was given
    for edited in (True, False):  # an edit list may leave nothing that can be decoded
        with opened(av, files.source, job.get("container"), edited=edited) as container:
            stream = video_of(container)
            frame, count = _first_frame(av, container, stream)
            packets += count
            if frame is not None:
                small = _small(av, stream, frame, POSTER_WIDTH, job.get("rotation", 0))
                _write(av, small, files.outs[0], "72")
                return {}
    # Without a packet the demuxer and our reader disagree: nothing is known of the pictures.
    return {"error": "no picture in it could be decoded", "undecodable": packets > 0}


def _poster_at(av: Any, job: dict[str, Any], files: Files) -> dict[str, Any]:
    with opened(av, files.source, job.get("container")) as container:
        stream = video_of(container)
        for _, frame in frames_at(av, container, stream, [job["seconds"]]):
            _write(av, _small(av, stream, frame, POSTER_WIDTH, job.get("rotation", 0)), files.outs[0], "72")
            return {}
    return {"error": "its picture at that second could not be decoded"}


def sprite(av: Any, job: dict[str, Any], files: Files, _tell: Tell) -> dict[str, Any]:
    """Write key frames from all over the clip, side by side; fewer than two are no sprite.

    And where one of them tells more than the others, and a name for it is given, that one as the poster.
    """
    pictures: list[Any] = []
    at: list[int] = []  # milliseconds from the beginning
    with opened(av, files.source, job.get("container")) as container:
        stream = video_of(container)
        seen = None
        for number in range(SPRITE_FRAMES if container.duration else 0):
            moment = (container.start_time or 0) + container.duration * (2 * number + 1) // (2 * SPRITE_FRAMES)
            container.seek(moment)  # to the key frame before it
            frame = key_frame(av, container, stream)
            if frame is not None and frame.pts != seen:
                seen = frame.pts
                pictures.append(_small(av, stream, frame, POSTER_WIDTH, job.get("rotation", 0)))
                at.append(round(1000 * seconds_of(av, container, stream, frame)))
    if len(pictures) < 2:
        return {"frames": len(pictures)}
    tiles = [_scaled(av, picture, SPRITE_WIDTH) for picture in pictures]
    columns = min(SPRITE_COLUMNS, len(tiles))
    _write(av, _side_by_side(av, tiles, columns), files.outs[0], "60")
    answer: dict[str, Any] = {
        "frames": len(tiles),
        "columns": columns,
        "tile_width": tiles[0].width,
        "tile_height": tiles[0].height,
    }
    smaller = av.video.reformatter.VideoReformatter()  # one for all: making it costs as much as using it
    parts = [_parts(smaller, tile) for tile in tiles]
    answer["light"] = light_of(parts)
    best = most_telling(parts)
    if best is not None:
        answer["significant_ms"] = at[best]
        if len(files.outs) > 1:
            _write(av, pictures[best], files.outs[1], "72")
    return answer


def _scaled(av: Any, picture: Any, most: int) -> Any:
    """A picture that was made small already, smaller."""
    width = min(most, picture.width) // 2 * 2
    height = max(2, round(picture.height * width / picture.width / 2) * 2)
    return av.video.reformatter.VideoReformatter().reformat(picture, width=width, height=height)


def _parts(smaller: Any, picture: Any) -> bytes:
    """How bright each part of a picture is, and what colours it has, as `most_telling` compares them."""
    small = smaller.reformat(picture, width=TELLING_WIDTH, height=TELLING_HEIGHT, format="yuv420p")
    rows = []
    for plane in small.planes:
        data = bytes(plane)
        rows += [data[row * plane.line_size :][: plane.width] for row in range(plane.height)]
    return b"".join(rows)


def _side_by_side(av: Any, tiles: list[Any], columns: int) -> Any:
    rows = -(-len(tiles) // columns)
    graph = av.filter.Graph()
    first = tiles[0]
    size = {"width": first.width, "height": first.height, "format": first.format, "time_base": Fraction(1, 25)}
    nodes = [graph.add_buffer(**size), graph.add("tile", f"layout={columns}x{rows}"), graph.add("buffersink")]
    graph.link_nodes(*nodes).configure()
    for number, tile in enumerate(tiles):
        tile.pts, tile.time_base = number, Fraction(1, 25)
        graph.push(tile)
    graph.push(None)
    return graph.pull()


def _small(av: Any, stream: Any, frame: Any, most: int, rotation: int) -> Any:
    """A frame as players show it and at most so wide, in WebP's colours."""
    laid = place(frame, rotation)
    width, height = shown_size(frame, stream, laid)
    out_width = min(most, width) // 2 * 2 or 2
    out_height = max(2, round(height * out_width / width / 2) * 2)
    frame = Turner(av).turn(frame, laid)
    # WebP's colours are BT.601 in the narrow range; a JPEG's, and many cameras', are in the full one.
    return av.video.reformatter.VideoReformatter().reformat(
        frame,
        width=out_width,
        height=out_height,
        format="yuv420p",
        src_color_range="JPEG" if full_range(av, frame) else "MPEG",
        dst_color_range="MPEG",
        dst_colorspace="ITU601",
    )


def _write(av: Any, picture: Any, out: IO[bytes], quality: str) -> None:
    """Encode a picture into a file."""
    picture.pts = 0
    encoder = av.CodecContext.create("libwebp", "w")
    encoder.width, encoder.height, encoder.pix_fmt = picture.width, picture.height, "yuv420p"
    encoder.time_base = Fraction(1)
    encoder.options = {"quality": quality, "compression_level": "2"}
    data = b"".join(bytes(packet) for packet in [*encoder.encode(picture), *encoder.encode(None)])
    try:
        while data:
            data = data[out.write(data) :]
    except OSError as reason:
        if reason.errno == errno.EFBIG:  # our limit: the clip's doing
            raise
        raise UnwritableError(f"a picture cannot be written: {reason.strerror}") from reason


def _first_frame(av: Any, container: Any, stream: Any) -> tuple[Any, int]:
    """The first picture that is shown, or None, and how many packets were tried. A damaged one is passed over."""
    packets = 0
    hidden, until = 0, time.monotonic() + HIDDEN_SECONDS
    for count, packet in enumerate(container.demux(stream)):
        if packet.is_discard:  # an edit list hides it, but what is shown first is made of it
            stream.codec_context.skip_frame = "DEFAULT"
            hidden += 1
        packets += packet.size > 0
        try:
            for frame in packet.decode():
                return frame, packets
        except av.InvalidDataError:  # the next key frame may do
            continue
        if count > PACKET_LIMIT or hidden > HIDDEN_LIMIT or (hidden and time.monotonic() > until):
            break
    return None, packets


def probe(av: Any, job: dict[str, Any], files: Files, _tell: Tell) -> dict[str, Any]:
    """What a container that is not ISO-BMFF holds, in the words of `MediaInfo`."""
    with opened(av, files.source, job.get("container")) as container:
        video = next(iter(container.streams.video), None)
        audio = next(iter(container.streams.audio), None)
        if video is None and audio is None:
            return {"error": "no picture and no sound in it"}
        names = {"matroska,webm": "matroska", "mov,mp4,m4a,3gp,3g2,mj2": "mp4"}
        media = {
            "container": names.get(container.format.name, container.format.name),
            "codecs": ",".join(_codec(stream) for stream in (video, audio) if stream),
            "fragmented": False,
            "faststart": False,
            "video": video
            and {
                "codec": _codec(video),
                "width": getattr(video.codec_context, "width", 0),
                "height": getattr(video.codec_context, "height", 0),
                "fps": _bounded(video.average_rate, FASTEST) or 0.0,
                "rotation": 0,
            },
            "audio": audio
            and {
                "codec": _codec(audio),
                "channels": getattr(audio.codec_context, "channels", 0),
                "sample_rate": getattr(audio.codec_context, "sample_rate", 0) or 0,
            },
        }
        seconds = (container.duration or 0) / av.time_base
        return {"media": media, "duration_seconds": _bounded(seconds, LONGEST_SECONDS)}


def _codec(stream: Any) -> str:
    """A stream's codec, as FFmpeg calls it; some it does not know."""
    return "unknown" if stream.codec_context is None else str(stream.codec_context.name)


def _bounded(value: Any, most: float) -> float | None:
    """A number that a file claims, if it can be one."""
    number = float(value or 0)
    return number if math.isfinite(number) and 0 < number <= most else None


def _reads(job: dict[str, Any]) -> list[str]:
    return [job["path"]]


def _writes(job: dict[str, Any]) -> list[str]:
    return [job[name] for name in ("out", "poster") if job.get(name)]


def _kind(do: Callable[..., dict[str, Any]]) -> Kind:
    return Kind(do, _reads, _writes, PICTURE_MEMORY, lambda _: FILE_LIMIT)


KINDS = {"poster": _kind(poster), "sprite": _kind(sprite), "probe": _kind(probe)}

if __name__ == "__main__":
    serve(KINDS)
