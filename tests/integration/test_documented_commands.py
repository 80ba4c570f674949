"""What the documents tell people to type: each curl does what it is there for, each command of watcher is one."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.running import RunningUnit
from watcher.cli import _parser

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


def commands() -> list[tuple[str, str]]:
    """Each command of watcher, by its document; of a unit of systemd and within Docker too."""
    found = [
        (document, re.search(r"(?<!-C /opt)(?:^|/|-- |api )watcher ([a-z]+\b.*)", line))
        for document, line in lines()
    ]
    return sorted({(document, command[1]) for document, command in found if command})


@pytest.mark.parametrize(("document", "command"), commands())
def test_each_command_is_one(document: str, command: str) -> None:
    """With those options."""
    _parser().parse_args(shlex.split(re.split(r" [|>] ?| && ", command)[0], comments=True))
