"""What retention remembers between two sweeps: which time has passed, since when its rules hold, what waits.

The wall clock may jump, in either direction, and nobody can tell a wrong clock from a corrected one at once. Time
that was seen to pass (by a clock that only counts) is believed; what a jump adds is believed after `grace_days`, or
after a rule's own age where that is less. So no clip goes for a jump before it has been here for that long.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from watcher.model.doubt import DAY_MS

JUMP_MS = 3_600_000  # less is how clocks drift, and is believed at once
UNSEEN_MS = 3 * DAY_MS  # that the machine may have been off for, over a long weekend: believed at once
ALLOWED_MS = DAY_MS  # for which a person's word holds
JUMPS_MOST = 50


class Tick(NamedTuple):
    """A look at all clocks at once, in milliseconds."""

    wall_ms: int
    boot: str  # which start of the machine it is …
    boot_ms: int  # … and what has passed since then, asleep as well


class Jump(msgspec.Struct, frozen=True, array_like=True):
    """By how much the wall clock went ahead of what passed, and for how long that is known."""

    ms: int
    waited_ms: int = 0


class Waiting(msgspec.Struct, frozen=True):
    """Clips that a rule would remove, and that wait for a person's word; no camera ("") for a rule of all bytes."""

    rule: str
    camera: str
    clips: int
    size_bytes: int


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered. `wall_ms`, `boot` and `boot_ms` are of the last look; the other times are believed."""

    wall_ms: int
    boot: str
    boot_ms: int
    rules: str  # those in force, as text
    swept_ms: int  # when all rules were carried out last
    changed_ms: int  # what was due by then, and is there, is not due by passing time alone
    jumps: tuple[Jump, ...] = ()
    steady_ms: int = 0  # for so long the clock has not jumped in either direction
    allowed_until_ms: int = 0
    waiting: tuple[Waiting, ...] = ()
    overshoot_bytes: int = 0  # by which clips that are spared exceed `max_bytes`
    lags: dict[str, int] = {}  # by camera, of a clock that is behind

    def now_ms(self, grace_ms: int) -> int:
        """The moment that rules go by whose clips are spared for so long."""
        return self.wall_ms - sum(jump.ms for jump in self.jumps if jump.waited_ms < grace_ms)

    def since_ms(self, grace_ms: int) -> int:
        """What falls due after this moment, by such a rule, is due by passing time."""
        since = max(self.swept_ms - DAY_MS, self.changed_ms)
        believed = [jump.waited_ms - grace_ms for jump in self.jumps if jump.waited_ms >= grace_ms]
        return max([since, *(self.now_ms(grace_ms) - ago for ago in believed)])

    @property
    def believed_ms(self) -> int:
        """Now, by the clock that no jump moves before it is believed."""
        return self.wall_ms - sum(jump.ms for jump in self.jumps)

    def allows(self, rules: str) -> bool:
        """Whether a person has said that what waits may go: for a day, and by the rules of then."""
        return self.wall_ms < self.allowed_until_ms <= self.wall_ms + ALLOWED_MS and self.rules == rules


def advance(
    old: Remembered | None, tick: Tick, *, rules: str, grace_ms: int, ran_ms: int | None = None
) -> Remembered:
    """What is remembered, as of now. Where nothing is, it begins at `ran_ms`, when a watcher ran last."""
    wall, boot, boot_ms = tick
    if old is None:
        began = wall if ran_ms is None else min(ran_ms, wall)
        return Remembered(wall_ms=wall, boot=boot, boot_ms=boot_ms, rules=rules, swept_ms=began, changed_ms=began)
    gap = wall - old.wall_ms
    passed = max(0, boot_ms - old.boot_ms if boot == old.boot else min(gap, UNSEEN_MS))
    waited = [Jump(jump.ms, jump.waited_ms + passed) for jump in old.jumps]
    jumps = [jump for jump in waited if jump.waited_ms < grace_ms]
    allowed, steady = old.allowed_until_ms, old.steady_ms + passed
    if (ahead := gap - passed) > JUMP_MS:
        jumps = [*jumps, Jump(ahead)][-JUMPS_MOST:]
        allowed = steady = 0
    elif ahead < -JUMP_MS:
        jumps, allowed, steady = _taken_back(jumps, -ahead), 0, 0
    now = wall - sum(jump.ms for jump in jumps)
    # What a jump makes due as soon as it is believed is not due by passing time.
    changed = now if any(jump.waited_ms >= grace_ms for jump in waited) else old.changed_ms
    if rules != old.rules:
        changed, allowed = max(changed, old.swept_ms), 0
    return msgspec.structs.replace(
        old,
        wall_ms=wall,
        boot=boot,
        boot_ms=boot_ms,
        rules=rules,
        swept_ms=min(old.swept_ms, now),
        changed_ms=min(changed, now),
        jumps=tuple(jumps),
        steady_ms=steady,
        allowed_until_ms=allowed,
    )


def _taken_back(jumps: list[Jump], back: int) -> list[Jump]:
    """A clock that goes back takes back what it jumped ahead, the last jump first."""
    left = list(jumps)
    while left and back > 0:
        last = left.pop()
        if last.ms > back:
            left.append(Jump(last.ms - back, last.waited_ms))
        back -= last.ms
    return left
