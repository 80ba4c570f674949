"""`watcher scan --store`: clips that looked lost are back, objects that nobody knew are clips, and nothing is taken twice."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import io
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests import clips
from tests.contract.test_bucket_tiering import table_of
from tests.contract.test_tiering import Killed, adopt, again, bytes_of, killed, leave, local, move, serving
from tests.contract.test_tiering import sample as sample  # noqa: PLC0414 - a fixture
from tests.s3_server import BUCKET, Server, s3_server
from watcher.catalog import Catalog
from watcher.catalog.adoption import Adoption
from watcher.catalog.stored import RETURNED, Lying, StoredClips
from watcher.model.clip import Clip, ClipState, TimeSource
from watcher.model.clock import SystemClock
from watcher.model.errors import ConfigError
from watcher.ops.check import check
from watcher.ops.store_scan import scan_store
from watcher.retention.retire import Retention
from watcher.services import Services
from watcher.settings.stores import StoreTable
from watcher.stores import open_store
from watcher.stores.disk import MARKER
from watcher.stores.store import Store
from watcher.tiering.check import compare
from watcher.tiering.copies import Copies
from watcher.tiering.mover import Mover

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
OTHERS = "garden/2026-01-02/03-04-05.mp4"  # Frigate's


class Later(SystemClock):
    """An hour later: what was just written is quiet."""

    def now(self) -> datetime:
        return super().now() + timedelta(hours=1)


@pytest.fixture(params=["disk", "s3"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StoreTable]:
    if request.param == "disk":
        yield StoreTable(name="cold", kind="disk", path=str(tmp_path / "cold"))
        return
    with s3_server() as server:
        server.bucket.page = 2
        yield table_of(tmp_path, server.endpoint, BUCKET)


@pytest.fixture
def services(catalog: Catalog, tmp_path: Path, table: StoreTable) -> Services:
    return serving(catalog, tmp_path, stores=(table,))


@pytest.fixture
def store(services: Services, table: StoreTable) -> Iterator[Store]:
    with contextlib.closing(open_store(table, services.catalog.database.catalog_id())) as opened:
        opened.bind()
        yield opened


def scan(services: Services, *, accept: bool = False, later: bool = True) -> tuple[int, str]:
    """What it returns and says."""
    out = io.StringIO()
    at = dataclasses.replace(services, clock=Later()) if later else services
    return scan_store(at, "cold", accept=accept, out=out), out.getvalue()


def forget(services: Services, *those: Clip, missing: bool = True) -> None:
    """Let the catalog be as it was before clips moved; and, where it has looked already, miss them."""
    with services.catalog.database.write() as connection:
        for clip in those:
            connection.exec_driver_sql(
                "UPDATE clips SET store = NULL, store_key = NULL, store_etag = NULL, store_sha256 = NULL, "
                f"store_ms = NULL, store_due = 0 WHERE id = {clip.id}"
            )
        connection.exec_driver_sql("DELETE FROM facts WHERE name = 'store cold'")
    if missing:
        services.catalog.writes.mark_missing([clip.key for clip in those], now=datetime.now(UTC))


def put(store: Store, key: str, data: bytes) -> None:
    store.put(key, io.BytesIO(data), len(data))


def film(samples: Path, number: int) -> bytes:
    return clips.stamp((samples / "plain.mp4").read_bytes(), number)


def lying(services: Services, clip: Clip) -> Lying:
    row = services.catalog.stored.get(clip.id)
    assert row is not None
    return row


def all_clips(services: Services) -> list[Clip]:
    with services.catalog.database.engine.connect() as connection:
        ids = connection.exec_driver_sql("SELECT id FROM clips ORDER BY id").scalars().all()
    return [services.catalog.clips.get(number) for number in ids]


@pytest.mark.parametrize("missing", [True, False], ids=["missing", "not looked at yet"])
def test_clips_that_moved_after_the_backup_are_back(services: Services, *, missing: bool) -> None:
    """Under their ids, with what was said of them; the row is what the mover wrote, sums too; twice is once."""
    mine = [leave(services, number) for number in (1, 2, 3)]
    services.catalog.labels.put(mine[0].id, "fox", author="somebody", confidence=None, now=datetime.now(UTC))
    services.catalog.writes.correct(mine[1].id, note="keep", held=True)
    data = {clip.id: local(services, clip).read_bytes() for clip in mine}
    move(services)
    moved = [lying(services, clip) for clip in mine]
    sums = services.catalog.clips.listed_count()
    forget(services, *mine, missing=missing)
    out = io.StringIO()
    assert check(services, list_ignored=False, out=out) == int(not missing)
    assert "3 objects of the store cold are no clip's: `watcher scan --store cold` brings" in out.getvalue()
    assert scan(services) == (0, "cold: 3 clips are back\n")
    assert [lying(services, clip) for clip in mine] == moved
    for clip in mine:
        assert (again(services, clip).state, again(services, clip).store) == (ClipState.READY, "cold")
        assert bytes_of(services, clip.key) == data[clip.id]
    assert [label.name for label in again(services, mine[0]).labels or ()] == ["fox"]
    assert (again(services, mine[1]).note, again(services, mine[1]).held) == ("keep", True)
    assert services.catalog.clips.listed_count() == sums
    assert list(compare(services, "cold")) == []
    revision = services.catalog.clips.head()
    assert scan(services) == (0, "cold: nothing that was not known\n")
    assert services.catalog.clips.head() == revision
    assert move(services).problem is None
    assert check(services, list_ignored=False, out=out) == 0


def test_a_clip_with_its_number_behind_its_name_is_back(services: Services, store: Store, samples: Path) -> None:
    """Something else had its name in the store: that becomes a clip only where the name is nobody's."""
    clip = leave(services, 1)
    put(store, clip.key, film(samples, 99))
    move(services)
    numbered = clip.key.replace(".mp4", f"~{clip.id}.mp4")
    assert lying(services, clip).store_key == numbered
    forget(services, clip)
    code, text = scan(services)
    assert (code, again(services, clip).state, lying(services, clip).store_key) == (1, ClipState.READY, numbered)
    assert f"not the clip of its name: {clip.key}: clip {clip.id} has another content" in text
    assert bytes_of(services, clip.key) != film(samples, 99)
    assert store.find(clip.key) is not None
    assert len(all_clips(services)) == 1


def test_a_clip_that_was_renamed_after_the_backup_is_back(services: Services) -> None:
    """By its content, and plays at the address that the catalog knows."""
    clip = leave(services, 1)
    data = local(services, clip).read_bytes()
    other = clip.key.replace("porch", "gate")
    (services.places.video / other).parent.mkdir(parents=True)
    local(services, clip).rename(services.places.video / other)
    adopt(services, other)
    assert again(services, clip).key == other
    move(services)
    with services.catalog.database.write() as connection:
        connection.exec_driver_sql(f"UPDATE clips SET key = '{clip.key}' WHERE id = {clip.id}")
    forget(services, again(services, clip))
    assert scan(services) == (0, "cold: 1 clips are back\n")
    assert (again(services, clip).key, lying(services, clip).store_key) == (clip.key, other)
    assert bytes_of(services, clip.key) == data


def test_objects_that_nobody_knew_become_clips(services: Services, store: Store, samples: Path) -> None:
    """Camera and start by the presets, their pictures are due; what is no clip is counted, what is broken is named."""
    put(store, OTHERS, film(samples, 1))
    put(store, "garden/2026-01-02/03-05-05.mp4", film(samples, 2)[:6_000])
    put(store, "garden/2026-01-02/03-05-05.jpg", b"a picture")
    put(store, "notes/film", b"no film")
    put(store, "garden/2026-01-02/03-06-05~17.mp4", film(samples, 3))
    put(store, "garden/empty.mp4", b"")
    code, text = scan(services)
    assert code == 0, text
    assert text.startswith("broken: garden/2026-01-02/03-05-05.mp4: ")
    assert text.endswith("cold: 2 became new clips, 1 became broken clips, 3 are no clips\n")
    clip = services.catalog.clips.by_key(OTHERS)
    assert clip is not None
    assert (clip.camera, clip.state, clip.store, clip.media is None) == ("garden", ClipState.READY, "cold", False)
    assert (clip.time_source, clip.started_at) == (TimeSource.NAME, datetime(2026, 1, 2, 3, 4, 5).astimezone())
    numbered = services.catalog.clips.by_key("garden/2026-01-02/03-06-05~17.mp4")
    assert numbered is not None
    assert (numbered.camera, numbered.started_at) == ("garden", datetime(2026, 1, 2, 3, 6, 5).astimezone())
    due = services.catalog.files.unrendered(9)
    assert sorted(job.id for job in due) == sorted([clip.id, numbered.id])
    assert bytes_of(services, OTHERS) == film(samples, 1)
    assert services.catalog.clips.listed_count() == 3
    assert scan(services) == (0, "cold: 3 are no clips\n")
    assert move(services).problem is None


def test_a_clip_of_a_lost_catalog_has_its_time(
    services: Services, store: Store, table: StoreTable, tmp_path: Path, samples: Path
) -> None:
    """A name that tells none: the file's time went along, and what another catalog put is taken on a person's word."""
    at = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC).timestamp()
    (tmp_path / "film.mp4").write_bytes(film(samples, 1))
    os.utime(tmp_path / "film.mp4", (at, at))
    if table.kind == "disk":
        (Path(table.path) / MARKER).unlink()
    with contextlib.closing(open_store(table, "another")) as lost, (tmp_path / "film.mp4").open("rb") as file:
        lost.bind()
        lost.put("porch/a film.mp4", file, len(film(samples, 1)))
    code, text = scan(services)
    assert (code, all_clips(services)) == (1, [])
    assert "another" in text
    assert "watcher scan --store cold --accept-root" in text
    assert scan(services, accept=True) == (0, "cold: 1 became new clips\n")
    (clip,) = all_clips(services)
    assert (clip.camera, clip.time_source) == ("porch", TimeSource.MTIME)
    assert clip.started_at.timestamp() == pytest.approx(at - (clip.duration_seconds or 0), abs=0.01)
    assert scan(services) == (0, "cold: nothing that was not known\n")


def move_by_half(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mover that ends between its object and its row."""
    with monkeypatch.context() as patched:
        killed(patched, StoredClips, "moved", "before")
        with pytest.raises(Killed):
            move(services)


def test_what_the_mover_has_in_hand_is_left_to_it(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put, and not noted yet, when the scan comes: no second clip, and the mover takes it for its own."""
    clip = leave(services, 1)
    move_by_half(services, monkeypatch)
    assert scan(services) == (0, "cold: 1 are of clips that lie elsewhere too\n")
    assert len(all_clips(services)) == 1
    assert again(services, clip).store is None
    # Renamed before the mover's next turn: what it left is a copy.
    other = clip.key.replace("porch", "gate")
    (services.places.video / other).parent.mkdir(parents=True)
    local(services, clip).rename(services.places.video / other)
    adopt(services, other)
    assert scan(services) == (0, f"a copy: {clip.key}: clip {clip.id}\ncold: 1 are copies of clips\n")
    assert move(services).problem is None
    assert lying(services, clip).store_key == other
    assert scan(services)[1].endswith("cold: 1 are copies of clips\n")


def test_a_move_in_the_middle_of_a_scan(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mover notes its row and removes the file between two steps of the scan: it stays the mover's."""
    clip = leave(services, 1)
    move_by_half(services, monkeypatch)
    real = Adoption.named

    def meanwhile(self: Adoption, *args: Any) -> Any:
        rows = real(self, *args)
        assert move(services).problem is None
        return rows

    monkeypatch.setattr(Adoption, "named", meanwhile)
    assert scan(services)[0] == 0
    assert len(all_clips(services)) == 1
    assert (again(services, clip).state, lying(services, clip).due) == (ClipState.READY, 0)
    assert list(compare(services, "cold")) == []


def test_what_was_given_up_does_not_come_back(
    services: Services, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the bin, while its object goes, and when that went; nor an object that was left of one that was local."""
    binned, gone, left = (leave(services, number) for number in (1, 2, 3))
    with local(services, left).open("rb") as file:
        store.put(left.key, file, left.size_bytes)
    Retention.of(services).retire(left.id)
    move(services)
    retention = Retention.of(services)
    retention.retire(binned.id)
    retention.retire(gone.id, past_bin=True)
    text = f"of a clip that was given up: {left.key}: clip {left.id}\ncold: 1 are of clips that were given up\n"
    assert scan(services) == (0, text)
    with monkeypatch.context() as patched:
        killed(patched, StoredClips, "object_gone", "before")
        with pytest.raises(Killed):
            move(services)
    assert store.find(gone.key) is None
    assert scan(services) == (0, text)
    move(services)
    assert scan(services) == (0, text)
    assert {clip.id: clip.state for clip in all_clips(services)} == dict.fromkeys(
        (binned.id, gone.id, left.id), ClipState.RETIRED
    )
    assert retention.restore(binned.id) == binned.key


def test_a_clip_that_goes_while_it_is_read(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Retired between the scan's reading and its writing: it stays retired."""
    clip = leave(services, 1)
    move(services)
    forget(services, clip)
    real = Adoption.bring_back

    def meanwhile(self: Adoption, *args: Any, **more: Any) -> bool:
        Retention.of(services).retire(clip.id)
        return real(self, *args, **more)

    monkeypatch.setattr(Adoption, "bring_back", meanwhile)
    assert scan(services)[0] == 0
    assert again(services, clip).state is ClipState.RETIRED


def test_a_clip_that_comes_back_by_itself(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """On its way back, its object still there: its own; and its file gone before that, its object is all there is."""
    clip = leave(services, 1)
    move(services)
    services.catalog.stored.want(clip.id)
    with monkeypatch.context() as patched:
        killed(patched, Mover, "_drop_object", "before")
        killed(patched, StoredClips, "returned", "after")
        with pytest.raises(Killed):
            move(services)
    assert lying(services, clip).due == RETURNED
    assert scan(services) == (0, "cold: 1 are of clips that lie elsewhere too\n")
    data = local(services, clip).read_bytes()
    local(services, clip).unlink()
    assert scan(services) == (0, "cold: 1 clips are back\n")
    assert bytes_of(services, clip.key) == data
    assert list(compare(services, "cold")) == []


def test_a_clip_that_is_given_up_right_after_its_return(
    services: Services, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its object goes, though its file is in the bin by then; and it can be had back from there."""
    clip = leave(services, 1)
    data = local(services, clip).read_bytes()
    move(services)
    services.catalog.stored.want(clip.id)
    with monkeypatch.context() as patched:
        killed(patched, StoredClips, "returned", "after")
        with pytest.raises(Killed):
            move(services)
    retention = Retention.of(services)
    retention.retire(clip.id)
    assert move(services).problem is None
    assert store.find(clip.key) is None
    assert retention.restore(clip.id) == clip.key
    assert local(services, clip).read_bytes() == data


def test_another_object_under_a_clips_name(services: Services, store: Store, samples: Path) -> None:
    """Is not that clip: it is named, the row stays as it is, and so does the object."""
    clip = leave(services, 1)
    move(services)
    forget(services, clip)
    store.delete(clip.key)
    put(store, clip.key, film(samples, 98))
    code, text = scan(services)
    assert (code, again(services, clip).state) == (1, ClipState.MISSING)
    assert text == (
        f"not the clip of its name: {clip.key}: clip {clip.id} has another content\n"
        "cold: nothing that was not known\n1 objects are not the clips of their names: they are left alone\n"
    )
    assert store.find(clip.key) is not None


def test_an_object_that_is_gone(services: Services, store: Store) -> None:
    """Is told; its row stays."""
    clip = leave(services, 1)
    move(services)
    store.delete(clip.key)
    report = "cold: nothing that was not known\n1 clips are not in the store: have them from a backup\n"
    assert scan(services) == (1, report)
    assert again(services, clip).store == "cold"


def test_an_object_that_was_put_there_anew(services: Services, store: Store, samples: Path) -> None:
    """With the same bytes it is the row's, under its new ETag; with others it is not."""
    same, other = leave(services, 1), leave(services, 2)
    data = local(services, same).read_bytes()
    move(services)
    with services.catalog.database.write() as connection:
        connection.exec_driver_sql("UPDATE clips SET store_etag = 'of then'")
    store.delete(other.key)
    put(store, other.key, film(samples, 97))
    code, text = scan(services)
    assert (code, text.splitlines()[1]) == (1, "cold: 1 are known again")
    assert f"not the clip of its name: {other.key}: clip {other.id} is to lie there" in text
    existing = store.find(same.key)
    assert existing is not None
    assert lying(services, same).etag == existing.etag
    assert bytes_of(services, same.key) == data


def test_a_kill_at_any_step(
    services: Services, store: Store, monkeypatch: pytest.MonkeyPatch, samples: Path
) -> None:
    """The next scan goes on; nothing is there twice."""
    clip = leave(services, 1)
    move(services)
    forget(services, clip)
    put(store, OTHERS, film(samples, 50))
    for step in (
        (Adoption, "bring_back", "before"),
        (Adoption, "bring_back", "after"),
        (Adoption, "adopt", "before"),
        (Adoption, "adopt", "after"),
        (Copies, "keep", "before"),
    ):
        with monkeypatch.context() as patched:
            killed(patched, *step)
            with contextlib.suppress(Killed):
                scan(services)
    assert scan(services) == (0, "cold: nothing that was not known\n")
    assert sorted(clip.key for clip in all_clips(services)) == sorted([clip.key, OTHERS])
    assert all(clip.state is ClipState.READY and clip.store == "cold" for clip in all_clips(services))


def test_a_video_root_that_is_away(services: Services) -> None:
    """Looks as if every clip were lost: nothing is done."""
    clip = leave(services, 1)
    move(services)
    forget(services, clip)
    (services.places.video / ".watcher").unlink()
    code, text = scan(services)
    assert (code, again(services, clip).state) == (1, ClipState.MISSING)
    assert "marker" in text


@pytest.mark.usefixtures("store")
def test_a_store_that_is_away(services: Services, table: StoreTable, tmp_path: Path) -> None:
    """Is said; an empty folder is not taken for a new store, nor is what is not in the settings."""
    with pytest.raises(ConfigError, match="no store called 'warm'"):
        scan_store(services, "warm", accept=False, out=io.StringIO())
    if table.kind == "disk":
        Path(table.path).rename(tmp_path / "unplugged")
        assert scan(services)[0] == 1
        Path(table.path).mkdir()
        for accept in (False, True):
            assert scan(services, accept=accept) == (
                1,
                "cold: nothing that was not known\nthe store cold is empty: is its disk mounted?\n",
            )
        assert [*Path(table.path).iterdir()] == []


def test_a_file_that_is_being_written_into_a_disk(services: Services, store: Store, samples: Path) -> None:
    """Is left until it is quiet; what a bucket has is whole."""
    put(store, OTHERS, film(samples, 1))
    text = scan(services, later=False)[1]
    if store.path("-") is None:
        assert text == "cold: 1 became new clips\n"
    else:
        assert text == "cold: 1 are being written\n"
        assert all_clips(services) == []


def test_bytes_that_are_not_what_was_put(tmp_path: Path, catalog: Catalog, samples: Path) -> None:
    """Their SHA-256 stands beside them: no new clip is made of others."""
    with s3_server() as server:
        service = serving(catalog, tmp_path, stores=(table_of(tmp_path, server.endpoint, BUCKET),))
        with contextlib.closing(open_store(service.settings.stores[0])) as opened:
            put(opened, OTHERS, film(samples, 1))
        spoil(server)
        code, text = scan(service)
    assert (code, all_clips(service)) == (1, [])
    assert text.startswith(f"other bytes than were put there: {OTHERS}\n")


def spoil(server: Server) -> None:
    """Change a byte of each object."""
    for key, data in server.bucket.objects.items():
        server.bucket.objects[key] = data[:-1] + bytes([data[-1] ^ 1])


def test_a_bucket_that_breaks_off(tmp_path: Path, catalog: Catalog, samples: Path) -> None:
    """What was done is done, and the next scan goes on; the copy of a new clip is there for its pictures."""
    with s3_server() as server:
        service = serving(catalog, tmp_path, stores=(table_of(tmp_path, server.endpoint, BUCKET),))
        with contextlib.closing(open_store(service.settings.stores[0])) as opened:
            for number in range(3):
                put(opened, f"garden/2026-01-02/03-04-0{number}.mp4", film(samples, number))
        count = len(server.bucket.requests)
        server.bucket.trick = lambda handler: (
            len(server.bucket.requests) > count + 9 and (handler.reply(500) or True)
        )
        code, text = scan(service)
        assert code == 1
        assert text.endswith("What is done is done: run it again\n")
        server.bucket.trick = None
        before = len(all_clips(service))
        assert 0 < before < 3
        assert scan(service) == (0, f"cold: {3 - before} became new clips\n")
        assert len(all_clips(service)) == 3
        count = len(server.bucket.requests)
        assert bytes_of(service, "garden/2026-01-02/03-04-02.mp4") == film(samples, 2)
        assert len(server.bucket.requests) == count


def test_a_disk_that_is_full(services: Services, store: Store, samples: Path) -> None:
    """What needs a copy of a bucket's object waits, in words, and nothing is half there; the next scan goes on."""
    put(store, OTHERS, film(samples, 1))
    upload = msgspec.structs.replace(services.settings.upload, min_free_bytes=1 << 60)
    full = dataclasses.replace(services, settings=msgspec.structs.replace(services.settings, upload=upload))
    code, text = scan(full)
    if store.path(OTHERS) is None:
        assert (code, "bytes are free, and" in text) == (1, True), text
        assert all_clips(services) == []
        assert [*services.places.spool.glob("cold/*")] == []
        code, text = scan(services)
    assert (code, "1 became new clips" in text) == (0, True), text
    assert b"".join(store.read(OTHERS, 0, 1 << 30)) == film(samples, 1)
    assert [clip.key for clip in all_clips(services)] == [OTHERS]


def test_a_disk_that_fills_up_while_a_copy_is_written(
    services: Services, store: Store, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same in the middle of it."""
    put(store, OTHERS, film(samples, 1))
    if store.path(OTHERS) is not None:
        return  # nothing of a disk is copied

    class Full(io.BufferedWriter):
        def write(self, _data: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    real = Path.open

    def opened(path: Path, mode: str = "r", **more: Any) -> Any:
        return (
            Full(io.FileIO(path, "w")) if mode == "wb" and path.parent.name == "cold" else real(path, mode, **more)
        )

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", opened)
        code, text = scan(services)
    assert (code, os.strerror(errno.ENOSPC) in text) == (1, True), text
    assert all_clips(services) == []
    assert [*services.places.spool.glob("cold/*")] == []
    assert scan(services)[0] == 0
    assert [clip.key for clip in all_clips(services)] == [OTHERS]


def test_a_name_that_a_clip_has_and_a_new_key_of_it(services: Services, store: Store, samples: Path) -> None:
    """A camera's new file under the name of a missing clip: the object stays out, and is named."""
    clip = leave(services, 1)
    move(services)
    forget(services, clip)
    local(services, clip).write_bytes(film(samples, 95))
    assert adopt(services, clip.key).id == clip.id
    code, text = scan(services)
    assert code == 1
    assert f"clip {clip.id} has another content" in text
    assert store.find(clip.key) is not None
