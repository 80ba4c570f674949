"""How lines of a log look: to read in a terminal, or one JSON object a line for programs."""

from __future__ import annotations

import contextlib
import json
import logging
import logging.handlers
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path

from watcher.storage import modes

JSON = "json"


class JsonLines(logging.Formatter):
    """One JSON object a line: time in UTC, level, logger, message, and what else a record carries."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := getattr(record, "request_id", ""):
            line["request_id"] = request_id
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class LogFile(logging.handlers.WatchedFileHandler):
    """A file for us alone. It may be moved by who rotates it, or removed with its folder: that costs the log alone.

    What cannot be written is dropped, which is said once on standard error; each further line tries anew, and makes
    the folder if only that is missing.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path, encoding="utf-8", delay=True)
        self._lost = False

    def _open(self) -> TextIOWrapper:
        path = Path(self.baseFilename)
        descriptor = modes.create(path)
        modes.narrow(path)
        return TextIOWrapper(os.fdopen(descriptor, "ab"), encoding=self.encoding)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, if that is possible."""
        try:
            with contextlib.suppress(OSError):  # its folder is gone: it has closed what it had
                self.reopenIfNeeded()
            if self.stream is None:
                Path(self.baseFilename).parent.mkdir(exist_ok=True)
                self.stream = self._open()
                self._statstream()
            self.stream.write(self.format(record) + self.terminator)
            self.stream.flush()
            self._lost = False
        except Exception as reason:
            if not self._lost and sys.stderr is not None:
                print(f"{self.baseFilename} cannot be written: {reason}", file=sys.stderr)  # noqa: T201
            self._lost = True


class WithRequest(logging.Filter):
    """Gives each record the id of the request that it is about, as nginx numbers them."""

    def __init__(self, request_id: Callable[[], str]) -> None:
        super().__init__()
        self._request_id = request_id

    def filter(self, record: logging.LogRecord) -> bool:
        """Never holds one back."""
        record.request_id = self._request_id()
        return True


def formatter(kind: str, text: str, times: str | None = None) -> logging.Formatter:
    """Of JSON, or of a pattern for text and one for times."""
    return JsonLines() if kind == JSON else logging.Formatter(text, times)
