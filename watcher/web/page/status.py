"""Status: how the cameras, the disk and the service are; what is wrong comes first."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import NamedTuple
from urllib.parse import quote

from flask import Response, request, url_for
from werkzeug.datastructures import MultiDict

from watcher.catalog.sessions import Session
from watcher.model import buckets
from watcher.model.access import ANYBODY, Role
from watcher.model.buckets import Bucket
from watcher.model.camera import NAME_MOST, ORDER_MOST, Colour
from watcher.model.clip import CameraSummary, Clip, ClipFilter, ClipState
from watcher.model.errors import BadParameterError
from watcher.retention.rules import Rules
from watcher.storage import status
from watcher.web.api import cameras as settings
from watcher.web.api import exports as films
from watcher.web.api import health, sessions, shares
from watcher.web.http import auth, wire
from watcher.web.http.auth import principal, scoped
from watcher.web.http.routes import route
from watcher.web.http.state import catalog, state
from watcher.web.page import cards, names
from watcher.web.page.language import gettext as _
from watcher.web.page.layout import html, page_blueprint, tail, watch_url, zone

bp = page_blueprint("overview")

SHOWN = 20  # clips that are broken, missing, or without a picture
DAYS = 7  # of a camera's bars
_BARS_A_DAY = 4
_LATE = timedelta(minutes=1)  # what a clip may take to come before that is said


_BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS", "Mac"),
    ("Linux", "Linux"),
)


class CameraCard(NamedTuple):
    """What is said of one camera."""

    of: CameraSummary
    silent: bool
    last: Clip | None
    last_url: str | None
    pictured: Clip | None  # the last one that has a picture
    pictured_url: str | None
    poster: str | None
    late: timedelta | None  # how long after its end its last clip came, where that is long
    today: int
    bars: list[int]  # percent of the most, oldest first
    share: int  # percent of all clips' bytes
    live_url: str | None


@route(bp, "/status", role=Role.VIEW, page=True)
def overview() -> Response:
    """Each camera's last clip, what is wrong with which clips, the disk, and who may look."""
    places, now = state().services.places, state().services.clock.now()
    wrong = []
    for kind in (ClipState.BROKEN, ClipState.MISSING):
        page = catalog().clips.find(scoped(ClipFilter(states=(kind,))), limit=SHOWN)
        wrong.append((kind.value, [(clip, watch_url(clip, MultiDict())) for clip in page.clips], page.more_after))
    ingester = status.read(places.status)
    try:
        disk = shutil.disk_usage(places.video)
    except OSError:
        disk = None
    every = names.seen()
    hidden = [summary for summary in every if summary.settings.hidden]
    cameras = every if "hidden" in request.args else [summary for summary in every if summary not in hidden]
    size_bytes = sum(summary.size_bytes for summary in every)
    problems = health.trouble()
    wrong_now = cards.wrong(len(health.silent(every)), len(health.last_broken(every)), len(problems))
    return html(
        "status.html",
        cameras=_cards(cameras, {summary.camera for summary in health.silent(every, hidden=True)}, now, size_bytes),
        count=len(every),
        hidden=len(hidden),
        showing="hidden" in request.args,
        hidden_silent=len(health.silent(hidden, hidden=True)),
        colours=list(Colour),
        order_most=ORDER_MOST,
        name_most=NAME_MOST,
        size_bytes=size_bytes,
        clips=sum(summary.clips for summary in every),
        now=now,
        here=zone(),
        wrong=wrong,
        arriving=ingester[0].settling if ingester else 0,
        scanned_at=ingester[0].last_scan_at if ingester else None,
        copies=catalog().proxies.sums(),
        looking=ingester[0].labels if ingester and not principal().cameras else None,
        films=[films.shown(film) for film in films.seen()],
        refused=state().refusals.recent() if principal().may(Role.ADMIN) else [],
        at=lambda timestamp: datetime.fromtimestamp(timestamp, zone()),
        disk=disk,
        share=round(100 * (disk.total - disk.free) / disk.total) if disk else 0,
        full_on=health.full_at(),
        kept=Rules.of(state().services).limits.any,
        unseen=catalog().retries.troubles(SHOWN, scoped(ClipFilter()).cameras),
        aside=_aside(ingester[0].aside if ingester else []),
        problems=problems,
        trouble=lambda: wrong_now,  # the bar says what the headline says
        sessions=_sessions(),
        session=auth.session_id(),
        shares=shares.seen(),
        device=device,
        mount=request.script_root,
    )


@route(bp, "/status", "POST", role=Role.ADMIN, page=True)
def say() -> Response:
    """What an admin says of a camera, by the form of its card; without scripts, which use the API."""
    form = request.form
    camera, name, colour, order = (form.get(field, "") for field in ("camera", "name", "colour", "order"))
    if colour and colour not in set(Colour):
        raise BadParameterError("colour", f"colour={colour!r} must be one of {', '.join(Colour)}")
    if order and not (order.isascii() and order.isdigit() and len(order) < 6 and 1 <= int(order) <= ORDER_MOST):
        raise BadParameterError("order", f"a place is a whole number from 1 to {ORDER_MOST}")
    settings.say(
        camera,
        name.strip() or None,
        Colour(colour) if colour else None,
        int(order) if order else None,
        hidden="hidden" in form,
    )
    shown = [("hidden", "yes")] if "hidden" in request.args else []
    return wire.see_other(f"{url_for('overview.overview')}{tail(shown)}#camera-{quote(camera)}")


def _cards(cameras: Sequence[CameraSummary], silent: set[str], now: datetime, size_bytes: int) -> list[CameraCard]:
    """A card of each camera: the one that is silent for longest first, then those that left a broken clip last.

    Those that are well as people order them.
    """
    bars, most, today = _bars(now)
    rows = []
    for summary in cameras:
        last = next(iter(catalog().clips.find(ClipFilter(cameras=(summary.camera,)), limit=1).clips), None)
        pictured = last if last is None or last.poster else _pictured(summary.camera) or last
        came = None if last is None else datetime.fromtimestamp(last.ingested_ms / 1000, zone()) - last.ended_at
        rows.append(
            CameraCard(
                summary,
                summary.camera in silent,
                last,
                None if last is None else watch_url(last, MultiDict()),
                pictured,
                None if pictured is None else watch_url(pictured, MultiDict()),
                None if pictured is None else wire.poster_path(pictured),
                came if came is not None and came > _LATE else None,
                today.get(summary.camera, 0),
                [round(100 * count / most) for count in bars.get(summary.camera, [0] * DAYS * _BARS_A_DAY)],
                round(100 * summary.size_bytes / (size_bytes or 1)),
                state().services.settings.live.url_of(summary.camera),
            )
        )
    since = {card.of.camera: card.of.silent_since or now for card in rows if card.silent}
    return sorted(
        rows,
        key=lambda card: (card.of.settings.hidden, since.get(card.of.camera, now), not card.of.last_broken),
    )


def _pictured(camera: str) -> Clip | None:
    """The last clip of a camera that has a picture, among its last good ones."""
    good = catalog().clips.find(ClipFilter(cameras=(camera,), states=(ClipState.READY,)), limit=SHOWN)
    return next((clip for clip in good.clips if clip.poster), None)


def _bars(now: datetime) -> tuple[dict[str, list[int]], int, dict[str, int]]:
    """Clips of each camera in quarters of its last days, the most of any, and how many there are today."""
    midnight = datetime.combine(now.astimezone(zone()).date(), time(), zone())
    first, end = buckets.whole(midnight - timedelta(days=DAYS - 1), now + timedelta(seconds=1), Bucket.HOUR, zone())
    bars: dict[str, list[int]] = {}
    today: dict[str, int] = {}
    for total in catalog().timeline.sums(
        buckets.spans(first, end, zone()), Bucket.HOUR, scoped(ClipFilter()).cameras
    ):
        local = buckets.bounds(total.place, Bucket.HOUR, zone())[0].astimezone(zone())
        back = (midnight.date() - local.date()).days
        if 0 <= back < DAYS:
            row = bars.setdefault(total.camera, [0] * DAYS * _BARS_A_DAY)
            row[(DAYS - 1 - back) * _BARS_A_DAY + local.hour * _BARS_A_DAY // 24] += total.clips
            today[total.camera] = today.get(total.camera, 0) + (total.clips if back == 0 else 0)
    return bars, max((max(row) for row in bars.values()), default=1) or 1, today


def _sessions() -> list[Session]:
    """Who has signed in, where people do."""
    return [] if principal() is ANYBODY else sessions.seen()


def device(agent: str | None) -> str:
    """What a browser calls itself, in two words where we know them.

    >>> device("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
    'Firefox, Linux'
    >>> device("curl/8.5.0")
    'curl/8.5.0'
    """
    agent = agent or _("an unknown program")
    browser = next((name for token, name in _BROWSERS if re.search(rf"\b{token}/", agent)), None)
    system = next((name for token, name in _SYSTEMS if token in agent), None)
    return f"{browser}, {system}" if browser and system else agent


def _aside(keys: list[str]) -> list[tuple[str, str]]:
    """The files that are set aside, and why, as far as whoever asks sees their cameras."""
    rows = []
    for key in keys[:SHOWN]:
        clip = catalog().clips.by_key(key)
        camera = clip.camera if clip is not None else key.partition("/")[0]
        if principal().sees(camera):
            rows.append((key, (clip.error if clip is not None else None) or _("it cannot be catalogued")))
    return rows
