"""Senders that are turned away for their key: a camera does not tell its owner, so we do.

ffmpeg, which is answered 401 in the middle of what it sends, ends as if all were well.
"""

from __future__ import annotations

import contextlib
import logging
import re
import threading
import time
from pathlib import Path

import msgspec

from watcher.naming.ignore import printable
from watcher.storage.shared_file import SharedFile

log = logging.getLogger("watcher.uploads")

SENDERS_MOST = 50  # that are remembered; those that came last
FORGOTTEN_SECONDS = 7 * 86400.0
REPORT_SECONDS = 60.0  # between two lines of the log on one address
NOTED_SECONDS = 2.0  # between two writes on one address
LINES_MOST = 20  # of the log in a minute, on all addresses
_SECRET = re.compile(r"wk_[\w-]+")


class Refused(msgspec.Struct, kw_only=True):
    """A sender that was turned away."""

    address: str
    agent: str  # which program it says it is
    path: str
    hint: str  # what to do about it
    at: float  # the last time, in seconds since 1970
    count: int


class Refusals:
    """The senders that were turned away in the last week, for all processes."""

    def __init__(self, run: Path) -> None:
        self._file = SharedFile(run / "refused.json", list[Refused], list)
        self._lock = threading.Lock()
        self._waiting: dict[str, int] = {}  # by address: refusals that are not noted yet
        self._noted: dict[str, float] = {}
        self._reported: dict[str, float] = {}

    def note(self, address: str, agent: str, path: str, why: str) -> None:
        """Note that a sender was turned away; it is written and logged now and then, however often that happens."""
        now = time.time()
        with self._lock:
            count = self._waiting[address] = self._waiting.get(address, 0) + 1
            if now - self._noted.get(address, 0.0) < NOTED_SECONDS:
                return
            self._noted = {**dict(list(self._noted.items())[-SENDERS_MOST:]), address: now}
            self._waiting = {
                other: n for other, n in self._waiting.items() if other in self._noted and other != address
            }
            self._reported = {peer: at for peer, at in self._reported.items() if now - at < REPORT_SECONDS}
            say = address not in self._reported and len(self._reported) < LINES_MOST
            if say:
                self._reported[address] = now
        refusal = Refused(
            address=address,
            agent=_shown(agent, 100),
            path=_shown(path, 200),
            hint=_hint(agent, why),
            at=now,
            count=count,
        )
        if say:
            log.warning("refused: %s (%s) at %s: %s", refusal.address, refusal.agent, refusal.path, refusal.hint)
        with contextlib.suppress(OSError), self._file.held() as held:
            for earlier in held.value:
                if earlier.address == address:
                    refusal.count += earlier.count
            others = [earlier for earlier in held.value if earlier.address != address]
            held.value = [refusal, *others][:SENDERS_MOST]

    def recent(self) -> list[Refused]:
        """Who was turned away in the last week, the last one first."""
        try:
            return [refusal for refusal in self._file.read() if refusal.at > time.time() - FORGOTTEN_SECONDS]
        except OSError:
            return []


def _shown(text: str, most: int) -> str:
    return printable(_SECRET.sub("wk_…", text))[:most]


def _hint(agent: str, why: str) -> str:
    """What is wrong, and what helps with the program that it is.

    >>> _hint("curl/8.5.0", "the key is not known")
    'the key is not known'
    """
    if agent.startswith("Lavf"):
        return f"{why}; ffmpeg sends a key at once only with -auth_type basic"
    return why
