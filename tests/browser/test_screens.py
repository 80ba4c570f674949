"""Timeline, Status, and what holds for every screen: nothing for axe to find, nothing too heavy."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.browser.conftest import Watched, look, until
from tests.running import RunningUnit, wait_for

pytestmark = pytest.mark.browser

AXE = Path(__file__).parent.parent / "npm" / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
STATIC = Path(__file__).parents[2] / "watcher" / "web" / "static"


@pytest.mark.parametrize("watched", [{"forced_colors": "active"}], indirect=True)
def test_forced_colours(watched: Watched, shelf: list[dict]) -> None:
    """Where a person's system chooses all colours, buttons still have edges, and what is chosen can be told."""
    page = watched.open("/watcher/")
    page.locator(".card a").nth(2).focus()
    page.keyboard.press("x")
    style = "getComputedStyle(document.querySelector('{}')).{}"
    assert page.evaluate(style.format(".card.chosen .picture", "outlineStyle")) == "solid"
    assert page.evaluate(style.format("#larger", "borderTopStyle")) == "solid"
    assert page.evaluate(style.format("[aria-current=page]", "outlineStyle")) == "solid"
    look(page, "forced-colours")
    if AXE.exists():
        nothing_wrong(page, "forced colours")


def test_four_last_tuesday_at_the_gate_in_three_actions(watched: Watched, shelf: list[dict]) -> None:
    """A camera, a key, a time."""
    page = watched.open("/watcher/?camera=gate")
    page.keyboard.press("d")
    page.keyboard.type("2026-11-20 08:20:30")
    page.keyboard.press("Enter")
    until(page, "document.activeElement.closest('.card')")
    assert page.locator(":focus .camera").inner_text() == "gate"
    assert "08:18" <= page.locator(":focus time").inner_text() <= "08:20:30"


def test_status(watched: Watched, shelf: list[dict]) -> None:
    """What is wrong comes first, counted; a card for each camera, who is silent for longest first; what is broken, the disk."""
    page = watched.open("/watcher/status")
    title = page.get_by_role("heading", level=1)
    expect(title).to_contain_text(
        "3 cameras are silent, 1 camera’s last clip cannot be played"
    )  # none left a clip today
    expect(page.locator("main")).not_to_contain_text("Everything works")
    cards = page.locator(".camera-card")
    assert cards.locator("h3 a").all_inner_texts() == ["porch", "gate", "yard"]  # 08:57, 09:30, 09:40
    gate = cards.nth(1)
    expect(gate).to_contain_text(re.compile(r"Silent for \d+ days, since .*09:30"))
    expect(gate).to_contain_text("today 0")
    mine = [clip for clip in shelf if clip["camera"] == "gate"]
    expect(gate).to_contain_text(f"{len(mine)} clips")
    share = 100 * sum(clip["size_bytes"] for clip in mine) / sum(clip["size_bytes"] for clip in shelf)
    expect(gate).to_contain_text(f"{round(share)} % of all")
    gate.get_by_role("link", name="Last clip").click()
    page.wait_for_url(f"**/watch/{mine[0]['id']}")
    page.go_back()
    broken = next(clip for clip in shelf if clip["state"] == "broken")
    expect(page.get_by_role("link", name=broken["key"])).to_be_visible()
    expect(page.locator("main")).to_contain_text(broken["error"])
    expect(page.locator("meter")).to_be_visible()
    look(page, "status")


@pytest.mark.parametrize(
    "watched",
    [{}, {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}],
    ids=["desktop", "phone"],
    indirect=True,
)
def test_what_is_wrong_is_counted_in_every_bar(watched: Watched, shelf: list[dict]) -> None:
    """The number of the headline of Status, on every screen that has a bar, and in its link's name."""
    page = watched.open("/watcher/status")
    headline = page.get_by_role("heading", level=1).inner_text()
    count = sum(int(number) for number in re.findall(r"\d+", headline))
    assert count >= 3, headline
    for path in ("/watcher/status", "/watcher/", "/watcher/day/2026-11-21", "/watcher/review"):
        watched.open(path)
        wait_for(lambda: page.reload() and counted(page) >= 3, what=path)  # it is counted once in ten seconds
        expect(
            page.get_by_role(
                "link",
                name=re.compile(r"^Status ?\d+ things are wrong: 3 cameras are silent, 1 camera’s last clip"),
            )
        ).to_be_visible()
    watched.open("/watcher/status")
    assert re.findall(r"\d+", page.locator("#alarm").inner_text())[0] == str(
        sum(int(number) for number in re.findall(r"\d+", page.get_by_role("heading", level=1).inner_text()))
    )


def counted(page: Page) -> int:
    """The number in the bar; 0 for none."""
    return int((re.findall(r"\d+", page.locator("#alarm").text_content() or "") or ["0"])[0])


def test_an_error_is_a_page_to_a_person_and_json_to_a_program(watched: Watched, shelf: list[dict]) -> None:
    """Of the application and of nginx alike; it leads back."""
    for path, words in (
        ("/watcher/nothing", "There is no such page"),
        ("/watcher/clips/999999", "No such clip"),
        ("/watcher/clips?limit=x", "limit"),
        ("/watcher/static/nothing.js", "Not Found"),
    ):
        page = watched.open(path)
        expect(page.locator("body")).to_contain_text(words)
        assert watched.unit.get(path).headers["Content-Type"] == "application/problem+json"
        page.get_by_role("link", name="Show the newest clips").click()
        expect(page.locator(".card").first).to_be_visible()
    watched.faults.clear()  # the browser's own lines about them


@pytest.mark.parametrize(
    "watched",
    [
        {"viewport": {"width": 1280, "height": 800}},
        {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
        {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
        {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark", "has_touch": True, "is_mobile": True},
    ],
    ids=["desktop", "desktop-dark", "phone", "phone-dark"],
    indirect=True,
)
def test_axe_finds_nothing(watched: Watched, shelf: list[dict], request: pytest.FixtureRequest) -> None:
    """On every screen, with its dialogs open."""
    if not AXE.exists():
        pytest.skip("axe is not installed (make npm)")
    where = request.node.callspec.id
    watching = f"/watcher/watch/{shelf[3]['id']}"
    for name, path in (
        ("browse", "/watcher/?camera=gate&camera=porch"),
        ("empty", "/watcher/?camera=nobody"),
        ("watch", watching),
        ("day", "/watcher/day/2026-11-21"),
        ("status", "/watcher/status"),
        ("review", "/watcher/review"),
        ("docs", "/watcher/docs"),
    ):
        page = watched.open(path)
        page.wait_for_load_state("load")
        page.wait_for_timeout(200)
        nothing_wrong(page, f"{name} {where}")
    page = watched.open("/watcher/")
    page.locator(".card a").nth(4).click()
    expect(page.locator("dialog.over")).to_be_visible()
    nothing_wrong(page, f"over {where}")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    nothing_wrong(page, f"help {where}")


def nothing_wrong(page: Page, where: str) -> None:
    """Inject axe by evaluation, since the page's policy rightly allows no foreign script.

    It preloads nothing: of a style sheet that is still on its way it would make a style of its own, which the policy
    refuses as rightly. Only an experimental rule, about turned phones, asks for that.
    """
    page.evaluate(AXE.read_text())
    violations = page.evaluate(
        f"axe.run({{runOnly: {json.dumps(TAGS)}, preload: false}}).then(result => result.violations)"
    )
    faults = "\n".join(
        f"{violation['id']}: {node['html'][:200]}" for violation in violations for node in violation["nodes"][:3]
    )
    assert not faults, where


@pytest.mark.parametrize("watched", [{"reduced_motion": "reduce"}], indirect=True)
def test_reduced_motion_moves_nothing(watched: Watched, shelf: list[dict], unit: RunningUnit) -> None:
    """No sprite runs, although the clip has one."""
    wait_for(lambda: unit.clip(shelf[5]["key"])["sprite"], what="its sprite")  # type: ignore[index]
    page = watched.open("/watcher/")
    page.locator(".card a").nth(5).focus()
    page.keyboard.press(" ")
    page.wait_for_timeout(400)
    expect(page.locator(".sprite")).to_have_count(0)


@pytest.mark.parametrize("watched", [{"viewport": {"width": 320, "height": 256}}], indirect=True)
def test_400_percent(watched: Watched, shelf: list[dict]) -> None:
    """320 pixels wide is 1280 at 400 %: no sideways scroll on any screen."""
    for path in (
        "/watcher/",
        f"/watcher/watch/{shelf[3]['id']}",
        "/watcher/day/2026-11-21",
        "/watcher/status",
        "/watcher/review",
    ):
        page = watched.open(path)
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


@pytest.mark.parametrize(
    "watched", [{"viewport": {"width": 844, "height": 390}, "has_touch": True, "is_mobile": True}], indirect=True
)
def test_a_phone_on_its_side_and_upright(watched: Watched, shelf: list[dict]) -> None:
    """Watch is its picture; on the Timeline picture and row fill the window, and the row has what is chosen from. Upright nothing is left below Watch."""
    page = watched.open(f"/watcher/watch/{shelf[3]['id']}")
    page.wait_for_load_state("networkidle")
    assert page.locator("#player").bounding_box() == {"x": 0, "y": 0, "width": 844, "height": 390}
    requests.put(watched.unit.url(f"/watcher/clips/{shelf[3]['id']}/labels/otter"), timeout=10).raise_for_status()
    watched.open("/watcher/day/2026-11-20")
    row, picture = page.locator(".day-head").bounding_box(), page.locator("#stage").bounding_box()
    assert row is not None
    assert picture is not None
    assert picture["y"] + picture["height"] <= row["y"] < row["y"] + row["height"] <= 392
    assert picture["height"] > 390 * 2 / 3
    chip = page.locator("#labels .chip").first
    chip.scroll_into_view_if_needed()
    labels, box = page.locator("#labels").bounding_box(), chip.bounding_box()
    assert labels is not None
    assert box is not None
    assert labels["width"] >= box["width"] > 50
    look(page, "landscape")
    page.set_viewport_size({"width": 390, "height": 844})
    watched.open(f"/watcher/watch/{shelf[3]['id']}")
    below = "document.documentElement.scrollHeight - scrollY - document.querySelector('.about').getBoundingClientRect().bottom"
    assert abs(page.evaluate(below)) < 1  # no stripe of another colour


@pytest.mark.parametrize("watched", [{"viewport": {"width": 3840, "height": 2160}}], indirect=True)
def test_letters_on_the_largest_screens(watched: Watched, shelf: list[dict]) -> None:
    """One scale on every screen; buttons, icons and what is drawn on the Timeline grow with it."""
    for path in ("/watcher/", f"/watcher/watch/{shelf[3]['id']}", "/watcher/day/2026-11-20", "/watcher/status"):
        page = watched.open(path)
        page.wait_for_load_state("networkidle")
        sizes = page.evaluate(
            """[...document.querySelectorAll('body *')].filter((node) => node.checkVisibility() && [...node.childNodes].some((part) => part.nodeType === 3 && part.data.trim()))
            .map((node) => parseFloat(getComputedStyle(node).fontSize)).filter((size) => size)"""
        )
        assert min(sizes) >= 16, path
        assert page.evaluate("getComputedStyle(document.body).fontSize") == "24px"
        icons = page.evaluate(
            "[...document.querySelectorAll('.i')].filter((icon) => icon.checkVisibility()).map((icon) => icon.getBoundingClientRect().width)"
        )
        assert min(icons, default=24) >= 24, path
    watched.open("/watcher/day/2026-11-20")
    until(page, "document.querySelector('.lanes .slider canvas')?.getContext('2d').getTransform().a === 1.5")
    assert page.locator(".playhead span").evaluate("label => parseFloat(getComputedStyle(label).fontSize)") >= 16


def test_what_is_sent_is_small(watched: Watched, shelf: list[dict]) -> None:
    """Compressed: the scripts of a screen 60 kB, its style 14 kB, the first page 15 kB; few modules; nothing from elsewhere."""
    size = {path.name: len(gzip.compress(path.read_bytes())) for path in STATIC.iterdir()}
    watching, day = f"/watcher/watch/{shelf[3]['id']}", "/watcher/day/2026-11-21"
    for path in ("/watcher/", watching, day, "/watcher/side-by-side", "/watcher/status"):
        page = watched.open(path)
        page.wait_for_load_state("load")
        loaded = page.evaluate("performance.getEntriesByType('resource').map(entry => entry.name.split('/').pop())")
        preloads = page.evaluate(
            "[...document.querySelectorAll('[rel=modulepreload], script')].map(node => (node.href ?? node.src).split('/').pop())"
        )
        scripts = {name for name in loaded if name.endswith(".js")}
        assert scripts == {name.split("/")[-1] for name in preloads}, path  # no module is found out step by step
        assert sum(size[name] for name in scripts) <= 60_000, path
        assert sum(size[name] for name in set(loaded) if name.endswith(".css")) <= 14_000, path
    assert len([name for name in size if name.endswith(".js") and not name.startswith("language-")]) <= 35
    assert all(
        size[name] <= 10_000 for name in size if name.startswith("language-")
    )  # one of them is sent, to some
    assert size["icons.svg"] <= 2_000
    first = watched.unit.get("/watcher/", headers={"Accept": "text/html"})
    assert len(gzip.compress(first.content)) <= 15_000


def test_pure_modules(watched: Watched, shelf: list[dict]) -> None:
    """Addresses and times, imported in the browser itself: DST days, filters, what is kept."""
    page = watched.open("/watcher/")
    static = page.evaluate("document.querySelector('script[type=module]').src.replace(/[^/]+$/, '')")
    answers = page.evaluate(
        """async (static) => {
        const times = await import(static + 'times.js'), address = await import(static + 'api.js');
        const zone = 'Europe/Berlin';
        return {
          wall: times.wall('2026-10-25T00:30:00Z', zone),
          again: times.wall('2026-10-25T01:30:00Z', zone),
          spring: times.momentOf('2026-03-29', '12:00:00', zone),
          kolkata: times.wall(times.momentOf('2026-11-21', '07:15:30', 'Asia/Kolkata'), 'Asia/Kolkata'),
          long: [times.length(3671.2), times.length(12.48)],
          title: times.dayTitle('2026-11-14'),
          filter: address.filterOf('?camera=a&at=x&t=4&from=&camera=b&strange=kept'),
          changed: address.changed('/watcher/clips?limit=50&after=old', {after: 'new', limit: null}),
        }; }""",
        static,
    )
    assert answers == {
        "wall": {"day": "2026-10-25", "time": "02:30:00"},
        "again": {"day": "2026-10-25", "time": "02:30:00"},
        "spring": 1774778400000,
        "kolkata": {"day": "2026-11-21", "time": "07:15:30"},
        "long": ["1:01:11", "0:12"],
        "title": "Saturday, 14 November 2026",
        "filter": "?camera=a&camera=b&strange=kept",
        "changed": "/watcher/clips?after=new",
    }


@pytest.mark.parametrize("watched", [{"timezone_id": "America/New_York"}], indirect=True)
def test_ones_own_zone(watched: Watched, shelf: list[dict]) -> None:
    """Times are those of the cameras, whatever the viewer's clock; a click shows one's own, another those of the cameras."""
    page = watched.open("/watcher/")
    theirs = page.locator(".card time").first.inner_text()
    assert theirs == shelf[0]["local_time"][11:19]
    page.locator("#menu > summary").click()
    page.get_by_role("button", name="Europe/Berlin").click()
    page.locator("#menu > summary").click()
    expect(page.get_by_role("button", name="America/New_York")).to_be_visible()
    expect(page.locator(".card time").first).to_have_text(f"{int(theirs[:2]) - 6:02}{theirs[2:]}")
    page.get_by_role("button", name="America/New_York").click()
    expect(page.locator(".card time").first).to_have_text(theirs)
