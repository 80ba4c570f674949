"""Which labels a clip has, in its row, in their own and in the sums: all written together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import sqlalchemy as sa

from watcher.catalog.schema import clips, label_cameras, label_names, labels
from watcher.catalog.sums import Sums
from watcher.model.clip import Label
from watcher.model.search_words import words_of

Insert = Callable[[sa.Table], Any]


def labels_in(row: Any) -> dict[str, Label]:
    """A clip's labels by their name, as its row has them."""
    return {label.name: label for label in msgspec.json.decode(row.labels or "[]", type=list[Label])}


def write_labels(
    connection: sa.Connection, insert: Insert, clip: Any, after: dict[str, Label], values: dict[str, Any]
) -> bool:
    """Let a clip have these labels, and its row these other values; False if it has them already.

    The clip's row holds its labels as well, so that lists read no other table. `values` has its new revision.
    """
    before = labels_in(clip)
    if before == after:
        return False
    gone = before.keys() - after.keys()
    if gone:
        connection.execute(sa.delete(labels).where(labels.c.clip_id == clip.id, labels.c.name.in_(gone)))
    changed = [label for label in after.values() if before.get(label.name) != label]
    rows = [label_row(clip.id, clip.started_ms, label) | {"revision": values["revision"]} for label in changed]
    if rows:
        put = insert(labels)
        word = {name: put.excluded[name] for name in ("author", "confidence", "at_ms")}
        connection.execute(put.on_conflict_do_update(index_elements=["clip_id", "name"], set_=word), rows)
    count_labels(connection, insert, gone, clip.camera, -1)
    count_labels(connection, insert, after.keys() - before.keys(), clip.camera, 1)
    text = msgspec.json.encode([after[name] for name in sorted(after)]).decode() if after else None
    people = int(any(not label.by_model for label in after.values()))
    sums = Sums()
    sums.take(clip)
    sums.give({**clip._mapping, "labels": text})
    sums.write(connection, insert)
    values = values | {
        "labels": text,
        "labeled_by_people": people,
        "words": words_of(clip.key, clip.camera, after, clip.note),
    }
    connection.execute(sa.update(clips).where(clips.c.id == clip.id).values(values))
    return True


def label_row(clip_id: int, started_ms: int, label: Label) -> dict[str, Any]:
    """A label as a row of its own."""
    return {
        "clip_id": clip_id,
        "name": label.name,
        "author": label.author,
        "confidence": label.confidence,
        "at_ms": label.at_ms,
        "started_ms": started_ms,
    }


def count_labels(connection: sa.Connection, insert: Insert, names: Iterable[str], camera: str, step: int) -> None:
    """One clip of a camera more (1), or less (-1), has these labels."""
    some = sorted(names)  # in one order, so that two writers never wait for each other
    if some:
        _add(connection, insert, label_names, [{"name": name, "clips": step} for name in some])
        _add(connection, insert, label_cameras, [{"name": name, "camera": camera, "clips": step} for name in some])


def move_labels(connection: sa.Connection, insert: Insert, old: Any, camera: str) -> None:
    """A clip is another camera's now."""
    if old.labels is not None and old.camera != camera:
        names = labels_in(old)
        count_labels(connection, insert, names, old.camera, -1)
        count_labels(connection, insert, names, camera, 1)


def _add(connection: sa.Connection, insert: Insert, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    put = insert(table)
    more = {"clips": table.c.clips + put.excluded.clips}
    keys = [column.name for column in table.primary_key]
    connection.execute(put.on_conflict_do_update(index_elements=keys, set_=more), rows)
