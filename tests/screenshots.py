"""`make screenshots`: the README's pictures, taken from a running watcher with an evening's sample clips."""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

import requests
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import ARGUMENTS
from tests.running import ZONE, running, wait_for
from watcher.ops.demo import SCENES, leave_clip

PICTURES = Path(__file__).parent.parent / "design" / "pictures"
MOST_BYTES = 150_000  # of a picture: a README is read over slow links, too
FIRST = datetime(2026, 11, 16, 16, 12, 41, tzinfo=ZoneInfo(ZONE))
CLIPS = 30
IN_SIGHT = """[...document.images].filter((image) => {
    const { x, y, width, height } = image.getBoundingClientRect();
    return document.elementsFromPoint(x + width / 2, y + height / 2).includes(image); })"""


def shot(page: Page) -> Image.Image:
    """What the page shows, once every picture in sight is there."""
    wait_for(lambda: page.evaluate(f"{IN_SIGHT}.every(i => i.complete && i.naturalWidth > 0)"), what="its pictures")
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def keep(picture: Image.Image, name: str) -> None:
    """As WebP."""
    with io.BytesIO() as buffer:
        picture.save(buffer, "WEBP", quality=82, method=6)
        assert len(buffer.getvalue()) < MOST_BYTES, name
        (PICTURES / f"{name}.webp").write_bytes(buffer.getvalue())


def main() -> None:
    """Take them."""
    program = shutil.which("chromium") or sys.exit("Chromium is not installed")
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "unit") as unit:
        at = FIRST
        for number in range(CLIPS):
            leave_clip(unit.video, SCENES[number * 7 % 5 % 3], at, seconds=4 + number * 5 % 11, by_rename=True)
            at += timedelta(minutes=7 + number * 13 % 31, seconds=number * 17 % 60)
            if number % 6 == 5 and number < CLIPS - 1:
                at += timedelta(hours=14)
        for scene in SCENES:  # all of one moment
            leave_clip(unit.video, scene, at, seconds=12, by_rename=True)
        every = CLIPS + len(SCENES)
        wait_for(lambda: len([clip for clip in unit.clips() if clip["sprite"]]) == every, what="all sprites")
        clips = unit.clips()
        seen = {scene.camera: scene.label for scene in SCENES}
        for number, clip in enumerate(clips):
            if number % 6 != 5:
                requests.put(unit.url(f"/watcher/clips/{clip['id']}/labels/{seen[clip['camera']]}"), timeout=10)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
            page = browser.new_page(viewport={"width": 1280, "height": 860}, device_scale_factor=1)
            page.goto(unit.url("/watcher/"))
            wait_for(lambda: page.evaluate("document.querySelector('.rail.shown') !== null"), what="the rail")
            page.locator(".card .picture").nth(5).hover(position={"x": 200, "y": 80})
            wait_for(lambda: page.locator(".sprite").count() == 1, what="a sprite")
            keep(shot(page), "browse")
            moment = quote((at + timedelta(seconds=4)).isoformat())
            day = unit.url(f"/watcher/day/{at:%Y-%m-%d}?at={moment}&span=240m")
            shown = (
                "[...document.querySelectorAll('video.shown')].filter(v => v.readyState >= 2 && !v.seeking).length"
            )
            page.goto(day, wait_until="networkidle")
            wait_for(lambda: page.evaluate(shown) == len(SCENES), what="three pictures")
            keep(shot(page), "timeline")
            phone = browser.new_page(
                viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True, color_scheme="dark"
            )
            phone.goto(unit.url("/watcher/"), wait_until="networkidle")
            screens = [shot(phone)]
            phone.goto(unit.url(f"/watcher/watch/{clips[2]['id']}"))
            wait_for(lambda: phone.evaluate("document.querySelector('video').readyState >= 2"), what="the film")
            phone.evaluate("document.querySelector('video').currentTime = 2")
            at_two = "(v => v.readyState >= 2 && !v.seeking && v.currentTime >= 2)(document.querySelector('video'))"
            wait_for(lambda: phone.evaluate(at_two), what="its second second")
            phone.evaluate("document.activeElement.blur()")  # whoever taps sees no ring around what has the focus
            screens.append(shot(phone))
            phone.goto(day, wait_until="networkidle")
            wait_for(lambda: phone.evaluate(shown) >= 1, what="a picture")
            screens.append(shot(phone))
            beside = Image.new("RGB", (1280, 860), (202, 208, 217))
            for number, screen in enumerate(screens):
                beside.paste(screen, (27 + number * (390 + 28), 8))
            keep(beside, "phone")
            browser.close()


if __name__ == "__main__":
    main()
