"""What SQLite's planner is told, instead of what it found by chance."""

from alembic import op

from watcher.catalog import planner

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        planner.tell(op.get_bind())
