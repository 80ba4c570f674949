"""A camera's time as one film for players: every picture and sound of its clips, and nothing on disk for it."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
import requests

from tests import clips
from tests.integration.test_exports import pictures, put
from tests.running import RunningUnit, wait_for

NOON = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
MOVING = "-f lavfi -i testsrc=s=160x96:r=10:d=20"
HUMMING = "-f lavfi -i sine=d=20"
# How clips are written: one of each kind that is taken to pieces.
WRITTEN = {
    "plain": f"{MOVING} -c:v libx264 -g 20",
    "reordered": f"{MOVING} {HUMMING} -c:v libx264 -g 20 -bf 3 -c:a aac",
    "faststart": f"{MOVING} {HUMMING} -c:v libx264 -g 20 -c:a aac -movflags +faststart",
    "fragments": f"{MOVING} {HUMMING} -c:v libx264 -g 20 -bf 2 -c:a aac -movflags frag_keyframe+empty_moov+default_base_moof",
    "old": f"{MOVING} {HUMMING} -c:v libx264 -g 20 -c:a aac -movflags frag_keyframe+empty_moov",
    "hevc": f"{MOVING} -c:v libx265 -x265-params keyint=20:log-level=none -tag:v hvc1",
    "sound": f"{HUMMING} -c:a aac",
    "late": f"{MOVING} -itsoffset 0.5 {HUMMING} -c:v libx264 -g 20 -c:a aac",
    "quicktime": f"{MOVING} {HUMMING} -c:v libx264 -g 20 -c:a aac -f mov",
}


QUICK = {"reordered", "fragments"}


def encode(path: Path, how: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["ffmpeg", "-v", "error", "-y", *how.split(), str(path)], check=True, timeout=60)
    return path


def address(camera: str, begin: datetime, end: datetime) -> str:
    times = f"from={quote(begin.isoformat())}&to={quote(end.isoformat())}"
    return f"/watcher/cameras/{quote(camera, safe='')}/playlist.m3u8?{times}"


def playlist(unit: RunningUnit, camera: str, begin: datetime, end: datetime) -> list[str]:
    answer = unit.get(address(camera, begin, end))
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/vnd.apple.mpegurl"
    lines = answer.text.splitlines()
    assert (lines[0], lines[-1]) == ("#EXTM3U", "#EXT-X-ENDLIST")
    return lines


def values(lines: list[str], tag: str) -> list[str]:
    return [line.removeprefix(f"#{tag}:") for line in lines if line.startswith(f"#{tag}:")]


def joined(unit: RunningUnit, lines: list[str], path: Path) -> Path:
    """One clip's pieces, one after another."""
    (beginning,) = {value.split('"')[1] for value in values(lines, "EXT-X-MAP")}
    parts = [beginning, *(line for line in lines if not line.startswith("#"))]
    answers = [unit.get(part) for part in parts]
    assert {(answer.status_code, answer.headers["Content-Type"]) for answer in answers} == {(200, "video/mp4")}
    path.write_bytes(b"".join(answer.content for answer in answers))
    return path


def sounds(path: Path) -> list[str]:
    """A hash of each packet of sound."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:a", "-c", "copy", "-f", "framemd5", "-"]
    output = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    return [line.split(",")[5].strip() for line in output.splitlines() if not line.startswith("#")]


def starts(path: Path) -> dict[str, float]:
    """When picture and sound begin, in seconds."""
    command = ["ffprobe", "-v", "error", "-show_entries", "stream=codec_type,start_time", "-of", "csv=p=0"]
    output = subprocess.run([*command, str(path)], capture_output=True, check=True).stdout.decode()
    return {kind: float(at) for kind, at in (line.split(",")[:2] for line in output.split())}


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in WRITTEN]
)
def test_the_pieces_are_the_clip(unit: RunningUnit, tmp_path: Path, name: str) -> None:
    """Every picture, all of the sound and both together, cut at key frames about six seconds apart."""
    suffix = "mov" if name == "quicktime" else "mp4"
    clip = put(unit, f"{name}/a.{suffix}", encode(unit.folder / f"{name}.{suffix}", WRITTEN[name]), NOON)
    lines = playlist(unit, name, NOON, NOON + timedelta(minutes=1))
    lengths = [float(value.rstrip(",")) for value in values(lines, "EXTINF")]
    assert len(lengths) in {3, 4}
    assert sum(lengths) == pytest.approx(20, abs=0.3)
    assert all(length <= int(values(lines, "EXT-X-TARGETDURATION")[0]) for length in lengths)
    film, source = joined(unit, lines, tmp_path / "film.mp4"), unit.video / clip["key"]
    if name != "sound":
        assert pictures(film) == pictures(source)
    if clip["media"]["audio"]:
        theirs, ours = sounds(source), sounds(film)
        assert len(theirs) - len(ours) <= 2  # what only starts the decoder, before the beginning
        assert ours == theirs[len(theirs) - len(ours) :]
    if clip["media"]["audio"] and clip["media"]["video"]:
        before, after = starts(source), starts(film)
        between = before["audio"] - before["video"]
        assert after["audio"] - after["video"] == pytest.approx(between, abs=0.03)


def test_a_day_of_clips_is_one_film(unit: RunningUnit, tmp_path: Path) -> None:
    """In order, each with the clock's time; only what overlaps, and only the pieces that do."""
    for number, at in enumerate((0, 4, 60)):
        put(
            unit,
            f"day/{number}.mp4",
            clips.make(unit.folder / "d.mp4", seconds=4, number=number),
            NOON + timedelta(seconds=at),
        )
    long = put(unit, "day/long.mp4", clips.make(unit.folder / "l.mp4", seconds=20), NOON + timedelta(seconds=100))
    lines = playlist(unit, "day", NOON, NOON + timedelta(days=1))
    times = values(lines, "EXT-X-PROGRAM-DATE-TIME")
    assert [datetime.fromisoformat(at) for at in times] == [NOON + timedelta(seconds=at) for at in (0, 4, 60, 100)]
    assert lines.count("#EXT-X-DISCONTINUITY") == 3
    assert len(values(lines, "EXTINF")) == 3 + 4
    part = playlist(unit, "day", NOON + timedelta(seconds=107), NOON + timedelta(seconds=110))
    assert values(part, "EXT-X-PROGRAM-DATE-TIME") == ["2026-11-20T12:01:46.000Z"]
    assert len(values(part, "EXTINF")) == 1
    film = tmp_path / "day.ts"
    command = ["ffmpeg", "-v", "error", "-i", unit.url(address("day", NOON, NOON + timedelta(days=1)))]
    subprocess.run([*command, "-c", "copy", "-f", "mpegts", str(film)], check=True, timeout=60)
    expected = [picture for number in range(3) for picture in pictures(unit.video / f"day/{number}.mp4")]
    assert pictures(film) == expected + pictures(unit.video / long["key"])


@pytest.mark.slow
def test_what_players_do_not_take_is_left_out_or_copied(unit: RunningUnit, tmp_path: Path) -> None:
    """MJPEG is, until it has a copy; where one clip has no sound none is heard."""
    put(unit, "odd/a.mp4", encode(unit.folder / "o.mp4", WRITTEN["reordered"]), NOON)
    old = put(
        unit,
        "odd/b.mp4",
        clips.make_coded(unit.folder / "p.mp4", video="mjpeg", seconds=4),
        NOON + timedelta(seconds=20),
    )
    lines = playlist(unit, "odd", NOON, NOON + timedelta(minutes=1))
    assert len(values(lines, "EXT-X-MAP")) == 1
    assert "sound=true" in lines[-2]
    assert any(str(old["id"]) in line for line in lines if "left out" in line)
    nothing = unit.get(address("odd", NOON + timedelta(seconds=21), NOON + timedelta(minutes=1)))
    assert nothing.status_code == 404
    assert "no player takes" in nothing.json()["detail"]
    assert requests.post(unit.url(f"{old['links']['self']}/proxy"), timeout=10).status_code == 202
    wait_for(lambda: unit.get(old["links"]["self"]).json()["proxy_url"], what="a copy")
    lines = playlist(unit, "odd", NOON, NOON + timedelta(minutes=1))
    assert len(values(lines, "EXT-X-MAP")) == 2
    assert all("sound=false" in line for line in lines if not line.startswith("#"))
    alone = playlist(unit, "odd", NOON + timedelta(seconds=21), NOON + timedelta(minutes=1))
    assert len(pictures(joined(unit, alone, tmp_path / "copy.mp4"))) == 60


def test_a_damaged_clip_costs_no_other(unit: RunningUnit) -> None:
    """One whose index says nonsense is left out; what a segment is asked for and is not there is 404 or 422."""
    good = put(unit, "harm/a.mp4", encode(unit.folder / "h.mp4", WRITTEN["plain"]), NOON)
    bad = put(unit, "harm/b.mp4", encode(unit.folder / "h.mp4", WRITTEN["faststart"]), NOON + timedelta(seconds=20))
    torn = unit.video / bad["key"]
    look, data = torn.stat(), bytearray(torn.read_bytes())
    at = data.index(b"stsz")
    data[at + 4 : at + 16] = b"\xff" * 12
    with torn.open("r+b") as file:
        file.write(data)
    os.utime(torn, ns=(look.st_atime_ns, look.st_mtime_ns))
    lines = playlist(unit, "harm", NOON, NOON + timedelta(minutes=1))
    assert len(values(lines, "EXT-X-MAP")) == 1
    assert any(str(bad["id"]) in line for line in lines if "left out" in line)
    own = f"{good['links']['self']}/segment.m4s"
    assert unit.get(f"{own}?begin=0&end=6000").status_code == 200
    for question, status in (
        ("?begin=19990", 422),
        ("?begin=6000&end=6000", 422),
        ("?begin=-1", 400),
        ("?sound=loud", 400),
        ("?content=other", 404),
        ("?more=1", 400),
    ):
        assert unit.get(own + question).status_code == status, question
    assert unit.get(f"{bad['links']['self']}/segment.m4s").status_code == 422
    assert unit.get("/watcher/clips/999999/init.mp4").status_code == 404
    for question in ("", "?from=2026-11-20T12:00:00Z", "?from=2026-11-20T12:00:00&to=2026-11-20T13:00:00Z"):
        assert unit.get(f"/watcher/cameras/harm/playlist.m3u8{question}").status_code == 400
    assert unit.get(address("nobody", NOON, NOON + timedelta(hours=1))).status_code == 404
    assert unit.get(address("harm", NOON + timedelta(hours=1), NOON)).status_code == 400


@pytest.mark.slow
def test_another_content_has_other_pieces(unit: RunningUnit) -> None:
    """What a player or a cache holds of the old one is not asked for again."""
    clip = put(unit, "again/a.mp4", clips.make(unit.folder / "x.mp4", seconds=3), NOON)

    def maps() -> list[str]:
        return values(playlist(unit, "again", NOON, NOON + timedelta(minutes=1)), "EXT-X-MAP")

    before = maps()
    clips.make(unit.folder / "x.mp4", seconds=5, number=8).replace(unit.video / clip["key"])
    wait_for(lambda: (c := unit.clip(clip["key"])) and c["duration_seconds"] > 4, what="the other content")
    assert maps() != before
    assert unit.get(before[0].split('"')[1]).status_code == 404
