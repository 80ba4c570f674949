"""What goes after an upgrade is what went before it; but by the rules that came with it (`design/decisions/012`).

`tests/fixtures/catalogs/retention/` has two catalogs of commit 8896283, the last one whose rules went by the start
alone: its own code let cameras leave clips for fifty days, swept them all the while by the settings below, and was
ended before it swept what came last. *right* has cameras whose clocks are right, *wrong* others beside them. What
that commit would have removed in the forty days that follow is what `due` says by the start: its own sweeps and
`due` have been compared, clip by clip, each sweep repeated until nothing went any more.
"""

from __future__ import annotations

import dataclasses
import io
import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.builders import probed
from tests.contract.test_clocks import BEGAN, DAY, HOUR, FakeClock
from tests.contract.test_upgrades import leave
from watcher.catalog import migrate
from watcher.catalog.schema import clips as table
from watcher.model.clip import EARLIEST, Fingerprint, TimeQuality, moment
from watcher.ops.check import scan
from watcher.retention.retire import Retention
from watcher.retention.state import remembered
from watcher.retention.sweep import Sweeper
from watcher.services import Services, open_services
from watcher.settings.load import load
from watcher.storage.video_root import VideoRoot

SETTINGS = """
[upload]
min_free_bytes = 50_000

[retention]
max_age_days = 20
labeled_max_age_days = 45
max_bytes = 770_000
min_free_bytes = 100_000

[[retention.cameras]]
camera = "porch"
max_age_days = 10

[[retention.cameras]]
camera = "gate"
max_bytes = 400_000

[[retention.cameras]]
camera = "door"
max_age_days = 2

[[retention.cameras]]
camera = "hall"
max_bytes = 32_000
"""
STEP, STEPS = timedelta(hours=6), 12 * 4  # from one arrival of clips to the next; each other one is swept
BEFORE = 50 * 4  # the steps that the catalogs were made in
FULL, ROOMY = 830_000, 1_300_000  # bytes of the disk: it is full, and larger after some days
ENLARGED = BEGAN + 4 * DAY
MINUTE = timedelta(minutes=1)
GRACE, OLD = 7 * DAY, 30 * DAY
LIVE = 5  # clips that tell a camera's lag
MOVED_IN = 17  # the step at which somebody moves clips of last year in
FEW = 20  # that wait for nobody's word

pytestmark = pytest.mark.slow


@dataclasses.dataclass(frozen=True, eq=False)
class Footage:
    """A clip."""

    key: str
    started: datetime
    arrived: datetime
    size: int
    guessed: bool = False
    labeled: bool = False
    held: bool = False

    @property
    def camera(self) -> str:
        return self.key.partition("/")[0]

    @property
    def most(self) -> timedelta:
        """How old it may become."""
        return (45 if self.labeled else {"porch": 10, "door": 2}.get(self.camera, 20)) * DAY

    @property
    def doubted(self) -> bool:
        """Whether its start is, whatever its camera is known for."""
        return self.guessed or self.started < EARLIEST or self.started > self.arrived + 2 * DAY


def coming(step: int, at: datetime, kind: str) -> Iterator[Footage]:
    """What cameras leave at a step since the upgrade: as they did in the catalogs of then."""
    number = BEFORE + step
    for gate in range(2):
        size = 3_000 + 1_000 * ((number + gate) % 3)
        yield Footage(f"gate/{number}-{gate}.mp4", at - timedelta(minutes=5 + gate), at, size)
    for busy in range(8):
        for camera in ("door", "hall"):
            yield Footage(f"{camera}/{number}-{busy}.mp4", at - timedelta(minutes=6 + busy), at, 500)
    yield Footage(f"porch/{number}.mp4", at - timedelta(minutes=3), at, 2_000, labeled=number % 9 == 0)
    size = 2_500 + 500 * (number % 3)
    yield Footage(f"yard/{number}.mp4", at - timedelta(minutes=4), at, size, labeled=number % 5 == 0)
    if kind == "right":
        return
    if number % 3 == 0:
        yield Footage(f"barn/{number}.mp4", datetime(2037, 1, 1, tzinfo=UTC) + number * STEP, at, 1_000)
    if number % 4 == 0:
        yield Footage(f"shed/{number}.mp4", datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=number), at, 1_000)
        guess = datetime(2012, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
        yield Footage(f"attic/{number}.mp4", guess, at, 1_000, guessed=True)
    if number % 2 == 0:
        yield Footage(f"lag/{number}.mp4", at - 400 * DAY, at, 1_000)
    if step == MOVED_IN:
        for old in range(3):
            yield Footage(f"loft/{number}-{old}.mp4", datetime(2025, 6, 1 + old, tzinfo=UTC), at, 1_500)


def due(
    clips: Iterable[Footage],
    now: datetime,
    counts: Callable[[Footage], datetime] = lambda clip: clip.started,
    graced: Callable[[Footage], bool] = lambda _: False,
    spared: Callable[[Footage], bool] = lambda _: False,
) -> list[Footage]:
    """What is to go: the rules of then, by the start; and those of today, by what counts.

    Those that are `graced` do not go by age, nor those that are `spared` by bytes, and no other goes for them.
    """
    left = sorted(clips, key=lambda clip: (clip.labeled, counts(clip), clip.arrived, clip.key))
    gone: list[Footage] = []

    def take(some: list[Footage]) -> None:
        for clip in some:
            gone.append(clip)
            left.remove(clip)

    def until(over: int, some: list[Footage]) -> list[Footage]:
        """The oldest of some clips, of so many bytes."""
        before = itertools.accumulate((clip.size for clip in some), initial=0)
        return [clip for clip, taken in zip(some, before, strict=False) if taken < over]

    take([clip for clip in left if not clip.held and counts(clip) < now - clip.most and not graced(clip)])
    for camera, most in (("gate", 400_000), ("hall", 32_000), ("", 770_000)):
        some = [clip for clip in left if camera in {"", clip.camera} and (clip.held or not spared(clip))]
        take(until(_bytes(some) - most, [clip for clip in some if not clip.held]))
    take(until(100_000 - (_room(now) - _bytes(left)), [clip for clip in left if not clip.held]))
    return gone


def _bytes(clips: Iterable[Footage]) -> int:
    return sum(clip.size for clip in clips)


def _room(now: datetime) -> int:
    return FULL if now < ENLARGED else ROOMY


class Upgraded:
    """Today's watcher on a catalog and a folder of then."""

    def __init__(self, services: Services, clock: FakeClock, clips: list[Footage]) -> None:
        self.services, self.clock = services, clock
        self.clips = {clip.key: clip for clip in clips}
        self._sweeper = Sweeper(services, Retention.of(services))

    def come(self, some: Iterable[Footage]) -> None:
        """Clips are left."""
        catalog, now = self.services.catalog, self.clock.now()
        fresh = {clip.key: clip for clip in some}
        rows = []
        for number, fresh_clip in enumerate(fresh.values(), len(self.clips)):
            status = _file(self.services.root.folder, fresh_clip).stat()
            rows.append(
                probed(
                    fresh_clip.key,
                    camera=fresh_clip.camera,
                    started_at=fresh_clip.started,
                    time_quality=TimeQuality.GUESSED if fresh_clip.guessed else TimeQuality.SURE,
                    duration_seconds=10.0,
                    fingerprint=Fingerprint(fresh_clip.size, status.st_mtime_ns),
                    inode=status.st_ino,
                    digest=f"{number:x} {status.st_ino:x}",
                )
            )
        catalog.writes.put(rows, now=now)
        for fresh_clip in fresh.values():
            if fresh_clip.labeled and (clip := catalog.clips.by_key(fresh_clip.key)) is not None:
                catalog.labels.put(clip.id, "fox", author="a", confidence=None, now=now)
        self.clips |= fresh

    def sweep(self) -> set[str]:
        """Sweep until nothing goes any more; what went. Files and rows agree."""
        before = set(self.clips)
        count = -1
        while count != len(self.clips):
            count = len(self.clips)
            self.clock.passed += MINUTE
            self._sweeper.turn()
            here = _keys(self.services)
            self.clips = {key: clip for key, clip in self.clips.items() if key in here}
            assert {key for key in _files(self.services.root.folder) if not key.startswith(".")} == here
        return before - set(self.clips)


def _keys(services: Services) -> set[str]:
    with services.catalog.database.engine.connect() as connection:
        return set(connection.execute(sa.select(table.c.key).where(table.c.listed == 1)).scalars())


def _files(root: Path) -> dict[str, int]:
    """The bytes of each file in a folder of the root; also of the bin."""
    folders = [entry for entry in os.scandir(root) if entry.is_dir()]
    return {f"{here.name}/{entry.name}": entry.stat().st_size for here in folders for entry in os.scandir(here)}


def _file(root: Path, clip: Footage) -> Path:
    path = root / clip.key
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(clip.size)
    os.utime(path, ns=(0, int(clip.arrived.timestamp()) * 10**9))
    return path


@pytest.fixture
def upgraded(
    engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Upgraded]]:
    """Leaves a catalog of then with its files and settings, and starts today's watcher on them."""
    engines: list[sa.Engine] = []

    def start(kind: str, away: timedelta = HOUR) -> Upgraded:
        leave(f"retention/{kind}-8896283", engine)
        clips = []
        with engine.begin() as connection:
            labeled = set(connection.execute(sa.text("SELECT clip_id FROM labels")).scalars())
            for row in connection.execute(sa.text("SELECT * FROM clips")).mappings().all():
                times = moment(row["started_ms"]), moment(row["ingested_ms"])
                more = row["time_quality"] == "guessed", row["id"] in labeled, bool(row["held"])
                clips.append(Footage(row["key"], *times, row["size_bytes"], *more))
                inode = _file(tmp_path / "data" / "video", clips[-1]).stat().st_ino
                connection.execute(
                    sa.text("UPDATE clips SET inode = :inode WHERE id = :id"), dict(row) | {"inode": inode}
                )
        (tmp_path / "watcher.toml").write_text(SETTINGS)
        url = engine.url.render_as_string(hide_password=False)
        settings = load({"WATCHER_CONFIG": str(tmp_path / "watcher.toml"), "WATCHER_CATALOG__URL": url}).settings
        clock = FakeClock()
        clock.passed = away
        services = dataclasses.replace(open_services(settings, tmp_path / "data"), clock=clock)
        engines.append(services.catalog.database.engine)
        services.places.make()
        migrate(services.catalog.database.engine)

        def free(root: VideoRoot) -> int:
            return _room(clock.now()) - sum(_files(root.folder).values())

        monkeypatch.setattr(VideoRoot, "free_bytes", free)
        out = io.StringIO()
        assert scan(services, accept_missing=False, accept_root=False, out=out) == 0
        assert f"{len(clips)} files: 0 catalogued, 0 still settling, 0 missing" in out.getvalue()
        return Upgraded(services, clock, clips)

    yield start
    for opened in engines:
        opened.dispose()


@pytest.mark.parametrize(("away", "steps"), [(HOUR, STEPS), (5 * DAY, 8)])
def test_where_clocks_are_right_the_same_goes(
    upgraded: Callable[..., Upgraded], away: timedelta, steps: int
) -> None:
    """By age, by bytes and by the floor, clip by clip, for weeks; however long the upgrade took."""
    world = upgraded("right", away)
    if world.services.catalog.database.engine.dialect.name == "postgresql":
        steps //= 2  # the rules are the same, and take twice as long there
    for step in range(steps):
        world.clock.passed = away + step * STEP
        world.come(coming(step, world.clock.now(), "right") if step else ())
        if step % 2 == 0:
            expected = {clip.key for clip in due(world.clips.values(), world.clock.now() + MINUTE)}
            assert world.sweep() == expected, world.clock.passed
            assert not remembered(world.services).waiting


def test_where_clocks_are_wrong_the_rules_of_today_hold(upgraded: Callable[..., Upgraded]) -> None:
    """Each clip that stays, or goes, and did not before: by its arrival, its grace, the brake, or the room of those."""
    world = upgraded("wrong")
    then = list(world.clips.values())  # what would be there with the rules of then
    overdue = {clip for clip in then if clip.doubted and clip.arrived < world.clock.now() - clip.most}
    assert len(overdue) > FEW
    came = [clip for clip in then if clip.camera == "lag"]
    waited = 0
    reasons: Counter[str] = Counter()
    for step in range(STEPS):
        world.clock.passed = HOUR + step * STEP
        fresh = list(coming(step, world.clock.now(), "wrong")) if step else []
        world.come(fresh)
        then += fresh
        came += [clip for clip in fresh if clip.camera == "lag"]
        if step % 2:
            continue
        now = world.clock.now() + MINUTE

        def counts(clip: Footage) -> datetime:
            late = clip.doubted or (clip.camera == "lag" and len(came) >= LIVE)  # noqa: B023
            return clip.arrived if late else clip.started

        def graced(clip: Footage) -> bool:
            return clip.arrived >= now - min(GRACE, clip.most) or clip in held_back  # noqa: B023

        def spared(clip: Footage) -> bool:
            return clip.arrived - counts(clip) > OLD and clip.arrived >= now - GRACE  # noqa: B023

        there, expected = set(world.clips.values()), set()
        while True:
            held_back = overdue & there if len(overdue & there) > FEW else set()
            some = due(there, now, counts, graced, spared)
            if not some:
                break
            expected |= set(some)
            there -= set(some)
        gone = world.sweep()
        assert gone == {clip.key for clip in expected}, world.clock.passed
        waiting = {(rule.rule, rule.camera): rule.clips for rule in remembered(world.services).waiting}
        assert waiting == ({("age", "barn"): len(held_back)} if held_back else {})
        waited += bool(waiting)
        then = list(set(then) - set(due(then, now)))
        # What differs from the rules of then is said by one of these reasons.
        for clip in set(then) ^ set(world.clips.values()):
            why = "doubt" if counts(clip) != clip.started else "grace" if graced(clip) else "room"
            assert why != "room" or clip.started >= now - clip.most, "by age it is as before"
            reasons[why] += 1
    assert waited
    assert min(reasons[why] for why in ("doubt", "grace", "room")), reasons
