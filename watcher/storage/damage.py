"""What is wrong with the catalog, in a file of the run folder: readyz, Status and doctor tell of it."""

from __future__ import annotations

import contextlib
from pathlib import Path

from watcher.storage.places import Places

_LONGEST = 500  # characters that are kept of a sentence


def _file(places: Places) -> Path:
    return places.run / "catalog.damaged"


def note(places: Places, problem: str) -> None:
    """Note what is wrong with the catalog, for every process."""
    with contextlib.suppress(OSError):
        _file(places).write_text(problem[:_LONGEST], encoding="utf-8")


def noted(places: Places) -> str | None:
    """What was found to be wrong with the catalog; None where nothing was."""
    try:
        return _file(places).read_text(encoding="utf-8")
    except OSError:
        return None


def forget(places: Places) -> None:
    """Note that the catalog is whole again."""
    with contextlib.suppress(OSError):
        _file(places).unlink(missing_ok=True)
