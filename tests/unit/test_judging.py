"""`watcher labels eval`: how well a model does by people's own labels, and which thresholds would be better."""

from __future__ import annotations

import io
import tomllib
from types import SimpleNamespace
from typing import Any

import msgspec

from watcher.catalog.judgements import Judged
from watcher.labels.commands import evaluate
from watcher.settings.labels import Labels

ODD = '"gate" \\ 🦊'


def clips(camera: str, label: str, *, so: tuple[float, ...], not_so: tuple[float, ...] = ()) -> list[Judged]:
    """What people and the model say of some: how sure it is where people say the label, and where they do not."""
    there = [Judged(0, camera, {label}, set(), {label: sure} if sure else {}) for sure in so]
    return there + [Judged(0, camera, {"something else"}, set(), {label: sure}) for sure in not_so]


JUDGED = [
    clip._replace(id=number)
    for number, clip in enumerate(
        clips("porch", "person", so=(0.3, 0.34, 0.36, 0.4, 0.42, 0.44, 0.46, 0.7, 0.8, 0.9, 0.95, 0.99))
        + clips(ODD, "person", so=(0.8,) * 12, not_so=(0.52, 0.56, 0.6, 0.64, 0.68))
        + clips("yard", "cat", so=(0.9,) * 12 + (0.0,))
        + clips("yard", "dog", so=(0.3, 0.3)),
        1,
    )
]


def evaluated(settings: Labels) -> tuple[dict[tuple[str, str], list[str]], dict[str, Any]]:
    """The table's rows by label and camera, and what is proposed as settings."""
    judgements = SimpleNamespace(after=lambda after, limit: JUDGED[after : after + limit])
    services = SimpleNamespace(
        settings=SimpleNamespace(labels=settings), catalog=SimpleNamespace(judgements=judgements)
    )
    out = io.StringIO()
    assert evaluate(services, out=out) == 0  # type: ignore[arg-type]
    table, _, proposed = out.getvalue().partition("\nbetter on these clips, as settings; not tried on others:\n")
    lines = table.splitlines()[2:]
    rows = {
        (line[:16].strip(), line[17:33].strip()): line[33:].split() for line in lines if "something" not in line
    }
    return rows, tomllib.loads(proposed)


def test_what_is_better_by_camera_and_label_can_be_taken_as_it_is_printed() -> None:
    """With it the model does as was promised, and nothing is proposed any more; few clips are no reason for anything."""
    rows, proposed = evaluated(Labels())
    assert rows["person", "porch"] == ["12", "1.00", "0.42", "0.50", "0.30"]
    assert rows["person", ODD] == ["12", "0.71", "1.00", "0.50", "0.70"]
    assert rows["cat", "yard"] == ["13", "1.00", "0.92", "0.50"]  # what it never saw no threshold finds
    assert rows["dog", "yard"] == ["2", "0.00", "0.00", "0.50"]
    thresholds = proposed["labels"]["thresholds"]
    by_camera = {(t.get("camera", ""), t["label"]): t["threshold"] for t in thresholds}
    assert by_camera["porch", "person"] == 0.3
    assert by_camera[ODD, "person"] == 0.7
    assert not {label for _, label in by_camera} - {"person"}
    settings = msgspec.convert({"thresholds": thresholds}, Labels)
    rows, proposed = evaluated(settings)
    assert rows["person", "porch"] == ["12", "1.00", "1.00", "0.30"]
    assert rows["person", ODD] == ["12", "1.00", "1.00", "0.70"]
    assert proposed == {}
