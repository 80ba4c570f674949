"""What makes a push quicker and livelier, where it is installed: file events and a progress bar."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

try:
    from watchdog.events import FileSystemEvent, FileSystemEventHandler
    from watchdog.observers import Observer
except ImportError:
    EVENTS = False
else:
    EVENTS = True

try:
    from tqdm import tqdm
except ImportError:
    tqdm = None


@contextlib.contextmanager
def watching(folder: Path, wake: Callable[[], None]) -> Iterator[str | None]:
    """Call `wake` when a file in a folder appears or is closed; yields None, or why there are no events."""
    if not EVENTS:
        yield "watchdog is not installed"
        return

    class Handler(FileSystemEventHandler):
        def on_any_event(self, event: FileSystemEvent) -> None:
            if event.event_type in {"closed", "created", "moved"}:
                wake()

    observer = Observer()
    why_not = None
    try:
        observer.schedule(Handler(), str(folder), recursive=True)
        observer.start()
    except OSError as reason:
        why_not = reason.strerror
    try:
        yield why_not
    finally:
        if observer.is_alive():
            observer.stop()
            observer.join(2)


@contextlib.contextmanager
def progress_bar(name: str, size_bytes: int) -> Iterator[Callable[[int], Any]]:
    """A bar on a terminal, nothing elsewhere; yields what is told how many bytes have gone."""
    if tqdm is None or not sys.stderr.isatty():
        yield lambda _count: None
        return
    with tqdm(total=size_bytes, unit="B", unit_scale=True, desc=name) as bar:
        yield bar.update
