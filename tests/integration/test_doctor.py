"""`watcher doctor` on real faults: each is a sentence with a remedy, and nothing is changed by looking."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.running import RunningUnit


def report(unit: RunningUnit) -> tuple[int, str]:
    answer = unit.run("doctor")
    assert answer.stderr == ""
    return answer.returncode, answer.stdout


@pytest.mark.slow
def test_a_healthy_unit(start_unit: Callable[..., RunningUnit]) -> None:
    """Nothing to complain of, running or not."""
    unit = start_unit()
    code, text = report(unit)
    assert code == 0, text
    assert "watcher runs on this data folder" in text
    assert "posters and sprites can be made" in text
    assert "nginx accepts" in text
    assert "BAD" not in text
    unit.stop()
    code, text = report(unit)
    assert code == 0, text
    assert "does not run" in text


def test_before_the_first_start_nothing_is_made(tmp_path: Path) -> None:
    """Looking at an empty machine leaves it empty."""
    unit = RunningUnit(tmp_path / "new")
    code, text = report(unit)
    assert code == 0, text
    assert "the first start makes it" in text
    assert not unit.data.exists()


@pytest.mark.slow
def test_each_fault_has_a_remedy(start_unit: Callable[..., RunningUnit]) -> None:
    """No room, a foreign root, a newer catalog, an nginx that is none, certificates that are not there."""
    unit = start_unit()
    unit.stop()

    def fault(words: str, remedy: str, **settings: str) -> None:
        unit.environment.update(settings)
        code, text = report(unit)
        for name in settings:
            del unit.environment[name]
        assert code == 1, text
        assert words in text
        assert remedy in text

    fault("fewer than upload.min_free_bytes", "[retention]", WATCHER_UPLOAD__MIN_FREE_BYTES=str(10**15))
    fault(
        "cannot be opened", "guide/backup.md", WATCHER_CATALOG__URL="postgresql+psycopg://nobody@127.0.0.1:1/none"
    )
    marker = unit.video / ".watcher"
    text = marker.read_text()
    marker.unlink()
    fault("has no marker", "--accept-root")
    marker.write_text(text)
    engine = sa.create_engine(f"sqlite:///{unit.data}/catalog.db")
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    fault("of a newer watcher", "install that version")
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    assert "watcher backup first" in report(unit)[1]
    engine.dispose()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_of_somebody_else(tmp_path: Path) -> None:
    """Who runs it may not write there."""
    unit = RunningUnit(tmp_path / "unit")
    unit.data.mkdir(mode=0o555)
    code, text = report(unit)
    assert code == 1
    assert "cannot be written" in text
    assert "chown" in text
