"""Timeline: one day, a lane for each camera."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

from flask import Response, request, url_for
from werkzeug.datastructures import MultiDict

from watcher.model import buckets, serialize
from watcher.model.access import Role
from watcher.model.buckets import Bucket, quarter_of
from watcher.model.errors import BadParameterError
from watcher.web.http import wire
from watcher.web.http.auth import principal, scoped
from watcher.web.http.query import read_filter
from watcher.web.http.routes import route
from watcher.web.http.state import catalog, state
from watcher.web.page.layout import html, page_blueprint, tail

bp = page_blueprint("days")

LISTED = 500  # clips that one answer of the API holds


@route(bp, "/day/<day>", role=Role.VIEW, page=True)
def day(day: str) -> Response:
    """One day, a lane for each camera."""
    try:
        shown = date.fromisoformat(day)
        edges = [datetime.combine(shown + timedelta(days=n), time(), state().zone).astimezone(UTC) for n in (0, 1)]
        start, end = (serialize.utc(edge) for edge in edges)
        before, after = ((shown + timedelta(days=n)).isoformat() for n in (-1, 1))
    except (ValueError, OverflowError):
        raise BadParameterError("day", f"{day!r} is not a day, such as 2026-11-21.") from None
    cameras = request.args.getlist("camera")
    kept = [("camera", camera) for camera in cameras if camera]
    question: MultiDict[str, str] = MultiDict([("from", start), ("to", end), *kept])
    wanted = scoped(read_filter(question))
    first, last = (quarter_of(edge) for edge in edges)
    spans = buckets.spans(first, last, state().zone)
    lanes = [one.camera for one in catalog().camera_summaries() if principal().sees(one.camera)]
    counts = {camera: 0 for camera in lanes if not kept or camera in cameras}
    for one in catalog().timeline(spans, Bucket.DAY, wanted.cameras):
        counts[one.camera] = counts.get(one.camera, 0) + one.clips
    return html(
        "day.html",
        day=shown,
        start=start,
        end=end,
        counts=counts,
        total=sum(counts.values()),
        question=urlencode([*question.items(multi=True), ("limit", LISTED), ("sort", "started_at")]),
        before=url_for("days.day", day=before) + tail(kept),
        after=url_for("days.day", day=after) + tail(kept),
        as_list=url_for("browsing.browse") + tail([*kept, ("from", day), ("to", day)]),
    )


@route(bp, "/day", role=Role.VIEW, page=True)
def newest_day() -> Response:
    """The day that a form asks for, or that of the newest clip."""
    wanted = request.args.get("day", "")
    if not wanted:
        newest = catalog().find(scoped(read_filter(MultiDict())), limit=1).clips
        at = newest[0].started_at if newest else state().services.clock.now()
        wanted = at.astimezone(state().zone).date().isoformat()
    return wire.see_other(url_for("days.day", day=wanted))
