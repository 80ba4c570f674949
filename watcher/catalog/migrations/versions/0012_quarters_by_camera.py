"""The kept sums by camera first, for the timeline of one."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_index("ix_quarters_camera", "quarters", ["camera", "quarter"])
