"""The process that lets a decoder near a file: posters, and a probe for what is not ISO-BMFF.

Says that it is ready, then reads one JSON job a line from standard input and answers each with one on standard
output. It may crash, hang or
eat memory on a hostile file: `render.py` limits it, kills it, and starts another.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import resource
import signal
import sys
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

from watcher.telling import TELLING_HEIGHT, TELLING_WIDTH, light_of, most_telling
from watcher.tether import die_with_parent

MEMORY_LIMIT = 2 << 30  # bytes of address space; a 4K H.265 key frame needs about 0.6 GiB of it
FILE_LIMIT = 8 << 20  # bytes that a picture may take
POSTER_WIDTH = 320
SPRITE_WIDTH, SPRITE_FRAMES, SPRITE_COLUMNS = 240, 12, 4
PACKET_LIMIT = 3000  # packets read in search of the first key frame


class _UnwritableError(Exception):
    """A rendition cannot be stored, whatever the clip."""


def main() -> None:
    """Answer jobs until standard input ends."""
    die_with_parent(signal.SIGKILL)
    os.nice(19)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_LIMIT, FILE_LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a codec prints must not look like an answer

    import av  # noqa: PLC0415 - after the limits
    import av.logging  # noqa: PLC0415

    av.logging.set_level(av.logging.PANIC)
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        try:
            answer = {"poster": _poster, "sprite": _sprite, "probe": _probe}[job["do"]](av, job)
        except MemoryError:
            answer = {"error": "its pictures need more memory than a camera's should", "fatal": True}
        except _UnwritableError as reason:
            answer = {"error": str(reason), "ours": True}
        except (av.FFmpegError, ValueError, OSError, LookupError) as reason:  # all that bad bytes lead to
            answer = {"error": str(getattr(reason, "strerror", None) or reason)}
        print(json.dumps(answer), file=answers, flush=True)


def _poster(av: Any, job: dict[str, Any]) -> dict[str, Any]:
    """Write the first key frame as a small WebP; by rename, so that half a picture is never served."""
    with open(job["path"], "rb") as file, av.open(file, metadata_errors="ignore") as container:  # noqa: PTH123
        if not container.streams.video:
            return {"error": "it has no picture"}
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        stream.codec_context.skip_frame = "NONKEY"
        frame = _first_frame(av, container, stream)
        if frame is None:
            return {"error": "no picture in it could be decoded"}
        picture = _small(av, stream, frame, POSTER_WIDTH, job.get("rotation", 0))
        _write(av, picture, Path(job["out"]), "72")
    return {}


def _sprite(av: Any, job: dict[str, Any]) -> dict[str, Any]:
    """Write key frames from all over the clip, side by side; fewer than two are no sprite.

    And where one of them tells more than the others, and a name for it is given, that one as the poster.
    """
    pictures: list[Any] = []
    at: list[int] = []  # milliseconds from the beginning
    with open(job["path"], "rb") as file, av.open(file, metadata_errors="ignore") as container:  # noqa: PTH123
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        stream.codec_context.skip_frame = "NONKEY"
        seen = None
        for number in range(SPRITE_FRAMES if container.duration else 0):
            moment = (container.start_time or 0) + container.duration * (2 * number + 1) // (2 * SPRITE_FRAMES)
            container.seek(moment)  # to the key frame before it
            frame = _key_frame(av, container, stream)
            if frame is not None and frame.pts != seen:
                seen = frame.pts
                pictures.append(_small(av, stream, frame, POSTER_WIDTH, job.get("rotation", 0)))
                begin = (container.start_time or 0) / av.time_base
                at.append(round(1000 * max(0.0, float(seen * stream.time_base) - begin)) if seen is not None else 0)
    if len(pictures) < 2:
        return {"frames": len(pictures)}
    tiles = [_scaled(av, picture, SPRITE_WIDTH) for picture in pictures]
    columns = min(SPRITE_COLUMNS, len(tiles))
    _write(av, _side_by_side(av, tiles, columns), Path(job["out"]), "60")
    told: dict[str, Any] = {
        "frames": len(tiles),
        "columns": columns,
        "tile_width": tiles[0].width,
        "tile_height": tiles[0].height,
    }
    smaller = av.video.reformatter.VideoReformatter()  # one for all: making it costs as much as using it
    parts = [_parts(smaller, tile) for tile in tiles]
    told["light"] = light_of(parts)
    best = most_telling(parts)
    if best is not None:
        told["significant_ms"] = at[best]
        if job.get("poster"):
            _write(av, pictures[best], Path(job["poster"]), "72")
    return told


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


def _key_frame(av: Any, container: Any, stream: Any) -> Any:
    """The frame of the next key packet; None if it is damaged or there is none."""
    for packet in container.demux(stream):
        if packet.is_keyframe or packet.size == 0:
            try:
                # A decoder that orders frames holds the first one back until it is told that no more come.
                return next(iter([*packet.decode(), *stream.codec_context.decode(None)]), None)
            except av.FFmpegError:
                return None
    return None


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
    """A frame upright and at most so wide, in WebP's colours."""
    width, height = (frame.height, frame.width) if rotation in {90, 270} else (frame.width, frame.height)
    out_width = min(most, width) // 2 * 2 or 2
    out_height = max(2, round(height * out_width / width / 2) * 2)
    if rotation:
        frame = _rotate(av, stream, frame, rotation)
    # WebP's colours are BT.601 in the narrow range; a JPEG's, and many cameras', are in the full one.
    full = frame.format.name.startswith("yuvj") or frame.color_range == av.video.reformatter.ColorRange.JPEG
    return av.video.reformatter.VideoReformatter().reformat(
        frame,
        width=out_width,
        height=out_height,
        format="yuv420p",
        src_color_range="JPEG" if full else "MPEG",
        dst_color_range="MPEG",
        dst_colorspace="ITU601",
    )


def _write(av: Any, picture: Any, target: Path, quality: str) -> None:
    """Encode a picture into a file; by rename, so that half of it is never served."""
    picture.pts = 0
    temporary = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as out:
            _encode(av, picture, out, quality)
        temporary.replace(target)
    except av.FFmpegError:  # which are OSErrors too
        raise
    except OSError as reason:
        if reason.errno == errno.EFBIG:  # our limit: the clip's doing
            raise
        raise _UnwritableError(f"{target.parent}: {reason.strerror}") from reason
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _first_frame(av: Any, container: Any, stream: Any) -> Any:
    last_error: Exception | None = None
    for count, packet in enumerate(container.demux(stream)):
        try:
            for frame in packet.decode():
                return frame
        except av.InvalidDataError as reason:  # a damaged first picture: the next key frame may do
            last_error = reason
        if count > PACKET_LIMIT:
            break
    if last_error is not None:
        raise last_error
    return None


def _rotate(av: Any, stream: Any, frame: Any, rotation: int) -> Any:
    graph = av.filter.Graph()
    steps = {90: ["clock"], 180: ["clock", "clock"], 270: ["cclock"]}[rotation]
    nodes = [graph.add_buffer(template=stream), *(graph.add("transpose", f"dir={step}") for step in steps)]
    nodes.append(graph.add("buffersink"))
    graph.link_nodes(*nodes).configure()
    graph.push(frame)
    return graph.pull()


def _encode(av: Any, picture: Any, out: IO[bytes], quality: str) -> None:
    encoder = av.CodecContext.create("libwebp", "w")
    encoder.width, encoder.height, encoder.pix_fmt = picture.width, picture.height, "yuv420p"
    encoder.time_base = Fraction(1)
    encoder.options = {"quality": quality, "compression_level": "2"}
    for packet in [*encoder.encode(picture), *encoder.encode(None)]:
        out.write(bytes(packet))


def _probe(av: Any, job: dict[str, Any]) -> dict[str, Any]:
    """What a container that is not ISO-BMFF holds, in the words of `MediaInfo`."""
    with open(job["path"], "rb") as file, av.open(file, metadata_errors="ignore") as container:  # noqa: PTH123
        video = next(iter(container.streams.video), None)
        audio = next(iter(container.streams.audio), None)
        if video is None and audio is None:
            return {"error": "no picture and no sound in it"}
        names = {"matroska,webm": "matroska", "mov,mp4,m4a,3gp,3g2,mj2": "mp4"}
        media = {
            "container": names.get(container.format.name, container.format.name),
            "codecs": ",".join(stream.codec_context.name for stream in (video, audio) if stream),
            "fragmented": False,
            "faststart": False,
            "video": video
            and {
                "codec": video.codec_context.name,
                "width": video.codec_context.width,
                "height": video.codec_context.height,
                "fps": float(video.average_rate or 0),
                "rotation": 0,
            },
            "audio": audio
            and {
                "codec": audio.codec_context.name,
                "channels": audio.codec_context.channels,
                "sample_rate": audio.codec_context.sample_rate,
            },
        }
        seconds = container.duration / av.time_base if container.duration else None
        return {"media": media, "duration_seconds": seconds}


if __name__ == "__main__":
    main()
