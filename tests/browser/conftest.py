"""Real Chromium, the distribution's, on the real stack; every test fails on errors that it did not ask for."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    Playwright,
    Request,
    Response,
    expect,
    sync_playwright,
)

from tests import clips
from tests.running import DEADLINE, RunningUnit, wait_for
from watcher.ops.demo import SCENES, leave_clip

ARTIFACTS = Path(__file__).parents[2] / "artifacts"
expect.set_options(timeout=1000 * DEADLINE)  # its own five seconds are those of a machine that does nothing else


ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--autoplay-policy=no-user-gesture-required",
    "--accept-lang=en-GB",  # by twenty-four hours, from Monday on
]


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@contextlib.contextmanager
def launched(playwright: Playwright, *more: str) -> Iterator[Browser]:
    """Chromium, with more options; skips where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("Chromium is not installed (Debian: chromium)")
    elsewhere = {**os.environ, "TZ": "UTC"}  # whoever looks is not where the cameras are
    started = playwright.chromium.launch(executable_path=program, args=[*ARGUMENTS, *more], env=elsewhere)
    yield started
    started.close()


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Chromium for all tests of a run."""
    with launched(playwright) as started:
        yield started


def until(page: Page, expression: str, arg: object = None) -> None:
    """Wait until it is true; Playwright's own waiting evaluates text, which our policy rightly forbids.

    What a page does not have yet, or leads away from, is not true yet.
    """

    def answer() -> object:
        try:
            return page.evaluate(expression, arg)
        except Error as reason:
            if "of null" not in reason.message and "context was destroyed" not in reason.message:
                raise
            return False

    wait_for(answer, what=expression)


def hear_fingers(page: Page) -> None:
    """Wait until fingers on the picture are heard: what hears them comes after the rest of a clip's screen."""
    page.evaluate(
        "async () => { await import(document.querySelector('script[type=module]').src.replace(/[^/]+$/, 'fingers.js')); }"
    )


def look(page: Page, name: str) -> None:
    """Keep a screenshot as an artefact."""
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"{name}.png")


def playing(page: Page) -> dict:
    """What the element really does: time alone passes falsely where there is no decoder."""
    return page.evaluate(
        """() => { const v = document.querySelector('video'); const q = v.getVideoPlaybackQuality();
        return {width: v.videoWidth, frames: q.totalVideoFrames, time: v.currentTime, error: v.error && v.error.code}; }"""
    )


class Watched:
    """A page, and everything about it that would annoy a person."""

    def __init__(self, context: BrowserContext, unit: RunningUnit) -> None:
        self.faults: list[str] = []
        self.requests: list[Request] = []
        self.unit = unit
        self.page: Page = context.new_page()
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("console", self._console)
        self.page.on("request", self._request)
        self.page.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        # Chromium drops what it is loading when the machine gets or loses a network interface, as Docker's: not our doing.
        if message.type in {"error", "warning"} and not any(
            words in message.text for words in ("ERR_NETWORK_CHANGED", "Service Worker registration blocked")
        ):
            self.faults.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        self.requests.append(request)
        if not request.url.startswith((self.unit.url("/"), "data:", "blob:")):
            self.faults.append(f"off the origin: {request.url}")

    def _response(self, response: Response) -> None:
        if response.status >= 500:
            self.faults.append(f"{response.status}: {response.url}")

    def open(self, path: str) -> Page:
        """Go to an address of the unit."""
        self.page.goto(self.unit.url(path))
        return self.page


@pytest.fixture(scope="session")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty clips over two days; one is broken, one in H.265."""
    folder = tmp_path_factory.mktemp("footage")
    for number in range(58):
        at = datetime(2026, 11, 20 + number // 40, 8, number % 60).astimezone()
        leave_clip(folder, SCENES[number % 3], at, seconds=4, by_rename=True)
    clips.make_coded(folder / "gate/2026-11-21/093000.mp4", video="libx265", audio="aac", tag="hvc1", seconds=3)
    whole = (folder / "gate/2026-11-21/093000.mp4").read_bytes()
    (folder / "yard/2026-11-21").mkdir(parents=True, exist_ok=True)
    (folder / "yard/2026-11-21/094000.mp4").write_bytes(whole[: len(whole) // 2])
    return folder


@pytest.fixture(scope="module")
def shelf(unit: RunningUnit, footage: Path) -> list[dict]:
    """The footage as clips, newest first, with posters."""
    shutil.copytree(footage, unit.video, dirs_exist_ok=True)

    def ready() -> list[dict] | None:
        rows = unit.clips()
        return rows if len(rows) == 60 and all(c["poster_url"] or c["state"] == "broken" for c in rows) else None

    return wait_for(ready, seconds=60, what="sixty clips with posters")


@pytest.fixture
def watched(browser: Browser, unit: RunningUnit, request: pytest.FixtureRequest) -> Iterator[Watched]:
    """A page in a fresh profile; options of its context come from the `context` marker's arguments."""
    options = getattr(request, "param", {})
    context = browser.new_context(
        **{"viewport": {"width": 1280, "height": 800}, "service_workers": "block", **options}
    )
    observer = Watched(context, unit)
    yield observer
    context.close()
    assert observer.faults == []
