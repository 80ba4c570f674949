"""The Timeline as a place to watch: lanes, the picture above them, a playhead through both."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
import requests
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Watched, look, until
from tests.running import RunningUnit, wait_for
from watcher.ops.demo import SCENES, leave_clip

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
PLAYING = "(() => { const v = document.querySelector('video.shown'); return v && !v.paused && v.currentTime > 0.2 && v.videoWidth > 0 })()"


def opened(watched: Watched, path: str) -> Page:
    """The Timeline with its clips and its first picture there."""
    page = watched.open(path)
    until(page, "document.querySelector('video.shown')?.readyState >= 2")
    return page


def clock(page: Page) -> str:
    """What the playhead says."""
    return page.locator(".playhead span").inner_text()


def under(page: Page, x: float) -> str:
    """The time that is told of a place of the lanes."""
    box = page.get_by_role("slider", name="Timeline").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + x * box["width"] - 1, box["y"] + 10)
    page.mouse.move(box["x"] + x * box["width"], box["y"] + 10)
    return page.locator(".lanes .bubble span").inner_text()


def seconds(time: str) -> int:
    hours, minutes, rest = time.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + int(rest)


def test_a_day_in_lanes(watched: Watched, shelf: list[dict]) -> None:
    """A slider that speaks, clip by clip and by camera; the address is where one is; Enter opens the clip."""
    page = watched.open("/watcher/")
    page.get_by_role("link", name="Timeline").click()
    page.wait_for_url("**/day/2026-11-21**")
    day = [clip for clip in shelf if clip["local_time"].startswith("2026-11-21")]
    expect(page.locator(".sum")).to_contain_text(f"{len(day)} clips")
    slider = page.get_by_role("slider", name="Timeline")
    expect(slider).to_have_attribute("aria-valuetext", re.compile(r"^09:40:00, yard, clip \d+ of"))  # its newest
    page.keyboard.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuetext", re.compile(r"^09:30:00, gate, clip \d+ of"))
    page.keyboard.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("^08:57:00, porch"))
    page.keyboard.press("ArrowUp")  # only the last camera
    expect(page.get_by_role("button", name="yard", pressed=True)).to_be_visible()
    expect(slider).to_have_attribute("aria-valuetext", re.compile("yard"))
    page.keyboard.press("a")
    page.get_by_role("button", name="1 h", exact=True).click()
    until(page, "location.search.includes('span=60m') && location.search.includes('at=')")
    look(page, "timeline")
    where = clock(page)
    opened(watched, page.url.removeprefix(watched.unit.url("")))
    assert clock(page) == where
    page.keyboard.press("Enter")
    page.wait_for_url("**/watch/*")


RUNS = """([camera, share]) => {
    const canvas = document.querySelector('.lanes .slider canvas'), lanes = [...document.querySelectorAll('.names button')];
    const tall = lanes[0].offsetHeight, row = lanes.findIndex((lane) => lane.dataset.lane === camera);
    const y = canvas.height - (lanes.length - row - share) * tall, runs = [];
    const copy = new OffscreenCanvas(canvas.width, 1).getContext('2d', { willReadFrequently: true });
    copy.drawImage(canvas, 0, -Math.round(y));
    const { data } = copy.getImageData(0, 0, canvas.width, 1);
    for (let x = 0, began = null; x <= canvas.width; x += 1) {
      const drawn = x < canvas.width && data[4 * x + 3] > 250;
      if (drawn) began ??= x;
      else if (began !== null) { if (x - began > 1) runs.push([began, x - began]); began = null; } // an hour is one pixel
    }
    return runs; }"""


def test_a_clip_is_drawn_as_long_as_it_is(watched: Watched, shelf: list[dict]) -> None:
    """At four hours a clip of seconds is a thin line, whether its picture is beside it or not, and none is hidden."""
    page = opened(watched, "/watcher/day/2026-11-21?at=2026-11-21T08:00:00Z&span=240m")
    mine = [clip for clip in shelf if clip["camera"] == "porch" and clip["local_time"].startswith("2026-11-21")]
    assert len(mine) > 3

    def runs(share: float) -> list[list[int]]:
        return page.evaluate(RUNS, ["porch", share])

    wait_for(lambda: any(wide > 28 for _, wide in runs(0.4)), what="a picture in the lane")
    below = runs(0.86)
    assert len(below) == len(mine)
    assert max(wide for _, wide in below) <= 6, below
    lines = [x for x, _ in below]
    assert all(any(x <= line < x + wide for x, wide in runs(0.4)) for line in lines)  # in the upper half as well
    pictures = [(x, wide) for x, wide in runs(0.4) if wide > 28]
    assert not [line for x, wide in pictures for line in lines if x + 6 < line < x + wide]


def test_the_legend_names_what_is_there(watched: Watched, unit: RunningUnit, shelf: list[dict]) -> None:
    """A colour is called as its labels are, the most frequent first; a label of another colour than its clip's is not told."""
    clips = [clip for clip in shelf if clip["local_time"].startswith("2026-11-21")][2:6]
    for clip, names in zip(clips, (["car"], ["car", "barrow"], ["truck"], ["person", "van"]), strict=True):
        for name in names:
            requests.put(unit.url(f"/watcher/clips/{clip['id']}/labels/{name}"), timeout=10).raise_for_status()
    page = opened(watched, "/watcher/day/2026-11-21?at=2026-11-21T07:50:00Z")
    expect(page.locator(".legend li")).to_have_text(["person", "car, truck", "no label", "broken"])
    assert page.locator(".legend li").nth(1).evaluate(
        "item => getComputedStyle(item).getPropertyValue('--kind')"
    ) == ("vehicle")
    for clip in clips:
        for label in unit.get(f"/watcher/clips/{clip['id']}").json()["labels"]:
            requests.delete(unit.url(f"/watcher/clips/{clip['id']}/labels/{label['name']}"), timeout=10)
    until(page, "document.querySelectorAll('.legend li').length === 2")


@pytest.mark.parametrize("watched", [{}, PHONE], ids=["desktop", "phone"], indirect=True)
def test_words_hide_nothing_of_a_picture(watched: Watched, shelf: list[dict]) -> None:
    """Cameras write their name and the time into the corners: ours stand above the picture."""
    page = opened(watched, "/watcher/day/2026-11-21?at=2026-11-21T07:50:00Z")
    covers = page.evaluate(
        """[...document.querySelectorAll('.pane')].flatMap((pane) => { const bottom = pane.querySelector('.title').getBoundingClientRect().bottom;
        return [...pane.querySelectorAll('video, img')].filter((picture) => picture.offsetWidth).map((picture) => bottom - picture.getBoundingClientRect().top); })"""
    )
    assert max(covers) <= 0, covers
    assert page.locator(".pane .title").first.evaluate("title => title.offsetHeight") > 20


def test_it_plays_on_into_the_next_clip(watched: Watched, shelf: list[dict]) -> None:
    """The playhead runs with the picture, over the gap, into another clip; speed is kept."""
    page = opened(watched, "/watcher/day/2026-11-20?at=2026-11-20T08:10:01%2B01:00&span=60m")
    assert clock(page) == "08:10:01"
    page.get_by_label("Speed").select_option("4")
    page.get_by_role("button", name="Play", exact=True).click()
    until(page, PLAYING)
    wait_for(lambda: clock(page) >= "08:11:00", what="the next clip")
    expect(page.locator(".pane").first.locator(".title")).to_contain_text("yard")  # the camera of that minute
    assert page.evaluate("document.querySelector('video.shown').playbackRate") == 4
    page.get_by_role("button", name="Pause").click()
    until(page, "document.querySelector('video.shown').paused")


def test_a_gap_takes_its_time_where_one_wants_it(watched: Watched, shelf: list[dict]) -> None:
    """Without skipping, the clock runs through what nobody recorded, and the picture says so."""
    page = opened(watched, "/watcher/day/2026-11-20?at=2026-11-20T08:10:03%2B01:00&span=60m")
    page.get_by_label("skip gaps").uncheck()
    page.get_by_label("Speed").select_option("8")
    page.get_by_role("button", name="Play", exact=True).click()
    wait_for(lambda: "08:10:05" <= clock(page) < "08:11:00", what="the gap")
    expect(page.locator(".pane").first).to_contain_text("Nothing at this moment")
    wait_for(lambda: clock(page) >= "08:11:00", what="the next clip")


def test_a_press_plays_that_moment(watched: Watched, shelf: list[dict]) -> None:
    """In the lane and at the second that was pressed."""
    page = opened(watched, "/watcher/day/2026-11-20?at=2026-11-20T08:10:00%2B01:00&span=1m")
    pressed = next(clip for clip in shelf if clip["camera"] == "porch" and "T08:09:00" in clip["local_time"])
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Shift+ArrowLeft")
    box = page.get_by_role("slider", name="Timeline").bounding_box()
    assert box is not None
    left = next(share / 400 for share in range(400) if under(page, share / 400)[:8] == "08:09:01")
    lanes = [name.inner_text() for name in page.locator(".names button").all()]
    row = lanes.index("porch")
    tall = (box["height"] - 28) / len(lanes)
    page.mouse.click(box["x"] + left * box["width"] + 2, box["y"] + 28 + (row + 0.5) * tall)
    until(page, PLAYING)
    assert (
        page.locator(".stage-top a[aria-label='Open this clip']")
        .get_attribute("href")
        .endswith(f"/watch/{pressed['id']}")
    )
    assert page.evaluate("document.querySelector('video.shown').currentTime") >= 0.9


def test_the_wheel_zooms_at_the_pointer_and_a_drag_pans(watched: Watched, shelf: list[dict]) -> None:
    """What is under the pointer stays under it."""
    page = opened(watched, "/watcher/day/2026-11-20?at=2026-11-20T08:10:00%2B01:00&span=240m")
    before = seconds(under(page, 0.3))
    page.mouse.wheel(0, -400)
    until(page, "!location.search.includes('span=240m')")
    assert abs(seconds(under(page, 0.3)) - before) <= 20  # a pixel is twelve seconds
    assert seconds(under(page, 0.6)) - seconds(under(page, 0.3)) < 3600
    left = seconds(under(page, 0.3))
    page.mouse.down()
    box = page.get_by_role("slider", name="Timeline").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 10, steps=4)
    page.mouse.up()
    assert abs(seconds(under(page, 0.5)) - left) <= 20


def test_a_typed_time_finds_the_nearest_clip(watched: Watched, shelf: list[dict]) -> None:
    """Five seconds before a clip there is that clip, and how far it is."""
    page = opened(watched, "/watcher/day/2026-11-20")
    page.keyboard.press("t")
    page.keyboard.type("8:14:55")
    page.keyboard.press("Enter")
    expect(page.locator(".readout")).to_contain_text("The nearest clip, 5 s later: 08:15:00")
    page.keyboard.press("t")
    page.keyboard.type("2026-11-21 0:10")  # its first clip comes hours later
    page.keyboard.press("Enter")
    expect(page.locator(".readout")).to_contain_text("The nearest clip, 9 h later: 08:40:00")
    page.wait_for_url("**/day/2026-11-21?*")
    expect(page.locator("#when")).to_have_text("Sat 21 Nov · 08:40")
    page.locator("#day-moment").click()
    page.get_by_role("button", name=re.compile("^Friday, 20 November 2026")).click()
    page.wait_for_url("**/day/2026-11-20?*")
    expect(page.locator(".playhead span")).to_have_text(re.compile("^08:3[89]"))  # at the same time, or next to it


def test_a_span_is_kept_and_made_into_a_video(watched: Watched, shelf: list[dict], unit: RunningUnit) -> None:
    """By Shift and drag; what it holds is said; one action for all its clips."""
    page = opened(watched, "/watcher/day/2026-11-20?at=2026-11-20T08:30:00%2B01:00&span=60m")
    box = page.get_by_role("slider", name="Timeline").bounding_box()
    assert box is not None
    page.keyboard.down("Shift")
    page.mouse.move(box["x"] + 0.5 * box["width"] - 5, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.56 * box["width"], box["y"] + 60, steps=4)
    page.mouse.up()
    page.keyboard.up("Shift")
    bar = page.get_by_role("region", name="The marked span")
    expect(bar).to_contain_text(re.compile(r"08:29:\d\d – 08:33:\d\d · 4 clips"))
    assert bar.get_by_role("link", name="Download zip").get_attribute("href").count("id=") == 4
    bar.get_by_role("button", name="Keep").click()
    expect(bar).to_contain_text("4 clips are kept.")
    assert len(unit.get("/watcher/clips?held=true").json()["clips"]) == 4
    bar.get_by_role("button", name="Make a video").click()
    expect(bar.get_by_role("link", name="Download the video").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(bar).to_be_hidden()
    page.keyboard.press("i")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("o")
    expect(bar).to_contain_text("1 clip")


@pytest.fixture(scope="module")
def together(unit: RunningUnit, shelf: list[dict]) -> None:
    """Two cameras that recorded the same moment, eight days before; and one whose name is no name."""
    at = datetime(2026, 11, 13, 12, 0, 0).astimezone()
    for scene in SCENES[:2]:
        leave_clip(unit.video, scene, at, seconds=8, by_rename=True)
    wait_for(lambda: len(unit.get("/watcher/clips?to=2026-11-14T00:00:00Z").json()["clips"]) == 2, what="both")


def test_cameras_stand_beside_each_other_in_step(watched: Watched, together: None) -> None:
    """Of one moment, while they play, after a jump, and faster; a camera without a clip then says so."""
    page = opened(watched, "/watcher/day/2026-11-13?at=2026-11-13T12:00:01%2B01:00")
    expect(page.locator(".pane")).to_have_count(3)
    expect(page.locator(".pane").nth(2)).to_contain_text("Nothing at this moment")
    apart = "(() => { const [a, b] = [...document.querySelectorAll('video.shown')]; return a && b && !a.seeking && !b.seeking ? Math.abs(a.currentTime - b.currentTime) : 9 })()"
    until(page, f"{apart} < 0.1")
    page.get_by_role("button", name="Play", exact=True).click()
    until(page, PLAYING)
    until(page, f"{apart} < 0.1")
    page.keyboard.press("j")
    until(page, f"{apart} < 0.1")
    page.get_by_label("Speed").select_option("2")
    until(page, f"document.querySelector('video.shown').currentTime > 1 && {apart} < 0.2")
    look(page, "timeline-together")


def test_a_camera_may_be_called_anything(watched: Watched, unit: RunningUnit, together: None) -> None:
    """Its name stays text, in lanes, pictures, menus and lists; a long one is cut, and whole in its tooltip."""
    name = '<img src=x onerror=boom()> "&amp; ' + "long " * 20 + "name"
    at = datetime(2026, 11, 12, 12, 0, 0).astimezone()
    scene = SCENES[0]
    path = leave_clip(unit.data, scene, at, seconds=2, by_rename=True)
    (unit.video / name).mkdir()
    path.rename(unit.video / name / "20261112_120000.mp4")
    wait_for(lambda: unit.get("/watcher/clips?to=2026-11-13T00:00:00Z").json()["clips"], what="it")
    page = opened(watched, "/watcher/day/2026-11-12")
    button = page.locator(".names button").first
    expect(button).to_have_attribute("title", name)
    assert button.evaluate("button => button.scrollHeight <= button.clientHeight + 1 && button.offsetWidth < 150")
    expect(page.locator(".pane").first.locator(".title")).to_contain_text("<img src=x")
    page.locator("summary", has_text="Cameras").click()
    assert page.locator("#cameras").bounding_box()["width"] < 500  # type: ignore[index]
    assert page.evaluate("document.querySelectorAll('img[src=x]').length") == 0
    watched.open("/watcher/status")
    assert page.evaluate("document.querySelectorAll('img[src=x]').length") == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_cannot_be_loaded_is_said_and_asked_for_again(watched: Watched, shelf: list[dict]) -> None:
    """The lanes stay; a button asks again."""
    page = watched.page
    page.route("**/watcher/clips?*", lambda route: route.fulfill(status=503, body="{}"))
    watched.open("/watcher/day/2026-11-20")
    expect(page.locator(".readout")).to_contain_text("Couldn’t load")
    watched.faults.clear()
    page.unroute("**/watcher/clips?*")
    page.get_by_role("button", name="Retry").click()
    expect(page.locator(".legend")).to_contain_text("no label")
    expect(page.locator(".readout")).not_to_contain_text("Couldn’t load")
    watched.faults.clear()


def test_what_cannot_be_shown_says_why(watched: Watched, shelf: list[dict]) -> None:
    """H.265 without a decoder offers a copy; a broken clip says what is wrong with it; playing goes on past both."""
    page = watched.open("/watcher/day/2026-11-21?at=2026-11-21T09:30:00%2B01:00")
    first = page.locator(".pane").first
    expect(first).to_contain_text("H.265")
    expect(first.get_by_role("button", name="Make a copy that plays here")).to_be_visible()
    broken = next(clip for clip in shelf if clip["state"] == "broken")
    page.get_by_role("button", name="The next clip").click()
    expect(first).to_contain_text(f"This clip is broken: {broken['error']}")
    expect(page.locator(".legend")).to_contain_text("broken")
    page.get_by_role("button", name="The clip before").click()
    page.get_by_label("Speed").select_option("8")
    page.get_by_role("button", name="Play", exact=True).click()
    expect(first).to_contain_text("This clip is broken")  # after three seconds at eight times the speed
    watched.faults.clear()  # the browser's own lines


def test_new_clips_come_by_themselves(watched: Watched, unit: RunningUnit, shelf: list[dict]) -> None:
    """Now follows the clock, and what comes is drawn and played."""
    today = datetime.now().astimezone()
    watched.open(f"/watcher/day/{today.date().isoformat()}")
    page = watched.page
    expect(page.locator("#total")).to_have_text("No clips on this day")
    page.get_by_role("button", name="Now", exact=True).click()
    path = leave_clip(unit.data, SCENES[1], today, seconds=3, by_rename=True)
    place = unit.video / "gate" / path.parent.name / path.name
    place.parent.mkdir(parents=True)
    path.rename(place)
    expect(page.locator("#total")).to_have_text("1 clip on this day")
    until(page, "document.querySelector('video.shown')?.currentTime > 0.1")
    assert page.locator("#now").get_attribute("aria-pressed") == "true"
    place.unlink()


def test_a_day_without_clips_leads_to_one(watched: Watched, shelf: list[dict]) -> None:
    """And nobody is led into days that are still to come."""
    page = watched.open("/watcher/day/2026-11-18")
    expect(page.locator(".sum")).to_contain_text("No clips on this day")
    page.get_by_role("link", name="The nearest after").click()
    page.wait_for_url("**/day/2026-11-20?at=*")
    until(page, "document.querySelector('video.shown')?.readyState >= 2")
    assert clock(page) == "08:00:00"
    today = datetime.now().astimezone().date().isoformat()
    watched.open(f"/watcher/day/{today}")
    expect(page.get_by_role("link", name="The day before")).to_be_visible()
    expect(page.get_by_role("link", name="The day after")).to_be_hidden()


def test_soon_after_midnight_it_is_the_day_that_was_asked_for(watched: Watched, shelf: list[dict]) -> None:
    """Though most of the hours in sight are yesterday's; who moves to these is told so."""
    page, today = watched.page, datetime.now().astimezone().replace(hour=0, minute=20)

    def early(route: Route) -> None:
        answer = route.fetch()
        text = re.sub('data-now="[^"]+"', f'data-now="{today.isoformat()}"', answer.text())
        route.fulfill(response=answer, body=text)

    page.route(f"**/watcher/day/{today.date()}", early)
    watched.open(f"/watcher/day/{today.date()}")
    expect(page.locator("#total")).to_have_text("No clips on this day")
    expect(page.locator("#title")).to_contain_text(f"{today:%A}, {today.day} ")
    expect(page.get_by_role("link", name="The day after")).to_be_hidden()
    page.keyboard.press("Shift+ArrowLeft")
    expect(page.locator("#title")).to_contain_text(f"{today - timedelta(days=1):%A}, ")
    expect(page.get_by_role("link", name="The day after")).to_be_visible()


@pytest.mark.parametrize("watched", [PHONE], indirect=True)
def test_on_a_phone(watched: Watched, shelf: list[dict]) -> None:
    """The picture above, all lanes below; a tap plays; the names lie over the lanes; nothing scrolls sideways."""
    page = opened(watched, "/watcher/day/2026-11-20?at=2026-11-20T08:10:00%2B01:00&span=30m")
    box = page.get_by_role("slider", name="Timeline").bounding_box()
    assert box is not None
    assert box["width"] > 340
    names = [name.inner_text() for name in page.locator(".names button").all()]
    assert names == sorted(names)
    row = names.index("gate")
    tall = (box["height"] - 28) / len(names)
    page.touchscreen.tap(box["x"] + box["width"] * 0.5, box["y"] + 28 + (row + 0.5) * tall)
    until(page, PLAYING)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    look(page, "timeline-phone")


@pytest.mark.parametrize("watched", [{"java_script_enabled": False}], indirect=True)
def test_without_scripts_it_is_a_list_of_links(watched: Watched, shelf: list[dict]) -> None:
    """A link for each camera, to its clips of that day."""
    page = watched.open("/watcher/day/2026-11-20")
    page.get_by_role("link", name="gate", exact=True).click()
    assert "camera=gate" in page.url
    expect(page.locator(".card .camera").first).to_have_text("gate")
    assert "2026-11-20" in page.url


def test_the_axis_is_honest_about_summer_time(watched: Watched, shelf: list[dict]) -> None:
    """A day has 23, 24 or 25 hours; an hour that comes twice names its offset; a pure module, asked in the browser."""
    page = watched.open("/watcher/")
    static = page.evaluate("document.querySelector('script[type=module]').src.replace(/[^/]+$/, '')")
    answers = page.evaluate(
        """async (static) => {
        const axis = await import(static + 'axis.js'), HOUR = 3600000;
        const hours = (day, zone, length, width) => axis.ticks({from: Date.parse(day), span: length * HOUR}, width, zone).map(tick => tick.time);
        return {
          back: hours('2026-10-24T22:00:00Z', 'Europe/Berlin', 5, 500),
          on: hours('2026-03-28T23:00:00Z', 'Europe/Berlin', 5, 500),
          wide: hours('2026-10-24T22:00:00Z', 'Europe/Berlin', 25, 700),
          howe: hours('2026-10-03T13:30:00Z', 'Australia/Lord_Howe', 4, 400),
          kolkata: hours('2026-11-20T18:30:00Z', 'Asia/Kolkata', 2, 200),
          midnight: axis.ticks({from: Date.parse('2026-11-20T22:30:00Z'), span: 3 * HOUR}, 300, 'Europe/Berlin').map(tick => tick.day).filter(Boolean),
          zoom: axis.zoomed({from: 1000000, span: 8 * HOUR}, 0.5, 1000000 + 2 * HOUR),
          apart: [5000, 300000, 10800000, 2 * 86400000].map(axis.apart),
          fit: axis.fitting([{x: 0}, {x: 10}, {x: 60}, {x: 75}], () => 40, 20).map(([tick, room]) => [tick.x, room]),
        }; }""",
        static,
    )
    assert answers == {
        "back": ["00:00", "01:00", "02:00 +02", "02:00 +01", "03:00"],
        "on": ["00:00", "01:00", "03:00", "04:00", "05:00"],
        "wide": ["00:00", "03:00", "06:00", "09:00", "12:00", "15:00", "18:00", "21:00"],
        "howe": ["00:00", "01:00", "03:00", "04:00"],
        "kolkata": ["00:00", "01:00"],
        "midnight": ["2026-11-21"],
        "zoom": {"from": 1000000 + 3600000, "span": 4 * 3600000},
        "apart": ["5 s", "5 min", "3 h", "2 days"],
        "fit": [[10, 40], [75, 40]],
    }
