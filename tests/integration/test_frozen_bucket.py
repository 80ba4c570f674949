"""A bucket that takes connections and answers nothing: who asks for it is told soon, and nobody else waits."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.integration.test_buckets import tiered
from tests.integration.test_stores import address, leave, store_of
from tests.running import RunningUnit, wait_for
from tests.s3_server import Handler, s3_server

PLAYERS = 40  # more than nginx and uWSGI have workers


@pytest.mark.slow
def test_a_frozen_store_costs_its_clips_alone(
    start_unit: Callable[..., RunningUnit], samples: Path, tmp_path: Path
) -> None:
    """Local clips and lists are answered while many wait for the store; when it thaws, its clips play."""
    unit = start_unit(settings={"WATCHER_RENDER__SPRITES": "false"})
    key, young = leave(unit, samples, 1), leave(unit, samples, 2, days=0)
    data = requests.get(address(unit, key), timeout=10).content
    thawed = threading.Event()

    def freeze(handler: Handler) -> bool:
        thawed.wait(60)
        handler.close_connection = True
        return True

    with s3_server() as server:
        tiered(unit, tmp_path, server.endpoint)
        wait_for(lambda: store_of(unit, key) == "archive", what="the move")
        wait_for(lambda: not (unit.video / key).exists(), what="its end here")
        server.bucket.trick = freeze
        ask = ["curl", "-s", "-m", "50", "-o", "/dev/null", "-w", "%{http_code}", address(unit, key)]
        players = [subprocess.Popen(ask, stdout=subprocess.PIPE, text=True) for _ in range(PLAYERS)]
        for _ in range(10):  # none waits for as long as the store is waited for, which is ten seconds
            assert requests.get(address(unit, young), timeout=8).status_code == 200
            assert unit.get("/watcher/clips").status_code == 200
            assert unit.get("/watcher/readyz").status_code == 200
        assert {player.communicate()[0] for player in players} == {"503"}
        server.bucket.trick = None
        thawed.set()
        assert requests.get(address(unit, key), timeout=20).content == data
