"""Clips that move to a bucket and back: each is in one place or in two, never in none; tests/ceph asks a real server too."""

from __future__ import annotations

import contextlib
import io
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import catalogs
from tests.contract.test_tiering import (
    Step,
    again,
    bytes_of,
    go_over_a_kill,
    leave,
    local,
    move,
    named,
    return_over_a_kill,
    serving,
)
from tests.contract.test_tiering import sample as sample  # noqa: PLC0414 - a fixture
from tests.s3_server import BUCKET, KEY, SECRET, Server, s3_server
from watcher.catalog import Catalog, open_engine
from watcher.catalog.stored import Lying, StoredClips
from watcher.model.clip import Clip
from watcher.model.errors import DiskFullError, RootAwayError, StoreAwayError
from watcher.ops.store_scan import scan_store
from watcher.retention.retire import Retention
from watcher.services import Services
from watcher.settings.stores import StoreTable
from watcher.storage.video_root import VideoRoot
from watcher.stores.s3 import S3
from watcher.tiering import copies
from watcher.tiering.check import Difference as StoreDifference
from watcher.tiering.check import compare
from watcher.tiering.copies import Copies
from watcher.tiering.footage import Footage
from watcher.tiering.mover import Mover

pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # connections of the killed


def table_of(folder: Path, endpoint: str, bucket: str, *, key: str = KEY, secret: str = SECRET) -> StoreTable:
    """A table of the settings, with its two files."""
    (folder / "key").write_text(key)
    (folder / "secret").write_text(secret)
    files = {"access_key_file": str(folder / "key"), "secret_key_file": str(folder / "secret")}
    return StoreTable(name="cold", kind="s3", endpoint=endpoint, bucket=bucket, prefix="ä b/", **files)


@pytest.fixture
def server() -> Iterator[Server]:
    with s3_server() as started:
        yield started


@pytest.fixture
def table(tmp_path: Path, server: Server) -> StoreTable:
    return table_of(tmp_path, server.endpoint, BUCKET)


@pytest.fixture
def services(catalog: Catalog, tmp_path: Path, table: StoreTable) -> Services:
    return serving(catalog, tmp_path, stores=(table,))


@pytest.fixture
def store(table: StoreTable) -> Iterator[S3]:
    with contextlib.closing(S3.of(table)) as s3:
        yield s3


def lying(services: Services, clip: Clip) -> Lying:
    row = services.catalog.stored.get(clip.id)
    assert row is not None
    return row


THERE: list[tuple[Any, str, str]] = [
    (S3, "put", "after"),
    (S3, "read", "before"),
    (StoredClips, "moved", "after"),
    (Mover, "_remove", "before"),
    (StoredClips, "has_left", "before"),
]


@pytest.mark.parametrize("step", THERE, ids=named)
def test_a_kill_on_the_way_there(
    services: Services, store: S3, monkeypatch: pytest.MonkeyPatch, step: Step
) -> None:
    """As over a disk."""
    clip = go_over_a_kill(services, monkeypatch, step)
    assert [stored.key for stored in store.list()] == [clip.key]
    assert list(compare(services, "cold")) == []


BACK: list[tuple[Any, str, str]] = [
    (VideoRoot, "give", "after"),
    (StoredClips, "returned", "after"),
    (S3, "delete", "after"),
    (StoredClips, "object_gone", "before"),
]


@pytest.mark.parametrize("step", BACK, ids=named)
def test_a_kill_on_the_way_back(services: Services, store: S3, monkeypatch: pytest.MonkeyPatch, step: Step) -> None:
    """The same."""
    return_over_a_kill(services, monkeypatch, step)
    assert list(store.list()) == []


def test_a_put_whose_answer_was_lost(services: Services, store: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    """The object is there all the same: it is compared, and taken for the clip's; another one is not."""
    mine, other = leave(services, 1), leave(services, 2)
    real = S3.put

    def lost(self: S3, *args: Any) -> Any:
        real(self, *args)
        raise StoreAwayError("the store cold broke the connection off")

    with monkeypatch.context() as patched:
        patched.setattr(S3, "put", lost)
        assert "broke the connection off" in (move(services).problem or "")
    with (services.places.video / mine.key).open("rb") as file:
        store.put(other.key, file, mine.size_bytes)
    data = {clip.id: local(services, clip).read_bytes() for clip in (mine, other)}
    assert move(services).problem is None
    for clip in (mine, other):
        assert again(services, clip).store == "cold"
        assert bytes_of(services, clip.key) == data[clip.id]
    kept = {lying(services, clip).store_key for clip in (mine, other)}
    assert kept == {mine.key, other.key.replace(".mp4", f"~{other.id}.mp4")}


def test_two_catalogs_on_one_bucket(services: Services, store: S3, tmp_path: Path, table: StoreTable) -> None:
    """By mistake, with the same clips under the same names: what one lets go is its own, and never the other's."""
    other = another(tmp_path / "other", table)
    mine, theirs = leave(services, 1), leave(other, 1)
    data = local(services, mine).read_bytes()
    assert local(other, theirs).read_bytes() == data
    assert mine.key == theirs.key
    for service in (services, other):
        assert move(service).problem is None
        assert bytes_of(service, mine.key) == data
    places = [lying(services, mine).store_key, lying(other, theirs).store_key]
    assert [stored.key for stored in store.list()] == places
    for service, foreign in ((services, places[1]), (other, places[0])):
        findings = [(finding.key, finding.difference) for finding in compare(service, "cold")]
        assert findings == [(foreign, StoreDifference.UNKNOWN)]
    out = io.StringIO()
    assert scan_store(other, "cold", accept=False, out=out) == 1
    assert "were put there by another catalog" in out.getvalue()
    Retention.of(other).retire(theirs.id, past_bin=True)
    assert move(other).problem is None
    assert [stored.key for stored in store.list()] == [lying(services, mine).store_key]
    assert bytes_of(services, mine.key) == data
    assert list(compare(services, "cold")) == []


def test_the_other_catalog_puts_what_one_has_lost(
    services: Services, store: S3, tmp_path: Path, table: StoreTable
) -> None:
    """The same bytes under the same key are the other's all the same: they are not known again."""
    other = another(tmp_path / "other", table)
    mine, theirs = leave(services, 1), leave(other, 1)
    move(services)
    store.delete(mine.key)
    move(other)
    assert lying(other, theirs).store_key == mine.key
    with services.catalog.database.write() as connection:
        connection.exec_driver_sql(f"UPDATE clips SET store_etag = 'old' WHERE id = {mine.id}")
    out = io.StringIO()
    assert scan_store(services, "cold", accept=False, out=out) == 1
    assert lying(services, mine).etag == "old"
    assert "another catalog's" in out.getvalue()


def another(folder: Path, table: StoreTable) -> Services:
    """A second service with a catalog of its own, on the same bucket."""
    folder.mkdir()
    (folder / "catalog.db").write_bytes(catalogs.empty())
    catalog = Catalog(open_engine(f"sqlite:///{folder}/catalog.db"))
    catalog.database.claim_id("5ec0d000")
    return serving(catalog, folder, stores=(table,))


def test_an_object_that_is_gone_or_another_one(services: Services, store: S3) -> None:
    """`check` tells of it, what was left in the bucket by others is nobody's, and its copy is refused."""
    gone, other = leave(services, 1), leave(services, 2)
    move(services)
    for clip in (gone, other):
        store.delete(clip.key)
    with (services.places.video / "x").open("w+b") as file:
        file.write(b"other")
        store.put(other.key, file, 5)
        store.put("somebody/else.mp4", file, 5)
    findings = {finding.key: finding.difference for finding in compare(services, "cold")}
    assert findings == {
        gone.key: StoreDifference.LOST,
        other.key: StoreDifference.OTHER,
        "somebody/else.mp4": StoreDifference.UNKNOWN,
    }
    footage = Footage.of(services)
    for clip in (gone, other):
        with pytest.raises(FileNotFoundError):
            footage.open(clip.key)
        assert footage.path(clip.key) is None


def test_a_copy_is_kept_and_goes(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second reader asks no store; where there is no room none is made; what is unused goes, and what a crash left."""
    clip = leave(services, 1)
    data = local(services, clip).read_bytes()
    move(services)
    footage = Footage.of(services)
    path = footage.path(clip.key)
    assert path is not None
    assert Path(path).read_bytes() == data
    assert Path(path).stat().st_mtime_ns == lying(services, clip).mtime_ns
    with monkeypatch.context() as patched:
        patched.setattr(S3, "read", lambda *_: pytest.fail("it was asked"))
        assert Footage.of(services).path(clip.key) == path
    assert footage.copies.sweep() == len(data)
    left = Path(path).with_name(".1-left")
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    os.utime(path, ns=(time.time_ns() - 10**9 * 3600, 0))
    assert footage.copies.sweep() == 0
    assert [*Path(path).parent.iterdir()] == []
    full = Copies(Path(path).parent, 1 << 60)
    with pytest.raises(DiskFullError):
        full.path(footage._stores["cold"], lying(services, clip))
    monkeypatch.setattr(copies, "MOST_BYTES", len(data) + 1)
    assert footage.path(clip.key) == path
    second = leave(services, 2)
    move(services)
    with pytest.raises(StoreAwayError, match="too many clips"):  # the first may be about to be opened
        footage.path(second.key)
    monkeypatch.setattr(copies, "USED_SECONDS", 0.0)
    assert footage.path(second.key) is not None
    assert not Path(path).exists()


def test_clips_in_a_bucket_are_read_while_the_local_disk_is_away(services: Services) -> None:
    """Copies lie in the spool, which may be on another disk: the room there counts."""
    clip = leave(services, 1)
    data = local(services, clip).read_bytes()
    move(services)
    services.places.video.rename(services.places.data / "unplugged")
    services.places.video.mkdir()
    with pytest.raises(RootAwayError):
        services.root.check_mounted()
    assert bytes_of(services, clip.key) == data


def test_a_store_that_fails_is_not_asked_again_at_once(services: Services, server: Server) -> None:
    """Nor does a second process wait while another one fetches."""
    clip = leave(services, 1)
    move(services)
    server.bucket.trick = lambda handler: handler.reply(500) or True  # type: ignore[func-returns-value]
    footage = Footage.of(services, hurried=True)
    with pytest.raises(StoreAwayError):
        footage.open(clip.key)
    count = len(server.bucket.requests)
    with pytest.raises(StoreAwayError, match="did not answer just now"):
        Footage.of(services, hurried=True).open(clip.key)
    assert len(server.bucket.requests) == count
    server.bucket.trick = None
    footage.copies.clear()
    footage.copies._folder.mkdir()
    with footage.copies._turn(footage._stores["cold"]):
        with pytest.raises(StoreAwayError, match="another clip"):
            Footage.of(services, hurried=True).open(clip.key)
        os.close(Footage.of(services).open(clip.key))
