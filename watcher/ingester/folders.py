"""Folders that appeared, which are compared with the catalog before the whole is."""

from __future__ import annotations


class Folders:
    """The folders, and when each is to be compared (monotonic, in seconds)."""

    TOGETHER_SECONDS = 0.05  # for which one waits for those below it, to be compared in one
    AGAIN_SECONDS = 1.0  # before it is compared a second time

    def __init__(self) -> None:
        self._due: dict[tuple[str, int], float] = {}  # prefix, how often → when

    def appeared(self, prefix: str, now: float) -> None:
        """Compare a new folder twice: a file may come into it after the first look and before it is watched."""
        self._due.setdefault((prefix, 1), now + self.TOGETHER_SECONDS)
        self._due[prefix, 2] = now + self.AGAIN_SECONDS

    def crowded(self, prefix: str, now: float) -> None:
        """Leave a folder to a comparison, since very many files come into it."""
        self._due[prefix, 2] = now + self.AGAIN_SECONDS

    def soon(self, prefix: str, now: float) -> None:
        """Compare a folder once, soon."""
        self._due.setdefault((prefix, 1), now)

    def next_at(self) -> float | None:
        """When the next folder is due."""
        return min(self._due.values(), default=None)

    def take(self, now: float) -> str | None:
        """The folder that is due; its comparison stands for those of all folders below it that are due then."""
        prefix = min((prefix for (prefix, _), due in self._due.items() if due <= now), key=len, default=None)
        if prefix is not None:
            until = now + self.TOGETHER_SECONDS
            for entry in [entry for entry, at in self._due.items() if at <= until and entry[0].startswith(prefix)]:
                del self._due[entry]
        return prefix
