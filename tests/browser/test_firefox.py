"""The page in Firefox, the distribution's: every screen without a fault, and what plays plays.

It speaks WebDriver BiDi, which `tests/npm/firefox.mjs` passes on; Playwright knows its own Firefox only.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import ARTIFACTS
from tests.running import RunningUnit, wait_for

pytestmark = pytest.mark.browser

NPM = Path(__file__).parent.parent / "npm"
# These clips last four seconds: a busy machine may look when one is over.
PLAYED = "(() => { const v = document.querySelector('%s'); return v !== null && v.currentTime > 0.3 && v.videoWidth > 0; })()"


class Firefox:
    """One page of it, told what to do line by line."""

    def __init__(self, unit: RunningUnit, program: str) -> None:
        self._unit = unit
        self.process = subprocess.Popen(
            ["node", NPM / "firefox.mjs", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def do(self, verb: str, value: object = None) -> Any:
        """What came of it. Raises AssertionError with the browser's words where it failed."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": verb, "with": value}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline() or '{"error": "Firefox has ended"}')
        assert "error" not in answer, f"{verb} {value}: {answer['error']}"
        return answer["value"]

    def open(self, path: str) -> None:
        self.do("open", self._unit.url(path))

    def until(self, expression: str) -> Any:
        """Wait until it is true, and return it."""
        return wait_for(lambda: self.do("evaluate", expression), what=expression)


@pytest.fixture(scope="module")
def started(unit: RunningUnit) -> Iterator[Firefox]:
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    if program is None:
        pytest.skip("Firefox is not installed (Debian: firefox-esr)")
    if not (NPM / "node_modules" / "puppeteer-core").exists():
        pytest.skip("what speaks to Firefox is not there (make npm)")
    firefox = Firefox(unit, program)
    yield firefox
    firefox.process.communicate(timeout=30)  # the end of its input: it closes the browser


@pytest.fixture
def firefox(started: Firefox, shelf: list[dict]) -> Iterator[Firefox]:
    """It, and no fault is left behind."""
    started.do("size", [1280, 800])
    yield started
    assert started.do("faults") == []


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)], ids=["desktop", "phone"])
def test_every_screen(firefox: Firefox, shelf: list[dict], size: tuple[int, int]) -> None:
    """Nothing is wider than the window, every picture is there, nothing is complained of."""
    firefox.do("size", size)
    screens = {
        "browse": "/watcher/",
        "timeline": "/watcher/day/2026-11-20",
        "watch": f"/watcher/watch/{next(clip['id'] for clip in shelf if clip['state'] == 'ready')}",
        "side": "/watcher/side-by-side?at=2026-11-20T08:10:00%2B01:00",
        "status": "/watcher/status",
        "review": "/watcher/review",
    }
    for name, path in screens.items():
        firefox.open(path)
        firefox.until("document.readyState === 'complete' && document.querySelector('main') !== null")
        firefox.until(
            "[...document.images].filter((i) => i.checkVisibility() && i.getBoundingClientRect().top < innerHeight).every((i) => i.complete && i.naturalWidth > 0)"
        )
        ARTIFACTS.mkdir(exist_ok=True)
        firefox.do("look", str(ARTIFACTS / f"firefox-{name}-{size[0]}.png"))
        assert firefox.do("evaluate", "document.documentElement.scrollWidth") <= size[0], name


def test_a_clip_plays_and_the_next_one_after_it(firefox: Firefox, shelf: list[dict]) -> None:
    """From the grid by keys: open, pause, the clip before, back to where one was."""
    firefox.open("/watcher/?camera=gate&state=ready")
    firefox.until("document.querySelectorAll('.card').length > 10")
    firefox.do("click", ".card a")
    firefox.until(PLAYED % "#player")
    firefox.do("press", " ")
    firefox.until("document.getElementById('player').paused")
    firefox.do("press", "N")
    firefox.until(PLAYED % "#player")
    firefox.do("press", "Escape")
    firefox.until("document.getElementById('player') === null && document.activeElement.closest('.card') !== null")


def test_the_timeline_plays(firefox: Firefox, shelf: list[dict]) -> None:
    """The picture above the lanes, from a moment on."""
    firefox.open("/watcher/day/2026-11-20?at=2026-11-20T08:00:00%2B01:00&span=30m")
    firefox.until("document.querySelector('video.shown')?.readyState >= 2")
    firefox.do("press", " ")
    firefox.until(PLAYED % "video.shown")


def test_cameras_side_by_side(firefox: Firefox, shelf: list[dict]) -> None:
    """One plays, and where it ends the other one goes on."""
    firefox.open("/watcher/side-by-side?camera=gate&camera=yard&at=2026-11-20T08:01:01%2B01:00")
    firefox.until("document.querySelector('[data-camera=gate] video.shown')?.readyState >= 2")
    firefox.do("press", " ")
    firefox.until(PLAYED % "[data-camera=gate] video.shown")
    firefox.until(PLAYED % "[data-camera=yard] video.shown")
