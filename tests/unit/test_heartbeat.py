"""What the ingester says of itself, and when it said it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from watcher.storage import status


@pytest.mark.parametrize("ahead", [-7200.0, 7200.0])
def test_a_file_server_s_clock_has_no_part_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead: float
) -> None:
    """Files are dated by the machine that has the disk; the heartbeat by ours, of the first word and of each beat."""
    seconds = time.time()
    monkeypatch.setattr(status.time, "time", lambda: seconds + ahead)
    path = tmp_path / "status.json"
    teller = status.Teller(path)
    current = status.Status(
        pid=os.getpid(), watching="native", settling=0, scanning=False, last_scan_at=None, problems={}
    )
    for beat in (0.0, status.HEARTBEAT_SECONDS):
        teller.tell(current, beat)
        answer = status.read(path)
        assert answer is not None
        assert abs(answer[1]) < 1
