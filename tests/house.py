"""`make house`: the rooms of watcher, floor by floor, with what each imports by its modules' imports, and how large it is."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from tests.test_rooms import PACKAGE, ROOMS, imports, label, modules, room, whole


def top(path: Path) -> str:
    """The room of a module."""
    return whole(room(label(path)))


def arrows() -> dict[str, set[str]]:
    """Each room, and those that its modules import."""
    graph: dict[str, set[str]] = {whole(name): set() for name in ROOMS}
    for path in modules():
        if label(path) != "__init__":
            rooms = {room(name[8:].replace(".", "/")) for name in imports(path) if name.startswith("watcher.")}
            graph[top(path)] |= {whole(name) for name in rooms if name} - {top(path)}
    return graph


def floors(graph: dict[str, set[str]]) -> dict[int, list[str]]:
    """The rooms of each floor: a room stands one floor above the highest that it imports."""
    height: dict[str, int] = {}
    while len(height) < len(graph):
        ready = [name for name in graph if name not in height and graph[name] <= height.keys()]
        assert ready, "a circle"
        height |= {name: max((height[below] + 1 for below in graph[name]), default=0) for name in ready}
    floors: dict[int, list[str]] = defaultdict(list)
    for name, floor in height.items():
        floors[floor].append(name)
    return floors


def main() -> None:
    """Print them, the top floor first."""
    graph = arrows()
    sizes: dict[str, list[int]] = defaultdict(list)
    for path in modules():
        sizes[top(path)].append(len(path.read_text().splitlines()))
    for floor, names in sorted(floors(graph).items(), reverse=True):
        for name in sorted(names):
            kind = "/" if (PACKAGE / name).is_dir() else ""
            size = f"{len(sizes[name]):>3} modules {sum(sizes[name]):>6} lines"
            print(f"{floor}  {name + kind:<12} {size}  → {' '.join(sorted(graph[name])) or '—'}")
    print(
        f"{len(graph)} rooms, {sum(map(len, graph.values()))} arrows, {max(floors(graph)) + 1} floors; none points up"
    )


if __name__ == "__main__":
    main()
