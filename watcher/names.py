"""`watcher names`: what each rule makes of a path, and why the others make nothing of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from watcher.config import Settings
from watcher.ignoring import Ignoring, printable
from watcher.presets import parts_of, takes


def names(settings: Settings, keys: list[str], *, video: Path, why: bool, out: TextIO) -> int:
    """Explain each key, a path below the video root; 1 if any is read by no rule.

    The file need not exist; where it does, its own time resolves what the name leaves open, as it would in ingest.
    """
    naming = settings.name_reader()
    ignoring = Ignoring(settings.video.ignore, settings.video.suffixes, naming.role, judges=naming.judges)
    status = 0
    for given in keys:
        key = _key(given, video)
        try:
            modified_at = datetime.fromtimestamp((video / key).stat().st_mtime, UTC)
        except (OSError, ValueError):
            modified_at = datetime.now(UTC)
        reading = naming.read(key, modified_at=modified_at)
        print(printable(key), file=out)
        if reason := ignoring.key(key):
            print(f"  ignored  {reason}", file=out)
        print(f"  camera   {printable(reading.camera)}", file=out)
        if reading.start is None:
            status = 1
            print("  start    not in the name: the file's header tells it, else the file's time", file=out)
        else:
            start = reading.start
            local = start.at.astimezone(reading.zone)
            print(
                f"  start    {_utc(start.at)}, {local:%Y-%m-%d %H:%M:%S} in {reading.zone} ({start.quality})",
                file=out,
            )
        if reading.end_at is not None:
            print(f"  end      {_utc(reading.end_at)}", file=out)
        stem, suffix = parts_of(key)
        chosen = False
        for preset, template in naming.rules:
            fields = template.match(stem) if takes(preset, suffix) else None
            reason = ""
            if fields is not None:
                try:
                    naming.interpret(key, preset, fields, modified_at, None)
                except ValueError as refusal:
                    reason = str(refusal)
            if fields is not None and not reason and not chosen:
                chosen = True
                print(f"  preset   {preset.name}: {template.text}", file=out)
            elif fields is not None:
                print(f"  not      {preset.name}: {reason or 'it comes later'}", file=out)
            elif why:
                fit, wanted = template.reach(stem)
                missing = f"fits as far as {fit!r}, then wants {wanted}" if fit else f"wants {wanted}"
                print(
                    f"  not      {preset.name}: {missing if takes(preset, suffix) else 'another suffix'}", file=out
                )
        if not chosen:
            print("  preset   none", file=out)
    return status


def _key(given: str, video: Path) -> str:
    """A path as a key: one that leads into the video root is taken as a path, all others as keys."""
    root = video.resolve()
    path = Path(given)
    if path.is_absolute() or path.exists():
        full = Path.cwd() / path
        if full.is_relative_to(root):
            return str(full.relative_to(root))
    return given.removeprefix("./").lstrip("/")


def _utc(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}Z"
