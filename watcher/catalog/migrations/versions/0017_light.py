"""Day, twilight and night: by the sun at the site, or by the picture."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.add_column("clips", sa.Column("light", sa.Text))
    op.create_table(
        "sun",
        sa.Column("at_ms", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("light", sa.Text, nullable=False),
    )
