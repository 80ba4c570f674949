"""The web page: HTML that works without scripts, which the modules in static/ then make quicker to use.

What all pages share; the pages themselves are in `browse.py`, `day.py`, `side.py` and `status.py`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import Blueprint, Response, g, make_response, render_template, request, url_for
from markupsafe import Markup
from werkzeug.datastructures import MultiDict

from watcher.model import serialize
from watcher.model.access import ANYBODY, Role, new_secret
from watcher.model.clip import Clip
from watcher.model.errors import BadParameterError
from watcher.web.api.health import trouble_counts
from watcher.web.http.cookies import BROWSER_COOKIE
from watcher.web.http.forwarded import FRAMED
from watcher.web.http.state import state
from watcher.web.page import cards, dates, language, names
from watcher.web.page.language import gettext as _

FILTERS = (
    "camera",
    "label",
    "not_label",
    "author",
    "min_confidence",
    "q",
    "light",
    "held",
    "unlabeled",
    "seen",
    "from",
    "to",
)  # that the page has
ZONE_COOKIE = "watcher_zone"  # the zone that a person wants to see times in, if not the site's
_KEPT = timedelta(days=400)  # longer than which no browser keeps a cookie
_STYLES = ("tokens.css", "forms.css", "layout.css")  # of every screen
_OWN_STYLES = {
    "watch.html": ("card.css", "player.css", "about.css"),
    "browse.html": ("card.css", "player.css", "about.css", "empty.css"),
    "review.html": ("card.css", "player.css", "about.css", "empty.css"),
    "day.html": ("player.css", "timeline.css"),
    "side.html": ("timeline.css", "side.css"),
    "status.html": ("card.css", "status.css"),
    "docs.html": ("docs.css",),
    **dict.fromkeys(("offline.html", "problem.html", "sign_in.html"), ("empty.css",)),
}
_SHARED = ("api.js", "elements.js", "keys.js", "texts.js", "times.js")
_WATCH = (
    *_SHARED,
    "about.js",
    "calendar.js",
    "card.js",
    "controls.js",
    "made.js",
    "player.js",
    "seek.js",
    "seen.js",
    "sprite.js",
)
_LANES = (
    "axis.js",
    "calendar.js",
    "controls.js",
    "footage.js",
    "hands.js",
    "lanes.js",
    "names.js",
    "pane.js",
    "span.js",
    "stage.js",
)
_MODULES = {  # what a screen's module imports, told at once so that a browser need not find out step by step
    "browse.html": (*_WATCH, "grid.js", "live.js", "rail.js", "select.js", "watch.js"),
    "watch.html": _WATCH,
    "day.html": (*_SHARED, *_LANES, "card.js", "live.js", "made.js"),
    "side.html": (
        *_SHARED,
        "axis.js",
        "calendar.js",
        "card.js",
        "controls.js",
        "footage.js",
        "group.js",
        "live.js",
        "pane.js",
    ),
    "status.html": _SHARED,
    "review.html": (*_WATCH, "watch.js"),
}
_OF_A_VIEW = {"before", "after", "at", "t", "span", "all"}  # not of the filter
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)

_CSP_FRAMED = _CSP.replace("frame-ancestors 'none'", "frame-ancestors 'self'")


def page_blueprint(name: str) -> Blueprint:
    """A blueprint of pages."""
    blueprint = Blueprint(name, __name__)
    blueprint.add_app_template_filter(cards.size, "size")
    blueprint.add_app_template_filter(cards.codec_name, "codec_name")
    blueprint.add_app_template_filter(cards.clips_of, "clips")
    blueprint.add_app_template_filter(cards.percent, "percent")
    for spoken in (names.called, names.titled, names.named, *_WORDS):
        blueprint.add_app_template_filter(spoken, spoken.__name__)
    for word, speaks in (("_", language.gettext), ("ngettext", language.ngettext), ("pgettext", language.pgettext)):
        blueprint.add_app_template_global(speaks, word)
    blueprint.add_app_template_global(choices)
    return blueprint


_WORDS = (
    language.number,
    language.translated,
    dates.clock,
    dates.clock_parts,
    dates.day_of,
    dates.day_short,
    dates.day_title,
    dates.hour,
    dates.moment,
    dates.near,
)


def choices() -> list[tuple[str, str, str, list[tuple[str, str]]]]:
    """What can be chosen of how pages speak: a field, its words, what was chosen, and what there is."""
    clocks = [("", _("as usual here")), ("24", "16:05"), ("12", "4:05 PM")]
    weeks = [("", _("as usual here")), *((name, dates.weekday_of(day)) for name, day in language.WEEKS.items())]
    fields = (
        (
            "language",
            _("Language"),
            language.LANGUAGE_COOKIE,
            [("", _("as the browser asks")), *language.LANGUAGES.items()],
        ),
        ("clock", _("Times"), language.CLOCK_COOKIE, clocks),
        ("week", _("The week begins on"), language.WEEK_COOKIE, weeks),
    )
    return [(name, words, request.cookies.get(cookie, ""), values) for name, words, cookie, values in fields]


def error_page(status: int, title: str, detail: str) -> Response:
    """What went wrong, with a way out."""
    response = html("problem.html", title=title, detail=detail)
    response.status_code = status
    return response


def html(template: str, **values: Any) -> Response:
    """A page of ours, with the headers that every page has."""

    def asset(name: str) -> str:
        return f"{request.script_root}/static/{state().assets}/{name}"

    def icon(name: str) -> Markup:
        """A picture of the sprite; its words are the button's."""
        return Markup('<svg class="i" aria-hidden="true"><use href="{}#{}"/></svg>').format(
            asset("icons.svg"), name
        )

    principal = g.get("principal")  # not asked for here: the page to sign in is for those who are nobody yet
    text = render_template(
        template,
        asset=asset,
        icon=icon,
        styles=(*_STYLES, *_OWN_STYLES.get(template, ())),
        preload=_MODULES.get(template, ()),
        zone=str(zone()),
        speech=language.speech(),
        settings_of_cameras=names.for_scripts(),
        carried=carried(request.args),
        site_zone=state().zone_name,
        signed_in=principal.name if principal is not None and principal is not ANYBODY else None,
        bin_days=state().services.settings.retention.bin_days,
        may={role.value for role in Role if principal is not None and principal.may(role)},
        **{"trouble": lambda: cards.wrong(*trouble_counts()), **values},  # asked for where the bar is shown
    )
    response = make_response(text)
    response.headers["Content-Security-Policy"] = _CSP_FRAMED if FRAMED in request.environ else _CSP
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "no-cache"
    response.vary.update(("Accept-Language", "Cookie"))
    if state().services.settings.auth.mode == "open" and BROWSER_COOKIE not in request.cookies:
        # Nobody signs in: each browser is somebody, as to what it has seen.
        remember(response, BROWSER_COOKIE, new_secret())
    return response


def remember(response: Response, cookie: str, value: str) -> None:
    """Let this browser keep a value for the pages, out of reach of scripts; an empty one is forgotten."""
    response.set_cookie(
        cookie,
        value,
        max_age=_KEPT if value else 0,
        path=f"{request.script_root}/",
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
    )


def zone() -> tzinfo:
    """The zone that times are shown in: the site's, or the one that this browser asked for."""
    name = request.cookies.get(ZONE_COOKIE, "")
    try:
        return ZoneInfo(name) if name else state().zone
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return state().zone


def question_of(args: MultiDict[str, str]) -> MultiDict[str, str]:
    """The API's question for the filter in a page's address: days are the site's, both inclusive."""
    question: MultiDict[str, str] = MultiDict()
    for name, value in args.items(multi=True):
        if name not in FILTERS or not value:
            continue
        question.add(name, _edge(value, name) if name in {"from", "to"} else value)
    return question


def _edge(text: str, parameter: str) -> str:
    if "T" in text:
        return text
    try:
        day = date.fromisoformat(text) + timedelta(days=1 if parameter == "to" else 0)
        return serialize.utc(datetime.combine(day, time(), state().zone).astimezone(UTC))
    except (ValueError, OverflowError):
        raise BadParameterError(parameter, f"{text!r} is not a day, such as 2026-11-21.") from None


def address(
    args: MultiDict[str, str],
    *,
    without: tuple[str, str] | None = None,
    only_days: tuple[date, date] | None = None,
    **changes: str,
) -> str:
    """The browse page under the same filter, or one changed; parameters that we do not know are kept."""
    parameters = [(name, value) for name, value in args.items(multi=True) if name not in _OF_A_VIEW and value]
    if without in parameters:
        parameters.remove(without)
    if only_days is not None:
        parameters = [(name, value) for name, value in parameters if name not in {"from", "to"}]
        parameters += [("from", only_days[0].isoformat()), ("to", only_days[1].isoformat())]
    return url_for("browsing.browse") + tail([*parameters, *changes.items()])


def carried(args: MultiDict[str, str]) -> str:
    """What the ways between screens take along: the filter, and where one is in time."""
    return tail([(name, value) for name, value in args.items(multi=True) if name in (*FILTERS, "at") and value])


def tail(question: list[tuple[str, str]]) -> str:
    """A question as the end of an address; nothing for an empty one."""
    return f"?{urlencode(question)}" if question else ""


def watch_url(clip: Clip, args: MultiDict[str, str]) -> str:
    """The page of one clip under the filter of this one."""
    return url_for("browsing.watch", clip_id=clip.id) + address(args).removeprefix(url_for("browsing.browse"))


def watch_all(args: MultiDict[str, str], *, only_days: tuple[date, date] | None = None) -> str:
    """Where one clip after another of a filter is watched, or of one of its days."""
    question = address(args, only_days=only_days).removeprefix(url_for("browsing.browse"))
    return url_for("browsing.watch_from") + question
