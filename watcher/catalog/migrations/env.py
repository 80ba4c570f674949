"""What Alembic runs: on the connection that was handed in, inside its transaction."""

from alembic import context

from watcher.catalog.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
