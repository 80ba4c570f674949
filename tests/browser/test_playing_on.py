"""One lasting player: what survives the change of clip, Watch all, what is fetched ahead; and what somebody has seen."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect

from tests import clips
from tests.browser.conftest import Watched, look, until
from tests.browser.test_tasks import addresses, went
from tests.running import RunningUnit, wait_for

pytestmark = pytest.mark.browser

VIDEO = "document.querySelector('video')"


@pytest.fixture(scope="module")
def row(unit: RunningUnit) -> list[dict]:
    """Four clips of the gate within minutes and one of the yard a day later, oldest first; the third is no film."""
    for number in range(4):
        at = datetime(2026, 11, 20, 8, number * 5).astimezone()
        clips.make(unit.video / f"gate/{at:%Y-%m-%d_%H%M%S}.mp4", number=number, seconds=4)
    clips.make(unit.video / "yard/2026-11-21_080000.mp4", number=9, seconds=4)
    broken = unit.video / "gate/2026-11-20_081000.mp4"
    broken.write_bytes(broken.read_bytes()[:900])

    def ready() -> list[dict] | None:
        rows = unit.clips(sort="started_at")
        fine = [clip for clip in rows if clip["poster_url"]]
        return rows if len(rows) == 5 and len(fine) == 4 and rows[2]["state"] == "broken" else None

    return wait_for(ready, seconds=60, what="five clips")


def plays(page: Page, clip: dict) -> None:
    """That a clip is shown and its time runs, or has run: it is over soon."""
    page.wait_for_url(re.compile(rf"/watch/{clip['id']}(\?|$)"))
    until(page, f"{VIDEO}.currentTime > 0 && (!{VIDEO}.paused || {VIDEO}.ended) && {VIDEO}.videoWidth > 0")


def test_one_player_goes_from_clip_to_clip(watched: Watched, row: list[dict]) -> None:
    """The same element: speed, volume, zoom and full screen stay; facts, ways and keys are the new clip's."""
    page = watched.open(f"/watcher/watch/{row[0]['id']}?camera=gate")
    until(page, f"{VIDEO}.readyState >= 2")
    page.evaluate(f"{VIDEO}.mine = true")
    page.keyboard.press("z")
    page.keyboard.press("m")
    page.keyboard.press("ArrowDown")
    page.keyboard.press(">")
    page.keyboard.press("f")
    until(page, "document.fullscreenElement !== null")
    volume = page.evaluate(f"{VIDEO}.volume")
    page.keyboard.press("Shift+N")
    plays(page, row[1])
    assert page.evaluate(f"[{VIDEO}.mine, {VIDEO}.playbackRate, {VIDEO}.muted, {VIDEO}.volume]") == [
        True,
        1.5,
        False,
        volume,
    ]
    assert page.evaluate("document.fullscreenElement !== null")
    expect(page.locator(".screen")).to_have_class(re.compile("zoomed"))
    expect(page.locator("#controls")).to_have_count(1)
    expect(page.locator(".key")).to_have_text(row[1]["key"])
    expect(page).to_have_title(re.compile("08:05 gate"))
    page.keyboard.press("Shift+P")
    plays(page, row[0])
    page.go_back()
    plays(page, row[1])
    assert page.evaluate(f"{VIDEO}.mine")


def test_watch_all_runs_on_through_what_the_filter_shows(watched: Watched, row: list[dict]) -> None:
    """From the oldest on, at speed; the next one's beginning is there before; gaps in words; what cannot be played is left out."""
    page = watched.open("/watcher/?camera=gate")
    page.evaluate("sessionStorage.setItem('watcher-speed', '4')")
    page.evaluate(
        """() => { window.black = 0; const look = () => { const v = document.querySelector('.over video');
        if (v && v.dataset.shown && v.readyState < 2 && !document.querySelector('.cover') && !v.error && v.poster === '') window.black += 1;
        if (v && v.readyState >= 2) v.dataset.shown = 'yes'; requestAnimationFrame(look); }; look();
        window.gaps = []; new MutationObserver(() => { const gap = document.querySelector('.gap'); if (gap?.textContent) window.gaps.push(gap.textContent); })
        .observe(document.body, {subtree: true, childList: true, characterData: true}); }"""
    )
    visited = addresses(page)
    page.locator(".above .watch-all").click()
    # Each lasts a second at this speed: where it was is told afterwards too. The third is passed over at once.
    wait_for(lambda: went(page, visited, [str(clip["id"]) for clip in row[:4]]), what="the clips of the gate")
    assert all("camera=gate" in address for address in visited if "/watch/" in address)
    assert "08:00 → 08:05" in page.evaluate("window.gaps")
    fetched = [request.url for request in watched.requests if request.url.endswith(".mp4")]
    assert fetched.index(watched.unit.url(row[1]["url"])) > 0
    plays(page, row[3])
    expect(page.locator("dialog.over")).to_have_count(1)
    until(page, f"{VIDEO}.ended")  # the yard's is not the filter's
    look(page, "watch-all")
    page.keyboard.press("Escape")
    expect(page.locator("dialog.over")).to_have_count(0)
    assert page.evaluate("window.black") == 0
    page.get_by_role("link", name="Watch all of Friday, 20 November 2026").click()
    plays(page, row[0])
    assert "from=2026-11-20" in page.url


def test_the_next_clip_is_fetched_before_this_one_ends(watched: Watched, row: list[dict]) -> None:
    """Its page and the beginning of its film: nothing is asked for when it is wanted."""
    page = watched.open(f"/watcher/watch/{row[0]['id']}?camera=gate")
    until(page, f"{VIDEO}.readyState >= 2")
    with page.expect_request(lambda request: row[1]["url"] in request.url):
        page.keyboard.press("k")
    before = len([request for request in watched.requests if f"/watch/{row[1]['id']}" in request.url])
    assert before == 1
    page.keyboard.press("Shift+N")
    plays(page, row[1])
    assert len([request for request in watched.requests if f"/watch/{row[1]['id']}" in request.url]) == 1


def test_a_day_is_watched_from_its_heading_without_scripts_too(unit: RunningUnit, row: list[dict]) -> None:
    """A link to the first clip of what is asked for: of a day, from a moment on, of the newest day."""

    def first(question: str) -> str:
        return requests.get(unit.url(f"/watcher/watch{question}"), allow_redirects=False, timeout=10).headers[
            "Location"
        ]

    assert (
        first("?from=2026-11-20&to=2026-11-20")
        == f"/watcher/watch/{row[0]['id']}?from=2026-11-20&to=2026-11-20&all=yes"
    )
    assert first("?camera=gate&at=2026-11-20T07:04:00Z") == f"/watcher/watch/{row[1]['id']}?camera=gate&all=yes"
    assert first("") == f"/watcher/watch/{row[4]['id']}?all=yes"
    assert first("?camera=nobody") == "/watcher/?camera=nobody"


def test_what_was_watched_is_new_no_more(watched: Watched, row: list[dict], unit: RunningUnit) -> None:
    """At first nothing is new; what comes has a dot until it was watched; one press marks all. The app's icon counts them."""
    watched.page.add_init_script(
        "navigator.setAppBadge = (count) => { window.badge = count; return Promise.resolve(); }"
    )
    with watched.page.expect_request(lambda request: request.method == "PUT" and request.url.endswith("/seen")):
        page = watched.open("/watcher/")
    expect(page.locator(".dot")).to_have_count(0)
    data = clips.stamp((unit.video / row[0]["key"]).read_bytes(), 77)
    for number in (1, 2):
        (unit.video / f"porch/2026-11-22_08000{number}.mp4").parent.mkdir(exist_ok=True)
        (unit.video / f"porch/2026-11-22_08000{number}.mp4").write_bytes(clips.stamp(data, number))
        unit.wait_clip(f"porch/2026-11-22_08000{number}.mp4", state="ready")
    page = watched.open("/watcher/")
    expect(page.locator(".dot")).to_have_count(2)
    expect(page.locator("#news")).to_contain_text("2 new since")
    until(page, "window.badge === 2")
    look(page, "news")
    with page.expect_request(lambda request: request.method == "PUT" and "/clips/" in request.url):
        page.locator(".card", has=page.locator(".dot")).first.locator("a").click()
    page.keyboard.press("Escape")
    expect(page.locator(".dot")).to_have_count(1)
    until(page, "window.badge === 1")
    page = watched.open("/watcher/?seen=false")
    expect(page.locator(".card")).to_have_count(1)
    page = watched.open("/watcher/")
    page.get_by_role("button", name="Mark all as seen").click()
    expect(page.locator(".dot")).to_have_count(0)
    until(page, "window.badge === 0")
    expect(page.locator("#news")).to_be_hidden()
    page = watched.open("/watcher/?seen=false")
    expect(page.get_by_role("heading", name="No clip matches")).to_be_visible()


@pytest.mark.parametrize("watched", [{"service_workers": "allow"}], indirect=True)
def test_the_service_worker_keeps_the_shell_and_touches_nothing_else(
    watched: Watched, row: list[dict], unit: RunningUnit
) -> None:
    """Scripts come from it; clips, pictures and answers never do; without a server it says so, and goes on afterwards."""
    page = watched.open("/watcher/")
    until(page, "navigator.serviceWorker.controller !== null")
    kept = page.evaluate(
        "caches.keys().then(async (names) => (await Promise.all(names.map(async (n) => (await (await caches.open(n)).keys()).map((r) => new URL(r.url).pathname)))).flat())"
    )
    assert all(re.match(r"/watcher/(static/|offline$)", path) for path in kept), kept
    worked: set[str] = set()
    page.on("response", lambda answer: worked.add(answer.url) if answer.from_service_worker else None)
    page = watched.open("/watcher/")
    page = watched.open(f"/watcher/watch/{row[0]['id']}")
    until(page, f"{VIDEO}.readyState >= 2")
    pages = {unit.url("/watcher/"), unit.url(f"/watcher/watch/{row[0]['id']}")}
    worked = {url.removeprefix(unit.url("/")) for url in worked - pages}
    assert worked
    assert all(name.startswith("watcher/static/") for name in worked), worked
    page.context.set_offline(True)
    page.goto(unit.url("/watcher/status"))
    expect(page.get_by_role("heading", name="Not connected")).to_be_visible()
    page.context.set_offline(False)
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_role("heading", name="Not connected")).to_have_count(0)
    watched.faults = [fault for fault in watched.faults if "ERR_INTERNET_DISCONNECTED" not in fault]


def test_the_page_can_be_installed(unit: RunningUnit) -> None:
    """A manifest with icons that are there, of the sizes that it says; nobody needs a session for it."""
    answer = unit.get("/watcher/manifest.webmanifest")
    manifest = answer.json()
    assert answer.headers["Content-Type"] == "application/manifest+json"
    assert manifest["start_url"] == manifest["scope"] == "/watcher/"
    for entry in manifest["icons"]:
        icon = unit.get(entry["src"])
        assert icon.status_code == 200
        if entry["type"] == "image/png":
            assert icon.content[:8] == b"\x89PNG\r\n\x1a\n"
            size = int.from_bytes(icon.content[16:20], "big")
            assert entry["sizes"] == f"{size}x{size}"
    worker = unit.get("/watcher/worker.js")
    assert worker.headers["Cache-Control"] == "no-cache"
    assert Path(manifest["icons"][0]["src"]).parent.name in worker.text


@pytest.mark.parametrize(
    "watched", [{"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}], indirect=True
)
def test_the_bar_of_a_phone_goes_while_one_scrolls_down(watched: Watched, row: list[dict]) -> None:
    """And is back as one scrolls up; the tabs stay where they are."""
    page = watched.open("/watcher/")
    page.evaluate("document.getElementById('days').style.minHeight = '4000px'")
    page.mouse.wheel(0, 900)
    until(page, "document.querySelector('.bar').getBoundingClientRect().bottom <= 0")
    assert page.evaluate("document.querySelector('.screens').getBoundingClientRect().bottom") == 844
    page.mouse.wheel(0, -200)
    until(page, "document.querySelector('.bar').getBoundingClientRect().top === 0")
