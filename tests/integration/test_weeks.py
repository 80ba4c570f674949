"""Weeks of a collection's life against a model: arrivals, holds, labels, exports, deletions, kills and a full disk.

The catalog, the video root, the bin and what removes clips are the real ones, on real files; the clock and what the
disk has free are the model's. A kill is an exception that nobody catches, before or after any step on disk or in the
catalog; what follows it is a new start on what is left.
"""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from watcher.catalog import migrate
from watcher.catalog.exports import Export
from watcher.catalog.retired import RetiredClips
from watcher.catalog.writes import Writes
from watcher.model.clip import Clip, ClipFilter, ClipState
from watcher.model.clock import SystemClock
from watcher.model.errors import HeldError
from watcher.ops.check import scan
from watcher.retention.retire import Retention
from watcher.retention.rules import Rules
from watcher.retention.state import remembered
from watcher.retention.sweep import empty_bin, sweep
from watcher.services import Services, open_services
from watcher.settings.load import load
from watcher.storage.bin import FOLDER, Bin, Binned
from watcher.storage.video_root import VideoRoot

BEGIN = datetime(2026, 9, 1, tzinfo=UTC)
NARROW, WIDE = 6_000_000, 18_000_000  # bytes of the disk: always full, or with room for a bin
FLOOR = 1_000_000
RULES = {
    "WATCHER_RETENTION__MIN_FREE_BYTES": str(FLOOR),
    "WATCHER_RETENTION__LABELED_MAX_AGE_DAYS": "30",
    "WATCHER_RETENTION__MAX_SHARE": "1",
    "WATCHER_UPLOAD__MIN_FREE_BYTES": str(FLOOR // 2),
    "WATCHER_SITE__TIMEZONE": "UTC",
}
# Whatever changes something for good: a kill may come just before it or just after it.
STEPS = [
    (VideoRoot, "remove"),
    (Bin, "put"),
    (VideoRoot, "give"),
    (Bin, "remove"),
    (RetiredClips, "retire"),
    (RetiredClips, "swept"),
    (RetiredClips, "revive"),
    (RetiredClips, "forget"),
    (Writes, "put"),
    (Writes, "mark_missing"),
]


class Kill(BaseException):
    """The end of the process."""


class World:
    """A disk, a clock, and who lives on them."""

    def __init__(self, folder: Path, seed: int, sample: bytes, room: int, settings: dict[str, str]) -> None:
        self.chance = random.Random(seed)
        self.folder = folder
        self.sample = sample
        self.room = room
        self.settings = load(RULES | settings).settings
        self.now = BEGIN
        self.fuse: int | None = None  # steps until the next kill
        self.kills = 0
        self.binned_at: dict[str, datetime] = {}
        self.wanted_back: set[int] = set()  # from the bin, since the last comparison
        self.had_back = 0
        self.number = 0
        self.services = self.start()

    def start(self) -> Services:
        services = open_services(self.settings, self.folder)
        services.places.make()
        migrate(services.catalog.database.engine)
        return services

    def free(self) -> int:
        """What the disk has left; a file counts in the bin too."""
        return (
            self.room
            - sum(path.stat().st_size for path in (self.folder / "video").rglob("*.mp4"))
            - sum(path.stat().st_size for path in (self.folder / "video" / FOLDER).glob("*"))
        )

    def step(self) -> None:
        """Here the process may be killed."""
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse < 0:
                self.fuse = None
                self.kills += 1
                raise Kill

    def whatever_happens(self, act: Callable[[], Any]) -> Any:
        """Do something, and after a kill start anew."""
        try:
            return act()
        except Kill:
            self.services.catalog.database.engine.dispose()
            self.services = self.start()
            self.scan()
            return None

    def scan(self) -> None:
        out = io.StringIO()
        assert scan(self.services, accept_missing=False, accept_root=False, out=out) == 0, out.getvalue()

    def arrive(self) -> None:
        """A clip of one of three cameras, as far as there is room for it."""
        self.number += 1
        size = self.chance.randrange(30_000, 400_000)
        data = self.sample + struct.pack(">I4sQ", size, b"free", self.number) + bytes(size - 16)
        if self.free() < len(data):
            return
        at = self.now - timedelta(minutes=self.chance.randrange(100))
        path = self.folder / "video" / f"c{self.number % 3}" / f"{at:%Y-%m-%d}" / f"{at:%H%M%S}-{self.number}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def clips(self, *states: ClipState) -> list[Clip]:
        return self.services.catalog.clips.find(ClipFilter(states=states or (ClipState.READY,)), limit=500).clips

    def person(self) -> None:
        """Hold, label, delete, have back, ask for a film: what people do."""
        catalog, there = self.services.catalog, self.clips()
        what = self.chance.choice(["hold", "let go", "let go", "label", "delete", "film", "given up"])
        if Retention.of(self.services).binned() and self.chance.random() < 0.4:
            what = "restore"
        if what in {"hold", "let go", "label", "delete"} and there:
            clip = self.chance.choice(there)
            if what == "label":
                catalog.labels.put(clip.id, "fox", author="a", confidence=None, now=self.now)
            elif what == "delete":
                try:
                    Retention.of(self.services).retire(clip.id)
                except HeldError:
                    assert clip.held
            else:
                catalog.writes.correct(clip.id, held=what == "hold")
        elif what == "restore":
            for entry in self.chance.sample(binned := Retention.of(self.services).binned(), min(1, len(binned))):
                self.wanted_back.add(entry.clip_id)
                Retention.of(self.services).restore(entry.clip_id)
            self.scan()
        elif what == "film" and there and len(catalog.exports.to_make()) < 2:
            first = self.chance.choice(there)
            times = (first.started_at, first.started_at + timedelta(hours=self.chance.randrange(1, 30)))
            source = catalog.exports.source([first.camera], *times)
            catalog.exports.want([first.camera], *times, cut="key", author="me", source=source, now=self.now)
        elif what == "given up":
            for export in catalog.exports.to_make()[:1]:
                catalog.exports.drop(export.id)

    def sweep(self) -> None:
        """What goes is what the plan said; nothing held, nothing that an export needs; and it is enough."""
        before = {clip.id: clip for clip in self.clips()}
        exports = self.services.catalog.exports.to_make()
        lacking = Retention.of(self.services).bin_lacks()
        killed = self.kills
        self.whatever_happens(lambda: empty_bin(self.services, Retention.of(self.services), lacking_bytes=lacking))
        plan = Rules.of(self.services).plan(remembered(self.services), self.services.root.free_bytes())
        planned = [going.clip.id for going in plan]
        self.whatever_happens(lambda: sweep(self.services, Retention.of(self.services)))
        gone = set(before) - {clip.id for clip in self.clips()}
        if self.kills == killed:
            assert gone == set(planned)
        assert gone <= set(planned)
        # A file that was to go and is a clip once more would be one that nobody asked for.
        assert not {before[clip_id].key for clip_id in gone} & {clip.key for clip in self.clips()}
        self.fuse = None
        empty_bin(self.services, Retention.of(self.services), lacking_bytes=Retention.of(self.services).bin_lacks())
        sweep(self.services, Retention.of(self.services))  # what a kill cut off goes on
        gone = set(before) - {clip.id for clip in self.clips()}
        assert not [before[clip_id].key for clip_id in gone if before[clip_id].held]
        assert not [before[clip_id].key for clip_id in gone if _needed(before[clip_id], exports)]
        assert self.free() >= FLOOR or all(clip.held or _needed(clip, exports) for clip in self.clips())

    def compare(self) -> None:
        """Each file is a clip, each clip that is ready has its file, and each file in the bin is somebody's."""
        root = self.folder / "video"
        files = {path.relative_to(root).as_posix() for path in root.rglob("*.mp4") if FOLDER not in path.parts}
        assert files == {clip.key for clip in self.clips()}
        assert not self.services.catalog.retired.unswept()
        for entry in Retention.of(self.services).binned():
            assert self.services.catalog.clips.get(entry.clip_id).state is ClipState.RETIRED
        # What was had back is there, or is not had back; it may have gone by a rule since.
        for clip_id in self.wanted_back:
            assert self.services.catalog.clips.get(clip_id).state is not ClipState.MISSING
        self.had_back += len(self.wanted_back)
        self.wanted_back.clear()


def _needed(clip: Clip, exports: list[Export]) -> bool:
    return any(export.needs(clip.camera, clip.started_ms, clip.ended_ms) for export in exports)


def make_world(monkeypatch: pytest.MonkeyPatch, *arguments: Any) -> World:
    """A world whose clock, disk and kills the real parts feel."""
    world = World(*arguments)
    monkeypatch.setattr(SystemClock, "now", lambda _: world.now)
    monkeypatch.setattr(SystemClock, "uptime", lambda _: ("boot", world.now.timestamp()))
    monkeypatch.setattr(VideoRoot, "free_bytes", lambda _: world.free())
    monkeypatch.setattr(VideoRoot, "has_room", lambda _, least: world.free() >= least)
    listed = Bin.files

    def files(own: Bin) -> list[Binned]:
        entries = listed(own)
        return sorted(entry._replace(at=world.binned_at.setdefault(entry.name, world.now)) for entry in entries)

    monkeypatch.setattr(Bin, "files", files)
    for home, name in STEPS:
        monkeypatch.setattr(home, name, _stepped(world, getattr(home, name)))
    return world


def _stepped(world: World, act: Callable[..., Any]) -> Callable[..., Any]:
    def stepped(*given: Any, **more: Any) -> Any:
        world.step()
        done = act(*given, **more)
        world.step()
        return done

    return stepped


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "room", "age", "bin_days"), [(1, NARROW, "20", "0"), (3, WIDE, "6", "5")])
def test_weeks_go_by(
    tmp_path: Path,
    samples: Path,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    room: int,
    age: str,
    bin_days: str,
) -> None:
    """Seven weeks of them: what is gone is what the plan said, and disk and catalog agree at the end of each day."""
    sample = (samples / "plain.mp4").read_bytes()
    settings = {"WATCHER_RETENTION__BIN_DAYS": bin_days, "WATCHER_RETENTION__MAX_AGE_DAYS": age}
    world = make_world(monkeypatch, tmp_path, seed, sample, room, settings)
    world.scan()
    floors = 0
    for _ in range(150):
        world.now += timedelta(hours=world.chance.randrange(2, 14))
        for _ in range(world.chance.randrange(5)):
            world.arrive()
        floors += world.free() < FLOOR
        if world.chance.random() < 0.4:
            world.fuse = world.chance.randrange(8)
        world.whatever_happens(world.scan)
        if world.chance.random() < 0.3:
            world.fuse = world.chance.randrange(4)
        world.whatever_happens(world.person)
        if world.chance.random() < 0.4:
            world.fuse = world.chance.randrange(8)
        world.sweep()
        world.scan()
        world.compare()
    assert world.kills > 20
    assert floors > (5 if room == NARROW else -1)
    assert world.number > 200
    assert world.had_back > (20 if room == WIDE else -1)
    world.services.catalog.database.engine.dispose()
