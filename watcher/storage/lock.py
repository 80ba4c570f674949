"""One process at a time, by a lock that the kernel frees however the process ends."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from watcher.model.errors import AlreadyRunningError, StartError

INGESTER = "ingester.lock"  # in the folder of what runs: who holds it adopts clips


@contextlib.contextmanager
def only_one(path: Path, refusal: str) -> Iterator[IO[str]]:
    """Hold a lock file for the time of a block.

    Raises AlreadyRunningError with the refusal where another one holds it, StartError where there are no locks.
    """
    with path.open("a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunningError(refusal) from None
        except OSError as reason:  # an export without its lock daemon, a cloud drive
            raise StartError(
                f"{path} cannot be locked ({reason.strerror}): the data folder has to be on a file system that has "
                "locks; only video/ may be on one without"
            ) from reason
        yield file
