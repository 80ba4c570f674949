"""Several nodes that only look at clips, beside the ingester, on one catalog in PostgreSQL."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.nodes import Shared
from tests.running import wait_for
from tests.sights import colours, red_model

CLIPS = 40
NOTES = """
CREATE TABLE looks (clip_id BIGINT); CREATE TABLE owners (owner TEXT);
CREATE FUNCTION looked() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO looks VALUES (NEW.clip_id); RETURN NEW; END';
CREATE FUNCTION claimed() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO owners VALUES (NEW.owner); RETURN NEW; END';
CREATE TRIGGER looks AFTER UPDATE ON inspections FOR EACH ROW WHEN (NEW.done_ms IS NOT NULL) EXECUTE FUNCTION looked();
CREATE TRIGGER owners AFTER INSERT ON claims FOR EACH ROW WHEN (NEW.owner LIKE 'labels-%') EXECUTE FUNCTION claimed();
"""


@pytest.fixture
def shared(tmp_path: Path, postgresql: str) -> Iterator[Shared]:
    """Forty clips with their pictures, every other one with something red on it; the database notes who does what."""
    nodes = Shared(tmp_path, postgresql, red_model(tmp_path / "red.onnx", "deployed"))
    for statement in NOTES.split(";\n"):
        if statement.strip():
            nodes.do(statement)
    for number in range(CLIPS):
        red = (9, 9) if number % 2 else (1, 3)
        colours(nodes.services.places.video / f"cam{number}/2026-11-21/070000.mp4", red=red, seconds=4)
    yield nodes
    nodes.close()


def owners(shared: Shared) -> set[str]:
    return {row[0] for row in shared.ask("SELECT DISTINCT owner FROM owners")}


def connected(shared: Shared) -> set[str]:
    """The nodes that are at the catalog, by the names that they were given."""
    names = "SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = current_database()"
    return {row[0] for row in shared.ask(names)}


def everything_is_as_it_should_be(shared: Shared) -> None:
    """Each clip was looked at, noted once, labelled where there is something, with one poster; nobody holds any."""
    looks = dict(shared.ask("SELECT clip_id, count(*) FROM looks GROUP BY clip_id"))  # type: ignore[arg-type]
    assert len(looks) == CLIPS
    assert set(looks.values()) == {1}
    assert shared.count("inspections WHERE error IS NOT NULL OR done_ms IS NULL") == 0
    labelled = {row[0] for row in shared.ask("SELECT camera FROM clips JOIN labels ON clips.id = labels.clip_id")}
    assert labelled == {f"cam{number}" for number in range(0, CLIPS, 2)}
    assert shared.services.catalog.labels.counts() == [("red", CLIPS // 2)]
    rows = shared.ask("SELECT poster FROM clips JOIN labels ON clips.id = labels.clip_id")
    renditions = shared.services.places.renditions
    sights = {path.relative_to(renditions).as_posix() for path in renditions.rglob("*.b0*.webp")}
    assert {row[0] for row in rows} == sights
    wait_for(lambda: shared.count("claims") == 0, what="no claim")


@pytest.mark.slow
def test_two_nodes_look_at_each_clip_once(shared: Shared) -> None:
    """While the ingester makes posters, both are at work, and no clip is in the hands of two."""
    with (
        shared.labelling(WATCHER_LABELS__WANTED="*", PGAPPNAME="one"),
        shared.labelling(WATCHER_LABELS__WANTED="*", PGAPPNAME="two"),
        ExitStack() as more,
    ):
        wait_for(lambda: connected(shared) >= {"one", "two"}, what="both at the catalog")
        more.enter_context(shared.process())
        wait_for(lambda: shared.count("looks") >= CLIPS, seconds=300, what="all clips looked at")
        assert len(owners(shared)) == 2
        everything_is_as_it_should_be(shared)


@pytest.mark.slow
def test_one_that_is_killed_leaves_nothing_out_and_nothing_twice(shared: Shared) -> None:
    """With clips in its hands: another one has what it does not hold at once, and these two minutes later."""
    with shared.process():
        shared.catalogued(CLIPS)
    with shared.labelling(WATCHER_LABELS__WANTED="*") as first:
        (name,) = wait_for(lambda: owners(shared), seconds=60, what="the first one at work")

        def stopped_with_clips() -> int:
            """How many it holds where it was stopped; where these are none, it goes on."""
            first.send_signal(signal.SIGSTOP)
            held = shared.count(f"claims WHERE owner = '{name}'")
            if not held:
                first.send_signal(signal.SIGCONT)
            return held

        held = wait_for(stopped_with_clips, what="clips in its hands")
        first.kill()
        first.wait()
        assert shared.count("looks") < CLIPS
        with shared.labelling(WATCHER_LABELS__WANTED="*"):
            left = f"inspections WHERE done_ms IS NULL AND clip_id NOT IN (SELECT clip_id FROM claims WHERE owner = '{name}')"
            wait_for(lambda: shared.count("looks") >= CLIPS - held, seconds=300, what="what it does not hold")
            wait_for(lambda: shared.count(left) == 0, seconds=60, what="nothing else that waits")
            shared.do("UPDATE claims SET until_ms = 0")  # two minutes are over
            wait_for(lambda: shared.count("looks") >= CLIPS, seconds=300, what="all clips looked at")
            assert len(owners(shared)) == 2
            everything_is_as_it_should_be(shared)
