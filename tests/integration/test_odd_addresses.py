"""Addresses that nobody meant: bytes, escapes, tricks with dots, emoji, lengths; each is answered, none by a fault."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import clips
from tests.integration.test_access import routes
from tests.running import RunningUnit, running

SEED, EACH = 20, 12
ODD = (
    "%ff", "%00", "%c0%ae", "%ed%a0%80", "%f0%9f%a6%8a", "\xff", "..;", "%2e%2e%2f", "%252e", "..", ".", "%0d%0a", "%0a",
    "%", "%zz", "%u0041", "a" * 300, "9" * 40, "-1", "0", "1e9", "1.0", "\u00b2".encode().decode("latin-1"), "%d9%a3",
    "'", '"', "%22", "<", "{}", "\\", "|", "*", "~", "$", "%20", "+", ";", "#", "nul", "%e2%80%ae", "%ef%bf%bf", "__class__",
)  # fmt: skip
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "TRACE", "FOO")


@pytest.fixture(scope="module")
def unit(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Iterator[RunningUnit]:
    with running(tmp_path_factory.mktemp("odd"), settings={"WATCHER_AUTH__MODE": "keys"}) as started:
        (started.video / "porch").mkdir(parents=True)
        (started.video / "porch" / "1.mp4").write_bytes(clips.stamp((samples / "plain.mp4").read_bytes(), 1))
        yield started


@pytest.fixture(scope="module")
def keys(unit: RunningUnit) -> list[str]:
    """Of somebody who may do everything, of a bound viewer, and of a camera."""
    holders = [("all", "admin"), ("bound", "view", "--camera", "porch"), ("sends", "upload", "--camera", "porch")]
    return [unit.run("key", "create", words[0], "--role", *words[1:]).stdout.strip() for words in holders]


class Asking:
    """Requests as they stand, over one connection as long as it lasts."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection: socket.socket | None = None

    def status(self, method: str, path: str, key: str) -> int:
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: 0\r\n"
        with socket.create_connection(("127.0.0.1", self._port), 30) as asking:
            asking.sendall(f"{head}Connection: close\r\n\r\n".encode("latin-1"))
            first = asking.recv(64)
            while asking.recv(65536):
                pass
        return int(first.split()[1]) if first.startswith(b"HTTP/") else 0


def addresses(chance: random.Random) -> Iterator[tuple[str, str]]:
    """Each route and place of media, with something odd in the place of each part and each parameter."""
    known = sorted({(method, path) for method, path, _, _ in routes()})
    media = [
        "/porch/1.mp4",
        "/watcher/renditions/0/1-ab.webp",
        "/watcher/renditions/proxies/1-ab.mp4",
        "/watcher/static/x",
    ]
    known += [("GET", path) for path in media]
    for method, path in known:
        for _ in range(EACH):
            parts = path.split("/")
            place = chance.randrange(1, len(parts))
            odd = chance.choice(ODD)
            parts[place] = chance.choice((odd, parts[place] + odd, odd + parts[place], odd + ".mp4"))
            question = chance.choice(
                ("", f"?{chance.choice(ODD)}={chance.choice(ODD)}", f"?camera={chance.choice(ODD)}")
            )
            yield (method if chance.random() < 0.7 else chance.choice(METHODS)), "/".join(parts) + question


def test_no_address_is_a_fault(unit: RunningUnit, keys: list[str]) -> None:
    """Whoever asks: never 5xx, but for what says that it cannot be done now."""
    chance, asking = random.Random(SEED), Asking(unit.port)
    faults = []
    for method, path in addresses(chance):
        key = chance.choice(keys)
        status = asking.status(method, path, key)
        if status >= 500 and status != 501:
            faults.append((status, method, path, keys.index(key)))
    assert faults == []
    assert "a request failed" not in (unit.log / "app.log").read_text(errors="replace")


@pytest.mark.parametrize(
    "name", ["%ff.mp4", "porch/%ff.mp4", "%ed%a0%80.mp4", "porch/%c0%ae%c0%ae/1.mp4", "%f0%9f%a6%8a"]
)
def test_names_that_are_no_text_are_nobody_s(name: str, unit: RunningUnit, keys: list[str]) -> None:
    """A bound viewer is refused, and who may see all is told that nothing is there."""
    asking = Asking(unit.port)
    assert asking.status("GET", f"/{name}", keys[1]) in {403, 404}
    assert asking.status("GET", f"/{name}", keys[0]) == 404
