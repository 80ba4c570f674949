"""What the documents tell people to type: each curl does what it is there for, each command of watcher is one."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.running import RunningUnit, wait_for
from watcher.cli import _parser
from watcher.client import Client

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "guide/uploads.md", *sorted(ROOT.glob("guide/**/*.md"))]  # clips come first
FAILING = 'curl() { command curl --fail --show-error "$@"; }; '


def lines() -> Iterator[tuple[str, str]]:
    """Each indented line of a document, with those that it goes on in."""
    for document in DOCUMENTS:
        text = re.sub(r"\\\n +", "", document.read_text())
        text = re.sub(r"^(    .*'Content-Type: application/json')\n +", r"\1 ", text, flags=re.MULTILINE)
        for line in re.findall(r"^    (.+)$", text, re.MULTILINE):
            yield document.relative_to(ROOT).as_posix(), line


@pytest.mark.slow
def test_each_curl_is_answered(start_unit: Callable[..., RunningUnit], samples: Path, tmp_path: Path) -> None:
    """With a clip, a key and an id in place of those of the examples."""
    unit = start_unit()
    key = unit.run("key", "create", "porch", "--role", "upload", "--camera", "porch").stdout.strip()
    viewing = unit.run("key", "create", "me", "--role", "admin").stdout.strip()
    (tmp_path / "sent").mkdir()
    count = 0
    for document, line in lines():
        if not re.match(r"(on_movie_end |for f in .*; do )?curl ", line):
            continue
        clip = (samples / "plain.mp4").read_bytes()
        (tmp_path / "clip.mp4").write_bytes(clip)
        command = line.removeprefix("on_movie_end ").replace("%f", "clip.mp4")
        command = re.sub(r"http://127\.0\.0\.1:8080|https://cams\.example\.net", unit.url(""), command)
        command = command.replace("porch:wk_…", f"porch:{key}").replace("me:wk_…", f"me:{viewing}")
        if "/clips/17" in command:
            command = command.replace("/clips/17", f"/clips/{unit.clips(camera='porch')[0]['id']}")
        assert "…" not in command, f"{document} leaves something out: {line}"
        answer = subprocess.run(["bash", "-c", FAILING + command], cwd=tmp_path, capture_output=True, text=True)
        assert answer.returncode == 0, f"{document}: {line}\n{answer.stdout}\n{answer.stderr}"
        count += 1
        if "uploads/porch/2026" in command:
            unit.wait_clip("porch/2026-11-21/070000.mp4", state="ready")
    assert count >= 14


def documented(document: str, beginning: str) -> str:
    """The line of a document that begins so, with those that it goes on in."""
    return next(line for where, line in lines() if where == document and line.startswith(beginning))


def program(document: str, beginning: str) -> str:
    """The lines of Python of a document of which the first begins so."""
    lines = re.search(
        rf"^    {beginning}.*\n(?:(?:    .*)?\n)+?(?=\S)", (ROOT / document).read_text(), re.MULTILINE
    )
    assert lines is not None
    return textwrap.dedent(lines[0])


def run(command: str, unit: RunningUnit, key: str, folder: Path) -> None:
    """Run a line of a document at this watcher, with a clip that plays for the camera's stream."""
    command = (
        command.replace("rtsp://camera/stream", "stream.mp4")
        .replace("wk_…", key)
        .replace("data/video", str(unit.video))
    )
    command = command.replace("127.0.0.1:8080", f"127.0.0.1:{unit.port}").replace(
        "ffmpeg -i", "ffmpeg -v error -nostdin -re -i"
    )
    subprocess.run(["bash", "-c", command], cwd=folder, check=True, timeout=60)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_ffmpeg_sends_and_leaves_what_it_records(
    start_unit: Callable[..., RunningUnit], samples: Path, tmp_path: Path
) -> None:
    """By each line that the guide has for it: with a key and without, to a name of its own and the server's, to a folder."""
    shutil.copy(samples / "plain.mp4", tmp_path / "stream.mp4")
    with_keys = start_unit(settings={"WATCHER_AUTH__MODE": "keys"})
    key = with_keys.run("key", "create", "porch", "--role", "upload", "--camera", "porch").stdout.strip()
    viewing = with_keys.run("key", "create", "me", "--role", "view").stdout.strip()
    uploads = [line for where, line in lines() if where == "guide/uploads.md" and line.startswith("ffmpeg ")]
    nameless = documented("guide/cameras/ffmpeg.md", "ffmpeg -i rtsp://camera/stream -t 60")
    segments = documented("guide/cameras/ffmpeg.md", "ffmpeg -i rtsp://camera/stream -c copy -f segment")
    for line in (*(line for line in uploads if "wk_…" in line), nameless):
        run(line, with_keys, key, tmp_path)
    with Client(with_keys.url(""), key=viewing) as client:
        wait_for(lambda: len(list(client.clips(camera="porch"))) == 2, what="both clips")
        assert "porch/2026-11-21/070000.mp4" in {clip.key for clip in client.clips()}

    without = start_unit("open")
    for line in (line for line in uploads if "wk_…" not in line):
        run(line, without, key, tmp_path)
    without.wait_clip("porch/2026-11-21/070000.mp4", state="ready")
    (without.video / "porch").mkdir(exist_ok=True)
    run(segments, without, key, tmp_path)
    wait_for(lambda: len(without.clips(camera="porch")) >= 2, what="a segment")
    assert {clip["time_quality"] for clip in without.clips(camera="porch")} == {"sure"}


@pytest.mark.slow
def test_tuspy_sends(start_unit: Callable[..., RunningUnit], samples: Path, tmp_path: Path) -> None:
    """By the lines of guide/uploads.md."""
    shutil.copy(samples / "plain.mp4", tmp_path / "clip.mp4")
    unit = start_unit()
    text = program("guide/uploads.md", "from tusclient").replace("127.0.0.1:8080", f"127.0.0.1:{unit.port}")
    subprocess.run([sys.executable, "-c", text], cwd=tmp_path, check=True, timeout=60)
    assert unit.wait_clip("porch/a.mp4", state="ready")["size_bytes"] == (tmp_path / "clip.mp4").stat().st_size


@pytest.mark.slow
def test_python_lists_and_follows(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """The lines of guide/api.md print each clip, and each change as it comes."""
    unit = start_unit(settings={"WATCHER_AUTH__MODE": "keys"})
    key = unit.run("key", "create", "me", "--role", "view").stdout.strip()
    (unit.video / "porch").mkdir()
    for name in ("20261121_070000", "20261121_070100"):
        shutil.copy(samples / "plain.mp4", unit.video / "porch" / f"{name}.mp4")
    text = program("guide/api.md", "from watcher.client")
    text = text.replace("127.0.0.1:8080", f"127.0.0.1:{unit.port}").replace("wk_…", key)
    with Client(unit.url(""), key=key) as client:
        wait_for(lambda: len(list(client.clips())) == 2, what="the clips")
    with subprocess.Popen([sys.executable, "-u", "-c", text], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            keys = [process.stdout.readline().split(maxsplit=1)[0] for _ in range(2)]
            assert keys == ["porch/20261121_070100.mp4", "porch/20261121_070000.mp4"]
            shutil.copy(samples / "plain.mp4", unit.video / "porch" / "20261121_070200.mp4")
            assert any("porch/20261121_070200.mp4 ready" in line for line in process.stdout)
        finally:
            process.kill()


def commands() -> list[tuple[str, str]]:
    """Each command of watcher, by its document; of a unit of systemd and within Docker too."""
    matches = [
        (document, re.search(r"(?<!-C /opt)(?:^|/|-- |api )watcher ([a-z]+\b.*)", line))
        for document, line in lines()
    ]
    return sorted({(document, command[1]) for document, command in matches if command})


@pytest.mark.parametrize(("document", "command"), commands())
def test_each_command_is_one(document: str, command: str) -> None:
    """With those options."""
    _parser().parse_args(shlex.split(re.split(r" [|>] ?| && ", command)[0], comments=True))
