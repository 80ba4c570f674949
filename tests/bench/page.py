"""The page's budgets, in real Chromium: paint, shift, first picture, jumps, keys, frames while scrolling, memory."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import ARGUMENTS
from tests.running import RunningUnit, running, wait_for
from watcher.ops import demo
from watcher.ops.demo import SCENES, leave_clip
from watcher.services import open_services
from watcher.settings.load import load

ROWS = 300_000
CLIPS = 24
PAINT = """() => new Promise(done => { let shift = 0;
  new PerformanceObserver(list => list.getEntries().forEach(entry => { if (!entry.hadRecentInput) shift += entry.value; }))
    .observe({type: 'layout-shift', buffered: true});
  setTimeout(() => done([performance.getEntriesByName('first-contentful-paint')[0].startTime, shift]), 1500); })"""
FIRST_PICTURE = """(card) => new Promise(done => { const began = performance.now();
  const seen = new MutationObserver(() => { const video = document.querySelector('dialog video');
    if (video) { seen.disconnect(); video.requestVideoFrameCallback(() => done(performance.now() - began)); } });
  seen.observe(document.body, {childList: true, subtree: true});
  card.click(); })"""
JUMP = """() => new Promise(async done => { const rail = document.querySelector('.rail .slider'), old = document.querySelector('.card');
  const began = performance.now(), box = rail.getBoundingClientRect();
  const at = {clientX: box.x + 5, clientY: box.y + box.height * (0.1 + 0.8 * Math.random()), pointerId: 1, bubbles: true};
  rail.setPointerCapture = () => {};
  rail.dispatchEvent(new PointerEvent('pointerdown', {...at, buttons: 1}));
  rail.dispatchEvent(new PointerEvent('pointerup', at));
  const look = () => old.isConnected ? requestAnimationFrame(look) : requestAnimationFrame(() => done(performance.now() - began));
  look(); })"""

# How long frames take while the page scrolls at so many pixels a second, and the longest task meanwhile.
SCROLL = """(speed) => new Promise(done => { const frames = []; let longest = 0, last = performance.now(); const began = last;
  new PerformanceObserver(list => list.getEntries().forEach(entry => { longest = Math.max(longest, entry.duration); }))
    .observe({type: 'longtask'});
  const step = (now) => { frames.push(now - last); scrollBy(0, speed * (now - last) / 1000); last = now;
    if (now - began < 4000) return requestAnimationFrame(step);
    frames.sort((a, b) => a - b);
    return done([frames[Math.floor(frames.length * 0.95)], longest]); };
  requestAnimationFrame(step); })"""
LISTEN = """() => { window.interactions = new Map();
  new PerformanceObserver(list => list.getEntries().forEach(entry => { if (entry.interactionId)
    window.interactions.set(entry.interactionId, Math.max(entry.duration, window.interactions.get(entry.interactionId) ?? 0)); }))
    .observe({type: 'event', durationThreshold: 16}); }"""
KEYS = [
    *["ArrowRight"] * 12,
    *["ArrowDown"] * 8,
    *["ArrowUp"] * 6,
    "x",
    "Shift+ArrowRight",
    "x",
    "Escape",
    "+",
    "-",
    "?",
    "Escape",
    " ",
]


def run(folder: Path, rounds: int) -> list[tuple[str, list[float], str]]:
    """Milliseconds, and for the window of the grid counts and megabytes."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        print("Chromium is not installed: the page is not measured")
        return []
    figures: dict[str, list[float]] = {}
    with running(folder / "unit") as unit, sync_playwright() as playwright:
        _fill(unit)
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        for slowed, size in ((1, (1280, 800)), (4, (390, 844))):
            for _ in range(rounds):
                context = browser.new_context(viewport={"width": size[0], "height": size[1]})
                page = context.new_page()
                context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slowed})
                for name, value in _measure(page, unit).items():
                    figures.setdefault(f"{name}{', 4 × slowed, phone' if slowed > 1 else ''}", []).append(value)
                context.close()
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        figures |= _scrolled(context.new_page(), unit)
        browser.close()
    targets = {
        "first contentful paint, ms": "≤ 600",
        "first contentful paint, ms, 4 × slowed, phone": "≤ 1000",
        "layout shift": "≤ 0.02",
        "keys, p98, ms, 4 × slowed, phone": "≤ 200",
        "frame while scrolling at 1,800 px/s, p95, ms": "≤ 20",
        "frame while scrolling at 9,000 px/s, p95, ms": "≤ 40",
        "longest task while scrolling, ms": "≤ 100",
        "click to first picture, ms": "≤ 300",
        "click to first picture, ms, 4 × slowed, phone": "≤ 500",
        "jump to a day, ms": "≤ 150",
        "elements after 5,000 cards": "≤ 3500",
        "cards after 5,000 cards": "≤ 480",
        "heap after 5,000 cards, MB": "≤ 30",
    }
    return [(name, values, targets.get(name, "")) for name, values in figures.items()]


def _fill(unit: RunningUnit) -> None:
    services = open_services(load({}).settings, unit.data)
    demo.fill(services, ROWS)
    services.catalog.database.engine.dispose()
    for number in range(CLIPS):
        at = datetime(2026, 11, 20, 8, number).astimezone()
        leave_clip(unit.video, SCENES[number % 3], at, seconds=6, by_rename=True)
    wait_for(
        lambda: len([c for c in unit.get("/watcher/clips").json()["clips"] if c["poster_url"]]) == CLIPS,
        what="them",
    )


def _measure(page: Page, unit: RunningUnit) -> dict[str, float]:
    page.goto(unit.url("/watcher/"))
    paint, shift = page.evaluate(PAINT)
    card = page.locator(".card a").nth(5).element_handle()
    picture = page.evaluate(FIRST_PICTURE, card)
    page.keyboard.press("Escape")
    page.wait_for_timeout(300)
    jump = page.evaluate(JUMP)
    page.evaluate(LISTEN)
    for key in KEYS:
        page.keyboard.press(key)
    page.wait_for_timeout(500)
    keys = sorted(page.evaluate("[...window.interactions.values()]")) or [0]
    page.goto(unit.url("/watcher/"))
    page.wait_for_timeout(500)
    slow, task = page.evaluate(SCROLL, 1800)
    fast, task_fast = page.evaluate(SCROLL, 9000)
    return {
        "first contentful paint, ms": paint,
        "layout shift": shift,
        "click to first picture, ms": picture,
        "jump to a day, ms": jump,
        "keys, p98, ms": keys[int(len(keys) * 0.98)],
        "frame while scrolling at 1,800 px/s, p95, ms": slow,
        "frame while scrolling at 9,000 px/s, p95, ms": fast,
        "longest task while scrolling, ms": max(task, task_fast),
    }


def _scrolled(page: Page, unit: RunningUnit) -> dict[str, list[float]]:
    page.goto(unit.url("/watcher/"))
    seen: set[Any] = set()
    while len(seen) < 5000:
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        page.wait_for_timeout(30)
        seen |= set(page.evaluate("[...document.querySelectorAll('#days .card')].map(card => card.dataset.id)"))
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    heap = session.send("Runtime.getHeapUsage")["usedSize"] / 1e6
    return {
        "elements after 5,000 cards": [page.evaluate("document.querySelectorAll('*').length")],
        "cards after 5,000 cards": [page.evaluate("document.querySelectorAll('#days .card').length")],
        "heap after 5,000 cards, MB": [heap],
    }
