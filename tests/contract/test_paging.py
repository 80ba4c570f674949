"""Pages under writers: no clip is on two of them, and none that stays where it is is left out."""

from __future__ import annotations

import os
import random
import threading
import time

import pytest

from tests.builders import START, probed
from watcher.catalog import Catalog
from watcher.model.clip import ClipFilter, ClipState, Fingerprint, Position, milliseconds

SECONDS = float(os.environ.get("WATCHER_TEST_PAGING_SECONDS", "1"))
STILL, BUSY = 120, 40  # clips that nobody touches, and those that come, go and change without a new start


@pytest.mark.slow
def test_no_clip_is_on_two_pages_while_others_write(catalog: Catalog) -> None:
    """With and without filters, both ways round, clips that come, go missing, come back, change and get labels."""
    catalog.writes.put([probed(f"a/{n:03d}.mp4", 2 * n) for n in range(STILL)], now=START)
    still = {clip.id for clip in catalog.clips.find(ClipFilter(), limit=STILL).clips}
    ended, failed = threading.Event(), []

    def write(seed: int) -> None:
        chance, rounds = random.Random(seed), 0
        try:
            while not ended.wait(0.01):
                rounds += 1
                numbers = chance.sample(range(BUSY), 5)
                some = [
                    probed(
                        f"b/{seed}-{n:03d}.mp4", 2 * n * STILL / BUSY + 1, fingerprint=Fingerprint(rounds, rounds)
                    )
                    for n in numbers
                ]
                catalog.writes.put(some, now=START)
                if rounds % 2:
                    catalog.writes.mark_missing([clip.key for clip in some[:3]], now=START)
                for missing in some[3:]:
                    if (clip := catalog.clips.by_key(missing.key)) is not None:
                        catalog.labels.put(clip.id, "cat", author="test", confidence=None, now=START)
        except Exception as reason:  # told by the test, not by a thread
            failed.append(reason)

    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(3)]
    for writer in writers:
        writer.start()
    walks = 0
    try:
        until = time.monotonic() + SECONDS
        while time.monotonic() < until and not failed:
            for clip_filter in (
                ClipFilter(),
                ClipFilter(states=(ClipState.READY, ClipState.MISSING)),
                ClipFilter(cameras=("a", "b")),
            ):
                for newest_first in (True, False):
                    walks += 1
                    check_walk(catalog, clip_filter, still, newest_first=newest_first)
    finally:
        ended.set()
        for writer in writers:
            writer.join()
    assert not failed, failed
    print(f"{walks} walks")


def check_walk(catalog: Catalog, clip_filter: ClipFilter, still: set[int], *, newest_first: bool) -> None:
    """Walk all pages once."""
    seen: list[tuple[int, int]] = []
    after = None
    while True:
        page = catalog.clips.find(clip_filter, limit=17, newest_first=newest_first, after=after)
        seen += [(milliseconds(clip.started_at), clip.id) for clip in page.clips]
        if not page.more_after:
            break
        after = Position(*seen[-1])
    assert len({clip_id for _, clip_id in seen}) == len(seen), "on two pages"
    assert seen == sorted(seen, reverse=newest_first)
    assert still <= {clip_id for _, clip_id in seen}
