"""The MP4 reader against what encoders write and against what damage leaves."""

from __future__ import annotations

import contextlib
import os
import random
import re
import struct
from datetime import UTC, datetime
from pathlib import Path

import av
import pytest
from PIL import Image

from tests import clips
from tests.builders import probed_in_slices
from watcher.media.boxes import Movie, read_movie
from watcher.media.probe import media_info, probe
from watcher.model.errors import BrokenClipError, NotIsoMediaError


def read(path: Path) -> Movie:
    fd = os.open(path, os.O_RDONLY)
    try:
        return read_movie(fd, path.stat().st_size)
    finally:
        os.close(fd)


def read_bytes(data: bytes, tmp_path: Path) -> Movie:
    path = tmp_path / "bytes.mp4"
    path.write_bytes(data)
    return read(path)


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


@pytest.mark.parametrize("name", ["plain", "faststart", "fragmented"])
def test_layouts(samples: Path, name: str) -> None:
    """Index last, index first, and fragments are told apart, and last as long as PyAV says."""
    movie = read(samples / f"{name}.mp4")
    info = media_info(movie)
    with av.open(str(samples / f"{name}.mp4")) as container:
        stream = container.streams.video[0]
        seconds = sum(float(p.duration * p.time_base) for p in container.demux(stream) if p.duration)

    assert info.faststart == (name != "plain")
    assert info.fragmented == (name == "fragmented")
    assert movie.duration_seconds == pytest.approx(seconds, abs=0.001)
    assert (info.video.width, info.video.height, info.video.fps) == (320, 180, 15.0)


CODECS = [
    ("libx264", None, None, "h264", r"avc1\.64[0-9a-f]{4}"),
    ("libx265", None, "hvc1", "hevc", r"hvc1\.1\.6\.L\d+\.[0-9A-F.]+"),
    ("libx265", None, "hev1", "hevc", r"hev1\.1\.6\.L\d+\.[0-9A-F.]+"),
    ("libsvtav1", None, None, "av1", r"av01\.0\.\d\dM\.08"),
    ("libvpx-vp9", None, None, "vp9", r"vp09\.00\.\d\d\.08"),
    ("mpeg4", None, None, "mpeg4", r"mp4v\.20\.\d+"),
    ("mjpeg", None, None, "mjpeg", r"mp4v\.6C"),
    (None, "aac", None, "aac", r"mp4a\.40\.2"),
    (None, "libopus", None, "opus", r"opus"),
    (None, "ac3", None, "ac3", r"ac-3"),
    (None, "libmp3lame", None, "mp3", r"mp4a\.6B|mp4a\.69"),
]


@pytest.mark.parametrize(("video", "audio", "tag", "codec", "string"), CODECS)
def test_codec_strings(
    tmp_path: Path, video: str | None, audio: str | None, tag: str | None, codec: str, string: str
) -> None:
    """RFC 6381 strings from the sample description of what each encoder wrote."""
    path = clips.make_coded(tmp_path / "a.mp4", video=video, audio=audio, tag=tag)
    info = media_info(read(path))
    track = info.video or info.audio

    assert track.codec == codec
    assert re.fullmatch(string, info.codecs), info.codecs


@pytest.mark.parametrize(
    ("audio", "codec", "string"), [("pcm_alaw", "pcm_alaw", "alaw"), ("pcm_s16le", "pcm_s16le", "sowt")]
)
def test_quicktime_sound(tmp_path: Path, audio: str, codec: str, string: str) -> None:
    """G.711 and PCM, as cameras write them into MOV."""
    path = clips.make_coded(tmp_path / "a.mov", video="libx264", audio=audio, container="mov")
    info = media_info(read(path))

    assert (info.container, info.audio.codec, info.codecs.partition(",")[2]) == ("mov", codec, string)
    assert info.audio.channels == 1
    assert info.audio.sample_rate in {8000, 44100}


@pytest.mark.parametrize("shade", [0, 7, 31, 77, 120])
def test_variable_rate_lasts_as_long_as_its_samples(tmp_path: Path, shade: int) -> None:
    """Pictures a second apart, then ten a second: the sum of their durations, whatever a header says."""
    path = tmp_path / "vfr.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        pts = 0
        for number in range(20):
            frame = av.VideoFrame.from_image(Image.new("RGB", (64, 64), (number * 12, (number * shade) % 255, 90)))
            frame.pts = pts
            pts += 10 if number < 10 else 1
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    data = bytearray(path.read_bytes())
    at = data.index(b"mvhd")
    struct.pack_into(">I", data, at + 4 + 16, 1)  # a header that lies
    assert read_bytes(bytes(data), tmp_path).duration_seconds == pytest.approx(11.0, abs=0.11)


def test_creation_time(tmp_path: Path, samples: Path) -> None:
    """Seconds since 1904; zero is none."""
    data = bytearray((samples / "plain.mp4").read_bytes())
    at = data.index(b"mvhd") + 8
    struct.pack_into(">I", data, at, 0)
    assert read_bytes(bytes(data), tmp_path).created_at is None
    struct.pack_into(">I", data, at, 3_878_409_600)
    assert read_bytes(bytes(data), tmp_path).created_at == datetime(2026, 11, 25, tzinfo=UTC)


@pytest.mark.parametrize("name", ["plain", "faststart", "fragmented", "sound"])
def test_no_cut_file_is_taken_for_whole(samples: Path, tmp_path: Path, name: str) -> None:
    """Wherever the file ends early, except between two fragments, it is broken."""
    data = (samples / f"{name}.mp4").read_bytes()
    starts = {start for _, start, _ in clips.boxes(data)}
    chance = random.Random(7)
    for _ in range(200):
        end = chance.randrange(1, len(data))
        if end in starts and name == "fragmented":
            continue
        try:
            # In the header of a fragment, or in the list of them at the end, no picture is lost; but more may come.
            assert read_bytes(data[:end], tmp_path).trailing_bytes
            assert name == "fragmented"
        except BrokenClipError:
            pass


def test_no_damage_does_worse_than_a_reason(samples: Path, tmp_path: Path) -> None:
    """Two thousand random damages of an index: a movie or a BrokenClipError, nothing else, and at once."""
    chance = random.Random(11)
    for name in ("plain", "fragmented", "sound"):
        data = (samples / f"{name}.mp4").read_bytes()
        spans = [(start, length) for kind, start, length in clips.boxes(data) if kind in {b"moov", b"moof"}]
        for _ in range(700):
            damaged = bytearray(data)
            start, length = chance.choice(spans)
            for _ in range(chance.randrange(1, 6)):
                damaged[start + chance.randrange(length)] = chance.choice([0, 1, 0x7F, 0xFF, chance.randrange(256)])
            with contextlib.suppress(BrokenClipError):
                media_info(read_bytes(bytes(damaged), tmp_path))


def test_reading_is_bounded(tmp_path: Path) -> None:
    """A box that contains itself, an index of gigabytes, a million samples a fragment: refused, not obeyed."""
    head = box(b"ftyp", b"isom\0\0\0\0")
    nest = b""
    for _ in range(40):
        nest = box(b"mdia", nest)
    with pytest.raises(BrokenClipError, match="nested too deep"):
        read_bytes(head + box(b"moov", box(b"trak", nest)), tmp_path)
    path = tmp_path / "huge.mp4"
    with path.open("wb") as file:
        file.write(head + struct.pack(">I4sQ", 1, b"moov", 5 << 30))
        file.truncate((5 << 30) + len(head))
    with pytest.raises(BrokenClipError, match="no camera writes"):
        read(path)


def test_a_file_that_is_something_else_is_named(tmp_path: Path) -> None:
    """Never a decoder's error: what it is, in words."""
    with pytest.raises(NotIsoMediaError, match=r"MPEG program stream \(Hikvision block file\)"):
        read_bytes(b"\x00\x00\x01\xba" + bytes(999), tmp_path)
    with pytest.raises(NotIsoMediaError, match="unknown data"):
        read_bytes(clips.noise(5000), tmp_path)


def test_a_long_file_is_read_in_slices(samples: Path, tmp_path: Path) -> None:
    """Two thousand fragments: others may go on in between, and what is read is the same as at once."""
    data = (samples / "fragmented.mp4").read_bytes()
    parts = {kind: data[start : start + length] for kind, start, length in reversed(clips.boxes(data))}
    path = tmp_path / "long.mp4"
    path.write_bytes(parts[b"ftyp"] + parts[b"moov"] + 2000 * (parts[b"moof"] + parts[b"mdat"]))
    sliced, slices = probed_in_slices(path)
    with path.open("rb") as file:
        assert sliced == probe(file.fileno(), path.stat().st_size, "mp4")
    assert sliced.duration_seconds == pytest.approx(2000.0, rel=0.01)
    assert slices > 3
