"""File events as hints: the only module that knows watchdog.

Its threads only put hints on a queue. A rename into the tree, a hard link and a moved-in folder give `created` and
no `closed`; in fresh deep folders most files give no `closed`; an overflow loses events; an exception in a handler
kills the dispatcher; a deleted root kills the emitter silently, some moves the reader; folders beyond the system's
limit of watches are left out without a word. Hence: a hint only ever says "look there", and the observer's own
health is looked at.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
from dataclasses import dataclass

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver
from watchdog.observers.inotify import InotifyEmitter, InotifyWatchGroup
from watchdog.observers.inotify_c import WatchDescriptor

from watcher.storage.video_root import VideoRoot

log = logging.getLogger("watcher.ingester")

SELF_TEST_SECONDS = 2.0
LOST = "events were lost"
_CLOSED = WatchDescriptor(-1)  # what watchdog keeps of a folder that the kernel does not let us watch
_EVENTS: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileClosedEvent,
    FileMovedEvent,
    FileDeletedEvent,
    DirCreatedEvent,
    DirMovedEvent,
    DirDeletedEvent,
]


@dataclass(frozen=True, slots=True)
class Hint:
    """Something may have happened: `file`, `closed`, `gone` (a key), `folder` (a prefix), or `scan`."""

    kind: str
    key: str = ""


class Hints(FileSystemEventHandler):
    """Turns watchdog's events into hints; runs in watchdog's threads, so it does nothing else."""

    def __init__(self, root: VideoRoot, hints: queue.SimpleQueue[Hint], test_name: str) -> None:
        self._root = root
        self._hints = hints
        self._test_name = test_name
        self.test_seen = threading.Event()

    def dispatch(self, event: FileSystemEvent) -> None:
        """Queue what an event hints at."""
        try:
            self._dispatch(event)
        except Exception:  # an exception here would end the dispatcher for good
            log.exception("an event could not be read; scanning instead")
            self._hints.put(Hint("scan"))

    def _dispatch(self, event: FileSystemEvent) -> None:
        source = self._root.key_of(os.fsdecode(event.src_path))
        target = self._root.key_of(os.fsdecode(event.dest_path)) if event.dest_path else None
        if source == self._test_name:
            self.test_seen.set()
            return
        if event.is_directory:
            for key in (target, source):
                if key is not None:
                    self._hints.put(Hint("folder", key + "/"))
        elif event.event_type == "deleted" and source:
            self._hints.put(Hint("gone", source))
        elif event.event_type == "moved":
            if target:
                self._hints.put(Hint("file", target))
            if source:
                self._hints.put(Hint("gone", source))
        elif source:
            self._hints.put(Hint("closed" if event.event_type == "closed" else "file", source))


class _Overflow(logging.Handler):
    """watchdog tells of lost events only in its log."""

    def __init__(self, hints: queue.SimpleQueue[Hint]) -> None:
        super().__init__(logging.WARNING)
        self._hints = hints

    def emit(self, record: logging.LogRecord) -> None:
        if "overflow" in record.getMessage().lower():
            self._hints.put(Hint("scan", LOST))


class _Group(InotifyWatchGroup):
    """Watches of folders, and which folders have none."""

    def _add_callback(self, path: bytes) -> None:
        super()._add_callback(path)  # swallows what the kernel says of any folder but the root
        unwatched: set[bytes] = self.__dict__.setdefault("unwatched", set())
        if self._active_callbacks_by_path.get(path, _CLOSED) != _CLOSED:
            unwatched.discard(path)
            return
        # It takes a folder that is closed to us for watched.
        if self._active_callbacks_by_path.pop(path, None) is not None:
            self._active_callbacks_by_watch.pop(_CLOSED, None)
            self._inotify_fd._remove_watch(_CLOSED)
        unwatched.add(path)

    def again(self) -> list[bytes]:
        """Try once more to watch each folder that is there and not watched; those to look into.

        That is who still has no watch, and who has one now: what came before it was told by nobody. A folder below
        another of them is left out, and one that is closed to us until it is opened.
        """
        with self._lock:
            names: list[bytes] = []
            unwatched: set[bytes] = self.__dict__.get("unwatched", set())
            for path in sorted(unwatched):
                if not os.path.isdir(path):  # noqa: PTH112 - bytes, as the kernel names it
                    unwatched.discard(path)
                elif os.access(path, os.R_OK) and not (names and path.startswith(names[-1] + b"/")):
                    self._add_all_callbacks(path)  # also those below, which nobody could list while it was closed
                    names.append(path)
            return names

    def count(self) -> tuple[int, int]:
        """How many folders are watched, and how many are not though they are open to us."""
        with self._lock:
            unwatched = self.__dict__.get("unwatched", ())
            return len(self._active_callbacks_by_path), sum(os.access(path, os.R_OK) for path in unwatched)


class _Emitter(InotifyEmitter):
    """Reads what the kernel tells."""

    def on_thread_start(self) -> None:
        self._inotify = _Group(
            self._inotify_fd,
            os.fsencode(self.watch.path),
            is_recursive=True,
            event_mask=self.get_event_mask_from_filter(),
        )

    def queue_event(self, event: FileSystemEvent) -> None:
        # A folder that is moved in or renamed is compared with the catalog: an event made up for each of its 50,000
        # files would only keep those of live clips waiting.
        if not event.is_synthetic:
            super().queue_event(event)


class Watch:
    """The native observer, and whether it can be relied on."""

    def __init__(self, root: VideoRoot, hints: queue.SimpleQueue[Hint]) -> None:
        self._root = root
        self._hints = hints
        self._observer: BaseObserver | None = None
        self._threads: list[threading.Thread] = []
        self._inode = 0
        logging.getLogger("watchdog").addHandler(_Overflow(hints))

    def start(self) -> str | None:
        """Begin to watch; why not, in a sentence, where events do not arrive."""
        test_name = f".selftest.{os.getpid()}.tmp"
        handler = Hints(self._root, self._hints, test_name)
        before = threading.enumerate()
        observer = Observer()
        observer._emitter_class = _Emitter  # there is no other way to say so
        try:
            self._inode = self._root.folder.stat().st_ino
            observer.schedule(handler, str(self._root.folder), recursive=True, event_filter=_EVENTS)
            observer.start()
        except OSError as reason:
            with contextlib.suppress(RuntimeError):
                observer.stop()
            if reason.errno in {24, 28}:  # EMFILE, ENOSPC: inotify's limits
                return "the system's inotify limits are reached (raise fs.inotify.max_user_watches and …_instances)"
            return f"the folder cannot be watched: {reason.strerror}"
        self._observer = observer
        self._threads = [thread for thread in threading.enumerate() if thread not in before]
        test = self._root.folder / test_name
        try:
            test.touch()
            seen = handler.test_seen.wait(SELF_TEST_SECONDS)
            test.unlink()
        except OSError as reason:
            self.stop()
            return f"the self-test could not write into the folder: {reason.strerror}"
        if not seen:
            self.stop()
            return "a test file was not noticed"
        return None

    def healthy(self) -> bool:
        """Whether every thread that was started lives, and the folder is the one that is watched.

        The thread that reads from the kernel dies of a folder that is moved out of the tree, made anew, removed
        and removed outside (seen with watchdog 7.1), while observer and emitter live on and hear nothing.
        """
        if self._observer is None or not self._observer.emitters:
            return False
        if not all(thread.is_alive() for thread in self._threads):
            return False
        try:
            return self._root.folder.stat().st_ino == self._inode
        except OSError:
            return False

    def unwatched(self) -> tuple[list[str], str | None]:
        """Folders (keys with slash) that the kernel did not watch, to look into, and a sentence if some stay so."""
        folders, warning = [], None
        for emitter in self._observer.emitters if self._observer is not None else ():
            group = getattr(emitter, "_inotify", None)
            if isinstance(group, _Group):
                keys = [self._root.key_of(os.fsdecode(path)) for path in group.again()]
                folders += [f"{key}/" for key in keys if key]
                watched, without = group.count()
                if without:
                    warning = (
                        f"{without:,} of {watched + without:,} folders are not watched, but polled: raise "
                        "fs.inotify.max_user_watches (sysctl)"
                    )
        return folders, warning

    def stop(self) -> None:
        """End the observer's threads."""
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.stop()
            observer.join(2)
