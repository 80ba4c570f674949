"""Nobody can say who may: the application or the catalog is away for a moment. No error of ours, and no clip either."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests import postgres
from tests.integration.test_access import KEYS, bearer, create
from tests.integration.test_stores import leave
from tests.running import RunningUnit, wait_for

POSTER, COPY, FILM = (
    f"/watcher/renditions/{path}" for path in ("1/1-0a.webp", "proxies/1-0a.mp4", "exports/1/a.mp4")
)


@pytest.fixture
def server() -> Iterator[postgres.Server]:
    with postgres.running() as started:
        yield started


def refusals(unit: RunningUnit, clip: str, **sends: str) -> None:
    """Each kind of address that needs somebody's word is 503 and says so, to programs and to people."""
    for path in (clip, "/porch/none", POSTER, COPY, FILM):
        for more in ({}, {"Range": "bytes=0-1"}, {"Accept": "text/html,*/*"}):
            answer = requests.get(unit.url(path), headers={**sends, **more}, timeout=60)
            assert answer.status_code == 503, (path, more, answer.status_code, answer.text)
            assert answer.headers["Retry-After"]
            assert answer.headers["Cache-Control"] == "no-store"
            assert re.search("The application (is busy|does not answer)", answer.text)
    assert requests.head(unit.url(clip), headers=sends, timeout=60).status_code == 503


@pytest.mark.slow
def test_the_application_is_away(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """For clips, pictures, copies and films; for uploads too. When it is back, all is as it was."""
    unit = start_unit(settings={"WATCHER_AUTH__MODE": "open"})
    clip = f"/{leave(unit, samples, 1)}"
    unit.stop()
    unit.environment |= KEYS
    unit.start()
    sends, data = bearer(create(unit, "admin", "--role", "admin")), (unit.video / clip[1:]).read_bytes()
    socket = unit.folder / "data" / "run" / "app.sock"
    socket.rename(socket.with_name("away.sock"))
    refusals(unit, clip, **sends)
    for method, path in (("PUT", "/watcher/uploads/porch/1.mp4"), ("POST", "/watcher/tus")):
        sent = requests.request(method, unit.url(path), data=data, headers=sends, timeout=60)
        assert sent.status_code == 502, sent.text  # as of whatever else the application is asked
        assert sent.headers["Retry-After"]
        assert sent.json()["code"] == "unavailable"
    socket.with_name("away.sock").rename(socket)
    assert requests.get(unit.url(clip), headers=sends, timeout=60).content == data
    assert requests.get(unit.url(clip), timeout=60).status_code == 401


@pytest.mark.slow
def test_the_catalog_is_away(
    server: postgres.Server, start_unit: Callable[..., RunningUnit], samples: Path
) -> None:
    """The same, where it is the catalog that cannot be asked."""
    unit = start_unit(settings={"WATCHER_CATALOG__URL": server.url, "WATCHER_AUTH__MODE": "open"})
    clip = f"/{leave(unit, samples, 1)}"
    unit.stop()
    unit.environment |= KEYS
    unit.start()
    sends, data = bearer(create(unit, "admin", "--role", "admin")), (unit.video / clip[1:]).read_bytes()
    server.stop()
    try:
        refusals(unit, clip, **sends)
    finally:
        server.start()
    wait_for(lambda: requests.get(unit.url(clip), headers=sends, timeout=60).content == data, what="the clip")
