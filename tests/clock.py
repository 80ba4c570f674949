"""A wall clock that a test sets, for the programs that it starts."""

from __future__ import annotations

import subprocess
from pathlib import Path

SOURCE = Path(__file__).parent / "clock.c"


class Clock:
    """The clock of every program that has `environment`; its files lie in `folder`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._offset, library = folder / "offset", folder / "clock.so"
        self.set(0)
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, SOURCE], check=True)
        self.environment = {"LD_PRELOAD": str(library), "WATCHER_TEST_CLOCK": str(self._offset)}

    def set(self, seconds: int) -> None:
        """Move it to so many seconds after the system's, for programs that run as well."""
        self._offset.touch()
        with self._offset.open("rb+") as file:
            file.write(seconds.to_bytes(8, "little", signed=True))
