"""The pictures that cameras left of their clips."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.add_column("clips", sa.Column("picture", key))
    op.create_index(
        "ix_clips_picture",
        "clips",
        ["picture"],
        sqlite_where=sa.text("picture IS NOT NULL"),
        postgresql_where=sa.text("picture IS NOT NULL"),
    )
