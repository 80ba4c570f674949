"""What SQLite's planner is told of the sizes of tables: always the same, so that plans depend on questions alone.

Left to itself SQLite knows nothing, or, after ANALYZE, what one day's clips were like; either has been seen to read
whole tables. These are of a million clips of fifty cameras, a little bent: a state is said to be rarer than most
clips' is, so that nobody reads everything for the few that are missing; and clips without labels to be rarer still,
so that a review walks their own index (https://sqlite.org/optoverview.html, "Manual Control Of Query Plans Using
SQLITE_STAT Tables").
"""

from __future__ import annotations

import sqlalchemy as sa

# By table and index: rows, and how many have the same first column, first two columns, …
STATISTICS = {
    ("clips", "sqlite_autoindex_clips_1"): "1000000 1",
    ("clips", "ix_clips_time"): "1000000 1000000 1 1",
    ("clips", "ix_clips_camera_time"): "1000000 20000 20000 1 1",
    ("clips", "ix_clips_state_time"): "1000000 150000 1 1",
    ("clips", "ix_clips_content"): "1000000 1 1",
    ("clips", "ix_clips_revision"): "1000000 1",
    ("clips", "ix_clips_ready"): "1000000 1",
    ("clips", "ix_clips_unlabeled"): "120000 120000 1 1",
    ("clips", "ix_clips_render_due"): "1000 1",
    ("clips", "ix_clips_sprite_due"): "1000 1",
    ("clips", "ix_clips_held"): "1000 1000 1 1",
    ("clips", "ix_clips_picture"): "100000 1",
    ("clips", "ix_clips_counts"): "1000000 1000000 1000000 1 1",
    ("clips", "ix_clips_camera_counts"): "1000000 20000 20000 20000 1 1",
    ("clips", "ix_clips_spared"): "10000 10 1",
    ("clips", "ix_clips_poster_error"): "1000 1 1",
    ("clips", "ix_clips_store"): "1000000 500000 1",
    ("clips", "ix_clips_store_due"): "100 50 1",
    ("labels", "sqlite_autoindex_labels_1"): "100000 1 1",
    ("labels", "ix_labels_time"): "100000 5000 1 1",
    ("inspections", "sqlite_autoindex_inspections_1"): "1000000 1",
    ("inspections", "ix_inspections_due"): "1000 500 1 1",
    ("refusals", "sqlite_autoindex_refusals_1"): "10000 5 1",
    ("label_cameras", "sqlite_autoindex_label_cameras_1"): "1000 50 1",
    ("label_cameras", "ix_label_cameras_camera"): "1000 20",
    ("leases", "sqlite_autoindex_leases_1"): "100 1",
    ("leases", "ix_leases_review"): "100 50",
    ("proxies", "sqlite_autoindex_proxies_1"): "10000 1",
    ("proxies", "ix_proxies_turn"): "10000 10 10 1",
    ("render_retries", "sqlite_autoindex_render_retries_1"): "100 1",
    ("render_retries", "ix_render_retries_due"): "100 1",
    ("claims", "sqlite_autoindex_claims_1"): "100 1",
    ("claims", "ix_claims_owner"): "100 50",
    ("quarters", "sqlite_autoindex_quarters_1"): "300000 10 1",
    ("quarters", "ix_quarters_camera"): "300000 30000 1",
    ("days", "sqlite_autoindex_days_1"): "10000 5000 10 1",
    ("days", "ix_days_camera"): "10000 5000 500 1",
    ("outbox", "sqlite_autoindex_outbox_1"): "1000 500 1",
    ("outbox", "ix_outbox_clip"): "1000 500 2 1",
    ("seen", "sqlite_autoindex_seen_1"): "100000 500 1",
    ("seen", "ix_seen_clip"): "100000 2",
    ("sun", "sqlite_autoindex_sun_1"): "10000 1",
}


def tell(connection: sa.Connection) -> None:
    """Put them in place of any others; connections that are open already keep what they know. SQLite only."""
    connection.exec_driver_sql("ANALYZE alembic_version")  # which makes the table
    connection.exec_driver_sql("DELETE FROM sqlite_stat1")
    rows = [(*place, sizes) for place, sizes in STATISTICS.items()]
    connection.exec_driver_sql("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)", rows)
    connection.exec_driver_sql("ANALYZE sqlite_master")
