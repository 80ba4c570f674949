"""Where the parts of a multipart body lie in a file (RFC 7578), without reading the bytes of the largest one."""

from __future__ import annotations

import mmap
import re
from pathlib import Path
from typing import NamedTuple

from watcher.model.errors import BadParameterError

PARTS_MOST = 20
HEADERS_MOST = 8 << 10  # bytes of one part's headers
_DISPOSITION = re.compile(rb"^content-disposition:[ \t]*form-data(.*)$", re.IGNORECASE | re.MULTILINE)
_FIELD = re.compile(rb';[ \t]*(name|filename)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))', re.IGNORECASE)


class Stretch(NamedTuple):
    """One part: its name, the file name that came with it, and where its content lies in the body."""

    name: str
    filename: str | None
    start: int
    length: int


def boundary_of(content_type: str) -> bytes:
    """The boundary that a Content-Type names. Raises BadParameterError."""
    match = re.search(r';\s*boundary=(?:"([^"]{1,70})"|([^;\s"]{1,70}))', content_type, re.IGNORECASE)
    if not content_type.lower().startswith("multipart/form-data") or match is None:
        raise BadParameterError("body", "send multipart/form-data with a boundary")
    return (match[1] or match[2]).encode("latin-1", "replace")


def parts(path: Path, boundary: bytes) -> list[Stretch]:
    """The parts of a body. Raises BadParameterError for one that is cut off or no multipart at all.

    The file is mapped, and the C library looks for the boundary: no byte of a clip becomes a Python object.
    """
    if path.stat().st_size == 0:
        raise BadParameterError("body", "the body is empty")
    stretches: list[Stretch] = []
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as body:
        line = b"--" + boundary
        at = 0 if body[: len(line)] == line else body.find(b"\r\n" + line) + 2
        if at < 2 and body[: len(line)] != line:
            raise BadParameterError("body", "the body does not begin with its boundary")
        while True:
            at += len(line)
            if body[at : at + 2] == b"--":
                return stretches
            end_of_headers = body.find(b"\r\n\r\n", at, at + HEADERS_MOST)
            if end_of_headers < 0 or len(stretches) == PARTS_MOST:
                raise BadParameterError("body", "the body is no multipart/form-data, or has too many parts")
            start = end_of_headers + 4
            end = body.find(b"\r\n" + line, end_of_headers + 2)
            if end < 0:
                raise BadParameterError("body", "the body is cut off: its last boundary is missing")
            stretches.append(_stretch(body[at:end_of_headers], start, max(0, end - start)))
            at = end + 2


def _stretch(headers: bytes, start: int, length: int) -> Stretch:
    disposition = _DISPOSITION.search(headers.replace(b"\r\n", b"\n"))
    fields = {}
    for name, quoted, plain in _FIELD.findall(disposition[1] if disposition else b""):
        fields[name.lower()] = re.sub(rb'\\(["\\])', rb"\1", quoted) or plain
    if b"name" not in fields:
        raise BadParameterError("body", "a part of the body has no name")
    filename = fields.get(b"filename")
    return Stretch(_text(fields[b"name"]), None if filename is None else _text(filename), start, length)


def _text(value: bytes) -> str:
    # Browsers write these three as %22, %0D and %0A (HTML, multipart form data); nothing else is decoded.
    text = value.decode("utf-8", "replace")
    return text.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")
