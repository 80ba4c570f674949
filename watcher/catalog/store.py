"""The catalog: its questions and its writes, behind one engine."""

from watcher.catalog.arriving import Arriving
from watcher.catalog.audit import Audit
from watcher.catalog.claiming import Claiming
from watcher.catalog.expiring import Expiring
from watcher.catalog.exporting import Exporting
from watcher.catalog.hooks import Hooks
from watcher.catalog.ingesting import IngesterQuestions
from watcher.catalog.keys import Keys
from watcher.catalog.labelling import Labelling
from watcher.catalog.proxying import Proxying
from watcher.catalog.questions import Questions
from watcher.catalog.remembering import Remembering
from watcher.catalog.rendering import Rendering
from watcher.catalog.retiring import Retiring
from watcher.catalog.retrying import Retrying
from watcher.catalog.reviewing import Reviewing
from watcher.catalog.sending import Sending
from watcher.catalog.sessions import Sessions
from watcher.catalog.shares import Shares
from watcher.catalog.silences import Silences
from watcher.catalog.suns import Suns
from watcher.catalog.timelines import Timelines
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
    Keys,
    Labelling,
    Proxying,
    Remembering,
    Rendering,
    Reviewing,
    Retiring,
    Retrying,
    Sending,
    Sessions,
    Shares,
    Silences,
    Suns,
    Timelines,
    Writes,
):
    """The clips that are known."""
