"""`make gallery`: every screen, at four sizes, in light and dark, and all of them on one sheet, below artifacts/gallery/.

For people to look at, before and after a change; nothing compares them. `python -m tests.gallery browse watch` takes
these screens alone.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import requests
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import ARGUMENTS, ARTIFACTS
from tests.running import ZONE, RunningUnit, running, wait_for
from tests.screenshots import IN_SIGHT
from watcher.ops.demo import SCENES, Scene, leave_clip

GALLERY = ARTIFACTS / "gallery"
SIZES = {
    "desktop": {"viewport": {"width": 1440, "height": 900}},
    "laptop": {"viewport": {"width": 1280, "height": 720}},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "device_scale_factor": 2,
        "is_mobile": True,
        "has_touch": True,
    },
    "4k": {"viewport": {"width": 3840, "height": 2160}},
}
THUMB = 300  # pixels: as high as a picture is on the sheet
PLACES = (
    *SCENES,
    Scene("driveway", (186, 202, 214), (150, 148, 140), (60, 120, 84)),
    Scene("garden", (150, 190, 170), (70, 116, 60), (180, 120, 60)),
)
CLIPS = 64
LABELS = (("car",), (), ("car", "person"), ("fox",), (), ("person",), (), ("parcel", "person"))
QUIET = "garden"  # it leaves nothing in the second half


def furnish(unit: RunningUnit) -> datetime:
    """A day of five cameras, labelled; the last clips are all of one moment, which is returned."""
    at = (datetime.now().astimezone() - timedelta(hours=24)).replace(second=41, microsecond=0)
    every = 0
    for number in range(CLIPS):
        place = PLACES[number * 7 % 11 % len(PLACES)]
        if place.camera != QUIET or number < CLIPS // 2:
            leave_clip(unit.video, place, at, seconds=4 + number * 5 % 11, by_rename=True)
            every += 1
        at += timedelta(minutes=7 + number * 13 % 31, seconds=number * 17 % 60)
    for place in PLACES[:4]:
        leave_clip(unit.video, place, at, seconds=12, by_rename=True)
    (unit.video / "yard" / f"{at:%Y-%m-%d}" / f"{at + timedelta(minutes=3):%H%M%S}.mp4").write_bytes(b"\0" * 300)
    wait_for(lambda: len([clip for clip in unit.clips() if clip["sprite"]]) == every + 4, what="all sprites")
    wait_for(lambda: len(unit.clips()) == every + 5, what="the broken one")
    for number, clip in enumerate(unit.clips()):
        for label in LABELS[number % len(LABELS)]:
            requests.put(unit.url(f"/watcher/clips/{clip['id']}/labels/{label}"), timeout=10)
        if number % 9 == 4:
            requests.patch(
                unit.url(f"/watcher/clips/{clip['id']}"), json={"held": True}, timeout=10
            ).raise_for_status()
    return at


@dataclass(frozen=True)
class Screen:
    """An address, and what is pressed there."""

    name: str
    path: str
    then: Callable[[Page], None] = lambda page: None


def screens(unit: RunningUnit, at: datetime) -> list[Screen]:
    """What a full watcher shows."""
    ready = [clip for clip in unit.clips() if clip["state"] == "ready"]
    moment = quote((at + timedelta(seconds=4)).isoformat())
    day = f"{at:%Y-%m-%d}"
    return [
        Screen("browse", "/watcher/"),
        Screen("moment", "/watcher/", lambda page: page.keyboard.press("d")),
        Screen(
            "filter",
            "/watcher/?label=person&camera=porch&camera=gate",
            opened("#filtering, details.choice summary"),
        ),
        Screen("menu", "/watcher/", opened("#menu > summary")),
        Screen("help", "/watcher/", lambda page: page.keyboard.press("?")),
        Screen("select", "/watcher/", chosen),
        Screen("watch", f"/watcher/watch/{ready[2]['id']}", seeked),
        Screen("timeline", f"/watcher/day/{day}?at={moment}&span=240m"),
        Screen("timeline-day", f"/watcher/day/{day}"),
        Screen("timeline-edge", f"/watcher/day/{day}?at={moment}&span=5m"),
        Screen("span", f"/watcher/day/{day}?at={moment}&span=60m", marked),
        Screen("side", f"/watcher/side-by-side?at={moment}"),
        Screen(
            "side-four", f"/watcher/side-by-side?at={moment}" + "".join(f"&camera={p.camera}" for p in PLACES[:4])
        ),
        Screen("status", "/watcher/status"),
        Screen("camera", "/watcher/status", opened(".edit summary")),
        Screen("review", "/watcher/review"),
        Screen("nothing", "/watcher/?label=giraffe"),
        Screen("problem", "/watcher/watch/987654"),
    ]


def opened(selector: str) -> Callable[[Page], None]:
    """Press the first of these that can be."""

    def press(page: Page) -> None:
        page.locator(selector).filter(visible=True).first.click()

    return press


def chosen(page: Page) -> None:
    """Some cards."""
    page.locator(".card a").nth(0).focus()
    for key in ("x", "ArrowRight", "x", "ArrowRight", "ArrowRight", "x"):
        page.keyboard.press(key)


def marked(page: Page) -> None:
    """From a while before to here."""
    for key in ("ArrowLeft", "ArrowLeft", "i", "ArrowRight", "ArrowRight", "o"):
        page.keyboard.press(key)


def seeked(page: Page) -> None:
    """Two seconds into the clip."""
    wait_for(lambda: page.evaluate("document.querySelector('video').readyState >= 2"), what="the film")
    page.evaluate("document.querySelector('video').currentTime = 2")
    wait_for(
        lambda: page.evaluate("(v => v.readyState >= 2 && !v.seeking)(document.querySelector('video'))"),
        what="its second second",
    )


def shoot(page: Page, unit: RunningUnit, screen: Screen, path: Path) -> None:
    """Keep what a screen shows, once every picture in sight is there."""
    page.goto(unit.url(screen.path), wait_until="networkidle")
    screen.then(page)
    page.wait_for_load_state("networkidle")
    wait_for(lambda: page.evaluate(f"{IN_SIGHT}.every(i => i.complete && i.naturalWidth > 0)"), what="its pictures")
    page.screenshot(path=path, animations="disabled")
    page.close()


def take(browser: Browser, unit: RunningUnit, shown: list[Screen]) -> None:
    """A picture of each screen that is asked for, at each size, light and dark."""
    shown = [screen for screen in shown if screen.name in (sys.argv[1:] or [screen.name])]
    for size, options in SIZES.items():
        for scheme in ("light", "dark"):
            context = browser.new_context(**options, color_scheme=scheme, service_workers="block")
            for screen in shown:
                shoot(context.new_page(), unit, screen, GALLERY / f"{screen.name}-{size}-{scheme}.png")
            context.close()
            print(size, scheme, flush=True)


def sheet() -> None:
    """All of them: a row for each screen."""
    names = list(dict.fromkeys(path.stem.rsplit("-", 2)[0] for path in sorted(GALLERY.glob("*-light.png"))))
    rows = []
    for name in names:
        row = []
        for size in SIZES:
            for scheme in ("light", "dark"):
                picture = Image.open(GALLERY / f"{name}-{size}-{scheme}.png").convert("RGB")
                row.append(
                    picture.resize((THUMB * picture.width // picture.height, THUMB), Image.Resampling.LANCZOS)
                )
        rows.append((name, row))
    width = max(sum(picture.width + 12 for picture in row) for _, row in rows) + 12
    whole = Image.new("RGB", (width, len(rows) * (THUMB + 36) + 12), (120, 120, 126))
    pen = ImageDraw.Draw(whole)
    for number, (name, row) in enumerate(rows):
        top, left = 12 + number * (THUMB + 36), 12
        pen.text((left, top), name, fill=(255, 255, 255), font_size=18)
        for picture in row:
            whole.paste(picture, (left, top + 24))
            left += picture.width + 12
    whole.save(GALLERY / "sheet.webp", quality=88)


def main() -> None:
    """Take them all."""
    os.environ["TZ"] = ZONE
    time.tzset()
    program = shutil.which("chromium") or sys.exit("Chromium is not installed")
    GALLERY.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        with running(Path(folder) / "full") as unit:
            take(browser, unit, screens(unit, furnish(unit)))
        with running(Path(folder) / "empty") as unit:
            take(browser, unit, [Screen("first", "/watcher/"), Screen("first-status", "/watcher/status")])
        with running(Path(folder) / "keys", settings={"WATCHER_AUTH__MODE": "keys"}) as unit:
            take(browser, unit, [Screen("sign-in", "/watcher/")])
        browser.close()
    sheet()


if __name__ == "__main__":
    main()
