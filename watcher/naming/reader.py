"""What a key tells: camera, start, end, and whether a file is a clip, a picture, or to be ignored.

Presets are data (`presets.toml`, and `[naming]` in the settings): patterns in the grammar of `template.py`, tried
in order, one's own first. A folder or a camera can be bound to a preset, a zone, a time base, a clock correction.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from watcher.model.clip import EARLIEST
from watcher.model.instant import Instant
from watcher.naming.presets import (
    Base,
    Camera,
    Folder,
    NamingError,
    Preset,
    Role,
    check_binding,
    compiled,
    parts_of,
    refuse_doubles,
    shipped_rules,
    stem_of,
    takes,
)
from watcher.naming.span import span
from watcher.naming.template import Fields, Template, TemplateError, as_shape

UNSORTED = "unsorted"  # the camera of a file that lies directly in the video root and is named for none
CLOCK_AHEAD = timedelta(days=2)
SHAPES_MOST = 4096  # shapes of names whose candidates are remembered


class Reading(msgspec.Struct, frozen=True):
    """What a key says."""

    camera: str
    zone: tzinfo  # of this file's camera
    start: Instant | None = None
    end_at: datetime | None = None  # UTC, where the name tells the end or the length
    role: Role = Role.CLIP
    preset: str | None = None


class Naming:
    """Every preset and binding in force. Raises NamingError for one that makes no sense."""

    def __init__(
        self,
        zone: tzinfo = UTC,
        presets: Sequence[Preset] = (),
        folders: Sequence[Folder] = (),
        cameras: Sequence[Camera] = (),
    ) -> None:
        self._zone = zone
        self.rules: list[tuple[Preset, Template]] = []
        for number, preset in enumerate(presets):
            try:
                self.rules.extend((preset, template) for template in compiled(preset))
            except TemplateError as reason:
                raise NamingError("presets", number, "paths", f"preset {preset.name!r}: {reason}") from reason
        refuse_doubles(presets)
        self.rules.extend(shipped_rules())
        for number, folder in enumerate(folders):
            check_binding("folders", number, folder, self.rules)
        for number, camera in enumerate(cameras):
            check_binding("cameras", number, camera, self.rules)
        self._folders = sorted(folders, key=lambda f: len(f.path), reverse=True)
        self._cameras = {camera.name: camera for camera in cameras}
        self._fitting = lru_cache(SHAPES_MOST)(self._rules_for)  # a camera repeats itself
        # Whether a file with a clip's suffix can be anything else; most sites have no such preset.
        self.judges = any(p.role is not Role.CLIP and not p.of_pictures for p in presets)

    def role(self, key: str) -> str:
        """What a file is to us, by its name alone."""
        for preset, template in self._candidates(key):
            if preset.role is not Role.CLIP and template.match(stem_of(key)) and self._may(preset, key, None):
                return preset.role
        return Role.CLIP

    def read(self, key: str, *, modified_at: datetime, duration_seconds: float | None = None) -> Reading:
        """The camera and the time that a key tells; a time that cannot be is None.

        `modified_at`, the file's own time, and the length choose between the two readings of an hour that comes
        twice, and bound what is believed.
        """
        for preset, template in self._candidates(key):
            fields = template.match(stem_of(key))
            if fields is None:
                continue
            try:
                return self.interpret(key, preset, fields, modified_at, duration_seconds)
            except (ValueError, OverflowError):  # month 13, the year 1970 or 9999: digits that are not its time
                continue
        folder = self._folder(key)
        camera = self._named(folder, _camera(key, None))
        return Reading(camera, self._zone_of(folder, self._cameras.get(camera)))

    def interpret(
        self, key: str, preset: Preset, fields: Fields, modified_at: datetime, duration_seconds: float | None
    ) -> Reading:
        """What a preset that matches makes of a key. Raises ValueError, saying why it cannot be."""
        folder = self._folder(key)
        camera = self._named(folder, _camera(key, fields, preset.first_channel))
        bound = self._cameras.get(camera)
        if not self._may(preset, key, bound):
            raise ValueError("this folder or camera is bound to another preset")
        zone = self._zone_of(folder, bound)
        base = (bound and bound.base) or (folder and folder.base) or preset.base
        if base is Base.NONE:
            return Reading(camera, zone, None, None, preset.role, preset.name)
        ahead = (bound.clock_ahead_seconds if bound else 0) or (folder.clock_ahead_seconds if folder else 0)
        shift = timedelta(seconds=ahead)
        length = timedelta(seconds=duration_seconds or 0)
        near = modified_at - length + shift
        start, end_at = span(fields, base, zone, near, length)
        start = start._replace(at=start.at - shift)
        if not plausible(start.at, modified_at):
            raise ValueError(f"{start.at:%Y-%m-%d %H:%M} cannot be: {_why_not(start.at)}")
        return Reading(camera, zone, start, end_at and end_at - shift, preset.role, preset.name)

    def _candidates(self, key: str) -> list[tuple[Preset, Template]]:
        """The presets that a name could match by its shape."""
        stem, suffix = parts_of(key)
        return self._fitting(as_shape(stem), suffix)

    def _rules_for(self, shape: str, suffix: str) -> list[tuple[Preset, Template]]:
        return [
            (preset, template)
            for preset, template in self.rules
            if takes(preset, suffix) and template.fits_shape(shape)
        ]

    def _may(self, preset: Preset, key: str, camera: Camera | None) -> bool:
        """Whether nothing is bound to another preset; one that is not automatic needs a binding to itself."""
        folder = self._folder(key)
        name = (camera.preset if camera else "") or (folder.preset if folder else "")
        return name == preset.name if name else preset.automatic

    def _folder(self, key: str) -> Folder | None:
        for folder in self._folders:
            if not folder.path or key.startswith(folder.path.strip("/") + "/"):
                return folder
        return None

    def _zone_of(self, folder: Folder | None, camera: Camera | None) -> tzinfo:
        name = (camera.timezone if camera else "") or (folder.timezone if folder else "")
        return ZoneInfo(name) if name else self._zone

    def _named(self, folder: Folder | None, read: str) -> str:
        return folder.camera.replace("{camera}", read) if folder and folder.camera else read


def plausible(started_at: datetime, modified_at: datetime) -> bool:
    """Whether a start can be true: cameras without a clock write 1970 or 2000, and none films the future."""
    return EARLIEST <= started_at <= max(modified_at, EARLIEST) + CLOCK_AHEAD


def _why_not(at: datetime) -> str:
    return "the clock was not set" if at < EARLIEST else "it is later than the file"


def _camera(key: str, fields: Fields | None, first_channel: int = 1) -> str:
    """The camera that a name tells, else the first folder, else nobody's."""
    words = fields.words if fields else {}
    above = words.get("**", "") if fields else key.rpartition("/")[0]
    camera = words.get("camera", "").strip() or above.partition("/")[0] or UNSORTED
    channel = words.get("channel")
    return camera if channel is None or int(channel) <= first_channel else f"{camera}-{int(channel)}"
