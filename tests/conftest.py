"""Fixtures: real clips, real engines, a real running watcher."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, nullcontext
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests import catalogs, clips, postgres, small
from tests.plans import no_clips_read_in_vain
from tests.running import ZONE, RunningUnit, running
from watcher.catalog import Catalog, migrate, open_engine


def pytest_configure() -> None:
    """The tests' clock is that of the cameras, wherever this machine is: a day of theirs is a day of the unit's."""
    os.environ["TZ"] = ZONE
    time.tzset()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the watchers said that a test has started, or shares with others, when it fails."""
    report = yield
    given = getattr(item, "funcargs", {})
    units = [given.get("unit"), *getattr(given.get("start_unit"), "units", ())]
    if report.when == "call" and report.failed:
        report.sections += [("watcher", unit.report()) for unit in units if unit is not None]
    return report


@pytest.fixture(autouse=True)
def same_priority() -> Iterator[None]:
    """A test leaves this process as urgent as it was, for what comes after it starts others from here."""
    before = os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)
    yield
    assert (os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)) == before


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one clip of each layout."""
    folder = tmp_path_factory.mktemp("samples")
    clips.make(folder / "plain.mp4")
    clips.make(folder / "faststart.mp4", number=1, faststart=True)
    clips.make(folder / "fragmented.mp4", number=2, fragmented=True)
    clips.make_coded(folder / "sound.mp4", audio="aac")
    return folder


@pytest.fixture(scope="module")
def unit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningUnit]:
    """A running watcher that the tests of a module share; each uses folders of its own."""
    with running(tmp_path_factory.mktemp("unit")) as started:
        yield started


@pytest.fixture
def small_machine() -> Iterator[tuple[str, ...]]:
    """What begins a command that is to run on one core with one gigabyte; named before `start_unit`."""
    with small.machine() as within:
        yield within


@pytest.fixture
def start_unit(tmp_path: Path) -> Iterator[Callable[..., RunningUnit]]:
    """Starts watchers of a test's own."""
    units: list[RunningUnit] = []
    with ExitStack() as stack:

        def start(name: str = "own", **more: object) -> RunningUnit:
            units.append(stack.enter_context(running(tmp_path / name, **more)))
            return units[-1]

        start.units = units  # type: ignore[attr-defined]
        yield start


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a real PostgreSQL server of our own, on a unix socket; skips where none is installed."""
    with postgres.server() as url:
        yield url


@pytest.fixture(scope="session")
def migrated(postgresql: str) -> str:
    """The name of a database of that server, with an empty catalog at the newest schema."""
    name = "migrated"
    with sa.create_engine(postgresql, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool).connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    database = open_engine(postgresql.replace("/postgres?", f"/{name}?"))
    migrate(database)
    database.dispose()
    return name


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """An engine of either kind: on an empty database, or on an empty catalog for tests that ask for `catalog`."""
    schema = "catalog" in request.fixturenames
    if request.param == "sqlite":
        if schema:
            (tmp_path / "catalog.db").write_bytes(catalogs.empty())
        catalog_engine = open_engine(f"sqlite:///{tmp_path}/catalog.db")
        yield catalog_engine
        catalog_engine.dispose()
        return
    url = request.getfixturevalue("postgresql")
    name = f"test_{abs(hash(str(tmp_path))):x}"
    template = request.getfixturevalue("migrated") if schema else "template1"
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
    catalog_engine = open_engine(url.replace("/postgres?", f"/{name}?"))
    yield catalog_engine
    catalog_engine.dispose()
    with admin.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def catalog(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Catalog]:
    """An empty catalog at the newest schema; no test may ask it what only reading all clips could answer."""
    with no_clips_read_in_vain(engine, monkeypatch) if engine.dialect.name == "sqlite" else nullcontext():
        yield Catalog(engine)


@pytest.fixture
def watcher_command() -> list[str]:
    """The `watcher` command of this checkout."""
    return [sys.executable, "-m", "watcher"]
