"""A camera's live view, which others show, is linked where the camera is."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from tests import clips
from tests.running import RunningUnit

URL = "http://nvr.example:1984/stream.html?src=porch&mode=mse"


def test_watch_and_status_link_it(start_unit: Callable[..., RunningUnit], samples: Path, tmp_path: Path) -> None:
    """For that camera, as a link that opens a page of its own; another camera has none."""
    (tmp_path / "own").mkdir()
    table = f'[[live.cameras]]\ncamera = "porch"\nlive_url = "{URL}"\n'
    (tmp_path / "own" / "watcher.toml").write_text(table)
    unit = start_unit(settings={"WATCHER_RENDER__WORKERS": "0"})
    for number, camera in enumerate(("porch", "yard")):
        (unit.video / camera).mkdir()
        (unit.video / camera / "a.mp4").write_bytes(clips.stamp((samples / "plain.mp4").read_bytes(), number))
    porch, yard = (unit.wait_clip(f"{camera}/a.mp4", state="ready") for camera in ("porch", "yard"))
    link = re.escape(f'href="{URL.replace("&", "&amp;")}" target="_blank" rel="noopener noreferrer"')
    pages = {
        path: unit.get(f"/watcher/{path}").text
        for path in (f"watch/{porch['id']}", f"watch/{yard['id']}", "status")
    }
    assert [len(re.findall(link, page)) for page in pages.values()] == [1, 0, 1]
