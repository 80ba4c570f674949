"""Tables and indexes. Their history is in `migrations/`; a test compares the two."""

from __future__ import annotations

import sqlalchemy as sa

ID_BITS = 31  # of a row's number in SQLite's index of words that hold the clip's id; the others hold the second

metadata = sa.MetaData()

# Keys are compared byte by byte on both engines, since a scan merges them with the walk of the disk.
Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

clips = sa.Table(
    "clips",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("key", Key, nullable=False, unique=True),  # path below the video root
    sa.Column("camera", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("listed", sa.SmallInteger, nullable=False),  # 1 for ready and broken: what lists show by default
    sa.Column("started_ms", sa.BigInteger, nullable=False),  # milliseconds since 1970, UTC
    sa.Column("ended_ms", sa.BigInteger, nullable=False),
    sa.Column("time_source", sa.Text, nullable=False),
    sa.Column("duration_ms", sa.BigInteger),  # null while unknown
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("mtime_ns", sa.BigInteger, nullable=False),
    sa.Column("inode", sa.BigInteger, nullable=False),  # signed: some file systems use all 64 bits
    sa.Column("digest", sa.Text, nullable=False),  # content id, finds a moved or restored clip
    sa.Column("media", sa.Text),  # MediaInfo as JSON
    sa.Column("playable", sa.Text),
    sa.Column("playable_reason", sa.Text),
    sa.Column("error", sa.Text),  # why it is broken
    sa.Column("poster", sa.Text),  # path below the renditions folder
    sa.Column("poster_error", sa.Text),  # why there is none
    sa.Column("render_due", sa.SmallInteger, nullable=False),  # 1: its probe or poster, 2: its sprite, 0: nothing
    sa.Column("revision", sa.BigInteger, nullable=False),  # grows over the whole catalog with every change
    sa.Column("ingested_ms", sa.BigInteger, nullable=False),
    sa.Column("missing_ms", sa.BigInteger),  # since when the file is gone
    sa.Column("offset_seconds", sa.Integer),  # of the camera's clock, east of UTC
    sa.Column("time_quality", sa.Text, nullable=False, server_default="sure"),
    sa.Column("uncorrected", sa.Text),  # JSON of what was read, by column, where a person corrected it
    sa.Column("picture", Key),  # key of a picture that the camera left of it, for the poster
    sa.Column("held", sa.SmallInteger, nullable=False, server_default="0"),  # 1: it is never retired
    sa.Column("note", sa.Text),  # a person's words about it
    sa.Column("labels", sa.Text),  # its rows of `labels` as JSON, for lists; null without any
    sa.Column("ready_revision", sa.BigInteger),  # at which this content became ready
    sa.Column("words", sa.Text),  # that it is found by (see `model/search_words.py`)
    sa.Column("sprite", sa.Text),  # Sprite as JSON
    sa.Column("rendered_from", sa.BigInteger),  # revision since which only renditions came, …
    sa.Column("rendered_at", sa.BigInteger),  # … if `revision` is this one
    sa.Column("proxy", sa.Text),  # path below the renditions folder
    sa.Column("light", sa.Text),  # by the picture
    sa.Column("arrived_ms", sa.BigInteger, nullable=False, server_default="0"),  # when this content was first seen
    sa.Column("counts_ms", sa.BigInteger, nullable=False, server_default="0"),  # start or arrival, for retention
    sa.Column("spared", sa.SmallInteger, nullable=False, server_default="0"),  # 1: very old when it came, lately
    sa.Column("labeled_by_people", sa.SmallInteger, nullable=False, server_default="0"),  # 1: not by models alone
    # Where it lies; null: in the video root. Its key there, the ETag, and SHA-256 in hex, are of when it was moved.
    sa.Column("store", sa.Text),
    sa.Column("store_key", Key),
    sa.Column("store_etag", sa.Text),
    sa.Column("store_sha256", sa.Text),
    # What is left to be done: 1, its file in the video root is to go; 2, it is wanted back; 3, it is back, and its
    # object is to go, whose key stands behind its store's name and a colon.
    sa.Column("store_ms", sa.BigInteger),  # when it was moved there, or came back
    sa.Column("store_due", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Index("ix_clips_time", "listed", "started_ms", "id"),
    sa.Index("ix_clips_camera_time", "camera", "listed", "started_ms", "id"),
    sa.Index("ix_clips_state_time", "state", "started_ms", "id"),
    sa.Index("ix_clips_content", "digest", "inode"),
    sa.Index("ix_clips_revision", "revision"),
    # Partial on PostgreSQL too, as its migration says; saying so here would load that dialect into every process.
    sa.Index("ix_clips_render_due", "started_ms", sqlite_where=sa.text("render_due = 1")),
    sa.Index("ix_clips_sprite_due", "started_ms", sqlite_where=sa.text("render_due = 2")),
    sa.Index("ix_clips_held", "listed", "started_ms", "id", sqlite_where=sa.text("held = 1")),
    sa.Index("ix_clips_unlabeled", "listed", "started_ms", "id", sqlite_where=sa.text("labels IS NULL")),
    sa.Index("ix_clips_ready", "ready_revision", sqlite_where=sa.text("ready_revision IS NOT NULL")),
    sa.Index("ix_clips_counts", "listed", "spared", "counts_ms", "id"),
    sa.Index("ix_clips_camera_counts", "camera", "listed", "spared", "counts_ms", "id"),
    sa.Index("ix_clips_spared", "arrived_ms", "id", sqlite_where=sa.text("spared = 1")),
    sa.Index("ix_clips_poster_error", "started_ms", "id", sqlite_where=sa.text("poster_error IS NOT NULL")),
    sa.Index("ix_clips_picture", "picture", sqlite_where=sa.text("picture IS NOT NULL")),
    sa.Index("ix_clips_store", "store", "store_key", sqlite_where=sa.text("store IS NOT NULL")),
    sa.Index("ix_clips_store_due", "store_due", "id", sqlite_where=sa.text("store_due <> 0")),
    sqlite_autoincrement=True,  # an id is never given twice: links to a deleted clip must not show another
)

labels = sa.Table(
    "labels",
    metadata,
    sa.Column("clip_id", sa.BigInteger, sa.ForeignKey("clips.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("confidence", sa.Float),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("started_ms", sa.BigInteger, nullable=False),  # the clip's, so that an index has both
    sa.Column("revision", sa.BigInteger),  # the clip's, when it got this label; null of an earlier version
    sa.Index("ix_labels_time", "name", "started_ms", "clip_id"),
)

# What a model is to look at, or has looked at: a row for each clip. Rows that are not done are what there is to do.
inspections = sa.Table(
    "inspections",
    metadata,
    sa.Column("clip_id", sa.BigInteger, sa.ForeignKey("clips.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),  # of the content that it is about
    sa.Column("model", sa.Text, nullable=False),  # name and version
    sa.Column("old", sa.SmallInteger, nullable=False),  # 1: it was here before the model, and waits for live clips
    sa.Column("started_ms", sa.BigInteger, nullable=False),  # the clip's, when it was written: newest first
    sa.Column("due_ms", sa.BigInteger, nullable=False),  # when it may be looked at; later after a fault
    sa.Column("tries", sa.Integer, nullable=False),  # in vain
    sa.Column("done_ms", sa.BigInteger),  # null while it waits
    sa.Column("seen", sa.Text),  # JSON: a Seen for each label, its best sight, also below the threshold
    sa.Column("still", sa.Text),  # JSON: each Seen that did not move all the time
    sa.Column("error", sa.Text),  # why it cannot be looked at
    sa.Index("ix_inspections_due", "old", "started_ms", "clip_id", sqlite_where=sa.text("done_ms IS NULL")),
)

# Labels that a person took off: no model puts them on again.
refusals = sa.Table(
    "refusals",
    metadata,
    sa.Column("clip_id", sa.BigInteger, sa.ForeignKey("clips.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("confidence", sa.Float),  # that the model had
)

# Proxies that are wanted, made, or cannot be made.
proxies = sa.Table(
    "proxies",
    metadata,
    sa.Column("clip_id", sa.BigInteger, sa.ForeignKey("clips.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),  # of the content that it is for
    sa.Column("ahead", sa.SmallInteger, nullable=False),  # 1: nobody has asked for it yet
    sa.Column("asked_ms", sa.BigInteger, nullable=False),
    sa.Column("done_ms", sa.BigInteger),  # null while it waits
    sa.Column("size_bytes", sa.BigInteger),  # of one that was made
    sa.Column("error", sa.Text),  # why it cannot be
    sa.Column("share", sa.Float),  # of the one in the making, that is done
    sa.Index("ix_proxies_turn", "done_ms", "ahead", "asked_ms"),
)

# Films of a time that somebody has asked for, joined from clips.
exports = sa.Table(
    "exports",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("author", sa.Text, nullable=False),  # the name of the key that asked
    sa.Column("cameras", sa.Text, nullable=False),  # a JSON list
    sa.Column("from_ms", sa.BigInteger, nullable=False),
    sa.Column("to_ms", sa.BigInteger, nullable=False),
    sa.Column("cut", sa.Text, nullable=False),
    sa.Column("clips", sa.BigInteger, nullable=False),  # that there were, and their bytes
    sa.Column("source_bytes", sa.BigInteger, nullable=False),
    sa.Column("asked_ms", sa.BigInteger, nullable=False),
    sa.Column("share", sa.Float),  # that is done; null while it waits
    sa.Column("done_ms", sa.BigInteger),  # null until it is made, or cannot be
    sa.Column("files", sa.Text),  # a JSON list of ExportFile
    sa.Column("size_bytes", sa.BigInteger),
    sa.Column("error", sa.Text),  # why it cannot be
    sa.Column("key_id", Id),  # the key's number; 0: of nobody's key, null: of one that is not known any more
    sqlite_autoincrement=True,  # a link to one that is gone must not lead to another
)

# Clips whose pictures one of several ingesters makes; another one may when the time is over.
claims = sa.Table(
    "claims",
    metadata,
    sa.Column("clip_id", sa.BigInteger, sa.ForeignKey("clips.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("until_ms", sa.BigInteger, nullable=False),
    sa.Index("ix_claims_owner", "owner"),
)

# Clips whose pictures could not be made and are tried again: how often they were, when they are next, and why.
render_retries = sa.Table(
    "render_retries",
    metadata,
    sa.Column("clip_id", sa.BigInteger, sa.ForeignKey("clips.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),  # of the content that it is about
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("due_ms", sa.BigInteger, nullable=False),  # far away once it is due
    sa.Column("error", sa.Text, nullable=False),
    sa.Index("ix_render_retries_due", "due_ms"),
)

# Which clips somebody is looking at to label them, until when.
leases = sa.Table(
    "leases",
    metadata,
    sa.Column("clip_id", sa.BigInteger, sa.ForeignKey("clips.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("review", sa.Text, nullable=False),  # clips that were handed out together
    sa.Column("until_ms", sa.BigInteger, nullable=False),
    sa.Index("ix_leases_review", "review"),
)

# What went by rules of retention, by the quarter of an hour, for a day.
removals = sa.Table(
    "removals",
    metadata,
    sa.Column("quarter", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("camera", sa.Text, primary_key=True),
    sa.Column("due_bytes", sa.BigInteger, nullable=False),  # for bytes that came in, by the rules of bytes
    sa.Column("more_clips", sa.BigInteger, nullable=False),  # beyond what passing time and incoming bytes make due
)

# SQLite's index of words (FTS5), kept by triggers; the migration makes it. A row's number is its clip's start in
# seconds and, in the low bits, the clip's id: what is found comes out in the order of time, without a sort.
clip_words = sa.table("clip_words", sa.column("rowid", sa.BigInteger))

# What each camera sent on each day, by the site's clock.
sent = sa.Table(
    "sent",
    metadata,
    sa.Column("camera", sa.Text, primary_key=True),
    sa.Column("day", sa.Text, primary_key=True),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
)

# How far each webhook has looked for clips that are ready, and what it has not delivered yet.
hooks = sa.Table(
    "hooks",
    metadata,
    sa.Column("url", sa.Text, primary_key=True),
    sa.Column("revision", sa.BigInteger, nullable=False),
)
outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("url", sa.Text, primary_key=True),
    sa.Column("revision", sa.BigInteger, primary_key=True),  # at which the clip became ready
    sa.Column("clip_id", sa.BigInteger, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("due_ms", sa.BigInteger, nullable=False),
    sa.Column("since_ms", sa.BigInteger, nullable=False),
    sa.Column("told", sa.Text),  # what went wrong last
    sa.Column("event", sa.Text),  # JSON of what is told, where it is not of a clip: its `clip_id` is 0 then
    sa.Index("ix_outbox_clip", "url", "clip_id", "revision"),
)

# How it is with each camera: whether it is silent, since when, and for how long it may be.
silences = sa.Table(
    "silences",
    metadata,
    sa.Column("camera", sa.Text, primary_key=True),
    sa.Column("silent", sa.SmallInteger, nullable=False),
    sa.Column("since_ms", sa.BigInteger, nullable=False),  # when the clip before its silence ended
    sa.Column("limit_ms", sa.BigInteger, nullable=False),
    sa.Column("revision", sa.BigInteger),  # at which it fell silent or was back
)

# What a person says of a camera; a row stays when the camera's clips are gone.
camera_settings = sa.Table(
    "camera_settings",
    metadata,
    sa.Column("camera", sa.Text, primary_key=True),
    sa.Column("name", sa.Text),  # that pages show in place of the camera's
    sa.Column("colour", sa.Text),
    sa.Column("place", sa.Integer),  # among the others; null: by its name, behind those that have one
    sa.Column("hidden", sa.SmallInteger, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),  # at which this was said
)

# Who may; of a key's secret only the hash. A number is never given twice, a name may be: whose something is,
# the number tells.
keys = sa.Table(
    "keys",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("cameras", sa.Text),  # a JSON list of the only ones it is for; null: all
    sa.Column("hash", sa.Text, nullable=False, unique=True),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("last_used_ms", sa.BigInteger),
    sa.Column("expires_ms", sa.BigInteger),  # null: never
    sa.Column("address", sa.Text),  # that it was last used from
)

# Browsers that have signed in, and links that sign one in, once.
sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("key_id", Id, sa.ForeignKey("keys.id", ondelete="CASCADE"), nullable=False),
    sa.Column("until_ms", sa.BigInteger, nullable=False),
    sa.Column("once", sa.SmallInteger, nullable=False),
    sa.Column("created_ms", sa.BigInteger),  # null of those that an earlier version opened, as all that follows
    sa.Column("last_used_ms", sa.BigInteger),
    sa.Column("address", sa.Text),  # that it was last used from
    sa.Column("agent", sa.Text),  # what the browser called itself
)

# Links to clips that work without a key, until they expire, are ended, or the clip has another content.
shares = sa.Table(
    "shares",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),  # random
    sa.Column("clip_id", sa.BigInteger, sa.ForeignKey("clips.id", ondelete="CASCADE"), nullable=False),
    sa.Column("content", sa.Text, nullable=False),  # the clip's digest
    sa.Column("author", sa.Text, nullable=False),  # the name of the key that shared it
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("until_ms", sa.BigInteger, nullable=False),
    sa.Column("last_view_ms", sa.BigInteger),
    sa.Column("key_id", Id),  # as of exports
    sa.Index("ix_shares_clip", "clip_id"),
)

# Up to which revision somebody has seen every clip that was ready, and the clips that are not as this says.
seen_marks = sa.Table(
    "seen_marks",
    metadata,
    sa.Column("person", sa.Text, primary_key=True),  # a key's number, or a browser, where nobody signs in
    sa.Column("until_revision", sa.BigInteger, nullable=False),
    sa.Column("marked_ms", sa.BigInteger),  # when it was moved last
    sa.Column("version", sa.BigInteger, nullable=False),  # grows with every word of theirs
    sa.Column("used_ms", sa.BigInteger, nullable=False),
)
seen = sa.Table(
    "seen",
    metadata,
    sa.Column("person", sa.Text, primary_key=True),
    sa.Column("clip_id", sa.BigInteger, sa.ForeignKey("clips.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("ready_revision", sa.BigInteger, nullable=False),  # of the content that was seen, or not
    sa.Column("seen", sa.SmallInteger, nullable=False),
    sa.Index("ix_seen_clip", "clip_id"),
)

# What happened to keys, sessions and links: rows are added, and go when they are old or many; nothing changes them.
audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("who", sa.Text, nullable=False),  # a key's name, or the command line
    sa.Column("address", sa.Text),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("about", sa.Text, nullable=False),
    sa.Index("ix_audit_at", "at_ms"),
    sa.Index("ix_audit_who", "who", "id"),
    sqlite_autoincrement=True,
)

# How many clips have each label.
label_names = sa.Table(
    "label_names",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("clips", sa.BigInteger, nullable=False),
)

# And of each camera.
label_cameras = sa.Table(
    "label_cameras",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("camera", sa.Text, primary_key=True),
    sa.Column("clips", sa.BigInteger, nullable=False),
    sa.Index("ix_label_cameras_camera", "camera"),
)

# From when on it is day, twilight or night at the site; empty where nobody knows where that is.
sun = sa.Table(
    "sun",
    metadata,
    sa.Column("at_ms", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("light", sa.Text, nullable=False),
)

# Kept sums over listed clips: counting a million rows on each request is what makes other tools slow.
cameras = sa.Table(
    "cameras",
    metadata,
    sa.Column("camera", sa.Text, primary_key=True),
    sa.Column("clips", sa.BigInteger, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("duration_ms", sa.BigInteger, nullable=False),
)

# The same by the quarter of an hour in which clips start, numbered from 1970 (UTC): the timeline adds these up.
quarters = sa.Table(
    "quarters",
    metadata,
    sa.Column("quarter", sa.BigInteger, primary_key=True),
    sa.Column("camera", sa.Text, primary_key=True),
    sa.Column("clips", sa.BigInteger, nullable=False),
    sa.Column("duration_ms", sa.BigInteger, nullable=False),
    sa.Index("ix_quarters_camera", "camera", "quarter"),
)

# And by day, for the offsets from UTC (in quarters, east of it) that the site's clocks have: 365 sums a year.
days = sa.Table(
    "days",
    metadata,
    sa.Column("offset_quarters", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("day", sa.BigInteger, primary_key=True, autoincrement=False),  # (quarter + offset) ÷ 96
    sa.Column("camera", sa.Text, primary_key=True),
    sa.Column("clips", sa.BigInteger, nullable=False),
    sa.Column("duration_ms", sa.BigInteger, nullable=False),
    sa.Index("ix_days_camera", "offset_quarters", "camera", "day"),
)

# The clips of each label by those days: what a calendar under a label is tinted by.
label_days = sa.Table(
    "label_days",
    metadata,
    sa.Column("offset_quarters", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("day", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("camera", sa.Text, primary_key=True),
    sa.Column("clips", sa.BigInteger, nullable=False),
)

# Which offsets those are. Every write keeps the sums of all; questions are answered from those that are `whole`.
day_offsets = sa.Table(
    "day_offsets",
    metadata,
    sa.Column("offset_quarters", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("whole", sa.Integer, nullable=False),
)

# revision: the last one given; longest_ms: an upper bound of every clip's length; forgotten: the newest revision of
# a clip that was dropped; keys: grows with every change of keys and sessions, and numbers keys; proxied: up to
# which revision clips were looked at for proxies ahead.
# The first statement of each writing transaction updates `revision`, so that revisions are committed in order.
counters = sa.Table(
    "counters",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)

facts = sa.Table(
    "facts",
    metadata,
    # labels: how far a model has come, as JSON;
    # catalog_id: the id that the video root's marker carries; scanned: a first whole scan has ended; retention:
    # what it remembers, as JSON.
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
