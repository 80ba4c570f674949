"""One HTTP exchange after another with a store, of which the store decides nothing but what it answers.

Connecting takes at most 2 s for each address of the name. A block that is sent must go in 10 s, an answer may be
silent for 10 s, and a small answer, or a block of a large one, has 30 s: who sends a byte now and then gets no
further. Small answers are bounded in bytes too. Nothing is redirected, decompressed, or taken through a proxy that
an environment names, and certificates are verified. What fails is a StoreAwayError.

`http.client` and not `requests`: only below it can a deadline be set that holds for status line, headers and body
together, without a thread for each request; and paths go out as they were signed.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import os
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from watcher.model.errors import StoreAwayError
from watcher.stores.costs import Cost, cost_of

CONNECT_SECONDS = 2.0
SILENT_SECONDS = 10.0  # without a byte
WHOLE_SECONDS = 30.0  # for an answer, or a block of it
BLOCK = 256 << 10  # bytes that are read in one go; fewer than BLOCK / WHOLE_SECONDS a second are as good as none
SENT = 64 << 10  # bytes that are sent in one go
IDLE_SECONDS = 5.0  # for which a connection is used again; servers close those that are quiet for longer
IDLE_MOST = 8  # connections that are kept
_BROKEN = (ConnectionError, http.client.IncompleteRead, ssl.SSLEOFError, ssl.SSLZeroReturnError)


class Patience(NamedTuple):
    """How many seconds an answer may be silent, and how many it may take as a whole."""

    silent: float = SILENT_SECONDS
    whole: float = WHOLE_SECONDS


READING = Patience()


class _Bounded(io.RawIOBase):
    """What a socket sends until a deadline."""

    def __init__(self, sock: socket.socket, patience: Patience) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._silent = patience.silent
        self.until = time.monotonic() + patience.whole

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int | None:  # type: ignore[override]
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(min(self._silent, left))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Socket:
    """The part of a socket that http.client uses, with deadlines."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.patience = READING
        self.answer: _Bounded | None = None

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(SILENT_SECONDS)  # for all of it
        self._sock.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        self.answer = _Bounded(self._sock, self.patience)
        return io.BufferedReader(self.answer, SENT)

    def readable(self) -> bool:
        """Whether there is something to read: an answer, or the end of the connection."""
        poll = select.poll()  # select takes no number of a file beyond 1,023
        poll.register(self._sock, select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        self._sock.close()


class Trouble:
    """Turns what goes wrong in a block into a StoreAwayError: one sentence that names the store."""

    def __init__(self, store: str, host: str, port: int) -> None:
        self._store = store
        self._at = f"{host}:{port}"
        self._host = host

    def error(self, what: str) -> StoreAwayError:
        """What the store did, as a sentence."""
        return StoreAwayError(f"the store {self._store} {what}")

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, reason: BaseException | None, _trace: object) -> None:
        if isinstance(reason, (OSError, http.client.HTTPException, ValueError)):
            raise self.error(self._sentence(reason)) from reason

    def _sentence(self, reason: BaseException) -> str:
        if isinstance(reason, socket.gaierror):
            return f"cannot be reached: the name {self._host} is not known"
        if isinstance(reason, ssl.SSLCertVerificationError):
            return f"cannot be trusted: the certificate of {self._at} is refused ({reason.verify_message})"
        if isinstance(reason, ConnectionRefusedError):
            return f"cannot be reached: nothing listens at {self._at}"
        if isinstance(reason, _BROKEN):
            return f"is away: {self._at} broke the connection off"
        if isinstance(reason, ssl.SSLError):
            return f"speaks no TLS at {self._at} ({reason.reason or 'it broke off'})"
        if isinstance(reason, TimeoutError):
            return f"is frozen or too slow: {self._at} did not go on in time"
        if isinstance(reason, OSError):
            return f"cannot be reached at {self._at}: {os.strerror(reason.errno) if reason.errno else 'no network'}"
        return f"answers no HTTP at {self._at}: is that its address?"


class Reply:
    """An answer whose body is still to be read."""

    def __init__(self, wire: _Socket, answer: http.client.HTTPResponse, trouble: Trouble, cost: Cost) -> None:
        self._wire, self._cost = wire, cost
        self._answer = answer
        self._trouble = trouble
        self.status = answer.status
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in answer.getheaders()}

    def read(self, most: int) -> bytes:
        """The next bytes; fewer than `most` only at the end. Raises StoreAwayError."""
        with self._trouble:
            if self._wire.answer is not None:
                self._wire.answer.until = time.monotonic() + self._wire.patience.whole
            data = self._answer.read(most)
        self._cost.move(received=len(data))
        return data

    def whole(self, most: int) -> bytes:
        """A body of at most so many bytes. Raises StoreAwayError."""
        with self._trouble:
            data = self._answer.read(most + 1)
        self._cost.move(received=len(data))
        if len(data) > most:
            raise self._trouble.error("answers more than was asked for")
        return data


class Exchange:
    """The connections to a store."""

    def __init__(self, store: str, endpoint: str) -> None:
        """`endpoint`: http:// or https://, a host, and perhaps a port."""
        self._lock = threading.Lock()
        self._idle: list[tuple[float, http.client.HTTPConnection, _Socket]] = []  # what `close` needs comes first
        address = urlsplit(endpoint)
        self._secure = address.scheme == "https"
        self._host = address.hostname or ""
        self._port = address.port or (443 if self._secure else 80)
        self.host = address.netloc.rpartition("@")[2]  # as the header Host says it
        self.trouble, self._cost = Trouble(store, self._host, self._port), cost_of(store)
        self._process = os.getpid()
        self._tls: ssl.SSLContext | None = None

    @contextlib.contextmanager
    def ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: Iterable[bytes] = (),
        patience: Patience | None = None,
    ) -> Iterator[Reply]:
        """One question and its answer; a connection whose answer is read to its end is used again.

        `headers` hold Host, and Content-Length where there is a body.
        Raises StoreAwayError, and what `body` raises.
        """
        # One that is kept may end at any moment: then the question is asked again, but no body is sent again.
        reused = None if body else self._kept()
        with self.trouble:
            connection, wire = reused or self._opened()
        whole = False
        try:
            try:
                answer = self._answer(connection, wire, method, target, headers, body, patience or READING)
            except StoreAwayError as reason:
                if reused is None or not isinstance(reason.__cause__, _BROKEN):
                    raise
                connection.close()
                with self.trouble:
                    connection, wire = self._opened()
                answer = self._answer(connection, wire, method, target, headers, (), patience or READING)
            yield Reply(wire, answer, self.trouble, self._cost)
            whole = answer.isclosed() and not answer.will_close
        finally:
            if whole:
                self._keep(connection, wire)
            else:
                connection.close()

    def _answer(
        self,
        connection: http.client.HTTPConnection,
        wire: _Socket,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: Iterable[bytes],
        patience: Patience,
    ) -> http.client.HTTPResponse:
        wire.patience = patience
        self._cost.ask(method)
        with self.trouble:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
        whole = all(self._sent(connection, wire, block) for block in body)
        with self.trouble:
            answer = connection.getresponse()
        if not whole and answer.status < 300:
            raise self.trouble.error("says that it has what was not sent")
        return answer

    def _sent(self, connection: http.client.HTTPConnection, wire: _Socket, block: bytes) -> bool:
        """Send a block; False where the answer is there already, as of a store that refuses the rest."""
        with self.trouble:
            try:
                connection.send(block)
                self._cost.move(sent=len(block))
            except OSError:
                if wire.readable():
                    return False
                raise
        return True

    def _kept(self) -> tuple[http.client.HTTPConnection, _Socket] | None:
        """A connection that is kept and still open."""
        with self._lock:
            if self._process != os.getpid():  # the parent uses them
                self._idle, self._process = [], os.getpid()
            while self._idle:
                since, connection, wire = self._idle.pop()
                if time.monotonic() - since < IDLE_SECONDS and not wire.readable():
                    return connection, wire
                connection.close()
        return None

    def _opened(self) -> tuple[http.client.HTTPConnection, _Socket]:
        """A new connection. Raises OSError."""
        connection = http.client.HTTPConnection(self._host, self._port)
        try:
            sock = socket.create_connection((self._host, self._port), CONNECT_SECONDS)
        except TimeoutError:
            raise self.trouble.error(f"cannot be reached: {self._host}:{self._port} takes no connection") from None
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._secure:
                self._tls = self._tls or ssl.create_default_context()
                sock = self._tls.wrap_socket(sock, server_hostname=self._host)
        except BaseException:
            sock.close()
            raise
        wire = _Socket(sock)
        connection.sock = wire
        return connection, wire

    def _keep(self, connection: http.client.HTTPConnection, wire: _Socket) -> None:
        with self._lock:
            if len(self._idle) < IDLE_MOST and self._process == os.getpid():
                self._idle.append((time.monotonic(), connection, wire))
                return
        connection.close()

    def close(self) -> None:
        """Close the connections that are kept."""
        with self._lock:
            while self._idle:
                self._idle.pop()[1].close()

    __del__ = close  # who asks for one clip alone lets go of it without a word
