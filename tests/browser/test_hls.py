"""A day of clips as one film in Chromium: by hls.js, and by the browser's own player."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests import clips
from tests.browser.conftest import until
from tests.integration.test_exports import put
from tests.integration.test_playlists import WRITTEN, address, encode
from tests.running import RunningUnit

pytestmark = pytest.mark.browser

HLS = Path(__file__).parent.parent / "npm" / "node_modules" / "hls.js" / "dist" / "hls.min.js"
NOON = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
VIDEO = "document.querySelector('video')"
PLAY = """({address, ours}) => {
  document.body.innerHTML = '<video muted playsinline></video>';
  const video = document.querySelector('video');
  window.faults = [];
  video.onerror = () => window.faults.push(String(video.error?.message));
  if (!ours) { video.src = address; video.play(); return; }
  const hls = window.hls = new Hls({enableWorker: false});
  hls.on(Hls.Events.ERROR, (_, data) => { if (data.fatal) window.faults.push(data.details); });
  hls.loadSource(address);
  hls.attachMedia(video);
  hls.on(Hls.Events.MANIFEST_PARSED, () => video.play());
}"""


@pytest.fixture(scope="module")
def day(unit: RunningUnit) -> str:
    """A minute of clips of one camera: cut often, reordered, in fragments, with another size; the address of its playlist."""
    for number, name in enumerate(("reordered", "fragments", "faststart")):
        put(unit, f"day/{name}.mp4", encode(unit.folder / "d.mp4", WRITTEN[name]), NOON + timedelta(minutes=number))
    how = WRITTEN["reordered"].replace("160x96", "320x192")
    put(unit, "day/larger.mp4", encode(unit.folder / "d.mp4", how), NOON + timedelta(minutes=3))
    return address("day", NOON, NOON + timedelta(days=1))


@pytest.fixture
def page(browser: Browser, unit: RunningUnit) -> Iterator[Page]:
    """A page of somebody else's making: ours forbids itself the addresses (blob:) that hls.js needs."""
    with browser.new_context(bypass_csp=True) as context:
        opened = context.new_page()
        opened.goto(unit.url("/watcher/livez"))
        yield opened


def show(page: Page, playlist: str, *, ours: bool) -> None:
    if ours:
        if not HLS.exists():
            pytest.skip("hls.js is not there (make npm)")
        page.evaluate(HLS.read_text())
    page.evaluate(PLAY, {"address": playlist, "ours": ours})


@pytest.mark.parametrize("ours", [True, False], ids=["hls.js", "native"])
def test_a_day_plays_and_seeks(page: Page, day: str, ours: bool) -> None:
    """From the beginning, over the seam between two clips, to the middle and to the end; pictures and sound."""
    show(page, day, ours=ours)
    until(page, f"{VIDEO}.currentTime > 0.5 && {VIDEO}.videoWidth === 160")
    assert 79 < page.evaluate(f"{VIDEO}.duration") < 82
    for begin, until_ in ((18.5, 21.0), (45.0, 46.0), (58.5, 61.0)):
        page.evaluate(f"{VIDEO}.currentTime = {begin}")
        until(page, f"{VIDEO}.currentTime > {until_} && !{VIDEO}.seeking")
    until(page, f"{VIDEO}.videoWidth === 320")
    assert page.evaluate(f"{VIDEO}.webkitAudioDecodedByteCount") > 0
    page.evaluate(f"{VIDEO}.currentTime = 79")
    until(page, f"{VIDEO}.ended")
    assert page.evaluate("window.faults") == []
    if ours:
        at = page.evaluate("window.hls.levels[0].details.fragments.at(-1).programDateTime")
        assert datetime.fromtimestamp(at / 1000, UTC) == NOON + timedelta(minutes=3, seconds=18)


def test_clips_without_sound_and_with_it(page: Page, unit: RunningUnit) -> None:
    """Nothing is heard, and nothing stops where the sound would end."""
    put(unit, "some/a.mp4", clips.make(unit.folder / "s.mp4", seconds=5), NOON)
    put(unit, "some/b.mp4", encode(unit.folder / "s.mp4", WRITTEN["faststart"]), NOON + timedelta(seconds=5))
    show(page, address("some", NOON, NOON + timedelta(minutes=1)), ours=True)
    until(page, f"{VIDEO}.currentTime > 6")
    assert page.evaluate("window.faults") == []
