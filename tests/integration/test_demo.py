"""The sample cameras of `make demo`."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable

import pytest

from tests.running import RunningUnit, wait_for
from watcher.ops.demo_cameras import AUTHOR


@pytest.mark.slow
def test_they_leave_clips_of_now_and_of_days_before_with_labels(start_unit: Callable[..., RunningUnit]) -> None:
    """Most are labelled and some are not; a second demo makes none of the days before anew; a signal ends it."""
    unit = start_unit()
    first = ended(unit, lambda: seen(unit, days=2, labelled=3))
    assert {key.partition("/")[0] for key in first} == {"porch", "gate", "yard"}
    written = {key: (unit.video / key).stat().st_mtime_ns for key in first}
    second = ended(unit, lambda: len(unit.clips()) > len(first) + 4)  # it has begun with the days before
    assert {key: (unit.video / key).stat().st_mtime_ns for key in first} == written
    assert first <= second


def ended(unit: RunningUnit, enough: Callable[[], bool]) -> set[str]:
    """The clips that there are after a demo that was ended when there was enough."""
    command = [*unit.command("demo", "--cameras-only"), "--data", str(unit.data)]
    with subprocess.Popen(command, env=unit.environment, cwd=unit.folder) as cameras:
        try:
            wait_for(enough, what="enough clips", seconds=120)
        finally:
            cameras.send_signal(signal.SIGTERM)
        assert cameras.wait(30) == 0
    return {clip["key"] for clip in unit.clips()}


def seen(unit: RunningUnit, *, days: int, labelled: int) -> bool:
    """Whether there are clips of so many days, of which some have labels of the demo and some have none."""
    clips = unit.clips()
    told = [clip for clip in clips if [label["author"] for label in clip["labels"]] == [AUTHOR]]
    return len({clip["started_at"][:10] for clip in clips}) >= days and labelled <= len(told) < len(clips)
