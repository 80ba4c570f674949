"""What Alembic runs: on the connection that was handed in, inside its transaction."""

import sqlalchemy as sa
from alembic import context

from watcher.catalog.schema import metadata


def complete_the_first(connection: sa.Connection) -> None:
    """Give a catalog of the first commit what migration 0001 makes since the second one, before others need it."""
    inspector = sa.inspect(connection)
    if not inspector.has_table("clips") or "render_due" in {
        column["name"] for column in inspector.get_columns("clips")
    }:
        return
    connection.execute(sa.text("ALTER TABLE clips ADD COLUMN render_due SMALLINT NOT NULL DEFAULT 0"))
    waits = "poster IS NULL AND poster_error IS NULL AND state IN ('new', 'ready')"
    connection.execute(sa.text(f"UPDATE clips SET render_due = 1 WHERE {waits}"))  # nosec B608  # noqa: S608 - ours
    connection.execute(sa.text("DROP INDEX ix_clips_unrendered"))
    connection.execute(sa.text("CREATE INDEX ix_clips_render_due ON clips (started_ms) WHERE render_due = 1"))


context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
complete_the_first(context.config.attributes["connection"])
context.run_migrations()
