"""The catalog: its questions and its writes, behind one engine."""

from watcher.catalog.arrivals import Arriving
from watcher.catalog.audit import Audit
from watcher.catalog.claims import Claiming
from watcher.catalog.daylight import Suns
from watcher.catalog.expiry import Expiring
from watcher.catalog.exports import Exporting
from watcher.catalog.files import IngesterQuestions
from watcher.catalog.inspections import Inspecting
from watcher.catalog.judgements import Judging
from watcher.catalog.keys import Keys
from watcher.catalog.labels import Labelling
from watcher.catalog.proxies import Proxying
from watcher.catalog.queries import Questions
from watcher.catalog.quota import Sending
from watcher.catalog.renditions import Rendering
from watcher.catalog.retention_state import Remembering
from watcher.catalog.retired import Retiring
from watcher.catalog.retries import Retrying
from watcher.catalog.reviews import Reviewing
from watcher.catalog.seen import Seeing
from watcher.catalog.sessions import Sessions
from watcher.catalog.shares import Shares
from watcher.catalog.silences import Silences
from watcher.catalog.timeline import Timelines
from watcher.catalog.webhooks import Hooks
from watcher.catalog.writes import Writes


class Catalog(
    Questions,
    Audit,
    IngesterQuestions,
    Arriving,
    Claiming,
    Expiring,
    Exporting,
    Hooks,
    Inspecting,
    Judging,
    Keys,
    Labelling,
    Proxying,
    Remembering,
    Rendering,
    Reviewing,
    Retiring,
    Retrying,
    Seeing,
    Sending,
    Sessions,
    Shares,
    Silences,
    Suns,
    Timelines,
    Writes,
):
    """The clips that are known."""
