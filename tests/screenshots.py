"""`make screenshots`: the README's picture, taken from a running watcher with an evening's sample clips."""

from __future__ import annotations

import shutil
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import requests
from playwright.sync_api import sync_playwright

from tests.browser.conftest import ARGUMENTS
from tests.running import running, wait_for
from watcher.ops.demo import SCENES, leave_clip

PICTURE = Path(__file__).parent.parent / "design" / "pictures" / "browse.png"
FIRST = datetime(2026, 11, 16, 16, 12, 41).astimezone()
CLIPS = 30


LABELS = (("car",), (), ("car", "person"), ("fox",), (), ("person",))


def main() -> None:
    """Take it."""
    program = shutil.which("chromium") or sys.exit("Chromium is not installed")
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "unit") as unit:
        at = FIRST
        for number in range(CLIPS):
            leave_clip(unit.video, SCENES[number * 7 % 5 % 3], at, seconds=4 + number * 5 % 11, by_rename=True)
            at += timedelta(minutes=7 + number * 13 % 31, seconds=number * 17 % 60)
            if number % 6 == 5:
                at += timedelta(hours=14)
        wait_for(lambda: len([clip for clip in unit.clips() if clip["sprite"]]) == CLIPS, what="all sprites")
        for number, clip in enumerate(unit.clips()):
            for label in LABELS[number % len(LABELS)]:
                requests.put(unit.url(f"/watcher/clips/{clip['id']}/labels/{label}"), timeout=10)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
            page = browser.new_page(viewport={"width": 1280, "height": 860}, device_scale_factor=1)
            page.goto(unit.url("/watcher/"))
            wait_for(lambda: page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)"))
            wait_for(lambda: page.evaluate("document.querySelector('.rail.shown') !== null"), what="the rail")
            page.locator(".card .picture").nth(5).hover(position={"x": 200, "y": 80})
            wait_for(lambda: page.locator(".sprite").count() == 1, what="a sprite")
            page.screenshot(path=PICTURE)
            browser.close()


if __name__ == "__main__":
    main()
