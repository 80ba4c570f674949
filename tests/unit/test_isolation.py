"""Whatever one file holds or claims, it costs at most its own probe: the reader, the row, the turn."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from tests import clips
from tests.builders import probed
from watcher.catalog import Catalog
from watcher.ingest import ingest
from watcher.ingest.ingest import Ingest
from watcher.ingester import unreadable
from watcher.ingester.events import Hint
from watcher.ingester.loop import Ingester
from watcher.media.probe import Probe
from watcher.model.clip import Clip, ClipState
from watcher.model.errors import RowError
from watcher.ops.check import check, scan
from watcher.services import Services, open_services
from watcher.settings.load import load
from watcher.storage.look import TIME_MOST_NS, look_of

YEARS = {  # of a file's time, in nanoseconds since 1970
    "1": -62135596800 * 10**9,
    "1601": -11644473600 * 10**9,
    "1677": -TIME_MOST_NS - 10**9,
    "1969": -1,
    "2262": TIME_MOST_NS + 10**9,
    "2400": 13569465600 * 10**9,
    "9999": 253402300799 * 10**9,
    "far": ((1 << 63) - 1) * 10**9,
}


@pytest.fixture
def services(catalog: Catalog, tmp_path: Path) -> Iterator[Services]:
    """A service on either engine."""
    url = catalog.database.engine.url.render_as_string(hide_password=False)
    environment = {"WATCHER_CATALOG__URL": url, "WATCHER_VIDEO__WATCH": "poll"}
    service = open_services(load(environment).settings, tmp_path / "data")
    service.places.make()
    yield service
    service.catalog.database.engine.dispose()


@pytest.fixture
def ingester(services: Services) -> Iterator[Ingester]:
    """One whose turns the test takes."""
    loop = Ingester(services)
    loop._ingest.trust_writers = True  # polling is for the test to know each hint; the kernel may be asked
    loop.begin()
    yield loop
    loop._intake.aside.close()


def until(ingester: Ingester, question: Callable[[], object], turns: int = 300) -> int:
    """Take turns until something is so; how many it took."""
    for number in range(turns):
        if question():
            return number
        ingester.turn()
    raise AssertionError(f"not within {turns} turns; problems: {ingester._problems.copy()}")


def leave(services: Services, key: str, samples: Path, number: int) -> Path:
    return clips.leave(services.root.folder / key, clips.stamp((samples / "plain.mp4").read_bytes(), number))


def clip_of(services: Services, key: str) -> Clip:
    clip = services.catalog.clips.by_key(key)
    assert clip is not None, key
    return clip


# — values —


class Stat:
    """A status as file systems give it, of which this one's kernel may have no file."""

    def __init__(self, size: int, time_ns: int) -> None:
        self.st_size, self.st_mtime_ns, self.st_ino = size, time_ns, (1 << 64) - 1


@pytest.mark.parametrize("year", YEARS)
def test_a_file_of_any_year_and_size_has_a_row(catalog: Catalog, services: Services, year: str) -> None:
    """Its look fits every column, is the same at each look, and a start can be read from it."""
    look = look_of("a/1.mp4", Stat((1 << 63) - 1, YEARS[year]))  # type: ignore[arg-type]
    assert look == look_of("a/1.mp4", Stat((1 << 63) - 1, YEARS[year]))  # type: ignore[arg-type]
    described = ingest.described(look, "d", Probe(whole=True, duration_seconds=1e300), Ingest.of(services).naming)
    assert catalog.writes.put([described, probed("a/2.mp4", 1)], now=services.clock.now()) == 2
    [row] = [row for row in catalog.files.known() if row[0] == "a/1.mp4"]
    assert (row[1], row[2]) == (look.size_bytes, look.mtime_ns)
    assert clip_of(services, "a/1.mp4").duration_seconds is None


@pytest.mark.parametrize(
    "values",
    [
        {"playable_reason": "no browser decodes av\0c"},
        {"error": "half \ud800 a pair, \0 and " + "much " * 10_000},
        {"media": '{"codecs":"a\\u0000b"}'},
        {"media": '"' + "x" * 100_000 + '"'},
        {"duration_seconds": float("inf")},
        {"duration_seconds": float("nan")},
        {"duration_seconds": 1e300},
        {"duration_seconds": -5.0},
        {"camera": "\udcff" + "c" * 5000},
    ],
)
def test_what_a_file_says_fits_its_row(catalog: Catalog, services: Services, values: dict[str, Any]) -> None:
    """On both engines; its neighbour and the sums are as if it were not there."""
    assert catalog.writes.put([probed("a/1.mp4", **values), probed("b/2.mp4", 1)], now=services.clock.now()) == 2
    assert {summary.camera for summary in catalog.clips.camera_summaries()} >= {"b"}
    assert len(clip_of(services, "a/1.mp4").error or "") <= 1000


# — rows —


def refuse(monkeypatch: pytest.MonkeyPatch, *keys: str, states: tuple[str, ...] = ("ready",)) -> None:
    """Let the database refuse some rows, as it does with values that no column holds."""
    from watcher.catalog import writes

    real = writes.to_values

    def values(row: Any, revision: int) -> dict[str, Any]:
        row_values = real(row, revision)
        return row_values | {"size_bytes": 1 << 70} if row.key in keys and row.state in states else row_values

    monkeypatch.setattr(writes, "to_values", values)


def test_the_culprit_of_a_batch_is_named_and_its_neighbours_are_listed(
    services: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Two of a hundred: they are broken, the others ready; nothing is said of the catalog."""
    refuse(monkeypatch, "a/17.mp4", "a/71.mp4")
    batch = [probed(f"a/{n}.mp4", n, digest=f"{n}", inode=n) for n in range(100)]
    put = Ingest.of(services).put(batch)
    assert put.changed == 100
    assert set(put.aside) == {"a/17.mp4", "a/71.mp4"}
    assert put.refused == set()
    assert services.catalog.clips.state_counts() == {ClipState.READY: 98, ClipState.BROKEN: 2}
    assert (clip_of(services, "a/17.mp4").error or "").startswith("could not be catalogued: ")
    assert "a/17.mp4 could not be catalogued" in caplog.text


def test_what_the_catalog_takes_in_no_form_is_remembered(
    services: Services, ingester: Ingester, monkeypatch: pytest.MonkeyPatch, samples: Path
) -> None:
    """It is told of in the status, the log and `check`; the clip beside it is listed, and no turn fails."""
    refuse(monkeypatch, "a/1.mp4", states=("ready", "broken"))
    for number in (1, 2):
        leave(services, f"a/{number}.mp4", samples, number)
    until(ingester, lambda: services.catalog.clips.by_key("a/2.mp4") and ingester._scanner.last_at)
    assert ingester._intake.aside.names() == ["a/1.mp4"]
    assert services.catalog.clips.by_key("a/1.mp4") is None
    assert not ingester._problems


def test_a_database_that_is_locked_is_no_row_s_fault(
    services: Services, monkeypatch: pytest.MonkeyPatch, samples: Path, ingester: Ingester
) -> None:
    """Nothing is set aside: the turn says that the catalog cannot be written, and the clip comes later."""
    leave(services, "a/1.mp4", samples, 1)
    locked = sa.exc.OperationalError("INSERT", {}, Exception("database is locked"))

    def fail(*_args: object, **_more: object) -> int:
        raise locked

    monkeypatch.setattr("watcher.ingester.loop.time.sleep", lambda _seconds: None)
    with monkeypatch.context() as patch:
        patch.setattr(services.catalog.writes, "put", fail)
        until(ingester, lambda: "ingest" in ingester._problems)
        assert "database is locked" in ingester._problems["ingest"]
        assert "cataloguing" in ingester._problems["ingest"] or "comparing" in ingester._problems["ingest"]
    ingester._scanner.next_at = 0
    until(ingester, lambda: services.catalog.clips.by_key("a/1.mp4") and not ingester._problems)
    assert clip_of(services, "a/1.mp4").state is ClipState.READY
    assert ingester._intake.aside.names() == []


# — the reader, the names —


@pytest.mark.parametrize("error", [OverflowError("int too large"), RecursionError(), MemoryError(), KeyError("x")])
def test_a_reader_that_fails_costs_one_file(
    services: Services, ingester: Ingester, monkeypatch: pytest.MonkeyPatch, samples: Path, error: Exception
) -> None:
    """By event, by scan and by `check`: it is broken with a reason, the file beside it ready."""
    bad, good = leave(services, "a/bad.mp4", samples, 1), leave(services, "a/good.mp4", samples, 2)
    real = ingest.probing

    def probing(fd: int, size: int, suffix: str) -> Generator[None, None, Probe]:
        if os.fstat(fd).st_ino == bad.stat().st_ino:
            raise error
        return (yield from real(fd, size, suffix))

    monkeypatch.setattr(ingest, "probing", probing)
    for path in (bad, good):
        ingester._hints.put(Hint("closed", f"a/{path.name}"))
    until(
        ingester, lambda: services.catalog.clips.by_key("a/good.mp4") and services.catalog.clips.by_key("a/bad.mp4")
    )
    assert clip_of(services, "a/good.mp4").state is ClipState.READY
    broken = clip_of(services, "a/bad.mp4")
    assert broken.state is ClipState.BROKEN
    assert "be read: " in (broken.error or "")
    until(ingester, lambda: ingester._scanner.last_at)
    assert not ingester._problems


def test_a_name_that_no_calendar_holds_costs_nobody(services: Services, samples: Path) -> None:
    """The years 1 and 9999 in a name, in a zone east or west of the calendar's end; and a naming that fails."""
    for number, name in enumerate(("00010101_000000", "99991231_235959", "20261121_070000")):
        leave(services, f"cam/{name}.mp4", samples, number)
    for path in sorted((services.root.folder / "cam").iterdir()):
        outcome = Ingest.of(services).examine(f"cam/{path.name}", finished=True)
        assert isinstance(outcome, ingest.Probed)
        assert Ingest.of(services).put([outcome]).aside == {}
        Ingest.of(services).moment(f"cam/{path.name}", path.stat().st_mtime_ns)


def test_scan_and_check_end_in_sentences(
    services: Services, monkeypatch: pytest.MonkeyPatch, samples: Path, tmp_path: Path
) -> None:
    """A file that makes the reader fail and one that the catalog refuses: named, and no traceback."""
    refuse(monkeypatch, "a/1.mp4", states=("ready", "broken"))
    for number in (1, 2, 3):
        leave(services, f"a/{number}.mp4", samples, number)
    video = msgspec.structs.replace(services.settings.video, watch="auto")  # the kernel may be asked about writers
    services = dataclasses.replace(services, settings=msgspec.structs.replace(services.settings, video=video))
    with (tmp_path / "told").open("w+") as out:
        assert scan(services, accept_missing=False, accept_root=False, out=out) == 1
        assert check(services, list_ignored=False, out=out) == 1
        out.seek(0)
        line = out.read()
    assert "a/1.mp4 could not be catalogued" in line
    assert "not in the catalog: a/1.mp4" in line
    assert clip_of(services, "a/2.mp4").state is clip_of(services, "a/3.mp4").state is ClipState.READY


def test_whatever_reads_here_notes_what_it_has_in_hand(
    ingester: Ingester, services: Services, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One Ingest in the process: an upload that is finished here, or a clip that stays, harms it once at most."""
    monkeypatch.setattr(Ingest, "of", lambda *_services: pytest.fail("another one, which notes nothing"))
    leave(services, "a/1.mp4", samples, 1)
    until(ingester, lambda: services.catalog.clips.by_key("a/1.mp4") and ingester._scanner.last_at)
    for task in ingester._tasks:
        task._task.turn()
    uploads = next(task._task._uploads for task in ingester._tasks if task._task.name == "uploads")
    for part in (uploads, ingester._pictures, ingester._intake, ingester._scanner):
        assert part._ingest is ingester._ingest
    assert ingester._ingest.guard is ingester._intake.aside


# — turns —


def test_a_crowd_of_long_files_keeps_no_live_clip_waiting(
    services: Services, ingester: Ingester, monkeypatch: pytest.MonkeyPatch, samples: Path
) -> None:
    """Thirty files whose index takes many slices: a clip that comes meanwhile is listed within a few turns."""
    until(ingester, lambda: ingester._scanner.last_at)
    real = ingest.probing

    def probing(fd: int, size: int, suffix: str) -> Generator[None, None, Probe]:
        if size % 2:  # the long ones
            for _ in range(40):
                services.clock.monotonic()
                yield
        return (yield from real(fd, size, suffix))

    monkeypatch.setattr(ingest, "probing", probing)
    monkeypatch.setattr("watcher.ingester.intake.SLICE_SECONDS", 0.0)
    data = (samples / "plain.mp4").read_bytes()
    data += b"" if len(data) % 2 else b"\0\0\0\x09free\0"
    for number in range(30):
        (services.root.folder / f"long{number}.mp4").write_bytes(clips.stamp(data, number))
        ingester._hints.put(Hint("closed", f"long{number}.mp4"))
    for number in range(5):
        for _ in range(3):
            ingester.turn()
        even = data + b"\0\0\0\x09free\0"
        (services.root.folder / f"live{number}.mp4").write_bytes(clips.stamp(even, 100 + number))
        ingester._hints.put(Hint("closed", f"live{number}.mp4"))
        assert until(ingester, lambda n=number: services.catalog.clips.by_key(f"live{n}.mp4")) <= 2
    until(ingester, lambda: sum(services.catalog.clips.state_counts().values()) == 35, turns=3000)


def test_one_failing_step_ends_no_other(
    services: Services, ingester: Ingester, monkeypatch: pytest.MonkeyPatch, samples: Path
) -> None:
    """Pictures that cannot be matched cost no clip; the problem names what failed, and not the catalog."""

    def fail() -> int:
        raise RuntimeError("no luck")

    monkeypatch.setattr("watcher.ingester.loop.time.sleep", lambda _seconds: None)
    monkeypatch.setattr(ingester._pictures, "turn", fail)
    leave(services, "a/1.mp4", samples, 1)
    until(ingester, lambda: services.catalog.clips.by_key("a/1.mp4"))
    assert "ingest" not in ingester._problems
    assert "matching pictures failed" in ingester._problems["turn"]


def test_a_file_that_becomes_readable_is_read_without_a_scan(
    services: Services, ingester: Ingester, monkeypatch: pytest.MonkeyPatch, samples: Path
) -> None:
    """As by chmod, of which no event tells; root may read all, so it is the opening that fails here."""
    leave(services, "a/1.mp4", samples, 1)
    real, closed = services.root.open, True

    def opening(key: str) -> int:
        if closed:
            raise PermissionError(13, "Permission denied")
        return real(key)

    monkeypatch.setattr(services.root, "open", opening)
    monkeypatch.setattr(unreadable, "RETRY_SECONDS", 0.0)
    until(ingester, lambda: services.catalog.clips.by_key("a/1.mp4") and ingester._scanner.last_at)
    assert clip_of(services, "a/1.mp4").error == "cannot be read: Permission denied"
    closed = False
    ingester._scanner.next_at = ingester._clock.monotonic() + 3600
    until(ingester, lambda: clip_of(services, "a/1.mp4").state is ClipState.READY)


def test_row_errors_are_told_from_the_database_s(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that no column holds is the row's fault, on either engine."""
    refuse(monkeypatch, "a/1.mp4")
    with pytest.raises(RowError):
        catalog.writes.put([probed("a/1.mp4")], now=probed("x").started_at)
