"""The shipped nginx files, as a checker of such files sees them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mounting import mounted
from watcher.ops import nginx
from watcher.services import open_services
from watcher.settings.load import load

# Files that it looks up are not kept open on purpose (decision 004), and only what is no clip is looked up twice.
# Conditions about what a client has are compared with a clip's own (store.conf): what they set is read by proxy_pass.
PASSED_OVER = "try_files_is_evil_too,if_is_evil"


@pytest.mark.parametrize("mode", ["open", "keys"])
@pytest.mark.parametrize(
    "stores",
    [
        "",
        '[[stores]]\nname = "cold"\nkind = "disk"\npath = "/mnt/cold"\n',
        '[[stores]]\nname = "cold"\nkind = "s3"\nendpoint = "https://s3.example.net"\nbucket = "clips"\n',
    ],
    ids=["none", "disk", "bucket"],
)
def test_a_checker_finds_nothing(mode: str, stores: str, tmp_path: Path) -> None:
    """gixy, on the files as `watcher up` fills them in, also with a store; of buckets only where there is one."""
    (tmp_path / "watcher.toml").write_text(stores)
    settings = load({"WATCHER_AUTH__MODE": mode, "WATCHER_CONFIG": str(tmp_path / "watcher.toml")}).settings
    places = open_services(settings, tmp_path).places
    places.make()
    nginx.write_settings(places, settings)
    nginx.write_main(places, settings, nginx=nginx.find_nginx(), listen="127.0.0.1:8080", log=tmp_path)
    assert ("proxy_pass" in (places.run / "settings.conf").read_text()) == ("s3" in stores)
    gixy = Path(sys.executable).with_name("gixy")
    done = subprocess.run(
        [gixy, "--skips", PASSED_OVER, "nginx.conf"], cwd=places.run, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout
    assert "No issues found" in done.stdout, done.stdout


@pytest.mark.parametrize(("size", "there"), [("64m", True), ("16m", False), (None, False)])
def test_shared_answers_are_in_memory_where_there_is_room(
    size: str | None, there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """nginx breaks off what it has no room for; the next start removes what the one before left."""
    memory, run = tmp_path / "memory", tmp_path / "run"
    run.mkdir()
    monkeypatch.setattr(nginx, "MEMORY", memory)
    with mounted(memory, size) if size else contextlib.nullcontext():
        for _ in range(2):
            folder, lock = nginx.make_cache(run)
            assert (lock is not None) == there
            assert folder.is_relative_to(memory) == there
            assert (run / "nginx" / "cache").is_symlink() == there
            assert len([*memory.glob("*")]) == there
            if lock is not None:
                os.close(lock)
