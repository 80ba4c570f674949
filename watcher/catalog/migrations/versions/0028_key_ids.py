"""Whose shares, exports and marks are, by the number of a key, which is never given twice, as its name may be."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    for table, made in (("shares", "created_ms"), ("exports", "asked_ms")):
        op.add_column(table, sa.Column("key_id", Id))
        # What is older than the key of its author's name was another one's.
        mine = f"keys.name = {table}.author AND keys.created_ms <= {table}.{made}"
        op.execute(f"UPDATE {table} SET key_id = (SELECT keys.id FROM keys WHERE {mine})")  # nosec B608  # noqa: S608 - ours
    for table in ("seen_marks", "seen"):
        mine = f"keys WHERE 'key:' || keys.name = {table}.person"
        number = f"(SELECT 'key#' || keys.id FROM {mine})"  # nosec B608  # noqa: S608 - ours
        op.execute(f"UPDATE {table} SET person = {number} WHERE EXISTS (SELECT 1 FROM {mine})")  # nosec B608  # noqa: S608 - ours
        op.execute(f"DELETE FROM {table} WHERE person LIKE 'key:%'")  # nosec B608  # noqa: S608 - ours
    # The next key gets the next number of this counter.
    op.execute(
        "UPDATE counters SET value = (SELECT max(keys.id) FROM keys) WHERE name = 'keys'"
        " AND value < (SELECT max(keys.id) FROM keys)"
    )
    op.create_index("ix_audit_who", "audit", ["who", "id"])
