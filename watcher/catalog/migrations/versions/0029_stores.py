"""Clips that lie in a store."""

import sqlalchemy as sa
from alembic import op

from watcher.catalog import planner

revision = "0029"
down_revision = "0028"

Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("clips", sa.Column("store", sa.Text))
    op.add_column("clips", sa.Column("store_key", Key))
    op.add_column("clips", sa.Column("store_etag", sa.Text))
    op.add_column("clips", sa.Column("store_sha256", sa.Text))
    op.add_column("clips", sa.Column("store_due", sa.SmallInteger, nullable=False, server_default="0"))
    for name, columns, which in (
        ("ix_clips_store", ["store", "store_key"], "store IS NOT NULL"),
        ("ix_clips_store_due", ["store_due", "id"], "store_due <> 0"),
    ):
        where = sa.text(which)
        op.create_index(name, "clips", columns, sqlite_where=where, postgresql_where=where)
    if op.get_bind().dialect.name == "sqlite":
        planner.tell(op.get_bind())
