"""Browse, the grid of clips, and Watch, one clip with its player."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec
from flask import Response, request, url_for
from markupsafe import Markup
from werkzeug.datastructures import MultiDict

from watcher.model import serialize
from watcher.model.access import Role
from watcher.model.clip import Clip, ClipFilter, ClipState, Page
from watcher.model.search import understand
from watcher.naming.reader import UNSORTED
from watcher.retention.retire import Retention
from watcher.web.api.neighbours import neighbours_of
from watcher.web.http import wire
from watcher.web.http.auth import current_request, principal, scoped, visible
from watcher.web.http.query import bounded, place, read_filter
from watcher.web.http.routes import route
from watcher.web.http.state import catalog, state
from watcher.web.page import cards, counting, names
from watcher.web.page.dates import clock, day_and_month, day_short, moment, near_days
from watcher.web.page.language import gettext as _
from watcher.web.page.language import ngettext, speech
from watcher.web.page.layout import (
    FILTERS,
    address,
    html,
    page_blueprint,
    question_of,
    tail,
    watch_all,
    watch_url,
    zone,
)
from watcher.web.page.side import side_address

bp = page_blueprint("browsing")

PAGE = 48  # a multiple of 2, 3, 4 and 6 columns
BESIDE = 6  # clips before one, and after it, in the strip below its picture
SURE = ("0.5", "0.6", "0.7", "0.8", "0.9")  # that a model may have to be, as the menu of labels offers it


@route(bp, "/", role=Role.VIEW, page=True)
def browse() -> Response:
    """The newest clips, or those around a moment, under a filter."""
    args = request.args
    question = question_of(args)
    clip_filter = scoped(read_filter(question))
    page = _page(args, clip_filter)
    clips = page.clips
    summaries = names.seen()
    counts = counting.by_day(clip_filter, clips)
    following = wire.cursor(clips[-1]) if clips and page.more_after else None
    previous = wire.cursor(clips[0]) if clips and page.more_before else None
    chips = _chips(args)
    today = state().services.clock.now().astimezone(state().zone).date()
    return html(
        "browse.html",
        groups=_groups(clips, counts, args),
        counts=counts,
        count=counting.total(clip_filter, summaries),
        cameras=[summary.camera for summary in summaries],
        hidden={summary.camera for summary in summaries if summary.settings.hidden},
        labels=[name for name, _ in catalog().labels.counts(principal().cameras)],
        chosen={name: args.getlist(name) for name in FILTERS},
        chips=chips,
        sure=sorted({*SURE, *filter(None, args.getlist("min_confidence"))}, key=float),
        spans=_spans(today, args),
        near=near_days(state().services.clock.now().astimezone(zone()).date()),
        review=tail([("camera", camera) for camera in clip_filter.cameras]) if "camera" in args else "",
        newest=previous is None and not {"after", "before", "at"} & set(args),
        older=address(args, after=following) if following else None,
        newer=address(args, before=previous) if previous else None,
        question=urlencode([*question.items(multi=True), ("limit", PAGE)]),
        following=following,
        previous=previous,
        nearest=[] if clips or not chips else _nearest(clip_filter, args),
        folder=state().services.places.video,
        moment=_moment(clips),
        watch_all=watch_all(args),
        watch_day=lambda day: watch_all(args, only_days=(day, day)),
        news=_news(args),
        host=request.host_url.rstrip("/"),
        keys=state().services.settings.auth.mode == "keys",
    )


@route(bp, "/find", role=Role.VIEW, page=True)
def find() -> Response:
    """What is typed into the search box, as filters: sends on to Browse, where they are chips."""
    args = request.args
    cameras = names.called_by_all([summary.camera for summary in names.seen()])
    labels = [name for name, _ in catalog().labels.counts(principal().cameras)]
    search = understand(
        args.get("q", ""),
        labels=labels,
        cameras=cameras,
        now=state().services.clock.now(),
        language=speech().language,
        zone=state().zone,
    )
    named = {name for name, _ in search}
    once = {"q", *({"from", "to"} if named & {"from", "at"} else ())}  # what is typed now stands in their place
    parameters = [
        (name, value) for name, value in args.items(multi=True) if name in FILTERS and name not in once and value
    ]
    question = dict.fromkeys([*parameters, *search])
    return wire.see_other(url_for("browsing.browse") + tail(list(question)))


def _groups(
    clips: list[Clip], counts: dict[date, int], args: MultiDict[str, str]
) -> list[tuple[str, date, list[dict[str, Any]]]]:
    """The cards of clips by day, and of busy days by hour."""
    groups: list[tuple[str, date, list[dict[str, Any]]]] = []
    for clip in clips:
        local = clip.started_at.astimezone(zone())
        day = local.date()
        key = f"{local:%Y-%m-%dT%H}" if counts.get(day, 0) > counting.BUSY else f"{day}"
        if not groups or groups[-1][0] != key:
            groups.append((key, day, []))
        groups[-1][2].append(cards.card(clip, watch_url(clip, args), zone()))
    return groups


def _news(args: MultiDict[str, str]) -> dict[str, Any] | None:
    """What is new to whoever asks, and since when; None where nothing is, and for who was never here."""
    api_request = current_request()
    mark = catalog().seen.mark(api_request.person)
    if mark.marked_at is None or "seen" in args:
        return None
    count, more = catalog().seen.count_unseen(api_request.person, api_request.principal.cameras)
    if not count:
        return None
    since, now = mark.marked_at.astimezone(zone()), state().services.clock.now().astimezone(zone())
    time, days = clock(since), (now.date() - since.date()).days
    if days == 1:
        time = _("yesterday %(time)s", time=time)
    elif days:
        time = _("%(day)s, %(time)s", day=day_and_month(since), time=time)
    new = (
        ngettext("%(count)s+ new", "%(count)s+ new", count)
        if more
        else ngettext("%(count)s new", "%(count)s new", count)
    )
    unseen = MultiDict([("seen", "false")])
    return {
        "words": _("%(new)s since %(time)s", new=Markup("<b>{}</b>").format(new), time=time),
        "address": watch_all(unseen),
        "filter": address(unseen),
    }


def _moment(clips: list[Clip]) -> str:
    """Where one is in time, as `static/times.js` says it."""
    if not clips:
        return _("Date or time")
    local, now = clips[0].started_at.astimezone(zone()), state().services.clock.now().astimezone(zone())
    return f"{day_short(local)}{f' {local.year}' if local.year != now.year else ''} · {clock(local)}"


def _spans(today: date, args: MultiDict[str, str]) -> list[tuple[str, str]]:
    """The times that are one click away, and their addresses."""
    yesterday, week = today - timedelta(days=1), today - timedelta(days=6)
    days = {_("Today"): (today, today), _("Yesterday"): (yesterday, yesterday), _("7 days"): (week, today)}
    return [(name, address(args, only_days=span)) for name, span in days.items()]


def _page(args: MultiDict[str, str], clip_filter: ClipFilter) -> Page:
    if "at" in args:
        return catalog().clips.around(clip_filter, place(args["at"], "at"), limit=PAGE)
    after = wire.position(args["after"], "after") if "after" in args else None
    before = wire.position(args["before"], "before") if "before" in args and after is None else None
    return catalog().clips.find(clip_filter, limit=PAGE, after=after, before=before)


def _nearest(clip_filter: ClipFilter, args: MultiDict[str, str]) -> list[tuple[bool, str, Clip]]:
    """Where a filter finds nothing: the clips of the same cameras just before and just after its days."""
    at = clip_filter.to_at or clip_filter.from_at
    if at is None:
        return []
    nearest = []
    around = catalog().clips.around(
        ClipFilter(cameras=clip_filter.cameras), place(serialize.utc(at), "at"), limit=2
    )
    for clip in around.clips:
        day = clip.started_at.astimezone(state().zone).date()
        nearest.append((clip.started_at >= at, address(args, only_days=(day, day)), clip))
    return nearest


@route(bp, "/watch", role=Role.VIEW, page=True)
def watch_from() -> Response:
    """On to the first clip to watch of what a filter shows: from a moment on, else the oldest.

    Where nothing is asked for, that is the first one of the newest day.
    """
    args = request.args
    clip_filter = scoped(read_filter(question_of(args)))
    if "at" in args:
        clips = (
            catalog().clips.around(clip_filter, place(args["at"], "at"), limit=2, newest_first=False).clips[::-1]
        )
    elif question_of(args):
        clips = catalog().clips.find(clip_filter, limit=1, newest_first=False).clips
    else:
        clips = catalog().clips.find(clip_filter, limit=1).clips
        for newest in clips:
            midnight = datetime.combine(newest.started_at.astimezone(zone()).date(), time(), zone())
            day = msgspec.structs.replace(clip_filter, from_at=midnight.astimezone(UTC))
            clips = catalog().clips.find(day, limit=1, newest_first=False).clips
    if not clips:
        return wire.see_other(address(args))
    to = watch_url(clips[0], args)
    return wire.see_other(f"{to}{'&' if '?' in to else '?'}all=yes")


@route(bp, "/watch/<int:clip_id>", role=Role.VIEW, page=True)
def watch(clip_id: int) -> Response:
    """One clip with its player; the filter decides which clips are next to it."""
    args = request.args
    question = question_of(args)
    clip_filter = scoped(read_filter(question))
    clip = visible(catalog().clips.get(bounded(clip_id)))
    around = neighbours_of(current_request(), clip, clip_filter, limit=BESIDE)
    gone = clip.state in {ClipState.MISSING, ClipState.RETIRED}
    response = html(
        "watch.html",
        clip=clip,
        card=cards.card(clip, watch_url(clip, args), zone()),
        media=clip.media_info,
        question=urlencode([*question.items(multi=True)]),
        sprite=None if clip.sprite is None else f"{request.script_root}/renditions/{clip.sprite.name}",
        copies=state().services.settings.proxy.make != "off" and clip.state is ClipState.READY,
        proxy=None if clip.proxy is None else f"{request.script_root}/renditions/{clip.proxy}",
        older=watch_url(around.before[0], args) if around.before else None,
        newer=watch_url(around.after[0], args) if around.after else None,
        strip=[cards.card(one, watch_url(one, args), zone()) for one in around.row(clip)],
        others=[cards.card(other, watch_url(other, args), zone()) for other in around.others],
        side=side_address([clip.camera, *(other.camera for other in around.others)], clip.started_at),
        back=address(args, at=serialize.utc(clip.started_at))
        if "Referer" not in request.headers
        else address(args),
        day=url_for("days.day", day=clip.started_at.astimezone(zone()).date().isoformat()),
        labels=[
            name for name, _ in sorted(catalog().labels.counts(principal().cameras), key=lambda pair: -pair[1])
        ],
        gone=gone,
        unsorted=clip.camera == UNSORTED and "/" not in clip.key,  # a folder may be called so
        away=state().away([clip]).get(clip.id),
        live_url=state().services.settings.live.url_of(clip.camera),
        binned=clip.state is ClipState.RETIRED and Retention.of(state().services).in_bin(clip.id),
    )
    response.status_code = 410 if clip.state is ClipState.RETIRED else 200
    return response


@route(bp, "/review", role=Role.LABEL, page=True)
def review() -> Response:
    """Clips without labels, one after another, for somebody who labels them."""
    cameras = MultiDict([("camera", camera) for camera in request.args.getlist("camera") if camera])
    return html(
        "review.html",
        cameras=cameras.getlist("camera"),
        browse=address(cameras),
        as_list=address(cameras, unlabeled="true"),
    )


def _chips(args: MultiDict[str, str]) -> list[tuple[str, str]]:
    """The parts of the filter in words, each with the address without it."""
    parts = [(name, value) for name, value in args.items(multi=True) if name in FILTERS and value]
    return [(_chip(name, value), address(args, without=(name, value))) for name, value in parts]


def _chip(name: str, value: str) -> str:
    """A part of the filter in words."""
    if name == "min_confidence":
        return _("sure from %(share)s on", share=cards.percent(value))
    if name in {"from", "to"} and "T" in value:
        value = moment(wire.moment(value, name).astimezone(zone()))
    words = {
        "not_label": _("not %(label)s", label=value),
        "author": _("by %(author)s", author=value),
        "from": _("from %(day)s", day=value),
        "to": _("to %(day)s", day=value),
        "light": {"day": _("day"), "twilight": _("twilight"), "night": _("night")}.get(value, value),
        "held": _("kept"),
        "unlabeled": _("without label"),
        "seen": _("not seen yet"),
        "camera": names.called(value),
    }
    return words.get(name, f"“{value}”" if name == "q" else value)
