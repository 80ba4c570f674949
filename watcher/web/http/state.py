"""What views share: the services, and the few values that are derived from them once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, tzinfo
from pathlib import Path
from typing import cast

from flask import current_app

from watcher.catalog import Catalog
from watcher.ingest.uploads import Uploads
from watcher.model.clip import Clip
from watcher.model.version import VERSION
from watcher.services import Services
from watcher.storage import status
from watcher.storage.refused import Refusals
from watcher.tiering.footage import Footage
from watcher.web.http.attempts import Attempts
from watcher.web.http.authenticate import Authenticator
from watcher.web.http.counters import Counters
from watcher.web.http.heads import Heads
from watcher.web.http.turns import Turns

EXTENSION = "watcher"
STATIC = Path(__file__).parent.parent / "static"


class State:
    """The services as the web door uses them."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.zone: tzinfo = services.settings.zone
        self.zone_name = str(self.zone)
        self.base = services.settings.site.origin  # put before addresses; "" keeps them relative
        self.authenticator = Authenticator(services)
        self.uploads: Uploads = Uploads.of(services)
        self.refusals = Refusals(services.places.run)
        self.assets = _assets_hash()
        stores = " ".join(table.name for table in services.settings.stores)
        self._settings_mark = f"{VERSION} {self.base} {self.zone_name} {stores}"
        self._catalog_id: str | None = None
        self.forget()
        self.heads = Heads()
        self.attempts = Attempts()
        self.turns = Turns(services.places.run, "zip")
        self.counters: Counters | None = None  # of requests, once all routes are known

    def forget(self) -> None:
        """What is looked up once in a while is looked up anew."""
        # When clips were counted (monotonic), how many are in each state, and of each store with their bytes.
        self.counted: tuple[float, dict[str, int], dict[str, tuple[int, int]]] | None = None
        self.full_at: tuple[float, datetime | None] | None = None  # when the disk will be full, looked up when
        self.unwritable: tuple[float, list[str]] | None = None  # folders of clips, looked up when
        # Looked up when, which cameras are silent, and how many other things are wrong.
        self.trouble: tuple[float, list[tuple[str, ...]], int] | None = None

    def away(self, clips: Sequence[Clip]) -> dict[int, str]:
        """Those of some clips that cannot be had from their stores, by their numbers, and why.

        As settings and the ingester say; one that plays from a copy is none of them.
        """
        stores = {clip.store for clip in clips if clip.store}
        if not stores:
            return {}
        named = {table.name for table in self.services.settings.stores}
        absent = {name: f"the store {name} is not in the settings any more" for name in stores - named}
        state_file = status.read(self.services.places.status)
        away = {} if state_file is None else state_file[0].away
        play = set(Footage.of(self.services).playing()) if away.keys() & stores else set()
        return {
            clip.id: absent.get(clip.store) or away[clip.store]
            for clip in clips
            if clip.store in absent or (clip.store in away and clip.id not in play)
        }

    @property
    def mark(self) -> str:
        """What every answer depends on besides the catalog's last change: which catalog it is, and the settings."""
        if self._catalog_id is None:  # until the first ingester has given it one
            self._catalog_id = self.services.catalog.database.catalog_id()
        return f"{self._catalog_id} {self._settings_mark}"


def _assets_hash() -> str:
    """A hash over all assets; their addresses carry it, so browsers may keep them for ever."""
    hasher = hashlib.sha256()
    for path in sorted(STATIC.iterdir()):
        hasher.update(path.name.encode() + b"\0" + path.read_bytes())
    return hasher.hexdigest()[:12]


def state() -> State:
    """The application's state."""
    return cast("State", current_app.extensions[EXTENSION])


def catalog() -> Catalog:
    """The application's catalog."""
    return state().services.catalog
