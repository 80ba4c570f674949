"""What this process has asked of stores since its start: requests and bytes, for whoever pays for them."""

from __future__ import annotations

import threading
from collections import Counter

from watcher.storage.status import StoreCost


class Cost:
    """What was asked of one store, by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[str] = Counter()
        self._sent = self._received = 0

    def ask(self, method: str) -> None:
        """A request went out."""
        with self._lock:
            self._requests[method] += 1

    def move(self, *, sent: int = 0, received: int = 0) -> None:
        """Bytes of objects and answers went there, or came."""
        with self._lock:
            self._sent += sent
            self._received += received

    def so_far(self) -> StoreCost:
        """All of it."""
        with self._lock:
            return StoreCost(dict(self._requests), self._sent, self._received)


_costs: dict[str, Cost] = {}


def cost_of(store: str) -> Cost:
    """The one of a store's name, whichever connections are open to it."""
    return _costs.setdefault(store, Cost())


def so_far() -> dict[str, StoreCost]:
    """Of every store that was asked."""
    return {name: cost.so_far() for name, cost in list(_costs.items())}
