"""Clips, services and those who ask them, as tests want them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

from tests import catalogs
from watcher.catalog import Probed
from watcher.media.probe import Probe, probing
from watcher.model.clip import (
    ClipState,
    Fingerprint,
    Playable,
    TimeSource,
)
from watcher.ops import keys
from watcher.services import Services, open_services
from watcher.settings.schema import Settings
from watcher.web import create_app

START = datetime(2026, 11, 21, tzinfo=UTC)


def probed_in_slices(path: Path) -> tuple[Probe, int]:
    """What a look into a file tells that lets others go on in between, and in how many slices it was read."""
    slices = 1
    with path.open("rb") as file:
        steps = probing(file.fileno(), path.stat().st_size, "mp4")
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return end.value, slices
            slices += 1


def probed(key: str, minute: float = 0, **more: Any) -> Probed:
    """A clip as its file was read; `minute` is when it began after START."""
    values: dict[str, Any] = {
        "key": key,
        "camera": key.partition("/")[0],
        "state": ClipState.READY,
        "started_at": START + timedelta(minutes=minute),
        "time_source": TimeSource.NAME,
        "duration_seconds": 30.0,
        "fingerprint": Fingerprint(1000, 1),
        "inode": abs(hash(key)) % 10**9,
        "digest": key,
        "media": '{"container":"mp4","codecs":"","fragmented":false,"faststart":true,"video":null,"audio":null}',
        "playable": Playable.YES,
        "playable_reason": None,
        "error": None,
    }
    return Probed(**values | more)


def services(folder: Path, settings: Settings) -> Services:
    """A service in a folder, with five clips of one camera that have no files."""
    service = open_services(settings, folder)
    service.places.make()
    (folder / "catalog.db").write_bytes(catalogs.empty())
    service.catalog.writes.put([probed(f"gate/{n}.mp4", n) for n in range(5)], now=START)
    return service


def holder(service: Services, name: str, cameras: list[str] | None = None, role: str = "view") -> dict[str, str]:
    """What somebody with a new key sends."""
    return {"HTTP_AUTHORIZATION": f"Bearer {keys.create(service, name, role, cameras)}"}


def bearer(service: Services, name: str, role: str = "view", cameras: list[str] | None = None) -> dict[str, str]:
    """The header of somebody with a new key."""
    return {"Authorization": f"Bearer {keys.create(service, name, role, cameras)}"}


def client_of(service: Services, sends: dict[str, str]) -> FlaskClient:
    """An application of its own, and somebody who asks it."""
    client = create_app(service).test_client(use_cookies=False)
    client.environ_base.update(sends)
    return client
