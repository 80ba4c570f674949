"""What the rules of retention choose, on both engines, against what they promise."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import catalogs
from watcher.catalog import Catalog, Probed, expiry, open_engine
from watcher.model.clip import ClipState, Fingerprint, TimeSource, milliseconds
from watcher.model.retention_state import Remembered, Tick, advance
from watcher.retention.rules import AGE, BYTES, CAMERA_BYTES, FREE, CameraLimits, Limits, Rules

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CAMERAS = ("gate", "porch")
clip_of = st.tuples(
    st.sampled_from(CAMERAS),
    st.integers(0, 40),
    st.integers(1, 9),
    st.booleans(),
    st.sampled_from((True, False, False)),
)
age = st.one_of(st.none(), st.integers(1, 40).map(lambda days: timedelta(days=days)))
limits_of = st.builds(
    Limits,
    max_age=age,
    labeled_max_age=age,
    max_bytes=st.integers(0, 60),
    min_free_bytes=st.integers(0, 60),
    cameras=st.one_of(
        st.just(()), st.builds(CameraLimits, st.just("gate"), age, st.integers(0, 30)).map(lambda camera: (camera,))
    ),
)


def fill(catalog: Catalog, terms: list[tuple[str, int, int, bool, bool]]) -> list[dict]:
    """Clips of a camera, so many days old, of so many bytes, perhaps labelled, perhaps held."""
    rows = []
    for number, (camera, days, size, labeled, held) in enumerate(terms):
        key = f"{camera}/{number}.mp4"
        at = NOW - timedelta(days=days, minutes=number)
        probed = Probed(
            key=key, camera=camera, state=ClipState.READY, started_at=at, time_source=TimeSource.NAME,
            duration_seconds=1.0, fingerprint=Fingerprint(size, number), inode=number, digest=f"{number:032x}",
            media=None, playable=None, playable_reason=None, error=None,
        )  # fmt: skip
        catalog.writes.put([probed], now=at)  # it came live
        clip = catalog.clips.by_key(key)
        assert clip is not None
        if labeled:
            catalog.labels.put(clip.id, "fox", author="a", confidence=None, now=NOW)
        if held:
            catalog.writes.correct(clip.id, held=True)
        rows.append({"id": clip.id, "camera": camera, "at": at, "size": size, "labeled": labeled, "held": held})
    return rows


def remembered() -> Remembered:
    """Of a clock that never jumped."""
    return advance(None, Tick(milliseconds(NOW), "boot", 0), rules="", grace_ms=0)


def rules(limits: Limits, catalog: Catalog) -> Rules:
    """Without a brake: any share may go."""
    return Rules(limits, catalog, max_share=1)


def check(catalog: Catalog, known: list[dict], limits: Limits, free: int) -> None:
    """The plan keeps its promises, and asks for no clip more than that takes."""
    plan = list(rules(limits, catalog).plan(remembered(), free))
    ids = [going.clip.id for going in plan]
    by_id = {clip["id"]: clip for clip in known}
    assert len(ids) == len(set(ids))
    assert not any(by_id[clip_id]["held"] for clip_id in ids)
    own = {own_limits.camera: own_limits for own_limits in limits.cameras}

    def aged(clip: dict) -> bool:
        most = (
            own[clip["camera"]].max_age if clip["camera"] in own and own[clip["camera"]].max_age else limits.max_age
        )
        if clip["labeled"] and limits.labeled_max_age is not None:
            most = max(limits.labeled_max_age, most or limits.labeled_max_age)
        return most is not None and clip["at"] < NOW - most

    assert {going.clip.id for going in plan if going.rule == AGE} == {
        clip["id"] for clip in known if aged(clip) and not clip["held"]
    }
    left = [clip for clip in known if clip["id"] not in ids]
    loose = [clip for clip in left if not clip["held"]]

    def enough(rest: list[dict], rule: str, camera: str = "") -> bool:
        gone = sum(clip["size"] for clip in known) - sum(clip["size"] for clip in rest)
        if rule == CAMERA_BYTES:
            most = own[camera].max_bytes if camera in own else 0
            return not most or sum(clip["size"] for clip in rest if clip["camera"] == camera) <= most
        if rule == BYTES:
            return not limits.max_bytes or sum(clip["size"] for clip in rest) <= limits.max_bytes
        return free + gone >= limits.min_free_bytes

    assert enough(left, CAMERA_BYTES, "gate") or not [clip for clip in loose if clip["camera"] == "gate"]
    assert enough(left, BYTES) or not loose
    assert enough(left, FREE) or not loose
    for number, going in enumerate(plan):
        if going.rule != AGE:
            before = [clip for clip in known if clip["id"] not in ids[:number]]
            assert not enough(before, going.rule, going.clip.camera), "one clip too many"


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(clip_of, max_size=14), limits=limits_of, free=st.integers(0, 60))
def test_the_plan_keeps_its_promises(rows: list, limits: Limits, free: int) -> None:
    """Any clips, any rules: nothing held, all that is too old, and no more bytes than the limits take."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "catalog.db"
        path.write_bytes(catalogs.empty())
        engine = open_engine(f"sqlite:///{path}")
        catalog = Catalog(engine)
        check(catalog, fill(catalog, rows), limits, free)
        engine.dispose()


def test_both_engines_plan_alike(catalog: Catalog) -> None:
    """Every rule at once."""
    clips = [(CAMERAS[n % 2], n, 1 + n % 7, n % 3 == 0, n % 5 == 0) for n in range(40)]
    days = timedelta(days=1)
    known = fill(catalog, clips)
    for limits in (
        Limits(max_age=30 * days, labeled_max_age=35 * days, max_bytes=60, min_free_bytes=50),
        Limits(max_age=30 * days, cameras=(CameraLimits("gate", 10 * days, 20),)),
        Limits(labeled_max_age=20 * days, max_bytes=50),
        Limits(min_free_bytes=70),
    ):
        check(catalog, known, limits, 10)
    assert list(rules(Limits(), catalog).plan(remembered(), 0)) == []


def test_the_oldest_are_read_in_the_order_of_an_index(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many clips there are, and whatever is asked of them: no sort, on the first page and on the next ones."""
    if catalog.database.engine.dialect.name != "sqlite":
        pytest.skip("the planner of PostgreSQL sorts a small table")
    monkeypatch.setattr(expiry, "PAGE", 3)
    fill(catalog, [(CAMERAS[n % 2], n, 1, False, False) for n in range(10)])
    statements: list[tuple[str, tuple]] = []
    sa.event.listen(
        catalog.database.engine, "before_cursor_execute", lambda *event: statements.append((event[2], event[3]))
    )
    counts = [len(list(catalog.expiry.oldest(camera=camera, but_cameras=but))) for camera, but in QUESTIONS]
    assert counts == [10, 5, 5]
    questions = [statement for statement in statements if statement[0].startswith("SELECT")]
    assert len(questions) == (4 + 1) + (2 + 1) + (2 + 1)  # those that are spared are asked for beside the others
    for statement, values in questions:
        with catalog.database.engine.connect() as connection:
            steps = " ".join(
                str(row) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            )
        assert "TEMP B-TREE" not in steps
        assert "USING" in steps, steps


QUESTIONS = ((None, ()), ("gate", ()), (None, ("gate",)))
