"""What is concluded of what a model has seen."""

from __future__ import annotations

from watcher.labels.verdict import Rules, verdict
from watcher.model.sight import Picture, Seen
from watcher.settings.labels import Labels

CAR, PERSON = ("car", 0.7, 0.5, 0.2, 0.2), ("person", 0.1, 0.1, 0.2, 0.6)


def seen(thing: tuple[str, float, float, float, float], score: float) -> Seen:
    return Seen(thing[0], score, *thing[1:])


def best(*pictures: tuple[Seen, ...]) -> float | None:
    """The best moment of pictures that are a second apart."""
    rules = Rules(Labels(), "porch")
    return verdict([Picture(float(at), things) for at, things in enumerate(pictures)], 9.0, rules, "m").best


def test_the_best_moment_is_where_most_is_seen() -> None:
    """Somebody beside a car that is surer, and there all the time; of one thing where the model is surest."""
    car, sure = seen(CAR, 0.9), seen(CAR, 0.97)
    assert best((sure,), (car, seen(PERSON, 0.6)), (car, seen(PERSON, 0.8)), (car,)) == 2.0
    assert best((), (seen(PERSON, 0.6),), (seen(PERSON, 0.9),), (seen(PERSON, 0.7),)) == 2.0
    assert best((seen(PERSON, 0.9),), (seen(PERSON, 0.9),)) == 0.0


def test_what_is_no_label_has_no_moment() -> None:
    """Neither what the model is not sure of, nor what nobody wants to know."""
    assert best((), (seen(PERSON, 0.3),)) is None
    assert best((Seen("toaster", 0.9, *CAR[1:]),)) is None
    assert best((seen(PERSON, 0.6), Seen("toaster", 0.9, *CAR[1:])), (seen(PERSON, 0.7),)) == 1.0
