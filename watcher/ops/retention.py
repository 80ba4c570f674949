"""`watcher retention`, `watcher sweep` and `watcher bin`: what is to go, by hand."""

from __future__ import annotations

from typing import TextIO

from watcher.model.clip import moment
from watcher.model.doubt import Doubt
from watcher.model.errors import ClipNotFoundError, WatcherError
from watcher.naming.ignore import printable
from watcher.retention.retire import Retention
from watcher.retention.rules import Going, Rules
from watcher.retention.state import allow, remembered
from watcher.retention.sweep import empty_bin, sentence, sweep
from watcher.services import Services

WHY = {
    Doubt.GUESSED: "its start is a guess",
    Doubt.EARLY: "its start is before 2005",
    Doubt.AHEAD: "its start is later than it came",
    Doubt.LAG: "its camera's clock is behind",
}


def show(services: Services, *, out: TextIO) -> int:
    """`watcher retention plan`: what would go now, by which rule and which time; what waits."""
    rules = Rules.of(services)
    if not rules.limits.any:
        print("no rule of retention is set: nothing goes", file=out)
        return 0
    plan = rules.plan(remembered(services), services.root.free_bytes())
    count = total = 0
    for going in plan:
        clip = going.clip
        count, total = count + 1, total + clip.size_bytes
        print(
            f"{going.rule:<13} {clip.started_at:%Y-%m-%d %H:%M:%S}Z  {printable(clip.key)}{_why(going)}", file=out
        )
    print(f"{count:,} clips of {total:,} bytes would go now", file=out)
    for waiting in plan.waiting:
        print(f"{sentence(waiting)}; `watcher retention allow` lets them go", file=out)
    if plan.overshoot_bytes:
        text = f"clips that were very old when they came exceed max_bytes by {plan.overshoot_bytes:,} bytes"
        print(f"{text}: they are spared for {services.settings.retention.grace_days:g} days", file=out)
    return 0


def _why(going: Going) -> str:
    """Which time counted, where that is not the start."""
    doubt = going.clip.doubt
    return "" if doubt is None else f"  (came {moment(going.clip.arrived_ms):%Y-%m-%d %H:%M:%S}Z; {WHY[doubt]})"


def say_allowed(services: Services, *, out: TextIO) -> int:
    """`watcher retention allow`; 1 if nothing waits."""
    plan = Rules.of(services).plan(remembered(services), services.root.free_bytes())
    for _ in plan:
        pass
    if not plan.waiting:
        print("nothing waits", file=out)
        return 1
    until = moment(allow(services).allowed_until_ms)
    for waiting in plan.waiting:
        print(sentence(waiting), file=out)
    print(
        f"what waits may go until {until:%Y-%m-%d %H:%M:%S}Z: the ingester, or `watcher sweep`, removes it",
        file=out,
    )
    return 0


def run(services: Services, *, out: TextIO) -> int:
    """`watcher sweep`: carry the rules out once; 1 if the root is not this catalog's."""
    problem = services.root.marker_problem(services.catalog.database.catalog_id() or "")
    if problem is not None:
        print(problem, file=out)
        return 1
    retention = Retention.of(services)
    empty_bin(services, retention, lacking_bytes=retention.bin_lacks())
    done = sweep(services, retention)
    for rule, (clips, size) in done.items():
        print(f"{rule}: {clips:,} clips of {size:,} bytes removed", file=out)
    if not done:
        print("nothing had to go", file=out)
    return 0


def show_bin(services: Services, *, out: TextIO) -> int:
    """`watcher bin`: what can be had back."""
    binned = Retention.of(services).binned()
    for entry in binned:
        try:
            key = printable(services.catalog.clips.get(entry.clip_id).key)
        except ClipNotFoundError:
            key = "(forgotten)"
        print(f"{entry.clip_id:>8}  {entry.at:%Y-%m-%d %H:%M:%S}Z  {entry.size_bytes:>13,}  {key}", file=out)
    print(f"{len(binned):,} files of {sum(entry.size_bytes for entry in binned):,} bytes are in the bin", file=out)
    return 0


def have_back(services: Services, clip_id: int, *, out: TextIO) -> int:
    """`watcher bin --restore`: 1 if it cannot be had back."""
    try:
        key = Retention.of(services).restore(clip_id)
    except (WatcherError, OSError) as reason:
        print(reason, file=out)
        return 1
    print(f"{printable(key)} is back; the ingester, or `watcher scan`, takes it in", file=out)
    return 0
