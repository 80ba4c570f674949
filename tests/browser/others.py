"""Firefox and WebKit, the distribution's, each with one page that is told what to do.

Firefox speaks WebDriver BiDi, which `tests/npm/firefox.mjs` passes on; Playwright knows its own Firefox only. WebKit's
driver speaks the older WebDriver, HTTP alone; its windows need a screen.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.running import DEADLINE, free_port, wait_for

NPM = Path(__file__).parent.parent / "npm"
KEYS = {"Escape": "\ue00c", "ArrowLeft": "\ue012", "ArrowRight": "\ue014", "Enter": "\ue007"}


class Firefox:
    """It and its page."""

    def __init__(self, program: str) -> None:
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

    def open(self, url: str) -> None:
        self.do("open", url)

    def evaluate(self, expression: str) -> Any:
        return self.do("evaluate", expression)

    def press(self, key: str) -> None:
        self.do("press", key)

    def click(self, selector: str) -> None:
        self.do("click", selector)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.do("drag", [start, end])

    def size(self, width: int, height: int) -> None:
        self.do("size", [width, height])

    def look(self, path: Path) -> None:
        self.do("look", str(path))

    def faults(self) -> list[str]:
        """What pages complained of since the last question."""
        return self.do("faults")


class WebKit:
    """It and its page, behind an address of its driver."""

    def __init__(self, driver: str, log: Path) -> None:
        self._log = log
        self._read = 0
        arguments = [str(Path(__file__).with_name("webkit_window.py")), str(log)]
        options = {"webkitgtk:browserOptions": {"binary": "/usr/bin/python3", "args": arguments}}
        self._session = f"{driver}/session"
        self._session += f"/{self._send('POST', '', capabilities={'alwaysMatch': options})['sessionId']}"

    def _send(self, method: str, path: str, **body: object) -> Any:
        answer = requests.request(
            method, self._session + path, json=body if method == "POST" else None, timeout=DEADLINE
        )
        assert answer.ok, f"{path} {body}: {answer.text}"
        return answer.json()["value"]

    def open(self, url: str) -> None:
        self._send("POST", "/url", url=url)

    def evaluate(self, expression: str) -> Any:
        return self._send("POST", "/execute/sync", script=f"return {expression}", args=[])

    def press(self, key: str) -> None:
        strokes = [{"type": kind, "value": KEYS.get(key, key)} for kind in ("keyDown", "keyUp")]
        self._send("POST", "/actions", actions=[{"type": "key", "id": "keys", "actions": strokes}])

    def click(self, selector: str) -> None:
        element = self._send("POST", "/element", using="css selector", value=selector)
        self._send("POST", f"/element/{next(iter(element.values()))}/click")

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        points = [
            start,
            *[tuple(a + (b - a) * step / 5 for a, b in zip(start, end, strict=True)) for step in range(1, 6)],
        ]
        moves = [{"type": "pointerMove", "x": round(x), "y": round(y), "duration": 20} for x, y in points]
        buttons = [{"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp")]
        mouse = {"type": "pointer", "id": "mouse", "actions": [moves[0], buttons[0], *moves[1:], buttons[1]]}
        self._send("POST", "/actions", actions=[mouse])

    def size(self, width: int, height: int) -> None:
        self._send("POST", "/window/rect", width=width, height=height)
        wait_for(lambda: self.evaluate("[innerWidth, innerHeight]") == [width, height], what=f"{width} × {height}")

    def look(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._send("GET", "/screenshot")))

    def faults(self) -> list[str]:
        """What pages complained of since the last question."""
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        fresh, self._read = lines[self._read :], len(lines)
        return fresh

    def close(self) -> None:
        with contextlib.suppress(AssertionError):  # it ends before it has answered
            self._send("DELETE", "")


@contextlib.contextmanager
def firefox() -> Iterator[Firefox]:
    """It, until nobody needs it; skips where there is none."""
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    if program is None:
        pytest.skip("Firefox is not installed (Debian: firefox-esr)")
    if not (NPM / "node_modules" / "puppeteer-core").exists():
        pytest.skip("what speaks to Firefox is not there (make npm)")
    started = Firefox(program)
    yield started
    started.process.communicate(timeout=DEADLINE)  # the end of its input: it closes the browser


@contextlib.contextmanager
def webkit(folder: Path) -> Iterator[WebKit]:
    """It on a screen of its own, until nobody needs it; skips where there is none."""
    if shutil.which("WebKitWebDriver") is None or shutil.which("Xvfb") is None:
        pytest.skip("WebKit is not installed (Debian: webkit2gtk-driver gir1.2-webkit2-4.1 python3-gi xvfb)")
    port, number = free_port(), os.pipe()
    screen = subprocess.Popen(
        ["Xvfb", "-displayfd", str(number[1]), "-screen", "0", "1600x1000x24", "-nolisten", "tcp"],
        pass_fds=[number[1]],
        stderr=subprocess.DEVNULL,
    )
    os.close(number[1])
    with os.fdopen(number[0]) as reader:
        display = reader.readline().strip()
    elsewhere = {"DISPLAY": f":{display}", "TZ": "UTC", "LANG": "en_GB.UTF-8", "LANGUAGE": "en_GB:en"}
    driver = subprocess.Popen(["WebKitWebDriver", f"--port={port}"], env={**os.environ, **elsewhere})
    try:
        url = f"http://127.0.0.1:{port}"

        def ready() -> bool:
            with contextlib.suppress(requests.ConnectionError):
                return requests.get(f"{url}/status", timeout=DEADLINE).ok
            return False

        wait_for(ready, what="WebKit's driver")
        started = WebKit(url, folder / "faults")
        yield started
        started.close()
    finally:
        for process in (driver, screen):
            process.terminate()
            process.wait(DEADLINE)
