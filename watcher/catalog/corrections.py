"""What a person says in place of what was read; what was read is kept beside it."""

from __future__ import annotations

from typing import Any

import msgspec

from watcher.catalog.rows import Probed
from watcher.model.clip import TimeQuality, TimeSource, milliseconds
from watcher.model.instant import Instant

_TIME = ("started_ms", "offset_seconds", "time_source", "time_quality")


def keep_corrections(old: Any, values: dict[str, Any]) -> None:
    """Let what a person corrected stand in place of what was read; what was read is kept beside it."""
    if old.uncorrected is None:
        return
    corrected = msgspec.json.decode(old.uncorrected)
    read = {name: values[name] for name in corrected}
    length = values["ended_ms"] - values["started_ms"]
    values.update({name: getattr(old, name) for name in corrected})
    values["ended_ms"] = values["started_ms"] + length
    values["uncorrected"] = msgspec.json.encode(read).decode()


def take_word(probed: Probed, values: dict[str, Any]) -> None:
    """Let what was said when a file was sent stand for what was read."""
    read: dict[str, Any] = {}
    if probed.sender_camera is not None and probed.sender_camera != values["camera"]:
        read["camera"], values["camera"] = values["camera"], probed.sender_camera
    if probed.sender_start is not None:
        read |= {name: values[name] for name in _TIME}
        length = values["ended_ms"] - values["started_ms"]
        values["started_ms"] = milliseconds(probed.sender_start.at)
        values["ended_ms"] = values["started_ms"] + length
        values["offset_seconds"] = probed.sender_start.offset_seconds
        values["time_source"] = TimeSource.UPLOAD.value
        values["time_quality"] = TimeQuality.SURE.value
    if read:
        values["uncorrected"] = msgspec.json.encode(read).decode()


def correction(
    old: Any, *, camera: str | msgspec.UnsetType | None, start: Instant | msgspec.UnsetType | None
) -> dict[str, Any]:
    """The columns that a person's correction changes; None takes an earlier one back, UNSET leaves it."""
    if camera is msgspec.UNSET and start is msgspec.UNSET:
        return {}
    read: dict[str, Any] = msgspec.json.decode(old.uncorrected) if old.uncorrected else {}
    values: dict[str, Any] = {}
    if camera is None:
        values["camera"] = read.pop("camera", old.camera)
    elif camera is not msgspec.UNSET:
        read.setdefault("camera", old.camera)
        values["camera"] = camera
    if start is None:
        values |= {name: read.pop(name, getattr(old, name)) for name in _TIME}
    elif start is not msgspec.UNSET:
        for name in _TIME:
            read.setdefault(name, getattr(old, name))
        values["started_ms"] = milliseconds(start.at)
        values["offset_seconds"] = start.offset_seconds
        values["time_source"] = TimeSource.CORRECTED.value
        values["time_quality"] = TimeQuality.SURE.value
    if "started_ms" in values:
        values["ended_ms"] = values["started_ms"] + old.ended_ms - old.started_ms
    values["uncorrected"] = msgspec.json.encode(read).decode() if read else None
    return values
