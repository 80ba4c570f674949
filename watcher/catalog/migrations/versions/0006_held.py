"""What people say of clips: hold it, and a note."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("clips", sa.Column("held", sa.SmallInteger, nullable=False, server_default="0"))
    op.add_column("clips", sa.Column("note", sa.Text))
    op.create_index(
        "ix_clips_held",
        "clips",
        ["listed", "started_ms", "id"],
        sqlite_where=sa.text("held = 1"),
        postgresql_where=sa.text("held = 1"),
    )
