"""What a model looks at, what people refused of it, and how many clips of each camera have a label."""

import sqlalchemy as sa
from alembic import op

from watcher.catalog import planner

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    def clip_id() -> sa.Column[int]:
        return sa.Column("clip_id", sa.BigInteger, sa.ForeignKey("clips.id", ondelete="CASCADE"), primary_key=True)

    op.create_table(
        "inspections",
        clip_id(),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("old", sa.SmallInteger, nullable=False),
        sa.Column("started_ms", sa.BigInteger, nullable=False),
        sa.Column("due_ms", sa.BigInteger, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("done_ms", sa.BigInteger),
        sa.Column("seen", sa.Text),
        sa.Column("still", sa.Text),
        sa.Column("error", sa.Text),
    )
    waits = sa.text("done_ms IS NULL")
    order = ["old", "started_ms", "clip_id"]
    op.create_index("ix_inspections_due", "inspections", order, sqlite_where=waits, postgresql_where=waits)
    op.create_table(
        "refusals",
        clip_id(),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("confidence", sa.Float),
    )
    op.create_table(
        "label_cameras",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("camera", sa.Text, primary_key=True),
        sa.Column("clips", sa.BigInteger, nullable=False),
    )
    # All labels until now are people's, or of programs that have a key as people do.
    op.add_column("clips", sa.Column("labeled_by_people", sa.SmallInteger, nullable=False, server_default="0"))
    op.execute("UPDATE clips SET labeled_by_people = 1 WHERE labels IS NOT NULL")
    op.create_index("ix_label_cameras_camera", "label_cameras", ["camera"])
    op.execute(
        "INSERT INTO label_cameras (name, camera, clips) SELECT labels.name, clips.camera, count(*)"
        " FROM labels JOIN clips ON clips.id = labels.clip_id GROUP BY labels.name, clips.camera"
    )
    if op.get_bind().dialect.name == "sqlite":
        planner.tell(op.get_bind())
