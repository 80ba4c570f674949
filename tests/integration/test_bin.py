"""Clips that went can be had back from the bin: as the same clips, for some days, while there is room."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests import clips
from tests.integration.test_retiring import leave
from tests.running import RunningUnit, wait_for
from watcher.catalog import migrate
from watcher.ingest.bind import bind_root
from watcher.ingester.periodic import Periodic
from watcher.model.clip import ClipState
from watcher.model.errors import ClipNotFoundError, NotInBinError, TakenError
from watcher.ops.check import scan
from watcher.retention.retire import Retention
from watcher.retention.sweep import Sweeper, empty_bin
from watcher.services import Services, open_services
from watcher.settings.schema import CameraRetention, Settings, Upload
from watcher.settings.schema import Retention as RetentionTable
from watcher.storage.bin import FOLDER


@pytest.fixture(scope="module")
def unit(tmp_path_factory: pytest.TempPathFactory) -> RunningUnit:
    """A unit with a bin."""
    settings = {"WATCHER_RETENTION__BIN_DAYS": "7", "WATCHER_UPLOAD__MIN_FREE_BYTES": "1"}
    started = RunningUnit(tmp_path_factory.mktemp("bin"), settings=settings).start()
    yield started
    started.stop()


def retire(unit: RunningUnit, clip: dict) -> None:
    assert requests.delete(unit.url(clip["links"]["self"]), timeout=10).status_code == 204


def restore(unit: RunningUnit, clip: dict) -> requests.Response:
    return requests.post(unit.url(f"{clip['links']['self']}/restore"), timeout=10)


@pytest.mark.slow
def test_had_back_as_the_same_clip(unit: RunningUnit, samples: Path) -> None:
    """Its bytes, id, labels and note; it plays again, and the bin is as before."""
    clip = leave(unit, samples, "gate/1.mp4", 1)
    address = clip["links"]["self"]
    requests.put(unit.url(f"{address}/labels/fox"), timeout=10)
    requests.patch(unit.url(address), json={"note": "by the hedge"}, timeout=10)
    data, look = unit.get(clip["url"]).content, (unit.video / "gate/1.mp4").stat()
    retire(unit, clip)
    assert unit.get(clip["url"]).status_code == 404
    assert not (unit.video / "gate/1.mp4").exists()
    assert unit.get("/watcher/labels").json()["labels"] in ([], [{"name": "fox", "clips": 0}])
    (binned,) = os.listdir(unit.video / FOLDER)
    assert binned.startswith(f"{clip['id']}-")
    assert [unit.get(f"/{FOLDER}/{name}").status_code for name in (binned, "")] == [404, 404]
    output = unit.run("bin").stdout
    assert "gate/1.mp4" in output
    assert "1 files" in output
    assert "1 ignored" in unit.run("check").stdout or unit.run("check").returncode == 0

    answer = restore(unit, clip)
    assert (answer.status_code, answer.json()["id"]) == (202, clip["id"])
    back = unit.wait_clip("gate/1.mp4", state="ready")
    assert (back["id"], [label["name"] for label in back["labels"]], back["note"]) == (
        clip["id"],
        ["fox"],
        "by the hedge",
    )
    assert (unit.get(back["url"]).content, (unit.video / "gate/1.mp4").stat().st_mtime_ns) == (
        data,
        look.st_mtime_ns,
    )
    assert [c["id"] for c in unit.clips(label="fox")] == [clip["id"]]
    assert [c["id"] for c in unit.clips(q="gate fox")] == [clip["id"]]
    fox = {"name": "fox", "clips": 1, "cameras": [{"camera": "gate", "clips": 1}]}
    assert unit.get("/watcher/labels").json()["labels"] == [fox]
    wait_for(lambda: unit.clip("gate/1.mp4")["poster_url"], what="its poster")
    assert os.listdir(unit.video / FOLDER) == []
    again = restore(unit, clip)
    assert (again.status_code, again.json()["code"]) == (404, "not_in_bin")
    assert unit.run("check").returncode == 0


def test_a_name_that_is_taken_is_nobodys_to_take(unit: RunningUnit, samples: Path) -> None:
    """Neither a clip nor another file loses its name; what is in the bin stays there."""
    clip = leave(unit, samples, "taken.mp4", 2)
    retire(unit, clip)
    other = leave(unit, samples, "taken.mp4", 3)
    refused = restore(unit, clip)
    assert (refused.status_code, refused.json()["code"]) == (409, "taken")
    assert other["id"] != clip["id"]
    assert any(name.startswith(f"{clip['id']}-") for name in os.listdir(unit.video / FOLDER))
    assert unit.get(f"/watcher/clips/{clip['id']}").json()["state"] == "retired"
    retire(unit, other)
    done = unit.run("bin", "--restore", str(clip["id"]))
    assert (done.returncode, "is back" in done.stdout) == (0, True)
    assert unit.wait_clip("taken.mp4", state="ready")["id"] == clip["id"]
    assert unit.run("bin", "--restore", "99999").returncode == 1


def test_a_file_that_is_back_before_its_going_was_noticed(unit: RunningUnit, samples: Path) -> None:
    """Away and back within a moment, while its row was said to be missing: it is read again, not taken for known."""
    services = open_services(Settings(), unit.data)
    (unit.video / "quick" / ".away").mkdir(parents=True)
    for number in range(5):
        key = f"quick/{number}.mp4"
        path, away = unit.video / key, unit.video / "quick" / ".away" / f"{number}.mp4"
        path.write_bytes(clips.stamp((samples / "plain.mp4").read_bytes(), 100 + number))
        clip = unit.wait_clip(key, state="ready")
        path.rename(away)
        services.catalog.writes.mark_missing([key], now=services.clock.now())
        away.rename(path)
        assert unit.wait_clip(key, state="ready")["id"] == clip["id"]
    services.catalog.database.engine.dispose()


def test_without_a_bin_it_is_gone(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """As it always was."""
    unit = start_unit(settings={"WATCHER_RETENTION__BIN_DAYS": "0"})
    clip = leave(unit, samples, "a.mp4", 1)
    retire(unit, clip)
    assert not (unit.video / FOLDER).exists()
    assert restore(unit, clip).status_code == 404


def test_past_the_bin(unit: RunningUnit, samples: Path) -> None:
    """A person may: a clip that is there, and one that is in the bin already."""
    clip, other = leave(unit, samples, "past/1.mp4", 40), leave(unit, samples, "past/2.mp4", 41)
    address = unit.url(other["links"]["self"])
    assert requests.delete(unit.url(clip["links"]["self"]), params={"bin": "false"}, timeout=10).status_code == 204
    assert restore(unit, clip).status_code == 404
    retire(unit, other)
    assert requests.delete(address, params={"bin": "no"}, timeout=10).status_code == 400
    assert requests.delete(address, params={"bin": "false"}, timeout=10).status_code == 204
    assert restore(unit, other).status_code == 404
    assert not [
        name for name in os.listdir(unit.video / FOLDER) if name.startswith((f"{clip['id']}-", f"{other['id']}-"))
    ]


# — the same, without a unit around it —


def binning(folder: Path, samples: Path, *, count: int, **settings: object) -> tuple[Services, list[int]]:
    """Some clips in a catalog, and their ids."""
    upload = Upload(min_free_bytes=int(settings.pop("floor", 1)))
    services = open_services(Settings(upload=upload, retention=RetentionTable(**settings)), folder)
    services.places.make()
    migrate(services.catalog.database.engine)
    bind_root(services)
    for number in range(count):
        path = services.places.video / f"a/{number}.mp4"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(clips.stamp((samples / "plain.mp4").read_bytes(), number))
        os.utime(path, (0, 10**9 + number))
    scan(services, accept_missing=False, accept_root=False, out=io.StringIO())
    return services, [services.catalog.clips.by_key(f"a/{number}.mp4").id for number in range(count)]


def test_a_crash_between_the_row_and_the_file(tmp_path: Path, samples: Path) -> None:
    """The row said that it is to come back, and the file was still in the bin: the next look brings it."""
    services, (clip_id,) = binning(tmp_path, samples, count=1, bin_days=1)
    Retention.of(services).retire(clip_id)
    services.catalog.retired.revive(clip_id, now=services.clock.now())
    empty_bin(services, Retention.of(services), lacking_bytes=0)
    assert (services.places.video / "a/0.mp4").exists()
    assert Retention.of(services).binned() == []
    with pytest.raises(ClipNotFoundError):
        services.catalog.retired.revive(clip_id, now=services.clock.now())


def test_a_crash_while_a_file_gets_its_name_back(
    tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without hard links and a rename that takes nobody's name an empty file holds it first: it is in nobody's way."""

    def no_links(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "as FAT says")

    services, (clip_id,) = binning(tmp_path, samples, count=1, bin_days=1)
    Retention.of(services).retire(clip_id)
    services.catalog.retired.revive(clip_id, now=services.clock.now())
    (left := services.places.video / "a/0.mp4").touch()
    os.utime(left, (0, 0))
    monkeypatch.setattr(os, "link", no_links)
    monkeypatch.setattr("watcher.storage.descent.rename_new", lambda *_: False)
    empty_bin(services, Retention.of(services), lacking_bytes=0)
    assert left.stat().st_size > 0
    assert Retention.of(services).binned() == []


@pytest.mark.parametrize("retired_again", [False, True])
def test_a_crash_before_the_name_in_the_bin_is_dropped(tmp_path: Path, samples: Path, retired_again: bool) -> None:
    """One file has two names: the bin's goes, or the key when the clip does; rename(2) would change nothing."""
    services, (clip_id,) = binning(tmp_path, samples, count=1, bin_days=1)
    Retention.of(services).retire(clip_id)
    (binned,) = Retention.of(services).binned()
    services.catalog.retired.revive(clip_id, now=services.clock.now())
    clip = services.places.video / "a/0.mp4"
    clip.hardlink_to(services.places.video / FOLDER / binned.name)
    scan(services, accept_missing=False, accept_root=False, out=io.StringIO())
    if retired_again:
        Retention.of(services).retire(clip_id)
    else:
        empty_bin(services, Retention.of(services), lacking_bytes=0)
    assert clip.exists() is not retired_again
    assert [entry.name for entry in Retention.of(services).binned()] == [binned.name] * retired_again


def test_nothing_comes_back_through_a_link(tmp_path: Path, samples: Path) -> None:
    """That somebody has put in the place of the camera's folder."""
    services, (clip_id,) = binning(tmp_path, samples, count=1, bin_days=1)
    Retention.of(services).retire(clip_id)
    (elsewhere := tmp_path / "elsewhere").mkdir()
    folder = services.places.video / "a"
    folder.rmdir()
    folder.symlink_to(elsewhere)
    with pytest.raises(TakenError):
        Retention.of(services).restore(clip_id)
    assert list(elsewhere.iterdir()) == []
    assert Retention.of(services).in_bin(clip_id)


def test_nothing_that_a_link_in_the_bin_leads_to_comes_back(tmp_path: Path, samples: Path) -> None:
    """A camera's account may write there: a file of ours that it may not read would be served."""
    services, (clip_id,) = binning(tmp_path, samples, count=1, bin_days=1)
    (secret := tmp_path / "secret").write_text("secret")
    Retention.of(services).retire(clip_id)
    (binned,) = Retention.of(services).binned()
    (left := services.places.video / FOLDER / binned.name).unlink()
    left.symlink_to(secret)
    with pytest.raises(NotInBinError):
        Retention.of(services).restore(clip_id)
    services.root.give(left, "a/0.mp4")  # put there just after it was looked for, it stays a link
    assert (services.places.video / "a/0.mp4").is_symlink()
    assert secret.stat().st_nlink == 1


def test_the_bin_is_no_link(tmp_path: Path, samples: Path) -> None:
    """A clip stays what it was rather than go elsewhere, and nothing there is taken for the bin's, or removed."""
    services, (clip_id,) = binning(tmp_path, samples, count=1, bin_days=1)
    (elsewhere := tmp_path / "elsewhere").mkdir()
    (somebodys := elsewhere / f"{clip_id}-0123456789abcdef").touch()
    (services.places.video / FOLDER).symlink_to(elsewhere)
    retention = Retention.of(services)
    with pytest.raises(NotADirectoryError, match="the bin is a link"):
        retention.retire(clip_id)
    assert services.catalog.clips.get(clip_id).state is ClipState.READY
    assert (services.places.video / "a/0.mp4").exists()
    assert retention.binned() == []
    retention.tidy_bin(wanted_bytes=10**9)
    assert list(elsewhere.iterdir()) == [somebodys]


def test_a_file_of_another_catalog_is_not_taken_for_a_clips(tmp_path: Path, samples: Path) -> None:
    """The bin is older than the catalog: the same id, and another content."""
    services, (clip_id,) = binning(tmp_path, samples, count=1, bin_days=1)
    Retention.of(services).retire(clip_id)
    (binned,) = Retention.of(services).binned()
    folder = services.places.video / FOLDER
    (folder / binned.name).rename(folder / f"{clip_id}-{'f' * 16}")
    assert not Retention.of(services).in_bin(clip_id)
    with pytest.raises(NotInBinError):
        Retention.of(services).restore(clip_id)
    services.catalog.retired.revive(clip_id, now=services.clock.now())
    empty_bin(services, Retention.of(services), lacking_bytes=0)
    assert not (services.places.video / "a/0.mp4").exists()
    assert len(Retention.of(services).binned()) == 1


def test_what_has_the_name_keeps_it(tmp_path: Path, samples: Path) -> None:
    """Also what is no clip; the clip stays retired, and is had back when the name is free."""
    services, (clip_id,) = binning(tmp_path, samples, count=1, bin_days=1)
    Retention.of(services).retire(clip_id)
    path = services.places.video / "a/0.mp4"
    path.mkdir()
    with pytest.raises(TakenError):
        Retention.of(services).restore(clip_id)
    assert services.catalog.clips.get(clip_id).state is ClipState.RETIRED
    path.rmdir()
    assert Retention.of(services).restore(clip_id) == "a/0.mp4"
    assert path.is_file()


def test_what_is_too_old_goes(tmp_path: Path, samples: Path) -> None:
    """And only that."""
    services, ids = binning(tmp_path, samples, count=2, bin_days=1e-9)
    Retention.of(services).retire(ids[0])
    assert [entry.clip_id for entry in Retention.of(services).binned()] == [ids[0]]
    empty_bin(services, Retention.of(services), lacking_bytes=0)
    assert Retention.of(services).binned() == []
    assert services.catalog.clips.get(ids[1]).state is ClipState.READY


def test_no_longer_than_its_own_age(tmp_path: Path, samples: Path) -> None:
    """A rule that lets a camera's clips become a second old lets none of them lie in the bin for a week."""
    own = CameraRetention("a", max_age_days=1e-9)
    services, ids = binning(tmp_path, samples, count=1, bin_days=7, cameras=(own,))
    Retention.of(services).retire(ids[0])
    empty_bin(services, Retention.of(services), lacking_bytes=0)
    assert Retention.of(services).binned() == []
    other_services, ids = binning(tmp_path / "b", samples, count=1, bin_days=7, max_age_days=1)
    Retention.of(other_services).retire(ids[0])
    empty_bin(other_services, Retention.of(other_services), lacking_bytes=0)
    assert len(Retention.of(other_services).binned()) == 1


def test_it_makes_room(tmp_path: Path, samples: Path) -> None:
    """The eldest go first, and no more than is needed; with too little room nothing goes into it."""
    services, ids = binning(tmp_path, samples, count=4, bin_days=1)
    for clip_id in ids[:3]:
        Retention.of(services).retire(clip_id)
    size = Retention.of(services).binned()[0].size_bytes
    assert empty_bin(services, Retention.of(services), lacking_bytes=size + 1) == 2 * size
    assert [entry.clip_id for entry in Retention.of(services).binned()] == [ids[2]]

    cramped, _ = binning(tmp_path, samples, count=0, bin_days=1, floor=1 << 49)
    Retention.of(cramped).retire(ids[3])
    assert [entry.clip_id for entry in Retention.of(cramped).binned()] == [ids[2]]
    sweeper = Periodic(Sweeper(cramped, Retention.of(cramped)))
    sweeper.start()
    wait_for(lambda: Retention.of(cramped).binned() == [], what="an empty bin")
    sweeper.stop()


def test_it_counts_for_the_bytes_of_all(tmp_path: Path, samples: Path) -> None:
    """`max_bytes` is of the clips and the bin together."""
    size = (samples / "plain.mp4").stat().st_size + 16
    services, ids = binning(tmp_path, samples, count=3, bin_days=1, max_bytes=2 * size)
    Retention.of(services).retire(ids[0])
    Retention.of(services).retire(ids[1])
    empty_bin(services, Retention.of(services), lacking_bytes=0)
    assert [entry.clip_id for entry in Retention.of(services).binned()] == [ids[1]]


def test_nothing_goes_from_a_foreign_root(tmp_path: Path, samples: Path) -> None:
    """Another folder, or a disk that is not mounted: the bin is left as it is."""
    services, ids = binning(tmp_path, samples, count=1, bin_days=1e-9)
    Retention.of(services).retire(ids[0])
    (services.places.video / ".watcher").unlink()
    assert empty_bin(services, Retention.of(services), lacking_bytes=1 << 40) == 0
    assert len(Retention.of(services).binned()) == 1
