"""How lines of a log look: to read in a terminal, or one JSON object a line for programs."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime

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
