"""What a person sees when something is not as it should be."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, expect

from tests import clips
from tests.browser.conftest import Watched, look, until
from tests.running import RunningUnit, wait_for

pytestmark = pytest.mark.browser


def test_sound_that_cannot_be_decoded(watched: Watched, unit: RunningUnit) -> None:
    """The picture plays, and the page says what is missing."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    clips.make_coded(unit.video / "states/ac3.mp4", audio="ac3", seconds=4)
    clip = unit.wait_clip("states/ac3.mp4", state="ready")
    page = watched.open(f"/watcher/watch/{clip['id']}")
    page.evaluate("document.querySelector('video').play()")
    expect(page.locator("#notice")).to_contain_text("No sound: this browser has no AC3 decoder")
    assert page.evaluate("document.querySelector('video').videoWidth") > 0


def test_a_clip_that_is_damaged_midway(watched: Watched, unit: RunningUnit) -> None:
    """It plays until there, then says from where on it does not."""
    path = clips.make(unit.data / "whole.mp4", seconds=10, faststart=True)
    data = bytearray(path.read_bytes())
    begin = data.index(b"mdat") + (len(data) - data.index(b"mdat")) // 2
    data[begin:-2000] = b"\xff" * (len(data) - 2000 - begin)  # no length of a picture is right any more
    (unit.video / "states").mkdir(exist_ok=True)
    (unit.video / "states/damaged.mp4").write_bytes(data)
    clip = unit.wait_clip("states/damaged.mp4")
    page = watched.open(f"/watcher/watch/{clip['id']}")
    page.evaluate("document.querySelector('video').playbackRate = 4; document.querySelector('video').play()")
    expect(page.locator("#notice")).to_contain_text("The clip is damaged from 0:0")
    watched.faults.clear()


def test_a_file_that_is_gone(watched: Watched, unit: RunningUnit) -> None:
    """Said when it does not come; and with the date once the catalog knows."""
    path = clips.make(unit.video / "states/gone.mp4", number=5, seconds=2)
    clip = unit.wait_clip("states/gone.mp4", state="ready")
    page = watched.page
    page.route("**/states/gone.mp4", lambda route: route.fulfill(status=404))
    watched.open(f"/watcher/watch/{clip['id']}")
    expect(page.locator("#notice")).to_contain_text("The file is gone")
    path.unlink()
    unit.wait_clip("states/gone.mp4", state="missing")
    page.reload()
    expect(page.locator(".notice")).to_contain_text("The file is gone since")
    expect(page.locator(".notice")).to_contain_text("it plays again when the file returns")
    watched.faults.clear()  # the 404


def test_a_deleted_clip_is_restored(browser: Browser, start_unit: Callable[..., RunningUnit]) -> None:
    """The question says that there is a bin, the clip's own page has the button, and it plays again."""
    unit = start_unit(settings={"WATCHER_RETENTION__BIN_DAYS": "7", "WATCHER_UPLOAD__MIN_FREE_BYTES": "1"})
    clips.make(unit.video / "states/back.mp4", number=6, seconds=2)
    clip = unit.wait_clip("states/back.mp4", state="ready")
    context = browser.new_context()
    watched = Watched(context, unit)
    page = watched.open(f"/watcher/watch/{clip['id']}")
    page.locator("#actions summary").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog")).to_contain_text("The bin keeps it for 7 days")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.wait_for_url(re.compile(r"/watcher/(\?|$)"))  # back by itself
    wait_for(lambda: unit.clip("states/back.mp4") is None, what="its end")
    watched.open(f"/watcher/watch/{clip['id']}")
    expect(page.locator(".notice")).to_contain_text("It is in the bin")
    look(page, "binned")
    page.get_by_role("button", name="Restore").click()
    expect(page.locator("#player")).to_be_attached()
    page.evaluate("document.querySelector('video').play()")
    until(page, "document.querySelector('video').videoWidth > 0")
    assert unit.clip("states/back.mp4")["id"] == clip["id"]
    watched.faults.clear()  # 410 is what it was
    context.close()


def test_nobody_looks_nobody_asks(watched: Watched, unit: RunningUnit) -> None:
    """A hidden tab stops asking what is new, and asks at once when it is looked at again."""
    page = watched.open("/watcher/")
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url) if request.url.endswith("/head") else None)

    def asked() -> bool:
        page.wait_for_timeout(100)  # in which it tells what it asks for
        return bool(urls)

    wait_for(asked, what="a question")
    page.evaluate(
        "Object.defineProperty(document, 'hidden', {get: () => window.away, configurable: true}); window.away = true;"
    )
    page.wait_for_timeout(4000)  # what was about to be asked may be
    urls.clear()
    page.wait_for_timeout(3000)
    assert urls == []
    page.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")
    wait_for(asked, what="another question")


def test_a_filter_that_finds_nothing_tells_what_is_near(watched: Watched, unit: RunningUnit) -> None:
    """The nearest clips of the camera before and after the days that were asked for."""
    for day in ("2026-11-02", "2026-11-20"):
        clips.make(unit.video / f"rare/{day}_080000.mp4", number=int(day[-2:]), seconds=1)
        unit.wait_clip(f"rare/{day}_080000.mp4", state="ready")
    page = watched.open("/watcher/?camera=rare&from=2026-11-10&to=2026-11-11")
    expect(page.get_by_role("heading", name="No clip matches")).to_be_visible()
    expect(page.get_by_role("link", name="The nearest clip before")).to_contain_text("2 November 2026")
    page.get_by_role("link", name="The nearest clip after").click()
    expect(page.locator(".card")).to_have_count(1)


def test_bad_addresses_have_a_way_out(watched: Watched, unit: RunningUnit) -> None:
    """400 in words, never 500; what is not known is kept."""
    for path in (
        "?from=x",
        "?at=x",
        "?q=,",
        "?held=maybe",
        "?from=2026-11-12&to=2026-11-10",
        "day/2026-13-01",
        "day/x",
    ):
        page = watched.open(f"/watcher/{path}")
        expect(page.get_by_role("link", name="Show the newest clips")).to_be_visible()
    page = watched.open("/watcher/?strange=kept&camera=rare")
    page.get_by_role("link", name="Without rare").click()
    page.wait_for_url("**/watcher/?strange=kept")
    watched.faults.clear()  # the 400s


def test_a_file_in_no_folder(watched: Watched, unit: RunningUnit) -> None:
    """It has no camera, and the page says why."""
    clips.make(unit.video / "20261125_080000.mp4", number=14, seconds=2)
    clip = unit.wait_clip("20261125_080000.mp4", state="ready")
    assert clip["camera"] == "unsorted"
    page = watched.open(f"/watcher/watch/{clip['id']}")
    expect(page.locator(".facts")).to_contain_text("none is told: the file lies in no folder")
    clips.make(unit.video / "unsorted/20261125_090000.mp4", number=15, seconds=2)
    other = unit.wait_clip("unsorted/20261125_090000.mp4", state="ready")
    page = watched.open(f"/watcher/watch/{other['id']}")
    page.locator("summary", has_text="Details").click()
    expect(page.locator(".facts")).to_contain_text("the file’s name")
    expect(page.locator(".facts")).not_to_contain_text("none is told")
