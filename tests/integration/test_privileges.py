"""Root is given up for good: by a real root, in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import watcher

PYTHON = "/usr/bin/python3"  # which every user can run; ours may lie in root's home

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can give something up"),
    pytest.mark.skipif(not Path(PYTHON).exists(), reason=f"there is no {PYTHON}"),
]


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user can reach, with what is tried in it."""
    folder = Path(tempfile.mkdtemp(prefix="watcher-root-"))
    folder.chmod(0o755)
    for name in ("__init__.py", "model/__init__.py", "model/errors.py", "ops/__init__.py", "ops/privileges.py"):
        copy = folder / "watcher" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(watcher.__file__).parent / name, copy)
    yield folder
    shutil.rmtree(folder)


def become(place: Path, user: str, ports: str = "[]", then: str = "") -> subprocess.CompletedProcess[str]:
    """Give root up in a process of its own, and do something as whoever it is then."""
    script = f"""
import os, socket, subprocess, sys
from pathlib import Path
sys.path.insert(0, {str(place)!r})
from watcher.ops.privileges import give_up_root
give_up_root({user!r}, Path({str(place / "data")!r}), None, {ports})
{then}
"""
    return subprocess.run([PYTHON, "-P", "-c", script], capture_output=True, text=True, timeout=30)


LOOK = """
print(*os.getresuid(), *os.getresgid())
status = subprocess.check_output(["cat", "/proc/self/status"], text=True)
print(next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff")))
try:
    os.setuid(0)
except PermissionError:
    print("for good")
"""


def test_a_named_user_is_become_for_good(place: Path) -> None:
    """Its programs have no capability either; what root had made below the data folder is handed over."""
    data = place / "data"
    (data / "video" / "porch").mkdir(parents=True)
    (data / "video" / "porch" / "1.mp4").write_text("a clip")
    (data / "foreign.mp4").write_text("somebody's")
    os.chown(data / "foreign.mp4", 1, 1)
    (place / "secret").write_text("root's")
    (data / "link").symlink_to(place / "secret")
    (data / "other name").hardlink_to(place / "secret")
    done = become(place, "nobody", then=LOOK)
    assert done.returncode == 0, done.stderr
    first, capabilities, end = done.stdout.splitlines()
    assert len(set(first.split()[:3])) == 1
    assert first.split()[0] not in {"0", "1"}
    assert (int(capabilities, 16), end) == (0, "for good")
    theirs = int(first.split()[0])
    for path in (data, data / "video" / "porch", data / "video" / "porch" / "1.mp4"):
        assert path.stat().st_uid == theirs
    assert (data / "foreign.mp4").stat().st_uid == 1
    assert (place / "secret").stat().st_uid == 0


def test_a_low_port_can_still_be_listened_on(place: Path) -> None:
    """That one capability, and no other."""
    (place / "data").mkdir()
    port = 300 + os.getpid() % 700  # another test may try it at this moment
    bind = f"socket.create_server(('127.0.0.1', {port})).close(); print('bound')"
    done = become(place, "nobody", f"[{port}]", LOOK + bind)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "bound"
    assert int(done.stdout.splitlines()[1], 16) == 1 << 10


def test_without_a_name_it_becomes_the_owner(place: Path) -> None:
    """So that a folder that was handed over once is served by its user from then on."""
    (place / "data").mkdir()
    os.chown(place / "data", 65534, 65534)
    done = become(place, "", then=LOOK)
    assert done.stdout.split()[0] == "65534", done.stderr


def test_root_s_own_folder_goes_on_and_is_warned_of(place: Path) -> None:
    """An installation from before is not stopped by an upgrade."""
    (place / "data").mkdir()
    done = become(place, "", then=LOOK)
    assert done.stdout.split()[0] == "0"
    assert "--user NAME" in done.stderr
    assert become(place, "root", then=LOOK).stderr == "", "told to, it says nothing"


def test_who_cannot_work_there_is_told(place: Path) -> None:
    """No such user; a folder that they may not write into."""
    assert "there is no user nobody-of-that-name" in become(place, "nobody-of-that-name").stderr
    (place / "data").mkdir()
    os.chown(place / "data", 1, 1)
    (place / "data").chmod(0o700)
    assert f"nobody cannot use {place / 'data'}" in become(place, "nobody").stderr
