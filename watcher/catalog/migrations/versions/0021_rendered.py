"""Two columns that migration 0013 did not make on the day it landed; most catalogs have them."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    there = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("clips")}
    for name in {"rendered_from", "rendered_at"} - there:
        op.add_column("clips", sa.Column(name, sa.BigInteger))
