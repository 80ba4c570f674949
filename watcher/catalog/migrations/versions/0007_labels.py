"""Labels: what a clip shows, said by people and models."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("clips", sa.Column("labels", sa.Text))
    op.create_index(
        "ix_clips_unlabeled",
        "clips",
        ["listed", "started_ms", "id"],
        sqlite_where=sa.text("labels IS NULL"),
        postgresql_where=sa.text("labels IS NULL"),
    )
    op.create_table(
        "labels",
        sa.Column("clip_id", sa.BigInteger, sa.ForeignKey("clips.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("confidence", sa.Float),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("started_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_labels_time", "labels", ["name", "started_ms", "clip_id"])
    op.create_table(
        "label_names",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("clips", sa.BigInteger, nullable=False),
    )
