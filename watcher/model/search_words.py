"""The words by which clips are found: those of the key, the camera, the labels and the note."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_WORD = re.compile(r"[^\W_]+")
_BARRED = str.maketrans("łøđ", "lod")  # no letter with an accent, as Unicode sees it


def words_in(text: str) -> list[str]:
    """The words of a text, folded so that case and the ways of writing a letter do not matter.

    Divided here and not by the database, so that both engines find the same clips.

    >>> words_in("Front_Door/2026-11-21/070000.mp4")
    ['front', 'door', '2026', '11', '21', '070000', 'mp4']
    """
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def fold(text: str) -> str:
    """A text as somebody types it who leaves out the accents; `words_in` does not go as far.

    >>> fold("Środa MÄRZ Straße")
    'sroda marz strasse'
    """
    letters = unicodedata.normalize("NFKD", text.casefold()).translate(_BARRED)
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def words_of(key: str, camera: str, labels: Iterable[str] = (), note: str | None = None) -> str:
    """What a clip is found by: each word once, with single spaces between.

    >>> words_of("porch/1.mp4", "porch", ["Red fox"], "The fox again")
    'porch 1 mp4 red fox the again'
    """
    texts = (key, camera, *labels, note or "")
    return " ".join(dict.fromkeys(word for text in texts for word in words_in(text)))
