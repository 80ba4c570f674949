"""What somebody types into the search box, as filters: labels, cameras, light, days; the rest are words.

    person porch night last week   dog or cat   not car   "red fox" yesterday evening

Words of all languages (`search_languages.py`) are understood, those of the page's before others; the site's own
labels and cameras before any. Accents and capitals do not matter.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache

from watcher.model import serialize
from watcher.model.search_clock import clock_in, moment_of
from watcher.model.search_labels import THINGS
from watcher.model.search_languages import COMPOUNDS, LANGUAGES, Phrases, phrases
from watcher.model.search_times import PASSED_MOST, Span, span_at, starts
from watcher.model.search_words import fold, words_in

Filters = list[tuple[str, str]]  # names and values, as in an address
Named = tuple[list[str], int]  # labels or cameras that words name, and how many words these are
_PHRASE_MOST = 5  # words
_LISTED_MOST = 8  # labels before a word for "or"
_TYPED_MOST = 1000  # letters that are read
_READ_MOST = 100  # words that are understood; what follows is looked for as it is
_LIGHTS = ("night", "day", "twilight")


class Names:
    """What a site calls things, and by which words they are found."""

    def __init__(self, names: Mapping[str, str], *, things: bool = False) -> None:
        """`names` are what is meant, by what it is called. `things`: other words for the same thing are known."""
        self._several = things  # of which one may speak
        self._names: dict[tuple[str, ...], list[str]] = defaultdict(list)
        self._folded: dict[tuple[str, ...], list[str]] = defaultdict(list)
        self._things: dict[int, list[str]] = defaultdict(list)
        for name, meant in names.items():
            words = tuple(words_in(name))
            folded = tuple(map(fold, words))
            self._names[words].append(meant)
            self._folded[folded].append(meant)
            if things and (thing := THINGS.get(folded)) is not None:
                self._things[thing].append(meant)

    def find(self, words: Sequence[str]) -> list[str]:
        """What some words mean: as it is called, without accents, one of several, another word for it."""
        key = tuple(words)
        folded = tuple(map(fold, words))
        one = (*folded[:-1], folded[-1].removesuffix("s"))  # as one says it of several
        thing = self._things.get(THINGS.get(folded, -1), [])
        own = (
            self._names.get(key) or self._folded.get(folded) or (self._folded.get(one, []) if self._several else [])
        )
        return list(dict.fromkeys([*own, *thing]))


class _Reader:
    """Takes words from the front, the longest thing that they can be first."""

    def __init__(
        self, words: list[str], names: Mapping[str, Names], today: date, language: str, zone: tzinfo
    ) -> None:
        self._words, self._folded = words, [fold(word) for word in words]
        self._names, self._today, self._zone = names, today, zone
        self._languages = sorted(LANGUAGES, key=lambda name: name != language)
        self._at = 0
        self._before = ""  # filter that the words before have become
        self._either = False  # a word for "or" stood before
        self.filters: Filters = []
        self.span: Span | None = None
        self.rest: list[str] = []

    def read(self) -> None:
        while self._at < min(len(self._words), _READ_MOST):
            if not (self._not() or self._or() or self._known() or self._of_a_language()):
                self.rest.append(self._words[self._at])
                self._at += 1
        self.rest += self._words[self._at :]

    def _take(self, count: int, filters: Iterable[tuple[str, str]] = (), *, kind: str = "") -> bool:
        self.filters += [pair for pair in filters if pair not in self.filters]
        self._at += count
        self._before, self._either = kind, False
        return True

    def _name(self, kind: str, at: int) -> Named | None:
        """The labels or camera that stand at a place, and in how many words; the longest."""
        for count in range(min(_PHRASE_MOST, len(self._words) - at), 0, -1):
            if names := self._names[kind].find(self._words[at : at + count]):
                return names, count
        return None

    def _behind(self, kind: str, at: int) -> Named | None:
        """The same, behind words that mean nothing by themselves, and where it ends."""
        for _ in range(PASSED_MOST):
            if (named := self._name(kind, at)) is not None:
                return named[0], at + named[1]
            at += self._is("filler", at)
        return None

    def _is(self, what: str, at: int) -> int:
        """How many words there are one of some phrases of any language."""
        return max(starts(self._folded, at, _phrases(language, what)) for language in LANGUAGES)

    def _not(self) -> bool:
        """`not car`, `pas de voiture`, `without a car or dog`."""
        count = self._is("no", self._at)
        if self._either and self._before == "not_label":
            count = 0
        elif not count:
            return False
        named = self._behind("label", self._at + count)
        if named is None:
            return False
        names, end = named
        return self._take(end - self._at, [("not_label", name) for name in names], kind="not_label")

    def _or(self) -> bool:
        """Between two labels, or cameras, only: `o` and `of` are other words elsewhere."""
        count = self._is("either", self._at)
        if not (count and self._before and any(self._behind(kind, self._at + count) for kind in self._names)):
            return False
        self._at += count
        self._either = True
        return True

    def _known(self) -> bool:
        named = {kind: self._name(kind, self._at) for kind in ("camera", "label")}
        kind = max(named, key=lambda name: named[name][1] if named[name] else 0)  # type: ignore[index]
        score = named[kind]
        if score is None:
            return False
        names, count = score
        # Two labels without a word between are both meant: the second one is a word that is looked for as well.
        another = kind == "label" and not self._either and any(name == "label" for name, _ in self.filters)
        if another and not self._is_listed(self._at + count):
            self.rest += words_in(names[0])
            return self._take(count)
        return self._take(count, [(kind, name) for name in names], kind=kind)

    def _is_listed(self, at: int) -> bool:
        """Whether labels go on until a word for "or": `dog, cat or bird`."""
        for _ in range(_LISTED_MOST):
            named = self._name("label", at)
            at += 0 if named is None else named[1]
        count = self._is("either", at)
        return bool(self._before and count and self._name("label", at + count))

    def _of_a_language(self) -> bool:
        """Days, light, and what means nothing by itself, in the first language that knows it."""
        for language in self._languages:
            dated = span_at(self._folded, self._at, language, self._today)
            if dated is not None and self._span(*dated):
                return True
            for light in _LIGHTS:
                if count := starts(self._folded, self._at, _phrases(language, light)):
                    return self._take(count, [("light", light)])
            if count := starts(self._folded, self._at, _phrases(language, "filler")):
                self._at += count
                return True
        return False

    def _span(self, span: Span, count: int) -> bool:
        if self.span is not None:
            return False
        self.span = span
        ends = [end.isoformat() for end in (span.first, span.last)]
        if not span.whole:
            ends = [serialize.utc(end.astimezone(UTC)) for end in span.moments(self._zone)]
        dark = [("light", "night")] if span.dark else []
        return self._take(count, [*zip(("from", "to"), ends, strict=True), *dark])


def understand(
    text: str,
    *,
    labels: Collection[str],
    cameras: Mapping[str, str],
    now: datetime,
    language: str = "en",
    zone: tzinfo = UTC,
) -> Filters:
    """The filters that a text means; what is in quotes, and what means nothing else, is `q`.

    `cameras` are those that there are by each name that they have. `language` is the page's, `zone` the site's: a
    part of a day is told as two moments. A time of day is no filter but a moment to go to, `at`: on the day that
    stands beside it, else the last one before `now`.

    >>> now = datetime(2026, 11, 25, 14, 30, tzinfo=UTC)
    >>> cameras = {"porch": "porch", "front door": "porch"}
    >>> understand("persons porch night last week", labels=["person"], cameras=cameras, now=now)[:3]
    [('label', 'person'), ('camera', 'porch'), ('light', 'night')]
    >>> understand("front door", labels=[], cameras=cameras, now=now)
    [('camera', 'porch')]
    >>> understand("Hund oder Katze, kein Auto", labels=["dog", "cat", "car"], cameras={}, now=now)
    [('label', 'dog'), ('label', 'cat'), ('not_label', 'car')]
    >>> understand('"person" 0700', labels=["person"], cameras={}, now=now)
    [('q', 'person 0700')]
    """
    text = text[:_TYPED_MOST]
    quoted = [word for part in re.findall(r'"([^"]*)"', text) for word in words_in(part)]
    names = {"label": Names({name: name for name in labels}, things=True), "camera": Names(cameras)}
    plain = re.sub(r'"[^"]*"', " ", text)
    today = now.astimezone(zone).date()
    clock, without = clock_in(plain)
    reader = _read(without, names, today, language, zone)
    if clock is not None:
        at = moment_of(clock, reader.span, now, zone)
        if at is None:  # of many days: then it is words
            reader = _read(plain, names, today, language, zone)
        else:
            span = [("light", "night")] if reader.span is not None and reader.span.dark else []
            kept = [pair for pair in reader.filters if pair[0] not in {"from", "to"} and pair not in span]
            reader.filters = [*kept, ("at", serialize.utc(at.astimezone(UTC)))]
    words = dict.fromkeys([*quoted, *reader.rest])
    return reader.filters + ([("q", " ".join(words))] if words else [])


def _read(text: str, names: Mapping[str, Names], today: date, language: str, zone: tzinfo) -> _Reader:
    single = [part for word in words_in(text) for part in COMPOUNDS.get(fold(word), (word,))]
    reader = _Reader(single, names, today, language, zone)
    reader.read()
    return reader


@lru_cache
def _phrases(language: str, what: str) -> Phrases:
    return phrases(getattr(LANGUAGES[language], what))
