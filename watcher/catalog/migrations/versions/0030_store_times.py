"""When a clip was moved to a store, or came back."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    op.add_column("clips", sa.Column("store_ms", sa.BigInteger))
