"""What the reader says of films that encoders wrote is what ffprobe says: length, size, rate, codecs, channels."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

from watcher.media.probe import Probe, probe

pytestmark = pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed (Debian: ffmpeg)")

PICTURE = "-f lavfi -i testsrc2=size=160x96:rate=15:duration=2"
SOUND = "-f lavfi -i sine=frequency=440:duration=2"
BOTH = f"{PICTURE} {SOUND}"
X264 = "-c:v libx264 -preset ultrafast -g 15 -pix_fmt yuv420p"
FRAGMENTS = "-movflags +frag_keyframe+empty_moov+default_base_moof"

FILMS = {  # how ffmpeg is asked for each; MP3 and DTS have two channels, which is what MP4 says of any
    "plain": f"{PICTURE} {X264}",
    "faststart": f"{PICTURE} {X264} -movflags +faststart",
    "sound": f"{BOTH} {X264} -c:a aac",
    "quicktime": f"{BOTH} {X264} -c:a aac -f mov",
    "reordered": f"{PICTURE} {X264} -preset medium -bf 3",
    "reordered, without an edit list": f"{PICTURE} {X264} -preset medium -bf 3 -use_editlist 0",
    "shown before decoded": f"{PICTURE} {X264} -preset medium -bf 3 -movflags +negative_cts_offsets",
    "ticks of 90 kHz": f"{PICTURE} {X264} -video_track_timescale 90000",
    "29.97 pictures": f"{PICTURE} {X264} -r 30000/1001",
    "59.94 pictures": f"{PICTURE} {X264} -r 60000/1001",
    "pictures left out": f"{PICTURE} {X264} -vf select=not(mod(n\\,7)) -vsync vfr",
    "one picture": f"{PICTURE} {X264} -frames:v 1",
    "wide pixels": f"{PICTURE} {X264} -vf setsar=4/3",
    "fragments": f"{PICTURE} {X264} {FRAGMENTS}",
    "fragments, reordered": f"{PICTURE} {X264} -preset medium -bf 3 {FRAGMENTS}",
    "fragments with sound": f"{BOTH} {X264} -c:a aac {FRAGMENTS}",
    "fragments of a picture each": f"{PICTURE} {X264} -movflags +frag_every_frame+empty_moov",
    "fragments behind an index": f"{PICTURE} {X264} -movflags +frag_keyframe",
    "fragments for DASH": f"{BOTH} {X264} -c:a aac -movflags +dash+delay_moov -frag_duration 500000",
    "picture after sound": f"-itsoffset 1 {PICTURE} {SOUND} {X264} -c:a aac",
    "sound after picture": f"{PICTURE} -itsoffset 0.5 {SOUND} {X264} -c:a aac",
    "sound alone": f"{SOUND} -c:a aac",
    "H.265": f"{PICTURE} -c:v libx265 -preset ultrafast -x265-params log-level=none -tag:v hvc1",
    "MPEG-4": f"{PICTURE} -c:v mpeg4",
    "Motion JPEG": f"{PICTURE} -c:v mjpeg -pix_fmt yuvj420p",
    "six channels": f"{SOUND} -c:a aac -ac 6",
    "mono, 8 kHz": f"{SOUND} -c:a aac -ac 1 -ar 8000",
    "mono, 96 kHz": f"{SOUND} -c:a aac -ac 1 -ar 96000",
    "Opus": f"{SOUND} -c:a libopus -ac 2",
    "Opus in fragments": f"{SOUND} -c:a libopus -ac 1 {FRAGMENTS}",
    "AC-3": f"{PICTURE} {SOUND} {X264} -c:a ac3 -ac 6",
    "E-AC-3": f"{SOUND} -c:a eac3 -ac 6",
    "MP3": f"{SOUND} -c:a libmp3lame -ac 2",
    "FLAC": f"{SOUND} -c:a flac -ar 96000 -strict -2",
    "ALAC": f"{SOUND} -c:a alac -ac 2",
    "TrueHD": f"{SOUND} -c:a truehd -ac 6 -ar 48000 -strict -2",
    "DTS": f"{SOUND} -c:a dca -ac 2 -ar 48000 -strict -2",
    "A-law": f"{SOUND} -c:a pcm_alaw -ar 8000 -f mov",
    "PCM": f"{SOUND} -c:a pcm_s16le -ac 2 -f mov",
}
QUICK = {"plain", "sound", "reordered", "fragments with sound", "picture after sound", "AC-3"}  # in each run
TURNED = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}


def ffmpeg(path: Path, options: str) -> None:
    command = ["ffmpeg", "-v", "error", "-y", *options.split(), *([] if "-f mov" in options else ["-f", "mp4"])]
    done = subprocess.run([*command, str(path)], capture_output=True, text=True, timeout=60)
    if "Unknown encoder" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr


def ours(path: Path) -> Probe:
    with path.open("rb") as file:
        return probe(file.fileno(), path.stat().st_size, path.suffix[1:])


def theirs(path: Path) -> dict[str, dict[str, Any]]:
    """Its first stream of each kind; `shown`: for how many seconds, with what its edit list waits."""
    document = json.loads(
        subprocess.check_output(
            ["ffprobe", "-v", "error", "-show_streams", "-show_packets", "-of", "json", str(path)], timeout=60
        )
    )
    streams: dict[str, dict[str, Any]] = {}
    data = path.read_bytes()
    for stream in document["streams"]:
        packets = [
            packet
            for packet in document["packets"]
            if packet["stream_index"] == stream["index"] and "D" not in packet["flags"]
        ]
        begin = 0.0 if b"elst" in data else min(float(packet["pts_time"]) for packet in packets)
        stream["shown"] = (
            max(float(packet["pts_time"]) + float(packet.get("duration_time", 0)) for packet in packets) - begin
        )
        streams.setdefault(stream["codec_type"], stream)
    return streams


def agree(path: Path) -> Probe:
    """That both say the same; lengths within a picture, or a frame of sound; rates within a hundredth."""
    our_view, known = ours(path), theirs(path)
    assert our_view.error is None
    assert our_view.media is not None
    assert our_view.duration_seconds is not None
    video, audio = our_view.media.video, our_view.media.audio
    assert ("video" in known, "audio" in known) == (video is not None, audio is not None)
    if video is not None:
        stream = known["video"]
        above, _, below = stream["avg_frame_rate"].partition("/")
        rate = int(above) / int(below)
        assert video.codec == stream["codec_name"]
        assert (video.width, video.height) == (stream["width"], stream["height"])
        turned = next((data["rotation"] for data in stream.get("side_data_list", ()) if "rotation" in data), 0)
        assert video.rotation == -turned % 360
        assert video.fps == pytest.approx(rate, rel=0.01)
        aspect = stream.get("sample_aspect_ratio", "1:1")
        assert (video.pixel_aspect or (1, 1)) == tuple(map(int, aspect.split(":")))
        assert our_view.duration_seconds == pytest.approx(stream["shown"], abs=1 / rate)
    if audio is not None:
        stream = known["audio"]
        assert audio.codec == stream["codec_name"]
        assert (audio.channels, audio.sample_rate) == (stream["channels"], int(stream["sample_rate"]))
        if video is None:
            assert our_view.duration_seconds == pytest.approx(stream["shown"], abs=0.07)
    return our_view


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in FILMS]
)
def test_a_film_is_what_ffprobe_says(tmp_path: Path, name: str) -> None:
    path = tmp_path / "film.mp4"
    ffmpeg(path, FILMS[name])
    agree(path)


@pytest.mark.parametrize("degrees", TURNED)
def test_a_turned_film_is_what_ffprobe_says(tmp_path: Path, samples: Path, degrees: int) -> None:
    data = bytearray((samples / "plain.mp4").read_bytes())
    a, b, c, d = (number << 16 for number in TURNED[degrees])
    struct.pack_into(">5i", data, data.index(b"tkhd") + 4 + 40, a, b, 0, c, d)
    path = tmp_path / "turned.mp4"
    path.write_bytes(data)
    assert agree(path).media.video.rotation == degrees


@pytest.mark.slow
@pytest.mark.parametrize("begin", [0.0, 0.3, 1.0, 1.7])
@pytest.mark.parametrize("layout", ["plain", "reordered", "sound"])
def test_a_part_of_a_film_is_what_ffprobe_says(tmp_path: Path, layout: str, begin: float) -> None:
    """Cut out without encoding: it begins with pictures that an edit list leaves out."""
    whole, part = tmp_path / "whole.mp4", tmp_path / "part.mp4"
    ffmpeg(whole, FILMS[layout])
    ffmpeg(part, f"-ss {begin} -i {whole} -c copy")
    agree(part)
