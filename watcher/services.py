"""The composition root: from settings and a data folder to the objects that do the work."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from watcher.catalog import Catalog, open_engine
from watcher.ingest.bind import bind
from watcher.ingest.budget import Limits
from watcher.ingest.ingest import Ingest
from watcher.ingest.pictures import Pictures
from watcher.ingest.uploads import Uploads
from watcher.model.clip import milliseconds
from watcher.model.clock import Clock, SystemClock
from watcher.model.errors import StartError
from watcher.model.retention_state import Remembered, Tick, advance
from watcher.retention import forecast
from watcher.retention.retire import Retention
from watcher.retention.rules import CameraLimits, Rules
from watcher.retention.rules import Limits as RetentionLimits
from watcher.settings.schema import Settings
from watcher.storage import modes
from watcher.storage.links import Links
from watcher.storage.mounts import keeps_inodes, on_network
from watcher.storage.spool import Spool
from watcher.storage.video_root import VideoRoot

BIN_FLOOR = 2  # times the larger floor of free space, below which the bin is emptied


@dataclass(frozen=True)
class Places:
    """Where everything is, below one data folder."""

    data: Path

    @property
    def video(self) -> Path:
        """The clips."""
        return self.data / "video"

    @property
    def renditions(self) -> Path:
        """Posters."""
        return self.data / "renditions"

    @property
    def spool(self) -> Path:
        """Uploads in flight."""
        return self.data / "spool"

    @property
    def run(self) -> Path:
        """Sockets, locks, status, the generated nginx main file."""
        return self.data / "run"

    @property
    def status(self) -> Path:
        """What the ingester says of itself."""
        return self.run / "ingester.json"

    @property
    def sign_in(self) -> Path:
        """The secret of the link of the first sign-in, from the start until it is announced."""
        return self.run / "sign-in"

    def catalog_url(self, settings: Settings) -> str:
        """The catalog's URL: the setting, or SQLite in the data folder."""
        url, password = settings.catalog.url, settings.catalog.password
        if password:
            url = re.sub(r"^([\w+]+://[^:/@]+)@", lambda found: f"{found[1]}:{quote(password, safe='')}@", url)
        return url or f"sqlite:///{self.data / 'catalog.db'}"

    def make(self) -> None:
        """Make the folders. Raises StartError if one cannot be made or written."""
        for folder in (self.video, self.renditions, self.spool, self.run):
            try:
                folder.mkdir(parents=True, exist_ok=True)
                trial = folder / f".writable.{uuid.uuid4().hex}.tmp"
                trial.touch()
                trial.unlink()
            except OSError as reason:
                raise StartError(f"cannot write into {folder}: {reason.strerror}") from reason
        # Not of clips, and so of their pictures: other programs' users read and write them.
        for folder in (self.spool, self.run):
            modes.narrow(folder)


@dataclass(frozen=True)
class Services:
    """What the doors need."""

    settings: Settings
    places: Places
    clock: Clock
    root: VideoRoot
    catalog: Catalog
    ingest: Ingest
    links: Links

    def retention(self) -> Retention:
        """What removes clips."""
        told = self.settings.retention
        limits = self.rules().limits
        return Retention(
            root=self.root,
            catalog=self.catalog,
            ingest=self.ingest,
            renditions=self.places.renditions,
            clock=self.clock,
            bin_days=told.bin_days,
            age=limits.age,
            # Above both floors, so that neither uploads nor clips make way for what was given up.
            bin_floor_bytes=BIN_FLOOR * max(told.min_free_bytes, self.settings.upload.min_free_bytes),
        )

    def rules(self, stays: Callable[[str], bool] | None = None) -> Rules:
        """What is to go, by the settings; `stays` tells of a key whether its file cannot be removed."""
        told = self.settings.retention

        def days(number: float) -> timedelta | None:
            return timedelta(days=number) if number else None

        cameras = tuple(CameraLimits(one.camera, days(one.max_age_days), one.max_bytes) for one in told.cameras)
        ages = (days(told.max_age_days), days(told.labeled_max_age_days))
        limits = RetentionLimits(*ages, told.max_bytes, told.min_free_bytes, cameras)
        grace = timedelta(days=told.grace_days)
        return Rules(limits, self.catalog, stays, grace=grace, max_share=told.max_share)

    def remembered(self) -> Remembered:
        """What retention remembers, as of now."""
        return self.advance(self.catalog.remembered())

    def advance(self, old: Remembered | None) -> Remembered:
        """What was remembered, as of now."""
        rules, (boot, seconds) = self.rules(), self.clock.uptime()
        tick = Tick(milliseconds(self.clock.now()), boot, round(seconds * 1000))
        ran = self.catalog.last_catalogued_ms() if old is None else None
        return advance(old, tick, rules=rules.limits.text, grace_ms=rules.grace_ms, ran_ms=ran)

    def full_at(self) -> datetime | None:
        """When the disk will be full at the rate of the last day; None where rules keep room, or it is far off."""
        told = self.settings.retention
        now, day = self.clock.now(), timedelta(days=1)
        if told.min_free_bytes or told.max_bytes:
            return None
        try:
            free = self.root.free_bytes()
        except OSError:  # the check of the disk tells
            return None
        more = self.catalog.arrived_bytes(now - day)
        if told.max_age_days:  # what goes in the next day makes room for as much
            eldest = now - timedelta(days=told.max_age_days)
            more -= self.catalog.arrived_bytes(eldest, eldest + day)
        return forecast.full_at(free, more, now)

    def spool(self) -> Spool:
        """Uploads in flight."""
        upload = self.settings.upload
        return Spool(
            self.places.spool,
            expire_seconds=upload.expire_hours * 3600,
            longest_seconds=upload.longest_hours * 3600,
        )

    def uploads(self) -> Uploads:
        """What takes in what cameras send."""
        upload = self.settings.upload
        return Uploads(
            root=self.root,
            catalog=self.catalog,
            ingest=self.ingest,
            spool=self.spool(),
            run=self.places.run,
            clock=self.clock,
            zone=self.settings.zone,
            limits=Limits(
                clip_bytes=upload.max_bytes,
                day_bytes=upload.max_bytes_per_day,
                free_bytes=upload.min_free_bytes,
                chunked_bytes=upload.chunked_bytes,
                bodies=upload.max_parallel,
                parts=upload.max_unfinished,
            ),
        )

    def pictures(self) -> Pictures:
        """What finds the clips of the pictures that cameras leave."""
        return Pictures(root=self.root, catalog=self.catalog, ingest=self.ingest, clock=self.clock)


def open_services(settings: Settings, data: Path) -> Services:
    """Assemble the service on a data folder; opens no file and no connection."""
    places = Places(data.resolve())
    clock = SystemClock()
    naming = settings.name_reader()
    ignoring = settings.ignoring(naming)
    doubt = timedelta(days=settings.retention.doubt_days)
    catalog = Catalog(open_engine(places.catalog_url(settings)), doubt=doubt)
    root = VideoRoot(places.video, ignoring, catalog.catalog_id, inodes=keeps_inodes(places.video))
    ingest = Ingest(
        root=root,
        catalog=catalog,
        clock=clock,
        naming=naming,
        settle_seconds=settings.video.settle_seconds,
        trust_writers=settings.video.watch != "poll" and not on_network(places.video),
        bind=lambda: bind(root, catalog, places.run),
    )
    return Services(settings, places, clock, root, catalog, ingest, Links(places.data))


def bind_root(services: Services) -> str:
    """Tie a catalog to its video root where that is surely its own; the catalog's id. Raises StartError."""
    return bind(services.root, services.catalog, services.places.run)
