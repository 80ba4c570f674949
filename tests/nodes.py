"""A data folder with its catalog in PostgreSQL, and processes of watcher on it, as several nodes are."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from tests.postgres import fresh
from tests.running import wait_for
from watcher.catalog import migrate
from watcher.services import open_services
from watcher.settings.load import load
from watcher.workers.parent_death import die_with_parent


class Shared:
    """What the nodes share: `model` is the one that looks at clips."""

    def __init__(self, folder: Path, server: str, model: Path) -> None:
        """`server` is the URL of a PostgreSQL server on which a database of its own is made."""
        self.data, self._logs = folder / "data", folder
        self.data.mkdir()
        self.settings = {
            "WATCHER_CATALOG__URL": fresh(server),
            "WATCHER_INGEST__SHARED": "true",
        }
        self._labels = {"WATCHER_LABELS__ENABLED": "true", "WATCHER_LABELS__MODEL": str(model)}
        self.services = open_services(load(self.settings).settings, self.data)
        self.services.places.make()
        migrate(self.services.catalog.database.engine)

    def close(self) -> None:
        self.services.catalog.database.engine.dispose()

    def ask(self, statement: str) -> list[sa.Row]:
        with self.services.catalog.database.engine.connect() as connection:
            return list(connection.execute(sa.text(statement)).fetchall())

    def do(self, statement: str) -> None:
        with self.services.catalog.database.write() as connection:
            connection.execute(sa.text(statement))

    def count(self, of: str) -> int:
        return int(self.ask(f"SELECT count(*) FROM {of}")[0][0])

    @contextlib.contextmanager
    def process(self, *arguments: str, labels: bool = False, **more: str) -> Iterator[subprocess.Popen[bytes]]:
        """`watcher ingest` with more arguments and settings; its end takes what it has started along."""
        command = [sys.executable, "-P", "-m", "watcher", "ingest", *arguments, "--data", str(self.data)]
        environment = {**os.environ, **self.settings, **(self._labels if labels else {}), **more}
        with (self._logs / f"{uuid.uuid4().hex}.log").open("wb") as out:
            process = subprocess.Popen(
                command,
                env=environment,
                stdout=out,
                stderr=out,
                preexec_fn=lambda: die_with_parent(signal.SIGKILL),  # when pytest itself is killed
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def labelling(self, **more: str) -> contextlib.AbstractContextManager[subprocess.Popen[bytes]]:
        """A node that only looks at clips."""
        return self.process("--labels", labels=True, **more)

    def catalogued(self, number: int, *, seconds: float = 120) -> None:
        """Wait until so many clips have their posters; somebody has to be at work."""
        made = "clips WHERE poster IS NOT NULL AND render_due = 0"
        wait_for(lambda: self.count(made) >= number, seconds=seconds, what=f"{number} clips with pictures")
