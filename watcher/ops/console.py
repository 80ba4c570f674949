"""What is said where: the log files that `watcher up` names, and the terminal."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import socket
import sys
import threading
import time
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

from watcher.ops import nginx_log
from watcher.ops.logs import LogFile, formatter
from watcher.settings.schema import Log

READY_SECONDS = 30.0


def begin_logging(how: Log) -> TextIO:
    """Log to the file that `watcher up` names, and to the terminal; returns the terminal."""
    shown = formatter(how.format, "%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")
    console: TextIO = sys.stdout
    if number := os.environ.get("WATCHER_CONSOLE"):  # see ops/up.py
        with contextlib.suppress(OSError):
            if fcntl.fcntl(int(number), fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY:
                console = os.fdopen(os.dup(int(number)), "w", encoding="utf-8", buffering=1)
    handlers: list[logging.Handler] = [logging.StreamHandler(console)]
    handlers[0].setFormatter(shown)
    if path := os.environ.get("WATCHER_INGEST_LOG"):
        file = LogFile(path)
        text = "%(asctime)s.%(msecs)03d %(levelname)s %(name)s: %(message)s"
        file.setFormatter(formatter(how.format, text, "%Y-%m-%dT%H:%M:%S"))
        handlers.append(file)
    logging.basicConfig(level=how.level.upper(), handlers=handlers)
    return console


def hear_nginx(run: Path, how: Log) -> None:
    """Write down what nginx says, into the file that `watcher up` names, or with what else is said."""
    logger = logging.getLogger("watcher.nginx")
    path = os.environ.get("WATCHER_NGINX_LOG", "stderr")
    if path != "stderr":
        file = LogFile(path)
        file.setFormatter(formatter(how.format, "%(message)s"))
        logger.addHandler(file)
        logger.propagate = False
    hearing = threading.Thread(target=nginx_log.receive, args=(run / "nginx.sock", logger), daemon=True)
    hearing.start()


def announce(address: str, console: TextIO) -> None:
    """Print the address once the whole service answers there."""
    # A socket and one line: the standard library's HTTP client would stay in memory for ever, 3 MB of it.
    url = urlsplit(address)
    place = (url.hostname or "", url.port or 80)
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(place, 5) as asking,
        ):
            asking.sendall(f"GET /watcher/livez HTTP/1.0\r\nHost: {url.netloc}\r\n\r\n".encode())
            if (b" 308 " if url.scheme == "https" else b" 200 ") in asking.recv(64):  # TLS sends plain HTTP on
                print(f"watcher is at {address}", file=console, flush=True)
                _tell_link(address, console)
                return
        time.sleep(0.05)
    print(f"watcher does not answer at {address} yet; see the logs", file=console, flush=True)
    _tell_link(address, console)  # it will work when watcher does


def _tell_link(address: str, console: TextIO) -> None:
    """Say the link of the first sign-in, where there is one: 1. it is said, 2. its file goes.

    After a crash between the two it is said once more.
    """
    path = Path(os.environ.get("WATCHER_SIGN_IN", "/nonexistent"))
    with contextlib.suppress(FileNotFoundError):
        print(f"sign in, once: {address}sign-in?link={path.read_text(encoding='ascii')}", file=console, flush=True)
        path.unlink()
