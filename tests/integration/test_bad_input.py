"""What bad input gets: a reason that a person understands, or a documented rule; and nothing else is harmed."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from tests import clips
from tests.running import RunningUnit, wait_for


def cut(samples: Path, name: str, share: float) -> bytes:
    data = (samples / name).read_bytes()
    return data[: int(len(data) * share)]


def encrypted(samples: Path) -> bytes:
    return (samples / "plain.mp4").read_bytes().replace(b"avc1", b"encv")


def program_stream() -> bytes:
    return b"\x00\x00\x01\xba" + clips.noise(4000)


def transport_stream() -> bytes:
    return b"".join(b"\x47" + clips.noise(187) for _ in range(40))


def zero_index(samples: Path) -> bytes:
    """The last blocks were reserved, and the power went before they were written."""
    data = (samples / "plain.mp4").read_bytes()
    start = next(at for kind, at, _ in clips.boxes(data) if kind == b"moov")
    return data[: start + 8] + bytes(len(data) - start - 8)


BAD = {
    "cut-plain": (lambda s: cut(s, "plain.mp4", 0.7), "cut off"),
    "cut-faststart": (lambda s: cut(s, "faststart.mp4", 0.7), "cut off"),
    "cut-fragmented": (lambda s: cut(s, "fragmented.mp4", 0.7), "cut off"),
    "empty": (lambda s: b"", "empty file"),
    "zeros": (lambda s: bytes(300_000), "filled with zeros"),
    "zero-start": (lambda s: bytes(300_000) + clips.noise(300_000), "beginning is zeros"),
    "text": (lambda s: b"once upon a time\n" * 40, "not an MP4: text"),
    "html": (lambda s: b"<!doctype html><title>404</title>" * 9, "not an MP4: HTML page"),
    "jpeg": (lambda s: b"\xff\xd8\xff\xe0" + clips.noise(900), "JPEG picture"),
    "program-stream": (lambda s: program_stream(), "MPEG program stream (Hikvision block file)"),
    "transport-stream": (lambda s: transport_stream(), "not an MP4: MPEG transport stream"),
    "matroska": (lambda s: b"\x1a\x45\xdf\xa3" + clips.noise(900), "not an MP4: Matroska"),
    "avi": (lambda s: b"RIFF\x00\x10\x00\x00AVI LIST" + clips.noise(900), "not an MP4: AVI"),
    "noise": (lambda s: clips.noise(70_000), "not an MP4"),
    "encrypted": (encrypted, "encrypted"),
    "zero-index": (zero_index, "its index is damaged"),
}


@pytest.fixture(scope="module")
def bad(unit: RunningUnit, samples: Path) -> dict[str, bytes]:
    """The bytes of each bad file; all of them are left at once, since each has to be quiet for two seconds."""
    (unit.video / "bad").mkdir()
    written = {name: make(samples) for name, (make, _) in BAD.items()}
    for name, data in written.items():
        (unit.video / "bad" / f"{name}.mp4").write_bytes(data)
    return written


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_listed_with_its_reason_and_left_alone(
    unit: RunningUnit, bad: dict[str, bytes], name: str
) -> None:
    """It is `broken`, says why, is still served, and its bytes are untouched."""
    reason, data = BAD[name][1], bad[name]
    path = unit.video / "bad" / f"{name}.mp4"
    clip = unit.wait_clip(f"bad/{name}.mp4", state="broken")

    assert reason in clip["error"]
    assert clip["playable"] == "no"
    assert unit.get(clip["url"]).content == data == path.read_bytes()


def test_pictures_that_no_decoder_understands_make_a_broken_clip(unit: RunningUnit, samples: Path) -> None:
    """The boxes are whole, so it is listed as ready at first; the poster's maker finds out."""
    data = bytearray((samples / "plain.mp4").read_bytes())
    start, length = next((at, size) for kind, at, size in clips.boxes(bytes(data)) if kind == b"mdat")
    data[start + 8 : start + length] = clips.noise(length - 8)
    (unit.video / "garbled.mp4").write_bytes(bytes(data))
    clip = unit.wait_clip("garbled.mp4", state="broken")

    assert clip["error"]


def test_a_sparse_giant_costs_no_time(unit: RunningUnit) -> None:
    """40 GB of nothing are hardly read, and take no memory."""
    path, ingester = unit.video / "giant.mp4", unit.ingester()

    def read() -> int:
        """Bytes that the ingester has read of whatever."""
        return int(re.search(r"rchar: (\d+)", Path(f"/proc/{ingester}/io").read_text())[1])

    before = read()
    with path.open("wb") as file:
        file.truncate(40 << 30)
    clip = unit.wait_clip("giant.mp4")

    assert read() - before < 64 << 20
    assert "filled with zeros" in clip["error"]
    assert clip["size_bytes"] == 40 << 30
    path.unlink()


NAMES = [
    "with spaces and 'quotes\" .mp4",
    "per%cent %41 %2e%2e.mp4",
    "hash#question?and&amp;.mp4",
    "line\nbreak\tand\rtab.mp4",
    "emoji 🦊 ümläut 漢字.mp4",
    "back\\slash;semi,comma@at+plus=.mp4",
    "..two dots.mp4"[2:],
    "UPPER.MP4",
    "[M][0@0][0].mp4",
]


@pytest.mark.parametrize("name", NAMES)
def test_odd_names_are_clips_like_others(unit: RunningUnit, samples: Path, name: str) -> None:
    """Listed under their key, found by it, and served from the address that is given."""
    (unit.video / "odd").mkdir(exist_ok=True)
    (unit.video / "odd" / name).write_bytes(clips.stamp((samples / "plain.mp4").read_bytes(), NAMES.index(name)))
    clip = unit.wait_clip(f"odd/{name}", state="ready")

    assert clip["key"] == f"odd/{name}"
    served = unit.get(clip["url"])
    assert (served.status_code, served.headers["Content-Type"]) == (200, "video/mp4")
    assert len(served.content) == clip["size_bytes"]
    page = unit.get(f"/watcher/watch/{clip['id']}").text
    assert name not in page or not set(name) & set("<>&'\"")


def test_what_is_ignored_by_rule_is_not_listed_and_is_explained(unit: RunningUnit, samples: Path) -> None:
    """Unfinished names, links, system folders, names that are not UTF-8, too long paths, foreign suffixes."""
    data = (samples / "plain.mp4").read_bytes()
    ignored = unit.video / "ignored"
    (ignored / "@eaDir").mkdir(parents=True)
    for name in (
        ".hidden.mp4",
        "a.mp4.part",
        "b.tmp",
        "clip.mp4~",
        "@eaDir/thumb.mp4",
        "readme.txt",
        "c.crdownload",
    ):
        (ignored / name).write_bytes(data)
    (ignored / "link.mp4").symlink_to("/etc/passwd")
    (ignored / "loop").symlink_to(unit.video)
    os.mkfifo(ignored / "pipe.mp4")
    raw = os.fsencode(ignored) + b"/not-utf8-\xff.mp4"
    Path(os.fsdecode(raw)).write_bytes(data)
    deep = ignored
    while len(os.fsencode(deep.relative_to(unit.video))) < 1100:
        deep = deep / ("d" * 100)
    deep.mkdir(parents=True)
    (deep / "deep.mp4").write_bytes(data)
    (unit.video / "watcher").mkdir(exist_ok=True)
    (unit.video / "watcher" / "shadow.mp4").write_bytes(data)
    (ignored / "last.mp4").write_bytes(data)
    unit.wait_clip("ignored/last.mp4")
    output = unit.run("check", "--ignored").stdout

    assert [clip["key"] for clip in unit.clips(camera="ignored")] == ["ignored/last.mp4"]
    for key, why in {
        ".hidden.mp4": "unfinished file",
        "a.mp4.part": "unfinished file",
        "@eaDir": "unfinished folder",
        "readme.txt": "side or unfinished file",
        "link.mp4": "a symbolic link",
        "loop": "a symbolic link",
        "pipe.mp4": "not a regular file",
        "not-utf8-": "not UTF-8",
        "ddd": "longer than 1024 bytes",
    }.items():
        assert any(key in line and why in line for line in output.splitlines()), (key, output)
    assert "top-level folder named 'watcher'" in output
    assert unit.get("/ignored/link.mp4").status_code == 404
    assert unit.get("/ignored/loop/ignored/last.mp4").status_code == 404
    assert unit.get("/ignored/" + quote(".hidden.mp4")).status_code == 404
    shutil.rmtree(unit.video / "watcher")


def test_a_path_beyond_the_system_limit_does_not_stop_the_walk(unit: RunningUnit, samples: Path) -> None:
    """4,000 bytes of folders below folders, made step by step as a hostile client could."""
    before = Path.cwd()
    try:
        os.chdir(unit.video)
        for _ in range(20):
            os.mkdir("x" * 200)
            os.chdir("x" * 200)
    finally:
        os.chdir(before)
    shutil.copy(samples / "plain.mp4", unit.video / "after-the-deep.mp4")
    unit.wait_clip("after-the-deep.mp4", state="ready")
    assert unit.run("check").returncode in {0, 1}
    shutil.rmtree(unit.video / ("x" * 200))


def test_a_file_that_appears_and_vanishes_at_once_is_no_clip(unit: RunningUnit, samples: Path) -> None:
    """Five hundred of them neither stay nor stop what comes after."""
    data = (samples / "plain.mp4").read_bytes()
    (unit.video / "brief").mkdir()
    for number in range(500):
        path = unit.video / "brief" / f"{number}.mp4"
        path.write_bytes(data)
        path.unlink()
    shutil.copy(samples / "plain.mp4", unit.video / "brief" / "stays.mp4")
    unit.wait_clip("brief/stays.mp4")
    wait_for(lambda: len(unit.clips(camera="brief")) == 1, what="one clip")


@pytest.mark.slow
def test_a_folder_that_cannot_be_read_loses_nobody(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """While a folder is closed to us its clips stay what they were, and come out unchanged."""
    unit = start_unit()
    folder = unit.video / "closed"
    folder.mkdir()
    shutil.copy(samples / "plain.mp4", folder / "one.mp4")
    clip = unit.wait_pictured("closed/one.mp4")
    if os.geteuid() == 0:
        pytest.skip("root reads every folder; see test_storage for the same with a failing folder")
    folder.chmod(0)
    try:
        assert "cannot be read" in unit.run("check", "--ignored").stdout
        unit.run("scan")
        assert unit.clip("closed/one.mp4") == clip
    finally:
        folder.chmod(0o755)


def test_a_clock_that_steps_neither_hurries_nor_stops_the_ingester(unit: RunningUnit, samples: Path) -> None:
    """Files from the past and from the future are listed, at a time that says where it was read."""
    for name, when in {"past": 0, "future": time.time() + 10 * 365 * 86400, "far": 2**33}.items():
        path = unit.video / "clocks" / f"{name}.mp4"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(clips.stamp((samples / "plain.mp4").read_bytes(), int(when)))
        os.utime(path, (when, when))
    for name in ("past", "future", "far"):
        clip = unit.wait_clip(f"clocks/{name}.mp4", state="ready")
        assert clip["time_source"] in {"container", "mtime"}


def test_without_a_clips_suffix_the_bytes_decide(unit: RunningUnit, samples: Path) -> None:
    """A film without a suffix is a clip, cut off or not; a text is explained, and looked at again when it changes."""
    data = clips.stamp((samples / "plain.mp4").read_bytes(), 4711)
    folder = unit.video / "nameless"
    folder.mkdir()
    (folder / "notes").write_text("not a film")
    (folder / "film").write_bytes(data)
    (folder / "clip.RAW").write_bytes(clips.stamp(data, 4712))
    (folder / "cut").write_bytes(data[: len(data) // 2])
    unit.wait_clip("nameless/film", state="ready")
    unit.wait_clip("nameless/clip.RAW", state="ready")
    unit.wait_clip("nameless/cut", state="broken")
    assert unit.clip("nameless/notes") is None
    output = unit.run("check", "--ignored").stdout
    assert "its bytes are no film's (not an MP4: text): nameless/notes" in output

    (folder / "notes").write_bytes(clips.stamp(data, 4713))
    unit.wait_clip("nameless/notes", state="ready")
