"""A PostgreSQL that dies under questions and comes back: nobody is told nonsense, and nothing of ours is restarted."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests import clips, postgres
from tests.integration.test_buckets import tiered
from tests.integration.test_stores import address, leave, store_of
from tests.running import RunningUnit, wait_for
from tests.s3_server import s3_server

pytestmark = pytest.mark.slow

QUESTIONS = (
    "/watcher/clips",
    "/watcher/clips?limit=1&camera=gate",
    "/watcher/clips/1",
    "/watcher/clips/1/neighbours",
    "/watcher/changes?since=0",
    "/watcher/changes/head",
    "/watcher/timeline",
    "/watcher/cameras",
    "/watcher/labels",
    "/watcher/readyz",
)


@pytest.fixture
def server() -> Iterator[postgres.Server]:
    """A PostgreSQL server that the test may end."""
    with postgres.running() as server:
        yield server


class Crowd:
    """Readers who ask all the time; how each question was answered, by phase."""

    def __init__(self, unit: RunningUnit) -> None:
        self.unit = unit
        self.phase = "before"
        self.answers: Counter[tuple[str, str, int]] = Counter()
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._ask, args=(n,), daemon=True) for n in range(6)]
        for thread in self.threads:
            thread.start()

    def _ask(self, number: int) -> None:
        with requests.Session() as session:
            while not self.over.is_set():
                for question in QUESTIONS[number:] + QUESTIONS[:number]:
                    phase = self.phase
                    answer = session.get(self.unit.url(question), timeout=60)
                    self.answers[phase, question, answer.status_code] += 1

    def end(self) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join()

    def statuses(self, phase: str) -> set[int]:
        return {status for when, _, status in self.answers if when == phase}


def test_it_dies_and_comes_back(server: postgres.Server, start_unit: Callable[..., RunningUnit]) -> None:
    """Questions are 503 until it is there again, and never another error; what arrived meanwhile is adopted."""
    unit = start_unit(settings={"WATCHER_CATALOG__URL": server.url})
    clips.make(unit.video / "gate/2026-11-20_080000.mp4", number=1, seconds=1)
    unit.wait_clip("gate/2026-11-20_080000.mp4", state="ready")
    before = unit.named()
    crowd = Crowd(unit)

    def enough(phase: str, status: int, times: int) -> Callable[[], bool]:
        return lambda: (
            sum(n for (when, _, code), n in crowd.answers.items() if (when, code) == (phase, status)) >= times
        )

    try:
        wait_for(enough("before", 200, 100), what="answers")
        crowd.phase = "dying"
        wait_for(enough("dying", 200, 20), what="answers to what was asked before")
        server.stop()
        crowd.phase = "away"
        clips.make(unit.video / "gate/2026-11-20_090000.mp4", number=2, seconds=1)
        wait_for(enough("away", 503, 100), what="refusals")
        crowd.phase = "starting"
        server.start()
        wait_for(lambda: all(unit.get(question).ok for question in QUESTIONS), what="answers again")
        crowd.phase = "ready"
        wait_for(enough("ready", 200, 20), what="answers to what was asked before")
        crowd.phase = "after"
        wait_for(enough("after", 200, 200), what="answers to all")
    finally:
        crowd.end()
    assert crowd.statuses("before") == {200}
    for phase in ("dying", "away", "starting", "ready"):
        assert crowd.statuses(phase) <= {200, 503}, (phase, crowd.answers)
    assert crowd.statuses("after") == {200}, [
        answer for answer in crowd.answers if answer[0] == "after" and answer[2] != 200
    ]
    away = {question for when, question, status in crowd.answers if (when, status) == ("away", 503)}
    assert away == set(QUESTIONS), "each was refused in so many words"
    unit.wait_clip("gate/2026-11-20_090000.mp4", state="ready", seconds=60)
    sample = clips.make(unit.data / "sample.mp4", number=3, seconds=1)
    sent = requests.put(unit.url("/watcher/uploads/gate/3.mp4"), data=sample.read_bytes(), timeout=30)
    assert sent.status_code == 201
    assert unit.named() == before, "no process of ours had to be started anew"


def test_a_clip_in_a_bucket_while_it_is_away(
    server: postgres.Server, start_unit: Callable[..., RunningUnit], samples: Path, tmp_path: Path
) -> None:
    """Nobody can say where it lies: 503 and why, and no error of ours; local clips play."""
    unit = start_unit(settings={"WATCHER_CATALOG__URL": server.url, "WATCHER_RENDER__WORKERS": "0"})
    old, young = leave(unit, samples, 1), leave(unit, samples, 2, days=0)
    data = (unit.video / old).read_bytes()
    with s3_server() as bucket:
        tiered(unit, tmp_path, bucket.endpoint)
        wait_for(lambda: store_of(unit, old) == "archive" and not (unit.video / old).exists(), what="the move")
        server.stop()
        try:
            answer = requests.get(address(unit, old), timeout=60)
            assert (answer.status_code, answer.text) == (503, "Where this clip lies cannot be told just now\n")
            assert answer.headers["Retry-After"]
            assert requests.get(address(unit, young), timeout=10).status_code == 200
        finally:
            server.start()
        wait_for(lambda: requests.get(address(unit, old), timeout=60).content == data, what="the clip")
