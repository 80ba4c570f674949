"""What people who tried the page saw go wrong once, and must not see again."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Route, expect

from tests import clips
from tests.browser.conftest import Watched, hear_fingers, until
from tests.running import RunningUnit, wait_for
from watcher.ops.demo import SCENES, write_clip

pytestmark = pytest.mark.browser


def test_a_day_is_typed_digit_by_digit(watched: Watched, shelf: list[dict]) -> None:
    """The address changes when it is whole and somebody says so, not with the first digit of a year."""
    page = watched.open("/watcher/")
    page.locator("#filter summary", has_text="More").click()
    day = page.get_by_label("From", exact=True)
    day.click(position={"x": 12, "y": 10})
    page.keyboard.type("1121")
    for digit in "2026":
        page.keyboard.type(digit)
        assert "from=" not in page.url
    expect(day).to_have_value("2026-11-21")
    page.keyboard.press("Enter")
    page.wait_for_url("**from=2026-11-21*")
    expect(page.locator(".card")).to_have_count(20)


def test_a_portrait_clip_is_not_stretched_while_it_is_skimmed(
    watched: Watched, unit: RunningUnit, tmp_path: Path, shelf: list[dict]
) -> None:
    """The pictures of the sprite have the clip's shape."""
    key = "door/2026-11-21_100000.mp4"
    write_clip(
        tmp_path / "portrait.mp4", SCENES[0], datetime(2026, 11, 21, 9, tzinfo=UTC), seconds=4, size=(180, 320)
    )
    (unit.video / "door").mkdir()
    (tmp_path / "portrait.mp4").rename(unit.video / key)
    wait_for(lambda: (clip := unit.clip(key)) and clip["sprite"], what="its sprite")
    page = watched.open("/watcher/?camera=door")
    page.locator(".card .picture").hover()
    sprite = page.locator(".card .sprite")
    expect(sprite).to_be_visible()
    box = sprite.bounding_box()
    assert box is not None
    assert abs(box["width"] / box["height"] - 180 / 320) < 0.03
    (unit.video / key).unlink()
    wait_for(lambda: unit.clips(camera="door") == [], what="its end")


def test_the_filter_keeps_the_focus_and_says_what_it_finds(watched: Watched, shelf: list[dict]) -> None:
    """By keys alone: a camera is chosen, Esc closes the menu, the number is announced, the focus stays where it was."""
    page = watched.open("/watcher/")
    menu = page.locator("details", has=page.locator("summary", has_text="Cameras"))
    menu.locator("summary").press("Enter")
    yard = page.get_by_role("checkbox", name="yard")
    yard.focus()
    page.keyboard.press("Space")
    expect(yard).to_be_focused()
    page.keyboard.press("Escape")
    until(page, "location.search.includes('camera=yard')")
    expect(page.locator("#announced")).to_have_text("20 clips")
    expect(menu).not_to_have_attribute("open", "")
    expect(menu.locator("summary")).to_be_focused()


def test_a_link_is_copied_without_https_too(watched: Watched, shelf: list[dict]) -> None:
    """Where the browser has no clipboard for a page, the address stands there, marked."""
    watched.page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page = watched.open(f"/watcher/watch/{shelf[3]['id']}")
    page.keyboard.press("c")
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("input")).to_have_value(re.compile(f"/watcher/watch/{shelf[3]['id']}"))
    assert page.evaluate(
        "(() => { const field = document.activeElement; return field.value.slice(field.selectionStart, field.selectionEnd) === field.value; })()"
    )


def test_very_many_cameras_of_any_name(
    watched: Watched, start_unit: Callable[..., RunningUnit], samples: Path
) -> None:
    """As a person orders them; the menu fits the window, and so do names without an end."""
    unit = watched.unit = start_unit(settings={"WATCHER_RENDER__WORKERS": "0"})
    names = [*(f"cam{number}" for number in range(1, 29)), "Driveway", "doorbell", "Porch", "a" * 120]
    data = (samples / "plain.mp4").read_bytes()
    for number, name in enumerate(names):
        (unit.video / name).mkdir()
        (unit.video / name / f"2026-11-21_1000{number:02}.mp4").write_bytes(clips.stamp(data, number))
    wait_for(lambda: len(unit.clips()) == len(names), what="a clip of each")
    page = watched.open("/watcher/")
    page.locator("summary", has_text="Cameras").click()
    menu = page.locator("details[open] fieldset")
    listed = [name.strip() for name in menu.locator("label").all_inner_texts()]
    assert listed == ["a" * 120, *(f"cam{number}" for number in range(1, 29)), "doorbell", "Driveway", "Porch"]
    box = menu.bounding_box()
    assert box is not None
    assert box["width"] <= 420
    assert box["y"] + box["height"] <= 800
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    find = menu.get_by_role("searchbox")
    find.fill("DRIVE")
    expect(menu.locator("label:visible")).to_have_text(re.compile("Driveway"))
    page.keyboard.press("Enter")  # it neither sends the form nor chooses
    assert "camera=" not in page.url
    find.fill("cam1")
    expect(menu.locator("label:visible")).to_have_count(11)
    find.fill("")
    expect(menu.locator("label:visible")).to_have_count(len(names))
    page.goto("about:blank")


def test_a_file_of_nothing_is_not_said_to_play(watched: Watched, unit: RunningUnit, shelf: list[dict]) -> None:
    """It is empty, and that is what its screen says."""
    (unit.video / "void").mkdir()
    (unit.video / "void" / "nothing.mp4").touch()
    clip = unit.wait_clip("void/nothing.mp4", state="broken")
    page = watched.open(f"/watcher/watch/{clip['id']}")
    expect(page.locator("#notice")).to_contain_text("This clip is broken: ")
    expect(page.locator("#notice")).not_to_contain_text("may play")
    (unit.video / "void" / "nothing.mp4").unlink()
    wait_for(lambda: unit.clips(camera="void") == [], what="its end")
    watched.faults.clear()


def test_the_bar_that_says_who_is_away_has_the_page_s_clock(watched: Watched, shelf: list[dict]) -> None:
    """The time since when nobody answers is the cameras', as every other time on the page."""
    page = watched.open("/watcher/")
    page.route("**/watcher/changes/head", lambda route: route.abort())
    expect(page.locator("#connection")).to_contain_text("Not connected since")
    said = re.search(r"since (\d+):(\d+)", page.locator("#connection").inner_text())
    assert said is not None
    here = datetime.now().astimezone()
    minutes = here.hour * 60 + here.minute - int(said[1]) * 60 - int(said[2])
    assert minutes % (24 * 60) <= 2
    page.unroute("**/watcher/changes/head")
    until(page, "document.getElementById('connection').hidden")
    watched.faults = [fault for fault in watched.faults if "ERR_FAILED" not in fault]


def test_a_note_is_written_where_it_stands(watched: Watched, unit: RunningUnit, shelf: list[dict]) -> None:
    """It is kept when one leaves it, or by Ctrl and Enter; keys that are typed into it do nothing else; empty, it is none."""
    clip = next(clip for clip in shelf if clip["state"] == "ready")
    page = watched.open(f"/watcher/watch/{clip['id']}")
    note = page.get_by_label("Add a note")
    note.click()
    page.keyboard.type("The <b>fox</b> came, f and d and Space")
    page.keyboard.press("Control+Enter")
    wait_for(lambda: unit.clip(clip["key"])["note"] == "The <b>fox</b> came, f and d and Space", what="the note")
    page.reload()
    expect(note).to_have_value("The <b>fox</b> came, f and d and Space")
    note.fill("")
    page.locator("#labels h2").click()
    wait_for(lambda: unit.clip(clip["key"])["note"] is None, what="no note")


@pytest.mark.parametrize("watched", [{"has_touch": True}], indirect=True)
def test_what_is_being_written_is_not_taken_away(watched: Watched, unit: RunningUnit, shelf: list[dict]) -> None:
    """The next clip does not come by itself meanwhile; a note is kept though nobody leaves it, and when one swipes on."""
    clip = next(clip for clip in reversed(shelf) if clip["camera"] == "porch")
    page = watched.open(f"/watcher/watch/{clip['id']}?camera=porch")
    page.get_by_label("play on to the next clip").check()
    note = page.get_by_label("Add a note")
    note.press_sequentially("not yet")
    page.evaluate(
        "(() => { const v = document.getElementById('player'); v.currentTime = v.duration - 0.3; return v.play(); })()"
    )
    until(page, "document.getElementById('player').ended")
    expect(note).to_be_focused()
    assert f"/watch/{clip['id']}" in page.url
    wait_for(lambda: unit.clip(clip["key"])["note"] == "not yet", what="the note, while it is written")
    note.press_sequentially(", now")
    swipe = """() => { const screen = document.getElementById('screen'), at = (x) => new Touch({identifier: 1, target: screen, clientX: x, clientY: 200});
        screen.dispatchEvent(new TouchEvent('touchstart', {touches: [at(300)]}));
        screen.dispatchEvent(new TouchEvent('touchend', {changedTouches: [at(100)]})); }"""
    hear_fingers(page)
    page.evaluate(swipe)
    page.wait_for_url(re.compile(rf"/watch/(?!{clip['id']}\b)"))
    wait_for(lambda: unit.clip(clip["key"])["note"] == "not yet, now", what="the note")


def test_a_label_is_not_taken_away_while_it_is_written(
    watched: Watched, unit: RunningUnit, shelf: list[dict]
) -> None:
    """Where clips follow each other, the one that gets a label waits for it; then the next one comes by itself again."""
    clip = next(clip for clip in reversed(shelf) if clip["camera"] == "yard")
    page = watched.open(f"/watcher/watch/{clip['id']}?camera=yard")
    page.get_by_label("play on to the next clip").check()
    near_its_end = "(() => { const v = document.getElementById('player'); v.currentTime = v.duration - 0.3; return v.play(); })()"
    field = page.get_by_label("Add a label")
    field.press_sequentially("wheelba")
    page.evaluate(near_its_end)
    until(page, "document.getElementById('player').ended")
    expect(field).to_be_focused()
    field.press_sequentially("rrow")
    page.keyboard.press("Enter")
    wait_for(lambda: [label["name"] for label in unit.clip(clip["key"])["labels"]] == ["wheelbarrow"], what="it")
    assert f"/watch/{clip['id']}" in page.url
    page.locator("#labels h2").click()  # leaves the field
    page.evaluate("document.activeElement.blur()")
    page.evaluate(near_its_end)
    page.wait_for_url(re.compile(rf"/watch/(?!{clip['id']}\b)"))
    requests.delete(unit.url(f"/watcher/clips/{clip['id']}/labels/wheelbarrow"), timeout=10)


def test_two_people_write_one_note(watched: Watched, unit: RunningUnit, shelf: list[dict]) -> None:
    """What each adds is kept, whoever comes second is told; a label that came meanwhile is no other note."""
    clip = next(clip for clip in shelf if clip["state"] == "ready" and clip["camera"] == "gate")
    address = unit.url(f"/watcher/clips/{clip['id']}")
    requests.patch(address, json={"note": "A van."}, timeout=10).raise_for_status()
    page = watched.open(f"/watcher/watch/{clip['id']}")
    note = page.get_by_label("Add a note")
    expect(note).to_have_value("A van.")
    both = page.get_by_text("Somebody else wrote here too")
    requests.put(f"{address}/labels/van", timeout=10).raise_for_status()
    note.press_sequentially(" White.")
    wait_for(lambda: unit.clip(clip["key"])["note"] == "A van. White.", what="the note")
    expect(both).to_have_count(0)
    requests.patch(address, json={"note": "A van. White. It left at ten."}, timeout=10).raise_for_status()
    note.press_sequentially(" Two men.")
    expect(both).to_be_visible()
    wait_for(
        lambda: unit.clip(clip["key"])["note"] == "A van. White. It left at ten.\nTwo men.", what="both of them"
    )
    expect(note).to_have_value("A van. White. It left at ten.\nTwo men.")
    note.fill("")
    page.locator("#labels h2").click()
    wait_for(lambda: unit.clip(clip["key"])["note"] is None, what="no note")
    # A change between the question and the answer is no fault either.
    changed = []

    def meanwhile(route: Route) -> None:
        if route.request.method == "PATCH" and not changed:
            changed.append(requests.patch(address, json={"note": "Me first."}, timeout=10).status_code)
        route.continue_()

    page.route(f"**/clips/{clip['id']}", meanwhile)
    note.fill("Me too.")
    page.locator("#labels h2").click()
    expect(note).to_have_value("Me first.\nMe too.")
    wait_for(lambda: unit.clip(clip["key"])["note"] == "Me first.\nMe too.", what="the notes of both")
    assert changed == [200]
    watched.faults = [fault for fault in watched.faults if "412" not in fault]  # the browser's own line
    requests.patch(address, json={"note": None}, timeout=10)
    requests.delete(f"{address}/labels/van", timeout=10)
