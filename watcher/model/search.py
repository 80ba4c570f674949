"""What somebody types into the search box, as filters: labels, cameras, light, days; the rest are words.

    person porch night last week   dog or cat   not car   "red fox" yesterday

Words of all languages (`search_languages.py`) are understood, the site's own labels and cameras before any.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta

from watcher.model.search_languages import LANGUAGES, Language
from watcher.model.search_words import words_in

Filters = list[tuple[str, str]]  # names and values, as in an address
_DAYS_MOST = 3650


class _Reader:
    """Takes words from the front, the longest thing that they can be first."""

    def __init__(self, words: list[str], labels: Collection[str], cameras: Mapping[str, str], today: date) -> None:
        self._words = words
        self._at = 0
        self._today = today
        self._names = {"label": _phrases({name: name for name in labels}), "camera": _phrases(cameras)}
        self.filters: Filters = []
        self.rest: list[str] = []
        self._either = False  # a word for "or" stood before

    def read(self) -> None:
        while self._at < len(self._words):
            if not (self._not() or self._or() or self._known() or self._days() or self._light()):
                word = self._words[self._at]
                self._at += 1
                if not any(word in language.filler.split() for language in LANGUAGES.values()):
                    self.rest.append(word)

    def _take(self, count: int) -> bool:
        self._at += count
        return True

    def _starts(self, phrase: str) -> int:
        """How many words of a phrase stand here; 0 where it does not."""
        words = phrase.split()
        return len(words) if words and self._words[self._at : self._at + len(words)] == words else 0

    def _name(self, kind: str, at: int) -> tuple[str, int] | None:
        """The label or camera that stands at a place, and in how many words; the longest."""
        for count in range(min(5, len(self._words) - at), 0, -1):
            words = tuple(self._words[at : at + count])
            name = self._names[kind].get(words)
            if name is None and kind == "label" and words[-1].endswith("s"):  # as one says it of several
                name = self._names[kind].get((*words[:-1], words[-1][:-1]))
            if name is not None:
                return name, count
        return None

    def _not(self) -> bool:
        if not any(self._words[self._at] in language.no.split() for language in LANGUAGES.values()):
            return False
        named = self._name("label", self._at + 1)
        if named is None:
            return False
        self.filters.append(("not_label", named[0]))
        return self._take(1 + named[1])

    def _or(self) -> bool:
        between = 0 < self._at < len(self._words) - 1
        if between and any(self._words[self._at] in language.either.split() for language in LANGUAGES.values()):
            self._either = True
            return self._take(1)
        return False

    def _known(self) -> bool:
        named = {kind: self._name(kind, self._at) for kind in ("camera", "label")}
        kind = max(named, key=lambda name: named[name][1] if named[name] else 0)  # type: ignore[index]
        score = named[kind]
        if score is None:
            return False
        # Two labels without a word between are both meant: the second one is a word that is looked for as well.
        if kind == "label" and not self._either and any(name == "label" for name, _ in self.filters):
            self.rest += self._words[self._at : self._at + score[1]]
        elif (kind, score[0]) not in self.filters:
            self.filters.append((kind, score[0]))
        self._either = False
        return self._take(score[1])

    def _light(self) -> bool:
        for language in LANGUAGES.values():
            if (light := language.light.get(self._words[self._at])) is not None:
                self.filters.append(("light", light))
                return self._take(1)
        return False

    def _days(self) -> bool:
        if any(name in {"from", "to"} for name, _ in self.filters):
            return False
        for language in LANGUAGES.values():
            span = self._span(language)
            if span is not None:
                (first, last), count = span
                self.filters += [("from", first.isoformat()), ("to", last.isoformat())]
                return self._take(count)
        return False

    def _span(self, language: Language) -> tuple[tuple[date, date], int] | None:
        today = self._today
        monday, first = today - timedelta(days=today.weekday()), today.replace(day=1)
        before = first - timedelta(days=1)
        for phrase, span in (
            (language.this_week, (monday, today)),
            (language.last_week, (monday - timedelta(days=7), monday - timedelta(days=1))),
            (language.this_month, (first, today)),
            (language.last_month, (before.replace(day=1), before)),
            *((word, (_ago(today, since), _ago(today, until))) for word, (since, until) in language.days.items()),
        ):
            if count := self._starts(phrase):
                return span, count
        word, follows = self._words[self._at], self._words[self._at + 1 : self._at + 4]
        lead = 1 if word in language.last.split() and follows else 0
        if lead and len(follows) > 1 and re.fullmatch(r"[0-9]{1,4}", follows[0]) and follows[1] in language.units:
            days = min(_DAYS_MOST, max(1, int(follows[0]) * language.units[follows[1]]))
            return (_ago(today, days - 1), today), 3
        named = follows[0] if lead else word
        if named in language.weekdays.split():
            ago = (today.weekday() - language.weekdays.split().index(named)) % 7
            ago = ago or (7 if lead else 0)
            return (_ago(today, ago), _ago(today, ago)), 1 + lead
        return self._date(word, follows)

    def _date(self, word: str, follows: Sequence[str]) -> tuple[tuple[date, date], int] | None:
        """A day as 2026-11-21: its numbers are three words by now."""
        if len(follows) < 2 or not re.fullmatch(r"20[0-9]{2} [0-9]{2} [0-9]{2}", " ".join([word, *follows[:2]])):
            return None
        try:
            day = date(int(word), int(follows[0]), int(follows[1]))
        except ValueError:
            return None
        return (day, day), 3


def understand(text: str, *, labels: Collection[str], cameras: Mapping[str, str], today: date) -> Filters:
    """The filters that a text means; what is in quotes, and what means nothing else, is `q`.

    `cameras` are those that there are by each name that they have.

    >>> today = date(2026, 11, 25)
    >>> cameras = {"porch": "porch", "front door": "porch"}
    >>> understand("persons porch night last week", labels=["person"], cameras=cameras, today=today)[:3]
    [('label', 'person'), ('camera', 'porch'), ('light', 'night')]
    >>> understand("front door", labels=[], cameras=cameras, today=today)
    [('camera', 'porch')]
    >>> understand("dog or cat, not car", labels=["dog", "cat", "car"], cameras={}, today=today)
    [('label', 'dog'), ('label', 'cat'), ('not_label', 'car')]
    >>> understand('"person" 0700', labels=["person"], cameras={}, today=today)
    [('q', 'person 0700')]
    """
    quoted = [word for part in re.findall(r'"([^"]*)"', text) for word in words_in(part)]
    reader = _Reader(words_in(re.sub(r'"[^"]*"', " ", text)), labels, cameras, today)
    reader.read()
    words = dict.fromkeys([*quoted, *reader.rest])
    return reader.filters + ([("q", " ".join(words))] if words else [])


def _phrases(names: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    return {tuple(words): meant for name, meant in names.items() if (words := words_in(name))}


def _ago(today: date, days: int) -> date:
    return today - timedelta(days=days)
