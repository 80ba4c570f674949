"""The page as a person meets it: the newest clips, one click to play, seeking, links, no scripts needed."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests import clips
from tests.browser.conftest import Watched, look, playing, until
from tests.running import RunningUnit, wait_for
from watcher.ops.demo import SCENES, leave_clip
from watcher.web.page.browse import BESIDE

pytestmark = pytest.mark.browser


def test_the_newest_clips_with_their_pictures(watched: Watched, unit: RunningUnit, shelf: list[dict]) -> None:
    """48 at first, newest first, grouped by day, every poster drawn; and the older ones when one comes near their end."""
    page = watched.open("/watcher/")
    cards = page.locator(".card")
    expect(cards).to_have_count(48)
    assert cards.evaluate_all("list => list.map(card => Number(card.dataset.id))") == [c["id"] for c in shelf[:48]]
    titles = ["Saturday, 21 November 2026 20 clips", "Friday, 20 November 2026 40 clips"]
    assert [" ".join(text.split()) for text in page.locator("h2").all_inner_texts()] == [
        f"{t} Watch all" for t in titles
    ]
    page.locator(".card").last.scroll_into_view_if_needed()
    until(page, "[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    page.evaluate("scrollTo(0, 0)")
    look(page, "browse")
    cards.last.scroll_into_view_if_needed()
    expect(cards).to_have_count(len(unit.clips()))
    assert cards.evaluate_all("list => list.map(card => Number(card.dataset.id))") == [c["id"] for c in shelf]


@pytest.mark.parametrize("layout", ["plain", "faststart", "fragmented"])
def test_a_clip_plays_and_seeks(watched: Watched, unit: RunningUnit, samples: Path, layout: str) -> None:
    """Decoded pictures, time that advances, a seek that lands and shows another picture, by 206 answers."""
    path = clips.make(
        unit.video / f"plays/{layout}.mp4", seconds=12, **({layout: True} if layout != "plain" else {})
    )
    clip = unit.wait_clip(f"plays/{path.name}", state="ready")
    ranges: list[int] = []
    watched.page.on("response", lambda r: ranges.append(r.status) if r.url.endswith(f"{layout}.mp4") else None)
    page = watched.open(f"/watcher/watch/{clip['id']}")
    page.evaluate("document.querySelector('video').muted = true; document.querySelector('video').play()")
    until(page, "document.querySelector('video').currentTime > 0.3")
    first = playing(page)
    assert first["width"] == 320
    assert first["frames"] > 0
    assert first["error"] is None
    page.evaluate("document.querySelector('video').pause()")
    page.evaluate(
        """() => new Promise(done => { const v = document.querySelector('video');
        v.addEventListener('seeked', done, {once: true}); v.currentTime = 0.9 * v.duration; })"""
    )
    second = playing(page)
    assert abs(second["time"] - 10.8) < 0.2
    wait_for(lambda: playing(page)["frames"] > first["frames"], what="another picture")
    assert second["error"] is None
    assert set(ranges) == {206}


def test_one_click_from_the_newest_to_playing(watched: Watched, shelf: list[dict]) -> None:
    """And the way on to the next, and back to the same filter."""
    page = watched.open("/watcher/?camera=porch")
    page.locator(".card a").first.click()
    expect(page).to_have_title(f"{shelf_time(shelf, 'porch')} porch – watcher")
    until(page, "document.querySelector('video')?.currentTime > 0.2")
    assert playing(page)["width"] == 640
    look(page, "watch")
    page.get_by_role("link", name="Earlier").click()
    expect(page.get_by_role("link", name="Later")).to_be_visible()
    page.get_by_role("link", name="Back to the clips").click()
    expect(page.locator("dialog")).to_have_count(0)
    assert page.url.endswith("/watcher/?camera=porch")
    assert set(page.locator(".card .camera").all_inner_texts()) == {"porch"}


def shelf_time(shelf: list[dict], camera: str) -> str:
    return next(c for c in shelf if c["camera"] == camera)["local_time"][11:16]


SHIFTS = """(() => { const observer = new PerformanceObserver(() => {}); observer.observe({type: 'layout-shift', buffered: true});
    return observer.takeRecords().flatMap(entry => entry.sources.map(({node}) => node)).filter(node => node?.closest?.('.stage')).length; })()"""

MOVED = """(() => { const observer = new PerformanceObserver(() => {}); observer.observe({type: 'layout-shift', buffered: true});
    return observer.takeRecords().map(({value, sources}) => [value, sources.map(({node}) => node?.outerHTML?.slice(0, 60)).join()]); })()"""


def test_the_clips_around_one_in_a_strip(watched: Watched, unit: RunningUnit, shelf: list[dict]) -> None:
    """Below the picture, as the arrows go: pictures and times, a letter where there is none; nothing is asked for, nothing moves."""
    rows, clip, broken = unit.clips(), shelf[6], next(clip for clip in shelf if clip["state"] == "broken")
    at = [row["id"] for row in rows].index(clip["id"])
    page = watched.open(f"/watcher/watch/{clip['id']}")
    page.wait_for_load_state("networkidle")
    cards, here = page.locator(".strip .card"), page.locator(".strip [aria-current]")
    around = rows[max(0, at - BESIDE) : at + BESIDE + 1][::-1]
    assert [int(card.get_attribute("data-id") or 0) for card in cards.all()] == [clip["id"] for clip in around]
    assert [text[:5] for text in cards.locator("time").all_inner_texts()] == [
        clip["local_time"][11:16] for clip in around
    ]
    expect(here).to_have_attribute("href", re.compile(f"/watch/{clip['id']}$"))
    until(page, "document.querySelector('.strip [aria-current] img').naturalWidth > 0")
    assert page.evaluate("[...document.querySelectorAll('.strip img')].every(image => image.loading === 'lazy')")
    expect(page.locator(f".strip [data-id='{broken['id']}'] .blank")).to_have_text("Y")
    asked = [request.url for request in watched.requests if request.resource_type in {"fetch", "xhr"}]
    assert not [url for url in asked if "/clips?" in url or "/timeline" in url]
    assert page.evaluate(SHIFTS) == 0
    middle = page.evaluate(
        """(() => { const box = (selector) => document.querySelector(selector).getBoundingClientRect();
        const [strip, here] = [box('.strip'), box('.strip [aria-current]')]; return here.x + here.width / 2 - strip.x - strip.width / 2; })()"""
    )
    assert abs(middle) < 2
    picture = page.locator(f".strip [data-id='{shelf[7]['id']}'] img").element_handle()
    later = page.locator(f".strip [data-id='{shelf[5]['id']}'] .picture")
    later.evaluate("picture => picture.replaceChildren('Y')")  # as before it had one
    page.locator(f".strip [data-id='{shelf[7]['id']}'] a").click()
    page.wait_for_url(f"**/watch/{shelf[7]['id']}")
    expect(here).to_have_attribute("href", re.compile(f"/watch/{shelf[7]['id']}$"))
    assert picture is not None
    assert picture.evaluate("image => image.isConnected")  # it is not drawn anew
    expect(later.locator("img")).to_have_count(1)
    look(page, "strip")


def test_the_strip_is_one_stop_of_the_tab_key(watched: Watched, shelf: list[dict]) -> None:
    """The clip that is shown; whoever is there stays there while another one comes. Its name is not that of the arrows."""
    page = watched.open(f"/watcher/watch/{shelf[6]['id']}")
    here = page.get_by_role("list", name="Clips", exact=True).locator("[aria-current]")
    stops = "[...document.querySelectorAll('.strip a')].filter((link) => link.tabIndex === 0).map((link) => link.closest('li').dataset.id)"
    until(page, f"{stops}.length === 1")
    here.focus()
    page.keyboard.press("Shift+P")
    page.wait_for_url(f"**/watch/{shelf[7]['id']}")
    expect(here).to_have_attribute("href", re.compile(f"/watch/{shelf[7]['id']}$"))
    expect(here).to_be_focused()
    assert page.evaluate(stops) == [str(shelf[7]["id"])]


@pytest.mark.parametrize("watched", [{"java_script_enabled": False}], indirect=True)
def test_without_scripts_the_strip_is_where_its_clip_is(watched: Watched, shelf: list[dict]) -> None:
    """In its middle at first; from there one scrolls to its ends."""
    page = watched.open(f"/watcher/watch/{shelf[15]['id']}")
    cards, here = page.locator(".strip .card"), page.locator(".strip [aria-current]")
    until(page, "document.querySelector('.strip').getAnimations({subtree: true}).length === 0")
    expect(here).to_be_in_viewport(ratio=1)
    look(page, "strip-without-scripts")
    for end in (cards.first, cards.last):
        expect(end).not_to_be_in_viewport()
        end.scroll_into_view_if_needed()
        expect(end).to_be_in_viewport()
    assert page.evaluate("getComputedStyle(document.querySelector('.strip')).scrollbarWidth") == "thin"


@pytest.mark.parametrize("watched", [{"viewport": {"width": 390, "height": 844}, "is_mobile": True}], indirect=True)
def test_what_scripts_bring_to_a_clip_has_its_place_before(watched: Watched, shelf: list[dict]) -> None:
    """Keep, Share and the note, on a phone, where they come late."""
    asked: list[Route] = []

    def hold(route: Route) -> None:
        asked.append(route)

    page = watched.page
    page.route("**/about.js", hold)
    page.goto(watched.unit.url(f"/watcher/watch/{shelf[6]['id']}"), wait_until="commit")
    wait_for(
        lambda: page.evaluate("performance.getEntriesByName('first-contentful-paint').length") and asked,
        what="a picture",
    )
    look(page, "watch-before")
    asked[0].continue_()
    expect(page.locator("textarea.note")).to_be_visible()
    page.wait_for_load_state("networkidle")
    look(page, "watch-after")
    moved = page.evaluate(MOVED)
    assert sum(value for value, _ in moved) < 0.005, moved


def test_a_codec_without_a_decoder_is_said_in_words(watched: Watched, shelf: list[dict]) -> None:
    """H.265 with sound would play as black without any error."""
    clip = next(c for c in shelf if c["media"] and c["media"]["codecs"].startswith("hvc1"))
    page = watched.open(f"/watcher/watch/{clip['id']}")
    expect(page.locator("#notice")).to_contain_text("no H.265 decoder")
    assert page.get_by_role("link", name="Download").get_attribute("href") == clip["url"]
    look(page, "watch-h265")
    page = watched.open("/watcher/")
    expect(page.locator(f'[data-id="{clip["id"]}"] .badge')).to_have_text("H.265")


def test_only_what_this_browser_cannot_show_is_warned_of(watched: Watched, shelf: list[dict]) -> None:
    """What it says of itself counts until playing teaches better; then all cards follow."""
    clip = next(c for c in shelf if c["media"] and c["media"]["codecs"].startswith("hvc1"))
    badge = f'[data-id="{clip["id"]}"] .badge'
    page = watched.page
    page.add_init_script("HTMLMediaElement.prototype.canPlayType = () => 'probably'")
    watched.open("/watcher/?camera=gate")
    expect(page.locator(badge)).to_be_hidden()
    page.locator(f'[data-id="{clip["id"]}"] a').click()
    expect(page.locator("#notice")).to_contain_text("no H.265 decoder")
    page.get_by_role("link", name="Back to the clips").click()
    expect(page.locator(badge)).to_be_visible()
    page.reload()
    expect(page.locator(badge)).to_be_visible()


def test_a_broken_clip_says_why(watched: Watched, shelf: list[dict]) -> None:
    """In the grid and beside the player."""
    clip = next(c for c in shelf if c["state"] == "broken")
    page = watched.open("/watcher/")
    expect(page.locator(f'[data-id="{clip["id"]}"] .why')).to_have_text(clip["error"])
    page = watched.open(f"/watcher/watch/{clip['id']}")
    expect(page.locator("#notice")).to_contain_text(clip["error"])
    expect(page.locator("#notice")).to_contain_text("cannot play it")
    look(page, "watch-broken")
    watched.faults.clear()  # the element's own complaint about the broken file


def asks(question: str) -> re.Pattern[str]:
    """Addresses of Browse with this question; where one is in time may follow: a click may have to scroll first."""
    return re.compile(rf"/\?{re.escape(question)}(&at=[^&]+)?$")


def test_filters_by_form(watched: Watched, shelf: list[dict]) -> None:
    """Camera and days, in the address, with a way out when nothing matches."""
    page = watched.open("/watcher/")
    page.locator("summary", has_text="Camera").click()
    page.get_by_role("checkbox", name="gate").check()
    page.get_by_role("button", name="Show").click()
    page.wait_for_url(asks("camera=gate"))
    of_gate = sum(c["camera"] == "gate" for c in shelf)
    expect(page.locator("#count")).to_have_text(f"{of_gate} clips")
    page.locator(".filter summary", has_text="More").click()
    page.get_by_label("From").fill("2026-11-20")
    page.keyboard.press("Enter")
    page.wait_for_url(asks("camera=gate&from=2026-11-20"))
    page.locator(".filter summary", has_text="More").click()
    page.get_by_label("To", exact=True).fill("2026-11-20")
    page.keyboard.press("Enter")
    page.wait_for_url(asks("camera=gate&from=2026-11-20&to=2026-11-20"))
    expected = [c["id"] for c in shelf if c["camera"] == "gate" and c["local_time"] < "2026-11-21"]
    expect(page.locator(".card")).to_have_count(len(expected))
    assert page.locator(".card").evaluate_all("l => l.map(c => Number(c.dataset.id))") == expected
    page.get_by_role("link", name="Without from 2026-11-20").click()
    page.wait_for_url(asks("camera=gate&to=2026-11-20"))
    page.go_back()
    page.wait_for_url(asks("camera=gate&from=2026-11-20&to=2026-11-20"))
    expect(page.locator("#filter input[name=from]")).to_have_value("2026-11-20")
    page.goto(watched.unit.url("/watcher/?q=yard"))
    expect(page.locator(".card")).to_have_count(len([c for c in shelf if c["camera"] == "yard"]))
    page = watched.open("/watcher/?camera=nobody&from=2026-01-01")
    expect(page.get_by_role("heading", name="No clip matches")).to_be_visible()
    look(page, "nothing-matches")
    page.get_by_role("link", name="Show all clips").click()
    expect(page.locator(".card")).to_have_count(48)


def test_new_clips_appear_by_themselves(watched: Watched, unit: RunningUnit, shelf: list[dict]) -> None:
    """At the top at once; behind a pill while one looks at something further down."""
    page = watched.open("/watcher/")
    began = datetime.now().astimezone().replace(microsecond=0)  # nothing that the other tests leave is newer
    path = leave_clip(unit.video, SCENES[0], began, seconds=2, by_rename=False)
    expect(page.locator(".card").first).to_contain_text(f"{began:%H:%M:%S}")
    expect(page.locator("h2").first).to_have_text(re.compile(f"^Today {began:%A}, {began.day} {began:%B %Y}"))
    expect(page.locator(".card").first.locator("img")).to_be_visible()
    page.evaluate("scrollTo(0, 900)")
    before = page.locator(".card").nth(20).bounding_box()
    at = datetime.now().astimezone().replace(microsecond=0)
    other = leave_clip(unit.video, SCENES[1], at, seconds=2, by_rename=True)
    pill = page.get_by_role("button", name="1 new clip")
    expect(pill).to_be_visible()
    assert page.locator(".card").nth(20).bounding_box() == before
    look(page, "pill")
    pill.click()
    expect(page.locator(".card").first).to_contain_text(f"{at:%H:%M:%S}")
    for file in (path, other):
        file.unlink()
    since = {"from": began.isoformat()}
    wait_for(lambda: len(unit.clips(camera="porch", **since)) == 0, what="their end")


def test_a_flood_of_new_clips_leaves_no_gap(
    watched: Watched, start_unit: Callable[..., RunningUnit], samples: Path
) -> None:
    """Forty at once are more than one answer to the page's question: it shows all of them all the same."""
    unit = watched.unit = start_unit()
    data = (samples / "plain.mp4").read_bytes()
    (unit.video / "first.mp4").write_bytes(data)
    unit.wait_clip("first.mp4")
    page = watched.open("/watcher/")
    expect(page.locator(".card")).to_have_count(1)
    outside = unit.data / "flood"
    outside.mkdir()
    for number in range(40):
        (outside / f"20261121_1{number // 10}{number % 10}000.mp4").write_bytes(clips.stamp(data, number))
    outside.rename(unit.video / "flood")
    expect(page.locator(".card")).to_have_count(41)
    page.close()  # before its watcher ends


def test_it_says_when_the_server_is_gone(watched: Watched, shelf: list[dict]) -> None:
    """And stops saying so when it is back."""
    page = watched.open("/watcher/")
    page.route("**/watcher/changes/head", lambda route: route.abort())
    expect(page.locator("#connection")).to_contain_text("Not connected since")
    page.unroute("**/watcher/changes/head")
    expect(page.locator("#connection")).to_be_hidden()
    watched.faults.clear()  # the aborted requests


@pytest.mark.parametrize("watched", [{"java_script_enabled": False}], indirect=True)
def test_without_scripts(watched: Watched, unit: RunningUnit, shelf: list[dict]) -> None:
    """Browse, filter, page and watch need none."""
    page = watched.open("/watcher/")
    expect(page.locator(".card")).to_have_count(48)
    page.get_by_role("link", name="Older clips").click()
    expect(page.locator(".card")).to_have_count(len(unit.clips()) - 48)
    page.locator(".card a").first.click()
    assert page.locator("video").get_attribute("controls") is not None
    page.get_by_role("link", name="Back to the clips").click()
    page.locator("summary", has_text="Camera").click()
    page.get_by_role("checkbox", name="yard").check()
    page.get_by_role("button", name="Show").first.click()
    expect(page.get_by_role("link", name="Without yard")).to_be_visible()
    page.wait_for_load_state("load")
    assert set(page.locator(".card .camera").all_inner_texts()) == {"yard"}


@pytest.mark.parametrize(
    "watched",
    [
        {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark", "has_touch": True},
        {"viewport": {"width": 320, "height": 640}},
        {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    ],
    ids=["phone-dark", "narrow", "desktop-dark"],
    indirect=True,
)
def test_it_fits_every_window(watched: Watched, shelf: list[dict], request: pytest.FixtureRequest) -> None:
    """No sideways scroll, on no screen."""
    name = request.node.callspec.id
    for path, what in (("/watcher/", "browse"), (f"/watcher/watch/{shelf[3]['id']}", "watch")):
        page = watched.open(path)
        page.wait_for_load_state("networkidle") if what == "watch" else page.wait_for_timeout(300)
        look(page, f"{what}-{name}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_pages_that_are_not_there(watched: Watched, shelf: list[dict]) -> None:
    """In words and with a way out, for people; as JSON for programs."""
    page = watched.open("/watcher/watch/999999")
    expect(page.get_by_role("heading")).to_have_text("No such clip")
    page = watched.open("/watcher/?from=someday")
    expect(page.locator("main")).to_contain_text("is not a day")
    page.get_by_role("link", name="Show the newest clips").click()
    expect(page.locator(".card")).to_have_count(48)
    watched.faults.clear()  # the console's note of the 404 and the 400


def test_the_first_run_tells_what_to_do(
    watched: Watched, start_unit: Callable[..., RunningUnit], samples: Path
) -> None:
    """The folder, one command; and the grid by itself when the first clip comes."""
    empty = start_unit()
    watched.unit = empty
    page = watched.open("/watcher/")
    expect(page.get_by_role("heading", name="No clips yet")).to_be_visible()
    expect(page.locator("pre").first).to_have_text(str(empty.video))
    look(page, "first-run")
    shutil.copy(samples / "plain.mp4", empty.video / "first.mp4")
    expect(page.locator(".card")).to_have_count(1)
    expect(page.get_by_role("heading", name="No clips yet")).to_be_hidden()
    page.close()  # before its watcher ends


def test_names_are_text_and_never_markup(
    watched: Watched, unit: RunningUnit, samples: Path, shelf: list[dict]
) -> None:
    """A file name that is a script stays a name, in the page and in what scripts add to it."""
    hostile = "<img src=x onerror=alert(1)>"
    folder = unit.video / hostile
    folder.mkdir()
    page = watched.open("/watcher/")
    newest = datetime.now().astimezone().replace(microsecond=0)  # nothing that the other tests leave is newer
    path = folder / f"{newest:%Y-%m-%d_%H%M%S} <script>alert(2)<'\">.mp4"
    path.write_bytes((samples / "plain.mp4").read_bytes())
    expect(page.locator(".card .camera").first).to_have_text(hostile)
    page = watched.open("/watcher/")
    expect(page.locator(".card .camera").first).to_have_text(hostile)
    page.locator(".card a").first.click()
    page.locator("summary", has_text="Details").click()
    expect(page.locator(".key")).to_contain_text("<script>alert(2)")
    until(page, "document.querySelector('video').videoWidth > 0")
    os.unlink(path)
