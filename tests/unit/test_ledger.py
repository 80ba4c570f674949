"""What is on its way: counted once, for all doors and processes, and forgotten with whoever sent it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from watcher.storage.ledger import BODY_SECONDS, FILE, Entry, Ledger


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    folder = tmp_path / "spool"
    (folder / "tus").mkdir(parents=True)
    return folder


def ledger_of(spool: Path, entries: list[Entry] | None = None) -> Ledger:
    return Ledger(spool, spool.parent, lambda: list(entries or []))


def body(spool: Path, number: int, size: int, *, idle: float = 0.0) -> None:
    """A body that nginx writes, and has not written to for so long."""
    path = spool / f"{number:010d}"
    path.write_bytes(bytes(size))
    os.utime(path, (time.time() - idle,) * 2)


def test_bytes_that_are_here_are_not_to_come(spool: Path) -> None:
    """Of bodies together, of parts each; what a camera may send stays the whole of it."""
    now = time.time()
    body(spool, 1, 300)
    (spool / "tus" / "a.part").write_bytes(bytes(40))
    with ledger_of(spool).opened() as book:
        book.put(Entry("r1", "porch", "porch", 1000, now))
        book.put(Entry("a", "porch", "porch", 100, now, "tus/a.part"))
        assert (book.to_come(), book.promised("porch"), book.total()) == (700 + 100, 1100, 1100)
    with ledger_of(spool).opened() as book:
        assert (book.to_come(), book.promised("porch"), book.promised("gate")) == (700 + 60, 1100, 0)
        assert (book.count("porch", bodies=True), book.count("porch", bodies=False)) == (1, 1)


def test_who_died_keeps_nothing(spool: Path) -> None:
    """Old bodies are as many as nginx writes to; of what it left behind nothing counts; a part goes with its file."""
    now, old = time.time(), time.time() - BODY_SECONDS - 1
    body(spool, 1, 10)
    body(spool, 2, 10, idle=BODY_SECONDS + 1)  # nginx was killed
    (spool / "tus" / "gone.part").touch()
    with ledger_of(spool).opened() as book:
        book.put(Entry("small", "a", "a", 100, old))
        book.put(Entry("large", "b", "b", 1000, old))
        book.put(Entry("young", "c", "c", 50, now))
        book.put(Entry("gone", "d", "d", 70, old, "tus/gone.part"))
    (spool / "tus" / "gone.part").unlink()
    with ledger_of(spool).opened() as book:
        assert {entry.id for entry in book.entries} == {"large", "young"}
        assert book.to_come() == 1050 - 10
    (spool / "0000000001").unlink()
    with ledger_of(spool).opened() as book:
        assert [entry.id for entry in book.entries] == ["young"]


@pytest.mark.parametrize("left", [b"", b'[["r1","porch"', b"\0" * 100])
def test_what_a_crash_leaves_of_it_is_made_anew(left: bytes, spool: Path) -> None:
    """From what lies in the spool; and a longer line before leaves no trace."""
    (spool / "tus" / "a.part").touch()
    entries = [Entry("a", "porch", "porch", 100, time.time(), "tus/a.part")]
    (spool.parent / FILE).write_bytes(left)
    with ledger_of(spool, entries).opened() as book:
        assert book.promised("porch") == 100
        book.put(Entry("r1", "porch", "porch", 1, time.time()))
    with (spool.parent / FILE).open("ab") as file:
        file.write(b"what was longer before")
    with ledger_of(spool).opened() as book:
        assert book.promised("porch") == 101


CHILD = """
import sys, time
from pathlib import Path
from watcher.storage.ledger import Entry, Ledger
spool = Path(sys.argv[1])
ledger = Ledger(spool, spool.parent, list)
for number in range(100):
    with ledger.opened() as book:
        if book.promised("porch") < 150:
            book.put(Entry(f"{sys.argv[2]}-{number}", "porch", "porch", 1, time.time()))
"""


def test_processes_promise_together_what_one_would(spool: Path) -> None:
    """Each looks and notes in one step."""
    children = [subprocess.Popen([sys.executable, "-c", CHILD, str(spool), str(n)]) for n in range(3)]
    assert [child.wait(60) for child in children] == [0, 0, 0]
    entries = msgspec.json.decode((spool.parent / FILE).read_bytes(), type=list[Entry])
    assert len(entries) == 150
