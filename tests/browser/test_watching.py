"""One clip: its player, its keys, what can be said of it, and the addresses that lead to it."""

from __future__ import annotations

import io
import re
import time
import zipfile
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import requests
from playwright.sync_api import Page, expect

from tests import clips
from tests.browser.conftest import Watched, hear_fingers, look, until
from tests.running import RunningUnit, wait_for

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
VIDEO = "document.querySelector('video')"


@pytest.fixture(scope="module")
def row(unit: RunningUnit) -> list[dict]:
    """Five clips of two cameras, two of them at one moment; with posters and sprites."""
    for number in range(4):
        clips.make(unit.video / f"gate/2026-11-2{number}_080000.mp4", number=number, seconds=10)
    clips.make(unit.video / "yard/2026-11-23_080003.mp4", number=9, seconds=10)

    def ready() -> list[dict] | None:
        rows = unit.clips()
        return rows if len(rows) == 5 and all(clip["sprite"] for clip in rows) else None

    return wait_for(ready, seconds=60, what="five clips with sprites")


def of(row: list[dict], camera: str) -> list[dict]:
    return [clip for clip in row if clip["camera"] == camera]


def at(page: Page) -> float:
    return float(page.evaluate(f"{VIDEO}.currentTime"))


def open_clip(watched: Watched, clip: dict, query: str = "") -> Page:
    page = watched.open(f"/watcher/watch/{clip['id']}{query}")
    until(page, f"{VIDEO}.readyState >= 2")
    return page


def test_keys_of_the_player(watched: Watched, row: list[dict]) -> None:
    """Play, seek, step by pictures, speed, tenths, mute, loop, zoom; each without a pointer."""
    page = open_clip(watched, row[0])
    page.keyboard.press("k")
    until(page, f"{VIDEO}.currentTime > 0.2")
    page.keyboard.press(" ")
    until(page, f"{VIDEO}.paused")
    page.keyboard.press("5")
    until(page, f"!{VIDEO}.seeking")
    assert abs(at(page) - 5) < 0.2
    for key, moved in (("ArrowRight", 5), ("j", -10), ("l", 10), ("ArrowLeft", -5)):
        before = at(page)
        page.keyboard.press(key)
        until(page, f"!{VIDEO}.seeking")
        assert abs(at(page) - min(10, max(0, before + moved))) < 0.2, key
    page.locator(".seek").press("End")
    until(page, f"{VIDEO}.currentTime > 9.5")
    page.locator(".seek").press("Home")
    page.locator(".seek").evaluate("slider => slider.blur()")
    page.keyboard.press(".")
    until(page, f"!{VIDEO}.seeking")
    assert 0.02 < at(page) < 0.2
    page.keyboard.press(",")
    until(page, f"{VIDEO}.currentTime < 0.02")
    page.keyboard.press(">")
    assert page.evaluate(f"{VIDEO}.playbackRate") == 1.5
    page.keyboard.press("<")
    assert page.evaluate(f"{VIDEO}.playbackRate") == 1
    page.keyboard.press("z")
    expect(page.locator(".screen")).to_have_class("screen zoomed")
    page.keyboard.press("z")
    page.keyboard.press("a")
    page.keyboard.press("ArrowRight")
    until(page, f"!{VIDEO}.seeking")
    page.keyboard.press("b")
    expect(page.get_by_role("button", name="0:00–0:05")).to_be_visible()
    page.keyboard.press("k")
    until(page, f"{VIDEO}.currentTime < 1")
    page.keyboard.press("k")
    with page.expect_download() as saved:
        page.keyboard.press("s")
    assert saved.value.suggested_filename.startswith(f"{row[0]['camera']} 2026-11-23 08.00.")
    page.keyboard.press("End")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.get_by_role("checkbox", name="Letters work as keys").uncheck()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("Home")
    page.keyboard.press("5")
    page.wait_for_timeout(100)
    assert at(page) < 0.1


def test_addresses_lead_to_moments(watched: Watched, row: list[dict]) -> None:
    """`t` is where it begins, follows along, and is what a copied link has; the filter decides who is next."""
    newest, older = of(row, "gate")[:2]
    page = open_clip(watched, newest, "?camera=gate&t=4.2")
    until(page, f"{VIDEO}.currentTime > 4.1")
    page.keyboard.press("ArrowRight")
    until(page, f"{VIDEO}.currentTime > 9")
    until(page, "location.search.includes('t=9')")
    assert "camera=gate" in page.url
    page.keyboard.press("Shift+P")
    page.wait_for_url(f"**/watch/{older['id']}?camera=gate")
    expect(page.locator("h1")).to_contain_text("gate")
    page.go_back()
    page.wait_for_url(f"**/watch/{newest['id']}?*")
    page.locator(".close").click()
    page.wait_for_url("**/watcher/?camera=gate*")
    expect(page.locator(".card")).to_have_count(4)


def delete(page: Page) -> None:
    """By the menu of what is done seldom, and a yes."""
    page.locator("#actions summary").click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()


def test_the_clock_over_the_picture_and_other_cameras(watched: Watched, row: list[dict]) -> None:
    """Wall-clock time of what is seen; what the other camera saw at the same moment."""
    clip = of(row, "gate")[0]
    page = open_clip(watched, clip, "?t=4")
    expect(page.locator("#clock")).to_contain_text("08:00:04")
    expect(page.get_by_role("heading", name="Other cameras at the same moment")).to_be_visible()
    expect(page.locator(".grid.small .card .camera")).to_have_text("yard")
    seek = page.get_by_role("slider", name="Position in the clip")
    seek.hover()
    expect(page.locator(".track .bubble .sprite")).to_be_visible()
    look(page, "watch-skimming")


def test_the_clock_over_a_poster(watched: Watched, row: list[dict]) -> None:
    """Says when the poster was, until the clip plays: then it begins at its start."""
    clip = next(clip for clip in row if clip["significant_at"] not in {None, clip["started_at"]})
    pictured, started = (
        datetime.fromisoformat(clip[name]).astimezone(ZoneInfo("Europe/Berlin"))
        for name in ("significant_at", "started_at")
    )
    page = open_clip(watched, clip)
    expect(page.locator("#clock")).to_have_text(f"{pictured:%H:%M:%S}.{pictured.microsecond // 100_000}")
    page.keyboard.press("k")
    until(page, f"{VIDEO}.currentTime > 0")
    page.keyboard.press("k")
    page.keyboard.press("Home")
    expect(page.locator("#clock")).to_have_text(f"{started:%H:%M:%S}.0")


def test_labels_keep_share_and_delete(watched: Watched, unit: RunningUnit, row: list[dict]) -> None:
    """From the page; the API knows at once. A kept clip is not deleted, and the page says so."""
    path = clips.make(unit.video / "porch/2026-11-24_080000.mp4", number=11, seconds=2)
    clip = unit.wait_clip(f"porch/{path.name}", state="ready")
    page = open_clip(watched, clip)
    page.get_by_label("Add a label").fill("fox <b>")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("#labels li")).to_contain_text("fox <b>")
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(page.get_by_role("button", name="Kept", exact=True)).to_be_visible()

    def known() -> bool:
        there = unit.clip(clip["key"])
        return there is not None and [label["name"] for label in there["labels"]] == ["fox <b>"] and there["held"]

    wait_for(known, what="the label, and that it is kept")
    delete(page)
    expect(page.locator(".about .trouble")).to_contain_text("This clip is kept")
    assert path.exists()
    page.get_by_role("button", name="Share").click()
    link = page.get_by_role("dialog").get_by_role("textbox").input_value()
    assert requests.get(link, timeout=10).content == path.read_bytes()
    page.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Take the label fox <b> off").click()
    expect(page.locator("#labels li")).to_have_text("none yet")
    page.get_by_role("button", name="Kept", exact=True).click()
    expect(page.get_by_role("button", name="Keep", exact=True)).to_be_visible()
    delete(page)
    page.wait_for_url("**/watcher/?*")
    wait_for(lambda: not path.exists(), what="the end of the file")
    gone = watched.open(f"/watcher/watch/{clip['id']}")
    expect(gone.locator(".notice")).to_contain_text("This clip was deleted")
    expect(gone.get_by_role("link", name="Earlier")).to_be_visible()
    watched.faults.clear()  # the browser's own lines about the 409 and the 410


def test_several_at_once(watched: Watched, unit: RunningUnit, row: list[dict]) -> None:
    """Selected by click and by key; labelled, kept, no longer kept, and downloaded as one zip of the very files."""
    page = watched.open("/watcher/?camera=gate")
    page.get_by_role("button", name="Select").click()
    page.locator(".card").nth(0).click()
    page.locator(".card").nth(2).click(modifiers=["Shift"])
    bar = page.get_by_role("region", name="Selected clips")
    expect(bar.locator("output")).to_have_text("3 selected")
    look(page, "browse-selected")
    with page.expect_download() as saved:
        bar.get_by_role("link", name="Download zip").click()
    chosen = of(row, "gate")[:3]
    with zipfile.ZipFile(io.BytesIO(saved.value.path().read_bytes())) as archive:
        assert sorted(archive.namelist()) == sorted(clip["key"] for clip in chosen)
        assert archive.read(chosen[0]["key"]) == (unit.video / chosen[0]["key"]).read_bytes()
    bar.get_by_role("button", name="Label").click()
    page.get_by_role("dialog").get_by_role("combobox").fill("many")
    page.get_by_role("dialog").get_by_role("button", name="Add").click()
    expect(page.locator(".card .labels")).to_have_text(["many"] * 3)
    bar.get_by_role("button", name="Keep", exact=True).click()
    expect(page.locator(".card .held")).to_have_count(3)
    page.goto(unit.url("/watcher/?label=many&held=true"))
    expect(page.locator(".card")).to_have_count(3)
    page.locator(".card a").first.focus()
    for key in ("x", "ArrowRight", "x", "ArrowRight", "x"):
        page.keyboard.press(key)
    bar.get_by_role("button", name="Don’t keep").click()
    expect(page.locator(".card .held")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(bar).to_be_hidden()


def test_a_zip_is_refused_in_words(unit: RunningUnit, row: list[dict]) -> None:
    """No ids, no number, no such clip; and HEAD tells the size without a body."""
    address = "/watcher/clips.zip"
    for question, status in (("", 400), ("?id=x", 400), ("?id=999999", 404)):
        assert unit.get(address + question).status_code == status, question
    head = requests.head(unit.url(f"{address}?id={row[0]['id']}"), timeout=10)
    assert int(head.headers["Content-Length"]) > row[0]["size_bytes"]


def test_on_to_the_next_clip(watched: Watched, row: list[dict]) -> None:
    """By itself, when somebody wants that."""
    newest, older = of(row, "gate")[:2]
    page = open_clip(watched, older, "?camera=gate&t=9")
    page.get_by_role("checkbox", name="play on to the next clip").check()
    page.evaluate(f"{VIDEO}.play()")
    page.wait_for_url(f"**/watch/{newest['id']}?camera=gate*")


def test_a_film_of_the_minutes_around_a_clip(watched: Watched, row: list[dict]) -> None:
    """Asked for beside the clip, offered there when it is made, and on the status page."""
    clip = of(row, "gate")[-1]
    page = open_clip(watched, clip)
    page.locator("#actions summary").click()
    page.get_by_role("button", name="Make a video").click()
    minutes = page.get_by_role("spinbutton", name="minutes before and after")
    expect(minutes).to_have_value("5")
    minutes.fill("1")
    look(page, "film-asked")
    page.get_by_role("dialog").get_by_role("button", name="Make a video").click()
    link = page.get_by_role("link", name="Download the video (0:10)")
    expect(link).to_be_visible()
    look(page, "film-made")
    with page.expect_download() as download:
        link.click()
    data = download.value.path().read_bytes()
    assert data[4:8] == b"ftyp"
    page = watched.open("/watcher/status")
    expect(page.get_by_role("link", name=download.value.suggested_filename)).to_be_visible()
    look(page, "film-status")
    page.get_by_role("button", name="Delete").click()
    look(page, "film-removed")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("link", name=download.value.suggested_filename)).to_have_count(0)
    wait_for(lambda: watched.unit.get("/watcher/exports").json()["exports"] == [], what="its end")


def test_clips_by_day_and_night(watched: Watched, row: list[dict]) -> None:
    """A part of the filter, like cameras and labels."""
    assert {clip["light"] for clip in row} == {"day"}  # what is drawn has colours
    page = watched.open("/watcher/")
    page.locator(".filter summary", has_text="More").click()
    page.get_by_role("checkbox", name="day", exact=True).check()
    look(page, "light-filter")
    page.locator("details[open]").get_by_role("button", name="Show").click()
    page.wait_for_url("**/watcher/?light=day")
    expect(page.locator("[data-id]")).to_have_count(len(row))
    page = watched.open("/watcher/?light=night")
    expect(page.locator("[data-id]")).to_have_count(0)


@pytest.mark.parametrize("watched", [PHONE], indirect=True)
def test_fingers_on_the_picture(watched: Watched, row: list[dict]) -> None:
    """Two taps at an edge are ten seconds, and change neither playing nor the screen; two fingers draw it nearer, one moves it then."""
    clip = row[0]
    page = watched.open(f"/watcher/watch/{clip['id']}?t=2")
    until(page, "document.getElementById('player').currentTime >= 2")
    box = page.locator("#screen").bounding_box()
    assert box is not None
    touchscreen = page.context.new_cdp_session(page)

    def touch(kind: str, *places: tuple[float, float], **more: float) -> None:
        """With so many fingers, at shares of the picture."""
        points = [{"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]} for x, y in places]
        touchscreen.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points, **more})

    def tap(x: float, at: float) -> None:
        """At a moment that is told: a busy machine is no slow finger."""
        touch("touchStart", (x, 0.4), timestamp=at)
        touch("touchEnd", timestamp=at + 0.03)

    hear_fingers(page)
    now = time.time()
    tap(0.2, now)
    tap(0.2, now + 0.1)
    until(page, "document.getElementById('player').currentTime < 0.5")
    assert page.evaluate("document.getElementById('player').paused && document.fullscreenElement === null")
    touch("touchStart", (0.4, 0.5), (0.6, 0.5))
    touch("touchMove", (0.3, 0.5), (0.7, 0.5))
    touch("touchEnd")
    screen = page.locator("#screen")
    expect(screen).to_have_class(re.compile("zoomed"))
    near = float(screen.evaluate("screen => screen.style.getPropertyValue('--times')"))
    assert 1.5 < near <= 2.5
    assert page.evaluate("visualViewport.scale") == 1  # the page stays as it was
    eye = screen.evaluate("screen => screen.style.getPropertyValue('--eye')")
    touch("touchStart", (0.5, 0.5))
    touch("touchMove", (0.8, 0.5))
    touch("touchEnd")
    assert screen.evaluate("screen => screen.style.getPropertyValue('--eye')") != eye
    assert f"/watch/{clip['id']}" in page.url  # it was no swipe
    touch("touchStart", (0.2, 0.5), (0.8, 0.5))
    touch("touchMove", (0.45, 0.5), (0.55, 0.5))
    touch("touchEnd")
    expect(screen).not_to_have_class(re.compile("zoomed"))
