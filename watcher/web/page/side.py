"""Side by side: up to four cameras at one moment, in step."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from flask import Response, request, url_for

from watcher.model import serialize
from watcher.model.access import Role
from watcher.model.clip import Clip, ClipFilter
from watcher.model.errors import BadParameterError
from watcher.web.http import wire
from watcher.web.http.auth import scoped
from watcher.web.http.routes import route
from watcher.web.http.state import catalog, state
from watcher.web.page import names
from watcher.web.page.day import FIELDS
from watcher.web.page.layout import html, page_blueprint, tail, zone

bp = page_blueprint("sides")

FEWEST, MOST = 2, 4  # cameras beside each other
_MOMENT = timedelta(milliseconds=1)
_MEANWHILE = 200  # clips looked at for who recorded at a moment


def side_address(cameras: Iterable[str], at: datetime) -> str:
    """Where cameras stand beside each other at a moment."""
    return url_for("sides.side_by_side") + _question(list(dict.fromkeys(cameras))[:MOST], at)


def _question(cameras: list[str], at: datetime) -> str:
    return tail([*(("camera", camera) for camera in cameras), ("at", serialize.utc(at))])


@route(bp, "/side-by-side", role=Role.VIEW, page=True)
def side_by_side() -> Response:
    """The pictures of two to four cameras at a moment; without scripts each with a player of its own."""
    seen = names.seen()
    cameras = [summary.camera for summary in seen]
    chosen = [name for name in dict.fromkeys(request.args.getlist("camera")) if name in cameras][:MOST]
    at = _moment(chosen)
    there = _recorded(at)
    for name in sorted(
        cameras, key=lambda name: name not in there
    ):  # who was asked for alone gets company: first who recorded meanwhile
        if len(chosen) < FEWEST and name not in chosen:
            chosen.append(name)
    return html(
        "side.html",
        cameras=cameras,
        hidden={summary.camera for summary in seen if summary.settings.hidden},
        chosen=chosen,
        fewest=FEWEST,
        most=MOST,
        at=serialize.utc(at),
        local=at.astimezone(zone()),
        pictures=[(name, _picture(there.get(name))) for name in chosen],
        timeline=url_for("days.newest_day") + _question(chosen, at),
        question=url_for("clips.index") + tail([("sort", "started_at"), ("fields", f"{FIELDS},media.audio.codec")]),
    )


def _moment(cameras: list[str]) -> datetime:
    """The moment that is asked for, else that of the newest clip."""
    if "at" in request.args:
        at = wire.moment(request.args["at"], "at")
        try:
            at.astimezone(zone()), at + _MOMENT
        except OverflowError:
            raise BadParameterError("at", "at lies outside the calendar") from None
        return at
    newest = catalog().clips.find(scoped(ClipFilter(cameras=tuple(cameras))), limit=1).clips
    return newest[0].started_at if newest else state().services.clock.now()


def _recorded(at: datetime) -> dict[str, Clip]:
    """What each camera was recording at a moment: of several clips the one that began last."""
    meanwhile = catalog().clips.find(scoped(ClipFilter(from_at=at, to_at=at + _MOMENT)), limit=_MEANWHILE)
    clips: dict[str, Clip] = {}
    for clip in meanwhile.clips:
        clips.setdefault(clip.camera, clip)
    return clips


def _picture(clip: Clip | None) -> dict[str, str | None]:
    """What a player shows of a clip; nothing of none."""
    if clip is None:
        return {}
    return {
        "src": wire.clip_path(clip),
        "poster": wire.poster_path(clip),
        "page": url_for("browsing.watch", clip_id=clip.id),
    }
