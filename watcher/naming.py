"""What a key tells: which file is ignored and why, which camera left it, and when it starts."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from importlib import resources

import msgspec

KEY_LIMIT = 1024  # bytes; PostgreSQL cannot index much longer text, and nothing real is named so
UNSORTED = "unsorted"  # the camera of a file that lies directly in the video root and is named for none
EARLIEST = datetime(2005, 1, 1, tzinfo=UTC)  # before this a camera's clock was simply not set
CLOCK_AHEAD = timedelta(days=2)

CLIP_SUFFIXES = ("mp4", "m4v", "mov", "mkv", "webm", "avi", "ts", "m2ts", "mpg", "mpeg", "3gp", "flv", "dav")
# How transfer tools name what is not finished, and what cameras and file systems leave beside clips.
IGNORED_NAMES = (
    ".*",
    "*~",
    "*.tmp",
    "*.part",
    "*.partial",
    "*.filepart",
    "*.crdownload",
    "*.dav_",
    "*.mp4_",
    "@eaDir",
    "#recycle",
    "#snapshot",
    "@Recycle",
    "lost+found",
    "$RECYCLE.BIN",
    "System Volume Information",
)


class Preset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way of naming clips."""

    name: str
    path: str
    base: str  # local, utc, offset or epoch


class Reading(msgspec.Struct, frozen=True):
    """What a key says."""

    camera: str
    started_at: datetime | None
    preset: str | None


class Ignoring:
    """Which files are not clips by their names: documented, configurable, and shown by `watcher check`."""

    def __init__(self, names: Iterable[str] = IGNORED_NAMES, suffixes: Iterable[str] = CLIP_SUFFIXES) -> None:
        patterns = [re.escape(name).replace(r"\*", ".*") for name in names]
        self._name = re.compile("|".join(patterns) or r"(?!)", re.IGNORECASE | re.DOTALL).fullmatch
        self._suffixes = frozenset(suffix.lower().lstrip(".") for suffix in suffixes)
        # True of names that `file` has nothing against, in one step: a walk asks this of every file.
        ends = "|".join(re.escape(suffix) for suffix in sorted(self._suffixes)) or r"(?!)"
        flags = re.IGNORECASE | re.DOTALL
        self.accepts = re.compile(rf"(?!(?:{'|'.join(patterns) or '(?!)'})\Z).+\.(?:{ends})", flags).fullmatch

    def folder(self, name: str) -> str | None:
        """Why a folder of this name is passed over, or None."""
        return "named as a system or unfinished folder" if self._name(name) else None

    def file(self, name: str) -> str | None:
        """Why a file of this name is passed over, or None."""
        if self._name(name):
            return "named as a system or unfinished file"
        stem, dot, suffix = name.rpartition(".")
        if not dot or not stem or suffix.lower() not in self._suffixes:
            return "its suffix is not a clip's"
        return None

    def key(self, key: str) -> str | None:
        """Why a file with this key is passed over, or None."""
        prefix, _, name = key.rpartition("/")
        return self.prefix(prefix) or unusable(key) or self.file(name)

    def prefix(self, prefix: str) -> str | None:
        """Why everything below a folder is passed over, or None."""
        why = unusable(prefix + "/")
        return why or next((why for name in prefix.split("/") if name and (why := self.folder(name))), None)


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


@cache
def presets() -> tuple[tuple[Preset, re.Pattern[str]], ...]:
    """The presets that come with watcher, compiled, in order."""
    text = resources.files("watcher").joinpath("presets.toml").read_text(encoding="utf-8")
    rules = msgspec.convert(tomllib.loads(text)["preset"], tuple[Preset, ...])
    return tuple((rule, re.compile(rule.path, re.DOTALL)) for rule in rules)


def read_name(key: str, *, zone: tzinfo, modified_at: datetime) -> Reading:
    """The camera and start time that a key tells; a time that cannot be is None.

    `modified_at` resolves the hour that comes twice when summer time ends: the reading nearer before it wins.
    """
    stem = key.rpartition(".")[0] or key
    for preset, pattern in presets():
        if (match := pattern.fullmatch(stem)) is None:
            continue
        fields = match.groupdict()
        try:
            started_at = _moment(fields, preset.base, zone, modified_at)
        except ValueError:  # month 13, hour 61: digits that are not a time
            continue
        if plausible(started_at, modified_at):
            return Reading(fields.get("camera") or _camera(key), started_at, preset.name)
    return Reading(_camera(key), None, None)


def plausible(started_at: datetime, modified_at: datetime) -> bool:
    """Whether a start can be true: cameras without a clock write 1970 or 2000, and none films the future."""
    return EARLIEST <= started_at <= max(modified_at, EARLIEST) + CLOCK_AHEAD


def _camera(key: str) -> str:
    folder, slash, _ = key.partition("/")
    if slash:
        return folder
    # A file directly in the root: what stands before its date, as recorders put the camera there.
    lead = re.match(r"(.+?)[-_. ]+(?:(?:19|20)\d{6}|\d{4}-\d\d-\d\d)", key)
    return lead.group(1) if lead else UNSORTED


def _moment(fields: dict[str, str | None], base: str, zone: tzinfo, modified_at: datetime) -> datetime:
    if base == "epoch":
        return datetime.fromtimestamp(int(fields["epoch"] or ""), UTC)
    names = ("year", "month", "day", "hour", "minute", "second")
    year, month, day, hour, minute, second = (int(fields[name] or "") for name in names)
    naive = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - the zone follows
    if base == "utc":
        return naive.replace(tzinfo=UTC)
    if base == "offset":
        return naive.replace(tzinfo=_offset(fields["offset"] or "")).astimezone(UTC)
    first, second_time = (naive.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return second_time if second_time > first and second_time <= modified_at else first


def _offset(text: str) -> tzinfo:
    if text == "Z":
        return UTC
    digits = text[1:].replace(":", "").replace("_", "")
    shift = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-shift if text[0] == "-" else shift)
