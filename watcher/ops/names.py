"""`watcher names`: what each rule makes of a path, and why the others make nothing of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from watcher.naming.ignore import printable
from watcher.naming.presets import Preset, parts_of, takes
from watcher.naming.reader import Naming, Reading
from watcher.naming.template import Fields
from watcher.settings.schema import Settings


def names(settings: Settings, keys: list[str], *, video: Path, why: bool, out: TextIO) -> int:
    """Explain each key, a path below the video root; 1 if any is read by no rule.

    The file need not exist; where it does, its own time resolves what the name leaves open, as it would in ingest.
    """
    naming = settings.name_reader()
    ignoring = settings.ignoring(naming)
    unread = False
    for path in keys:
        key = _key(path, video)
        modified_at = _modified_at(video / key)
        reading = naming.read(key, modified_at=modified_at)
        unread = unread or reading.start is None
        print(printable(key), file=out)
        if reason := ignoring.key(key):
            print(f"  ignored  {reason}", file=out)
        print(f"  camera   {printable(reading.camera)}", file=out)
        print(f"  start    {_start(reading)}", file=out)
        if reading.end_at is not None:
            print(f"  end      {_utc(reading.end_at)}", file=out)
        for line in _rules(naming, key, modified_at, why=why):
            print(f"  {line}", file=out)
    return 1 if unread else 0


def _start(reading: Reading) -> str:
    if reading.start is None:
        return "not in the name: the file's header tells it, else the file's time"
    at, _, quality = reading.start
    return f"{_utc(at)}, {at.astimezone(reading.zone):%Y-%m-%d %H:%M:%S} in {reading.zone} ({quality})"


def _rules(naming: Naming, key: str, modified_at: datetime, *, why: bool) -> Iterator[str]:
    """The preset that read the key, those that would have, and with `why` how far each other one fits."""
    stem, suffix = parts_of(key)
    chosen = False
    for preset, template in naming.rules:
        if not takes(preset, suffix):
            if why:
                yield f"not      {preset.name}: another suffix"
        elif fields := template.match(stem):
            reason = _refusal(naming, key, preset, fields, modified_at) or ("it comes later" if chosen else "")
            yield f"not      {preset.name}: {reason}" if reason else f"preset   {preset.name}: {template.text}"
            chosen = chosen or not reason
        elif why:
            fit, expected = template.reach(stem)
            missing = f"fits as far as {fit!r}, then wants {expected}" if fit else f"wants {expected}"
            yield f"not      {preset.name}: {missing}"
    if not chosen:
        yield "preset   none"


def _refusal(naming: Naming, key: str, preset: Preset, fields: Fields, modified_at: datetime) -> str:
    try:
        naming.interpret(key, preset, fields, modified_at, None)
    except (ValueError, OverflowError) as reason:
        return str(reason)
    return ""


def _modified_at(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except (OSError, ValueError, OverflowError):
        return datetime.now(UTC)


def _key(text: str, video: Path) -> str:
    """A path as a key: one that leads into the video root is taken as a path, all others as keys."""
    root = video.resolve()
    path = Path(text)
    if path.is_absolute() or path.exists():
        full = Path.cwd() / path
        if full.is_relative_to(root):
            return str(full.relative_to(root))
    return text.removeprefix("./").lstrip("/")


def _utc(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}Z"
