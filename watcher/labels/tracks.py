"""What pictures of one clip tell together: which things, since when, until when, and whether they move."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from watcher.model.sight import Picture, Seen, shared

FOLLOWED = 0.2  # of two boxes' union, from which on they are one thing on two pictures
NEAR = 1.5  # sizes of a thing, that its middle may have gone to the next picture
STAYED = 0.65  # of two boxes' union, from which on a thing has not moved
STILL_PICTURES = 0.75  # of a clip's pictures, on which a thing has to be that does not move
GAPS = 2  # pictures on which a thing may not be seen in between


class At(NamedTuple):
    """A thing on one picture."""

    picture: int  # its number
    seconds: float
    seen: Seen


class Track(NamedTuple):
    """One thing, on the pictures on which it is seen."""

    name: str
    sights: list[At]

    @property
    def best(self) -> At:
        """Where the model is surest."""
        return max(self.sights, key=lambda sight: sight.seen.score)

    def still(self, pictures: int) -> bool:
        """Whether it was there from first to last, and did not move; one picture does not tell."""
        ends = self.sights[0].picture, self.sights[-1].picture
        if pictures < 2 or ends != (0, pictures - 1) or len(self.sights) < STILL_PICTURES * pictures:
            return False
        first = self.sights[0].seen.box
        return all(shared(first, sight.seen.box) >= STAYED for sight in self.sights)


def tracks(pictures: Sequence[Picture]) -> list[Track]:
    """Things, each followed from picture to picture: the surest first takes the track that it fits best."""
    tracks_: list[Track] = []
    for number, picture in enumerate(pictures):
        taken: set[int] = set()
        for seen in sorted(picture.seen, key=lambda thing: -thing.score):
            here = At(number, picture.seconds, seen)
            fits = [
                (fit, at)
                for at, track in enumerate(tracks_)
                if at not in taken and track.name == seen.name and (fit := _fit(track.sights[-1], here)) > 0
            ]
            if fits:
                at = max(fits)[1]
                tracks_[at].sights.append(here)
            else:
                at = len(tracks_)
                tracks_.append(Track(seen.name, [here]))
            taken.add(at)
    return tracks_


def _fit(before: At, here: At) -> float:
    """How well a sight goes on from the one before; 0: not at all."""
    if here.picture - before.picture > GAPS + 1:
        return 0.0
    both = shared(before.seen.box, here.seen.box)
    if both >= FOLLOWED:
        return 1 + both
    far = max(
        abs(edge + half / 2 - other - size / 2) / max(half, size)
        for edge, half, other, size in (
            (before.seen.x, before.seen.width, here.seen.x, here.seen.width),
            (before.seen.y, before.seen.height, here.seen.y, here.seen.height),
        )
    )
    return max(0.0, 1 - far / (NEAR * (here.picture - before.picture)))


def spans(sights: Sequence[At], times: Sequence[float], length: float) -> tuple[tuple[float, float], ...]:
    """From when to when something is seen; `times` are those of all pictures.

    It is there from the first picture of a run on, and until half-way to the next one without it.
    """
    there = {sight.picture for sight in sights}
    pairs: list[tuple[float, float]] = []
    begin: float | None = None
    for number, seconds in enumerate(times):
        if number in there:
            begin = seconds if begin is None else begin
        elif begin is not None:
            pairs.append((begin, round((times[number - 1] + seconds) / 2, 2)))
            begin = None
    if begin is not None:
        pairs.append((begin, round(max(length, times[-1]), 2)))
    return tuple(pairs)
