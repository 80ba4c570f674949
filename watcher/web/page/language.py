"""In which language, and by which clock, a page speaks: as somebody chose, else as their browser asks.

Texts stand in the code in English. Their catalogues are `web/languages/*.po`; `make messages` compiles them, beside
them for gettext and into `static/language-*.js` for scripts. One is read when the first person asks for it.
"""

from __future__ import annotations

import functools
import gettext as catalogues
from pathlib import Path
from typing import Any, NamedTuple

from flask import g, has_request_context, request
from markupsafe import Markup, escape

FOLDER = Path(__file__).parent.parent / "languages"
LANGUAGE_COOKIE, CLOCK_COOKIE, WEEK_COOKIE = "watcher_language", "watcher_clock", "watcher_week"
CLOCKS = {"24": False, "12": True}
WEEKS = {"monday": 1, "saturday": 6, "sunday": 7}  # as ISO 8601 numbers the day that a week begins with


def _countries(codes: str) -> frozenset[str]:
    return frozenset(codes.split())


# Where another clock or week is in use than "24" and Monday, as CLDR has it.
_TWELVE = {
    "en": _countries(
        "AE AG AS AU BB BM BS CA CY DM ER FJ FM GD GH GM GU GY HK IN JM KI KN KY LC LR LS MH MO MP MW MY NA NZ PG "
        "PH PK PR PW SB SD SG SL SS SZ TC TO TT UM US VC VG VI VU WS"
    ),
    "es": _countries("BO CO CR CU DO EC GT HN MX NI PA PE PH PR SV US VE"),
    "fr": _countries("DJ DZ MR SY TD TN VU"),
}
_SUNDAY = _countries(
    "AG AS BR BS BW BZ CA CO DM DO GT GU HK HN ID IL IN JM JP KE KR MH MO MT MX NI PA PE PH PK PR PT PY SG SV TT "
    "TW UM US VE VI WS ZA ZW"
)
_FIRST = {**dict.fromkeys(_SUNDAY, 7), **dict.fromkeys(_countries("DJ DZ SD SY"), 6), "MV": 5}


class Numbers(NamedTuple):
    """How numbers are written."""

    thousands: str
    point: str
    shortest: int  # digits of the first number that is divided by thousands


LANGUAGES = {  # each by its own name, in the order of the chooser
    "de": "Deutsch",
    "en": "English",
    "es": "Español",
    "fr": "Français",
    "it": "Italiano",
    "nl": "Nederlands",
    "pl": "Polski",
}
_NUMBERS = {
    "de": Numbers(".", ",", 4),
    "en": Numbers(",", ".", 4),
    "es": Numbers(".", ",", 5),
    "fr": Numbers("\u202f", ",", 4),
    "it": Numbers(".", ",", 5),
    "nl": Numbers(".", ",", 4),
    "pl": Numbers("\u00a0", ",", 5),
}


class Speech(NamedTuple):
    """How a page speaks to whoever looks at it."""

    language: str = "en"
    twelve: bool = False  # hours from 1 to 12
    week: int = 1  # with which day it begins, as ISO 8601 numbers it


@functools.cache
def catalogue(language: str) -> catalogues.NullTranslations:
    """The texts of a language; English ones are their own."""
    if language == "en":
        return catalogues.NullTranslations()
    with (FOLDER / f"{language}.mo").open("rb") as file:
        return catalogues.GNUTranslations(file)


def speech() -> Speech:
    """How to speak in this request; English outside of one."""
    if not has_request_context():
        return Speech()
    if "speech" not in g:
        g.speech = _speech()
    known: Speech = g.speech
    return known


def _speech() -> Speech:
    cookies = request.cookies
    accepted = [
        tag.lower() for tag, quality in request.accept_languages if quality
    ]  # what is liked best comes first
    language = cookies.get(LANGUAGE_COOKIE, "")
    if language not in LANGUAGES:
        language = next((tag[:2] for tag in accepted if tag.partition("-")[0] in LANGUAGES), "en")
    # The clock and the week are those of the country whose kind of the language is asked for.
    tag = next((tag for tag in accepted if tag.partition("-")[0] == language), language)
    region = tag.rpartition("-")[2].upper()
    return Speech(
        language,
        CLOCKS.get(cookies.get(CLOCK_COOKIE, ""), region in _TWELVE.get(language, frozenset())),
        WEEKS.get(cookies.get(WEEK_COOKIE, ""), _FIRST.get(region, 1)),
    )


def gettext(text: str, **values: Any) -> str:
    """A text in the language that is spoken, with values in it (`%(name)s`; `%%` is a percent sign).

    Texts are no markup: what is markup comes in as a value, and the text around it is escaped then.
    """
    return _filled(catalogue(speech().language).gettext(text), values)


def pgettext(context: str, text: str, **values: Any) -> str:
    """The same of a text that means something else elsewhere."""
    return _filled(catalogue(speech().language).pgettext(context, text), values)


def ngettext(single: str, several: str, count: int, **values: Any) -> str:
    """The same of a text with a number in it, `%(count)s`, by which its form goes."""
    text = catalogue(speech().language).ngettext(single, several, count)
    return _filled(text, {"count": number(count), **values})


def translated(text: str | None) -> str | None:
    """What another room says, in the language that is spoken where a catalogue knows it; as it is where not."""
    return catalogue(speech().language).gettext(text) if text else text


def _filled(text: str, values: dict[str, Any]) -> str:
    if any(isinstance(value, Markup) for value in values.values()):
        return escape(text) % values
    return text % values


def number(value: float, digits: int = 0) -> str:
    """A number with so many digits behind its point, as it is written in the language that is spoken.

    >>> number(1204), number(5.296, 1)
    ('1,204', '5.3')
    """
    numbers = _NUMBERS[speech().language]
    whole, _, rest = f"{value:.{digits}f}".partition(".")
    if len(whole.lstrip("-")) >= numbers.shortest:
        whole = f"{int(whole):,}".replace(",", numbers.thousands)
    return f"{whole}{numbers.point}{rest}" if rest else whole
