"""A file and a folder that we may not read, for real: by a watcher whose rights end at somebody else's files."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest

from tests import clips
from tests.mounting import OWN_FILES_ONLY, give_away
from tests.running import RunningUnit, wait_for

pytestmark = pytest.mark.slow

RETRIED_SECONDS = 150  # a changed mode sends no event: it is looked at once a minute


def test_what_we_may_not_read_is_named_and_costs_no_neighbour(
    start_unit: Callable[..., RunningUnit], samples: Path
) -> None:
    """In the log, by `check` and on Status; opened, they are clips like the others."""
    give_away()
    unit = start_unit(settings={"WATCHER_RENDER__SPRITES": "false"}, within=OWN_FILES_ONLY)
    data = (samples / "plain.mp4").read_bytes()
    outside = unit.folder / "outside"
    closed_file, closed_folder = outside / "porch" / "closed.mp4", outside / "attic"
    for number, path in enumerate(
        (closed_file, closed_folder / "1.mp4", *(outside / "porch" / f"{n}.mp4" for n in range(3)))
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(clips.stamp(data, number))
    give_away(closed_file, closed_folder)
    closed_file.chmod(0o600)
    closed_folder.chmod(0o700)
    for folder in (closed_folder, closed_file.parent):
        folder.rename(unit.video / folder.name)

    for number in range(3):
        wait_for(lambda key=f"porch/{number}.mp4": (unit.clip(key) or {}).get("poster_url"), what="its picture")
    closed = unit.wait_clip("porch/closed.mp4", state="broken")
    assert closed["error"] == "cannot be read: Permission denied"
    assert unit.clips(camera="attic") == []
    assert unit.get("/watcher/readyz").status_code == 200, unit.problems()
    check = unit.run("check", "--ignored").stdout
    status = unescape(unit.get("/watcher/status").text)
    unit.wait_logged("porch/closed.mp4")
    for text in (check, status, unit.logged()):
        assert "porch/closed.mp4" in text
    assert "cannot be read" in next(line for line in check.splitlines() if "attic/" in line), check
    named = f"{unit.video}/attic belongs to"
    shown = "the folder on Status"
    wait_for(lambda: named in unescape(unit.get("/watcher/status").text), seconds=RETRIED_SECONDS, what=shown)
    unit.wait_logged(named)
    assert "may neither read it nor write into it" in unescape(unit.get("/watcher/status").text)

    (unit.video / "porch" / "closed.mp4").chmod(0o644)
    (unit.video / "attic").chmod(0o755)
    unit.wait_clip("porch/closed.mp4", seconds=RETRIED_SECONDS, state="ready")
    unit.wait_clip("attic/1.mp4", seconds=RETRIED_SECONDS, state="ready")
