"""The unit file that is shipped: systemd reads it, finds it tight, and it names what is there."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from watcher.cli import _parser

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "etc" / "systemd" / "watcher.service"
EXPOSURE_MOST = 30  # tenths of systemd's measure

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")


def test_systemd_finds_it_tight() -> None:
    """By its own measure, at most 3.0."""
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MOST}", str(UNIT)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr
    assert re.search(r"exposure level for watcher.service: [0-3]\.\d", result.stdout)


def test_systemd_reads_it(tmp_path: Path) -> None:
    """With the program where this checkout has it: no unknown line, and its options are those of `watcher up`."""
    text = UNIT.read_text()
    trial = tmp_path / "watcher.service"
    trial.write_text(text.replace("/opt/watcher/.venv/bin/watcher", shutil.which("true") or ""))
    result = subprocess.run(["systemd-analyze", "verify", str(trial)], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
    known = subprocess.run([sys.executable, "-m", "watcher", "up", "--help"], capture_output=True, text=True).stdout
    options = re.findall(r" (--[a-z]+)", next(line for line in text.splitlines() if line.startswith("ExecStart=")))
    assert options
    assert all(option in known for option in options)


def test_systemd_reads_that_of_push(tmp_path: Path) -> None:
    """As guide/push.md has it: no unknown line, and a command that watcher takes."""
    text = re.search(
        r"^    \[Unit\]\n(?:(?:    .*)?\n)+?    WantedBy=.*\n", (ROOT / "guide/push.md").read_text(), re.MULTILINE
    )
    assert text is not None
    lines = textwrap.dedent(text[0])
    trial = tmp_path / "watcher-push.service"
    trial.write_text(lines.replace("/opt/watcher/bin/watcher", shutil.which("true") or ""))
    result = subprocess.run(["systemd-analyze", "verify", str(trial)], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
    command = re.search(r"^ExecStart=/opt/watcher/bin/watcher (push .*)$", lines, re.MULTILINE)
    assert command is not None
    assert _parser().parse_args(shlex.split(command[1])).to == "https://cams.example.net"
