"""The order in which a scan reads: newest first, however much there is."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from watcher.ingest.newest_first import IN_MEMORY, Worklist
from watcher.ingest.scan import Difference, Finding, newest_first


@pytest.mark.parametrize("count", [0, 1, IN_MEMORY - 1, IN_MEMORY, 2 * IN_MEMORY + 7])
def test_everything_comes_back_latest_first_and_leaves_nothing(count: int, tmp_path: Path) -> None:
    """In memory and beyond; the file has no name from the start, so that no crash leaves it."""
    work = Worklist(tmp_path)
    order = list(range(count))
    random.Random(7).shuffle(order)
    for at in order:
        work.add(float(at), f"cam/{at}.mp4", "NEW")
        assert list(tmp_path.iterdir()) == []
    assert len(work) == count
    assert [key for key, _ in work] == [f"cam/{at}.mp4" for at in range(count - 1, -1, -1)]
    work.close()
    assert list(tmp_path.iterdir()) == []


def test_files_of_one_moment_are_all_kept(tmp_path: Path) -> None:
    """Ten cameras that start on the hour."""
    work = Worklist(tmp_path)
    for number in range(IN_MEMORY + 10):
        work.add(5.0, f"{number}.mp4", "NEW")
    assert len({key for key, _ in work}) == IN_MEMORY + 10


def test_what_is_to_be_read_is_held_until_all_is_seen(tmp_path: Path) -> None:
    """And what needs no reading passes at once; nothing is lost on the way."""
    given = [
        Finding("a.mp4", Difference.NEW, 10),
        Finding("b.mp4", None, 40),
        Finding("c.mp4", Difference.GONE),
        Finding("d.mp4", Difference.CHANGED, 30),
        Finding("e.mp4", Difference.RETURNED, 20),
    ]

    def findings() -> Iterator[Finding]:
        yield from given

    def moment(_key: str, mtime_ns: int) -> float:
        return mtime_ns

    ordered = list(newest_first(findings(), moment, tmp_path))
    assert [f.key for f in ordered if f.deferred] == ["a.mp4", "d.mp4", "e.mp4"]
    assert ordered[:5] == [
        f._replace(deferred=f.difference in {Difference.NEW, Difference.CHANGED, Difference.RETURNED})
        for f in given
    ]
    assert [(f.key, f.difference) for f in ordered[5:]] == [
        ("d.mp4", Difference.CHANGED),
        ("e.mp4", Difference.RETURNED),
        ("a.mp4", Difference.NEW),
    ]
    again = list(newest_first(findings(), moment, tmp_path, again=True))
    assert [f.key for f in again[5:]] == ["b.mp4", "d.mp4", "e.mp4", "a.mp4"]
