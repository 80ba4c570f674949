"""What doctor says of one thing."""

from __future__ import annotations

from typing import NamedTuple

GOOD, WARN, BAD = "ok", "warn", "BAD"


class Finding(NamedTuple):
    """One thing that was looked at."""

    level: str
    what: str
    remedy: str = ""
