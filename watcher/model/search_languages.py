"""Words that the search box understands, by language: another one is another entry of LANGUAGES.

Words are separated by spaces, those of a phrase joined by `_`. Accents and capitals do not matter (`fold`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from watcher.model.search_words import fold

Phrases = tuple[tuple[str, ...], ...]  # each the words of one


class Language(NamedTuple):
    """The words of one."""

    no: str  # before a label that is not wanted
    either: str  # between two, of which any is
    filler: str  # that mean nothing by themselves
    night: str  # by the light
    day: str
    twilight: str
    days: tuple[str, ...]  # today, yesterday, the day before
    parts: tuple[str, ...]  # morning, afternoon, evening, night
    moments: dict[tuple[int, int], str]  # how many days ago, which of the parts
    weekdays: tuple[str, ...]  # from Monday on
    months: tuple[str, ...]  # from January on
    weekend: str
    this: str  # before or behind a week, a weekday, a month
    last: str  # the same, and with a number of days
    ago: str  # before or behind a number of days
    units: tuple[str, ...]  # day, week, month, year
    numbers: tuple[str, ...]  # from one on
    at: str  # before a time of day
    oclock: str = ""  # behind an hour


def phrases(words: str) -> Phrases:
    """Some, the longest first.

    >>> phrases("hier avant_hier")
    (('avant', 'hier'), ('hier',))
    """
    return tuple(sorted((tuple(fold(word).split("_")) for word in words.split()), key=len, reverse=True))


def _each(words: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in words.split(","))


LANGUAGES = {
    "en": Language(
        no="not no nor neither without except excluding",
        either="or",
        filler="and at in on the a an with from of by during",
        night="night nights nighttime",
        day="day daytime daylight",
        twilight="twilight dusk dawn",
        days=_each("today, yesterday, day_before_yesterday"),
        parts=_each("morning, afternoon, evening, night"),
        moments={(0, 3): "tonight"},
        weekdays=_each("monday, tuesday, wednesday, thursday, friday, saturday, sunday"),
        months=_each(
            "january, february, march, april, may, june, july, august, september, october, november, december"
        ),
        weekend="weekend",
        this="this",
        last="last past previous",
        ago="ago",
        units=_each("day days, week weeks, month months, year years"),
        numbers=_each("one a, two, three, four, five, six, seven, eight, nine, ten"),
        at="at",
    ),
    "de": Language(
        no="nicht kein keine keinen keiner keinem weder noch ohne außer",
        either="oder",
        filler="und am im in an auf bei beim der die das den dem des ein eine einen einem einer mit von vom hier",
        night="nacht nachts",
        day="tag tags tagsüber tagsueber",
        twilight="dämmerung daemmerung morgendämmerung abenddämmerung",
        days=_each("heute, gestern, vorgestern"),
        parts=_each(
            "morgen morgens früh frueh vormittag vormittags, nachmittag nachmittags mittag mittags, "
            "abend abends, nacht nachts"
        ),
        moments={},
        weekdays=_each(
            "montag montags, dienstag dienstags, mittwoch mittwochs, donnerstag donnerstags, freitag freitags, "
            "samstag samstags sonnabend sonnabends, sonntag sonntags"
        ),
        months=_each(
            "januar jänner, februar, märz maerz, april, mai, juni, juli, august, september, oktober, november, "
            "dezember"
        ),
        weekend="wochenende",
        this="diese dieser diesen diesem dieses",
        last="letzte letzten letzter letztem letztes vergangene vergangenen vergangener vergangenes vorige vorigen "
        "voriger voriges",
        ago="vor",
        units=_each(
            "tag tage tagen, woche wochen, monat monate monaten monats, jahr jahre jahren jahres"
        ),
        numbers=_each("ein eine einen einem einer, zwei, drei, vier, fünf fuenf, sechs, sieben, acht, neun, zehn"),
        at="um",
        oclock="uhr",
    ),
    "es": Language(
        no="sin excepto no ni menos",
        either="o u",
        filler="y en el la los las con de del por un una al a",
        night="noche noches nocturno nocturna",
        day="día",
        twilight="crepúsculo anochecer atardecer amanecer",
        days=_each("hoy, ayer, anteayer antier antes_de_ayer"),
        parts=_each("mañana, tarde, anochecer, noche"),
        moments={(1, 3): "anoche", (2, 3): "anteanoche"},
        weekdays=_each("lunes, martes, miércoles, jueves, viernes, sábado, domingo"),
        months=_each(
            "enero, febrero, marzo, abril, mayo, junio, julio, agosto, septiembre setiembre, octubre, noviembre, "
            "diciembre"
        ),
        weekend="fin_de_semana finde",
        this="este esta estos estas",
        last="último últimos última últimas pasado pasada pasados pasadas",
        ago="hace",
        units=_each("día días, semana semanas, mes meses, año años"),
        numbers=_each("un uno una, dos, tres, cuatro, cinco, seis, siete, ocho, nueve, diez"),
        at="a_las a_la",
    ),
    "fr": Language(
        no="pas ni sans sauf excepté",
        either="ou",
        filler="et le la les l du de des d au aux à avec un une dans en sur par",
        night="nuit nuits nocturne",
        day="jour journée",
        twilight="crépuscule aube",
        days=_each("aujourd_hui aujourdhui, hier, avant_hier"),
        parts=_each("matin matinée, après_midi, soir soirée, nuit"),
        moments={},
        weekdays=_each("lundi, mardi, mercredi, jeudi, vendredi, samedi, dimanche"),
        months=_each(
            "janvier, février, mars, avril, mai, juin, juillet, août, septembre, octobre, novembre, décembre"
        ),
        weekend="week_end weekend",
        this="ce cet cette ces",
        last="dernier derniers dernière dernières passé passée précédent précédente",
        ago="il_y_a",
        units=_each("jour jours, semaine semaines, mois, an ans année années"),
        numbers=_each("un une, deux, trois, quatre, cinq, six, sept, huit, neuf, dix"),
        at="à",
    ),
    "it": Language(
        no="non né senza tranne eccetto",
        either="o od oppure",
        filler="e ed il lo la l i gli le di del della dei delle dello con da dal dalla in nel nella nei negli "
        "nelle al alla a un una uno per",
        night="notte notti notturno",
        day="giorno",
        twilight="crepuscolo tramonto alba",
        days=_each("oggi, ieri, altroieri altro_ieri avantieri"),
        parts=_each("mattina mattino mattinata, pomeriggio, sera serata, notte"),
        moments={(0, 0): "stamattina stamani stamane", (0, 2): "stasera", (0, 3): "stanotte"},
        weekdays=_each("lunedì, martedì, mercoledì, giovedì, venerdì, sabato, domenica"),
        months=_each(
            "gennaio, febbraio, marzo, aprile, maggio, giugno, luglio, agosto, settembre, ottobre, novembre, "
            "dicembre"
        ),
        weekend="fine_settimana weekend",
        this="quest questo questa questi queste",
        last="ultimo ultimi ultima ultime scorso scorsa scorsi scorse passato passata",
        ago="fa",
        units=_each("giorno giorni, settimana settimane, mese mesi, anno anni"),
        numbers=_each("un uno una, due, tre, quattro, cinque, sei, sette, otto, nove, dieci"),
        at="alle ore",
    ),
    "nl": Language(
        no="niet geen noch zonder behalve",
        either="of",
        filler="en op in aan bij de het een met van s t hier",
        night="nacht nachts nachten",
        day="overdag dag",
        twilight="schemering ochtendschemering avondschemering",
        days=_each("vandaag, gisteren, eergisteren"),
        parts=_each(
            "ochtend ochtends morgen morgens voormiddag, middag middags namiddag, avond avonds, nacht nachts"
        ),
        moments={
            (0, 0): "vanmorgen vanochtend", (0, 1): "vanmiddag", (0, 2): "vanavond", (0, 3): "vannacht",
            (1, 0): "gisterochtend gisterenochtend gistermorgen", (1, 1): "gistermiddag gisterenmiddag",
            (1, 2): "gisteravond gisterenavond", (1, 3): "gisternacht gisterennacht",
        },
        weekdays=_each("maandag, dinsdag, woensdag, donderdag, vrijdag, zaterdag, zondag"),
        months=_each(
            "januari, februari, maart, april, mei, juni, juli, augustus, september, oktober, november, december"
        ),
        weekend="weekend weekeinde",
        this="deze dit",
        last="laatste afgelopen vorige vorig voorbije",
        ago="geleden",
        units=_each("dag dagen, week weken, maand maanden, jaar jaren"),
        numbers=_each("een één, twee, drie, vier, vijf, zes, zeven, acht, negen, tien"),
        at="om",
        oclock="uur",
    ),
    "pl": Language(
        no="nie ani bez oprócz",
        either="lub albo czy",
        filler="i w we z ze na przy od do",
        night="noc nocą nocy noce",
        day="dzień dniem",
        twilight="zmierzch zmierzchu świt świcie",
        days=_each("dzisiaj dziś, wczoraj, przedwczoraj"),
        parts=_each("rano ranek poranek, popołudnie popołudniu po_południu, wieczór wieczorem, noc nocą nocy"),
        moments={},
        weekdays=_each(
            "poniedziałek, wtorek, środa środę, czwartek, piątek, sobota sobotę, niedziela niedzielę"
        ),
        months=_each(
            "styczeń stycznia styczniu, luty lutego lutym, marzec marca marcu, kwiecień kwietnia kwietniu, "
            "maj maja maju, czerwiec czerwca czerwcu, lipiec lipca lipcu, sierpień sierpnia sierpniu, "
            "wrzesień września wrześniu, październik października październiku, listopad listopada listopadzie, "
            "grudzień grudnia grudniu"
        ),
        weekend="weekend weekendu",
        this="ten ta to tym tego tej",
        last="ostatni ostatnia ostatnie ostatnich ostatniego ostatniej ostatnim ostatnią zeszły zeszła zeszłe "
        "zeszłym zeszłego zeszłej zeszłą ubiegły ubiegła ubiegłym ubiegłego ubiegłej poprzedni poprzednim",
        ago="temu",
        units=_each(
            "dzień dni dnia, tydzień tygodnie tygodni tygodniu tygodnia, "
            "miesiąc miesiące miesięcy miesiącu miesiąca, rok roku lata lat"
        ),
        numbers=_each("jeden jedna, dwa dwie, trzy, cztery, pięć, sześć, siedem, osiem, dziewięć, dziesięć"),
        at="o godz",
    ),
}  # fmt: skip


def _compounds() -> dict[str, tuple[str, ...]]:
    pairs = (
        (fold(day), fold(part))
        for language in LANGUAGES.values()
        for day in " ".join(language.weekdays).split()
        for part in " ".join(language.parts).split()
    )
    return {day + part: (day, part) for day, part in pairs}


COMPOUNDS = _compounds()  # a weekday and a part of it in one word: `maandagochtend`, `Montagabend`


class Words(NamedTuple):
    """The phrases of a language, ready to be compared."""

    filler: Phrases
    this: Phrases
    last: Phrases
    ago: Phrases
    weekend: Phrases
    days: tuple[Phrases, ...]
    parts: tuple[Phrases, ...]
    weekdays: tuple[Phrases, ...]
    months: tuple[Phrases, ...]
    units: tuple[Phrases, ...]
    numbers: tuple[Phrases, ...]
    moments: tuple[tuple[tuple[int, int], Phrases], ...]

    @property
    def lasting(self) -> tuple[Phrases, ...]:
        """What "last" is of where it stands before it: `night last week`."""
        return (self.weekend, *self.weekdays, *self.months, *self.units)


@lru_cache
def words_of(name: str) -> Words:
    """Those of a language that tell the time."""
    language = LANGUAGES[name]
    several = {
        field: tuple(map(phrases, getattr(language, field)))
        for field in ("days", "parts", "weekdays", "months", "units", "numbers")
    }
    single = {field: phrases(getattr(language, field)) for field in ("filler", "this", "last", "ago", "weekend")}
    moments = tuple((when, phrases(text)) for when, text in language.moments.items())
    return Words(**single, **several, moments=moments)  # type: ignore[arg-type]  # by their names
