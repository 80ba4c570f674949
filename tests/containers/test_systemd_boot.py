"""The shipped unit under a real systemd, booted over this machine's own files: the guide's own commands, a kill, an upgrade.

What is written goes into memory and is gone at the end; skipped, saying so, where nothing can be booted.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import clips

pytestmark = [
    pytest.mark.containers,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can boot something"),
    pytest.mark.skipif(
        shutil.which("systemd-nspawn") is None, reason="there is no systemd-nspawn (systemd-container)"
    ),
]

ROOT = Path(__file__).parents[2]
BOOTED_SECONDS = 6 * 60
OLDER = "e404b6e4138e3cfdd32aedd92e0bab8d4571d854"  # of 22 November 2026, one schema back
TRIAL = """[Unit]
After=network.target
[Service]
Type=oneshot
Environment={environment}
ExecStart=/bin/sh /trial/trial.sh
ExecStopPost=/bin/systemctl poweroff --no-block
[Install]
WantedBy=multi-user.target
"""
STEPS = """exec >/trial/told 2>&1
set -ex
here=http://127.0.0.1:8080
until_ready() {{ for n in $(seq 600); do curl -sf $here/watcher/readyz && return; sleep 0.1; done; systemctl status watcher; exit 1; }}
until_listed() {{ for n in $(seq 600); do curl -s $here/watcher/clips | grep -q "$1" && return; sleep 0.1; done; exit 1; }}
leave() {{ install -d -o watcher /srv/watcher/video/porch; install -o watcher /trial/clip.mp4 /srv/watcher/video/porch/.new; printf "$1" >>/srv/watcher/video/porch/.new; mv /srv/watcher/video/porch/.new "/srv/watcher/video/porch/$1.mp4"; }}
{install}
until_ready
leave 20261121_070000
until_listed 20261121_070000
test "$(curl -s -o /dev/null -w '%{{http_code}} %{{size_download}}' -r 0-99 $here/porch/20261121_070000.mp4)" = "206 100"
test "$(stat -c %U /srv/watcher/catalog.db)" = watcher
systemctl kill --signal=KILL --kill-who=main watcher
sleep 1
until_ready
leave 20261121_080000
until_listed 20261121_080000
{upgrade}
until_ready
until_listed 20261121_070000
systemctl stop watcher
! pgrep -u watcher
here=http://127.0.0.1:81
as_root() {{ WATCHER_CONFIG=/etc/watcher.toml /opt/watcher/.venv/bin/watcher up --data /srv/root --listen 127.0.0.1:81 --log /srv/root/log "$@" & }}
whose() {{ ps -o user= -p "$(pgrep -d, -f /srv/root)" | sort -u | xargs; }}
as_root; pid=$!; until_ready
test "$(whose)" = root
kill $pid; wait $pid || true
as_root --user watcher; pid=$!; until_ready
test "$(whose)" = watcher
kill $pid; wait $pid || true
as_root; pid=$!; until_ready
test "$(whose)" = watcher
kill $pid; wait $pid || true
systemd-analyze --no-pager security watcher | tail -1
touch /trial/done
"""


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """This machine's files, to be written over in memory."""
    memory = tmp_path / "memory"
    memory.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2g", "tmpfs", str(memory)], check=True)
    try:
        for name in ("upper", "work", "root"):
            (memory / name).mkdir()
        options = f"lowerdir=/,upperdir={memory}/upper,workdir={memory}/work"
        mount = ["mount", "-t", "overlay", "overlay", "-o", options, str(memory / "root")]
        if subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("files cannot be laid over others here (overlay)")
        try:
            yield memory / "root"
        finally:
            subprocess.run(["umount", str(memory / "root")], check=True)
    finally:
        subprocess.run(["umount", str(memory)], check=True)


def git(*words: str) -> None:
    subprocess.run(["git", *words], check=True, capture_output=True)


def commands(after: str) -> str:
    """The first commands in the guide after some words."""
    text = (ROOT / "guide" / "running.md").read_text().split(after, 1)[1]
    match = re.search(r"\n\n((?:    .*\n)+)", text)
    assert match
    return textwrap.dedent(match[1])


def test_installed_killed_and_upgraded_as_the_guide_says(root: Path, tmp_path: Path) -> None:
    """The user's own service: it adopts and serves, comes back when it is killed, and ends whole."""
    trial = tmp_path / "trial"
    trial.mkdir()
    clips.make(trial / "clip.mp4")
    here, origin = root / "opt" / "watcher", root / "opt" / "watcher.git"
    shutil.rmtree(here, ignore_errors=True)
    git("clone", "--bare", str(ROOT), str(origin))
    git("clone", str(origin), str(here))
    git("-C", str(here), "remote", "set-url", "origin", "/opt/watcher.git")
    if subprocess.run(["git", "-C", str(here), "cat-file", "-e", OLDER], capture_output=True).returncode == 0:
        git("-C", str(here), "reset", "--hard", OLDER)
    install, upgrade = commands("With systemd, as root"), commands("To upgrade a service:")
    (trial / "trial.sh").write_text(STEPS.format(install=install, upgrade=upgrade))
    system = root / "etc" / "systemd" / "system"
    passed = [f'"{name}={value}"' for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))]
    (system / "trial.service").write_text(TRIAL.format(environment=" ".join(['"HOME=/root"', *passed])))
    wants = system / "multi-user.target.wants"
    wants.mkdir(exist_ok=True)
    for service in wants.iterdir():  # of this machine: they have nothing to do here
        service.unlink()
    (wants / "trial.service").symlink_to("/etc/systemd/system/trial.service")
    command = [
        "systemd-nspawn",
        "--register=no",
        "--keep-unit",
        f"--bind={trial}:/trial",
        "-D",
        str(root),
        "--boot",
    ]
    booted = subprocess.run(
        [*command, "systemd.unit=multi-user.target"],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=BOOTED_SECONDS,
    )
    if not (trial / "told").exists():
        pytest.skip(f"systemd does not boot here: {booted.stderr.decode(errors='replace')[-300:]}")
    report = (trial / "told").read_text()
    assert (trial / "done").exists(), report[-6000:]
    assert re.search(r"exposure level for watcher.service: [0-2]\.", report)
