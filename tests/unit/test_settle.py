"""When a file may be taken for whole."""

from __future__ import annotations

import os
from pathlib import Path

from watcher.storage.settle import Writer, quiet, quiet_needed, writer


def test_a_whole_file_without_a_writer_is_taken_at_once() -> None:
    """The kernel says that nobody writes, the boxes that nothing is missing."""
    assert quiet_needed(writer=Writer.NONE, whole=True, settle_seconds=2) == 0


def test_a_file_with_a_writer_waits_for_its_close() -> None:
    """However long it is quiet: fragmented files are whole after every fragment."""
    assert quiet_needed(writer=Writer.OPEN, whole=True, settle_seconds=2) is None


def test_where_writers_are_not_seen_quiet_decides() -> None:
    """And a file that is not whole has to be quiet for longer."""
    whole = quiet_needed(writer=Writer.UNKNOWN, whole=True, settle_seconds=2)
    assert whole == 2
    assert quiet_needed(writer=Writer.UNKNOWN, whole=False, settle_seconds=2) > whole
    assert quiet_needed(writer=Writer.NONE, whole=False, settle_seconds=2) == 2


def test_the_kernel_tells_of_writers(tmp_path: Path) -> None:
    """Also of those of other descriptors and of the same process; and asking disturbs nobody."""
    path = tmp_path / "a.mp4"
    with path.open("wb") as file:
        file.write(b"x")
        file.flush()
        fd = os.open(path, os.O_RDONLY)
        assert writer(fd) in {Writer.OPEN, Writer.UNKNOWN}
        file.write(b"y")
    assert writer(fd) in {Writer.NONE, Writer.UNKNOWN}
    with path.open("ab"):  # a new writer is not kept waiting by what we asked
        assert writer(fd) in {Writer.OPEN, Writer.UNKNOWN}
    os.close(fd)


def test_the_time_of_a_file_is_believed_when_it_is_long_ago() -> None:
    """A minute, and ten times the settle time: two clocks are nearer than that."""
    assert quiet(1.0, 81.0, 2) == 81.0
    assert quiet(1.0, 80.0, 2) == 1.0
    assert quiet(1.0, -5000.0, 2) == 1.0
