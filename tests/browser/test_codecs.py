"""Codec truth: what we say of a file is what ffprobe says of it, and what Chromium does with it."""

from __future__ import annotations

import json
import subprocess
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Watched, look, until
from tests.running import RunningUnit

pytestmark = pytest.mark.browser


class Row(NamedTuple):
    """One way of coding, as ffmpeg is asked for it."""

    name: str
    suffix: str
    options: str
    string: str  # RFC 6381, as the standards' own rules give it for these options


H264 = "-c:v libx264 -profile:v main -level 3.1 -pix_fmt yuv420p"
ROWS = [
    Row("h264-baseline", "mp4", "-c:v libx264 -profile:v baseline -level 3.0 -pix_fmt yuv420p -an", "avc1.42c01e"),
    Row("h264-main", "mp4", f"{H264} -an", "avc1.4d401f"),
    Row("h264-high", "mp4", "-c:v libx264 -profile:v high -level 4.0 -pix_fmt yuv420p -an", "avc1.640028"),
    Row("h264-high10", "mp4", "-c:v libx264 -profile:v high10 -level 4.0 -pix_fmt yuv420p10le -an", "avc1.6e0028"),
    Row("h265-hvc1", "mp4", "-c:v libx265 -pix_fmt yuv420p -tag:v hvc1 -an", "hvc1.1.6.L30.90"),
    Row("h265-hev1", "mp4", "-c:v libx265 -pix_fmt yuv420p -tag:v hev1 -an", "hev1.1.6.L30.90"),
    Row("av1", "mp4", "-c:v libaom-av1 -cpu-used 8 -pix_fmt yuv420p -an", "av01.0.00M.08"),
    Row("av1-10bit", "mp4", "-c:v libaom-av1 -cpu-used 8 -pix_fmt yuv420p10le -an", "av01.0.00M.10"),
    Row("vp9", "mp4", "-c:v libvpx-vp9 -deadline realtime -pix_fmt yuv420p -an", "vp09.00.10.08"),
    Row("vp9-10bit", "mp4", "-c:v libvpx-vp9 -deadline realtime -pix_fmt yuv420p10le -an", "vp09.02.10.10"),
    Row("mpeg4", "mp4", "-c:v mpeg4 -an", "mp4v.20.1"),
    Row("mjpeg", "mp4", "-c:v mjpeg -pix_fmt yuvj420p -an", "mp4v.6C"),
    Row("mjpeg-mov", "mov", "-c:v mjpeg -pix_fmt yuvj420p -an", "jpeg"),
    Row("aac", "mp4", f"{H264} -c:a aac", "avc1.4d401f,mp4a.40.2"),
    Row("opus", "mp4", f"{H264} -c:a libopus", "avc1.4d401f,opus"),
    Row("mp3", "mp4", f"{H264} -c:a libmp3lame", "avc1.4d401f,mp4a.6B"),
    Row("ac3", "mp4", f"{H264} -c:a ac3", "avc1.4d401f,ac-3"),
    Row("eac3", "mp4", f"{H264} -c:a eac3", "avc1.4d401f,ec-3"),
    Row("alaw", "mov", f"{H264} -c:a pcm_alaw -ar 8000 -ac 1", "avc1.4d401f,alaw"),
    Row("mulaw", "mov", f"{H264} -c:a pcm_mulaw -ar 8000 -ac 1", "avc1.4d401f,ulaw"),
    Row("pcm", "mov", f"{H264} -c:a pcm_s16le", "avc1.4d401f,sowt"),
    Row("pcm-be", "mov", f"{H264} -c:a pcm_s16be", "avc1.4d401f,twos"),
]


Coded = dict[str, tuple[dict[str, Any], list[dict[str, Any]]]]  # our clip and ffprobe's streams

# Play to the end, or to the error that says that it cannot be played.
PLAY = """url => new Promise(done => {
    const video = document.createElement('video');
    const tell = () => done({
        pictures: video.videoWidth && video.getVideoPlaybackQuality().totalVideoFrames,
        sound: video.webkitAudioDecodedByteCount,
        error: video.error && video.error.message,
    });
    video.muted = true;
    video.onerror = video.onended = tell;
    video.src = url;
    video.play().catch(() => {});
})"""


@pytest.fixture(scope="module")
def coded(unit: RunningUnit) -> Coded:
    """Of each row our clip, and ffprobe's streams."""
    folder = unit.video / "codecs"
    folder.mkdir()
    streams = {}
    for row in ROWS:
        path = folder / f"{row.name}.{row.suffix}"
        source = "-f lavfi -i testsrc=s=160x96:r=10:d=1 -f lavfi -i sine=d=1"
        subprocess.run(
            ["ffmpeg", "-v", "error", *source.split(), *row.options.split(), str(path)], check=True, timeout=60
        )
        output = subprocess.check_output(["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(path)])
        streams[row.name] = json.loads(output)["streams"]
    return {
        row.name: (unit.wait_clip(f"codecs/{row.name}.{row.suffix}", state="ready"), streams[row.name])
        for row in ROWS
    }


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_ffprobe_and_chromium_agree(row: Row, coded: Coded, watched: Watched) -> None:
    """On codec, profile and level; and Chromium can play what it says of our string that it can, and nothing else."""
    clip, streams = coded[row.name]
    media = clip["media"]
    assert media["codecs"] == row.string

    kinds = {stream["codec_type"]: stream for stream in streams}
    assert media["video"]["codec"] == kinds["video"]["codec_name"]
    assert (media["audio"] and media["audio"]["codec"]) == kinds.get("audio", {}).get("codec_name")
    assert (media["video"]["width"], media["video"]["height"]) == (
        kinds["video"]["width"],
        kinds["video"]["height"],
    )
    picture, _, sound = media["codecs"].partition(",")
    assert _level(picture) in {None, kinds["video"]["level"]}
    assert _profile(picture) in kinds["video"].get("profile", "")

    page = watched.open("/watcher/")
    answers = page.evaluate(
        """codecs => codecs.map(codec => document.createElement('video').canPlayType(`video/mp4; codecs="${codec}"`))""",
        [picture, sound] if sound else [picture],
    )
    done = page.evaluate(PLAY, clip["url"])
    assert bool(done["pictures"]) == (answers[0] != ""), (answers, done)
    if sound:
        reason = clip["playable_reason"] or ""
        assert "sound" in reason or (answers[1] and done["sound"]), (answers, done, reason)
    match clip["playable"]:
        case "yes":
            assert done["pictures"] == 10
        case "maybe":
            assert clip["playable_reason"]
        case "no":
            assert done["pictures"] == 0


AAC = "-c:a aac"
# What cameras leave, 4 s long: how ffmpeg is asked for it, and whether Chromium needs a copy.
LEFT: dict[str, tuple[str, bool]] = {
    "faststart.mp4": (f"{H264} {AAC} -movflags +faststart", False),
    "moov-last.mp4": (f"{H264} {AAC}", False),
    "fragments.mp4": (f"{H264} {AAC} -g 10 -movflags frag_keyframe+empty_moov", False),
    "h264-10bit.mp4": (f"-c:v libx264 -pix_fmt yuv420p10le {AAC}", False),
    "h264-444.mp4": (f"-c:v libx264 -pix_fmt yuv444p {AAC}", False),
    "av1.mp4": (f"-c:v libaom-av1 -cpu-used 8 -pix_fmt yuv420p {AAC}", False),
    "vp9.mp4": ("-c:v libvpx-vp9 -deadline realtime -pix_fmt yuv420p -c:a libopus", False),
    "ac3.mp4": (f"{H264} -c:a ac3", True),
    "alaw.mov": (f"{H264} -c:a pcm_alaw -ar 8000 -ac 1", False),
    "hvc1.mp4": (f"-c:v libx265 -pix_fmt yuv420p -tag:v hvc1 {AAC}", True),
    "hev1.mp4": (f"-c:v libx265 -pix_fmt yuv420p -tag:v hev1 {AAC}", True),
    "mjpeg.mov": (f"-c:v mjpeg -pix_fmt yuvj420p {AAC}", True),
    "mpeg4.mp4": (f"-c:v mpeg4 {AAC}", True),
    "silent-hvc1.mp4": ("-c:v libx265 -pix_fmt yuv420p -tag:v hvc1 -an", True),
    "silent-mpeg4.mp4": ("-c:v mpeg4 -an", True),
    "h264.avi": (f"{H264} -bf 0 -c:a libmp3lame", True),
}

PLAYS = """([copy, sound]) => { const video = document.getElementById("player");
    return video.src.includes("/proxies/") === copy && video.videoWidth === 160 && video.currentTime > 0.5
      && video.getVideoPlaybackQuality().totalVideoFrames > 3 && !video.error
      && (!sound || video.webkitAudioDecodedByteCount > 0); }"""


def leave(unit: RunningUnit, camera: str, name: str) -> dict:
    """One of these, as it is catalogued."""
    path = unit.video / camera / name
    path.parent.mkdir(exist_ok=True)
    source = "-f lavfi -i testsrc=s=160x96:r=10:d=4 -f lavfi -i sine=d=4"
    command = ["ffmpeg", "-v", "error", *source.split(), *LEFT[name][0].split(), str(path)]
    subprocess.run(command, check=True, timeout=60)
    return unit.wait_clip(f"{camera}/{name}", state="ready")


@pytest.mark.parametrize("name", LEFT)
def test_each_plays_on_the_page_by_itself_or_by_a_copy(name: str, unit: RunningUnit, watched: Watched) -> None:
    """Pictures and sound; where the browser has no decoder a copy is offered, and shown by itself from then on."""
    options, needs_copy = LEFT[name]
    clip = leave(unit, "left", name)
    sound = "-an" not in options
    page = watched.open(f"/watcher/watch/{clip['id']}")
    page.evaluate("document.getElementById('player').play().catch(() => {})")
    if needs_copy:
        page.get_by_role("button", name="Make a copy that plays here").click()
        expect(page.locator("#notice")).to_contain_text("This is a copy that every browser plays")
        expect(page.locator("#notice")).not_to_contain_text("decoder")
        page.evaluate("document.getElementById('player').play()")
    until(page, PLAYS, [needs_copy, sound])
    if not needs_copy:
        expect(page.locator("#notice")).to_be_hidden()
        return
    look(page, f"copy-{name}")
    page = watched.open(f"/watcher/?camera=left&state={clip['state']}")
    page.locator(f'[data-id="{clip["id"]}"] a').click()
    if name != "ac3.mp4":  # that the sound is missing is only noticed while it plays
        expect(page.locator("#notice")).to_contain_text("This is a copy that every browser plays")
    until(page, PLAYS, [True, sound])
    assert page.get_by_role("link", name="Download").get_attribute("href") == clip["url"]


@pytest.mark.parametrize("name", ["moov-last.mp4", "fragments.mp4"])
def test_over_a_slow_link_a_copy_is_offered(name: str, unit: RunningUnit, watched: Watched) -> None:
    """Of a clip that has its index at the end, or none, when no picture comes; one that begins at once is left alone."""
    clip = leave(unit, "slow", name)
    page = watched.open("/watcher/")
    page.route(f"**{clip['url']}", lambda _route: None)  # it never answers
    page.goto(unit.url(f"/watcher/watch/{clip['id']}"), wait_until="domcontentloaded")
    expect(page.locator("#notice")).to_contain_text("begins slowly here")
    page.get_by_role("button", name="Make a copy that plays here").click()
    expect(page.locator("#notice")).to_contain_text("This is a copy that every browser plays")
    page.evaluate("document.getElementById('player').play()")
    until(page, PLAYS, [True, True])


def _level(picture: str) -> int | None:
    """As ffprobe counts: from H.264's last byte, H.265's `L…`, AV1's second field."""
    parts = picture.split(".")
    match parts[0]:
        case "avc1":
            return int(parts[1][4:], 16)
        case "hvc1" | "hev1":
            return int(parts[3][1:])
        case "av01":
            return int(parts[2][:-1])
    return None


def _profile(picture: str) -> str:
    """The profile that the string names, as ffprobe writes it."""
    for start, name in (
        ("avc1.42c0", "Constrained Baseline"),
        ("avc1.4d", "Main"),
        ("avc1.64", "High"),
        ("avc1.6e", "High 10"),
        ("hvc1.1.", "Main"),
        ("hev1.1.", "Main"),
        ("av01.0.", "Main"),
        ("vp09.00.", "Profile 0"),
        ("vp09.02.", "Profile 2"),
        ("mp4v.20.1", "Simple Profile"),
    ):
        if picture.startswith(start):
            return name
    return ""
