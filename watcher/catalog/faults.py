"""Whose fault a failed write is: a row's values', or the database's."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

import sqlalchemy as sa

from watcher.model.errors import CatalogError, RowError

# SQLSTATE's classes: data exception, integrity constraint, program limit exceeded (a value too long for its index).
_STATES = ("22", "23", "54")
_CODES = {sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE}
_DATABASE = (sa.exc.SQLAlchemyError, sqlite3.Error, CatalogError)


@contextlib.contextmanager
def blamed() -> Iterator[None]:
    """Raise RowError for what is a row's fault; what is the database's, the disk's or the memory's goes through."""
    try:
        yield
    except Exception as reason:
        if not _of_a_row(reason):
            raise
        raise RowError(_first_line(reason)) from reason


def trouble(reason: BaseException) -> str | None:
    """What the database says, in a sentence; None for an error that is not its."""
    return f"the catalog cannot be written: {_first_line(reason)}" if isinstance(reason, _DATABASE) else None


def _of_a_row(reason: Exception) -> bool:
    if not isinstance(reason, sa.exc.DBAPIError):
        # What is left are conversions: numbers too large for the driver, texts that cannot be encoded.
        return isinstance(reason, sa.exc.StatementError) or not isinstance(
            reason, (*_DATABASE, OSError, MemoryError)
        )
    if state := getattr(reason.orig, "sqlstate", None):
        return str(state)[:2] in _STATES
    if (code := getattr(reason.orig, "sqlite_errorcode", None)) is not None:
        return code & 0xFF in _CODES  # the low byte is the primary code
    return isinstance(reason, sa.exc.DataError)  # the driver's own, before the server was asked: a NUL in a text


def _first_line(reason: BaseException) -> str:
    """The first line of what an error says."""
    origin = getattr(reason, "orig", None) or reason
    lines = str(origin).strip().splitlines()
    return lines[0][:300] if lines else type(origin).__name__
