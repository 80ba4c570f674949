"""Posters and the processes that make them, whatever the decoder does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import pytest
from PIL import Image

from tests import clips
from tests.running import RENDER, RunningUnit, wait_for
from watcher.catalog import migrate
from watcher.catalog.rendition_names import TELLING, poster_name, sprite_name
from watcher.catalog.rows import Rendered
from watcher.ingest.bind import bind_root
from watcher.ingest.ingest import Ingest
from watcher.renditions import verdicts
from watcher.renditions.leftovers import Leftovers
from watcher.renditions.renderer import Renderer
from watcher.services import Services, open_services
from watcher.settings import schema
from watcher.settings.schema import Render, Settings
from watcher.storage import marker
from watcher.workers import process

HANGS_SECONDS = 4.0  # for which a decoder is waited for; a busy machine takes a while to start one

# Stands in for a decoder that a file can harm: what it does is said by the clip's name.
HOSTILE = """
import json, os, sys, time
from pathlib import Path
print('{"ready": true}', flush=True)
for line in sys.stdin:
    job = json.loads(line)
    name = os.path.basename(job["path"])
    if "hangs" in name: time.sleep(600)
    if "crashes" in name: os.kill(os.getpid(), 11)
    if "raises" in name: sys.exit(1)
    Path(job["out"]).write_bytes(b"picture")
    print('{}', flush=True)
"""


@contextmanager
def renderer(folder: Path, samples: Path, *names: str, workers: int = 1) -> Iterator[Services]:
    """The renderer at work on some clips."""
    settings = Settings(render=Render(workers=workers, timeout_seconds=HANGS_SECONDS))
    services = open_services(settings, folder)
    services.places.make()
    migrate(services.catalog.database.engine)
    for number, name in enumerate(names):
        path = services.places.video / name
        path.write_bytes(clips.stamp((samples / "plain.mp4").read_bytes(), number))
        outcome = Ingest.of(services).examine(name)
        Ingest.of(services).put([outcome])
    at_work = Renderer(services)
    at_work.start()
    try:
        yield services
    finally:
        at_work.stop()
        services.catalog.database.engine.dispose()


@pytest.mark.slow
def test_a_decoder_that_crashes_or_hangs_costs_one_clip(
    tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have no picture, with a reason, after a second try, and stay ready; the others get their posters."""
    monkeypatch.setattr(verdicts, "AGAIN_SECONDS", 0.1)
    monkeypatch.setattr(process, "WORKER", (sys.executable, "-c", HOSTILE))
    with renderer(tmp_path, samples, "crashes.mp4", "hangs.mp4", "is-fine.mp4") as services:

        def state(name: str) -> tuple[str, str | None, bool]:
            clip = services.catalog.clips.by_key(name)
            errors = {trouble.key: trouble.error for trouble in services.catalog.retries.troubles(10).newest}
            return clip.state, errors.get(name), clip.poster is not None

        wait_for(lambda: state("is-fine.mp4") == ("ready", None, True), what="the third poster")
        expected = ("ready", "the decoder crashed on it (SIGSEGV)", False)
        wait_for(lambda: state("crashes.mp4") == expected, what="the first verdict")
        expected = ("ready", f"the decoder did not finish within {HANGS_SECONDS:g} s", False)
        wait_for(lambda: state("hangs.mp4") == expected, what="the second verdict")


def test_a_worker_that_fails_by_itself_blames_no_clip(
    tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken installation of ours must not turn a collection into broken clips."""
    for command in ((sys.executable, "-c", HOSTILE), ("/bin/false",), ("/bin/cat",), ("/nonexistent",)):
        monkeypatch.setattr(process, "WORKER", command)
        folder = tmp_path / command[0].strip("/").replace("/", "-")
        folder.mkdir()
        with renderer(folder, samples, "raises.mp4") as services:
            tried = services.places.run / "tried"
            assert not tried.exists()
            wait_for(lambda services=services: services.catalog.files.unrendered(1), what="the clip")
            clip = services.catalog.clips.by_key("raises.mp4")
        assert (clip.state, clip.error, clip.poster) == ("ready", None, None)


def test_two_answers_in_one_piece_are_two_answers() -> None:
    """As when a process is quicker than we are: the second one is not waited for."""
    quick = (
        "import sys; print('{}', flush=True); [sys.stdin.readline() for _ in '12']; print('{}\\n{}', flush=True)"
    )
    worker = process.Worker(timeout_seconds=60, command=[sys.executable, "-c", quick + "; sys.stdin.read()"])
    try:
        worker.ask_probe("one")
        worker.ask_probe("two")
        assert worker.answer().error is None
        assert worker.answer().error is None
    finally:
        worker.close()


def talks(*lines: str) -> process.Worker:
    """A worker that is ready, takes a job, says some lines, and is silent."""
    script = f"import sys; print('{{}}', flush=True); input(); print({chr(10).join(lines)!r}, flush=True); sys.stdin.read()"
    return process.Worker(timeout_seconds=5, command=[sys.executable, "-c", script])


def test_who_follows_long_work_hears_how_far_it_is() -> None:
    """Each share, and also that nothing is said, until the answer; who does not follow is answered in time."""
    heard: list[process.Answer] = []
    worker = talks('{"about": 7}', '{"done": 0.5}', '{"made": [1]}')
    try:
        worker.ask({})
        assert worker.answer(heard.append).made == [1]
        answers = [answer for answer in heard if answer != process.Answer()]
        assert answers == [process.Answer(about=7), process.Answer(done=0.5)]
        heard.clear()
        worker.ask({})
        worker.ask({})
        with pytest.raises(process.ClipError, match="said nothing for 5 s"):
            worker.answer(heard.append)
        assert process.Answer() in heard
        with pytest.raises(ZeroDivisionError):
            worker.answer(lambda _: 1 / 0)
    finally:
        worker.close()


def test_a_picture_that_cannot_be_stored_blames_no_clip(tmp_path: Path, samples: Path) -> None:
    """That is said of the worker, which tries again later; the clip keeps its good name."""
    worker = process.Worker(timeout_seconds=30)
    try:
        worker.ask_poster(str(samples / "plain.mp4"), Path("/proc/a.webp"), 0)
        with pytest.raises(process.WorkerError, match="/proc"):
            worker.answer()
    finally:
        worker.close()


def test_a_signal_to_the_whole_group_is_no_crash(tmp_path: Path, samples: Path) -> None:
    """uWSGI stops the ingester so, and a terminal at Ctrl-C: nothing may be concluded about the clip."""
    keeps_on = """if True:
        import pathlib, signal, sys
        from watcher.workers.process import Worker, WorkerError
        signal.signal(signal.SIGTERM, lambda *_: None)
        worker = Worker(timeout_seconds=30)
        for number in range(3):
            worker.ask_poster(sys.argv[1], pathlib.Path(sys.argv[2]) / f"{number}.webp", 0)
            try:
                worker.answer()
                print("made", flush=True)
            except WorkerError:
                print("ended", flush=True)
            sys.stdin.readline()
    """
    command = [sys.executable, "-c", keeps_on, str(samples / "plain.mp4"), str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "made\n"
        os.killpg(process.pid, signal.SIGTERM)
        assert process.communicate("\n\n\n")[0] == "ended\nmade\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.webp", "2.webp"]


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_posters_stand_upright(tmp_path: Path, rotation: int) -> None:
    """A phone's matrix is obeyed: the dark sky of the picture stays above."""
    path = clips.make(tmp_path / "a.mp4")
    worker = process.Worker(timeout_seconds=30)
    try:
        worker.ask_poster(str(path), tmp_path / "a.webp", rotation)
        worker.answer()
    finally:
        worker.close()
    with av.open(str(tmp_path / "a.webp")) as picture:
        frame = next(picture.decode(video=0))
    assert (frame.width, frame.height) == ((320, 180) if rotation in {0, 180} else (180, 320)[::1])


@pytest.mark.parametrize("range_", ["narrow", "full", "jpeg"])
def test_posters_have_the_colours_of_the_recording(range_: str, tmp_path: Path) -> None:
    """Many cameras record in the full range, which once made their posters glaring."""
    red = Image.new("RGB", (640, 360), (220, 20, 20))
    path = tmp_path / ("a.jpg" if range_ == "jpeg" else "a.mp4")
    if range_ == "jpeg":
        red.save(path, quality=95)
    else:
        with av.open(str(path), "w") as out:
            stream = out.add_stream("libx264", rate=5)
            stream.width, stream.height = red.size
            stream.pix_fmt = "yuv420p" if range_ == "narrow" else "yuvj420p"
            frame = av.VideoFrame.from_image(red).reformat(format=stream.pix_fmt)
            out.mux([*stream.encode(frame), *stream.encode(None)])
    worker = process.Worker(timeout_seconds=30)
    try:
        worker.ask_poster(str(path), tmp_path / "a.webp", 0)
        worker.answer()
    finally:
        worker.close()
    seen = Image.open(tmp_path / "a.webp").convert("RGB").resize((1, 1)).getpixel((0, 0))
    assert max(abs(value - two) for value, two in zip(seen, (220, 20, 20), strict=True)) < 8, seen


def test_a_recording_in_matroska_is_probed_by_the_decoder(unit: RunningUnit) -> None:
    """Motion's default container: a clip, with what a decoder found, which browsers do not play."""
    clips.make_coded(unit.data / "motion.mkv", container="matroska")
    (unit.data / "motion.mkv").rename(unit.video / "01-20260305120000.mkv")
    clip = unit.wait_clip("01-20260305120000.mkv", state="ready")

    assert clip["media"]["container"] == "matroska"
    assert clip["media"]["video"]["codec"] == "h264"
    assert (clip["playable"], clip["playable_reason"]) == ("no", "browsers do not play matroska files")
    assert clip["duration_seconds"] == pytest.approx(1, abs=0.1)
    assert clip["started_at"] == "2026-03-05T11:00:00.000Z"
    wait_for(lambda: unit.clip("01-20260305120000.mkv")["poster_url"], what="its poster")


def test_a_decoder_can_reach_nothing_but_its_descriptors() -> None:
    """It tries, behind the wall, before the first job: no socket, no file, no process."""
    worker = process.Worker(timeout_seconds=30)
    try:
        worker.ask_probe(os.devnull)
        with pytest.raises(process.ClipError):
            worker.answer()
        assert worker.wall is not None
        assert (worker.wall.holes, bool(worker.wall.held)) == ((), True)
    finally:
        worker.close()


def test_an_unknown_codec_is_no_picture_and_costs_no_other_clip(tmp_path: Path, samples: Path) -> None:
    """The clip stays ready, its reason is kept, and the next one gets its poster."""
    with renderer(tmp_path, samples, workers=1) as services:
        whole = (samples / "plain.mp4").read_bytes()
        for name, data in (("unknown.mp4", whole.replace(b"avc1", b"braw")), ("plain.mp4", whole)):
            (services.places.video / name).write_bytes(clips.stamp(data, len(name)))
            Ingest.of(services).put([Ingest.of(services).examine(name)])
        at_work = Renderer(services)
        at_work.start()
        try:
            wait_for(lambda: services.catalog.clips.by_key("plain.mp4").poster, what="the other's poster")
            troubles = wait_for(lambda: services.catalog.retries.troubles(10).newest, what="the reason")
        finally:
            at_work.stop()
        assert [(trouble.key, trouble.error) for trouble in troubles] == [
            ("unknown.mp4", "there is no decoder for it")
        ]
        assert services.catalog.clips.by_key("unknown.mp4").state == "ready"


def test_what_a_killed_worker_left_goes_and_what_lives_stays(tmp_path: Path) -> None:
    """By the process's number in the name; where other machines share the folder, by age."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for shared in (False, True):
        settings = Settings(ingest=schema.Ingest(shared=shared))
        services = open_services(settings, tmp_path / str(shared))
        folder = services.places.renditions / "0"
        folder.mkdir(parents=True)
        migrate(services.catalog.database.engine)
        names = {
            what: f"1-0123456789abcdef.{what}.webp.{process}.tmp"
            for what, process in (("left", ended.pid), ("made", os.getpid()), ("old", os.getpid()))
        }
        for name in (*names.values(), "1-0123456789abcdef.webp", "notes.tmp"):
            (folder / name).touch()
        os.utime(folder / names["old"], (0, 0))
        Leftovers(services).turn()
        stays = {names["made"], "1-0123456789abcdef.webp", "notes.tmp"} | ({names["left"]} if shared else set())
        assert {path.name for path in folder.iterdir()} == stays


def test_pictures_of_clips_that_are_gone_go_and_no_other_file(tmp_path: Path, samples: Path) -> None:
    """By id and content in the name; what is young, not ours, or of another catalog's folder stays."""
    services = open_services(Settings(), tmp_path / "data")
    services.places.make()
    migrate(services.catalog.database.engine)
    bind_root(services)
    ingest, catalog = Ingest.of(services), services.catalog
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        (services.places.video / name).write_bytes(clips.stamp((samples / "plain.mp4").read_bytes(), ord(name[0])))
        ingest.put([ingest.examine(name)])
    a, b, c = (catalog.clips.by_key(name) for name in ("a.mp4", "b.mp4", "c.mp4"))
    digests = {row.key: row.digest for row in catalog.files.unrendered(9)}
    of = {clip.key: poster_name(clip.id, digests[clip.key]) for clip in (a, b, c)}
    telling = poster_name(a.id, digests["a.mp4"], TELLING)
    before = poster_name(b.id, "f" * 20)  # of an older content, still shown
    catalog.renditions.set_posters([Rendered(a.id, digests["a.mp4"], telling, None)])
    catalog.renditions.set_posters([Rendered(b.id, digests["b.mp4"], before, None)])
    catalog.retired.retire(c.id, now=services.clock.now())  # and may be revived: its row has no picture yet
    stays = {of["a.mp4"], telling, of["b.mp4"], before, "0/notes.webp", "0/1234567-0123456789abcdef.webp"}
    young = "0/999-0123456789abcdea.webp"
    goes = {of["c.mp4"], "0/999-0123456789abcdef.webp", sprite_name(a.id, "e" * 20), "7/7001-0123456789abcdef.webp"}
    for name in (*stays, *goes, young, "video.mp4"):
        path = services.places.renditions / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
        os.utime(path, None if name == young else (0, 0))
    (services.places.renditions / "0" / "998-0123456789abcdef.webp").symlink_to(services.places.video / "a.mp4")

    def there() -> set[str]:
        folder = services.places.renditions
        return {
            str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and not path.is_symlink()
        }

    named = services.root.folder / marker.NAME
    text = named.read_text()
    named.write_text("another catalog's")
    Leftovers(services).turn()
    assert there() == stays | goes | {young, "video.mp4"}, "nothing goes by a catalog that is not this folder's"
    named.write_text(text)
    Leftovers(services).turn()
    assert there() == stays | {young, "video.mp4"}
    assert {path.name for path in services.places.video.glob("*.mp4")} == {"a.mp4", "b.mp4", "c.mp4"}


@pytest.mark.slow
def test_idle_workers_give_their_memory_back(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """A few seconds after the last poster no decoder is in memory."""
    unit = start_unit()
    (unit.video / "one.mp4").write_bytes((samples / "plain.mp4").read_bytes())
    wait_for(lambda: (unit.clip("one.mp4") or {}).get("poster_url"), what="the poster")
    wait_for(lambda: not any(RENDER in c for c in unit.family().values()), what="the workers' end")
