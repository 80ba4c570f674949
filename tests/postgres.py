"""A PostgreSQL server of our own."""

from __future__ import annotations

import contextlib
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa


def installed() -> list[Path]:
    """Where its programs are, oldest version first (Debian's places)."""
    return sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))


class Server:
    """A real one, on a unix socket."""

    def __init__(self) -> None:
        programs = installed()[-1]
        self.folder = Path(subprocess.check_output(["mktemp", "-d", "/tmp/watcher-pg.XXXXXX"], text=True).strip())
        self.url = f"postgresql+psycopg://watcher@/postgres?host={self.folder}"
        prefix: list[str] = []
        if subprocess.check_output(["id", "-u"], text=True).strip() == "0":  # the server refuses to run as root
            shutil.chown(self.folder, "postgres")
            prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        database = self.folder / "db"
        self._run([*prefix, programs / "initdb", "-D", database, "-U", "watcher", "-A", "trust", "--no-sync"])
        self._control = [*prefix, programs / "pg_ctl", "-D", database, "-w", "-l", self.folder / "log"]

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-c listen_addresses='' -c unix_socket_directories={self.folder} -c fsync=off"
        self._run([*self._control, "-o", options, "start"])

    def stop(self) -> None:
        """End it at once, as a crash does."""
        self._run([*self._control, "-m", "immediate", "stop"])

    def _run(self, command: list[object]) -> None:
        subprocess.run([str(word) for word in command], check=True, cwd="/", stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def running() -> Iterator[Server]:
    """A server that runs for the time of a block; the test is skipped where PostgreSQL is not installed."""
    if not installed():
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    server = Server()
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.folder, ignore_errors=True)


@contextlib.contextmanager
def server() -> Iterator[str]:
    """The URL of such a server."""
    with running() as server:
        yield server.url


def fresh(url: str) -> str:
    """The URL of an empty database of a server's."""
    name = f"fresh_{random.randrange(1 << 48):x}"
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    return url.replace("/postgres?", f"/{name}?")
