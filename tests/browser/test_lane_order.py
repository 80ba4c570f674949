"""Lanes in an order of one's own: dragged by the mouse and by a finger, moved by keys; it is the cameras' place, for all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.browser.conftest import Watched, look, until
from tests.running import RunningUnit, wait_for

pytestmark = pytest.mark.browser

DAY = "/watcher/day/2026-11-21"


@pytest.fixture(autouse=True)
def unsaid(unit: RunningUnit, shelf: list[dict]) -> Iterator[None]:
    """Nothing is said of any camera, before and after."""
    yield
    for camera in ("gate", "porch", "yard"):
        requests.put(unit.url(f"/watcher/cameras/{camera}"), json={}, timeout=10).raise_for_status()


def stand(page: Page, *cameras: str) -> None:
    expect(page.locator(".names button")).to_have_text(list(cameras))


def middle(page: Page, camera: str) -> tuple[float, float]:
    """Where a camera's name is."""
    box = page.locator(f".names [data-lane={camera}] span").bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def places(unit: RunningUnit) -> dict[str, int | None]:
    return {row["camera"]: row["order"] for row in unit.get("/watcher/cameras").json()["cameras"]}


def test_by_mouse(watched: Watched, unit: RunningUnit, shelf: list[dict]) -> None:
    """The lowest to the top: seen by all, on Status too; what is dragged is not pressed; Esc puts it back."""
    page = watched.open(DAY)
    stand(page, "gate", "porch", "yard")
    page.mouse.move(*middle(page, "yard"))
    page.mouse.down()
    page.mouse.move(*middle(page, "porch"), steps=4)
    stand(page, "gate", "yard", "porch")
    look(page, "lane-dragged")
    page.mouse.move(*middle(page, "gate"), steps=4)
    stand(page, "yard", "gate", "porch")
    with page.expect_response(lambda answer: answer.request.method == "PUT"):
        page.mouse.up()
    expect(page.locator(".names [data-lane=yard]")).to_have_attribute("aria-pressed", "false")
    assert places(unit) == {"gate": None, "porch": None, "yard": 10}
    page.mouse.move(*middle(page, "porch"))
    page.mouse.down()
    page.mouse.move(*middle(page, "yard"), steps=4)
    stand(page, "porch", "yard", "gate")
    page.keyboard.press("Escape")
    stand(page, "yard", "gate", "porch")
    page.mouse.up()
    page.locator(".names [data-lane=gate]").click()
    expect(page.locator(".names [data-lane=gate]")).to_have_attribute("aria-pressed", "true")
    page = watched.open(DAY)
    stand(page, "yard", "gate", "porch")
    assert places(unit) == {"gate": None, "porch": None, "yard": 10}


def test_by_keys(watched: Watched, unit: RunningUnit, shelf: list[dict]) -> None:
    """The name keeps the focus, and where it stands is said; at an end it stays; each move is kept, in turn."""
    page = watched.open(DAY)
    stand(page, "gate", "porch", "yard")
    page.locator(".names [data-lane=gate]").focus()
    page.keyboard.press("Alt+ArrowUp")
    page.keyboard.press("Alt+ArrowDown")
    stand(page, "porch", "gate", "yard")
    expect(page.locator("output.readout")).to_have_text("gate: place 2 of 3")
    page.keyboard.press("Alt+ArrowDown")
    stand(page, "porch", "yard", "gate")
    expect(page.locator("output.readout")).to_have_text("gate: place 3 of 3")
    until(page, "document.activeElement.matches('.names [data-lane=gate]')")
    page.keyboard.press("Alt+ArrowUp")
    stand(page, "porch", "gate", "yard")
    wait_for(lambda: places(unit) == {"porch": 10, "gate": 15, "yard": 20}, what="the last of these moves")
    page = watched.open(DAY)
    stand(page, "porch", "gate", "yard")


@pytest.mark.parametrize(
    "watched", [{"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}], indirect=True
)
def test_by_a_finger(watched: Watched, unit: RunningUnit, shelf: list[dict]) -> None:
    """A finger that moves at once scrolls; one that stays first drags, and the page stays where it is."""
    page = watched.open(DAY)
    stand(page, "gate", "porch", "yard")
    page.evaluate("document.body.style.paddingBottom = '100vh'")
    page.locator(".lanes").scroll_into_view_if_needed()
    finger = page.context.new_cdp_session(page)

    def touch(kind: str, *places: tuple[float, float]) -> None:
        finger.send(
            "Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in places]}
        )

    x, y = middle(page, "yard")
    up = middle(page, "gate")
    touch("touchStart", (x, y))
    until(page, "document.querySelector('.dragged') !== null")
    before = page.evaluate("scrollY")
    for step in range(1, 6):
        touch("touchMove", (x, y + (up[1] - y) * step / 5))
    stand(page, "yard", "gate", "porch")
    with page.expect_response(lambda answer: answer.request.method == "PUT"):
        touch("touchEnd")
    assert page.evaluate("scrollY") == before
    assert places(unit)["yard"] == 10
    x, y = middle(page, "porch")
    # In one go, which no busy machine makes a finger that stays first.
    finger.send("Input.synthesizeScrollGesture", {"x": x, "y": y, "yDistance": -84, "speed": 800})
    until(page, f"scrollY > {before}")
    stand(page, "yard", "gate", "porch")


def test_what_is_refused_is_said(watched: Watched, unit: RunningUnit, shelf: list[dict]) -> None:
    """All is as it was; and who may not say where cameras stand cannot drag them."""
    page = watched.open(DAY)
    unit_says = {"status": 403, "content_type": "application/problem+json", "body": '{"detail": "only an admin"}'}
    page.route("**/watcher/cameras/*", lambda route: route.fulfill(**unit_says))
    page.locator(".names [data-lane=yard]").focus()
    page.keyboard.press("Alt+ArrowUp")
    expect(page.locator("output.readout")).to_have_text("only an admin")
    stand(page, "gate", "porch", "yard")
    watched.faults.clear()  # the browser's own line about the 403

    viewer = watched.unit.get(DAY, headers={"Accept": "text/html"}).text
    assert 'data-may="admin' in viewer
    start = viewer.index('data-may="')
    viewer = viewer[:start] + 'data-may="view"' + viewer[viewer.index('"', start + len('data-may="')) + 1 :]
    page.route(f"**{DAY}", lambda route: route.fulfill(body=viewer, content_type="text/html"))
    page = watched.open(DAY)
    stand(page, "gate", "porch", "yard")
    page.locator(".names [data-lane=yard]").focus()
    page.keyboard.press("Alt+ArrowUp")
    page.mouse.move(*middle(page, "yard"))
    page.mouse.down()
    page.mouse.move(*middle(page, "gate"), steps=4)
    page.mouse.up()
    stand(page, "gate", "porch", "yard")


def test_places(watched: Watched, shelf: list[dict]) -> None:
    """One camera alone gets another place where there is room; else all up to the last that has one."""
    page = watched.open(DAY)
    module = page.evaluate("document.querySelector('script[src$=\"/day.js\"]').src").replace("day.js", "names.js")
    cases = [
        ("abc", "a", {}, [["a", 10]]),  # all by name: the first in front of them
        ("bac", "a", {}, [["b", 10], ["a", 20]]),
        ("abc", "b", {"a": 10, "c": 20}, [["b", 15]]),
        ("abc", "b", {"a": 10, "c": 11}, [["b", 20], ["c", 30]]),
        ("abc", "b", {"a": 1, "b": 7, "c": 1}, [["a", 10], ["b", 20], ["c", 30]]),
        ("abc", "c", {"a": 10, "b": 20}, [["c", 30]]),
        ("bca", "a", {"a": 10, "b": 20, "c": 9999}, [["b", 10], ["c", 20], ["a", 30]]),
    ]
    for order, moved, known, expected in cases:
        answer = page.evaluate(
            "([module, list, moved, known]) => import(module).then(({places}) => places(list, moved, (camera) => known[camera] ?? null))",
            [module, list(order), moved, known],
        )
        assert answer == expected, order
