"""The shipped nginx files, as a checker of such files sees them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from watcher import config, nginx_files
from watcher.wiring import open_services

# How many files nginx may open is the host's to say: a limit of ours above it would be refused with an alarm.
PASSED_OVER = "worker_rlimit_nofile_vs_connections"


@pytest.mark.parametrize("mode", ["open", "keys"])
def test_a_checker_finds_nothing(mode: str, tmp_path: Path) -> None:
    """gixy, on the files as `watcher up` fills them in."""
    settings = config.load({"WATCHER_AUTH__MODE": mode}).settings
    places = open_services(settings, tmp_path).places
    places.make()
    nginx_files.write_settings(places, settings)
    nginx_files.write_main(places, settings, nginx=nginx_files.find_nginx(), listen="127.0.0.1:8080", log=tmp_path)
    gixy = Path(sys.executable).with_name("gixy")
    done = subprocess.run(
        [gixy, "--skips", PASSED_OVER, "nginx.conf"], cwd=places.run, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout
    assert "No issues found" in done.stdout, done.stdout
