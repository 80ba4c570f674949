"""The page in Firefox and in WebKit, the distribution's: every screen without a fault, and what plays plays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.browser import others
from tests.browser.conftest import ARTIFACTS
from tests.running import RunningUnit, wait_for

pytestmark = pytest.mark.browser

# These clips last four seconds: a busy machine may look when one is over.
PLAYED = "(() => { const v = document.querySelector('%s'); return v !== null && v.currentTime > 0.3 && v.videoWidth > 0; })()"


class Page:
    """A browser's page, on a unit."""

    def __init__(self, name: str, browser: others.Firefox | others.WebKit, unit: RunningUnit) -> None:
        self.name = name
        self.browser = browser
        self._unit = unit

    def open(self, path: str) -> None:
        self.browser.open(self._unit.url(path))

    def until(self, expression: str) -> None:
        """Wait until it is true."""
        wait_for(lambda: self.browser.evaluate(expression), what=expression)


@pytest.fixture(scope="module", params=["firefox", "webkit"])
def started(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[others.Firefox | others.WebKit]:
    with (
        others.firefox()
        if request.param == "firefox"
        else others.webkit(tmp_path_factory.mktemp("webkit")) as browser
    ):
        yield browser


@pytest.fixture
def page(started: others.Firefox | others.WebKit, unit: RunningUnit, shelf: list[dict]) -> Iterator[Page]:
    """It, and no fault is left behind."""
    started.size(1280, 800)
    yield Page(type(started).__name__.lower(), started, unit)
    assert started.faults() == []


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)], ids=["desktop", "phone"])
def test_every_screen(page: Page, shelf: list[dict], size: tuple[int, int]) -> None:
    """Nothing is wider than the window, every picture is there, nothing is complained of."""
    page.browser.size(*size)
    ready = next(clip["id"] for clip in shelf if clip["state"] == "ready")
    screens = {  # and what is there once its scripts work
        "browse": ("/watcher/", ".rail.shown"),
        "timeline": ("/watcher/day/2026-11-20", "video.shown"),
        "watch": (f"/watcher/watch/{ready}", "#controls:not([hidden])"),
        "side": ("/watcher/side-by-side?at=2026-11-20T08:10:00%2B01:00", "video.shown"),
        "status": ("/watcher/status", "#alarm"),
        "review": ("/watcher/review", "#controls:not([hidden])"),
    }
    for name, (path, alive) in screens.items():
        page.open(path)
        page.until(f"document.readyState === 'complete' && document.querySelector('{alive}') !== null")
        page.until(
            "[...document.images].filter((i) => i.checkVisibility() && i.getBoundingClientRect().top < innerHeight).every((i) => i.complete && i.naturalWidth > 0)"
        )
        page.until("[...document.querySelectorAll('video.shown')].every((v) => v.readyState >= 2 && !v.seeking)")
        ARTIFACTS.mkdir(exist_ok=True)
        page.browser.look(ARTIFACTS / f"{page.name}-{name}-{size[0]}.png")
        assert page.browser.evaluate("document.documentElement.scrollWidth") <= size[0], name


def test_a_clip_plays_and_the_next_one_after_it(page: Page, shelf: list[dict]) -> None:
    """From the grid by keys: open, pause, the clip before, back to where one was."""
    page.open("/watcher/?camera=gate&state=ready")
    page.until("document.querySelectorAll('.card').length > 10")
    page.browser.click(".card a")
    page.until(PLAYED % "#player")
    page.browser.press(" ")
    page.until("document.getElementById('player').paused")
    page.browser.press("N")
    page.until(PLAYED % "#player")
    page.browser.press("Escape")
    page.until("document.getElementById('player') === null && document.activeElement.closest('.card') !== null")


def test_the_timeline_plays(page: Page, shelf: list[dict]) -> None:
    """The picture above the lanes, from a moment on."""
    page.open("/watcher/day/2026-11-20?at=2026-11-20T08:00:00%2B01:00&span=30m")
    page.until("document.readyState === 'complete' && document.querySelector('video.shown')?.readyState >= 2")
    page.browser.press(" ")
    page.until(PLAYED % "video.shown")


def test_cameras_side_by_side(page: Page, shelf: list[dict]) -> None:
    """One plays, and where it ends the other one goes on."""
    page.open("/watcher/side-by-side?camera=gate&camera=yard&at=2026-11-20T08:01:01%2B01:00")
    page.until("document.querySelector('[data-camera=gate] video.shown')?.readyState >= 2")
    page.browser.press(" ")
    page.until(PLAYED % "[data-camera=gate] video.shown")
    page.until(PLAYED % "[data-camera=yard] video.shown")


def test_what_cannot_be_shown_says_so_and_nothing_else(page: Page, shelf: list[dict]) -> None:
    """H.265: WebKit has a decoder here and knows the picture's size late, Firefox has none."""
    clip = next(clip for clip in shelf if clip["url"].endswith("093000.mp4"))
    page.open(f"/watcher/watch/{clip['id']}")
    words = "document.getElementById('notice').checkVisibility()"
    page.until("document.querySelector('#controls:not([hidden])') !== null")  # keys are heard
    page.until(f"document.getElementById('player').readyState >= 2 || {words}")
    page.browser.press(" ")
    page.until(f"{PLAYED % '#player'} || {words}")
    assert page.browser.evaluate("document.getElementById('player').videoWidth > 0") != page.browser.evaluate(words)


def test_a_lane_is_dragged(page: Page, shelf: list[dict], unit: RunningUnit) -> None:
    """By the mouse, and that is no press on its name; the next press is one."""
    page.open("/watcher/day/2026-11-20")
    page.until("document.querySelectorAll('.names button').length === 3")
    places = page.browser.evaluate(
        "[...document.querySelectorAll('.names button')].map((b) => b.getBoundingClientRect()).map((box) => [box.x + 20, box.y + box.height / 2])"
    )
    page.browser.drag(places[2], places[0])
    standing = "[...document.querySelectorAll('.names button')].map((button) => button.dataset.lane).join()"
    page.until(f"{standing} === 'yard,gate,porch'")
    wait_for(lambda: unit.get("/watcher/cameras/yard").json()["order"] == 10, what="its place")
    assert page.browser.evaluate("document.querySelector('.names [aria-pressed=true]')") is None
    page.browser.click(".names [data-lane=gate]")
    page.until("document.querySelector('.names [aria-pressed=true]')?.dataset.lane === 'gate'")
    requests.put(unit.url("/watcher/cameras/yard"), json={}, timeout=10).raise_for_status()
