"""Receivers of a POST that do what they like: what they may cost is bounded."""

from __future__ import annotations

import contextlib
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from watcher.ingester import http_post

Answer = Callable[[socket.socket], None]


@contextlib.contextmanager
def receiver(answer: Answer) -> Iterator[tuple[str, list[bytes]]]:
    """A server for one request, which answers as a test likes; its address, and what was asked."""
    texts: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                text = connection.recv(65536)
                while b"\r\n\r\nx" not in text:  # the body of every test is an x
                    text += connection.recv(65536)
                texts.append(text)
                answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", texts
        thread.join(10)


def says(text: bytes) -> Answer:
    return lambda connection: connection.sendall(text)


def endless(connection: socket.socket) -> None:
    """A body without an end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")
    while True:
        connection.sendall(b"\0" * (1 << 20))


def drip(connection: socket.socket) -> None:
    """A header a moment, for ever: no read ever takes long."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X")
        time.sleep(0.05)


def test_a_body_without_end_is_not_read() -> None:
    """Nor kept, nor unpacked."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with receiver(endless) as (url, _):
        assert http_post.post(url, b"x", {}) == (200, "OK")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 << 10


def test_a_drip_is_cut_off() -> None:
    """By the clock on the wall, since no single read takes long."""
    with receiver(drip) as (url, _), pytest.raises(OSError):  # noqa: PT011 - which one is the system's choice
        http_post.post(url, b"x", {}, whole_seconds=0.3)


@pytest.mark.parametrize(
    "answer",
    [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000, b"HTTP/1.1 200 " + b"a" * 100_000],
    ids=["nothing", "nonsense", "many headers", "a long line"],
)
def test_what_is_no_answer_is_an_error(answer: bytes) -> None:
    """Of one kind, whatever it is."""
    with receiver(says(answer)) as (url, _), pytest.raises(OSError):  # noqa: PT011
        http_post.post(url, b"x", {})


def test_what_a_receiver_says_is_passed_on_in_printable_characters() -> None:
    """Not more than a line of it, and no escape that a terminal would obey."""
    with receiver(says(b"HTTP/1.1 500 \x1b[31m" + b"a" * 1000 + b"\r\n\r\n")) as (url, _):
        status, reason = http_post.post(url, b"x", {})
    assert (status, len(reason) <= http_post.REASON_MOST, reason.isprintable()) == (500, True, True)


def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A redirect is not followed either; a password in the address becomes Basic, and the path goes as it is."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with receiver(says(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n")) as (url, texts):
        assert http_post.post(url.replace("//", "//me:p%40ss@") + "/a%20b/ä?t=1", b"x", {})[0] == 302
    assert texts[0].startswith(b"POST /a%20b/%C3%A4?t=1 HTTP/1.1\r\n")
    assert b"Authorization: Basic bWU6cEBzcw==\r\n" in texts[0]
