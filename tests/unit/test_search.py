"""What is typed into the search box, as filters."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tests.messages import read
from watcher.model.search import understand
from watcher.model.search_languages import LANGUAGES

NOW = datetime(2026, 11, 25, 14, 30, tzinfo=UTC)  # a Wednesday
LABELS = ["person", "dog", "cat", "car", "Red fox", "bus", "bird"]
CAMERAS = {name: name for name in ("porch", "back yard", "Cam-2", "night")} | {"Front door": "porch"}


@pytest.mark.parametrize(
    ("text", "filters"),
    [
        ("person porch last week", "label=person camera=porch from=2026-11-16 to=2026-11-22"),
        ("dog or cat", "label=dog label=cat"),
        ("not car", "not_label=car"),
        (
            "dogs or cats in the back yard today",
            "label=dog label=cat camera=back yard from=2026-11-25 to=2026-11-25",
        ),
        ("red foxes", "q=red+foxes"),
        ("red fox yesterday", "label=Red fox from=2026-11-24 to=2026-11-24"),
        ("person dog", "label=person q=dog"),  # both
        ("cam-2 at day", "camera=Cam-2 light=day"),
        ("night", "camera=night"),  # a camera of that name comes first
        ("dusk without cat", "light=twilight not_label=cat"),
        ("person semaine dernière", "label=person from=2026-11-16 to=2026-11-22"),
        ("ostatnie 3 dni bez cat", "from=2026-11-23 to=2026-11-25 not_label=cat"),
        ("gisteren dog of cat", "from=2026-11-24 to=2026-11-24 label=dog label=cat"),
        ("person noche ayer", "label=person light=night from=2026-11-24 to=2026-11-24"),
        ("car mercoledì giorno", "label=car from=2026-11-25 to=2026-11-25 light=day"),
        ("Monday", "from=2026-11-23 to=2026-11-23"),
        ("last wednesday", "from=2026-11-18 to=2026-11-18"),
        ("wednesday", "from=2026-11-25 to=2026-11-25"),
        ("last 3 days person", "from=2026-11-23 to=2026-11-25 label=person"),
        ("past 2 weeks", "from=2026-11-12 to=2026-11-25"),
        ("last month", "from=2026-10-01 to=2026-10-31"),
        ("2026-11-21 bus", "from=2026-11-21 to=2026-11-21 label=bus"),
        ("2026-13-41", "q=2026+13+41"),
        ("070000.mp4", "q=070000+mp4"),
        ('"not car" dog', "label=dog q=not+car"),
        ("not tiger", "q=not+tiger"),
        ("or", "q=or"),
        ("hund oder katze gestern", "label=dog label=cat from=2026-11-24 to=2026-11-24"),
        (
            "person nachts letzte woche ohne car",
            "label=person light=night from=2026-11-16 to=2026-11-22 not_label=car",
        ),
        ("PERSON Porch", "label=person camera=porch"),
        ("", ""),
        ("…", ""),
        ("last", "q=last"),
        ("last 99999 days", "q=last+99999+days"),
    ],
)
def test_what_is_meant(text: str, filters: str) -> None:
    """Labels, cameras, light and days; what is none of them are words."""
    result = understand(text, labels=LABELS, cameras=CAMERAS, now=NOW)
    assert (
        " ".join(f"{name}={value.replace(' ', '+') if name == 'q' else value}" for name, value in result) == filters
    )


NIGHTS = "from=2026-11-24T20:00:00.000Z to=2026-11-26T06:00:00.000Z light=night"  # the last one and the next
LAST_NIGHT = "from=2026-11-24T20:00:00.000Z to=2026-11-25T06:00:00.000Z"
EVENING = "from=2026-11-24T17:00:00.000Z to=2026-11-24T23:00:00.000Z"  # yesterday's
MORNING = "from=2026-11-25T05:00:00.000Z to=2026-11-25T12:00:00.000Z"  # today's
MONDAY = "from=2026-11-23T05:00:00.000Z to=2026-11-23T12:00:00.000Z"  # its morning
WEEK, WEEKEND = "from=2026-11-16 to=2026-11-22", "from=2026-11-21 to=2026-11-22"  # the last ones
DAYS = "from=2026-11-23 to=2026-11-25"  # three, until today
AGO = "from=2026-11-22 to=2026-11-22"  # three days
DAY, YESTERDAY = "from=2025-11-21 to=2025-11-21", "from=2026-11-24 to=2026-11-24"
NOVEMBER, MARCH = "from=2025-11-01 to=2025-11-30", "from=2026-03-01 to=2026-03-31"  # of 2025, and the last one
MONTH, YEAR = "from=2026-10-01 to=2026-10-31", "from=2026-01-01 to=2026-11-25"  # the last one, this one
IN_WORDS = {
    "person at night last week": {
        "en": "person night last week; People at night in the last week", "de": "Person nachts letzte Woche",
        "fr": "personne nuit semaine dernière", "es": "persona de noche la semana pasada",
        "it": "persona di notte la settimana scorsa; persone notte scorsa settimana",
        "nl": "persoon 's nachts vorige week; mensen nacht afgelopen week",
        "pl": "osoba w nocy w zeszłym tygodniu; ludzie noc zeszły tydzień",
        "": f"label=person light=night {WEEK}",
    },
    "dog or cat": {
        "en": "dog or cat; dogs or cats; dog, or a cat", "de": "Hund oder Katze; Hunde oder Katzen", "fr": "chien ou chat; les chiens ou les chats",
        "es": "perro o gato; perros o gatas", "it": "cane o gatto; cani oppure gatti", "nl": "hond of kat; honden of katten",
        "pl": "pies lub kot; psy albo koty", "": "label=dog label=cat",
    },
    "dog, cat or bird": {
        "en": "dog, cat or bird", "de": "Hund, Katze oder Vogel", "fr": "chien, chat ou oiseau", "es": "perro, gato o pájaro",
        "it": "cane, gatto o uccello", "nl": "hond, kat of vogel", "pl": "pies, kot lub ptak", "": "label=dog label=cat label=bird",
    },
    "not car": {
        "en": "not car; without a car; no cars", "de": "kein Auto; keine Autos; ohne ein Auto; nicht Auto", "fr": "pas de voiture; sans voitures",
        "es": "sin coche; sin el carro; no coche", "it": "senza auto; non la macchina", "nl": "geen auto; geen auto's; zonder auto",
        "pl": "bez samochodu; nie samochód", "": "not_label=car",
    },
    "neither": {
        "en": "neither dog nor cat; not dog or cat", "de": "weder Hund noch Katze", "fr": "ni chien ni chat; pas de chien ni de chat",
        "es": "ni perro ni gato", "it": "né cane né gatto", "nl": "geen hond of kat", "pl": "ani psa ani kota",
        "": "not_label=dog not_label=cat",
    },
    "last night": {
        "en": "last night", "de": "letzte Nacht; gestern Nacht", "fr": "la nuit dernière", "es": "anoche; ayer por la noche",
        "it": "la notte scorsa", "nl": "gisternacht; afgelopen nacht", "pl": "wczoraj w nocy; zeszłej nocy", "": LAST_NIGHT,
    },
    "this night": {
        "en": "tonight; this night", "de": "heute Nacht; diese Nacht", "fr": "cette nuit", "es": "esta noche; hoy por la noche",
        "it": "stanotte; questa notte", "nl": "vannacht; deze nacht", "pl": "dziś w nocy; tej nocy", "": NIGHTS,
    },
    "yesterday evening": {
        "en": "yesterday evening; yesterday in the evening", "de": "gestern Abend; gestern am Abend", "fr": "hier soir; hier au soir",
        "es": "ayer al anochecer", "it": "ieri sera", "nl": "gisteravond; gisteren avond", "pl": "wczoraj wieczorem", "": EVENING,
    },
    "evening of a day": {
        "en": "evening of 24 november; 24 november in the evening; 2026-11-24 evening",
        "de": "am 24. November abends; abends am Dienstag; 24.11.2026 Abend",
        "fr": "le soir du 24 novembre; 24 novembre au soir",
        "es": "anochecer del 24 de noviembre; 24 de noviembre al anochecer",
        "it": "la sera del 24 novembre; martedì sera",
        "nl": "24 november in de avond; dinsdagavond",
        "pl": "wieczorem we wtorek; 24 listopada wieczorem",
        "": EVENING,
    },
    "this morning": {
        "en": "this morning", "de": "heute Morgen; heute früh; diesen Morgen", "fr": "ce matin", "es": "esta mañana; hoy por la mañana",
        "it": "stamattina; questa mattina", "nl": "vanochtend; deze ochtend", "pl": "dziś rano; dzisiaj rano", "": MORNING,
    },
    "monday morning": {
        "en": "monday morning; on monday in the morning", "de": "Montag früh; Montagmorgen; am Montag Morgen", "fr": "lundi matin; lundi dernier au matin",
        "es": "lunes por la mañana; el lunes pasado por la mañana", "it": "lunedì mattina", "nl": "maandagochtend; maandag ochtend",
        "pl": "poniedziałek rano; w poniedziałek rano", "": MONDAY,
    },
    "weekend": {
        "en": "weekend; last weekend", "de": "am Wochenende; letztes Wochenende", "fr": "ce week-end; le week-end dernier", "es": "fin de semana; este fin de semana",
        "it": "fine settimana; lo scorso fine settimana", "nl": "weekend; afgelopen weekend", "pl": "weekend; w zeszły weekend", "": WEEKEND,
    },
    "three days": {
        "en": "last 3 days; the past three days; 3 days", "de": "letzte 3 Tage; in den letzten drei Tagen; 3 Tage", "fr": "3 derniers jours; les trois derniers jours; 3 jours",
        "es": "últimos 3 días; los últimos tres días", "it": "ultimi 3 giorni; negli ultimi tre giorni", "nl": "laatste 3 dagen; afgelopen drie dagen",
        "pl": "ostatnie 3 dni; ostatnich trzy dni", "": DAYS,
    },
    "three days ago": {
        "en": "3 days ago; three days ago", "de": "vor 3 Tagen; vor drei Tagen", "fr": "il y a 3 jours", "es": "hace 3 días; hace tres días", "it": "3 giorni fa; tre giorni fa",
        "nl": "3 dagen geleden", "pl": "3 dni temu; trzy dni temu", "": AGO,
    },
    "a week ago": {
        "en": "a week ago; one week ago", "de": "vor einer Woche", "fr": "il y a une semaine", "es": "hace una semana", "it": "una settimana fa", "nl": "een week geleden",
        "pl": "1 tydzień temu", "": WEEK,
    },
    "a day of a month": {
        "en": "21 november 2025; November 21st, 2025; 21st of november 2025", "de": "21. November 2025; am 21. November 2025", "fr": "21 novembre 2025; le 21 novembre 2025",
        "es": "21 de noviembre de 2025; 21 noviembre 2025", "it": "21 novembre 2025; il 21 novembre 2025", "nl": "21 november 2025", "pl": "21 listopada 2025", "": DAY,
    },
    "a month": {
        "en": "march; in March; last march", "de": "März; im Maerz; letzten März", "fr": "mars; en mars; mars dernier", "es": "marzo; en marzo; el marzo pasado",
        "it": "marzo; marzo scorso", "nl": "maart; afgelopen maart", "pl": "marzec; w marcu; zeszły marzec", "": MARCH,
    },
    "a month of last year": {
        "en": "november 2025; last november", "de": "November 2025; letzten November", "fr": "novembre 2025; novembre dernier", "es": "noviembre de 2025", "it": "novembre 2025",
        "nl": "november 2025; vorige november", "pl": "listopad 2025; w listopadzie 2025", "": NOVEMBER,
    },
    "last month": {
        "en": "last month", "de": "letzten Monat; im letzten Monat; vorigen Monat", "fr": "le mois dernier", "es": "el mes pasado; último mes", "it": "il mese scorso; lo scorso mese",
        "nl": "vorige maand", "pl": "zeszły miesiąc; w zeszłym miesiącu", "": MONTH,
    },
    "this year": {
        "en": "this year", "de": "dieses Jahr; in diesem Jahr", "fr": "cette année", "es": "este año", "it": "quest anno; questo anno", "nl": "dit jaar", "pl": "w tym roku; ten rok", "": YEAR,
    },
    "yesterday": {
        "en": "yesterday", "de": "gestern", "fr": "hier", "es": "ayer", "it": "ieri", "nl": "gisteren", "pl": "wczoraj", "": YESTERDAY,
    },
    "in numbers": dict.fromkeys(LANGUAGES, "21.11.2025; 21/11/2025; 2025-11-21") | {"": DAY},
}  # fmt: skip


def plain(text: str) -> str:
    """Without accents, as it is typed on a keyboard that has none."""
    letters = unicodedata.normalize("NFKD", text.replace("ł", "l"))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def in_words(filters: list[tuple[str, str]]) -> str:
    return " ".join(f"{name}={value}" for name, value in filters)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("meaning", IN_WORDS)
def test_each_language_of_the_page(meaning: str, language: str) -> None:
    """The same is meant in each, also in capitals, without accents, and while the page speaks another one."""
    texts, expected = IN_WORDS[meaning][language], IN_WORDS[meaning][""]
    for text in texts.split("; "):
        for typed in (text, text.upper(), plain(text)):
            result = understand(typed, labels=LABELS, cameras={}, now=NOW, language=language)
            assert in_words(result) == expected, typed


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_of_the_page_itself_are_understood(language: str) -> None:
    """Days, months and light as the page names them, and what it suggests to type."""

    def means(text: str) -> str:
        cameras = dict.fromkeys(("porch", "Einfahrt", "garaje", "garage", "oprit", "brama"), "porch")
        return in_words(understand(text, labels=LABELS, cameras=cameras, now=NOW, language=language))

    catalog = {} if language == "en" else {message.id: message.string for message in read(language)}

    def spoken(text: str) -> str:
        return catalog.get(text, text)

    assert means(spoken("Today")) == "from=2026-11-25 to=2026-11-25"
    assert means(spoken("Yesterday")) == YESTERDAY
    assert means(spoken("7 days")) == "from=2026-11-19 to=2026-11-25"
    for light in ("day", "twilight", "night"):
        assert means(spoken(light)) == f"light={light}"
    days = spoken("Monday Tuesday Wednesday Thursday Friday Saturday Sunday").split()
    assert [means(day) for day in days] == [
        f"from=2026-11-{n} to=2026-11-{n}" for n in (23, 24, 25, 19, 20, 21, 22)
    ]
    names = spoken("January February March April May June July August September October November December").split()
    for number, name in enumerate(names, 1):
        assert means(f"3 {name} 2025") == f"from=2025-{number:02}-03 to=2025-{number:02}-03"
    suggested = means(spoken("person porch last week"))
    assert suggested in {f"label={label} camera=porch {WEEK}" for label in ("person", "cat")}


def test_labels_are_found_by_other_words_for_them() -> None:
    """Whatever the site calls them; all that mean the same thing; what it calls so itself comes first."""

    def means(text: str, *labels: str) -> str:
        return in_words(understand(text, labels=labels, cameras={}, now=NOW))

    assert means("cat", "Katze") == "label=Katze"
    assert means("gatto", "Katze", "cat") == "label=Katze label=cat"
    assert means("no cat", "Katze", "cat") == "not_label=cat not_label=Katze"
    assert means("samochody bird", "car", "Vogel") == "label=car q=vogel"  # both are meant
    assert means("voiture", "dog") == "q=voiture"
    assert means("garcon", "Garçon") == "label=Garçon"
    assert means("Garçon", "Garçon", "garcon") == "label=Garçon"
    assert means("kind", "Kind", "child") == "label=Kind label=child"


def test_the_page_s_language_comes_first() -> None:
    """`hier` is yesterday in French and here in German, `of` is or in Dutch."""
    for language, expected in (("fr", YESTERDAY), ("de", ""), ("nl", "")):
        assert in_words(understand("hier", labels=[], cameras={}, now=NOW, language=language)) == expected
    assert in_words(understand("clips of dog", labels=LABELS, cameras={}, now=NOW)) == "label=dog q=clips"


def test_a_part_of_a_day_goes_by_the_site_s_clocks() -> None:
    """Also on the night in which they are changed."""
    berlin = ZoneInfo("Europe/Berlin")
    night = understand("last night", labels=[], cameras={}, now=datetime(2026, 10, 25, 12, tzinfo=UTC), zone=berlin)
    assert in_words(night) == "from=2026-10-24T18:00:00.000Z to=2026-10-25T05:00:00.000Z"


def test_any_text_is_understood_somehow() -> None:
    """Also what nobody would type."""
    for text in (
        "not",
        "not not car",
        "or or",
        "\0",
        "'; --",
        "a" * 10_000,
        "0 " * 3000,
        "person " * 200,
        "🦊 fox",
    ):
        for name, value in understand(text, labels=LABELS, cameras=CAMERAS, now=NOW):
            assert name in {"label", "not_label", "camera", "light", "from", "to", "q"}
            assert value


@pytest.mark.parametrize(
    ("text", "filters"),
    [
        ("porch last tuesday 16:00", "camera=porch at=2026-11-24T15:00:00.000Z"),
        ("porch 4pm tuesday person", "camera=porch label=person at=2026-11-24T15:00:00.000Z"),
        ("16:00", "at=2026-11-24T15:00:00.000Z"),  # it is 15:30
        ("15:00:30", "at=2026-11-25T14:00:30.000Z"),
        ("last night 2:30", "at=2026-11-25T01:30:00.000Z"),
        ("last night at 11 pm", "at=2026-11-24T22:00:00.000Z"),
        ("yesterday evening 20:00", "at=2026-11-24T19:00:00.000Z"),
        ("gestern um 16 Uhr", "at=2026-11-24T15:00:00.000Z"),
        ("hier à 16h05", "at=2026-11-24T15:05:00.000Z"),
        ("ayer a las 16:00", "at=2026-11-24T15:00:00.000Z"),
        ("ieri alle 16:00", "at=2026-11-24T15:00:00.000Z"),
        ("ieri ore 16:00", "at=2026-11-24T15:00:00.000Z"),
        ("gisteren om 16 uur", "at=2026-11-24T15:00:00.000Z"),
        ("wczoraj o 16:00", "at=2026-11-24T15:00:00.000Z"),
        ("2026-11-21T08:00", "at=2026-11-21T07:00:00.000Z"),
        ("21.11.2026 8:00", "at=2026-11-21T07:00:00.000Z"),
        ("25 october 2026 2:30", "at=2026-10-25T00:30:00.000Z"),  # which is there twice: the first
        ("29 march 2026 2:30", "at=2026-03-29T01:30:00.000Z"),  # which is not: an hour on
        ("last week 16:00", "from=2026-11-16 to=2026-11-22 q=16 00"),  # seven moments
        ('porch "16:00"', "camera=porch q=16 00"),
        ("25:00", "q=25 00"),
        ("070000.mp4", "q=070000 mp4"),
        ("13pm 0am", "q=13pm 0am"),
    ],
)
def test_a_time_of_day_is_a_moment(text: str, filters: str) -> None:
    """On the day that stands beside it, else the last one; in each language; it filters nothing."""
    zone = ZoneInfo("Europe/Berlin")
    assert in_words(understand(text, labels=LABELS, cameras=CAMERAS, now=NOW, zone=zone)) == filters
