"""At which of its revisions a clip got a label: webhooks tell of it once."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.add_column("labels", sa.Column("revision", sa.BigInteger))
