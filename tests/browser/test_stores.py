"""A clip that lies in a store, for a person: it plays and seeks, says where it comes from, and is brought back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Watched, playing, until
from tests.integration.test_stores import leave, store_of, tiered
from tests.running import RunningUnit, wait_for

pytestmark = pytest.mark.browser


def test_from_the_store_and_back(
    browser: Browser, start_unit: Callable[..., RunningUnit], samples: Path, tmp_path: Path
) -> None:
    """At its address, from its middle too; while the disk is away the page says so in words."""
    unit = start_unit()
    key = leave(unit, samples, 1)
    cold = tiered(unit, tmp_path)
    wait_for(lambda: store_of(unit, key) == "archive", seconds=60, what="the move")
    wait_for(lambda: not (unit.video / key).exists(), what="its end here")
    clip = unit.clip(key)
    assert clip is not None
    address = f"/watcher/watch/{clip['id']}"
    with browser.new_context() as context:
        watched = Watched(context, unit)
        page = watched.open(address)
        expect(page.get_by_role("heading", level=1)).to_contain_text("from the store archive")
        page.evaluate("document.querySelector('video').muted = true, void document.querySelector('video').play()")
        wait_for(lambda: playing(page)["frames"] > 0, what="pictures")
        page.evaluate(
            "(() => { const v = document.querySelector('video'); v.pause(); v.currentTime = v.duration / 2; })()"
        )
        until(page, "!document.querySelector('video').seeking")
        assert playing(page)["error"] is None

        page.get_by_text("Details").click()
        page.get_by_role("button", name="Bring it back").click()
        expect(page.get_by_text("It is on its way")).to_be_visible()
        wait_for(lambda: store_of(unit, key) == "local", seconds=60, what="its return")
        page = watched.open(address)
        expect(page.get_by_role("heading", level=1)).not_to_contain_text("archive")
        assert not watched.faults
    assert cold.is_dir()
