"""What every part shares: settings, places, clock, video root, catalog, the secret of links. It builds no verb."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from watcher.catalog import Catalog, open_engine
from watcher.model.clock import Clock, SystemClock
from watcher.model.errors import ConfigError
from watcher.settings.schema import Settings
from watcher.storage.links import Links
from watcher.storage.mounts import keeps_inodes
from watcher.storage.places import Places
from watcher.storage.video_root import VideoRoot


@dataclass(frozen=True)
class Services:
    """What the parts share; each builds its verbs from it."""

    settings: Settings
    places: Places
    clock: Clock
    root: VideoRoot
    catalog: Catalog
    links: Links


def open_services(settings: Settings, data: Path) -> Services:
    """Assemble what is shared on a data folder; opens no file and no connection."""
    places = Places(data.resolve())
    for table in settings.stores:
        if table.kind == "disk":
            apart(Path(os.path.normpath(table.path)), places.data, table.name)
    doubt = timedelta(days=settings.retention.doubt_days)
    catalog = Catalog(
        open_engine(catalog_url(settings, places)), doubt=doubt, labels_of=settings.retention.labels_of
    )
    ignoring = settings.ignoring(settings.name_reader())
    root = VideoRoot(places.video, ignoring, catalog.database.catalog_id, inodes=keeps_inodes(places.video))
    return Services(settings, places, SystemClock(), root, catalog, Links(places.data))


def apart(folder: Path, data: Path, name: str) -> None:
    """Raise ConfigError where a store would lie in the data folder, or the other way round."""
    if folder.is_relative_to(data) or data.is_relative_to(folder):
        raise ConfigError(f"stores.path: {name}: {folder} and the data folder {data} must lie apart")


def catalog_url(settings: Settings, places: Places) -> str:
    """The catalog's URL: the setting, or SQLite in the data folder."""
    url, password = settings.catalog.url, settings.catalog.password
    if password:
        url = re.sub(r"^([\w+]+://[^:/@]+)@", lambda match: f"{match[1]}:{quote(password, safe='')}@", url)
    return url or f"sqlite:///{places.data / 'catalog.db'}"
