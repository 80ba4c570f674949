"""What people say of cameras."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from watcher.catalog.audit import By, note
from watcher.catalog.database import Database
from watcher.catalog.schema import camera_settings, cameras
from watcher.model.camera import CameraSettings, Colour
from watcher.model.errors import CameraNotFoundError

_c = camera_settings.c
SETTINGS = (_c.name, _c.colour, _c.place, _c.hidden)  # as `to_settings` takes them
ALL = sa.select(_c.camera, *SETTINGS)
_AUDITED = 200  # characters of a camera's name


class SettingsChange(NamedTuple):
    """What is said of a camera now, and when that was said."""

    revision: int
    camera: str
    settings: CameraSettings


class Cameras:
    """What was said of cameras, for all who look at them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def settings(self) -> dict[str, CameraSettings]:
        """Of each camera of which something was said."""
        with self._database.reading() as ask:
            return {camera: to_settings(*row) for camera, *row in ask(ALL, {})}

    def set(self, camera: str, settings: CameraSettings, *, by: By | None = None) -> None:
        """Say something of a camera that has left a clip, be it gone by now; the same again is no change.

        Raises CameraNotFoundError.
        """
        values: dict[str, Any] = {
            "name": settings.name,
            "colour": settings.colour and settings.colour.value,
            "place": settings.order,
            "hidden": int(settings.hidden),
        }
        mine = sa.select(*SETTINGS).where(_c.camera == camera)
        left = sa.select(cameras.c.camera).where(cameras.c.camera == camera)
        with self._database.write() as connection:
            self._database.revisions(connection, 0)  # whoever says something at the same time waits here
            before = connection.execute(mine).first()
            if before is not None and to_settings(*before) == settings:
                return
            if before is None and connection.execute(left).first() is None:
                raise CameraNotFoundError(f"no camera {camera!r} has left a clip")
            values["revision"] = self._database.revisions(connection, 1) + 1
            put = self._database.insert(camera_settings).values(camera=camera, **values)
            connection.execute(put.on_conflict_do_update(index_elements=["camera"], set_=values))
            note(connection, "camera set", f"{camera[:_AUDITED]}: {_words(settings)}", by)

    def after(self, since: int, upto: int, *, cameras: Sequence[str] | None = None) -> list[SettingsChange]:
        """Cameras of which something was said after one revision and not after another."""
        there = (_c.revision > since) & (_c.revision <= upto)
        if cameras is not None:
            there &= _c.camera.in_(cameras)
        select = sa.select(_c.revision, _c.camera, *SETTINGS).where(there).order_by(_c.revision)
        with self._database.engine.connect() as connection:
            return [
                SettingsChange(revision, camera, to_settings(*values))
                for revision, camera, *values in connection.execute(select)
            ]


def to_settings(name: str | None, colour: str | None, place: int | None, hidden: int | None) -> CameraSettings:
    """What a row says; a colour that a later version knows is none."""
    known = Colour(colour) if colour in set(Colour) else None
    return CameraSettings(name=name, colour=known, order=place, hidden=bool(hidden))


def _words(settings: CameraSettings) -> str:
    """Settings in a line."""
    place = None if settings.order is None else f"place {settings.order}"
    parts = (settings.name, settings.colour, place, "hidden" if settings.hidden else None)
    return ", ".join(part for part in parts if part is not None) or "nothing"
