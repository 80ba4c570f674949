"""File systems of their own, where this user may mount."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def mounted(folder: Path, size: str, *, inodes: int = 0) -> Iterator[None]:
    """A file system of its own, with room for so many files (0: for as many as fit); skips where it cannot be."""
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},nr_inodes={inodes}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], capture_output=True)


# Root of a user namespace, which has rights over the files of its own user alone: somebody else's are closed to it.
OWN_FILES_ONLY = ("unshare", "--user", "--map-root-user")
SFTP_SERVER = Path("/usr/lib/openssh/sftp-server")
CAMERA = 4711  # a user who has files here, and is nobody we know


def give_away(*paths: Path) -> None:
    """Let paths belong to somebody else, as if another service had made them; skips where that is not possible."""
    if os.geteuid() != 0 or subprocess.run([*OWN_FILES_ONLY, "true"], capture_output=True).returncode:
        pytest.skip("this needs root, and user namespaces")
    for path in paths:
        os.chown(path, CAMERA, CAMERA)
        path.chmod(0o755)


def remount(folder: Path, how: str) -> None:
    """Mount what is mounted there `ro` or `rw`."""
    subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], check=True, capture_output=True)


def unmount(folder: Path) -> None:
    """Take a disk away, though it is in use."""
    subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)


@contextlib.contextmanager
def bound(source: Path, target: Path) -> Iterator[Path]:
    """A second way to what is mounted elsewhere, by which a disk that was taken away comes back."""
    target.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "--bind", str(source), str(target)], check=True, capture_output=True)
    try:
        yield target
    finally:
        unmount(target)


@contextlib.contextmanager
def looped(image: Path, folder: Path) -> Iterator[None]:
    """A file as a disk; skips where that is not allowed."""
    folder.mkdir(parents=True)
    if subprocess.run(["mount", "-o", "loop", str(image), str(folder)], capture_output=True).returncode:
        pytest.skip("loop mounts are not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], capture_output=True)


@contextlib.contextmanager
def behind(source: Path, folder: Path, *how: str) -> Iterator[None]:
    """A folder shown elsewhere by a file system in user space (bindfs); skips where that is not possible."""
    source.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True)
    if shutil.which("bindfs") is None or not os.access("/dev/fuse", os.W_OK):
        pytest.skip("bindfs is not installed (Debian: bindfs), or there is no /dev/fuse")
    subprocess.run(["bindfs", *how, str(source), str(folder)], check=True, capture_output=True)
    try:
        yield
    finally:
        unmount(folder)


@contextlib.contextmanager
def sent_over_ssh(source: Path, folder: Path) -> Iterator[None]:
    """A folder as sshfs shows it, over a socket of this machine in place of ssh; skips where that is not possible."""
    folder.mkdir(parents=True)
    if shutil.which("sshfs") is None or not SFTP_SERVER.exists() or not os.access("/dev/fuse", os.W_OK):
        pytest.skip("sshfs or its server is not installed (Debian: sshfs, openssh-sftp-server), or no /dev/fuse")
    with socket.create_server(("127.0.0.1", 0)) as door:
        command = ["sshfs", "-f", "-o", f"directport={door.getsockname()[1]}", f"localhost:{source}", str(folder)]
        client = subprocess.Popen(command)
        connection, _ = door.accept()
    with connection:
        server = subprocess.Popen([str(SFTP_SERVER)], stdin=connection, stdout=connection)
    try:
        while not os.path.ismount(folder):
            time.sleep(0.02)
        yield
    finally:
        unmount(folder)
        for process in (client, server):
            process.kill()
            process.wait()
