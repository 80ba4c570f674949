"""Files that are set aside: what reading them did to us, until they change, watcher is upgraded, or somebody asks.

A file whose reading ended the process twice (`in_hand.py` says what counts) is not read a third time. One that
made the reader fail, or that the catalog refused, is read once. All of them are catalogued as broken, with the
reason; they are remembered here by key, size and time, in a file in run/, to be told of, and to be read again after
an upgrade.
"""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

import msgspec

from watcher.ingest.in_hand import InHand
from watcher.model.clip import Fingerprint
from watcher.model.version import VERSION
from watcher.naming.ignore import printable

log = logging.getLogger("watcher.ingester")

ENDS = 2  # so often a file may end us
MOST = 1000  # files that are remembered, the latest
SHOWN = 20  # that are named to people


class Case(msgspec.Struct, frozen=True):
    """What is held against a file."""

    fingerprint: Fingerprint
    why: str
    ends: int = 0  # how often reading it ended the process
    told: bool = False  # it is set aside


class Record(msgspec.Struct):
    """The file in run/."""

    version: str
    cases: dict[str, Case] = msgspec.field(default_factory=dict)


class Aside:
    """What one process knows of files that did harm; `who` names the processes of which one runs at a time."""

    def __init__(self, folder: Path, who: str) -> None:
        self._path = folder / f"{who}.aside.json"
        self._in_hand = InHand(folder, who)
        self._record = Record(VERSION)
        self.take, self.drop = self._in_hand.take, self._in_hand.drop

    def open(self) -> list[str]:
        """Learn how the last process ended; the keys that are to be read again, for watcher was upgraded."""
        with contextlib.suppress(OSError, msgspec.DecodeError):
            self._record = msgspec.json.decode(self._path.read_bytes(), type=Record)
        again: list[str] = []
        if self._record.version != VERSION:
            again = list(self._record.cases)
            self._record = Record(VERSION)
        ended = self._in_hand.open()
        if ended is not None and ended.why is None:
            log.warning(
                "the last process was killed while it read %s; nothing says that it is the file's doing",
                printable(ended.key),
            )
        elif ended is not None and ended.why is not None:
            fingerprint = Fingerprint(ended.size_bytes, ended.mtime_ns)
            case = self._record.cases.get(ended.key)
            ends = (case.ends if case is not None and case.fingerprint == fingerprint else 0) + 1
            log.error(
                "reading %s ended the last process (%s), %d of %d times",
                printable(ended.key),
                ended.why,
                ends,
                ENDS,
            )
            self._note(
                ended.key, Case(fingerprint, f"reading it ended the process {ends} times: {ended.why}", ends)
            )
        elif again:
            self._write()
        return again

    def close(self) -> None:
        """Note that this process ends as it should."""
        self._in_hand.close()

    def why(self, key: str, fingerprint: Fingerprint) -> str | None:
        """Why a file is not to be read; None for nearly all."""
        case = self._record.cases.get(key)
        if case is None or case.ends < ENDS:
            return None
        return case.why if case.fingerprint == fingerprint else None

    def note(self, key: str, fingerprint: Fingerprint, why: str) -> None:
        """Note that a file is set aside."""
        case = self._record.cases.get(key)
        ends = case.ends if case is not None and case.fingerprint == fingerprint else 0
        if case != (fresh := Case(fingerprint, why, ends, told=True)):
            log.error("%s is set aside: %s", printable(key), why)
            self._note(key, fresh)

    def forget(self, key: str) -> None:
        """Forget a file, which was catalogued or is gone."""
        if self._record.cases and self._record.cases.pop(key, None) is not None:
            self._write()

    def names(self) -> list[str]:
        """Files that are set aside, the latest first."""
        return [key for key, case in reversed(self._record.cases.items()) if case.told]

    def _note(self, key: str, case: Case) -> None:
        self._record.cases.pop(key, None)
        self._record.cases[key] = case
        if len(self._record.cases) > MOST:
            del self._record.cases[next(iter(self._record.cases))]
        self._write()

    def _write(self) -> None:
        temporary = self._path.with_suffix(".tmp")
        try:
            temporary.write_bytes(msgspec.json.encode(self._record))
            temporary.replace(self._path)
        except OSError as reason:
            log.warning("%s cannot be written: %s", self._path, reason.strerror)
