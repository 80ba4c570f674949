"""When the sun rises and sets at the site, as far as clips reach."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from watcher.catalog.database import Database
from watcher.catalog.schema import clips, facts, sun
from watcher.model.clip import Light, milliseconds, moment

FACT = "sun"  # of which site the table is, and from when to when


class Daylight:
    """What is known of the sun."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sun_of(self) -> str:
        """Of which site, and which time, the table is; "" of none."""
        with self._database.engine.connect() as connection:
            return connection.execute(sa.select(facts.c.value).where(facts.c.name == FACT)).scalar() or ""

    def first_start(self) -> datetime | None:
        """When the eldest clip that is listed began."""
        with self._database.engine.connect() as connection:
            first = connection.execute(
                sa.select(sa.func.min(clips.c.started_ms)).where(clips.c.listed == 1)
            ).scalar()
        return None if first is None else moment(first)

    def set_sun(self, fact_text: str, changes: Sequence[tuple[datetime, Light]]) -> None:
        """Note from when on it is what, in place of what was known; lists are asked anew."""
        with self._database.write() as connection:
            self._database.revisions(connection, 1)
            connection.execute(sa.delete(sun))
            if changes:
                connection.execute(
                    sa.insert(sun), [{"at_ms": milliseconds(at), "light": light.value} for at, light in changes]
                )
            fact = self._database.insert(facts).values(name=FACT, value=fact_text)
            connection.execute(fact.on_conflict_do_update(index_elements=["name"], set_={"value": fact_text}))
