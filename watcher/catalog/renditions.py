"""What becomes of renditions: posters and sprites are noted, pictures that cameras left are matched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from watcher.catalog.content import amend
from watcher.catalog.database import Database
from watcher.catalog.rendition_names import PICTURE, SPRITE, poster_files
from watcher.catalog.retries import forget_retries
from watcher.catalog.rows import Rendered, rendered
from watcher.catalog.schema import clips
from watcher.model.clip import ClipState, Sprite, sight_ms

_SET_POSTER = (
    sa.update(clips)
    .where(clips.c.id == sa.bindparam("row"))
    .values(
        poster=sa.bindparam("poster"),
        sprite=sa.func.coalesce(sa.bindparam("sprite", type_=sa.Text), clips.c.sprite),
        light=sa.func.coalesce(sa.bindparam("light", type_=sa.Text), clips.c.light),
        **rendered(sa.bindparam("revision")),
        render_due=sa.bindparam("render_due"),
        poster_error=None,
    )
)


class RenditionResults:
    """How renditions come into the catalog."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def set_posters(self, done: Sequence[Rendered]) -> list[str]:
        """Note posters of some clips. Returns the names of pictures that nobody needs any more.

        Those are the ones of older contents, and the new ones of clips whose content changed meanwhile. A clip that
        got a picture of its camera's meanwhile stays due.
        """
        unneeded = []
        with self._database.write() as connection:
            revision = self._database.revisions(connection, len(done))
            columns = sa.select(clips.c.id, clips.c.digest, clips.c.poster, clips.c.picture, clips.c.sprite)
            columns = columns.where(clips.c.state != ClipState.RETIRED)
            rows = {row.id: row for row in connection.execute(columns.where(clips.c.id.in_([d[0] for d in done])))}
            values = []
            for clip_id, digest, poster, picture, sprite, left in done:
                revision += 1
                old = rows.get(clip_id)
                if old is None or old.digest != digest:
                    unneeded += [poster] if sprite is None else [poster, _name(sprite)]
                    continue
                if old.poster not in {None, poster}:
                    unneeded += [name for name in poster_files(old.poster) if name not in poster_files(poster)]
                if sprite is not None and old.sprite not in {None, sprite}:
                    unneeded.append(_name(old.sprite))
                due = PICTURE if old.picture != picture else left
                values.append(
                    {"row": clip_id, "poster": poster, "sprite": sprite, "revision": revision, "render_due": due}
                    | {"light": None if sprite is None else _sprite(sprite).light}
                )
            if values:
                connection.execute(_SET_POSTER, values)
                forget_retries(connection, [value["row"] for value in values])
        return unneeded

    def set_sprite(
        self, clip_id: int, digest: str, sprite: Sprite | None, *, poster: str | None = None
    ) -> list[str]:
        """Note a clip's sprite, None when there can be none, and a better poster that came with it.

        Returns the names of files that are needed no more.
        """
        fresh = [name for name in (sprite and sprite.name, poster) if name]
        with self._database.write() as connection:
            revision = self._database.revisions(connection, 1) + 1
            there = (clips.c.id == clip_id) & (clips.c.state != ClipState.RETIRED)
            old = connection.execute(
                sa.select(
                    clips.c.digest, clips.c.sprite, clips.c.poster, clips.c.picture, clips.c.render_due
                ).where(there)
            ).first()
            if old is None or old.digest != digest:
                return fresh
            values: dict[str, Any] = {
                "sprite": sprite and msgspec.json.encode(sprite).decode(),
                "render_due": 0 if old.render_due == SPRITE else old.render_due,
                "light": sprite and sprite.light,
            }
            unneeded = [name for name in (old.sprite and _name(old.sprite),) if name and name not in fresh]
            if poster is not None and (old.picture is not None or sight_ms(old.poster) is not None):
                unneeded.append(poster)  # the camera's own came meanwhile, or what a model has seen
            elif poster is not None:
                values["poster"] = poster
                before = poster_files(old.poster) if old.poster else []
                unneeded += [name for name in before if name not in poster_files(poster)]
            if (values["sprite"], values.get("poster", old.poster)) != (
                old.sprite,
                old.poster,
            ):  # else nothing that anybody sees has changed
                values |= rendered(revision)
            connection.execute(sa.update(clips).where(clips.c.id == clip_id).values(values))
        return unneeded

    def set_sight(self, clip_id: int, digest: str, poster: str) -> list[str]:
        """Note a poster that is the best sight of what a model found; never in place of a camera's own picture.

        Returns the names of files that are needed no more.
        """
        with self._database.write() as connection:
            revision = self._database.revisions(connection, 1) + 1
            columns = sa.select(clips.c.digest, clips.c.poster, clips.c.picture, clips.c.render_due)
            there = (clips.c.id == clip_id) & (clips.c.state != ClipState.RETIRED)
            old = connection.execute(columns.where(there)).first()
            if old is None or old.digest != digest or old.picture is not None or old.render_due == PICTURE:
                return [poster]
            if old.poster == poster:
                return []
            values = {"poster": poster, "poster_error": None, **rendered(revision)}
            connection.execute(sa.update(clips).where(clips.c.id == clip_id).values(values))
            forget_retries(connection, [clip_id])
        before = poster_files(old.poster) if old.poster else []
        return [name for name in before if name not in poster_files(poster)]

    def renditions_of(self, first: int, end: int) -> dict[int, tuple[str, list[str]]]:
        """Of the clips whose ids lie in [first, end): content, and the names of poster and sprite.

        A retired one has no content, but its names for as long as it may be revived.
        """
        columns = (clips.c.id, clips.c.digest, clips.c.poster, clips.c.sprite, clips.c.state)
        contents = {}
        with self._database.engine.connect() as connection:
            there = (clips.c.id >= first) & (clips.c.id < end)
            for clip_id, digest, poster, sprite, state in connection.execute(sa.select(*columns).where(there)):
                names = [*(poster_files(poster) if poster else ()), *([_name(sprite)] if sprite else ())]
                contents[clip_id] = ("" if state == ClipState.RETIRED else digest or "", names)
        return contents

    def set_picture(self, clip_id: int, key: str) -> bool:
        """Note that a camera left a picture of a clip, which becomes its poster; False if it has one already."""
        fresh = (clips.c.id == clip_id) & clips.c.picture.is_(None)
        with self._database.write() as connection:
            values = {"picture": key, "render_due": 1, "poster_error": None}
            return bool(connection.execute(sa.update(clips).where(fresh).values(values)).rowcount)

    def set_no_poster(self, clip_id: int, digest: str, error: str) -> bool:
        """Note why a clip has no poster; False if its content changed meanwhile."""
        return amend(self._database, clip_id, digest, {"poster_error": error, "render_due": 0})


def _sprite(sprite: str) -> Sprite:
    """A sprite as the catalog holds it."""
    return msgspec.json.decode(sprite, type=Sprite)


def _name(sprite: str) -> str:
    return _sprite(sprite).name
