"""A disk that is going to be full is told of well before: by readyz, on Status and in the log."""

from __future__ import annotations

import logging
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.builders import probed
from watcher.catalog import migrate
from watcher.ingester.disk_space import DiskSpace
from watcher.model.clip import Fingerprint
from watcher.services import Services, open_services
from watcher.settings.schema import Retention, Settings
from watcher.web import create_app

HOUR = timedelta(hours=1)


def arrived(folder: Path, retention: Retention, *, days_to_go: float, also_at: timedelta | None = None) -> Services:
    """A catalog of which so much came in the last day that the disk is full in some days."""
    service = open_services(Settings(retention=retention), folder)
    service.places.make()
    migrate(service.catalog.database.engine)
    size = int(shutil.disk_usage(folder).free / days_to_go)
    now = datetime.now(UTC)
    for number, at in enumerate(filter(None, (now - HOUR, also_at and now - also_at))):
        row = probed(f"gate/{number}.mp4", number)
        row = type(row)(
            **{name: getattr(row, name) for name in row.__struct_fields__}
            | {"started_at": at, "fingerprint": Fingerprint(size, number)}
        )
        service.catalog.writes.put([row], now=now)
    return service


def warned(services: Services, caplog: pytest.LogCaptureFixture) -> str | None:
    """What all three say; None where none of them does."""
    client = create_app(services).test_client()
    warning = client.get("/readyz").json.get("warnings", {}).get("disk")
    page = client.get("/status", headers={"Accept": "text/html"}).text
    with caplog.at_level(logging.WARNING):
        task = DiskSpace(services)
        task.turn()
        task.turn()  # said once a day
    messages = [record.getMessage() for record in caplog.records if "will be full" in record.getMessage()]
    services.catalog.database.engine.dispose()
    assert len(messages) == (warning is not None)
    assert ("at the rate of the last day it is full on" in page) == (warning is not None)
    return warning


def test_five_days_before(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With the day, in all three."""
    warning = warned(arrived(tmp_path, Retention(), days_to_go=5.5), caplog)
    days = [(datetime.now(UTC) + timedelta(days=5.5, hours=shift)).astimezone().date() for shift in (-14, 0, 14)]
    assert warning is not None
    assert any(str(day) in warning for day in days)


@pytest.mark.parametrize(
    ("retention", "also_at"),
    [
        (Retention(min_free_bytes=1 << 30), None),
        (Retention(max_bytes=1 << 40), None),
        (Retention(max_age_days=30), timedelta(days=29, hours=12)),
    ],
)
def test_not_where_rules_keep_room(
    retention: Retention, also_at: timedelta | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """By bytes, by the disk, or by age where as much goes as comes."""
    assert warned(arrived(tmp_path, retention, days_to_go=5, also_at=also_at), caplog) is None


def test_also_where_age_alone_will_not_do(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A rule of age that nothing falls under yet keeps no room."""
    assert warned(arrived(tmp_path, Retention(max_age_days=300), days_to_go=3), caplog) is not None


def test_nothing_is_said_of_one_that_grows_slowly(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Three years are no matter of today."""
    assert warned(arrived(tmp_path, Retention(), days_to_go=1000), caplog) is None
