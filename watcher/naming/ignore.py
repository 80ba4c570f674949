"""Which files are passed over by their names, on purpose: documented, configurable, told by `watcher check`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

KEY_LIMIT = 1024  # bytes; PostgreSQL cannot index much longer text, and nothing real is named so
PICTURE = "a picture that a camera left"

# Files with one of these are clips, broken ones if their bytes are something else.
CLIP_SUFFIXES = ("mp4", "m4v", "mov", "mkv", "webm", "avi", "ts", "m2ts", "mpg", "mpeg", "3gp", "flv", "dav")
# How transfer tools name what is not finished, what systems keep for themselves, and what lies beside clips.
# A file of any other suffix, or of none, is a clip if its bytes say so.
IGNORED_NAMES = (
    ".*",
    "*~",
    "*.tmp",
    "*.temp",
    "*.part",
    "*.partial",
    "*.filepart",
    "*.crdownload",
    "*.download",
    "*.!qb",
    "*.dav_",
    "*.mp4_",
    "*.idx",
    "*.db",
    "Thumbs.db",
    "desktop.ini",
    "@eaDir",
    "@Snapshot",
    "@Recycle",
    "#recycle",
    "#snapshot",
    "lost+found",
    "$RECYCLE.BIN",
    "System Volume Information",
    "*.jpg",
    "*.jpeg",
    "*.png",
    "*.gif",
    "*.webp",
    "*.bmp",
    "*.pic",
    "*.thm",
    "*.txt",
    "*.log",
    "*.json",
    "*.xml",
    "*.csv",
    "*.srt",
    "*.vtt",
    "*.nfo",
    "*.html",
    "*.pdf",
    "*.md5",
    "*.sha256",
    "*.zip",
    "*.gz",
    "*.bin",
    "*.wav",
    "*.mp3",
    "*.aac",
    "*.m4a",
    "*.m3u8",
)


class Ignoring:
    """Which files are not clips by their names: documented, configurable, and shown by `watcher check`."""

    def __init__(
        self,
        names: Iterable[str] = IGNORED_NAMES,
        suffixes: Iterable[str] = CLIP_SUFFIXES,
        role: Callable[[str], str] = lambda _key: "clip",
        *,
        judges: bool = False,
    ) -> None:
        """Take names with * for anything, suffixes, and what naming presets say.

        `role` tells of a key whether it is a "clip" or a "poster", or to "ignore"; `judges`: it may say so even of
        files with a clip's suffix.
        """
        names = tuple(names)
        endings = {name[2:].lower() for name in names if re.fullmatch(r"\*\.[^*.]+", name)}
        clips = {suffix.lower().lstrip(".") for suffix in suffixes} - endings
        flags = re.IGNORECASE | re.DOTALL
        self._clips = frozenset(clips)
        self._role = role
        self._name = re.compile(_any(names), flags).fullmatch
        # Of names that end with a clip's suffix only these patterns need be tried: the others are other suffixes.
        whole = _any(name for name in names if not re.fullmatch(r"\*\.[^*.]+", name))
        self._unfinished = re.compile(whole, flags).fullmatch
        ends = "|".join(re.escape(suffix) for suffix in sorted(clips)) or r"(?!)"
        # True of names that `file` has nothing against, in one step: a walk asks this of every file.
        accepted = r"(?!)" if judges else rf"(?!(?:{whole})\Z).+\.(?:{ends})"
        self.accepts = re.compile(accepted, flags).fullmatch

    def folder(self, name: str) -> str | None:
        """Why a folder of this name is passed over, or None."""
        return "named as a system or unfinished folder" if self._name(name) else None

    def file(self, key: str) -> str | None:
        """Why a file is passed over for its own name or by a naming preset, or None."""
        name = key.rpartition("/")[2]
        why = "named as a system, side or unfinished file"
        if self._unfinished(name):
            return why
        role = self._role(key)
        if role == "clip":
            return why if self._name(name) else None
        return PICTURE if role == "poster" else "a naming preset bids ignore it"

    def is_clip(self, key: str) -> bool:
        """Whether a file is a clip by its suffix, whatever it holds; else its bytes decide."""
        return key.rpartition(".")[2].lower() in self._clips

    def key(self, key: str) -> str | None:
        """Why a file with this key is passed over, or None."""
        return self.prefix(key.rpartition("/")[0]) or unusable(key) or self.file(key)

    def prefix(self, prefix: str) -> str | None:
        """Why everything below a folder is passed over, or None."""
        why = unusable(prefix + "/")
        return why or next((why for name in prefix.split("/") if name and (why := self.folder(name))), None)


def _any(names: Iterable[str]) -> str:
    """A pattern of any of these names, in which * stands for anything."""
    return "|".join(re.escape(name).replace(r"\*", ".*") for name in names) or r"(?!)"


def unusable(key: str) -> str | None:
    """Why nothing can be catalogued or served under this key, or None."""
    try:
        length = len(key.encode())
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    if length > KEY_LIMIT:
        return f"its path is longer than {KEY_LIMIT} bytes"
    if key.startswith("watcher/"):
        return "below a top-level folder named 'watcher', whose addresses belong to the service"
    return None


def printable(key: str) -> str:
    r"""A key for logs and terminals: on one line, and without bytes that are no text.

    >>> printable("a\nb \udcff 🦊")
    'a\\nb \\udcff 🦊'
    """
    if key.isprintable():
        return key
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in key)
