"""Words that the search box understands, by language: another one is another entry of LANGUAGES."""

from __future__ import annotations

from typing import NamedTuple


class Language(NamedTuple):
    """The words of one."""

    no: str  # before a label that is not wanted
    either: str  # between two, of which any is
    filler: str  # that mean nothing by themselves
    light: dict[str, str]
    days: dict[str, tuple[int, int]]  # phrases: from how many days ago, until how many
    weekdays: str  # from Monday on
    last: str  # before a weekday, or a number of days
    this_week: str
    last_week: str
    this_month: str
    last_month: str
    units: dict[str, int]  # days


LANGUAGES = {
    "en": Language(
        no="not no without except",
        either="or",
        filler="and at in on the a an with from of by during",
        light={"night": "night", "day": "day", "daytime": "day", "twilight": "twilight", "dusk": "twilight"},
        days={"today": (0, 0), "yesterday": (1, 1)},
        weekdays="monday tuesday wednesday thursday friday saturday sunday",
        last="last past",
        this_week="this week",
        last_week="last week",
        this_month="this month",
        last_month="last month",
        units={"day": 1, "days": 1, "week": 7, "weeks": 7},
    ),
    "de": Language(
        no="nicht kein keine keinen ohne außer",
        either="oder",
        filler="und am im in an bei der die das den dem ein eine mit von vom",
        light={"nacht": "night", "nachts": "night", "tag": "day", "tagsüber": "day", "dämmerung": "twilight"},
        days={"heute": (0, 0), "gestern": (1, 1), "vorgestern": (2, 2)},
        weekdays="montag dienstag mittwoch donnerstag freitag samstag sonntag",
        last="letzte letzten letzter letztes vergangene vergangenen",
        this_week="diese woche",
        last_week="letzte woche",
        this_month="diesen monat",
        last_month="letzten monat",
        units={"tag": 1, "tage": 1, "tagen": 1, "woche": 7, "wochen": 7},
    ),
    "es": Language(
        no="sin excepto",
        either="o",
        filler="y en el la los las con de del por un una",
        light={"noche": "night", "día": "day", "crepúsculo": "twilight"},
        days={"hoy": (0, 0), "ayer": (1, 1), "anteayer": (2, 2)},
        weekdays="lunes martes miércoles jueves viernes sábado domingo",
        last="último últimos última últimas pasado",
        this_week="esta semana",
        last_week="semana pasada",
        this_month="este mes",
        last_month="mes pasado",
        units={"día": 1, "días": 1, "semana": 7, "semanas": 7},
    ),
    "fr": Language(
        no="pas sans sauf",
        either="ou",
        filler="et le la les du de des au aux avec un une dans",
        light={"nuit": "night", "jour": "day", "crépuscule": "twilight"},
        days={"aujourd hui": (0, 0), "hier": (1, 1), "avant hier": (2, 2)},
        weekdays="lundi mardi mercredi jeudi vendredi samedi dimanche",
        last="dernier derniers dernière dernières",
        this_week="cette semaine",
        last_week="semaine dernière",
        this_month="ce mois",
        last_month="mois dernier",
        units={"jour": 1, "jours": 1, "semaine": 7, "semaines": 7},
    ),
    "it": Language(
        no="non senza tranne",
        either="o oppure",
        filler="e il lo la i gli le di del della con da in un una",
        light={"notte": "night", "giorno": "day", "crepuscolo": "twilight"},
        days={"oggi": (0, 0), "ieri": (1, 1), "altroieri": (2, 2)},
        weekdays="lunedì martedì mercoledì giovedì venerdì sabato domenica",
        last="ultimo ultimi ultima ultime scorso scorsa",
        this_week="questa settimana",
        last_week="settimana scorsa",
        this_month="questo mese",
        last_month="mese scorso",
        units={"giorno": 1, "giorni": 1, "settimana": 7, "settimane": 7},
    ),
    "nl": Language(
        no="niet geen zonder behalve",
        either="of",
        filler="en op in aan bij de het een met van",
        light={"nacht": "night", "overdag": "day", "schemering": "twilight"},
        days={"vandaag": (0, 0), "gisteren": (1, 1), "eergisteren": (2, 2)},
        weekdays="maandag dinsdag woensdag donderdag vrijdag zaterdag zondag",
        last="laatste afgelopen vorige",
        this_week="deze week",
        last_week="vorige week",
        this_month="deze maand",
        last_month="vorige maand",
        units={"dag": 1, "dagen": 1, "week": 7, "weken": 7},
    ),
    "pl": Language(
        no="nie bez oprócz",
        either="lub albo",
        filler="i w we z ze na przy od do",
        light={"noc": "night", "nocą": "night", "dzień": "day", "zmierzch": "twilight"},
        days={"dzisiaj": (0, 0), "dziś": (0, 0), "wczoraj": (1, 1), "przedwczoraj": (2, 2)},
        weekdays="poniedziałek wtorek środa czwartek piątek sobota niedziela",
        last="ostatni ostatnie ostatnia ostatnich zeszły",
        this_week="ten tydzień",
        last_week="zeszły tydzień",
        this_month="ten miesiąc",
        last_month="zeszły miesiąc",
        units={"dzień": 1, "dni": 1, "tydzień": 7, "tygodnie": 7, "tygodni": 7},
    ),
}
