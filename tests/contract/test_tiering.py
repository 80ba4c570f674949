"""Clips that move to a store and back, on real files: each is in one place or in two, never in none."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests import clips
from tests.builders import client_of, holder
from tests.mounting import bound, mounted, remount, unmount
from watcher.catalog import Catalog, Probed
from watcher.catalog.rendition_names import PICTURE
from watcher.catalog.stored import LEAVING, RETURNED, WANTED, Lying, StoredClips
from watcher.ingest.ingest import Ingest
from watcher.ingest.scan import Difference, reconcile
from watcher.model.clip import Clip, ClipFilter, ClipState
from watcher.model.clock import SystemClock
from watcher.model.errors import ConfigError, NotInBinError, StoreAwayError
from watcher.retention.retire import Retention
from watcher.retention.rules import Rules, limits_of
from watcher.services import Services, open_services
from watcher.settings.schema import Auth, Settings, Video
from watcher.settings.schema import Retention as RetentionTable
from watcher.settings.stores import CameraTier, LabelTier, StoreTable, Tiering
from watcher.storage import status
from watcher.storage.status import Status
from watcher.storage.video_root import VideoRoot
from watcher.stores.disk import MARKER, Disk
from watcher.tiering.check import Difference as StoreDifference
from watcher.tiering.check import compare
from watcher.tiering.footage import Footage
from watcher.tiering.mover import AWAY_SECONDS, Mover
from watcher.web import create_app


class Killed(BaseException):
    """What ends a process in the middle of a step."""


@pytest.fixture
def services(catalog: Catalog, tmp_path: Path) -> Services:
    return serving(catalog, tmp_path)


def serving(catalog: Catalog, folder: Path, **more: Any) -> Services:
    (folder / "cold").mkdir(exist_ok=True)
    values: dict[str, Any] = {
        "stores": (StoreTable(name="cold", kind="disk", path=str(folder / "cold")),),
        "tiering": Tiering(after_days=1),
        "video": Video(watch="poll"),
    }
    service = open_services(Settings(**values | more), folder / "data")
    service.places.make()
    catalog.database.claim_id("0b0e6f0c")
    root = VideoRoot(service.places.video, service.root.ignoring, catalog.database.catalog_id)
    root.write_marker(catalog.database.catalog_id() or "")
    return dataclasses.replace(service, catalog=catalog, root=root)


def leave(services: Services, number: int, *, days: float = 9, camera: str = "porch", data: bytes = b"") -> Clip:
    """A clip of a real file."""
    key, at = clips.aged(days, number, camera)
    clips.leave(services.places.video / key, data or clips.stamp(SAMPLE, number), at=at)
    return adopt(services, key)


SAMPLE = b""


@pytest.fixture(autouse=True)
def sample(samples: Path) -> None:
    global SAMPLE  # noqa: PLW0603
    SAMPLE = (samples / "plain.mp4").read_bytes()


def adopt(services: Services, key: str) -> Clip:
    ingest = Ingest.of(services)
    outcome = ingest.examine(key, finished=True)
    assert isinstance(outcome, Probed)
    ingest.put([outcome])
    clip = services.catalog.clips.by_key(key)
    assert clip is not None
    set_due(services, 0)  # no renderer is here to make its pictures
    return clip


def set_due(services: Services, due: int) -> None:
    with services.catalog.database.write() as connection:
        connection.exec_driver_sql(f"UPDATE clips SET render_due = {due}")


def mover(services: Services) -> Mover:
    return Mover(services, limits_of(services.settings.retention).age)


def move(services: Services) -> Mover:
    turn = mover(services)
    turn.turn()
    return turn


def bytes_of(services: Services, key: str) -> bytes:
    with os.fdopen(Footage.of(services).open(key), "rb") as file:
        return file.read()


def again(services: Services, clip: Clip) -> Clip:
    return services.catalog.clips.get(clip.id)


def local(services: Services, clip: Clip) -> Path:
    return services.places.video / clip.key


def cold(services: Services, clip: Clip) -> Path:
    return Path(services.settings.stores[0].path) / clip.key


def differences(services: Services) -> list[Difference | None]:
    findings = reconcile(services.root, services.catalog, lambda _key, _why: None)
    return [finding.difference for finding in findings if finding.difference is not None]


def test_an_old_clip_goes_to_the_store(services: Services) -> None:
    """Every byte and its time; the row says where it lies, a scan misses nothing, and a young one stays."""
    old, young = leave(services, 1), leave(services, 2, days=0.5)
    data, time = local(services, old).read_bytes(), local(services, old).stat().st_mtime_ns
    assert move(services).problem is None
    assert not local(services, old).exists()
    assert cold(services, old).read_bytes() == data
    assert cold(services, old).stat().st_mtime_ns == time
    assert (again(services, old).store, again(services, old).state) == ("cold", ClipState.READY)
    assert again(services, old).revision > old.revision
    assert again(services, young).store is None
    assert local(services, young).exists()
    assert differences(services) == []
    assert bytes_of(services, old.key) == data
    assert services.catalog.writes.mark_missing([old.key], now=datetime.now(UTC)) == 0
    assert [clip.id for clip in services.catalog.clips.find(ClipFilter(), limit=9).clips] == [young.id, old.id]


STEPS: list[tuple[Any, str, str]] = [
    (Disk, "put", "before"),
    (Disk, "put", "after"),
    (Disk, "read", "before"),
    (StoredClips, "moved", "before"),
    (StoredClips, "moved", "after"),
    (Mover, "_remove", "before"),
    (Mover, "_remove", "after"),
    (StoredClips, "has_left", "before"),
    (StoredClips, "has_left", "after"),
]


def test_a_clip_goes_soon_after_its_pictures_are_made(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only ten minutes after a look that came too early."""
    clip = leave(services, 1)
    set_due(services, PICTURE)
    monkeypatch.setattr(SystemClock, "monotonic", lambda _self: 1000.0)
    early = move(services)
    assert again(services, clip).store is None
    set_due(services, 0)
    monkeypatch.setattr(SystemClock, "monotonic", lambda _self: 1000.0 + AWAY_SECONDS)

    early.turn()

    assert again(services, clip).store == "cold"


def killed(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, when: str) -> None:
    """End the process before or after a step."""
    real: Callable[..., Any] = getattr(owner, name)

    def step(*args: Any, **more: Any) -> Any:
        if when == "after":
            real(*args, **more)
        raise Killed

    monkeypatch.setattr(owner, name, step)


Step = tuple[Any, str, str]  # whose, its name, and whether the kill comes before or after


def go_over_a_kill(services: Services, monkeypatch: pytest.MonkeyPatch, step: Step) -> Clip:
    """Move a clip to the store, killed at a step: it is read whole at once, and the next turn finishes the move."""
    clip = leave(services, 1)
    data = local(services, clip).read_bytes()
    with monkeypatch.context() as patched:
        killed(patched, *step)
        with pytest.raises(Killed):
            move(services)
    assert bytes_of(services, clip.key) == data
    assert Difference.GONE not in differences(services)
    if Difference.NEW in differences(services):
        adopt(services, clip.key)  # as a scan would
    assert again(services, clip).state is ClipState.READY
    assert move(services).problem is None
    assert bytes_of(services, clip.key) == data
    assert not local(services, clip).exists()
    assert (again(services, clip).store, again(services, clip).state) == ("cold", ClipState.READY)
    assert differences(services) == []
    assert services.catalog.clips.listed_count() == 1
    return clip


def return_over_a_kill(services: Services, monkeypatch: pytest.MonkeyPatch, step: Step) -> Clip:
    """The same of the way back."""
    clip = leave(services, 1)
    data = local(services, clip).read_bytes()
    move(services)
    services.catalog.stored.want(clip.id)
    with monkeypatch.context() as patched:
        killed(patched, *step)
        with contextlib.suppress(Killed):
            move(services)
            move(services)
            pytest.fail("it was not killed")
    assert bytes_of(services, clip.key) == data
    if Difference.NEW in differences(services):
        adopt(services, clip.key)
    for _ in range(2):
        move(services)
    assert again(services, clip).store is None
    assert local(services, clip).read_bytes() == data
    assert differences(services) == []
    return clip


def named(step: Step) -> str:
    return f"{step[2]}-{step[1]}"


@pytest.mark.parametrize("step", STEPS, ids=named)
def test_a_kill_on_the_way_there(services: Services, monkeypatch: pytest.MonkeyPatch, step: Step) -> None:
    """Before and after each step."""
    clip = go_over_a_kill(services, monkeypatch, step)
    assert [stored.key for stored in Disk("cold", cold(services, clip).parents[2], None).list()] == [clip.key]


BACK: list[tuple[Any, str, str]] = [
    (Disk, "read", "before"),
    (VideoRoot, "give", "before"),
    (VideoRoot, "give", "after"),
    (StoredClips, "returned", "before"),
    (StoredClips, "returned", "after"),
    (Disk, "delete", "before"),
    (Disk, "delete", "after"),
    (StoredClips, "object_gone", "before"),
    (StoredClips, "object_gone", "after"),
]


@pytest.mark.parametrize("step", BACK, ids=named)
def test_a_kill_on_the_way_back(services: Services, monkeypatch: pytest.MonkeyPatch, step: Step) -> None:
    """The same; and what is back stays for a while, though it is old."""
    clip = return_over_a_kill(services, monkeypatch, step)
    assert not cold(services, clip).exists()
    assert list((services.places.run / "recall").glob("*")) == []
    move(services)
    assert local(services, clip).exists()


def test_two_movers_at_once(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that slept goes on when the other has moved it: nothing is lost, nothing is there twice."""
    clip = leave(services, 1)
    data = local(services, clip).read_bytes()
    real = StoredClips.moved

    def slow(self: StoredClips, *args: Any, **more: Any) -> bool:
        monkeypatch.setattr(StoredClips, "moved", real)
        move(services)  # another one, all of it, meanwhile
        return real(self, *args, **more)

    monkeypatch.setattr(StoredClips, "moved", slow)
    move(services)
    assert bytes_of(services, clip.key) == data
    assert again(services, clip).store == "cold"
    assert len(list(Disk("cold", cold(services, clip).parents[2], None).list())) == 1


def test_a_name_that_is_taken_in_the_store(services: Services) -> None:
    """By other bytes: they stay, and the clip gets a name with its number; by its own: they are taken for what they are."""
    first, second = leave(services, 1), leave(services, 2)
    data = local(services, first).read_bytes()
    Disk("cold", cold(services, first).parents[2], services.catalog.database.catalog_id()).bind()
    for clip, content in ((first, b"others"), (second, local(services, second).read_bytes())):
        cold(services, clip).parent.mkdir(parents=True, exist_ok=True)
        cold(services, clip).write_bytes(content)
    move(services)
    assert cold(services, first).read_bytes() == b"others"
    assert bytes_of(services, first.key) == data
    lying = services.catalog.stored.find(first.key)
    assert lying is not None
    assert lying.store_key == first.key.replace(".mp4", f"~{first.id}.mp4")
    lying = services.catalog.stored.find(second.key)
    assert lying is not None
    assert lying.store_key == second.key


def test_a_store_that_is_away(services: Services, tmp_path: Path) -> None:
    """Unplugged, or empty where it should be: clips stay where they are, and are not said to be gone."""
    first = leave(services, 1)
    move(services)
    second = leave(services, 2)
    (tmp_path / "cold").rename(tmp_path / "unplugged")
    for there in (False, True):
        if there:
            (tmp_path / "cold").mkdir()
        hindered = move(services)
        assert "away" in (hindered.problem or "")
        hindered.turn()
        assert "away" in (hindered.problem or ""), "it is so until the next try"
        assert local(services, second).exists()
        assert again(services, first).state is ClipState.READY
        assert differences(services) == []
    assert list((tmp_path / "cold").iterdir()) == []
    (tmp_path / "cold").rmdir()
    (tmp_path / "unplugged").rename(tmp_path / "cold")
    assert move(services).problem is None
    assert again(services, second).store == "cold"


def test_a_store_that_is_full_or_read_only(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clip stays, nothing half is left, and the reason is told."""
    clip = leave(services, 1)
    for code, words in ((28, "full"), (30, "read-only")):
        with monkeypatch.context() as patched:

            def refuse(*_: object, code: int = code) -> int:
                raise OSError(code, os.strerror(code))

            patched.setattr("watcher.stores.disk.os.write", refuse)
            turn = move(services)
        assert words in (turn.problem or "")
        assert local(services, clip).exists()
        assert again(services, clip).store is None
        left = [path for path in cold(services, clip).parents[2].rglob("*") if path.is_file()]
        assert [path.name for path in left] == [MARKER]


def test_a_store_that_gives_other_bytes_back(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file stays."""
    clip = leave(services, 1)

    def bad(_self: Disk, _key: str, _first: int, _length: int) -> Iterator[bytes]:
        yield b"x" * clip.size_bytes

    monkeypatch.setattr(Disk, "read", bad)
    assert "does not give" in (move(services).problem or "")
    assert local(services, clip).exists()
    assert again(services, clip).store is None


def test_a_file_that_changes_while_it_is_copied(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Appended to before the row, or before it goes: it stays as it is."""
    for number, (owner, name) in enumerate(((StoredClips, "moved"), (Mover, "_remove"))):
        clip = leave(services, number)
        real = getattr(owner, name)

        def later(self: Any, *args: Any, real: Any = real, clip: Clip = clip, **more: Any) -> Any:
            with local(services, clip).open("ab") as file:
                file.write(b"\0\0\0\x08free")
            return real(self, *args, **more)

        with monkeypatch.context() as patched:
            patched.setattr(owner, name, later)
            move(services)
        assert local(services, clip).stat().st_size == clip.size_bytes + 8, name


def test_another_file_gets_the_name_of_a_clip_in_the_store(services: Services) -> None:
    """A camera that uses its names again: both are clips, the old one under another key, each with its bytes."""
    old = leave(services, 1)
    data = local(services, old).read_bytes()
    move(services)
    local(services, old).write_bytes(clips.stamp(SAMPLE, 77))
    new = adopt(services, old.key)
    assert new.id != old.id
    assert bytes_of(services, new.key) == clips.stamp(SAMPLE, 77)
    moved = again(services, old)
    assert moved.key == old.key.replace(".mp4", f"~{old.id}.mp4")
    assert bytes_of(services, moved.key) == data
    assert differences(services) == []


def test_a_copy_of_a_clip_in_the_store_comes_back_by_hand(services: Services) -> None:
    """Its bytes are compared, and the second copy goes: it is one clip."""
    clip = leave(services, 1)
    data = local(services, clip).read_bytes()
    move(services)
    local(services, clip).write_bytes(data)
    assert adopt(services, clip.key).id == clip.id
    assert [lying.id for lying in services.catalog.stored.left(LEAVING)] == [clip.id]
    move(services)
    assert not local(services, clip).exists()
    assert bytes_of(services, clip.key) == data


def test_a_copy_elsewhere_is_another_clip(services: Services) -> None:
    """It is not taken for the clip in the store, which has not moved."""
    clip = leave(services, 1)
    data = local(services, clip).read_bytes()
    move(services)
    other = services.places.video / "gate/1.mp4"
    other.parent.mkdir()
    other.write_bytes(data)
    assert adopt(services, "gate/1.mp4").id != clip.id
    assert bytes_of(services, clip.key) == data


def test_the_store_lost_what_was_to_go(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that is left stays, and is the clip's."""
    clip = leave(services, 1)
    with monkeypatch.context() as patched:
        killed(patched, Mover, "_remove", "before")
        with pytest.raises(Killed):
            move(services)
    cold(services, clip).unlink()
    turn = mover(services)
    turn._settle()
    assert again(services, clip).store is None
    assert local(services, clip).exists()
    assert differences(services) == []


def test_which_clips_go(services: Services) -> None:
    """By camera and by label as well as by age; kept ones stay where that is set."""
    porch, gate, person, kept = (
        leave(services, 1),
        leave(services, 2, camera="gate"),
        leave(services, 3, days=20),
        leave(services, 4),
    )
    services.catalog.labels.put(person.id, "person", author="key:me", confidence=None, now=datetime.now(UTC))
    services.catalog.writes.correct(kept.id, held=True)
    table = Tiering(
        after_days=5,
        keep_kept=True,
        cameras=(CameraTier(camera="gate", after_days=30),),
        labels=(LabelTier(label="person", after_days=90),),
    )
    settings = msgspec.structs.replace(services.settings, tiering=table)
    move(dataclasses.replace(services, settings=settings))
    stores = [again(services, clip).store for clip in (porch, gate, person, kept)]
    assert stores == ["cold", None, None, None]


def test_what_is_too_much_for_the_local_disk_goes(services: Services) -> None:
    """The oldest, and just so many that the rest fits."""
    shelf = [leave(services, number, days=9 - number) for number in range(4)]
    table = Tiering(keep_local_bytes=sum(clip.size_bytes for clip in shelf[2:]))
    smaller = dataclasses.replace(services, settings=msgspec.structs.replace(services.settings, tiering=table))
    move(smaller)
    move(smaller)
    assert [again(services, clip).store for clip in shelf] == ["cold", "cold", None, None]


def test_a_retired_clip_goes_from_the_store_when_it_would_go_from_the_bin(services: Services) -> None:
    """Until then it can be had back at once; for good it goes at once; nothing of it is left."""
    first, second = leave(services, 1), leave(services, 2)
    data = local(services, first).read_bytes()
    move(services)
    retention = Retention.of(services)
    retention.retire(first.id)
    assert again(services, first).state is ClipState.RETIRED
    with pytest.raises(FileNotFoundError):
        bytes_of(services, first.key)
    assert services.catalog.clips.listed_count() == 1
    move(services)
    assert cold(services, first).exists()
    assert retention.in_bin(first.id)
    assert retention.restore(first.id) == first.key
    assert (again(services, first).state, again(services, first).store) == (ClipState.READY, "cold")
    assert bytes_of(services, first.key) == data
    assert services.catalog.clips.listed_count() == 2
    retention.retire(second.id, past_bin=True)
    move(services)
    assert not cold(services, second).exists()
    with pytest.raises(NotInBinError):
        retention.restore(second.id)
    settings = msgspec.structs.replace(services.settings, retention=RetentionTable(bin_days=0))
    soon = dataclasses.replace(services, settings=settings)
    Retention.of(soon).retire(first.id)
    move(soon)
    assert not cold(services, first).exists()


def test_the_floor_of_free_space_takes_nothing_from_a_store(services: Services) -> None:
    """Its going would free nothing on the local disk."""
    old, young = leave(services, 1), leave(services, 2, days=0.5)
    move(services)
    table = RetentionTable(min_free_bytes=1 << 50)
    smaller = dataclasses.replace(services, settings=msgspec.structs.replace(services.settings, retention=table))
    from watcher.retention.state import remembered

    plan = Rules.of(smaller).plan(remembered(smaller), 0)
    assert {going.clip.id for going in plan} == {young.id}
    assert again(services, old).store == "cold"


def test_a_local_disk_that_was_emptied_is_asked_about(services: Services) -> None:
    """However many clips lie in stores: only those of the disk can go missing from it."""
    from watcher.ingest.scan import too_many_missing

    for number in range(12):
        leave(services, number)
    move(services)
    for number in range(20, 22):
        leave(services, number, days=0.5)
    assert too_many_missing(services.catalog, 2, share=0.2, now=datetime.now(UTC)) is not None


def test_wanting_back_what_the_store_has_lost(services: Services) -> None:
    """It is told, and nothing else changes."""
    clip = leave(services, 1)
    move(services)
    cold(services, clip).unlink()
    services.catalog.stored.want(clip.id)
    assert "has nothing called" in (move(services).problem or "")
    assert [lying.id for lying in services.catalog.stored.left(WANTED)] == [clip.id]


def test_what_a_store_has_lost_is_found(services: Services, tmp_path: Path) -> None:
    """A removed object, another one, and one that is nobody's; `check` says each, and that is all it does."""
    shelf = [leave(services, number) for number in range(4)]
    move(services)
    cold(services, shelf[0]).unlink()
    cold(services, shelf[2]).write_bytes(b"other")
    (tmp_path / "cold/nobody.mp4").write_bytes(b"x")
    differ = {finding.key: finding.difference for finding in compare(services, "cold")}
    assert differ == {
        shelf[0].key: StoreDifference.LOST,
        shelf[2].key: StoreDifference.OTHER,
        "nobody.mp4": StoreDifference.UNKNOWN,
    }
    with pytest.raises(StoreAwayError):
        list(compare(services, "warm"))


def test_a_store_in_the_data_folder_is_refused(services: Services, tmp_path: Path) -> None:
    """Or around it, also by a link: clips would be found twice, or move onto their own disk."""
    for path in (tmp_path / "data/video/cold", tmp_path / "data/cold/../cold", tmp_path / "data", tmp_path):
        settings = Settings(stores=(StoreTable(name="cold", kind="disk", path=str(path)),))
        with pytest.raises(ConfigError, match="apart"):
            open_services(settings, tmp_path / "data")
    leave(services, 1)
    (services.places.video / "inside").mkdir()
    (tmp_path / "cold").rmdir()
    (tmp_path / "cold").symlink_to(services.places.video / "inside")
    assert "apart" in (move(services).problem or "")
    assert list((services.places.video / "inside").iterdir()) == []


@pytest.mark.parametrize("part", ["", "video", "video/porch"])
def test_a_store_that_is_the_data_folder_by_another_way_is_refused(
    services: Services, tmp_path: Path, part: str
) -> None:
    """A second mount of the same folder, as of a NAS or in a container: the copy would be the file that goes."""
    clip = leave(services, 1)
    data = local(services, clip).read_bytes()
    with mounted(tmp_path / "elsewhere", "1m"), bound(services.places.data / part, tmp_path / "cold"):
        turn = move(services)
        assert "apart" in (turn.problem or "")
        assert local(services, clip).read_bytes() == data
        assert again(services, clip).store is None


def test_a_copy_that_is_the_file_itself_is_none(services: Services, tmp_path: Path) -> None:
    """What a mount that comes later, or a hard link, shows in the store stays, whichever of the two is to go."""
    clip, back = leave(services, 1), leave(services, 2)
    move(services)
    both = {moved.id: bytes_of(services, moved.key) for moved in (clip, back)}
    for due, double in ((LEAVING, clip), (RETURNED, back)):
        object_of, file = cold(services, double), local(services, double)
        file.parent.mkdir(exist_ok=True, parents=True)
        file.hardlink_to(object_of)
        with services.catalog.database.write() as connection:
            key = double.key if due == LEAVING else f"cold:{double.key}"
            connection.exec_driver_sql(
                f"UPDATE clips SET store_due = {due}, store_key = '{key}' WHERE id = {double.id}"
            )
        assert "the same file" in (move(services).problem or "")
        assert file.read_bytes() == both[double.id]
        assert object_of.exists()


def test_a_clip_is_had_back_while_its_object_is_about_to_go(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is first is right: what was had back stays, and what goes cannot be had back."""
    clip = leave(services, 1)
    data = local(services, clip).read_bytes()
    move(services)
    settings = msgspec.structs.replace(services.settings, retention=RetentionTable(bin_days=0))
    soon = dataclasses.replace(services, settings=settings)
    Retention.of(services).retire(clip.id)
    real = Mover._drop_given_up

    def late(self: Mover, lying: Lying) -> None:
        Retention.of(services).restore(clip.id)
        real(self, lying)

    monkeypatch.setattr(Mover, "_drop_given_up", late)
    move(soon)
    assert bytes_of(services, clip.key) == data
    assert again(services, clip).state is ClipState.READY


def test_an_ingester_that_slept_removes_nothing_that_is_back(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was about to remove the file of a clip; meanwhile another one has had it back, and removed the object."""
    clip = leave(services, 1)
    data = local(services, clip).read_bytes()
    real = Mover._remove

    def slept(self: Mover, lying: Lying, sha256: str) -> None:
        monkeypatch.setattr(Mover, "_remove", real)
        services.catalog.stored.want(clip.id)
        for _ in range(2):
            move(services)
        real(self, lying, sha256)

    monkeypatch.setattr(Mover, "_remove", slept)
    move(services)
    assert again(services, clip).store is None
    assert bytes_of(services, clip.key) == data


def test_a_clip_says_where_it_lies_and_whether_its_store_is_away(services: Services, tmp_path: Path) -> None:
    """As soon as the ingester knows, in every answer; a local clip says nothing of the kind."""
    old, young = leave(services, 1), leave(services, 2, days=0.5)
    turn = move(services)
    client = create_app(services).test_client(use_cookies=False)

    def list_states() -> dict[int, tuple[str, object, str]]:
        current = Status(pid=1, watching="poll", settling=0, scanning=False, last_scan_at=None, problems={})
        status.write(services.places.status, msgspec.structs.replace(current, away=turn.away))
        answer = client.get("/clips").json
        assert answer
        return {
            clip["id"]: (clip["store"], clip.get("available"), clip.get("available_reason", ""))
            for clip in answer["clips"]
        }

    assert list_states() == {old.id: ("cold", None, ""), young.id: ("local", None, "")}
    (tmp_path / "cold").rename(tmp_path / "unplugged")
    turn._asked_at = -1e9
    turn.turn()
    assert list_states()[young.id] == ("local", None, "")
    store, available, reason = list_states()[old.id]
    assert (store, available) == ("cold", False)
    assert "there is no folder" in reason
    (tmp_path / "unplugged").rename(tmp_path / "cold")
    turn._asked_at = -1e9
    turn.turn()
    assert list_states()[old.id] == ("cold", None, "")
    back = client.post(f"/clips/{old.id}/recall")
    assert back.status_code == 202
    move(services)
    assert list_states()[old.id] == ("local", None, "")


def test_a_stranger_is_told_that_clips_wait_and_not_which(services: Services) -> None:
    """readyz is open to everybody; who may administer has the whole sentence."""
    current = Status(pid=1, watching="poll", settling=0, scanning=False, last_scan_at=None, problems={})
    sentence = "porch/1.mp4 stays: the store cold (/mnt/cold) cannot be used: it is full"
    status.write(services.places.status, msgspec.structs.replace(current, warnings={"stores": sentence}))
    settings = msgspec.structs.replace(services.settings, auth=Auth(mode="keys"))
    locked = dataclasses.replace(services, settings=settings)
    owner = client_of(locked, holder(locked, "owner", role="admin")).get("/readyz").json
    stranger = client_of(locked, {}).get("/readyz").json
    viewer = client_of(locked, holder(locked, "viewer")).get("/readyz").json
    assert owner["warnings"]["stores"] == sentence
    for answer in (stranger, viewer):
        assert answer["warnings"]["stores"].startswith("clips cannot be moved")
        assert "porch" not in str(answer)
        assert "/mnt" not in str(answer)


def test_a_real_disk_that_fills_up_becomes_read_only_and_goes_away(services: Services, tmp_path: Path) -> None:
    """Each clip stays whole where it was, and goes when there is room."""
    (tmp_path / "cold").rmdir()
    room = (256 << 10).to_bytes(4, "big") + b"free" + bytes((256 << 10) - 8)
    shelf = [leave(services, number, data=clips.stamp(SAMPLE, number) + room) for number in range(4)]
    data = {clip.id: local(services, clip).read_bytes() for clip in shelf}
    size = len(data[shelf[0].id])

    def whole() -> bool:
        return all(bytes_of(services, clip.key) == data[clip.id] for clip in shelf)

    with mounted(tmp_path / "cold", f"{size * 2 + (40 << 10)}"):
        assert "full" in (move(services).problem or "")
        there = [again(services, clip).store for clip in shelf]
        assert 0 < there.count("cold") < 4
        assert whole()
        remount(tmp_path / "cold", "ro")
        assert "read-only" in (move(services).problem or "")
        assert whole()
        remount(tmp_path / "cold", f"rw,size={size * 8}")
        assert move(services).problem is None
        assert [again(services, clip).store for clip in shelf] == ["cold"] * 4
        assert whole()
        unmount(tmp_path / "cold")
        leave(services, 9)
        assert "marker" in (move(services).problem or "")
        assert list((tmp_path / "cold").iterdir()) == []
        assert differences(services) == []
        assert [again(services, clip).state for clip in shelf] == [ClipState.READY] * 4
