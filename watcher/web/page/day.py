"""Timeline: cameras on one axis of time, a lane for each."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

from flask import Response, request, url_for
from werkzeug.datastructures import MultiDict

from watcher.model import buckets, serialize
from watcher.model.access import Role
from watcher.model.buckets import Bucket, quarter_of
from watcher.model.clip import CameraSummary, Clip, ClipFilter, Position, milliseconds
from watcher.model.errors import BadParameterError
from watcher.web.http import wire
from watcher.web.http.auth import principal, scoped
from watcher.web.http.query import read_filter
from watcher.web.http.routes import route
from watcher.web.http.state import catalog, state
from watcher.web.page import names
from watcher.web.page.layout import FILTERS, html, page_blueprint, question_of, tail, zone

bp = page_blueprint("days")

_FILTERS = tuple(name for name in FILTERS if name not in {"from", "to"})  # the axis is the time
# Of a clip, that lanes need: a tenth of what there is.
FIELDS = (
    "id,camera,state,started_at,ended_at,held,labels.name,poster_url,url,proxy_url,error,"
    "media.container,media.codecs,media.video.codec"
)
HIDDEN = ("hidden", "yes")  # in an address: hidden cameras are shown as well
LABELS = 8  # that can be chosen with one click


def _filters() -> MultiDict[str, str]:
    """What the address asks of clips, but the time."""
    return MultiDict(
        [(name, value) for name, value in request.args.items(multi=True) if name in _FILTERS and value]
    )


def _bounds(day: str) -> tuple[date, datetime, datetime, str, str]:
    """A day, where it begins and ends on the clock that is shown, and its neighbours. Raises BadParameterError."""
    try:
        shown = date.fromisoformat(day)
        start, end = (datetime.combine(shown + timedelta(days=n), time(), zone()).astimezone(UTC) for n in (0, 1))
        before, after = ((shown + timedelta(days=n)).isoformat() for n in (-1, 1))
        return shown, start, end, before, after
    except (ValueError, OverflowError):
        raise BadParameterError("day", f"{day!r} is not a day, such as 2026-11-21.") from None


@route(bp, "/day/<day>", role=Role.VIEW, page=True)
def day(day: str) -> Response:
    """The clips around one day, a lane for each camera; the day's edges are those of the clock that is shown."""
    shown, start, end, before, after = _bounds(day)
    args = _filters()
    clip_filter = scoped(read_filter(question_of(args)))
    plain = clip_filter == ClipFilter(cameras=clip_filter.cameras)
    cameras = names.seen()
    parameters = list(args.items(multi=True))
    kept = [*parameters, *([HIDDEN] if "hidden" in request.args else [])]
    counts = _counts(cameras, start, end) if plain else None
    there = [summary.camera for summary in cameras]
    chosen = _chosen(cameras, args.getlist("camera"), with_hidden="hidden" in request.args)
    total = None if counts is None else sum(counts[camera] for camera in chosen)
    now = state().services.clock.now()
    labels = sorted(catalog().labels.counts(principal().cameras), key=lambda pair: -pair[1])
    return html(
        "day.html",
        day=shown,
        start=serialize.utc(start),
        now=serialize.utc(now),
        first=min((summary.first_started_at for summary in cameras if summary.first_started_at), default=None),
        cameras=there,
        hidden={summary.camera for summary in cameras if summary.settings.hidden},
        showing="hidden" in request.args,
        otherwise=url_for("days.day", day=day) + tail(parameters if kept != parameters else [*parameters, HIDDEN]),
        chosen=args.getlist("camera"),
        labels=list(dict.fromkeys([name for name, _ in labels[:LABELS]] + args.getlist("label"))),
        wanted_labels=args.getlist("label"),
        plain=plain,
        counts=_lanes(there, counts, parameters, day),
        left_out=set(there) - set(chosen),
        total=total,
        nearest=[] if total or not cameras else _nearest(clip_filter, start, parameters),
        here=zone(),
        # Which cameras are looked at is chosen without asking again.
        question=urlencode(
            [
                *(parameter for parameter in parameters if parameter[0] != "camera"),
                ("sort", "started_at"),
                ("fields", FIELDS),
            ]
        ),
        before=url_for("days.day", day=before) + tail(kept),
        after=url_for("days.day", day=after) + tail(kept),
        future=end > now,
        as_list=_listed(parameters, day),
    )


def _chosen(cameras: list[CameraSummary], named: list[str], *, with_hidden: bool) -> list[str]:
    """The cameras that have a lane: those that are asked for, else all but hidden ones."""
    chosen = [summary.camera for summary in cameras if summary.camera in named]
    return chosen or [summary.camera for summary in cameras if with_hidden or not summary.settings.hidden]


def _counts(cameras: list[CameraSummary], start: datetime, end: datetime) -> dict[str, int]:
    """How many clips each camera left in a day, from kept sums."""
    spans = buckets.spans(quarter_of(start), quarter_of(end), zone())
    counts = {camera.camera: 0 for camera in cameras}
    for total in catalog().timeline.sums(spans, Bucket.DAY, ()):
        if total.camera in counts:
            counts[total.camera] += total.clips
    return counts


def _lanes(
    cameras: list[str], counts: dict[str, int] | None, parameters: list[tuple[str, str]], day: str
) -> list[tuple[str, int | None, str]]:
    """Each camera, its clips of the day where they are counted, and the address of them as a list."""
    of = [(camera, _listed([*parameters, ("camera", camera)], day)) for camera in cameras]
    return [(camera, None if counts is None else counts[camera], address) for camera, address in of]


def _listed(parameters: list[tuple[str, str]], day: str) -> str:
    """A day as a list of clips."""
    return url_for("browsing.browse") + tail([*parameters, ("from", day), ("to", day)])


def _nearest(
    clip_filter: ClipFilter, at: datetime, parameters: list[tuple[str, str]]
) -> list[tuple[bool, str, Clip]]:
    """The clips just before and just after a day that has none."""
    nearest = []
    for clip in catalog().clips.around(clip_filter, Position(milliseconds(at), 0), limit=2).clips:
        day = clip.started_at.astimezone(zone()).date().isoformat()
        moment = ("at", serialize.utc(clip.started_at))
        nearest.append(
            (
                clip.started_at >= at,
                url_for("days.day", day=day) + tail([*parameters, moment]),
                clip,
            )
        )
    return nearest


@route(bp, "/day", role=Role.VIEW, page=True)
def newest_day() -> Response:
    """The day that a form asks for, or that of the newest clip under the filter."""
    args = _filters()
    text, parameters = request.args.get("day", ""), list(args.items(multi=True))
    if not text and "at" in request.args:
        try:
            text = wire.moment(request.args["at"], "at").astimezone(zone()).date().isoformat()
        except OverflowError:
            raise BadParameterError("at", "at lies outside the calendar") from None
        parameters.append(("at", request.args["at"]))
    if not text:
        newest = catalog().clips.find(scoped(read_filter(question_of(args))), limit=1).clips
        at = newest[0].started_at if newest else state().services.clock.now()
        text = at.astimezone(zone()).date().isoformat()
    return wire.see_other(url_for("days.day", day=text) + tail(parameters))
