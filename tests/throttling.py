"""A TCP proxy that passes so many bytes a second, in both directions and over all connections together."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

PIECE = 16 << 10  # bytes that are passed in one go


class Proxy:
    """Listens on a free port; `endpoint` is where what it stands before is then."""

    def __init__(self, port: int, host: str) -> None:
        self.bytes_per_second: int | None = None  # None is without limit
        self.passed = 0  # bytes
        self._to = port
        self._lock, self._free_at = threading.Lock(), 0.0
        self._listener = socket.create_server((host, 0))
        self.endpoint = f"http://{host}:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept)]
        self._sockets = [self._listener]
        self._threads[0].start()

    def close(self) -> None:
        """End all connections, and take none any more."""
        self._end(*self._sockets)
        while self._threads:
            self._threads.pop().join()
        for each in self._sockets:
            each.close()

    def _end(self, *sockets: socket.socket) -> None:
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._sockets.append(client)
                try:
                    server = socket.create_connection(("127.0.0.1", self._to))
                except OSError:
                    self._end(client)
                    continue
                self._sockets.append(server)
                for ends in ((client, server), (server, client)):
                    self._threads.append(threading.Thread(target=self._pass, args=ends))
                    self._threads[-1].start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        """Bytes of one direction until its end, which the other side is told."""
        with contextlib.suppress(OSError):
            while piece := source.recv(PIECE):
                self._wait(len(piece))
                target.sendall(piece)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def _wait(self, count: int) -> None:
        """Take a turn: as long as so many bytes last."""
        with self._lock:
            self.passed += count
            now = time.monotonic()
            begins = max(self._free_at, now)
            self._free_at = begins + (count / self.bytes_per_second if self.bytes_per_second else 0)
            until = self._free_at
        time.sleep(max(0.0, until - now))


@contextlib.contextmanager
def throttled(port: int, host: str = "127.0.0.1") -> Iterator[Proxy]:
    """A proxy before a port of loopback, on another address of this machine's perhaps, for the time of a block."""
    proxy = Proxy(port, host)
    try:
        yield proxy
    finally:
        proxy.close()
