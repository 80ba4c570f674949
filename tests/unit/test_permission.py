"""Why nothing may be written or removed: real folders of other users, real small disks, no file below a mount point."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.mounting import mounted
from watcher.model.errors import DiskFullError, ReadOnlyError, RootAwayError, WatcherError
from watcher.naming.ignore import Ignoring
from watcher.storage import marker
from watcher.storage.permission import INODES_LEAST
from watcher.storage.video_root import VideoRoot

NOBODY, CAMERA = 65534, 4711


def own(folder: Path, catalog_id: str = "ours") -> VideoRoot:
    """A root that is this catalog's."""
    folder.mkdir(parents=True, exist_ok=True)
    marker.write(folder, "ours")
    return VideoRoot(folder, Ignoring(), lambda: catalog_id)


def spooled(folder: Path) -> Path:
    body = folder / "body"
    body.write_bytes(b"clip")
    return body


def as_nobody(question: Callable[[], None]) -> str:
    """What a process of a user without rights is told."""
    if os.geteuid():
        pytest.skip("this needs root, who can be somebody else")
    reading, writing = os.pipe()
    if not (child := os.fork()):
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        try:
            question()
            outcome = "done"
        except WatcherError as reason:
            outcome = f"{type(reason).__name__}: {reason}"
        except BaseException as reason:  # whatever it is, the test shows it
            outcome = repr(reason)
        os.write(writing, outcome.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        outcome = answer.read()
    os.waitpid(child, 0)
    return outcome


@pytest.mark.parametrize("what", ["gone", "empty", "another"])
def test_nothing_is_written_where_the_disk_is_away(tmp_path: Path, what: str) -> None:
    """Below a mount point it would be hidden as soon as the disk is back."""
    root = own(tmp_path / "video", "theirs" if what == "another" else "ours")
    if what != "another":
        (root.folder / marker.NAME).unlink()
    if what == "gone":
        root.folder.rmdir()
    before = sorted(tmp_path.rglob("*"))
    for deed in (
        root.check_writable,
        lambda: root.check_writable("porch"),
        lambda: root.check_removable("porch/1.mp4"),
        lambda: root.commit(tmp_path / "body", "porch/1.mp4"),
    ):
        with pytest.raises(RootAwayError, match=str(root.folder)):
            deed()
    assert not root.has_room(0), "so no picture, copy or film is begun either"
    assert sorted(tmp_path.rglob("*")) == before


def test_a_disk_that_goes_in_the_middle_takes_the_file_or_nothing_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the marker and the name there is time enough for an unmount."""
    with mounted(tmp_path / "video", "1m"):
        root, body = own(tmp_path / "video"), tmp_path / "video" / ".spooled"
        body.write_bytes(b"clip")
        held = os.open(root.folder, os.O_RDONLY)
        real = os.mkdir

        def mkdir(*place: object, **more: object) -> None:
            if os.path.ismount(root.folder):
                subprocess.run(["umount", "-l", str(root.folder)], check=True)
            real(*place, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(os, "mkdir", mkdir)
        with pytest.raises(FileNotFoundError):  # the spool went with the disk
            root.commit(body, "porch/1.mp4")
        assert list(root.folder.iterdir()) == []
        assert os.listdir(held) != []
        os.close(held)


@pytest.mark.parametrize("nameless", [True, False])
def test_a_file_of_another_disk_is_copied_and_named_when_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nameless: bool
) -> None:
    """With and without files that have no name yet; its bytes are all there, and nothing else is."""
    if not nameless:
        monkeypatch.setattr(os, "O_TMPFILE", os.O_TMPFILE | os.O_CREAT)  # EINVAL, as where there is no such thing
    with mounted(tmp_path / "video", "1m"):
        root, body = own(tmp_path / "video"), spooled(tmp_path)
        body.write_bytes(data := os.urandom(100_000))
        root.commit(body, "porch/1.mp4")
        assert (root.folder / "porch" / "1.mp4").read_bytes() == data
        assert os.listdir(root.folder / "porch") == ["1.mp4"]
        assert body.exists(), "who spooled it removes it"
        with pytest.raises(FileExistsError):
            root.commit(body, "porch/1.mp4")
        body.write_bytes(bytes(2 << 20))
        with pytest.raises(DiskFullError):
            root.commit(body, "porch/2.mp4")
        assert os.listdir(root.folder / "porch") == ["1.mp4"]


@pytest.mark.parametrize("at_once", [True, False])
def test_where_there_are_no_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: bool) -> None:
    """FAT, and some of a network: a name is given once; what a crash left of giving it is in nobody's way."""

    def no_links(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "as FAT says")

    monkeypatch.setattr(os, "link", no_links)
    if not at_once:
        monkeypatch.setattr("watcher.storage.descent.rename_new", lambda *_: False)
    root = own(tmp_path / "video")
    (body := spooled(tmp_path)).write_bytes(b"clip")
    root.commit(body, "porch/1.mp4")
    assert ((root.folder / "porch" / "1.mp4").read_bytes(), body.exists()) == (b"clip", False)
    body.write_bytes(b"another")
    with pytest.raises(FileExistsError):
        root.commit(body, "porch/1.mp4")
    assert (root.folder / "porch" / "1.mp4").read_bytes() == b"clip"
    if not at_once:
        (left := root.folder / "porch" / "2.mp4").touch()
        with pytest.raises(FileExistsError):
            root.commit(body, "porch/2.mp4")  # a recorder may have begun it this moment
        os.utime(left, (0, 0))
        root.commit(body, "porch/2.mp4")
        assert left.read_bytes() == b"another"


def test_a_folder_of_somebody_else_is_named_with_its_owner(tmp_path: Path) -> None:
    """Before anything is taken; also where only a folder further up is closed, and where the kernel alone knows."""
    root = own(tmp_path / "video")
    for path in (tmp_path, *tmp_path.parents):
        if path.stat().st_uid == os.geteuid() and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o755)
    closed = root.folder / "porch"
    closed.mkdir()
    (closed / "1.mp4").touch()
    (closed / "day").mkdir()
    (body := spooled(tmp_path)).chmod(0o644)
    if os.geteuid() == 0:
        os.chown(closed, CAMERA, CAMERA)
        os.chown(body, NOBODY, NOBODY)
    for mode, folder in ((0o755, "porch"), (0o700, "porch/day/hour")):
        closed.chmod(mode)
        for deed in (
            lambda folder=folder: root.check_writable(folder),
            lambda: root.check_removable("porch/1.mp4"),
            lambda: root.commit(body, "porch/new.mp4"),
        ):
            outcome = as_nobody(deed)
            assert outcome.startswith(
                f"FolderError: the folder {closed} belongs to user {CAMERA} (mode {mode:o})"
            ), outcome
            assert f"({NOBODY})" in outcome
    assert as_nobody(lambda: root.check_removable("elsewhere/1.mp4")) == "done", (
        "what is not there needs no removal"
    )
    closed.chmod(0o1777)
    assert "only its owner removes it" in as_nobody(lambda: root.check_removable("porch/1.mp4"))
    closed.chmod(0o777)
    assert as_nobody(lambda: root.check_removable("porch/1.mp4")) == "done"


def test_a_disk_that_is_read_only_or_has_no_inodes_says_so(tmp_path: Path) -> None:
    """Inodes run out as bytes do; and what keeps neither back is told by the kernel itself."""
    with mounted(tmp_path / "video", "1m", inodes=INODES_LEAST + 20):
        root, body = own(tmp_path / "video"), spooled(tmp_path / "video")
        root.check_writable("porch", size_bytes=1000, keep_bytes=1000)
        root.commit(body, "porch/1.mp4")
        for number in range(18):
            (root.folder / f"{number}.mp4").touch()
        with pytest.raises(DiskFullError, match=r"files more \(inodes\)"):
            root.check_writable("porch")
        number = 18
        with contextlib.suppress(OSError):
            while number := number + 1:
                (root.folder / f"{number}.mp4").touch()
        with pytest.raises(DiskFullError, match="inodes"):
            root.commit(body, "garden/1.mp4")
        root.check_removable("1.mp4")
        subprocess.run(["mount", "-o", "remount,ro", str(root.folder)], check=True)
        for deed in (
            lambda: root.check_removable("1.mp4"),
            lambda: root.commit(body, "porch/2.mp4"),
        ):
            with pytest.raises(ReadOnlyError, match="read-only"):
                deed()
        with pytest.raises((ReadOnlyError, DiskFullError)):
            root.check_writable("porch")
