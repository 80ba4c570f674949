"""The catalog: what is known of clips, and of who asks for them; each noun has its part."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from watcher.catalog.adoption import Adoption
from watcher.catalog.arrivals import Arrivals
from watcher.catalog.audit import Audit
from watcher.catalog.cameras import Cameras
from watcher.catalog.claims import Claims
from watcher.catalog.clips import Clips
from watcher.catalog.database import Database
from watcher.catalog.day_counts import Days
from watcher.catalog.daylight import Daylight
from watcher.catalog.expiry import Expiry
from watcher.catalog.exports import Exports
from watcher.catalog.files import Files
from watcher.catalog.inspections import Inspections
from watcher.catalog.judgements import Judgements
from watcher.catalog.keys import Keys
from watcher.catalog.labels import Labels
from watcher.catalog.proxies import Proxies
from watcher.catalog.quota import Sent
from watcher.catalog.renditions import RenditionResults
from watcher.catalog.retention_state import RetentionState
from watcher.catalog.retired import RetiredClips
from watcher.catalog.retries import Retries
from watcher.catalog.reviews import Reviews
from watcher.catalog.seen import SeenClips
from watcher.catalog.sessions import Sessions
from watcher.catalog.shares import Shares
from watcher.catalog.silences import Silences
from watcher.catalog.stored import StoredClips
from watcher.catalog.timeline import Timeline
from watcher.catalog.webhooks import Outbox
from watcher.catalog.writes import Writes


class Catalog:
    """The clips that are known, and what belongs to them."""

    def __init__(
        self, engine: sa.Engine, *, doubt: timedelta = timedelta(days=30), labels_of: str = "people"
    ) -> None:
        """`doubt` and `labels_of` are what `retention.doubt_days` and `retention.labels_of` say."""
        self.database = database = Database(engine, doubt=doubt, labels_of=labels_of)
        self.clips = Clips(database)
        self.files = Files(database)
        self.writes = Writes(database)
        self.adoption = Adoption(database)
        self.arrivals = Arrivals(database)
        self.audit = Audit(database)
        self.cameras = Cameras(database)
        self.claims = Claims(database)
        self.daylight = Daylight(database)
        self.expiry = Expiry(database)
        self.exports = Exports(database)
        self.inspections = Inspections(database)
        self.judgements = Judgements(database)
        self.keys = Keys(database)
        self.labels = Labels(database)
        self.outbox = Outbox(database)
        self.proxies = Proxies(database)
        self.renditions = RenditionResults(database)
        self.retention = RetentionState(database)
        self.retired = RetiredClips(database)
        self.retries = Retries(database)
        self.reviews = Reviews(database)
        self.seen = SeenClips(database)
        self.sent = Sent(database)
        self.sessions = Sessions(database)
        self.shares = Shares(database)
        self.silences = Silences(database)
        self.stored = StoredClips(database)
        self.timeline = Timeline(database)
        self.days = Days(self.clips, self.timeline)
