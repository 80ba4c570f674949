"""What a person says of a camera."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    op.create_table(
        "camera_settings",
        sa.Column("camera", sa.Text, primary_key=True),
        sa.Column("name", sa.Text),
        sa.Column("colour", sa.Text),
        sa.Column("place", sa.Integer),
        sa.Column("hidden", sa.SmallInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
