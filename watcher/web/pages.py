"""The web page: HTML that works without scripts. Moments are shown in the site's zone."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, g, make_response, render_template, request, url_for
from werkzeug.datastructures import MultiDict

from watcher import presenting
from watcher.access import ANYBODY, Role
from watcher.clip import LISTED_STATES, Clip, ClipFilter, ClipState, Playable
from watcher.errors import BadParameterError, ClipNotFoundError, WatcherError
from watcher.web import problems, wire
from watcher.web.auth import principal, scoped, visible
from watcher.web.routes import route
from watcher.web.state import catalog, state

bp = Blueprint("pages", __name__)

PAGE = 48  # a multiple of 2, 3, 4 and 6 columns
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@route(bp, "/", role=Role.VIEW, page=True)
def browse() -> Response:
    """The newest clips, under a filter."""
    args = request.args
    wanted = _filter(args)
    after = wire.position(args["after"], "after") if "after" in args else None
    before = wire.position(args["before"], "before") if "before" in args and after is None else None
    page = catalog().find(wanted, limit=PAGE, after=after, before=before)
    filtered = bool(wanted.cameras or wanted.from_at or wanted.to_at)
    clips = page.clips
    days: list[tuple[date, list[dict[str, Any]]]] = []
    for clip in clips:
        day = clip.started_at.astimezone(state().zone).date()
        if not days or days[-1][0] != day:
            days.append((day, []))
        days[-1][1].append(_card(clip, args))
    return html(
        "browse.html",
        days=days,
        cameras=[one.camera for one in catalog().camera_summaries() if principal().sees(one.camera)],
        chosen=wanted.cameras,
        from_day=args.get("from", ""),
        to_day=args.get("to", ""),
        filtered=filtered,
        newest=after is None and before is None,
        older=_address(args, after=wire.cursor(clips[-1])) if page.more_after and clips else None,
        newer=_address(args, before=wire.cursor(clips[0])) if page.more_before and clips else None,
        folder=state().services.places.video,
        live_question=urlencode(_question(wanted)),
    )


@route(bp, "/watch/<int:clip_id>", role=Role.VIEW, page=True)
def watch(clip_id: int) -> Response:
    """One clip with its player; the filter decides which clips are next to it."""
    args = request.args
    wanted = _filter(args)
    if clip_id >= 1 << 62:
        raise ClipNotFoundError(f"there is no clip {clip_id}")
    clip = visible(catalog().clip(clip_id))
    older, newer = catalog().neighbours(clip, wanted)
    media = clip.media_info
    return html(
        "watch.html",
        clip=clip,
        card=_card(clip, args),
        media=media,
        older=_watch_url(older, args) if older else None,
        newer=_watch_url(newer, args) if newer else None,
        back=_address(args),
        gone=clip.state in {ClipState.MISSING, ClipState.RETIRED},
    )


@bp.errorhandler(WatcherError)
def _problem(error: WatcherError) -> Response:
    """An error on a page, with a way out; as JSON for programs."""
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) != "text/html":
        return problems.problem_of(error)
    if (sign_in := problems.sign_in_page(error)) is not None:
        return sign_in
    response = html("problem.html", title=error.title, detail=str(error))
    response.status_code = problems.STATUS[type(error)]
    return response


def html(template: str, **values: Any) -> Response:
    """A page of ours, with the headers that every page has."""

    def asset(name: str) -> str:
        return f"{request.script_root}/static/{state().assets}/{name}"

    who = g.get("principal")  # not asked for here: the page to sign in is for those who are nobody yet
    signed_in = who.name if who is not None and who is not ANYBODY else None
    text = render_template(template, asset=asset, zone=state().zone_name, signed_in=signed_in, **values)
    response = make_response(text)
    response.headers["Content-Security-Policy"] = _CSP
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "no-cache"
    return response


def _filter(args: MultiDict[str, str]) -> ClipFilter:
    """The filter in the address: cameras, and days in the site's zone, both inclusive, or moments."""
    from_at = _edge(args.get("from", ""), "from", last=False)
    to_at = _edge(args.get("to", ""), "to", last=True)
    if from_at and to_at and from_at >= to_at:
        raise BadParameterError("to", "The last day must not be before the first one.")
    cameras = tuple(dict.fromkeys(camera for camera in args.getlist("camera") if camera))
    return scoped(ClipFilter(cameras=cameras, from_at=from_at, to_at=to_at))


def _edge(text: str, parameter: str, *, last: bool) -> datetime | None:
    if not text:
        return None
    if "T" in text:
        return wire.moment(text, parameter)
    try:
        day = date.fromisoformat(text) + timedelta(days=1 if last else 0)
        return datetime.combine(day, time(), state().zone)
    except (ValueError, OverflowError):
        raise BadParameterError(parameter, f"{text!r} is not a day, such as 2026-11-21.") from None


def _question(wanted: ClipFilter) -> list[tuple[str, str]]:
    """The API's question for what the page shows."""
    question = [("camera", camera) for camera in wanted.cameras]
    question += [
        (name, presenting.utc(edge)) for name, edge in (("from", wanted.from_at), ("to", wanted.to_at)) if edge
    ]
    return [*question, ("limit", "12")]


def _address(args: MultiDict[str, str], **changes: str) -> str:
    """The browse page under the same filter; parameters that we do not know are kept."""
    kept = [
        (name, value) for name, value in args.items(multi=True) if name not in {"before", "after", "t"} and value
    ]
    query = urlencode([*kept, *changes.items()])
    return url_for("pages.browse") + (f"?{query}" if query else "")


def _watch_url(clip: Clip, args: MultiDict[str, str]) -> str:
    query = _address(args).partition("?")[2]
    return url_for("pages.watch", clip_id=clip.id) + (f"?{query}" if query else "")


def _card(clip: Clip, args: MultiDict[str, str]) -> dict[str, Any]:
    """What a card says of a clip."""
    local = clip.started_at.astimezone(state().zone)
    seconds = clip.duration_seconds
    badge = None
    if clip.state is ClipState.BROKEN:
        badge = "broken"
    elif clip.state not in LISTED_STATES:
        badge = str(clip.state)
    elif clip.playable is not Playable.YES and clip.media_info and clip.media_info.video:
        badge = codec_name(clip.media_info.video.codec)
    return {
        "id": clip.id,
        "revision": clip.revision,
        "url": _watch_url(clip, args),
        "camera": clip.camera,
        "poster": wire.poster_path(clip),
        "src": presenting.clip_path(clip),
        "local": local,
        "spoken": f"{clip.camera}, {local:%A} {local.day} {local:%B}, {local:%H:%M}"
        + (f", {round(seconds)} seconds" if seconds else "")
        + (f", {badge}" if badge else ""),
        "length": length(seconds),
        "badge": badge,
        "why": clip.error or clip.playable_reason,
    }


def length(seconds: float | None) -> str:
    """Minutes and seconds as players write them.

    >>> length(3671.2)
    '1:01:11'
    >>> length(12.48)
    '0:12'
    """
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def codec_name(codec: str) -> str:
    """A codec as people write it."""
    names = {"h264": "H.264", "hevc": "H.265", "mjpeg": "MJPEG", "mpeg4": "MPEG-4", "aac": "AAC", "av1": "AV1"}
    return names.get(codec, codec.upper())


def size(size_bytes: int) -> str:
    """A number of bytes with three digits.

    >>> size(5296229)
    '5.3 MB'
    """
    value = float(size_bytes)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


bp.add_app_template_filter(size, "size")
bp.add_app_template_filter(codec_name, "codec_name")
