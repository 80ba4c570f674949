"""What each query parameter means, once for all routes that take it."""

from __future__ import annotations

from typing import Any, NamedTuple

from watcher.model.clip import ClipState, Light, Playable
from watcher.web.http.wire import NUMBER_MOST


class Parameter(NamedTuple):
    """A query parameter."""

    description: str
    schema: dict[str, Any]
    example: Any
    many: bool = False  # may be repeated


DAYS_MOST = 5000  # that are counted for one answer

_TIME = {"type": "string", "format": "date-time"}
_NUMBER = {"type": "integer", "minimum": 0, "maximum": NUMBER_MOST}
_SECONDS = {"type": "number", "minimum": 0, "maximum": 9999999}
_TEXT = {"type": "string", "minLength": 1, "pattern": "^[^\\u0000]+$"}
_CURSOR = {"type": "string", "pattern": "^[A-Za-z0-9_=-]+$"}

PARAMETERS = {
    "camera": Parameter("A camera; repeated: any of them.", _TEXT, "porch", many=True),
    "state": Parameter(
        "A state; repeated: any of them; without it ready and broken.",
        {"type": "string", "enum": list(ClipState)},
        "ready",
        many=True,
    ),
    "from": Parameter("Clips that end after this moment.", _TIME, "2026-11-21T06:00:00Z"),
    "to": Parameter("Clips that start before this moment.", _TIME, "2026-11-21T09:00:00Z"),
    "label": Parameter("A label; repeated: any of them.", _TEXT, "fox", many=True),
    "not_label": Parameter("A label that it must not have; repeated: none of them.", _TEXT, "car", many=True),
    "min_confidence": Parameter(
        "How sure a model has to be of the label that is asked for, or of any; people's labels count.",
        {"type": "number", "minimum": 0, "maximum": 1},
        0.6,
    ),
    "author": Parameter(
        "Who has to say the label that is asked for, or any: an author, `models` or `people`.", _TEXT, "key:tablet"
    ),
    "unlabeled": Parameter("Clips without any label; false: with one.", {"type": "boolean"}, True),
    "held": Parameter("Clips that are held, or that are not.", {"type": "boolean"}, False),
    "playable": Parameter(
        "Whether browsers can show it; repeated: any of them.",
        {"type": "string", "enum": list(Playable)},
        "yes",
        many=True,
    ),
    "light": Parameter(
        "Whether it was day; repeated: any of them.", {"type": "string", "enum": list(Light)}, "day", many=True
    ),
    "min_duration": Parameter("Seconds at least.", _SECONDS, 0.5),
    "max_duration": Parameter("Seconds at most.", _SECONDS, 3600),
    "bin": Parameter("Whether its file can be had back for a while.", {"type": "boolean", "default": True}, True),
    "q": Parameter("Up to ten whole words of key, camera, labels and note; all of them.", _TEXT, "porch"),
    "seen": Parameter("Clips that you have seen, or have not.", {"type": "boolean"}, False),
    "fields": Parameter(
        "Only these fields of each clip, with commas between; those within others by a dotted path.",
        {"type": "string", "pattern": r"^[a-z_.]+(,[a-z_.]+)*$"},
        "id,camera,media.video.codec",
    ),
    "id": Parameter("A clip; repeated: each of them.", _NUMBER, 1, many=True),
    "sort": Parameter(
        "By start: newest first, or oldest first.",
        {"type": "string", "enum": ["-started_at", "started_at"]},
        "-started_at",
    ),
    "limit": Parameter("How many.", {"type": "integer", "minimum": 1, "maximum": 500, "default": 50}, 10),
    "before": Parameter("The page before this cursor, which `prev` has.", _CURSOR, "MTc2MzcwNDgwMDAwMC4x"),
    "after": Parameter("The page after this cursor, which `next` has.", _CURSOR, "MTc2MzcwNDgwMDAwMC4x"),
    "around": Parameter("A page with this moment, or cursor, in its middle.", _TEXT, "2026-11-21T06:00:00Z"),
    "since": Parameter("The seq of the last change that you have dealt with.", _NUMBER, 0),
    "began": Parameter("Where a reader of the whole feed began; `next` has it.", _NUMBER, 0),
    "started_at": Parameter("When the clip began; else its name tells.", _TIME, "2026-11-21T07:00:00+01:00"),
    "bucket": Parameter("How long a bucket is.", {"type": "string", "enum": ["day", "hour", "quarter"]}, "day"),
    "month": Parameter(
        "Which month; this one, where `tz` is.", {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$"}, "2026-11"
    ),
    "day": Parameter("Days up to this one; up to today.", {"type": "string", "format": "date"}, "2026-11-30"),
    "days": Parameter(
        "How many days, instead of a month.",
        {"type": "integer", "minimum": 1, "maximum": DAYS_MOST, "default": 31},
        31,
    ),
    "content": Parameter(
        "Of which content, as a playlist says: of another one there is nothing.", _TEXT, "9f86d081884c7d65"
    ),
    "sound": Parameter("Whether the sound goes along.", {"type": "boolean", "default": True}, True),
    "begin": Parameter("Milliseconds from the clip's beginning.", _NUMBER, 0),
    "end": Parameter("Milliseconds from the clip's beginning; without it the end of the clip.", _NUMBER, 60000),
    "tz": Parameter("IANA zone in which days are cut; the site's.", _TEXT, "Europe/Berlin"),
}
