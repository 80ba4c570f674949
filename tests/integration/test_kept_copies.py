"""Clips of a bucket that are played from a copy on the local disk: nobody can tell, and nobody sees more."""

from __future__ import annotations

import contextlib
import random
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests.integration.test_buckets import answers, refusing, tiered
from tests.integration.test_stores import address, leave, store_of
from tests.mounting import mounted
from tests.running import RunningUnit, wait_for
from tests.s3_server import Handler, Server, s3_server

ROOM = {"WATCHER_TIERING__CACHE_BYTES": str(1 << 30)}


@pytest.fixture
def server() -> Iterator[Server]:
    with s3_server() as started:
        yield started


def moved(unit: RunningUnit, key: str) -> None:
    wait_for(lambda: store_of(unit, key) == "archive", what="the move", seconds=60)
    wait_for(lambda: not (unit.video / key).exists(), what="its end here")


def copy_of(unit: RunningUnit, key: str) -> Path | None:
    """Its file, once it has its name."""
    clip = unit.clip(key)
    assert clip is not None
    return next((unit.folder / "data" / "spool" / "cold").glob(f"{clip['id']}-*"), None)


def fill(path: Path) -> None:
    """Let a file take what is free on its disk, to the last byte."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(1 << 20)):
            pass


@pytest.mark.slow
def test_a_copy_plays_as_the_clip(
    start_unit: Callable[..., RunningUnit], samples: Path, tmp_path: Path, server: Server
) -> None:
    """Each kind of question has the answer that it had, also of two at once; then no store is needed, until it goes."""
    unit = start_unit(settings={"WATCHER_RENDER__SPRITES": "false"})
    keys = [leave(unit, samples, 1), leave(unit, samples, 2, camera="Ünter 100% #1"), leave(unit, samples, 3)]
    key, other, third = keys
    local = {key: requests.get(address(unit, key), timeout=60) for key in keys}
    requested = {key: (answer.headers["ETag"], answer.headers["Last-Modified"]) for key, answer in local.items()}
    before = {key: answers(unit, key, *requested[key]) for key in keys}
    tiered(unit, tmp_path, server.endpoint, **ROOM)
    for moving in keys:
        moved(unit, moving)
    # It is held up on its way into the copy: who plays it meanwhile has it from the bucket.
    go_on = threading.Event()

    def slow(handler: Handler) -> bool:
        if handler.command == "GET" and "Authorization" in handler.headers:  # the ingester's; a player's are signed
            go_on.wait(60)
        return False

    server.bucket.trick = slow
    for _ in range(2):
        for now, was in zip(answers(unit, key, *requested[key]), before[key], strict=True):
            assert now == was
    assert copy_of(unit, key) is None
    go_on.set()
    server.bucket.trick = None
    requests.get(address(unit, other), timeout=60)
    for played in (key, other):
        copy = wait_for(lambda played=played: copy_of(unit, played), what="a copy")
        assert copy.read_bytes() == local[played].content
    server.bucket.trick = refusing(500)
    for played in (key, other):
        for now, was in zip(answers(unit, played, *requested[played]), before[played], strict=True):
            assert now == was
    data, places = local[key].content, random.Random(24)
    for _ in range(100):
        first, last = sorted(places.choices(range(len(data)), k=2))
        part = requests.get(address(unit, key), headers={"Range": f"bytes={first}-{last}"}, timeout=60)
        assert (part.status_code, part.content) == (206, data[first : last + 1])
    # One that nobody has played is away with its store.
    assert requests.get(address(unit, third), timeout=60).status_code == 503
    server.bucket.trick = None
    # Brought back, it is in the video root; given up for good, it is nowhere. Its copy goes each time.
    clips = {played: unit.clip(played) for played in (key, other)}
    numbers = {played: clip["id"] for played, clip in clips.items() if clip is not None}
    assert requests.post(unit.url(f"/watcher/clips/{numbers[key]}/recall"), timeout=60).status_code == 202
    wait_for(lambda: copy_of(unit, key) is None, what="the end of the copy", seconds=60)
    assert requests.get(address(unit, key), timeout=60).content == data
    gone = requests.delete(unit.url(f"/watcher/clips/{numbers[other]}?bin=false"), timeout=60)
    assert gone.status_code == 204, gone.text
    folder = unit.folder / "data" / "spool" / "cold"
    wait_for(lambda: not [*folder.glob(f"{numbers[other]}-*")], what="the end of the other one", seconds=60)
    wait_for(lambda: requests.get(address(unit, other), timeout=60).status_code == 404, what="that it is nowhere")


@pytest.mark.slow
def test_a_copy_is_nobody_elses(
    start_unit: Callable[..., RunningUnit], samples: Path, tmp_path: Path, server: Server
) -> None:
    """Who may not see a clip does not see its copy, right after somebody who may; its file has no address."""
    unit = start_unit(settings={"WATCHER_AUTH__MODE": "open", "WATCHER_RENDER__SPRITES": "false"})
    key = leave(unit, samples, 1)
    data = requests.get(address(unit, key), timeout=60).content
    tiered(unit, tmp_path, server.endpoint, WATCHER_AUTH__MODE="keys", **ROOM)
    wait_for(lambda: not (unit.video / key).exists(), what="the move", seconds=60)
    secrets = {
        name: unit.run("key", "create", name, "--role", "view", "--camera", camera).stdout.strip()
        for name, camera in (("mine", "porch"), ("other", "gate"))
    }
    mine, others = ({"Authorization": f"Bearer {secrets[name]}"} for name in ("mine", "other"))
    assert requests.get(address(unit, key), headers=mine, timeout=60).content == data
    folder = unit.folder / "data" / "spool" / "cold"
    copy = wait_for(lambda: next(folder.glob("[0-9]*"), None), what="the copy")
    server.bucket.trick = refusing(500)
    for _ in range(2):
        assert requests.get(address(unit, key), headers=mine, timeout=60).content == data
        assert requests.get(address(unit, key), headers=others, timeout=60).status_code == 403
        assert requests.get(address(unit, key), timeout=60).status_code == 401
    for path in (f"/{copy.name}", f"/spool/cold/{copy.name}", f"/watcher/renditions/{copy.name}"):
        assert requests.get(unit.url(path), headers=mine, timeout=60).status_code in {403, 404}


@pytest.mark.slow
def test_a_full_disk_stops_nobody(
    start_unit: Callable[..., RunningUnit], samples: Path, tmp_path: Path, server: Server
) -> None:
    """Where no byte more can be written a clip plays whole from its bucket; what has a copy plays from that."""
    unit = start_unit(settings={"WATCHER_RENDER__SPRITES": "false"})
    keys = [leave(unit, samples, 1), leave(unit, samples, 2)]
    data = {key: requests.get(address(unit, key), timeout=60).content for key in keys}
    tiered(unit, tmp_path, server.endpoint, WATCHER_UPLOAD__MIN_FREE_BYTES="0", **ROOM)
    for key in keys:
        moved(unit, key)
    unit.stop()
    folder = unit.folder / "data" / "spool" / "cold"
    if folder.exists():
        folder.rmdir()
    with mounted(folder, "600m"):  # 512 of them have to be free
        unit.start()
        requests.get(address(unit, keys[0]), timeout=60)
        wait_for(lambda: copy_of(unit, keys[0]), what="a copy")
        fill(folder / ".filled")
        assert shutil.disk_usage(folder).free == 0
        for _ in range(3):
            for key in keys:
                assert requests.get(address(unit, key), timeout=60).content == data[key]
                part = requests.get(address(unit, key), headers={"Range": "bytes=100-"}, timeout=60)
                assert (part.status_code, part.content) == (206, data[key][100:])
        assert copy_of(unit, keys[1]) is None
        unit.stop()
