"""Several ingesters on one data folder: one adopts clips, all make pictures, and another takes its place."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests import clips
from tests.running import DEADLINE, wait_for
from watcher.catalog import migrate
from watcher.catalog.schema import claims
from watcher.model.clip import ClipFilter
from watcher.services import Services, open_services
from watcher.settings.load import load

SETTINGS = {"WATCHER_INGEST__SHARED": "true", "WATCHER_RENDER__WORKERS": "1"}


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """With the catalog of either kind."""
    if request.param == "sqlite":
        return SETTINGS
    url, name = request.getfixturevalue("postgresql"), f"join_{abs(hash(str(tmp_path))):x}"
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    return SETTINGS | {"WATCHER_CATALOG__URL": url.replace("/postgres?", f"/{name}?")}


@contextlib.contextmanager
def ingester(data: Path, log: Path, settings: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "watcher", "ingest", "--data", str(data)],
            stdout=out,
            stderr=out,
            env=os.environ | settings,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def wait_for_words(log: Path, words: str) -> None:
    wait_for(lambda: words in log.read_text(), what=words)


def pictured(services: Services) -> int:
    return sum(clip.poster is not None for page in services.catalog.clips.pages(ClipFilter()) for clip in page)


def owners(services: Services) -> set[str]:
    with services.catalog.database.engine.connect() as connection:
        return set(connection.execute(sa.select(claims.c.owner)).scalars())


@pytest.mark.slow
def test_the_work_is_shared_and_survives(tmp_path: Path, settings: dict[str, str], samples: Path) -> None:
    """Both make pictures; the one that adopts is killed, the other adopts in its place, and a third one helps."""
    data = tmp_path / "data"
    data.mkdir()
    services = open_services(load(settings).settings, data)
    migrate(services.catalog.database.engine)
    try:
        share(services, data, tmp_path, settings, (samples / "plain.mp4").read_bytes())
    finally:
        services.catalog.database.engine.dispose()


def share(services: Services, data: Path, folder: Path, settings: dict[str, str], film: bytes) -> None:
    logs = [folder / f"{n}.log" for n in range(3)]
    seen: set[str] = set()
    numbers = itertools.count()

    def leave(number: int) -> None:
        (data / "video" / f"{number}.mp4").write_bytes(clips.stamp(film, number))

    left = [0]

    def both_at_work() -> bool:
        if left[0] - pictured(services) < 8:  # enough for both, and no more than are made in time
            leave(next(numbers))
            left[0] += 1
        seen.update(owners(services))
        return len(seen) == 2

    with ingester(data, logs[0], settings) as first:
        wait_for_words(logs[0], "scanned")
        with ingester(data, logs[1], settings) as second:
            wait_for_words(logs[1], "another ingester adopts clips")
            wait_for(both_at_work, seconds=120, what="clips in the hands of both")
            count = next(numbers)
            leave(count)
            wait_for(lambda: pictured(services) == count + 1, seconds=120, what="all posters")
            first.kill()
            wait_for_words(logs[1], "taking over")
            with ingester(data, logs[2], settings):
                wait_for_words(logs[2], "another ingester adopts clips")
                leave(next(numbers))
                wait_for(lambda: pictured(services) == count + 2, seconds=120, what="what came after that")
                second.send_signal(signal.SIGTERM)
                assert second.wait(DEADLINE) == 0
                wait_for_words(logs[2], "taking over")


@pytest.mark.slow
def test_a_second_one_is_refused_where_nothing_is_shared(tmp_path: Path) -> None:
    """By default: two ingesters on one folder are a mistake."""
    data = tmp_path / "data"
    subprocess.run([sys.executable, "-m", "watcher", "migrate", "--data", str(data)], check=True)
    logs = [tmp_path / f"{n}.log" for n in range(2)]
    with ingester(data, logs[0], {}):
        wait_for_words(logs[0], "scanned")
        with ingester(data, logs[1], {}) as second:
            assert second.wait(DEADLINE) != 0
            wait_for_words(logs[1], "another ingester is at work on this data folder")
