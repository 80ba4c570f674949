"""Real clips, made by a real encoder, and the ways in which files are bad."""

from __future__ import annotations

import os
import random
import struct
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

import av

from watcher.ops.demo import SCENES, write_clip

AT = datetime(2026, 11, 21, 7, 0, 0)  # noqa: DTZ001 - a camera's own clock


def make(
    path: Path, *, seconds: float = 2.0, number: int = 0, faststart: bool = False, fragmented: bool = False
) -> Path:
    """An H.264 clip; another number is another content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {}
    if fragmented:
        options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    elif faststart:
        options = {"movflags": "faststart"}
    at = AT.replace(minute=number % 60, second=number // 60 % 60)
    write_clip(path, SCENES[number % 3], at, seconds=seconds, size=(320, 180), container_options=options)
    return path


def leave(path: Path, data: bytes, *, at: datetime | None = None) -> Path:
    """Write a file as a camera does, its folders too; `at`: when it was written last, else now."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    if at is not None:
        os.utime(path, (at.timestamp(), at.timestamp()))
    return path


def aged(days: float, number: int, camera: str = "porch") -> tuple[str, datetime]:
    """The key of a clip that began so many days ago, and when that was."""
    at = datetime.now().astimezone() - timedelta(days=days)
    return f"{camera}/{at:%Y-%m-%d}/{at:%H%M}{number:02}.mp4", at


def make_coded(
    path: Path,
    *,
    video: str | None = "libx264",
    audio: str | None = None,
    seconds: float = 1.0,
    container: str = "mp4",
    tag: str | None = None,
    options: dict[str, str] | None = None,
    pix_fmt: str | None = None,
) -> Path:
    """A clip in any codecs that PyAV's build has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format=container, container_options=options or {}) as out:
        picture = sound = None
        if video:
            picture = out.add_stream(video, rate=15)
            picture.width, picture.height = 160, 96
            picture.pix_fmt = pix_fmt or ("yuvj420p" if video == "mjpeg" else "yuv420p")
            if tag:
                picture.codec_context.codec_tag = tag
        if audio:
            sound = out.add_stream(audio, rate=48000 if audio == "libopus" else 8000 if "law" in audio else 44100)
            sound.layout = "mono"
        if picture:
            for number in range(round(seconds * 15)):
                frame = av.VideoFrame(160, 96, picture.pix_fmt)
                for plane in frame.planes:
                    plane.update(bytes([number * 8 % 256]) * plane.buffer_size)
                frame.pts, frame.time_base = number, Fraction(1, 15)
                out.mux(picture.encode(frame))
            out.mux(picture.encode(None))
        if sound:
            size = sound.codec_context.frame_size or 1024
            for number in range(int(seconds * sound.rate / size)):
                frame = av.AudioFrame(sound.codec_context.format, "mono", size)
                for plane in frame.planes:
                    plane.update(bytes(plane.buffer_size))
                frame.pts, frame.sample_rate, frame.time_base = number * size, sound.rate, Fraction(1, sound.rate)
                out.mux(sound.encode(frame))
            out.mux(sound.encode(None))
    # For root SVT-AV1 makes the thread that calls it a real-time one, and so would be all that this process starts.
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return path


def stamp(data: bytes, number: int) -> bytes:
    """The bytes of a clip with a number in a `free` box at the end: as many distinct contents as one likes."""
    return data + struct.pack(">I4sQ", 16, b"free", number)


def boxes(data: bytes) -> list[tuple[bytes, int, int]]:
    """Type, start and length of the top-level boxes."""
    boxes, at = [], 0
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        boxes.append((kind, at, length))
        at += length
    return boxes


def noise(size: int) -> bytes:
    """Bytes that are nothing."""
    return random.Random(size).randbytes(size)


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Bits flipped, lengths changed, pieces moved, doubled or left out."""
    changed = bytearray(data)
    index = [at for kind in (b"moov", b"moof") if (at := data.find(kind)) >= 0]
    for _ in range(chance.choice((1, 1, 2, 5))):
        at = min(chance.choice(index) + chance.randrange(800), len(changed) - 9)
        match chance.randrange(5):
            case 0:
                changed[at] ^= 1 << chance.randrange(8)
            case 1:
                struct.pack_into(">I", changed, at & ~3, chance.choice((0, 1, 7, 0x7FFFFFFF, 0xFFFFFFFF)))
            case 2:
                del changed[at : at + chance.randrange(40)]
            case 3:
                changed[at:at] = changed[at : at + chance.randrange(64)]
            case 4:
                there = min(chance.choice(index) + chance.randrange(800), len(changed) - 9)
                changed[at : at + 8], changed[there : there + 8] = changed[there : there + 8], changed[at : at + 8]
    return bytes(changed)


def damaged(data: bytes, chance: random.Random) -> bytes:
    """The same, or the end cut off, or bits flipped anywhere."""
    match chance.randrange(6):
        case 0:
            return data[: chance.randrange(1, len(data))]
        case 1:
            changed = bytearray(data)
            for _ in range(chance.choice((1, 3, 30))):
                changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
            return bytes(changed)
    return mutated(data, chance)


def make_clock(path: Path, *, seconds: float, sound: bool = False, codec: str = "libx264") -> Path:
    """A clip whose pictures, 25 a second, carry their own number: ten upright bars, the lowest bit first, white for one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    with av.open(str(unfinished), "w", format="mp4") as out:
        picture = out.add_stream(codec, rate=25)
        picture.width, picture.height, picture.pix_fmt = 160, 96, "yuv420p"
        picture.codec_context.gop_size = 25
        if codec == "libx264":
            picture.options = {"preset": "ultrafast"}
        else:
            picture.codec_context.codec_tag = "hvc1"
        tone = out.add_stream("aac", rate=44100) if sound else None
        if tone:
            tone.layout = "mono"
        for number in range(round(seconds * 25)):
            frame = av.VideoFrame(160, 96, "yuv420p")
            for plane in frame.planes:
                wide = plane.line_size
                bars = b"".join(bytes([235 if number >> bit & 1 else 16]) * 16 for bit in range(10)).ljust(
                    wide, b"\0"
                )
                plane.update(bars * 96 if plane.width == 160 else bytes([128]) * plane.buffer_size)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(picture.encode(frame))
        out.mux(picture.encode(None))
        if tone:
            size = tone.codec_context.frame_size or 1024
            for number in range(int(seconds * 44100 / size)):
                heard = av.AudioFrame(tone.codec_context.format, "mono", size)
                for plane in heard.planes:
                    plane.update(bytes(plane.buffer_size))
                heard.pts, heard.sample_rate, heard.time_base = number * size, 44100, Fraction(1, 44100)
                out.mux(tone.encode(heard))
            out.mux(tone.encode(None))
    return unfinished.rename(path)
