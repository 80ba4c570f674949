"""Real Chromium, the distribution's, on the real stack; every test fails on errors that it did not ask for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response, sync_playwright

from tests.running import RunningUnit, wait_for

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--autoplay-policy=no-user-gesture-required",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium; skips where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("Chromium is not installed (Debian: chromium)")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield started
        started.close()


def until(page: Page, expression: str) -> None:
    """Wait until it is true; Playwright's own waiting evaluates text, which our policy rightly forbids."""
    wait_for(lambda: page.evaluate(expression), what=expression)


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
        if message.type in {"error", "warning"}:
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


@pytest.fixture
def watched(browser: Browser, unit: RunningUnit, request: pytest.FixtureRequest) -> Iterator[Watched]:
    """A page in a fresh profile; options of its context come from the `context` marker's arguments."""
    options = getattr(request, "param", {})
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
    found = Watched(context, unit)
    yield found
    context.close()
    assert found.faults == []
