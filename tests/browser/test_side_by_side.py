"""Side by side: up to four cameras at one moment. What each shows is read from its pictures, which carry their number."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from tests import clips
from tests.browser.conftest import Watched, look, until
from tests.browser.test_screens import AXE, nothing_wrong
from tests.running import RunningUnit, wait_for

pytestmark = pytest.mark.browser

Clips = dict[str, dict[str, Any]]

START = datetime(2026, 11, 20, 12, 0, 0, tzinfo=ZoneInfo("Europe/Berlin"))  # where the unit is
PORCH, GATE, YARD, SHED = "porch", "gate", "yard", "مخزن"  # the last reads from right to left
STANDING = 0.05  # seconds that pictures which stand may be apart: one picture, and what numbers lose
# Camera, seconds after the start, length. The porch goes on at once, the yard after a while; then nobody for minutes.
PLAN = (
    (PORCH, 0, 16),
    (PORCH, 16, 49),
    (GATE, 2, 63),
    (YARD, 3, 6),
    (YARD, 14, 51),
    (SHED, 1, 64),
    (PORCH, 300, 6),
)
# The number of the picture that each video shows now, as (its clip's address, number, whether it stands at a seek).
READ = """() => [...document.querySelectorAll('.pane')].map((pane) => {
    const video = pane.querySelector('video.shown');
    if (!video || video.readyState < 2 || video.seeking) return [pane.dataset.camera, null, 0];
    const canvas = document.createElement('canvas'), pen = canvas.getContext('2d', {willReadFrequently: true});
    [canvas.width, canvas.height] = [160, 1];
    pen.drawImage(video, 0, 48, 160, 1, 0, 0, 160, 1);
    const line = pen.getImageData(0, 0, 160, 1).data;
    let number = 0;
    for (let bit = 0; bit < 10; bit += 1) if (line[4 * (bit * 16 + 8)] > 128) number += 1 << bit;
    return [pane.dataset.camera, new URL(video.src).pathname, number];
})"""


@pytest.fixture(scope="module")
def moment(unit: RunningUnit) -> Clips:
    """The clips of four cameras, by address."""
    for camera, after, seconds in PLAN:
        at = START + timedelta(seconds=after)
        clips.make_clock(unit.video / camera / f"{at:%Y-%m-%d_%H%M%S}.mp4", seconds=seconds, sound=camera == GATE)
    rows = wait_for(lambda: len(ready := unit.clips(state="ready")) == len(PLAN) and ready, what="all clips")
    return {clip["url"]: clip for clip in rows}


def address(after: float, *cameras: str) -> str:
    """The screen with some cameras, some seconds after the start."""
    at = (START + timedelta(seconds=after)).isoformat()
    return "/watcher/side-by-side?" + "&".join(
        [*(f"camera={quote(camera)}" for camera in cameras), f"at={quote(at)}"]
    )


def shown(page: Page, moment: Clips) -> dict[str, float]:
    """Of each camera that shows a picture, the moment that it is of, in seconds after the start; all are read at once."""
    return {
        camera: (datetime.fromisoformat(moment[url]["started_at"]) - START).total_seconds() + number / 25
        for camera, url, number in page.evaluate(READ)
        if url is not None
    }


def agree(page: Page, moment: Clips, cameras: int, within: float, *, times: int = 1) -> dict[str, float]:
    """Wait until so many cameras show one moment, so often one after another while it goes on."""
    looks: list[dict[str, float]] = []

    def together() -> bool:
        seconds = shown(page, moment)
        if len(seconds) < cameras or (looks and seconds == looks[-1]):
            return False
        if max(seconds.values()) - min(seconds.values()) > within:
            looks.clear()
        else:
            looks.append(seconds)
        return len(looks) >= times

    try:
        wait_for(together, what=f"{cameras} cameras in step")
    except AssertionError as late:
        raise AssertionError(f"{late}: {page.evaluate(READ)} at {clock(page)}") from None
    return looks[-1]


def clock(page: Page) -> str:
    return page.locator(".deck .time").inner_text()


def test_four_cameras_play_in_step(watched: Watched, moment: Clips) -> None:
    """By the numbers in their pictures: within 100 ms at play and after a jump, within 400 ms of what is shown at 4×."""
    page = watched.open(address(4, PORCH, GATE, YARD, SHED))
    seconds = agree(page, moment, 4, STANDING)
    assert abs(seconds[PORCH] - 4) <= STANDING
    page.keyboard.press("k")
    wait_for(lambda: shown(page, moment).get(PORCH, 0) > 4.4, what="it to go on")
    agree(page, moment, 4, 0.1, times=12)
    look(page, "side-by-side")
    page.keyboard.press("ArrowRight")  # past the end of a clip of the yard, and past its gap
    page.keyboard.press("ArrowRight")
    wait_for(lambda: shown(page, moment).get(GATE, 0) > 14.4, what="the jump")
    agree(page, moment, 4, 0.1, times=12)
    page.keyboard.press("j")
    agree(page, moment, 3, 0.1)
    page.get_by_label("Speed").select_option("4")
    wait_for(lambda: shown(page, moment).get(GATE, 0) > 15, what="the end of the gap")
    agree(page, moment, 4, 0.4, times=5)
    page.keyboard.press("k")
    seconds = agree(page, moment, 4, STANDING)
    page.keyboard.press(",")
    wait_for(lambda: 0.02 < seconds[GATE] - shown(page, moment).get(GATE, 99) < 0.1, what="a picture back")
    agree(page, moment, 4, STANDING)


def test_a_camera_without_a_clip_says_so_and_comes_in(watched: Watched, moment: Clips) -> None:
    """In its place, with the time of its next clip; then it plays with the others. A clip that ends goes on to the next one."""
    page = watched.open(address(13.2, PORCH, YARD))
    yard = page.locator(f".pane[data-camera={YARD}]")
    expect(yard).to_contain_text("Nothing at this moment · next clip 12:00:14")
    agree(page, moment, 1, 0)
    page.keyboard.press("k")
    agree(page, moment, 2, 0.1, times=4)
    expect(yard.locator(".says")).to_be_hidden()
    wait_for(lambda: shown(page, moment).get(PORCH, 0) > 16.2, what="the next clip of the porch")
    agree(page, moment, 2, 0.1, times=4)
    # Where nobody has a clip, what comes next is gone to, and said.
    page.locator(".stretch input").press("End")
    expect(page.locator(".gap")).to_have_text("12:01 → 12:05")
    wait_for(lambda: shown(page, moment).get(PORCH, 0) > 300, what="the clip after the gap")
    page.keyboard.press("End")
    wait_for(lambda: page.get_by_role("button", name="Play", exact=True).count(), what="its end")
    expect(page.locator(".gap")).to_have_text("No later clip of these cameras")
    wait_for(lambda: shown(page, moment).get(PORCH, 0) > 305.8, what="the last picture")
    page.keyboard.press("Shift+P")
    wait_for(lambda: clock(page) == "12:05:00", what="the clip before")


def test_from_a_clip_it_is_one_action(watched: Watched, moment: Clips, unit: RunningUnit) -> None:
    """From Watch and from the Timeline, at the second that is seen there; Back leads back; the address opens the same again."""
    gate = next(clip for clip in moment.values() if clip["camera"] == GATE)
    page = watched.open(f"/watcher/watch/{gate['id']}?t=2.4")
    until(page, "document.querySelector('video').currentTime > 2.3")
    page.keyboard.press("v")
    page.wait_for_url("**/side-by-side?*")
    seconds = agree(page, moment, 4, STANDING)
    assert abs(seconds[GATE] - 4.4) < 0.1
    page.keyboard.press("Escape")
    page.wait_for_url(f"**/watch/{gate['id']}*")
    page.get_by_role("link", name="Watch side by side").click()
    page.wait_for_url("**/side-by-side?*")
    agree(page, moment, 4, STANDING)
    at = quote((START + timedelta(seconds=5)).isoformat())
    page = watched.open(f"/watcher/day/{START.date()}?at={at}&span=5m")
    until(page, "document.querySelector('video.shown')?.readyState >= 2")
    page.keyboard.press("v")
    page.wait_for_url("**/side-by-side?*")
    seconds = agree(page, moment, 4, STANDING)
    assert abs(seconds[GATE] - 5) < 0.1
    lists = [request.url for request in watched.requests if "/watcher/clips?" in request.url]
    page.keyboard.press("5")
    before = agree(page, moment, 4, STANDING)
    until(page, f"decodeURIComponent(location.search).includes('{iso(before[PORCH])}')")
    page.reload()
    again = agree(page, moment, 4, STANDING)
    assert all(abs(again[camera] - at) <= STANDING for camera, at in before.items())
    lists_after = [request.url for request in watched.requests if "/watcher/clips?" in request.url][len(lists) :]
    assert len(lists_after) == 1, lists_after  # of all cameras at once, and only what is shown of a clip
    assert "fields=" in lists_after[0]


def iso(after: float) -> str:
    """The beginning of a moment as the address has it: to the second."""
    at = START + timedelta(seconds=after)
    return f"at={(at - at.utcoffset()):%Y-%m-%dT%H:%M:%S}"  # type: ignore[operator]


def test_cameras_come_and_go_and_one_is_heard(watched: Watched, moment: Clips) -> None:
    """Two to four of them, in the address; sound is one picture's, which one chooses; each opens its clip at that second."""
    page = watched.open(address(5, PORCH, GATE))
    agree(page, moment, 2, STANDING)
    expect(page.get_by_role("button", name="Without gate")).to_be_hidden()  # two remain
    page.keyboard.press("a")
    page.get_by_label(SHED).check()
    page.get_by_label(YARD).check()
    agree(page, moment, 4, STANDING)
    page.keyboard.press("Escape")
    page.locator(f".pane[data-camera={PORCH}]").hover()
    page.get_by_role("button", name="Without porch").click()
    agree(page, moment, 3, STANDING)
    until(page, "new URLSearchParams(location.search).getAll('camera').join() === 'gate,مخزن,yard'")
    loud = "[...document.querySelectorAll('.pane')].filter((pane) => [...pane.querySelectorAll('video')].some((video) => !video.muted)).map((pane) => pane.dataset.camera).join()"
    assert page.evaluate(loud) == ""
    page.locator(f".pane[data-camera={GATE}]").hover()
    page.get_by_role("button", name="Sound of gate").click()
    until(page, f"{loud} === 'gate'")
    page.keyboard.press("o")
    until(page, f"{loud} === 'مخزن' && location.search.includes('sound=')")
    page.keyboard.press("m")
    until(page, f"{loud} === ''")
    assert (
        page.evaluate(f"getComputedStyle(document.querySelector('.pane[data-camera={SHED}] b')).direction") == "rtl"
    )
    page.locator(f".pane[data-camera={YARD}]").hover()
    page.get_by_role("link", name="Open the clip of yard").click()
    page.wait_for_url("**/watch/*?t=2")
    expect(page.get_by_role("heading", level=1)).to_contain_text("yard")


def test_what_cannot_be_played_offers_its_copy(watched: Watched, unit: RunningUnit, moment: Clips) -> None:
    """The others go on meanwhile."""
    at = START + timedelta(seconds=2)
    path = clips.make_clock(unit.video / "old" / f"{at:%Y-%m-%d_%H%M%S}.mp4", seconds=8, codec="libx265")
    unit.wait_clip(f"old/{path.name}", state="ready")
    page = watched.open(address(4, GATE, "old"))
    old = page.locator(".pane[data-camera=old]")
    expect(old).to_contain_text("H.265")
    page.keyboard.press("k")
    wait_for(lambda: shown(page, moment).get(GATE, 0) > 4.4, what="the gate to go on")
    page.keyboard.press("k")
    old.get_by_role("button", name="Make a copy that plays here").click()
    until(page, "document.querySelector('.pane[data-camera=old] video.shown')?.readyState >= 2")
    expect(old.locator(".says")).to_be_hidden()
    path.unlink()
    watched.faults.clear()  # the browser's own lines


@pytest.mark.parametrize(
    "watched",
    [
        {"viewport": {"width": 1280, "height": 800}},
        {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark", "has_touch": True, "is_mobile": True},
        {"viewport": {"width": 320, "height": 480}},
        {"viewport": {"width": 1280, "height": 800}, "forced_colors": "active"},
    ],
    ids=["desktop", "phone-dark", "narrow", "forced-colours"],
    indirect=True,
)
def test_it_fits_and_axe_finds_nothing(watched: Watched, moment: Clips, request: pytest.FixtureRequest) -> None:
    """No sideways scroll, one below the other on a phone, what is pressed is large enough; nothing for axe to find."""
    where = request.node.callspec.id
    page = watched.open(address(10, PORCH, GATE, YARD, SHED))
    agree(page, moment, 3, STANDING)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    lefts = page.evaluate(
        "[...document.querySelectorAll('.pane')].map((pane) => pane.getBoundingClientRect().left)"
    )
    assert len(set(lefts)) == (1 if page.evaluate("innerWidth < innerHeight") else 2)
    small = page.evaluate(
        "[...document.querySelectorAll('.side :is(button, a, select, summary)')].filter((control) => control.checkVisibility() && control.offsetWidth).map((control) => [control.title, control.offsetWidth, control.offsetHeight]).filter(([, wide, high]) => wide < 24 || high < 24)"
    )
    assert small == []
    look(page, f"side-by-side-{where}")
    if AXE.exists():
        nothing_wrong(page, where)


def test_what_the_bar_spans(watched: Watched, moment: Clips) -> None:
    """Clips that follow each other closely, the nearest where there is none, half an hour at most."""
    page = watched.open(address(10, PORCH, GATE))
    spans = page.evaluate(
        """async () => {
        const { stretch } = await import(document.querySelector('script[type=module]').src.replace('side.js', 'group.js'));
        const clip = (start, end) => ({ start: start * 1000, end: end * 1000 });
        const of = (clips, at) => { const { from, to } = stretch(clips, at * 1000); return [from / 1000, to / 1000]; };
        const day = Array.from({ length: 200 }, (_, n) => clip(n * 60, n * 60 + 60)), some = [clip(0, 60), clip(10, 20), clip(75, 80), clip(200, 210)];
        return [of(some, 30), of(some, 205), of(some, 180), of(day, 6000), of([], 7)];
        }"""
    )
    assert spans == [[0, 80], [200, 210], [180, 210], [5100, 6900], [7, 8]]


@pytest.mark.parametrize("watched", [{"java_script_enabled": False}], indirect=True)
def test_without_scripts_each_has_a_player(watched: Watched, moment: Clips) -> None:
    """And who has none says so; which cameras is a form."""
    page = watched.open(address(10, PORCH, YARD))
    expect(page.locator("video")).to_have_count(1)
    expect(page.locator(".pane").nth(1)).to_contain_text("Nothing at this moment")
    page.locator("#choosing summary").click()
    page.get_by_label(GATE).check()
    page.get_by_role("button", name="Show").click()
    expect(page.locator("video")).to_have_count(2)
    assert parse_qs(urlsplit(page.url).query)["camera"] == [GATE, PORCH, YARD]


def test_addresses_that_mean_little(unit: RunningUnit, moment: Clips) -> None:
    """Nobody named: who recorded last; strangers are left out, a fifth too; no moment is refused, whatever else it says."""

    def ask(question: str) -> tuple[int, list[str]]:
        answer = unit.get(f"/watcher/side-by-side{question}", headers={"Accept": "text/html"})
        return answer.status_code, re.findall(r'<figure class="pane" data-camera="([^"]*)"', answer.text)

    assert ask("") == (200, [PORCH, GATE])
    assert ask("?camera=yard&at=2026-11-20T11:00:05Z") == (200, [YARD, GATE])
    assert ask("?camera=nobody&camera=yard&camera=yard&at=1999-01-01T00:00:00Z") == (200, [YARD, GATE])
    assert ask("?camera=&camera=%3Cimg%20src=x%3E") == (200, [PORCH, GATE])
    for at in ("x", "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z", "2026-11-20T11:00:05"):
        assert ask(f"?at={at}")[0] in {200, 400}
    assert ask("?at=x")[0] == 400
