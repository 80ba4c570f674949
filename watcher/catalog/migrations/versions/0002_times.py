"""The camera's clock beside each start, how sure it is, and corrections."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("clips", sa.Column("offset_seconds", sa.Integer))
    op.add_column("clips", sa.Column("time_quality", sa.Text, nullable=False, server_default="sure"))
    op.add_column("clips", sa.Column("uncorrected", sa.Text))
    op.execute("UPDATE clips SET time_quality = 'guessed' WHERE time_source <> 'name'")
