"""Who is read first of the files that wait."""

from __future__ import annotations

from watcher.ingester.pending import FEW, Turns

NOW = 1_764_000_000.0


def recorded(key: str) -> float:
    """Clips of the tests have their time as their name, those of an unset clock a later one."""
    return float(key.rpartition("/")[2])


def flood(folder: str, count: int) -> list[str]:
    return [f"{folder}/{NOW - 86_400 * 365 + number:.0f}" for number in range(count)]


def test_a_collection_beside_it_keeps_no_live_clip_waiting() -> None:
    """Though more of it comes than is read."""
    turns = Turns(recorded)
    live = f"porch/{NOW - 10:.0f}"
    for number, key in enumerate(flood("archive", 1000)):
        turns.add(key, NOW)
        if number == 500:
            turns.add(live, NOW)
    assert live in {turns.take() for _ in range(2)}
    assert len(turns) == 999


def test_a_collection_in_its_own_folder_keeps_no_live_clip_waiting() -> None:
    """The first few come as they come; of the others it is known that they are old."""
    turns = Turns(recorded)
    live = f"porch/{NOW - 10:.0f}"
    old = flood("porch", 1000)
    for key in [*old[:500], live, *old[500:]]:
        turns.add(key, NOW)
    assert live in {turns.take() for _ in range(FEW + 1)}


def test_a_name_of_the_future_is_no_later_than_now() -> None:
    """A camera without a clock that leaves thousands is read in turn with the others of its folder."""
    turns = Turns(recorded)
    for number in range(100):
        turns.add(f"porch/{NOW + 86_400 * 30 + number:.0f}", NOW)
    turns.add(f"porch/{NOW + 1:.0f}", NOW + 1)
    assert turns.take() == f"porch/{NOW + 1:.0f}"


def test_each_comes_once_however_often_it_is_told_of() -> None:
    """And the last first, where nothing tells more; the root is a folder like the others."""
    turns = Turns(recorded)
    for key in ("1", "2", "1", "3/1"):
        turns.add(key, NOW)
    assert len(turns) == 3
    assert [turns.take() for _ in range(4)] == ["1", "3/1", "2", None]
