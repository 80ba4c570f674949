"""What every store can do. Each call may take as long as its timeouts allow; whoever calls tries again.

Every method raises StoreAwayError where the store cannot be asked or does not take what it is given (no connection,
no answer, no permission, full, its disk not mounted), in a sentence that names it; and ValueError for what is no
key.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True)
class Stored:
    """One object as the store names it."""

    key: str  # without the store's prefix
    size: int  # bytes
    etag: str  # what changes when the bytes do; "" where the store has none
    # What `find` tells beside, as far as the store knows it.
    mtime_ns: int = field(default=0, compare=False)  # of the file that was put, else of the object
    sha256: str = field(default="", compare=False)  # in hex, as it was when it was put
    owner: str = field(default="", compare=False)  # the id of the catalog that put it


class Store(Protocol):
    """Where objects lie, by keys as clips have them: a path with forward slashes."""

    name: str

    def bind(self, *, anew: bool = False) -> None:
        """Let it be this catalog's, the first time; nothing is done where a store cannot be taken for another.

        `anew`: also one that was another catalog's.
        """

    def put(self, key: str, file: BinaryIO, size: int) -> Stored:
        """Take `size` bytes, where nothing has the key: all of them or none, and on its disk when this returns.

        Raises TakenError if anything has the key.
        """

    def find(self, key: str) -> Stored | None:
        """What has a key; None if nothing has."""

    def read(self, key: str, first: int, length: int) -> Iterator[bytes]:
        """Bytes from a place on (the first is 0), in pieces; fewer where it ends before. Raises MissingError."""

    def delete(self, key: str) -> None:
        """Remove what has a key; nothing happens where nothing has."""

    def list(self, after: str = "") -> Iterator[Stored]:
        """Everything behind a key, in the byte order of keys (UTF-8); memory does not grow with their number."""

    def close(self) -> None:
        """Close the connections that are kept, where there are some."""

    def path(self, key: str) -> str | None:
        """A path of what has a key, without links on the way; None where a store has no files of its own."""

    def sign(self, key: str, seconds: int) -> str | None:
        """A path and question that lets nginx GET it for so long; None where it serves from a folder instead."""


def segments(key: str) -> list[str]:
    """The parts of a key. Raises ValueError for what could lead elsewhere.

    >>> segments("porch/2026-11-21/070000.mp4")
    ['porch', '2026-11-21', '070000.mp4']
    """
    parts = key.split("/")
    if "\0" in key or any(part in {"", ".", ".."} for part in parts):
        raise ValueError(f"not a key: {key!r}")
    return parts
