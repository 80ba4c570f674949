"""nginx's error log, without what signs somebody in.

nginx writes each line of it with the whole address that was asked, and no setting leaves the question out. So it
sends its lines to a socket of ours, and we write them down without. It does not wait for us: what comes while
nobody listens, or more than the kernel holds (net.unix.max_dgram_qlen), is lost; the access log has each answer.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import socket
from pathlib import Path

LINE_MOST = 8192  # bytes; nginx's have 2,048
_LEVELS = {"warn": logging.WARNING, "error": logging.ERROR, "notice": logging.INFO}
_HEADER = re.compile(r"<\d+>\w{3} [ \d]\d \d\d:\d\d:\d\d (?:\S+ )?nginx: ")  # syslog's
_QUESTION = re.compile(r'\?.*?(?= HTTP/\d|", (?:client|server|request|subrequest|upstream|host|referrer): |"?$)')
_LINK = re.compile(r"/watcher/s/[^ \"?]*")
_KEY = re.compile(r"wk_[\w-]{20,}", re.IGNORECASE)


def redacted(line: str) -> str:
    """A line of nginx's error log without questions, shared links and keys.

    >>> redacted('open() "/x.mp4" failed, request: "GET /x.mp4?sig=abc HTTP/1.1", host: "cams"')
    'open() "/x.mp4" failed, request: "GET /x.mp4?... HTTP/1.1", host: "cams"'
    """
    return _KEY.sub("...", _LINK.sub("/watcher/s/...", _QUESTION.sub("?...", line)))


def receive(path: Path, logger: logging.Logger) -> None:
    """Log what nginx sends to a socket, for ever; one process at a time, of several that share the folder."""
    lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)  # held until this process ends
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        path.unlink(missing_ok=True)
        listening.bind(f"/proc/self/fd/{folder}/{path.name}")  # an address may have 107 bytes at most
        path.chmod(0o600)
        while True:
            line = listening.recv(LINE_MOST).decode("utf-8", "replace").rstrip("\n")
            line = redacted(_HEADER.sub("", line, count=1))
            level = re.search(r"\[(\w+)\]", line)
            logger.log(_LEVELS.get(level[1], logging.CRITICAL) if level else logging.ERROR, "%s", line)
