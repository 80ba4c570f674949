"""Many readers beside many arrivals: nobody is refused, nothing is locked, and whoever follows has it all."""

from __future__ import annotations

import random
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.builders import probed
from tests.running import RunningUnit, wait_for
from watcher.services import open_services
from watcher.settings.load import load

pytestmark = pytest.mark.slow

SECONDS, RATE, BATCH = 10, 1000, 50
# Lists of any camera and time, each another one, so that none is answered from memory.
LISTS = """
request = function()
  local r = math.random
  return wrk.format("GET", string.format("/watcher/clips?limit=50&camera=cam%d&min_duration=%d.%03d",
    r(0, 6), r(0, 9), r(0, 999)))
end
"""


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_sixty_four_readers_while_a_thousand_arrive_each_second(
    start_unit: Callable[..., RunningUnit], request: pytest.FixtureRequest, tmp_path: Path, engine: str
) -> None:
    """The ingester's way of writing, at that pace or as near as the machine comes to it; both engines."""
    if shutil.which("wrk") is None:
        pytest.skip("wrk is not installed (Debian: wrk)")
    settings = {"WATCHER_RENDER__WORKERS": "0"}
    if engine == "postgresql":
        url = request.getfixturevalue("postgresql")
        name = f"crowd_{random.randrange(1 << 48):x}"
        server = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        with server.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        server.dispose()
        settings["WATCHER_CATALOG__URL"] = url.replace("/postgres?", f"/{name}?")
    unit = start_unit(settings=settings)
    unit.wait_ready()
    catalog = open_services(load(settings).settings, unit.data).catalog
    (tmp_path / "lists.lua").write_text(LISTS)
    command = ["wrk", "-t1", "-c64", f"-d{SECONDS + 2}s", "--timeout", "60s", "-s", str(tmp_path / "lists.lua")]
    written = threading.Event()
    seen: dict[int, tuple[str, int]] = {}

    def follow() -> None:
        address = "/watcher/changes?since=0&limit=500"
        while True:
            last = written.is_set()
            while address:
                answer = unit.get(address).json()
                for change in answer["changes"]:
                    assert change["seq"] == change["clip"]["revision"]
                    seen[change["clip"]["id"]] = (change["clip"]["key"], change["seq"])
                since, address = answer["head"], answer["next"]
            if last:
                return
            address = f"/watcher/changes?since={since}&limit=500"
            time.sleep(0.1)

    follower = threading.Thread(target=follow)
    began = time.monotonic()
    with subprocess.Popen([*command, unit.url("/")], stdout=subprocess.PIPE, text=True) as readers:
        follower.start()
        for start in range(0, SECONDS * RATE, BATCH):
            batch = [
                probed(f"cam{n % 7}/{n}.mp4", n / 100, digest=f"{n:032x}", inode=n)
                for n in range(start, start + BATCH)
            ]
            assert catalog.writes.put(batch, now=batch[-1].started_at) == BATCH
            time.sleep(max(0.0, began + (start + BATCH) / RATE - time.monotonic()))
        written.set()
        report = readers.communicate(timeout=180)[0]
    follower.join()
    assert "Non-2xx" not in report, report
    assert "Socket errors" not in report, report
    with catalog.database.engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT id, key, revision FROM clips"))
        there = {row[0]: (row[1], row[2]) for row in rows}
    assert len(there) == SECONDS * RATE
    assert seen == there
    assert sum(camera["clips"] for camera in unit.get("/watcher/cameras").json()["cameras"]) == SECONDS * RATE
    wait_for(lambda: unit.get("/watcher/readyz").status_code == 200, what="readiness")
    assert "locked" not in unit.logged()
    catalog.database.engine.dispose()
