"""Models that look at clips, in their real processes: every known kind, hostile files, hostile clips, kills."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import clips
from tests.sights import BOX, colours, red_model
from watcher.ingest.ingest import Ingest
from watcher.labels.detector import Eye, ModelError
from watcher.labels.labeller import WORKER, Labeller
from watcher.labels.model import FILE
from watcher.model.clip import Label
from watcher.renditions.workers.process import Answer, ClipError, Worker, WorkerError
from watcher.services import Services, open_services
from watcher.settings.labels import Labels
from watcher.settings.schema import Settings

KINDS = ("ssd", "yolox", "detr", "deployed")


def worker(model: Path) -> Worker:
    return Worker(timeout_seconds=60, command=[*WORKER, json.dumps({"model": str(model), "names": []})])


def look(model: Path, clip: Path) -> Answer:
    asked = worker(model)
    try:
        asked.ask_inspect(str(clip), 0, container="mp4")
        return asked.answer()
    finally:
        asked.close()


@pytest.mark.parametrize("kind", KINDS)
def test_each_known_kind_of_model_says_what_where_and_when(tmp_path: Path, kind: str) -> None:
    """Of a clip with one key frame: what comes later is found, and its first second nearly."""
    clip = colours(tmp_path / "clip.mp4", red=(2.4, 5.0))
    pictures = look(red_model(tmp_path / "model.onnx", kind), clip).pictures
    red = [one for one in pictures if any(seen.score > 0.5 for seen in one.seen)]
    assert {seen.name for one in red for seen in one.seen} == {"red"}
    x, _, width, _ = red[0].seen[0].box
    assert (x, width) == pytest.approx((BOX[0], BOX[2]), abs=0.01)
    assert 2.4 <= red[0].seconds <= 2.8
    assert 4.0 <= red[-1].seconds < 5.0
    assert pictures[0].seconds < 1
    assert not any(seen.score > 0.5 for seen in pictures[0].seen)
    assert pictures[-1].seconds > 5
    assert not pictures[-1].seen


def test_a_picture_keeps_its_shape_where_the_model_wants_that(tmp_path: Path) -> None:
    """YOLOX is shown a picture above grey; what it says is about the picture."""
    clip = colours(tmp_path / "clip.mp4", red=(0, 9))
    (seen,) = look(red_model(tmp_path / "model.onnx", "yolox"), clip).pictures[0].seen
    assert seen.y == pytest.approx(0.25 / 0.6, abs=0.02)  # of 160 × 96 in a square


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("garbage", "cannot be used"),
        ("empty", "cannot be used"),
        ("none", "No such file"),
        ("folder", "cannot be read"),
        ("classifier", "no detector that is known"),
        ("no picture", "is no picture"),
        ("huge side", "32 to 1280 can be had"),
        ("external", "cannot be used"),
        ("huge graph", "cannot be used"),
        ("lying shape", "has no meaning"),
    ],
)
def test_a_model_that_cannot_be_used_is_a_sentence(tmp_path: Path, what: str, words: str) -> None:
    """Whatever is in the file: no crash, no memory, no other file."""
    path = hostile(tmp_path / "model.onnx", what)
    began = time.monotonic()
    with pytest.raises(ModelError) as told:
        Eye(str(path)).look(bytes(3 * 64 * 64))
    assert words in str(told.value)
    assert "\n" not in str(told.value)
    assert time.monotonic() - began < 60
    asked = worker(path)  # and the ingester says the same
    with pytest.raises((WorkerError, ClipError), match=words[:12]):
        asked.ask_inspect(str(colours(tmp_path / "clip.mp4", seconds=1)), 0, container="mp4")
        asked.answer()
    asked.close()


def hostile(path: Path, what: str) -> Path:
    np = pytest.importorskip("numpy", reason="numpy is not installed (requirements/labels.txt)")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (requirements/labels.txt)")
    from watcher.labels import onnx_file as onnx

    picture = onnx.value("images", onnx.FLOAT, [1, 3, 64, 64])

    def model(outputs: dict[str, list[int | str]], steps: list[bytes], tensors: list[bytes], given: bytes = picture) -> None:
        told = [onnx.value(name, onnx.FLOAT, shape) for name, shape in outputs.items()]
        path.write_bytes(onnx.model(steps, tensors, [given], told))

    flat = onnx.node("ReduceMean", ["images"], "one", axes=[1, 2, 3], keepdims=0)
    match what:
        case "garbage":
            path.write_bytes(clips.noise(10_000))
        case "empty":
            path.write_bytes(b"")
        case "folder":
            path.mkdir()
        case "classifier":
            model({"one": [1]}, [flat], [])
        case "no picture":
            given = onnx.value("images", onnx.FLOAT, [1, 3])
            model({"output": [1, 3, 1]}, [onnx.node("Unsqueeze", ["images", "two"], "output")],
                  [onnx.tensor("two", np.array([2], np.int64))], given)  # fmt: skip
        case "huge side":
            given = onnx.value("images", onnx.FLOAT, [1, 3, 100_000, 100_000])
            model({"output": [1, 1, 1]}, [onnx.node("ReduceMean", ["images"], "m", axes=[2, 3], keepdims=0),
                  onnx.node("Unsqueeze", ["m", "two"], "output")], [onnx.tensor("two", np.array([2], np.int64))], given)  # fmt: skip
        case "external":  # its numbers are said to be in another file
            entry = onnx._bytes(13, onnx._text(1, "location") + onnx._text(2, "/etc/passwd"))
            tensor = onnx._number(1, 3) + onnx._number(2, onnx.FLOAT) + onnx._text(8, "far") + entry + onnx._number(14, 1)
            model({"output": [1, 1, 3]}, [onnx.node("Add", ["images", "far"], "output")], [tensor])
        case "huge graph":  # 400 GB of zeros
            sizes = onnx.tensor("sizes", np.array([100_000, 1_000_000], np.int64))
            steps = [onnx.node("ConstantOfShape", ["sizes"], "zeros"), flat]
            steps += [onnx.node("ReduceMean", ["zeros"], "m", axes=[0, 1], keepdims=0)]
            steps += [onnx.node("Add", ["one", "m"], "s"), onnx.node("Reshape", ["s", "shape"], "output")]
            model({"output": [1, 1, 1]}, steps, [sizes, onnx.tensor("shape", np.array([1, 1, 1], np.int64))])
        case "lying shape":
            steps = [flat, onnx.node("Reshape", ["one", "shape"], "output")]
            model({"output": [1, "n", "m"]}, steps, [onnx.tensor("shape", np.array([1, 1, 1], np.int64))])
    return path


def test_a_hostile_clip_costs_itself(tmp_path: Path) -> None:
    """What crashes or holds up a decoder; the model and its process go on."""
    model, good = red_model(tmp_path / "model.onnx"), colours(tmp_path / "good.mp4", red=(0, 9))
    bad = tmp_path / "bad.mp4"
    data = bytearray(good.read_bytes())
    at = data.find(b"mdat") + 40
    data[at : at + 400] = clips.noise(400)
    bad.write_bytes(data)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(good.read_bytes()[:900])
    none = tmp_path / "none.mp4"
    none.write_bytes(struct.pack(">I4s8s", 16, b"ftyp", b"isom"))
    asked = worker(model)
    for path in (bad, cut, none, tmp_path / "away.mp4"):
        asked.ask_inspect(str(path), 0, container="mp4")
        asked.ask_inspect(str(good), 0, container="mp4")
        try:
            asked.answer()
        except ClipError as reason:
            assert str(reason)
        assert asked.answer().pictures[0].seen
    asked.close()


def test_what_looks_can_reach_nothing(tmp_path: Path) -> None:
    """The decoder is behind the wall of decoders, and the model too: it holds no file but its pipes."""
    asked = worker(red_model(tmp_path / "model.onnx"))
    asked.ask_inspect(str(colours(tmp_path / "clip.mp4")), 0, container="mp4")
    asked.answer()
    assert asked.wall is not None
    assert asked.wall.holes == ()
    process = asked._process
    assert process is not None
    (model,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{model}/status").read_text().splitlines() if ":\t" in line)
    assert status["Seccomp"].strip() == "2"
    assert status["NoNewPrivs"].strip() == "1"
    held = {os.readlink(one) for one in Path(f"/proc/{model}/fd").iterdir()}
    assert {name.partition(":")[0] for name in held} <= {"/dev/null", "pipe", "anon_inode"}
    asked.close()
    with pytest.raises(ProcessLookupError):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            os.kill(int(model), 0)
            time.sleep(0.01)


# — the ingester's task —


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., Services]]:
    """Makes services with a model that finds red, and clips that have their posters."""
    opened: list[Services] = []

    def start(*made: Path, **settings: object) -> Services:
        model = red_model(tmp_path / "red.onnx")
        labels = Labels(enabled=True, model=str(model), wanted=("*",), **settings)  # type: ignore[arg-type]
        services = open_services(Settings(labels=labels), tmp_path / "data")
        from watcher.catalog import migrate

        services.places.make()
        migrate(services.catalog.engine)
        opened.append(services)
        Ingest.of(services).adopt([str(path.relative_to(services.places.video)) for path in made]) if made else None
        return services

    yield start
    for services in opened:
        services.catalog.engine.dispose()
