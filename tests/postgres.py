"""A PostgreSQL server of our own."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path


def installed() -> list[Path]:
    """Where its programs are, oldest version first (Debian's places)."""
    return sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))


@contextlib.contextmanager
def server() -> Iterator[str]:
    """The URL of a real one, on a unix socket, for the time of a block."""
    programs = installed()[-1]
    folder = Path(subprocess.check_output(["mktemp", "-d", "/tmp/watcher-pg.XXXXXX"], text=True).strip())
    prefix: list[str] = []
    if subprocess.check_output(["id", "-u"], text=True).strip() == "0":  # the server refuses to run as root
        shutil.chown(folder, "postgres")
        prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    database = folder / "db"
    run = {"check": True, "cwd": "/", "stdout": subprocess.DEVNULL}
    subprocess.run(
        [*prefix, programs / "initdb", "-D", database, "-U", "watcher", "-A", "trust", "--no-sync"], **run
    )
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
    control = [*prefix, programs / "pg_ctl", "-D", database, "-w", "-l", folder / "log"]
    subprocess.run([*control, "-o", options, "start"], **run)
    try:
        yield f"postgresql+psycopg://watcher@/postgres?host={folder}"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **run)
        shutil.rmtree(folder, ignore_errors=True)
