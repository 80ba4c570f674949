"""What every store does, whatever its kind."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.s3_server import BUCKET, KEY, SECRET, bucket, s3_server
from watcher.model.errors import MissingError, StoreAwayError, TakenError
from watcher.stores import costs
from watcher.stores.disk import COPIES, MARKER, Disk
from watcher.stores.s3 import S3
from watcher.stores.store import Store

OURS = "0b0e6f0c"


@pytest.fixture(params=["disk", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind; tests/ceph runs what is asked of it over a real S3 server."""
    if request.param == "disk":
        yield disk(tmp_path / "cold")
        return
    with s3_server() as server, contextlib.closing(bucket(server, prefix="cold/ä+1/")) as s3:
        server.bucket.page = 2
        yield s3


def disk(folder: Path) -> Disk:
    folder.mkdir(exist_ok=True)
    place = Disk("cold", folder, OURS)
    place.bind()
    return place


def put(store: Store, key: str, data: bytes) -> None:
    assert store.put(key, io.BytesIO(data), len(data)).size == len(data)


def whole(store: Store, key: str) -> bytes:
    return b"".join(store.read(key, 0, 1 << 40))


def test_what_was_put_is_there(store: Store) -> None:
    """With its length and an ETag; and any part of it can be read."""
    data = os.urandom(3 << 20) + b"end"
    stored = store.put("porch/2026-11-21/070000.mp4", io.BytesIO(data), len(data))
    assert store.find("porch/2026-11-21/070000.mp4") == stored
    assert (stored.key, stored.size) == ("porch/2026-11-21/070000.mp4", len(data))
    assert whole(store, stored.key) == data
    assert b"".join(store.read(stored.key, 1_000_000, 1_500_000)) == data[1_000_000:2_500_000]
    assert b"".join(store.read(stored.key, len(data) - 3, 100)) == b"end"
    assert b"".join(store.read(stored.key, len(data), 1)) == b""


def test_what_is_told_of_an_object(store: Store, tmp_path: Path) -> None:
    """Its file's time, and in a bucket what its bytes were, so that who finds it need not read it."""
    (tmp_path / "film").write_bytes(b"film")
    os.utime(tmp_path / "film", ns=(0, 1_793_489_623_000_000_123))
    with (tmp_path / "film").open("rb") as file:
        store.put("a/1.mp4", file, 4)
    stored = store.find("a/1.mp4")
    assert stored is not None
    assert stored.mtime_ns == 1_793_489_623_000_000_123
    assert stored.sha256 in {"", hashlib.sha256(b"film").hexdigest()}
    assert bool(stored.sha256) is (store.path("a/1.mp4") is None)
    assert stored.owner == ""


def test_what_it_costs_is_counted(store: Store) -> None:
    """Bytes of objects each way, and the requests to a bucket by their method; a list of it is received, too."""
    before = costs.cost_of("cold").so_far()
    put(store, "a/1.mp4", b"x" * 1000)
    assert whole(store, "a/1.mp4") == b"x" * 1000
    after = costs.so_far()["cold"]
    assert after.sent_bytes - before.sent_bytes == 1000
    assert after.received_bytes - before.received_bytes >= 1000
    counts = {name: count - before.requests.get(name, 0) for name, count in after.requests.items()}
    if store.path("-") is None:
        assert counts["PUT"] == 1
        assert counts["GET"] >= 1
    else:
        assert after.received_bytes - before.received_bytes == 1000
        assert not any(counts.values())


def test_an_object_of_a_bucket_names_its_catalog() -> None:
    """A disk has a marker for that."""
    with s3_server() as server:
        for owner, name in (("0b0e6f0c", "0b0e6f0c"), (None, "")):
            s3 = S3("cold", server.endpoint, BUCKET, keys=lambda: (KEY, SECRET), prefix=f"{owner}/", owner=owner)
            with contextlib.closing(s3) as store:
                put(store, "a/1.mp4", b"film")
                stored = store.find("a/1.mp4")
                assert stored is not None
                assert stored.owner == name


def test_an_empty_file(store: Store) -> None:
    """Is an object too."""
    stored = store.put("a/1.mp4", io.BytesIO(b""), 0)
    assert store.find("a/1.mp4") == stored
    assert list(store.list()) == [stored]
    assert whole(store, "a/1.mp4") == b""


def test_nothing_is_written_over(store: Store) -> None:
    """Not with other bytes, and not with the same ones; what is there stays."""
    put(store, "a/1.mp4", b"first")
    for data in (b"second", b"first"):
        with pytest.raises(TakenError):
            store.put("a/1.mp4", io.BytesIO(data), len(data))
    assert whole(store, "a/1.mp4") == b"first"
    assert [entry.key for entry in store.list()] == ["a/1.mp4"]


def test_a_file_that_is_shorter_than_said_is_not_there(store: Store) -> None:
    """All of it or nothing."""
    with pytest.raises(StoreAwayError):
        store.put("a/1.mp4", io.BytesIO(b"short"), 100)
    assert store.find("a/1.mp4") is None
    assert list(store.list()) == []


def test_what_is_not_there(store: Store) -> None:
    """Is found as None, cannot be read, and is removed without an error; so is what is below a file."""
    put(store, "a/1.mp4", b"x")
    for key in ("a/2.mp4", "b/1.mp4", "a/1.mp4/2", "a"):
        assert store.find(key) is None
        with pytest.raises(MissingError):
            whole(store, key)
    store.delete("a/2.mp4")
    store.delete("b/c/2.mp4")
    store.delete("a/1.mp4")
    store.delete("a/1.mp4")
    assert store.find("a/1.mp4") is None


@pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "../a", "a/../b", ".", "a\0b"])
def test_what_is_no_key(store: Store, key: str) -> None:
    """Leads nowhere."""
    calls: list[Callable[[], object]] = [
        lambda: store.find(key),
        lambda: store.delete(key),
        lambda: store.put(key, io.BytesIO(b""), 0),
        lambda: whole(store, key),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="not a key"):
            call()


def test_keys_are_listed_in_the_order_of_their_bytes(store: Store) -> None:
    """As the catalog has them, also after one of them: a folder's name counts with its slash, and emoji come last."""
    keys = ["a.mp4", "a/1.mp4", "a/b/2.mp4", "a0.mp4", "a b.mp4", "ä.mp4", "z%00.mp4", "\uffee.mp4", "🎥/1.mp4"]
    for key in keys:
        put(store, key, key.encode())
    ordered = sorted(keys, key=str.encode)
    assert [entry.key for entry in store.list()] == ordered
    for number, key in enumerate(ordered):
        assert [entry.key for entry in store.list(after=key)] == ordered[number + 1 :]
    assert [entry.key for entry in store.list(after="a/")] == ordered[ordered.index("a/1.mp4") :]
    for key in keys:
        assert whole(store, key) == key.encode()


# — a disk —


def test_a_disk_that_is_away_is_not_empty(tmp_path: Path) -> None:
    """The folder below its mount point has no marker: nothing is written there, and nothing is said to be gone."""
    store = disk(tmp_path / "cold")
    put(store, "a/1.mp4", b"x")
    (tmp_path / "cold").rename(tmp_path / "unplugged")
    for there in (False, True):
        if there:
            (tmp_path / "cold").mkdir()
        for call in (store.find, store.delete, lambda key: list(store.list(key)), lambda key: whole(store, key)):
            with pytest.raises(StoreAwayError, match="away"):
                call("a/1.mp4")
        with pytest.raises(StoreAwayError, match="away"):
            put(store, "a/2.mp4", b"y")
    assert list((tmp_path / "cold").iterdir()) == []
    (tmp_path / "cold").rmdir()
    (tmp_path / "unplugged").rename(tmp_path / "cold")
    assert whole(store, "a/1.mp4") == b"x"


def test_a_disk_of_another_catalog_is_refused(tmp_path: Path) -> None:
    """And one of another name: two disks may have changed their places."""
    disk(tmp_path / "cold")
    for other in (Disk("cold", tmp_path / "cold", "another"), Disk("warm", tmp_path / "cold", OURS)):
        with pytest.raises(StoreAwayError, match=f"is the store cold of catalog {OURS}"):
            other.bind()
        with pytest.raises(StoreAwayError):
            other.find("a")
    assert Disk("cold", tmp_path / "cold", None).find("a") is None


def test_a_link_in_a_disk_is_not_followed(tmp_path: Path) -> None:
    """Neither of a folder nor of a file, for reading, writing, or removing."""
    store = disk(tmp_path / "cold")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/1.mp4").write_bytes(b"not ours")
    (tmp_path / "cold/a").symlink_to(tmp_path / "outside")
    (tmp_path / "cold/1.mp4").symlink_to(tmp_path / "outside/1.mp4")
    assert store.find("a/1.mp4") is None
    assert store.find("1.mp4") is None
    with pytest.raises(MissingError):
        whole(store, "1.mp4")
    with pytest.raises(StoreAwayError):
        put(store, "a/2.mp4", b"x")
    with pytest.raises(TakenError):
        put(store, "1.mp4", b"x")
    store.delete("a/1.mp4")
    assert list(store.list()) == []
    assert [path.name for path in (tmp_path / "outside").iterdir()] == ["1.mp4"]


def test_what_a_kill_left_goes(tmp_path: Path) -> None:
    """After a day; what is younger may be somebody's who still writes it. None of it is an object."""
    store = disk(tmp_path / "cold")
    copies = tmp_path / "cold" / COPIES
    copies.mkdir()
    for name in ("old.tmp", "new.tmp"):
        (copies / name).write_bytes(b"half")
    store.put("a/1.mp4", io.BytesIO(b"x"), 1)
    assert sorted(path.name for path in copies.iterdir()) == ["new.tmp", "old.tmp"]
    assert [entry.key for entry in store.list()] == ["a/1.mp4"]
    assert (tmp_path / "cold" / MARKER).is_file()


def test_a_file_keeps_its_time(tmp_path: Path) -> None:
    """So that it answers with the same ETag and the same Last-Modified from there."""
    store = disk(tmp_path / "cold")
    (tmp_path / "1.mp4").write_bytes(b"film")
    os.utime(tmp_path / "1.mp4", ns=(0, 1_793_489_623_000_000_000))
    with (tmp_path / "1.mp4").open("rb") as file:
        stored = store.put("1.mp4", file, 4)
    assert (tmp_path / "cold/1.mp4").stat().st_mtime_ns == 1_793_489_623_000_000_000
    assert stored.etag == f"{1_793_489_623:x}-4"
