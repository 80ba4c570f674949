"""Logs that one can live with: one number for a request everywhere, JSON for programs, rotation, nothing secret."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import clips
from tests.running import RunningUnit, wait_for


def test_json_with_one_number_for_a_request(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """Every line of every log is an object; a request's answer, nginx's line and the application's share a number."""
    unit = start_unit(settings={"WATCHER_LOG__FORMAT": "json"})
    path = unit.video / "porch" / "1.mp4"
    path.parent.mkdir()
    path.write_bytes((samples / "plain.mp4").read_bytes())
    clip = unit.wait_clip("porch/1.mp4", state="ready")
    answer = unit.get(f"/watcher/clips/{clip['id']}/labels", headers={"X-Request-Id": "mine"})
    number = answer.headers["X-Request-Id"]
    assert re.fullmatch("[0-9a-f]{32}", number)
    shared = unit.run("retention", "plan")
    assert shared.returncode == 0

    def line() -> dict | None:
        lines = [json.loads(text) for text in (unit.log / "access.log").read_text().splitlines()]
        return next((line for line in lines if line["request_id"] == number), None)

    entry = wait_for(line, what="the request in the log")
    assert (entry["method"], entry["status"]) == ("GET", 404)
    unit.wait_logged("porch/1.mp4 is ready")
    entries = [json.loads(text) for text in unit.logged().splitlines()]
    assert any("porch/1.mp4 is ready" in entry["message"] for entry in entries)
    assert all(entry["time"].endswith("+00:00") for entry in entries)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["text", "combined"])
def test_formats_of_requests(kind: str, start_unit: Callable[..., RunningUnit]) -> None:
    """As Apache logs them, or as people read them; what signs a link is left out of both."""
    unit = start_unit(settings={"WATCHER_LOG__FORMAT": kind})
    unit.get("/watcher/clips?limit=3&sig=secretsecret", headers={"User-Agent": "tester/1"})

    def line() -> str:
        lines = (unit.log / "access.log").read_text().splitlines()
        return next((line for line in lines if "/watcher/clips?" in line), "")

    text = wait_for(line, what="the request in the log")
    assert "secretsecret" not in text
    patterns = {
        "combined": r'127\.0\.0\.1 - - \[.+\] "GET /watcher/clips\?\.\.\. HTTP/1\.1" 400 \d+ "-" "tester/1"',
        "text": r'127\.0\.0\.1 \[.+\] "GET /watcher/clips\?\.\.\. HTTP/1\.1" 400 .* id=[0-9a-f]{32} app=[0-9.]+',
    }
    assert re.fullmatch(patterns[kind], text), text


def test_logs_are_rotated_while_it_runs(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """Moved away, they begin anew: nginx when it is told, the ingester by itself."""
    unit = start_unit()
    unit.get("/watcher/clips")
    for name in ("access.log", "ingest.log"):
        (unit.log / name).rename(unit.log / f"{name}.1")
    os.kill(int((unit.data / "run" / "nginx.pid").read_text()), signal.SIGUSR1)
    path = unit.video / "after.mp4"
    path.write_bytes(clips.stamp((samples / "plain.mp4").read_bytes(), 3))
    unit.wait_clip("after.mp4", state="ready")
    wait_for(
        lambda: (unit.log / "ingest.log").exists() and "after.mp4" in unit.logged(), what="the ingester's new log"
    )

    def was_asked() -> bool:
        unit.get("/watcher/labels")
        log = unit.log / "access.log"
        return log.exists() and "/watcher/labels" in log.read_text()

    wait_for(was_asked, what="nginx's new log")
