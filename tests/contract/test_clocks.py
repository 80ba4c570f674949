"""No clock costs a clip: whatever cameras' clocks and the host's say, by real sweeps of a real catalog."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import catalogs
from tests.builders import probed
from watcher.catalog import Catalog, Probed
from watcher.ingest.bind import bind_root
from watcher.model.clip import ClipState, Fingerprint, TimeQuality, milliseconds, moment
from watcher.model.retention_state import Tick, advance
from watcher.retention.retire import Retention
from watcher.retention.state import allow
from watcher.retention.sweep import clocks_of, sweep
from watcher.services import Services, open_services
from watcher.settings import schema
from watcher.settings.schema import CameraRetention, Settings

BEGAN = datetime(2026, 11, 28, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


class FakeClock:
    """A wall clock that is set at will, above time that really passes."""

    def __init__(self) -> None:
        self.passed = timedelta()
        self.skew = timedelta()

    def now(self) -> datetime:
        return BEGAN + self.passed + self.skew

    def monotonic(self) -> float:
        return self.passed.total_seconds()

    def uptime(self) -> tuple[str, float]:
        return "boot", self.passed.total_seconds()


class World:
    """A catalog whose clips have no files, the clocks around it, and a person who looks on."""

    def __init__(self, services: Services, clock: FakeClock) -> None:
        self.services = services
        self.clock = clock
        self.clocks = clocks_of(services)
        self.came: dict[str, timedelta] = {}  # by key, in time that really passed
        self.gone: dict[str, tuple[str, timedelta]] = {}  # by key: the rule, and when
        self.number = 0

    @property
    def catalog(self) -> Catalog:
        return self.services.catalog

    def come(self, camera: str, started_at: datetime, *, size: int = 1, **more: Any) -> str:
        """A clip comes now."""
        self.number += 1
        key = f"{camera}/{self.number}.mp4"
        fields = {"started_at": started_at, "camera": camera, "digest": f"{self.number:032x}", **more}
        row = probed(key, self.number, fingerprint=Fingerprint(size, self.number), duration_seconds=1.0, **fields)
        self.catalog.writes.put([row], now=self.clock.now())
        self.came[key] = self.clock.passed
        return key

    def sweep(self) -> dict[str, tuple[int, int]]:
        """Carry the rules out, and note what went."""
        done = sweep(self.services, Retention.of(self.services), clocks=self.clocks)
        if done:
            here = {clip.key for clip in self.catalog.expiry.oldest()}
            for key in self.came.keys() - here - self.gone.keys():
                self.gone[key] = ("+".join(done), self.clock.passed)
        return done

    def here(self, key: str) -> bool:
        """Whether a clip is listed."""
        return self.catalog.clips.by_key(key) is not None

    def live(self, camera: str, days: int, *, a_day: int = 1, lag: timedelta = timedelta()) -> list[str]:
        """Days pass, in which a camera leaves clips as they are recorded, and all is swept."""
        keys = []
        for _ in range(days * a_day):
            self.clock.passed += DAY / a_day
            keys.append(self.come(camera, self.clock.now() - lag))
            if len(keys) % a_day == 0:
                self.sweep()
        return keys


@contextmanager
def world(**retention: Any) -> Iterator[World]:
    """With these rules."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "catalog.db").write_bytes(catalogs.empty())
        clock = FakeClock()
        services = open_services(Settings(retention=schema.Retention(**retention)), Path(folder))
        services.places.make()
        bind_root(services)
        services.catalog.writes.mark_scanned()
        yield World(dataclasses.replace(services, clock=clock), clock)
        services.catalog.database.engine.dispose()


def reset(here: World, **retention: Any) -> None:
    """Other settings, as after a restart."""
    here.services = dataclasses.replace(here.services, settings=Settings(retention=schema.Retention(**retention)))


step = st.one_of(
    st.tuples(st.just("pass"), st.sampled_from((1, 20, 60, 200))),  # hours
    st.tuples(
        st.just("come"), st.sampled_from((0, 0, 1, 9, 400, 20_000, -3, -4000))
    ),  # days that its clock is behind
    st.tuples(st.just("guess"), st.sampled_from((0, 9, 20_000, -4000))),
    st.tuples(st.just("jump"), st.sampled_from((400, -400, 3650, -3650, 30, -10, 20_000, -20_000))),  # days
)


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(step, min_size=3, max_size=15), age=st.sampled_from((2, 7, 30)))
def test_by_age_nothing_goes_before_it_has_been_here(steps: list[tuple[str, int]], age: int) -> None:
    """With any clock of a camera, and any jump of the host's: a week, or the rule's own age where that is less."""
    with world(max_age_days=age) as here:
        here.sweep()
        for kind, amount in steps:
            if kind == "pass":
                here.clock.passed += amount * HOUR
            elif kind == "jump":
                if (
                    datetime(1971, 1, 1, tzinfo=UTC)
                    < here.clock.now() + amount * DAY
                    < datetime(2100, 1, 1, tzinfo=UTC)
                ):
                    here.clock.skew += amount * DAY
            else:
                quality = TimeQuality.GUESSED if kind == "guess" else TimeQuality.SURE
                started = max(here.clock.now() - amount * DAY, datetime(1970, 1, 2, tzinfo=UTC))
                here.come("gate", started, time_quality=quality)
            here.sweep()
        for key, (rule, at) in here.gone.items():
            assert at - here.came[key] >= min(age, 7) * DAY - HOUR, (key, rule)


def test_what_no_clock_says_goes_by_its_arrival() -> None:
    """Guessed, before 2005, years ahead: neither at once, nor never."""
    with world(max_age_days=10) as here:
        far = datetime(2037, 12, 31, tzinfo=UTC)
        years = [datetime(year, 1, 1, tzinfo=UTC) for year in (1970, 1980, 2000)]
        keys = [here.come("gate", at) for at in [*years, far]]
        keys.append(here.come("gate", here.clock.now() - 300 * DAY, time_quality=TimeQuality.GUESSED))
        here.clock.passed += 9 * DAY
        here.sweep()
        assert all(map(here.here, keys))
        here.clock.passed += 2 * DAY
        here.sweep()
        assert not any(map(here.here, keys))


def test_a_clock_that_is_behind_is_found_out() -> None:
    """Its live clips count from when they came, also for bytes and the floor: the oldest go, and not the newest."""
    with world(max_age_days=10, max_bytes=60) as here:
        others = here.live("porch", 5, a_day=4)
        late = here.live("gate", 9, a_day=6, lag=5000 * DAY)
        assert all(map(here.here, late[-30:]))
        assert not here.here(others[0])
        remembered = here.catalog.retention.remembered()
        assert remembered is not None
        assert list(remembered.lags) == ["gate"]
        order = [clip.key for clip in here.catalog.expiry.oldest()]
        assert order == sorted(order, key=lambda key: here.came[key])


def test_a_collection_with_times_of_its_own_pushes_nothing_newer_out() -> None:
    """It is spared for a week, in which the overshoot is told, and then it goes first."""
    with world(max_bytes=100) as here:
        newer = here.live("gate", 8, a_day=5)
        old = [here.come("attic", here.clock.now() - 400 * DAY + number * HOUR, size=3) for number in range(60)]
        here.sweep()
        remembered = here.catalog.retention.remembered()
        assert remembered is not None
        assert remembered.overshoot_bytes == 40 + 180 - 100
        assert all(map(here.here, [*newer, *old]))
        newer += here.live("gate", 8, a_day=5)
        assert all(map(here.here, newer))
        remembered = here.catalog.retention.remembered()
        assert remembered is not None
        assert [waiting.rule for waiting in remembered.waiting] == ["bytes"]
        assert all(map(here.here, old[20:]))
        allow(here.services)
        here.sweep()
        assert all(map(here.here, newer))
        assert sum(map(here.here, old)) == 6


@pytest.mark.parametrize("change", ["age", "bytes", "jump", "moved in"])
def test_more_than_is_ordinary_waits_for_a_word(change: str) -> None:
    """A lowered setting, a clock that jumps, old clips that came at once: none of them goes, and then all do."""
    with world(max_age_days=100, max_bytes=10_000) as here:
        keys = here.live("gate", 15, a_day=8) + here.live("porch", 5)
        here.clock.passed += DAY
        here.sweep()
        if change == "age":
            reset(here, max_age_days=7, max_bytes=10_000)
        elif change == "bytes":
            reset(here, max_age_days=100, max_bytes=50)
        elif change == "jump":
            here.clock.skew += 3650 * DAY
            here.sweep()
            for days in range(1, 9):  # it is believed after a week
                here.clock.passed += DAY
                assert here.sweep() == {} or days >= 7
        else:
            keys = [here.come("attic", here.clock.now() - (200 + number) * DAY) for number in range(40)]
            here.clock.passed += 8 * DAY
        here.sweep()  # the few clips of another camera may go
        before = sum(map(here.here, keys))
        assert before >= 40
        here.sweep()
        assert sum(map(here.here, keys)) == before, "none of those that wait"
        remembered = here.catalog.retention.remembered()
        assert remembered is not None
        assert remembered.waiting
        here.clock.passed += HOUR
        allow(here.services)
        here.sweep()
        assert sum(map(here.here, keys)) < before - 20
        remembered = here.catalog.retention.remembered()
        assert remembered is not None
        assert not remembered.waiting


def test_a_rule_that_is_new_to_an_old_collection_waits_for_a_word() -> None:
    """Before the first sweep nothing is known of time that passed: what an old collection has is more than is due."""
    with world(max_age_days=7, grace_days=0) as here:
        keys = [here.come("attic", here.clock.now() - 9 * DAY - number * HOUR) for number in range(25)]
        here.clock.passed += HOUR
        assert here.sweep() == {}
        assert all(map(here.here, keys))
        known = here.catalog.retention.remembered()
        assert known is not None
        assert [waiting.clips for waiting in known.waiting] == [25]


def test_a_word_is_not_for_ever() -> None:
    """It ends after a day, and with other rules."""
    with world(max_age_days=100) as here:
        keys = here.live("gate", 30, a_day=4)
        allow(here.services)
        reset(here, max_age_days=20)
        assert here.sweep() == {}
        reset(here, max_age_days=100)
        here.sweep()
        allow(here.services)
        here.clock.passed += DAY + HOUR
        here.sweep()
        reset(here, max_age_days=20)
        assert here.sweep() == {}
        assert all(map(here.here, keys))


@pytest.mark.parametrize(
    "rule", [{"max_age_days": 1}, {"max_bytes": 30}, {"cameras": (CameraRetention("gate", 0, 30),)}]
)
def test_what_is_due_by_time_or_bytes_never_waits(rule: dict[str, Any]) -> None:
    """Also of a camera of which all is renewed in a day; also after a weekend without power."""
    with world(**rule) as here:
        for number in range(60):
            here.clock.passed += DAY / 30 if number != 40 else 2 * DAY
            here.come("gate", here.clock.now())
            here.sweep()
            remembered = here.catalog.retention.remembered()
            assert remembered is not None
            assert not remembered.waiting
        assert len(list(here.catalog.expiry.oldest())) in range(18, 33)


def test_held_clips_never_go() -> None:
    """By no rule, whatever was allowed."""
    with world(max_age_days=10, max_bytes=5) as here:
        key = here.come("gate", here.clock.now())
        clip = here.catalog.clips.by_key(key)
        assert clip is not None
        here.catalog.writes.correct(clip.id, held=True)
        here.live("gate", 30)
        allow(here.services)
        here.sweep()
        assert here.here(key)


def test_the_same_content_came_when_it_came() -> None:
    """Renamed or touched; other content under the same name comes anew; what is had back is spared again."""
    with world(max_age_days=10) as here:
        first = here.clock.now()
        key = here.come("gate", first)

        def seen(key: str) -> tuple[int, int]:
            (clip,) = [clip for clip in here.catalog.expiry.oldest() if clip.key == key]
            return clip.arrived_ms, clip.counts_ms

        here.clock.passed += DAY
        again = probed(key, 1, camera="gate", started_at=first, digest=f"{1:032x}", duration_seconds=1.0)
        here.catalog.writes.put([again], now=here.clock.now())
        assert seen(key) == (milliseconds(first), milliseconds(first))
        other = probed(key, 1, camera="gate", started_at=first, digest=f"{9:032x}", duration_seconds=1.0)
        here.catalog.writes.put([other], now=here.clock.now())
        assert seen(key) == (milliseconds(here.clock.now()), milliseconds(first))


def test_what_a_first_scan_finds_came_when_its_file_tells(catalog: Catalog) -> None:
    """By its ctime, which nobody sets, or its mtime; never in the future; and after that scan everything comes now."""
    ns = 10**9
    at = int(BEGAN.timestamp())

    def put(number: int, mtime: int, ctime: int) -> datetime:
        recorded = Probed(
            **{name: getattr(probed(f"a/{number}.mp4", number), name) for name in Probed.__struct_fields__}
            | {"fingerprint": Fingerprint(1, mtime * ns), "changed_ns": ctime * ns, "state": ClipState.READY}
        )
        catalog.writes.put([recorded], now=BEGAN)
        (clip,) = [clip for clip in catalog.expiry.oldest() if clip.key == recorded.key]
        return moment(clip.arrived_ms)

    assert put(1, at - 500, at - 300) == BEGAN - timedelta(seconds=300)
    assert put(2, at - 100, at - 300) == BEGAN - timedelta(seconds=100)
    assert put(3, at + 10**9, at - 300) == BEGAN
    catalog.writes.mark_scanned()
    assert put(4, at - 500, at - 300) == BEGAN


def test_a_jump_is_believed_after_a_week_and_taken_back_before() -> None:
    """Time that was seen to pass is believed at once, and so is a weekend without power."""
    day = 86_400_000
    week = {"rules": "", "grace_ms": 7 * day}
    remembered = advance(None, Tick(1000 * day, "a", 0), **week)
    remembered = advance(remembered, Tick(1001 * day, "a", day), **week)
    assert (remembered.believed_ms, remembered.jumps) == (1001 * day, ())
    remembered = advance(remembered, Tick(1003 * day, "b", 0), **week)
    assert remembered.believed_ms == 1003 * day
    ahead = advance(remembered, Tick(2003 * day, "b", 1000), **week)
    assert ahead.believed_ms == 1003 * day + 1000
    assert ahead.now_ms(2 * day) == ahead.believed_ms
    back = advance(ahead, Tick(1003 * day + 2000, "b", 2000), **week)
    assert (back.believed_ms, back.jumps) == (1003 * day + 2000, ())
    waited = advance(ahead, Tick(2006 * day, "b", 3 * day), **week)
    assert waited.now_ms(2 * day) == 2006 * day
    assert waited.now_ms(7 * day) == 1006 * day + 1000
    waited = advance(waited, Tick(2011 * day, "b", 8 * day), **week)
    assert (waited.believed_ms, waited.changed_ms) == (2011 * day, 2011 * day)
