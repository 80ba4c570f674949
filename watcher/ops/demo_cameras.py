"""The sample cameras of `make demo`: clips that come while one looks, and clips of the days before.

Clips are labelled as if somebody had looked at them, but for every fourth: there has to be something to review.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from watcher.ops.demo import SCENES, Scene, clip_path, leave_clip
from watcher.services import Services

CLIPS_MOST = 1000  # of one demo, so that it may be forgotten: some 150 MB
FIRST_AT_ONCE = 3
OFTEN = 12  # clips that come quickly, one every SOON_SECONDS; later ones LATER_SECONDS apart
SOON_SECONDS, LATER_SECONDS = 3.0, 60.0
DAYS = 3  # before today, of which there are clips too
OF_DAY = 12  # clips of each of them
AUTHOR = "demo"


def leave_clips(services: Services) -> None:
    """Leave clips, one after another, until somebody ends it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.nice(10)
    with contextlib.suppress(KeyboardInterrupt):
        _leave_clips(services)


def _leave_clips(services: Services) -> None:
    folder, earlier = services.places.video, _earlier(datetime.now().astimezone())
    due: list[tuple[Path, Scene]] = []
    for number in range(CLIPS_MOST):
        scene = SCENES[number % len(SCENES)]
        path = leave_clip(folder, scene, datetime.now().astimezone(), seconds=5 + number % 3 * 2, by_rename=True)
        if number % 4:
            due.append((path, scene))
        until = time.monotonic() + _pause_seconds(number)
        while time.monotonic() < until:
            due = [(left, seen) for left, seen in due if not _labelled(services, left, seen)]
            if number >= FIRST_AT_ONCE and (past := next(earlier, None)) is not None:
                due += _leave(folder, *past)
            else:
                time.sleep(0.2)
    while True:
        signal.pause()


def _pause_seconds(number: int) -> float:
    """Until the clip after this one."""
    if number < FIRST_AT_ONCE:
        return 0.2
    return SOON_SECONDS if number < OFTEN else LATER_SECONDS


def _earlier(now: datetime) -> Iterator[tuple[Scene, datetime]]:
    """What was seen before, the latest day first; the same of each day whenever it is asked."""
    for days in range(DAYS + 1):
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days)
        chance = random.Random(midnight.toordinal())  # nosec B311  # noqa: S311 - the same each time
        for _ in range(OF_DAY):
            minute = chance.choice((460, 760, 1050)) + chance.randrange(
                180
            )  # in the morning, at noon, in the evening
            scene, at = chance.choice(SCENES), midnight + timedelta(minutes=minute, seconds=chance.randrange(60))
            if at < now - timedelta(minutes=10):
                yield scene, at


def _leave(folder: Path, scene: Scene, at: datetime) -> list[tuple[Path, Scene]]:
    """Leave a clip of an earlier day, unless an earlier demo has; what is to be labelled of it."""
    if clip_path(folder, scene, at).exists():
        return []
    path = leave_clip(folder, scene, at, seconds=3 + at.second % 4, by_rename=True)
    return [(path, scene)] if at.minute % 4 else []


def _labelled(services: Services, path: Path, scene: Scene) -> bool:
    """Label a clip, if it is listed by now."""
    clip = services.catalog.clips.by_key(path.relative_to(services.places.video).as_posix())
    if clip is None:
        return False
    services.catalog.labels.put(clip.id, scene.label, author=AUTHOR, confidence=None, now=services.clock.now())
    return True
