"""Sign-ins that failed: who guesses is told to wait."""

from __future__ import annotations

import ipaddress
import threading
import time

from cachetools import FIFOCache

ATTEMPTS_MOST, ATTEMPTS_SECONDS = 10, 60.0  # of one address that fail to sign in
ADDRESSES_MOST = 500


class Attempts:
    """Sign-ins that failed, by address, so that somebody who guesses is told to wait, and the log is spared.

    Only who fails is. Keys and links have 256 random bits, so that nobody guesses one, and whoever brings a right
    one must get in, however many fail at the same address. Of one process.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # When a minute began (monotonic), and how many failed in it; who failed longest ago is forgotten.
        self._failed: FIFOCache[str, tuple[float, int]] = FIFOCache(ADDRESSES_MOST)

    def __len__(self) -> int:
        return len(self._failed)

    def failed(self, address: str) -> float:
        """Note that a sign-in has failed. Returns for how many seconds its sender is to wait; 0 for not at all."""
        place, now = _network(address), time.monotonic()
        with self._lock:
            since, count = self._failed.get(place, (now, 0))
            if now - since >= ATTEMPTS_SECONDS:
                since, count = now, 0
            self._failed[place] = since, count + 1
        return since + ATTEMPTS_SECONDS - now if count >= ATTEMPTS_MOST else 0.0


def _network(address: str) -> str:
    """What one household has: an IPv4 address, or the first half of an IPv6 one."""
    try:
        network = ipaddress.ip_address(address)
    except ValueError:
        return address
    if network.version == 4:
        return address
    return str(network.ipv4_mapped or ipaddress.ip_network((int(network) >> 64 << 64, 64)))
