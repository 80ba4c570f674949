"""What cameras send by FTP has one writer, and none once it becomes a clip."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.test_tiering import serving
from watcher.catalog import Catalog
from watcher.ingest import ftp_spool
from watcher.ingest.ftp_spool import Counted, file_stragglers, open_counted, rename
from watcher.ingest.uploads import Uploads
from watcher.model.errors import LockedError, TakenError
from watcher.services import Services
from watcher.storage.ledger import Entry


@pytest.fixture
def services(catalog: Catalog, tmp_path: Path) -> Services:
    opened = serving(catalog, tmp_path)
    (opened.places.spool / "ftp/porch").mkdir(parents=True)
    return opened


def begun(services: Services, name: str, mode: str = "wb") -> Counted:
    """A file that a connection has open."""
    path = services.places.spool / "ftp/porch" / name
    uploads = Uploads.of(services)
    entry = Entry(f"ftp/porch/{name}", "porch", "porch", 0, time.time(), f"ftp/porch/{name}")
    uploads.budget.promise(entry, coming=0)
    return open_counted(str(path), mode, uploads.budget, entry)


def spooled(services: Services) -> dict[str, bytes]:
    home = services.places.spool / "ftp/porch"
    return {path.relative_to(home).as_posix(): path.read_bytes() for path in home.rglob("*") if path.is_file()}


@pytest.mark.parametrize("mode", ["wb", "ab", "r+b"])
def test_who_opens_a_file_is_its_one_writer(services: Services, mode: str) -> None:
    """What the one before has written stays as far as the other one wants it; it writes no more, and is told so."""
    first = begun(services, "clip.tmp")
    first.write(b"first")
    second = begun(services, "clip.tmp", mode)
    with pytest.raises(TakenError):
        first.write(b"more of the first")
    first.close()
    second.write(b"2nd")
    assert first.lost
    assert spooled(services) == {"clip.tmp": {"wb": b"2nd", "ab": b"first2nd", "r+b": b"2ndst"}[mode]}
    second.close()
    assert not second.lost
    assert ftp_spool._open == {}


@pytest.mark.parametrize(("of", "to"), [("a/clip.tmp", "a/clip.mp4"), ("a", "b"), ("other.tmp", "a/clip.tmp")])
def test_what_is_renamed_is_nobody_s(services: Services, of: str, to: str) -> None:
    """By its own name, with its folder, or because something else takes its name."""
    home = services.places.spool / "ftp/porch"
    (home / "a").mkdir()
    (home / "other.tmp").write_bytes(b"other")
    writer = begun(services, "a/clip.tmp")
    rename(str(home / of), str(home / to))
    with pytest.raises(TakenError):
        writer.write(b"more")
    assert b"more" not in b"".join(spooled(services).values())


def test_what_becomes_a_clip_is_written_to_by_nobody(
    services: Services, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not by who had it open, and no one opens it, or renames its folder, until its name is gone."""
    data = (samples / "plain.mp4").read_bytes()
    home = services.places.spool / "ftp/porch"
    (home / "a").mkdir()
    writer = begun(services, "a/clip.mp4")
    writer.write(data)
    drop = Uploads.drop
    refused: list[str] = []

    def meanwhile(self: Uploads, body: Path, *what: str, picture: bool) -> str:
        tries: list[Callable[[], object]] = [
            *(lambda mode=mode: begun(services, "a/clip.mp4", mode) for mode in ("wb", "ab", "r+b")),
            lambda: rename(str(home / "a"), str(home / "b")),
            lambda: rename(str(body), str(home / "else.mp4")),
        ]
        key = drop(self, body, *what, picture=picture)
        for each in tries:
            with pytest.raises(LockedError) as reason:
                each()
            refused.append(str(reason.value))
        return key

    monkeypatch.setattr(Uploads, "drop", meanwhile)
    file_stragglers(services.places.spool, Uploads.of(services), time.time() + 1)
    assert len(refused) == 5
    with pytest.raises(TakenError):
        writer.write(b"more")
    assert (services.places.video / "porch/a/clip.mp4").read_bytes() == data
    assert spooled(services) == {}
    begun(services, "a/clip.mp4").close()


@pytest.mark.parametrize("mode", ["wb", "ab"])
def test_a_name_that_a_crash_left_beside_its_clip(services: Services, samples: Path, mode: str) -> None:
    """Both are one file: whoever sends under this name begins another."""
    data = (samples / "plain.mp4").read_bytes()
    clip = services.places.video / "porch/clip.mp4"
    clip.parent.mkdir(parents=True)
    clip.write_bytes(data)
    (services.places.spool / "ftp/porch/clip.mp4").hardlink_to(clip)
    writer = begun(services, "clip.mp4", mode)
    writer.write(b"new")
    writer.close()
    assert clip.read_bytes() == data
    assert spooled(services) == {"clip.mp4": b"new"}
