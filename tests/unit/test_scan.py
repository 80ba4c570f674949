"""The comparison of catalog and disk: what it finds, and what it holds in memory."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.builders import probed
from watcher.catalog import Catalog, migrate, open_engine
from watcher.ingest.scan import Difference, reconcile, too_many_missing
from watcher.model.clip import Fingerprint
from watcher.naming.ignore import Ignoring
from watcher.storage.look import Look
from watcher.storage.video_root import VideoRoot

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@contextmanager
def shelf(folder: Path) -> Iterator[tuple[VideoRoot, Catalog]]:
    """An empty root with an empty catalog."""
    (folder / "video").mkdir(parents=True)
    engine = open_engine(f"sqlite:///{folder}/catalog.db")
    migrate(engine)
    yield VideoRoot(folder / "video", Ignoring()), Catalog(engine)
    engine.dispose()


def catalogue(root: VideoRoot, catalog: Catalog) -> None:
    """Put what is on disk into the catalog, as it looks."""
    looks = [look for look in root.walk() if isinstance(look, Look)]
    for start in range(0, len(looks), 1000):
        batch = [
            probed(look.key, fingerprint=Fingerprint(look.size_bytes, look.mtime_ns))
            for look in looks[start : start + 1000]
        ]
        catalog.writes.put(batch, now=NOW)


def differences(root: VideoRoot, catalog: Catalog, prefix: str = "") -> dict[str, Difference]:
    differences = {}
    for key, difference, *_ in reconcile(root, catalog, lambda *_: None, prefix):
        if difference is not None:
            assert key not in differences
            differences[key] = difference
    return differences


def test_every_difference_is_found(tmp_path: Path) -> None:
    """After three hundred random changes: exactly those, also asked folder by folder."""
    chance = random.Random(1)
    with shelf(tmp_path) as (root, catalog):
        names = ["a", "a-b", "a.b", "a0", "B", "ä"]
        keys = sorted(
            {f"{chance.choice(names)}/{chance.choice(names)}/{chance.randrange(50)}.mp4" for _ in range(800)}
        )
        for key in keys[: len(keys) // 2]:
            path = root.folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
        catalogue(root, catalog)
        assert differences(root, catalog) == {}
        expected: dict[str, Difference] = {}
        for key in chance.sample(keys[: len(keys) // 2], 150):
            path = root.folder / key
            match chance.randrange(3):
                case 0:
                    path.unlink()
                    expected[key] = Difference.GONE
                case 1:
                    path.write_bytes(b"other")
                    expected[key] = Difference.CHANGED
                case 2:
                    catalog.writes.mark_missing([key], now=NOW)
                    expected[key] = Difference.RETURNED
        for key in chance.sample(keys[len(keys) // 2 :], 100):
            path = root.folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"new")
            expected[key] = Difference.NEW
        assert differences(root, catalog) == expected
        for name in names:
            below = {key: difference for key, difference in expected.items() if key.startswith(f"{name}/")}
            assert differences(root, catalog, f"{name}/") == below


def test_a_missing_clip_that_stays_away_is_no_news(tmp_path: Path) -> None:
    """It was told once."""
    with shelf(tmp_path) as (root, catalog):
        (root.folder / "a.mp4").write_bytes(b"x")
        catalogue(root, catalog)
        (root.folder / "a.mp4").unlink()
        assert differences(root, catalog) == {"a.mp4": Difference.GONE}
        catalog.writes.mark_missing(["a.mp4"], now=NOW)
        assert differences(root, catalog) == {}


@pytest.mark.slow
def test_the_memory_of_a_scan_does_not_grow_with_the_files(tmp_path: Path) -> None:
    """Five times as many files, in folders of the same size: the same peak."""
    peaks = []
    for total in (4000, 20_000):
        with shelf(tmp_path / str(total)) as (root, catalog):
            for number in range(total):
                path = root.folder / f"{number // 200}" / f"{number}.mp4"
                path.parent.mkdir(exist_ok=True)
                path.touch()
            catalogue(root, catalog)
            assert differences(root, catalog) == {}  # compiles and fills what is made once
            tracemalloc.start()
            assert sum(1 for _ in reconcile(root, catalog, lambda *_: None)) == total
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.1 + 50_000, peaks


def test_how_many_may_go_at_once(tmp_path: Path) -> None:
    """A few always, a fifth of many, never all; and what went in the last minutes counts as well."""

    def refused(catalog: Catalog, count: int) -> bool:
        return too_many_missing(catalog, count, share=0.2, now=NOW) is not None

    with shelf(tmp_path) as (_, catalog):
        catalog.writes.put([probed(f"a/{number}.mp4", number) for number in range(100)], now=NOW)
        assert [refused(catalog, count) for count in (0, 1, 10, 20, 21, 100)] == [False] * 4 + [True] * 2
        catalog.writes.mark_missing([f"a/{number}.mp4" for number in range(15)], now=NOW)
        assert [refused(catalog, count) for count in (1, 5, 6)] == [False, False, True]
    with shelf(tmp_path / "few") as (_, catalog):
        catalog.writes.put([probed("a/1.mp4")], now=NOW)
        assert not refused(catalog, 1)
        catalog.writes.put([probed("a/2.mp4", 1)], now=NOW)
        assert refused(catalog, 2)
