"""Exports: films of a time, joined from clips; and how far a proxy is."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("proxies", sa.Column("share", sa.Float))
    op.create_table(
        "exports",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("cameras", sa.Text, nullable=False),
        sa.Column("from_ms", sa.BigInteger, nullable=False),
        sa.Column("to_ms", sa.BigInteger, nullable=False),
        sa.Column("cut", sa.Text, nullable=False),
        sa.Column("clips", sa.BigInteger, nullable=False),
        sa.Column("source_bytes", sa.BigInteger, nullable=False),
        sa.Column("asked_ms", sa.BigInteger, nullable=False),
        sa.Column("share", sa.Float),
        sa.Column("done_ms", sa.BigInteger),
        sa.Column("files", sa.Text),
        sa.Column("size_bytes", sa.BigInteger),
        sa.Column("error", sa.Text),
        sqlite_autoincrement=True,
    )
