"""Copies of clips in buckets that stay to be played: who gets one, what goes first, and what may not stay."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from tests.contract.test_bucket_tiering import lying, table_of
from tests.contract.test_tiering import bytes_of, leave, local, move, serving
from tests.contract.test_tiering import sample as sample  # noqa: PLC0414 - a fixture
from tests.s3_server import BUCKET, Server, s3_server
from watcher.catalog import Catalog
from watcher.catalog.stored import Lying
from watcher.model.clip import Clip
from watcher.retention.retire import Retention
from watcher.services import Services
from watcher.settings.stores import Tiering
from watcher.storage import permission, status
from watcher.storage.permission import Space
from watcher.storage.status import Status
from watcher.stores.s3 import S3
from watcher.tiering import copies
from watcher.tiering.footage import Footage, Stores
from watcher.tiering.keeper import Keeper
from watcher.web import create_app

pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # connections of the ended


@pytest.fixture
def server() -> Iterator[Server]:
    with s3_server() as started:
        yield started


@pytest.fixture
def services(catalog: Catalog, tmp_path: Path, server: Server) -> Services:
    table = table_of(tmp_path, server.endpoint, BUCKET)
    return serving(catalog, tmp_path, stores=(table,), tiering=Tiering(after_days=1, cache_bytes=1 << 20))


def played(services: Services, clip: Clip) -> Path:
    """Where the copy of a clip lies that somebody plays."""
    place = Footage.of(services).place(clip.key, 60)
    assert place is not None
    assert place.copy is not None
    return place.copy


def unused(path: Path, seconds: float) -> None:
    """Nobody has used a copy for so long."""
    os.utime(path, ns=(time.time_ns() - int(seconds * 1e9), path.stat().st_mtime_ns))


def test_who_plays_a_clip_has_a_copy_made(services: Services, server: Server) -> None:
    """Once, whole, with the clip's own time and ending, so that nginx calls it as the clip; and it stays."""
    clip = leave(services, 1)
    data, at = local(services, clip).read_bytes(), local(services, clip).stat().st_mtime_ns
    mover = move(services)
    copy = played(services, clip)
    assert not copy.exists()
    keeper = Keeper(services)
    keeper.turn()
    assert (copy.read_bytes(), copy.stat().st_mtime_ns, copy.suffix) == (data, at, ".mp4")
    requests = len(server.bucket.requests)
    assert played(services, clip) == copy
    keeper.turn()
    assert len(server.bucket.requests) == requests
    unused(copy, 1e6)
    assert mover._copies.sweep() == len(data)
    played(services, clip)
    assert time.time() - copy.stat().st_atime < 60
    assert copy.stat().st_mtime_ns == at


def test_where_nothing_is_set_none_is_made(services: Services) -> None:
    """Nor is anybody asked to."""
    clip = leave(services, 1)
    move(services)
    plain = replace(services, settings=msgspec.structs.replace(services.settings, tiering=Tiering(after_days=1)))
    place = Footage.of(plain).place(clip.key, 60)
    assert place is not None
    assert place.copy is None
    assert Footage.of(plain).copies.wishes() == []


def test_the_longest_unused_goes_first(services: Services) -> None:
    """Beyond the bytes that are set, what was played last stays."""
    clips = [leave(services, number) for number in range(3)]
    move(services)
    size = lying(services, clips[0]).size_bytes
    tiering = Tiering(after_days=1, cache_bytes=2 * size)
    services = replace(services, settings=msgspec.structs.replace(services.settings, tiering=tiering))
    keeper, paths = Keeper(services), []
    for clip in clips:
        paths.append(played(services, clip))
        keeper.turn()
    assert [path.exists() for path in paths] == [True, True, False], "two are played just now"
    for path, seconds in zip(paths[:2], (5000, 9000), strict=True):
        unused(path, seconds)
    played(services, clips[2])
    keeper.turn()
    assert [path.exists() for path in paths] == [True, False, True]
    unused(paths[2], 7000)
    plain = Footage.of(services).copies
    plain.path(Stores(services)["cold"], lying(services, clips[1]))  # somebody needs a file of it
    assert [path.exists() for path in paths] == [True, True, True]
    assert move(services).copies_bytes == plain.sweep() == 2 * size
    assert [path.exists() for path in paths] == [True, True, False]


def test_what_is_larger_than_all_room_is_not_copied(services: Services, server: Server) -> None:
    """It is played from its bucket, and nothing else goes for its sake."""
    clip = leave(services, 1)
    move(services)
    size = lying(services, clip).size_bytes
    tiering = Tiering(after_days=1, cache_bytes=size - 1)
    services = replace(services, settings=msgspec.structs.replace(services.settings, tiering=tiering))
    copy, requests = played(services, clip), len(server.bucket.requests)
    Keeper(services).turn()
    assert (copy.exists(), len(server.bucket.requests)) == (False, requests)


def test_copies_give_way_where_the_disk_gets_full(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """One by one, before anybody else lacks room; what somebody is about to open stays; and none is made then."""
    clips = [leave(services, number) for number in range(3)]
    move(services)
    size = lying(services, clips[0]).size_bytes
    paths = [played(services, clip) for clip in clips]
    keeper = Keeper(services)
    keeper.turn()
    for path, seconds in zip(paths, (5000, 9000, 1), strict=True):
        unused(path, seconds)
    floor, room = services.settings.upload.min_free_bytes + (512 << 20), [2]  # for so many of them

    def space(_folder: Path) -> Space:
        return Space(floor + size * (room[0] - sum(path.exists() for path in paths)), 1 << 20, 1 << 20)

    monkeypatch.setattr(copies, "space", space)
    monkeypatch.setattr(permission, "space", space)
    keeper.turn()
    assert [path.exists() for path in paths] == [True, False, True]
    played(services, clips[1])
    keeper.turn()
    assert [path.exists() for path in paths] == [True, False, True]
    room[0] = 0
    keeper.turn()
    assert [path.exists() for path in paths] == [False, False, True]
    # It gets full while a copy is being made: that one is given up too.
    room[0] = 9
    unused(paths[2], 9000)
    played(services, clips[1])
    read = S3.read

    def filling(self: S3, *what: object) -> Iterator[bytes]:
        for piece in read(self, *what):  # type: ignore[arg-type]
            yield piece
            room[0] = -1
            keeper._looked_at -= 2
            yield b""

    monkeypatch.setattr(S3, "read", filling)
    keeper.turn()
    assert [path.exists() for path in paths] == [False, False, False]
    assert [*paths[0].parent.glob(".[0-9]*")] == []


def test_a_clip_that_is_given_up_leaves_no_copy(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither one that was there, nor one that is being made meanwhile, nor one that a crash left."""
    clips = [leave(services, number) for number in range(3)]
    mover = move(services)
    first, second, third = (played(services, clip) for clip in clips)
    keeper = Keeper(services)
    footage = Footage.of(services)
    footage.copies.settle(clips[1].id)
    keeper.turn()
    assert (first.exists(), second.exists(), third.exists()) == (True, False, True)
    retention = Retention.of(services)
    retention.retire(clips[0].id, past_bin=True)
    mover.turn()
    assert not first.exists()
    played(services, clips[1])
    read = S3.read

    def meanwhile(self: S3, *what: object) -> Iterator[bytes]:
        yield from read(self, *what)  # type: ignore[arg-type]
        retention.retire(clips[1].id, past_bin=True)
        mover.turn()

    with monkeypatch.context() as patched:
        patched.setattr(S3, "read", meanwhile)
        keeper.turn()
    assert not second.exists()
    retention.retire(clips[2].id, past_bin=True)
    monkeypatch.setattr(copies.Copies, "remove", lambda *_: None)  # as if the ingester had ended there
    mover.turn()
    monkeypatch.undo()
    assert third.exists()
    Keeper(services).turn()
    assert not third.exists()


def test_a_clip_that_comes_back_leaves_no_copy(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it does so while its copy is being made: who wanted to read that has the clip itself."""
    clips = [leave(services, number) for number in range(2)]
    mover, read = move(services), S3.read
    was = [bytes_of(services, clip.key) for clip in clips]
    footage = Footage.of(services)
    footage.copies.clear()

    def meanwhile(self: S3, key: str, *what: int) -> Iterator[bytes]:
        yield from read(self, key, *what)
        monkeypatch.setattr(S3, "read", read)  # the mover reads it too
        services.catalog.stored.want(next(clip.id for clip in clips if clip.key == key))
        mover.turn()

    for clip, data in zip(clips, was, strict=True):
        copy = played(services, clip)
        monkeypatch.setattr(S3, "read", meanwhile)
        if clip is clips[0]:
            Keeper(services).turn()
        else:
            assert bytes_of(services, clip.key) == data
        assert (local(services, clip).exists(), copy.exists()) == (True, False)
        assert bytes_of(services, clip.key) == data


@pytest.mark.parametrize("kind", ["bucket", "disk"])
def test_a_clip_that_comes_back_while_it_is_looked_for_is_found(
    catalog: Catalog, tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Neither where it lay, nor called gone: it is read in the video root."""
    table = table_of(tmp_path, server.endpoint, BUCKET)
    services = serving(catalog, tmp_path, **({"stores": (table,)} if kind == "bucket" else {}))
    clips = [leave(services, number) for number in range(2)]
    was = [local(services, clip).read_bytes() for clip in clips]
    mover, footage, elsewhere = move(services), Footage.of(services), Footage._elsewhere

    def meanwhile(self: Footage, key: str) -> Lying | None:
        found = elsewhere(self, key)
        monkeypatch.setattr(Footage, "_elsewhere", elsewhere)  # the mover looks too
        assert found is not None
        services.catalog.stored.want(found.id)
        for _ in range(2):  # it comes back, then its object goes
            mover.turn()
        return found

    for clip, data, asks in zip(clips, was, (footage.open, footage.path), strict=True):
        monkeypatch.setattr(Footage, "_elsewhere", meanwhile)
        answer = asks(clip.key)
        with open(answer, "rb") as file:
            assert file.read() == data


def test_a_clip_that_plays_from_a_copy_is_not_away(services: Services) -> None:
    """In answers and on the page; the others of its store are, and so is all of what the settings do not name."""
    clips = [leave(services, number) for number in range(2)]
    move(services)
    played(services, clips[0])
    Keeper(services).turn()
    said = Status(pid=1, watching="poll", settling=0, scanning=False, last_scan_at=None, problems={})
    status.write(services.places.status, msgspec.structs.replace(said, away={"cold": "it is frozen"}))

    def states(service: Services) -> list[object]:
        client = create_app(service).test_client(use_cookies=False)
        answers = [client.get(f"/clips/{clip.id}").json for clip in clips]
        pages = [client.get(f"/watch/{clip.id}").text for clip in clips]
        return [
            *((answer or {}).get("available_reason") for answer in answers),
            *("frozen" in page for page in pages),
        ]

    assert states(services) == [None, "it is frozen", False, True]
    plain = replace(services, settings=msgspec.structs.replace(services.settings, tiering=Tiering(after_days=1)))
    assert states(plain) == ["it is frozen", "it is frozen", True, True]
    none = replace(services, settings=msgspec.structs.replace(services.settings, stores=()))
    assert states(none)[:2] == ["the store cold is not in the settings any more"] * 2


def test_a_wish_for_what_is_in_no_store_is_none(services: Services, server: Server) -> None:
    """It is forgotten; so is one that a store that is away cannot grant, which the next player wishes anew."""
    clips = [leave(services, number) for number in range(2)]
    move(services)
    copy = [played(services, clip) for clip in clips]
    Retention.of(services).retire(clips[0].id)
    server.bucket.trick = lambda handler: handler.reply(500) or True  # type: ignore[func-returns-value]
    keeper = Keeper(services)
    keeper.turn()
    assert Footage.of(services).copies.wishes() == []
    assert not copy[0].exists()
    assert not copy[1].exists()
