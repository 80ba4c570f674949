"""What changed: a feed to follow, and its head, which costs next to nothing to ask for."""

from __future__ import annotations

import msgspec
from flask import Blueprint
from werkzeug.datastructures import MultiDict

from watcher.model import serialize
from watcher.model.errors import BadParameterError, StartOverError
from watcher.model.schemas import CameraChangeShape, CameraSettingsShape, ChangeShape, ChangesShape, HeadShape
from watcher.web.http import wire
from watcher.web.http.query import limit, read_fields, single
from watcher.web.http.request import Answer, ApiRequest, Body
from watcher.web.http.routes import question

bp = Blueprint("changes", __name__)


@question(
    bp,
    "/changes",
    takes=("since", "limit", "began", "fields"),
    answers=ChangesShape,
    problems=(410,),
)
def index(api_request: ApiRequest) -> Answer:
    """Every clip that changed after `since`, as it is now, in the order of the changes.

    A clip stands in it once, at its last change: who has read to the end has what the catalog has, however long ago
    they began, and the feed never outgrows the catalog. A clip that is gone stands in it as `missing` or `retired`.
    `cameras` has those that fell silent or were back meanwhile, `camera_settings` those of which a person said how
    they are called or shown.
    """
    args, catalog = api_request.args, api_request.catalog
    since, count, began = _seq(args, "since"), limit(args), _seq(args, "began")
    fields = read_fields(args)
    # Before the clips: what comes in between is after it, and read next time.
    last, head = catalog.clips.head(), api_request.head()
    if since > last:
        raise StartOverError(f"since={since} is beyond the last change: this is another or a restored catalog")
    # Whoever began when all that is forgotten by now had been retired already has never seen it.
    began = began if since else head
    if max(since, began) < catalog.clips.forgotten():
        raise StartOverError(f"since={since} is so long ago that not all that was removed since is still known")

    def page() -> Body:
        clips = catalog.clips.changed(since, count + 1, cameras=api_request.principal.cameras)
        more, clips = len(clips) > count, clips[:count]
        following = None
        if more:
            question = f"since={clips[-1].revision}&limit={count}&began={began}"
            question += f"&fields={args['fields']}" if fields else ""  # they are known names, and need no escapes
            following = f"{api_request.address('/changes')}?{question}"
        bodies = zip(clips, api_request.picked(clips, fields), strict=True)
        changes = [ChangeShape(clip.revision, body) for clip, body in bodies]
        upto = clips[-1].revision if more else last
        silences = [
            CameraChangeShape(silence.revision or 0, silence.camera, silence.silent, serialize.utc(silence.since))
            for silence in catalog.silences.after(since, upto, cameras=api_request.principal.cameras)
        ]
        settings = [
            CameraSettingsShape(change.revision, change.camera, **msgspec.structs.asdict(change.settings))
            for change in catalog.cameras.after(since, upto, cameras=api_request.principal.cameras)
        ]
        return Body(ChangesShape(changes, silences, following, head, settings))

    return Answer(last, api_request.listed_tag(last), page)


def _seq(args: MultiDict[str, str], name: str) -> int:
    text = single(args, name, "0")
    if not (text.isascii() and text.isdigit() and len(text) < 19 and int(text) <= wire.NUMBER_MOST):
        raise BadParameterError(name, f"{name}={text!r} must be a whole number: the seq of a change")
    return int(text)


@question(bp, "/changes/head", answers=HeadShape)
def head(api_request: ApiRequest) -> Answer:
    """The seq of the last change; the catalog's id tells a new catalog from the one that was followed."""
    head, seq = api_request.catalog.clips.head(), api_request.head()
    return Answer(
        head, api_request.tag(str(seq)), lambda: Body(HeadShape(seq, api_request.catalog.database.catalog_id()))
    )
