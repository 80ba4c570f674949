"""Keys and sessions."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "keys",
        sa.Column("id", _ID, primary_key=True, autoincrement=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("cameras", sa.Text),
        sa.Column("hash", sa.Text, nullable=False, unique=True),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("last_used_ms", sa.BigInteger),
    )
    op.create_table(
        "sessions",
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("key_id", _ID, sa.ForeignKey("keys.id", ondelete="CASCADE"), nullable=False),
        sa.Column("until_ms", sa.BigInteger, nullable=False),
        sa.Column("once", sa.SmallInteger, nullable=False),
    )
    op.execute("INSERT INTO counters (name, value) VALUES ('keys', 0)")
