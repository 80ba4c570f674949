"""Which of what a model has seen becomes a label: by thresholds, areas, groups, and what has long stood there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from watcher.catalog.inspections import ModelLabel
from watcher.labels.tracks import STAYED, At, Track, spans, tracks
from watcher.model.clip import Sight
from watcher.model.sight import Picture, Seen, shared
from watcher.settings.labels import Labels

BOXES = 24  # of a label that are told: of more, those in which the model is surest
EARLIER = 0.6  # of the threshold: a track that reaches it is believed from this on


class Verdict(NamedTuple):
    """What is concluded about a clip."""

    labels: list[ModelLabel]
    seen: list[Seen]  # of each label the best sight that counts, whatever the threshold
    still: list[Seen]  # what was there all the time, and did not move
    best: float | None = None  # second at which most of the labels are seen best; None without labels


class Rules:
    """The settings that hold for one camera."""

    def __init__(self, settings: Labels, camera: str) -> None:
        self._settings = settings
        self._camera = camera
        self._all = "*" in settings.wanted
        self._groups = {label: group.name for group in settings.groups for label in group.labels}
        self._areas = [area for area in settings.areas if area.camera == camera]

    def name(self, label: str) -> str | None:
        """What a class becomes: its group, itself, or nothing."""
        name = self._groups.get(label, label)
        return name if self._all or label in self._groups or label in self._settings.wanted else None

    def threshold(self, label: str) -> float:
        """How sure the model has to be; what is said of camera and label comes before what is said of one."""
        name = self._groups.get(label, label)
        thresholds = {
            (threshold.camera, threshold.label): threshold.threshold for threshold in self._settings.thresholds
        }
        for camera in (self._camera, ""):
            for key in (label, name, ""):
                if (camera, key) in thresholds:
                    return thresholds[camera, key]
        return self._settings.threshold

    def counts(self, seen: Seen) -> bool:
        """Whether it stands where things count."""
        areas = [a for a in self._areas if not a.labels or {seen.name, self.name(seen.name)} & set(a.labels)]
        at = seen.x + seen.width / 2, seen.y + seen.height
        inside = [area.counts for area in areas if within(at, area.polygon)]
        return False not in inside and (True in inside or not any(area.counts for area in areas))


def verdict(
    pictures: Sequence[Picture], length: float, rules: Rules, model: str, nearby: Sequence[Seen] = ()
) -> Verdict:
    """What is concluded; `nearby` is what stood still on the clips beside this one: a label tells of it once."""
    there = [track for track in (_counting(track, rules) for track in tracks(pictures)) if track is not None]
    still = [track.best.seen for track in there if track.still(len(pictures))]
    by_label: dict[str, list[Track]] = {}
    best: dict[str, Seen] = {}
    for track in there:
        name, seen = rules.name(track.name) or track.name, track.best.seen
        if name not in best or best[name].score < seen.score:
            best[name] = Seen(name, seen.score, *seen.box)
        before = track.still(len(pictures)) and any(
            thing.name == track.name and shared(thing.box, seen.box) >= STAYED for thing in nearby
        )
        if seen.score >= rules.threshold(track.name) and not before:
            by_label.setdefault(name, []).append(track)
    times = [picture.seconds for picture in pictures]
    return Verdict(
        [_label(name, some, times, length, rules, model) for name, some in by_label.items()],
        list(best.values()),
        still,
        _best_moment(by_label),
    )


def _best_moment(by_label: Mapping[str, Sequence[Track]]) -> float | None:
    """The second at which labels together are seen best: a visitor beside a car that is there all the time, say."""
    scores: dict[float, dict[str, float]] = {}
    for name, some in by_label.items():
        for sight in (sight for track in some for sight in track.sights):
            there = scores.setdefault(sight.seconds, {})
            there[name] = max(there.get(name, 0.0), sight.seen.score)
    return max(scores, key=lambda at: (sum(scores[at].values()), -at), default=None)


def _counting(track: Track, rules: Rules) -> Track | None:
    """The sights of a track that count; None where it is not wanted, or never stands where it counts."""
    if rules.name(track.name) is None:
        return None
    sights = [sight for sight in track.sights if rules.counts(sight.seen)]
    return Track(track.name, sights) if sights else None


def _label(
    name: str, some: Sequence[Track], times: Sequence[float], length: float, rules: Rules, model: str
) -> ModelLabel:
    best = max((track.best for track in some), key=lambda sight: sight.seen.score)
    sights = [
        sight
        for track in some
        for sight in track.sights
        if sight.seen.score >= EARLIER * min(rules.threshold(track.name), track.best.seen.score)
    ]
    at = min(sight.seconds for sight in sights)
    surest = sorted(sights, key=lambda sight: -sight.seen.score)[:BOXES]
    boxes = tuple(sorted(_placed(sight) for sight in surest))
    return ModelLabel(name, best.seen.score, Sight(at, spans(sights, times, length), best.seen.box, model, boxes))


def _placed(sight: At) -> tuple[float, float, float, float, float]:
    x, y, width, height = (round(side, 3) for side in sight.seen.box)
    return sight.seconds, x, y, width, height


def within(at: tuple[float, float], polygon: Sequence[tuple[float, float]]) -> bool:
    """Whether a point is in a polygon: a ray from it crosses its sides an odd number of times.

    >>> within((0.5, 0.6), [(0, 0.5), (1, 0.5), (1, 1), (0, 1)]), within((0.5, 0.4), [(0, 0.5), (1, 0.5), (1, 1)])
    (True, False)
    """
    x, y = at[0], min(at[1], 1 - 1e-9)  # what reaches the lower edge stands in the picture
    inside = False
    for (x1, y1), (x2, y2) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
            inside = not inside
    return inside
