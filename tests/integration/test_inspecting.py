"""Models that look at clips, in their real processes: every known kind, hostile files, hostile clips, kills."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import signal
import sqlite3
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from PIL import Image

from tests import clips
from tests.running import running, wait_for
from tests.sights import BOX, colours, red_model
from watcher.catalog import migrate
from watcher.ingest.ingest import Ingest
from watcher.ingester.periodic import Periodic
from watcher.labels import commands
from watcher.labels import labeller as labelling
from watcher.labels.labeller import WORKER, Labeller
from watcher.model.clip import Clip, Label
from watcher.services import open_services
from watcher.settings.labels import Area, Group, Labels, Threshold
from watcher.settings.schema import Settings
from watcher.workers.process import Answer, ClipError, Worker, WorkerError

NOW = datetime(2026, 11, 22, tzinfo=UTC)
KILLS = int(os.environ.get("WATCHER_TEST_LABEL_KILLS", "15"))
KINDS = ("ssd", "yolox", "detr", "deployed", "d-fine")


def worker(model: Path) -> Worker:
    return Worker(timeout_seconds=60, command=[*WORKER, json.dumps({"model": str(model), "names": []})])


def look(model: Path, clip: Path) -> Answer:
    process = worker(model)
    try:
        process.ask_inspect(str(clip), 0, container="mp4")
        return process.answer()
    finally:
        process.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_each_known_kind_of_model_says_what_where_and_when(tmp_path: Path, kind: str) -> None:
    """Of a clip with one key frame: what comes later is found, and its first second nearly."""
    clip = colours(tmp_path / "clip.mp4", red=(2.4, 5.0))
    pictures = look(red_model(tmp_path / "model.onnx", kind), clip).pictures
    red = [picture for picture in pictures if any(seen.score > 0.5 for seen in picture.seen)]
    assert {seen.name for picture in red for seen in picture.seen} == {"red"}
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
    process = worker(hostile(tmp_path / "model.onnx", what))
    process.ask_inspect(str(colours(tmp_path / "clip.mp4", seconds=1)), 0, container="mp4")
    with pytest.raises(WorkerError, match=words) as error:
        process.answer()
    assert "\n" not in str(error.value)
    process.close()


def hostile(path: Path, what: str) -> Path:
    np = pytest.importorskip("numpy", reason="numpy is not installed (requirements/labels.txt)")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (requirements/labels.txt)")
    from watcher.labels import onnx_file as onnx

    picture = onnx.value("images", onnx.FLOAT, [1, 3, 64, 64])

    def model(
        outputs: dict[str, list[int | str]], steps: list[bytes], tensors: list[bytes], given: bytes = picture
    ) -> None:
        outputs_ = [onnx.value(name, onnx.FLOAT, shape) for name, shape in outputs.items()]
        path.write_bytes(onnx.model(steps, tensors, [given], outputs_))

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
            tensor = (
                onnx._number(1, 3)
                + onnx._number(2, onnx.FLOAT)
                + onnx._text(8, "far")
                + entry
                + onnx._number(14, 1)
            )
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
    process = worker(model)
    for path in (bad, cut, none, tmp_path / "away.mp4"):
        process.ask_inspect(str(path), 0, container="mp4")
        process.ask_inspect(str(good), 0, container="mp4")
        with contextlib.suppress(ClipError):
            process.answer()
        assert process.answer().pictures[0].seen
    process.close()


def test_what_looks_can_reach_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The decoder is behind the wall of decoders, and the model too: it holds no file but its pipes.

    Its library would keep a file for what it tells its maker: there is none.
    """
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("CI", "GITHUB_ACTIONS", "XDG_CACHE_HOME"):  # where these are set it would keep none by itself
        monkeypatch.delenv(name, raising=False)
    asker = worker(red_model(tmp_path / "model.onnx"))
    asker.ask_inspect(str(colours(tmp_path / "clip.mp4")), 0, container="mp4")
    asker.answer()
    assert asker.wall is not None
    assert asker.wall.holes == ()
    process = asker._process
    assert process is not None
    model = min(map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()))
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{model}/status").read_text().splitlines() if ":\t" in line
    )
    assert status["Seccomp"].strip() == "2"
    assert status["NoNewPrivs"].strip() == "1"
    held = {os.readlink(descriptor) for descriptor in Path(f"/proc/{model}/fd").iterdir()}
    assert {name.partition(":")[0] for name in held} <= {"/dev/null", "pipe", "anon_inode"}
    assert list(home.iterdir()) == []
    asker.close()
    deadline = time.monotonic() + 30
    while Path(f"/proc/{model}").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not Path(f"/proc/{model}").exists()


# — the ingester's task —


class Bench:
    """A catalog with clips, and what looks at them."""

    def __init__(self, folder: Path, **settings: object) -> None:
        model = red_model(folder / "red.onnx", "deployed")
        table: dict[str, object] = {"enabled": True, "model": str(model), "wanted": ("*",), **settings}
        self.services = open_services(Settings(labels=Labels(**table)), folder / "data")  # type: ignore[arg-type]
        self.services.places.make()
        migrate(self.services.catalog.database.engine)
        self.catalog = self.services.catalog

    def add(self, *keys: str, **more: object) -> None:
        """Clips with their posters."""
        ingest = Ingest.of(self.services)
        for key in keys:
            colours(self.services.places.video / key, **more)  # type: ignore[arg-type]
            outcome = ingest.examine(key, finished=True)
            ingest.put([outcome])  # type: ignore[list-item]
        with self.catalog.database.write() as connection:
            connection.execute(sa.text("UPDATE clips SET render_due = 0"))

    def labels(self, key: str) -> tuple[Label, ...]:
        clip = self.catalog.clips.by_key(key)
        assert clip is not None
        return clip.labels or ()

    def turn(self) -> Labeller:
        """Look at everything that waits."""
        labeller = Labeller(self.services)
        labeller.turn()
        labeller.close()
        return labeller


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    benches: list[Bench] = []

    def start(**settings: object) -> Bench:
        benches.append(Bench(tmp_path, **settings))
        return benches[-1]

    yield start
    for clip in benches:
        clip.catalog.database.engine.dispose()


def test_clips_get_the_labels_of_a_model(bench: Callable[..., Bench]) -> None:
    """With the model's name, its confidence, the second, from when to when, and where."""
    place = bench()
    place.add("porch/2026-11-21/070000.mp4", red=(2.0, 4.0))
    place.add("porch/2026-11-21/080000.mp4", red=(9, 9))
    labeller = place.turn()
    (label,) = place.labels("porch/2026-11-21/070000.mp4")
    assert label.name == "red"
    assert label.author.startswith("model:red ")
    assert label.sight is not None
    assert label.confidence is not None
    assert label.confidence > 0.9
    assert 2.0 <= label.sight.at_seconds <= 2.6
    ((begin, end),) = label.sight.spans
    assert begin == label.sight.at_seconds
    assert 3.4 <= end <= 4.4
    assert label.sight.box == pytest.approx(BOX, abs=0.01)
    assert label.sight.boxes[0][0] == begin
    assert all(begin <= seconds < end for seconds, *_ in label.sight.boxes)
    assert all(box == pytest.approx(BOX, abs=0.01) for _, *box in label.sight.boxes)
    assert place.labels("porch/2026-11-21/080000.mp4") == ()
    assert labeller.done == 2
    assert labeller.warning is None
    assert place.turn().done == 0  # each once


def poster_of(place: Bench, key: str) -> tuple[Clip, Image.Image]:
    """A clip, and the picture that is its poster."""
    clip = place.catalog.clips.by_key(key)
    assert clip is not None
    assert clip.poster is not None
    return clip, Image.open(place.services.places.renditions / clip.poster).convert("RGB")


def test_the_poster_is_the_best_sight(bench: Callable[..., Bench]) -> None:
    """Of a clip with one key frame, and with many; turned as the clip is; the rest of the clips keep theirs."""
    place = bench()
    place.add("porch/2026-11-21/070000.mp4", red=(2.4, 4.0))
    place.add("porch/2026-11-21/080000.mp4", red=(2.4, 4.0), key_every=5)
    place.add("porch/2026-11-21/090000.mp4", red=(9, 9))
    place.turn()
    for key in ("porch/2026-11-21/070000.mp4", "porch/2026-11-21/080000.mp4"):
        clip, poster = poster_of(place, key)
        red, green, _ = poster.getpixel((80, 48))  # type: ignore[misc]
        assert (red > 200, green < 60, poster.size) == (True, True, (160, 96))
        assert clip.significant_ms is not None
        assert 2400 <= clip.significant_ms < 4000
        (label,) = place.labels(key)
        assert label.sight is not None
        assert clip.significant_ms / 1000 in [seconds for seconds, *_ in label.sight.boxes]
    other = place.catalog.clips.by_key("porch/2026-11-21/090000.mp4")
    assert other is not None
    assert (other.poster, other.significant_ms) == (None, None)
    files = {path.name for path in place.services.places.renditions.rglob("*.webp")}
    assert len(files) == 2


@pytest.mark.parametrize("trouble", ["no room", "the disk fails", "it cannot be decoded", "a picture of its own"])
def test_without_that_poster_it_is_labelled_all_the_same(
    bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    """The poster stays what it is, and nothing is left beside it."""
    place, key = bench(), "porch/2026-11-21/070000.mp4"
    place.add(key, red=(2, 4))
    renditions = place.services.places.renditions
    match trouble:
        case "no room":
            monkeypatch.setattr(type(place.services.root), "has_room", lambda *_: False)
        case "the disk fails":
            (renditions / "0").symlink_to(place.services.places.data / "nowhere")
            monkeypatch.setattr(Path, "mkdir", lambda *_, **__: None)
        case "it cannot be decoded":
            ask = Worker.ask_poster
            monkeypatch.setattr(
                Worker, "ask_poster", lambda *about, **more: ask(*about, **{**more, "seconds": 99.0})
            )
        case _:
            clip = place.catalog.clips.by_key(key)
            assert clip is not None
            place.catalog.renditions.set_picture(clip.id, "porch/2026-11-21/070000.jpg")
            with place.catalog.database.write() as connection:
                connection.execute(sa.text("UPDATE clips SET render_due = 0"))
    labeller = place.turn()
    assert (labeller.done, labeller.warning) == (1, None)
    assert [label.name for label in place.labels(key)] == ["red"]
    clip = place.catalog.clips.by_key(key)
    assert clip is not None
    assert clip.poster is None
    assert [path for path in renditions.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("answer", [Answer(error="killed", killed=True), Answer(error="away", closed=True)])
def test_a_kill_while_the_poster_is_made_concludes_nothing(
    bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    """Nor does a file that is away by then: the clip is looked at again, and has both."""
    place, key = bench(), "porch/2026-11-21/070000.mp4"
    place.add(key, red=(2, 4))
    answers: list[Answer] = []

    def answered(worker: Worker, hear: object = None) -> Answer:
        answers.append(own(worker))
        if len(answers) == 2:  # to the look, and to the poster
            raise ClipError(answer)
        return answers[-1]

    own = Worker.answer
    monkeypatch.setattr(Worker, "answer", answered)
    place.turn()
    assert place.labels(key) == ()
    with place.catalog.database.write() as connection:  # a minute is over
        connection.execute(sa.text("UPDATE inspections SET due_ms = 0"))
    place.turn()
    assert [label.name for label in place.labels(key)] == ["red"]
    assert poster_of(place, key)[0].significant_ms is not None


def test_what_stands_there_all_day_is_told_once(bench: Callable[..., Bench]) -> None:
    """On each camera, by the clip that was looked at first."""
    place = bench()
    place.add(*(f"porch/2026-11-21/07{n}000.mp4" for n in range(4)), "yard/2026-11-21/071000.mp4", red=(0, 9))
    place.turn()
    labelled = [key for n in range(4) if place.labels(key := f"porch/2026-11-21/07{n}000.mp4")]
    assert len(labelled) == 1
    assert place.labels("yard/2026-11-21/071000.mp4")


def test_settings_decide_what_becomes_a_label(bench: Callable[..., Bench]) -> None:
    """A threshold for one camera, an area that does not count, a group's word."""
    place = bench(
        thresholds=(Threshold(threshold=1.0, camera="strict"),),
        areas=(Area("blind", ((0, 0), (1, 0), (1, 1), (0, 1)), counts=False),),
        groups=(Group("colour", ("red",)),),
    )
    place.add("strict/2026-11-21/070000.mp4", "blind/2026-11-21/070000.mp4", "other/2026-11-21/070000.mp4")
    place.turn()
    assert [label.name for label in place.labels("other/2026-11-21/070000.mp4")] == ["colour"]
    assert place.labels("strict/2026-11-21/070000.mp4") == ()
    assert place.labels("blind/2026-11-21/070000.mp4") == ()


def test_without_a_model_it_is_told_why_and_nothing_is_concluded(
    bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When it is there, everything is looked at."""
    monkeypatch.setattr(labelling, "FAULT_SECONDS", 0.0)
    place = bench()
    place.add("porch/2026-11-21/070000.mp4")
    model = Path(place.services.settings.labels.model)
    data = model.read_bytes()
    model.unlink()
    labeller = Labeller(place.services)
    labeller.turn()
    assert "No such file" in str(labeller.state().warning)
    model.write_bytes(clips.noise(5000))
    labeller.turn()
    assert "cannot be used" in str(labeller.state().warning)
    model.write_bytes(data)
    labeller.turn()
    assert labeller.state().warning is None
    assert place.labels("porch/2026-11-21/070000.mp4")
    labeller.close()


def test_a_clip_that_no_decoder_can_read_is_passed_over(bench: Callable[..., Bench]) -> None:
    """It is noted why, it is not asked for again, and the others are looked at."""
    place = bench()
    place.add("porch/2026-11-21/070000.mp4", "porch/2026-11-21/080000.mp4")
    path = place.services.places.video / "porch/2026-11-21/080000.mp4"
    data = bytearray(path.read_bytes())
    at = data.find(b"avcC")
    data[at + 4 : at + 40] = bytes(36)
    path.write_bytes(data)
    place.turn()
    assert place.labels("porch/2026-11-21/070000.mp4")
    assert place.labels("porch/2026-11-21/080000.mp4") == ()
    assert place.turn().done == 0


def test_it_ends_at_once(bench: Callable[..., Bench]) -> None:
    """In the middle of its work, and leaves nothing behind: neither a process nor a claim."""
    place = bench()
    place.add(*(f"porch/2026-11-21/07{n:02}00.mp4" for n in range(5)))
    labeller = Labeller(place.services)
    task = Periodic(labeller)
    task.start()
    deadline = time.monotonic() + 60
    while labeller.done < 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    task.stop()
    assert not task.is_alive()
    assert labeller._worker is None
    with place.catalog.database.engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM claims")).scalar() == 0
    place.turn()
    assert all(place.labels(f"porch/2026-11-21/07{n:02}00.mp4") for n in range(5))


@pytest.mark.slow
def test_kills_at_random_moments_leave_nothing_out_and_nothing_twice(tmp_path: Path) -> None:
    """What looks and notes is killed; in the end each clip has what it should, once.

    Each time one of its own processes first (the worker, a decoder, the model), then the whole of it.
    """
    place = Bench(tmp_path)
    keys = [f"cam{n % 5}/2026-11-21/{n // 60:02}{n % 60:02}00.mp4" for n in range(8 * KILLS)]
    place.add(*keys[::2], red=(2, 4))
    place.add(*keys[1::2], red=(9, 9))
    settings = tmp_path / "settings.toml"
    model = place.services.settings.labels.model
    settings.write_text(f'[labels]\nenabled = true\nwanted = ["*"]\nmodel = "{model}"\n')
    command = [sys.executable, "-P", "-m", "watcher", "ingest", "--labels", "--data", str(tmp_path / "data")]
    environment = {**os.environ, "WATCHER_CONFIG": str(settings)}
    chance, done, kills, parts = random.Random(7), 0, 0, 0

    def noted() -> int:
        with place.catalog.database.engine.connect() as connection:
            count = connection.execute(sa.text("SELECT count(*) FROM inspections WHERE done_ms IS NOT NULL"))
            return int(count.scalar_one())

    while done < len(keys):
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        target = len(keys) if kills == KILLS else done + 1
        wait_for(lambda target=target: noted() >= target, seconds=300, what=f"{target} clips looked at")
        if kills < KILLS:
            time.sleep(chance.random() / 4)
            if below := descendants(process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(chance.choice(below), signal.SIGKILL)
                    parts += 1
            time.sleep(chance.random() / 4)
            kills += 1
        process.send_signal(signal.SIGKILL)
        process.wait()
        with place.catalog.database.write() as connection:  # some minutes are over
            connection.execute(sa.text("UPDATE claims SET until_ms = 0"))
            connection.execute(sa.text("UPDATE inspections SET due_ms = 0 WHERE done_ms IS NULL"))
        done = noted()
    assert kills >= KILLS // 2
    assert parts >= kills // 2
    for number, key in enumerate(keys):
        assert [label.name for label in place.labels(key)] == ([] if number % 2 else ["red"]), key
    with place.catalog.database.engine.connect() as connection:
        for table in ("labels", "inspections WHERE error IS NOT NULL", "inspections"):
            count = connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one()
            assert count == {"labels": len(keys) // 2, "inspections": len(keys)}.get(table, 0), table
    assert place.catalog.labels.counts() == [("red", len(keys) // 2)]
    posters = {poster_of(place, key)[0].poster for key in keys[::2]}
    renditions = place.services.places.renditions
    assert {path.relative_to(renditions).as_posix() for path in renditions.rglob("*.webp")} == posters
    place.catalog.database.engine.dispose()


def descendants(pid: int) -> list[int]:
    """The processes below one."""
    pids = [pid]
    for each in pids:
        with contextlib.suppress(OSError):
            for children in Path(f"/proc/{each}/task").glob("*/children"):  # a thread starts the worker
                pids += map(int, children.read_text().split())
    return pids[1:]


def test_old_clips_by_hand_and_how_well_the_model_does(bench: Callable[..., Bench]) -> None:
    """`run` looks at what was there, goes on after it was ended, and `eval` compares with people."""
    place = bench(old=False, threshold=0.99)
    keys = [f"porch/2026-11-21/07{n:02}00.mp4" for n in range(6)]
    place.add(*keys[:3], red=(2, 4))
    place.add(*keys[3:], red=(9, 9))
    assert place.turn().done == 0
    out = io.StringIO()
    assert commands.evaluate(place.services, out=out) == 1
    assert commands.run(place.services, out=out) == 0
    assert "6 clips looked at; 0 wait" in out.getvalue()
    assert commands.run(place.services, out=out) == 0
    assert "0 clips looked at; 0 wait" in out.getvalue()
    out = io.StringIO()
    assert commands.run(place.services, again=True, out=out) == 0
    assert "6 clips looked at; 0 wait" in out.getvalue()
    assert place.catalog.labels.counts() == []  # 0.98 is not sure enough
    for number, key in enumerate(keys):
        name = "red" if number < 2 else "grey"  # the third is a mistake of the model's, as people see it
        place.catalog.labels.put(
            place.catalog.clips.by_key(key).id, name, author="key:anna", confidence=None, now=NOW
        )  # type: ignore[union-attr]
    out = io.StringIO()
    assert commands.evaluate(place.services, out=out) == 0
    rows = {line.split()[0]: line.split() for line in out.getvalue().splitlines()[2:]}
    assert rows["red"][2:6] == ["2", "0.00", "0.00", "0.99"]
    assert rows["grey"][2:5] == ["4", "0.00", "0.00"]
    judged = place.catalog.judgements.after(0, 100)
    pairs = [("red" in verdict_.by_people, verdict_.seen.get("red", 0.0)) for verdict_ in judged]
    lower = commands.score(pairs, 0.5)
    assert (lower.right, lower.wrong, lower.missed) == (2, 1, 0)
    assert (round(lower.precision, 2), lower.recall) == (0.67, 1.0)


def test_off_costs_nothing(tmp_path: Path) -> None:
    """A process that ingests imports nothing of it, and nothing is written."""
    code = (
        "import sys; from pathlib import Path; from watcher.settings.schema import Settings;"
        "from watcher.services import open_services; from watcher.ingester.loop import Ingester;"
        f"Ingester(open_services(Settings(), Path({str(tmp_path)!r})));"
        "print([name for name in sys.modules if name.startswith(('watcher.labels', 'numpy', 'onnxruntime'))])"
    )
    result = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert (result.stdout.strip(), result.stderr) == ("[]", "")


def test_off_a_running_unit_has_nothing_of_it(tmp_path: Path) -> None:
    """No process has a library of models in its memory, no row waits, no folder is made."""
    with running(tmp_path / "unit") as unit:
        clips.make(unit.video / "porch" / "1.mp4")
        wait_for(lambda: (clip := unit.clip("porch/1.mp4")) and clip["poster_url"], what="a poster")
        maps = []
        for pid in unit.family():
            with contextlib.suppress(OSError):  # a decoder that has ended
                maps.append(Path(f"/proc/{pid}/maps").read_text())
        assert len(maps) >= 4
        assert not [name for name in ("onnxruntime", "numpy", "model.onnx") if any(name in each for each in maps)]
        assert not (unit.data / "labels").exists()
        with contextlib.closing(sqlite3.connect(unit.data / "catalog.db")) as connection:
            assert connection.execute("SELECT count(*) FROM inspections").fetchone() == (0,)
            assert connection.execute("SELECT count(*) FROM facts WHERE name = 'labels'").fetchone() == (0,)
