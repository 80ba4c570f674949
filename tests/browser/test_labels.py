"""Labels by a model, from the file to the page: found in the search box, and with their second beside the player."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Watched, look, until
from tests.browser.test_screens import AXE, nothing_wrong
from tests.running import RunningUnit, wait_for
from tests.sights import BOX, colours, red_model

pytestmark = pytest.mark.browser


def test_from_the_clip_to_the_page(
    browser: Browser, start_unit: Callable[..., RunningUnit], tmp_path: Path
) -> None:
    """A clip that comes gets its label, is found by what one types, and plays from where it is seen."""
    model = red_model(tmp_path / "red.onnx", "deployed")
    settings = {
        "WATCHER_LABELS__ENABLED": "true",
        "WATCHER_LABELS__MODEL": str(model),
        "WATCHER_LABELS__WANTED": "*",
    }
    unit = start_unit(settings=settings)
    colours(unit.video / "porch/2026-11-21/070000.mp4", red=(2, 4))
    colours(unit.video / "yard/2026-11-21/080000.mp4", red=(9, 9))

    def labelled() -> dict | None:
        return next((clip for clip in unit.clips() if clip["labels"]), None)

    clip = wait_for(labelled, seconds=90, what="a clip with a label")
    (label,) = clip["labels"]
    assert (clip["camera"], label["name"]) == ("porch", "red")
    assert 2 <= label["at_seconds"] <= 2.6
    start, best = (datetime.fromisoformat(clip[name]) for name in ("started_at", "significant_at"))
    assert 2 <= (best - start).total_seconds() < 4
    assert label["model"].startswith("red ")
    (counts,) = requests.get(unit.url("/watcher/labels"), timeout=10).json()["labels"]
    assert counts == {"name": "red", "clips": 1, "cameras": [{"camera": "porch", "clips": 1}]}
    rows = requests.get(unit.url("/watcher/clips?author=models&min_confidence=0.9"), timeout=10).json()["clips"]
    assert [clip["id"] for clip in rows] == [clip["id"]]
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    watched = Watched(context, unit)
    page = watched.open("/watcher/?held=false")
    page.keyboard.press("/")
    page.keyboard.type("red porch not fox")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?held=false&label=red&camera=porch&q=not+fox")  # there is no label fox
    page.get_by_role("searchbox").fill("red")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?camera=porch&label=red&held=false")
    expect(page.locator(".card")).to_have_count(1)
    expect(page.locator("#chosen")).to_contain_text("red")
    page.get_by_role("searchbox").fill("not red")
    page.keyboard.press("Enter")
    page.wait_for_url("**not_label=red**")
    expect(page.get_by_role("heading", name="No clip matches")).to_be_visible()
    page = watched.open(f"/watcher/watch/{clip['id']}")
    small = page.locator("#labels li[data-label=red] canvas")
    expect(small).to_be_visible()  # cut from the poster, which is that sight
    middle = "canvas => [...canvas.getContext('2d').getImageData(48, 48, 1, 1).data]"
    red, green, *_ = wait_for(lambda: (rgb := small.evaluate(middle)) and rgb[3] and rgb, what="a small picture")
    assert red > 200
    assert green < 60
    page.get_by_role("button", name="where red is seen").click()
    until(page, "document.querySelector('#player').currentTime >= 2")
    mark, bar = (page.locator(selector).bounding_box() for selector in (".sights i", ".track"))
    assert mark is not None
    assert bar is not None
    begin, end = (
        (x - bar["x"]) / bar["width"] * clip["duration_seconds"] for x in (mark["x"], mark["x"] + mark["width"])
    )
    assert abs(begin - label["spans"][0][0]) < 0.2
    assert abs(end - label["spans"][0][1]) < 0.2
    look(page, "watch-sights")
    page.get_by_role("button", name="Take the label red off").click()
    expect(page.locator("#labels li.none")).to_be_visible()
    expect(page.locator("#labels canvas")).to_have_count(0)
    expect(page.locator(".sights i")).to_have_count(0)
    wait_for(lambda: unit.get("/watcher/labels").json()["labels"] == [], what="the end of the label")
    page = watched.open("/watcher/status")
    expect(page.get_by_role("heading", name="Labels by a model")).to_be_visible()
    context.close()
    assert watched.faults == []


def test_boxes_over_the_picture(browser: Browser, start_unit: Callable[..., RunningUnit], tmp_path: Path) -> None:
    """On demand, by a button and a key; where and when the model saw it, in the picture's shape, its name as text."""
    name = "<b>red"
    model = red_model(tmp_path / "red.onnx", "deployed", names=f'["", "{name}"]')
    settings = {
        "WATCHER_LABELS__ENABLED": "true",
        "WATCHER_LABELS__MODEL": str(model),
        "WATCHER_LABELS__WANTED": "*",
    }
    unit = start_unit(settings=settings)
    colours(unit.video / "porch/2026-11-21/070000.mp4", red=(0, 3), seconds=9.0)
    clip = wait_for(lambda: next((c for c in unit.clips() if c["labels"]), None), seconds=90, what="a label")
    boxes = clip["labels"][0]["boxes"]
    assert boxes == sorted(boxes)
    assert all(0 <= box[0] < 3 for box in boxes)
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    watched = Watched(context, unit)
    page = watched.open(f"/watcher/watch/{clip['id']}")
    rect = page.locator(".boxes rect[stroke='#fff']")
    outlines = page.get_by_role("button", name="Boxes")
    expect(outlines).to_have_attribute("aria-pressed", "false")
    page.evaluate("at => { document.querySelector('#player').currentTime = at; }", boxes[0][0])
    expect(rect).to_have_count(0)
    page.keyboard.press("x")
    expect(outlines).to_have_attribute("aria-pressed", "true")
    expect(rect).to_have_count(1)
    expect(page.locator(".boxes text")).to_have_text(name)
    drawn, screen = rect.bounding_box(), page.locator("#player").bounding_box()
    assert drawn is not None
    assert screen is not None
    scale = min(screen["width"] / 160, screen["height"] / 96)  # the whole picture, in the middle
    left = screen["x"] + (screen["width"] - 160 * scale) / 2
    top = screen["y"] + (screen["height"] - 96 * scale) / 2
    expected = (left + BOX[0] * 160 * scale, top + BOX[1] * 96 * scale, BOX[2] * 160 * scale, BOX[3] * 96 * scale)
    assert [drawn[side] for side in ("x", "y", "width", "height")] == pytest.approx(expected, abs=12)
    look(page, "watch-boxes")
    page.evaluate("document.querySelector('#player').currentTime = 7")
    expect(rect).to_have_count(0)  # nobody has seen it there
    page.evaluate("at => { document.querySelector('#player').currentTime = at; }", boxes[0][0])
    expect(rect).to_have_count(1)
    page.get_by_role("button", name=f"Take the label {name} off").click()
    expect(rect).to_have_count(0)
    context.close()
    assert watched.faults == []


@pytest.mark.parametrize(
    "watched",
    [
        {},
        {"color_scheme": "dark"},
        {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
    ],
    ids=["desktop", "desktop-dark", "phone"],
    indirect=True,
)
def test_how_sure_a_model_has_to_be(
    watched: Watched, unit: RunningUnit, shelf: list[dict], request: pytest.FixtureRequest
) -> None:
    """Chosen beside the labels, by keys alone; in the address and as a chip, which takes it away; labels stay chosen."""
    phone = request.node.callspec.id == "phone"
    names = ["fox", *(f"thing {number}" for number in range(14))]  # more than a menu shows without a search
    for number, sure in enumerate((0.55, 0.75, 0.95, None)):
        for name in names if number == 0 else ("fox",):
            address = unit.url(f"/watcher/clips/{shelf[number]['id']}/labels/{name}")
            assert requests.put(address, json={"confidence": sure}, timeout=10).ok
    page = watched.open("/watcher/?label=fox")
    expect(page.locator(".card")).to_have_count(4)
    if phone:
        page.get_by_role("button", name="Filter").click()
    page.locator(".filter summary", has_text="Labels").focus()
    page.keyboard.press("Enter")
    sure = page.get_by_role("combobox", name="How sure")
    expect(sure).to_be_visible()
    page.get_by_role("searchbox", name="Search the list").fill("thing 9")
    expect(page.get_by_role("checkbox", name="thing 9")).to_be_visible()
    expect(sure).to_be_visible()  # it is not among what is searched
    sure.focus()
    for _ in range(3):  # any, 50, 60, 70
        page.keyboard.press("ArrowDown")
    if AXE.exists():
        nothing_wrong(page, f"how sure {request.node.callspec.id}")
    look(page, f"how-sure-{request.node.callspec.id}")
    if phone:
        page.get_by_role("button", name="Show").focus()  # the sheet's own, which says how many clips there are
    else:
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?label=fox&min_confidence=0.7")
    expect(page.locator(".card")).to_have_count(3)  # what a person says counts
    chip = page.get_by_role("link", name="Without sure from 70 % on")
    expect(chip).to_be_visible()
    expect(page.locator("#filter select")).to_have_value("0.7")
    expect(page.locator("#filter input[name=label]:checked")).to_have_count(1)
    chip.click()
    page.wait_for_url("**/?label=fox")
    expect(page.locator(".card")).to_have_count(4)
    expect(page.locator("#filter select")).to_have_value("")
    page.go_back()
    page.wait_for_url("**/?label=fox&min_confidence=0.7")
    expect(page.locator("#filter select")).to_have_value("0.7")
    page = watched.open("/watcher/?min_confidence=0.875&label=fox")
    expect(page.locator(".card")).to_have_count(2)
    expect(page.get_by_role("link", name="Without sure from 87.5 % on")).to_be_visible()
    expect(page.locator("#filter select")).to_have_value("0.875")
    for clip in shelf[:4]:
        for name in names:
            requests.delete(unit.url(f"/watcher/clips/{clip['id']}/labels/{name}"), timeout=10)


@pytest.mark.parametrize("watched", [{"locale": "de-DE"}], indirect=True)
def test_search_in_the_page_s_language(watched: Watched, unit: RunningUnit, shelf: list[dict]) -> None:
    """What is typed becomes chips; a part of a day stays while something else is chosen, and goes by its chip."""
    morning = [clip for clip in shelf if "T08:5" in clip["local_time"]]
    for clip, name in zip(morning[:3], ("person", "dog", "car"), strict=True):
        requests.put(unit.url(f"/watcher/clips/{clip['id']}/labels/{name}"), timeout=10)
    page = watched.open("/watcher/")
    page.get_by_role("searchbox", name="Suche: Labels").fill("Personen oder HUNDE, kein Auto am 21. November")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?label=person&label=dog&not_label=car&from=2026-11-21&to=2026-11-21")
    expect(page.locator(".card")).to_have_count(2)
    expect(page.locator("#chosen .chip").first).to_have_text("person ✕")
    page = watched.open("/watcher/?from=2026-11-21T07:57:00.000Z&to=2026-11-21T08:00:00.000Z")
    shown = [c for c in shelf if "2026-11-21T07:57" <= c["started_at"] < "2026-11-21T08:00"]
    expect(page.locator(".card")).to_have_count(len(shown))
    expect(page.locator("h2 .count")).to_have_count(0)  # those of the whole day would be wrong
    look(page, "part-of-a-day")
    page.locator(".filter summary", has_text="Labels").click()
    page.locator("#filter input[name=label][value=person]").check()
    page.locator(".choice[open] button").click()
    page.wait_for_url("**label=person**")
    assert "from=2026-11-21T07" in page.url
    page.locator("#chosen a", has_text="ab ").first.click()
    page.wait_for_url(lambda url: "from" not in url)
    for clip, name in zip(morning[:3], ("person", "dog", "car"), strict=True):
        requests.delete(unit.url(f"/watcher/clips/{clip['id']}/labels/{name}"), timeout=10)
