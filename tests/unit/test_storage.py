"""The video root: its walk, its marker, and that no key leaves it."""

from __future__ import annotations

import contextlib
import os
import random
from pathlib import Path

import pytest

from watcher.naming.ignore import Ignoring
from watcher.storage.content import digest
from watcher.storage.descent import is_leftover
from watcher.storage.folders import held
from watcher.storage.mounts import file_system
from watcher.storage.places import Places
from watcher.storage.video_root import Blind, VideoRoot
from watcher.web.api import archive
from watcher.workers import files


def root(folder: Path) -> VideoRoot:
    return VideoRoot(folder, Ignoring())


@pytest.mark.parametrize("key", ["../x.mp4", "a/../../x", "/etc/passwd", "a//b", "a/./b", "", "a\0b", ".."])
def test_a_key_cannot_leave_the_root(tmp_path: Path, key: str) -> None:
    """Whatever comes from outside."""
    with pytest.raises(ValueError, match="not a key"):
        root(tmp_path).path(key)


def test_the_walk_is_in_the_byte_order_of_keys(tmp_path: Path) -> None:
    """Which is the catalog's order, or a merge of the two would go astray: folders sort by name and slash."""
    chance = random.Random(3)
    names = ["a", "a-b", "a.b", "a0", "A", "ä", "z", "🦊", "a b", "zz", "é", "!", "~x"]
    expected = set()
    for _ in range(300):
        parts = [chance.choice(names) for _ in range(chance.randrange(1, 4))]
        path = tmp_path.joinpath(*parts[:-1], parts[-1] + ".mp4")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        expected.add(str(path.relative_to(tmp_path)))
    keys = [entry.key for entry in root(tmp_path).walk()]

    assert keys == sorted(expected, key=str.encode)
    below = [key for key in keys if key.startswith("a/")]
    assert [entry.key for entry in root(tmp_path).walk("a/")] == below


def test_a_folder_that_cannot_be_read_comes_out_blind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In its place in the order; and nothing that lies elsewhere is left out."""
    for name in ("a/1.mp4", "b/2.mp4", "c/3.mp4"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    real = os.scandir

    def scandir(path: str) -> object:  # stands in for permissions, which root does not feel
        if path.rstrip("/").endswith("/b"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    looks = list(root(tmp_path).walk())
    assert [entry[0] for entry in looks] == ["a/1.mp4", "b/", "c/3.mp4"]
    assert isinstance(looks[1], Blind)


def test_links_are_not_followed(tmp_path: Path) -> None:
    """Neither on the way down nor as the folder to begin with."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x.mp4").touch()
    inside = tmp_path / "root"
    inside.mkdir()
    (inside / "link").symlink_to(tmp_path / "out")
    (inside / "x.mp4").symlink_to(tmp_path / "out" / "x.mp4")
    assert list(root(inside).walk()) == []
    assert list(root(inside).walk("link/")) == []
    assert root(inside).look("x.mp4") is None
    for key in ("x.mp4", "link/x.mp4"):
        with pytest.raises(FileNotFoundError):
            root(inside).open(key)


def test_what_was_looked_at_is_what_is_opened(tmp_path: Path) -> None:
    """A camera's account puts a link in the folder's place after the look: nobody reads what lies behind it."""
    outside, inside = tmp_path / "out", tmp_path / "root"
    for folder in (outside, inside / "porch"):
        folder.mkdir(parents=True)
        (folder / "x.mp4").write_bytes(folder.name.encode())
    look = root(inside).look("porch/x.mp4")
    assert look is not None
    zipped = archive._zipped(root(inside), [look])
    (inside / "porch").rename(inside / "was")
    (inside / "porch").symlink_to(outside)
    with pytest.raises(FileNotFoundError):
        list(zipped)
    source = files.open_source(f"{inside.resolve()}/porch/x.mp4")
    assert isinstance(source, FileNotFoundError)
    with files.open_source(str(inside.resolve() / "was" / "x.mp4")) as file:
        assert file.read() == b"porch"
    with held(str(inside), "was/x.mp4") as path:
        (inside / "was").rename(inside / "moved")
        (inside / "was").symlink_to(outside)
        assert Path(path).read_bytes() == b"porch"
        with pytest.raises(FileNotFoundError), held(str(inside), "was/x.mp4"):
            pass
        Path(path).unlink()
    root(inside).remove("was/x.mp4")
    assert (outside / "x.mp4").exists()
    (inside / "porch").unlink()
    (inside / "porch").mkdir()
    (inside / "porch" / "x.mp4").write_bytes(b"another")
    with pytest.raises(OSError, match="changed meanwhile"):
        list(archive._zipped(root(inside), [look]))


def test_the_marker_names_its_catalog(tmp_path: Path) -> None:
    """Written in one step; a folder without one has none."""
    assert root(tmp_path).marker() is None
    root(tmp_path).write_marker("abc")
    assert root(tmp_path).marker() == "abc"
    assert [path.name for path in tmp_path.iterdir()] == [".watcher"]
    (tmp_path / ".watcher").write_bytes(b"\xff\xfe")
    assert root(tmp_path).marker() is None


def test_digests_tell_contents_apart(tmp_path: Path) -> None:
    """By size, beginning and end."""
    seen = set()
    for data in (b"", b"a", b"b", b"a" * 70_000, b"b" + b"a" * 69_999, b"a" * 69_999 + b"b", b"a" * 70_001):
        (tmp_path / "f").write_bytes(data)
        fd = os.open(tmp_path / "f", os.O_RDONLY)
        seen.add(digest(fd, len(data)))
        os.close(fd)
    assert len(seen) == 7


def test_the_file_system_of_a_folder(tmp_path: Path) -> None:
    """The longest mount point decides, and spaces in it are escaped."""
    mounts = tmp_path / "mounts"
    place = tmp_path / "a b" / "c"
    place.mkdir(parents=True)
    escaped = str(tmp_path / "a b").replace(" ", "\\040")
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nnas:/x {escaped} nfs4 rw 0 0\n")
    assert file_system(place, str(mounts)) == "nfs4"
    assert file_system(tmp_path, str(mounts)) == "ext4"


def test_a_file_of_another_disk_is_copied(tmp_path: Path) -> None:
    """Under no other's name, with nothing left behind."""
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second disk here")
    root = VideoRoot(tmp_path, Ignoring())
    source = other / f"watcher-test-{os.getpid()}"
    data = random.Random(1).randbytes(3 << 20)
    try:
        source.write_bytes(data)
        root.commit(source, "porch/a.mp4")
        assert (tmp_path / "porch" / "a.mp4").read_bytes() == data
        assert (tmp_path / "porch" / "a.mp4").stat().st_mode & 0o777 == 0o640
        source.write_bytes(b"other")
        with pytest.raises(FileExistsError):
            root.commit(source, "porch/a.mp4")
    finally:
        source.unlink()
    assert [path.name for path in (tmp_path / "porch").iterdir()] == ["a.mp4"]
    assert [look.key for look in root.walk()] == ["porch/a.mp4"]


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        (".watcher-copy-00ff.tmp", True),
        (".watcher.4711.tmp", True),
        (".selftest.4711.tmp", True),
        (".writable.805f3ddfbb1a47048095bf4142340945.tmp", True),
        (".watcher", False),
        (".watcher.bin", False),
        (".watcher.4711.mp4", False),
        ("my.watcher.4711.tmp", False),
        (".watcher-copy-.tmp", False),
        (".selftest.4711.tmp.mp4", False),
    ],
)
def test_what_a_kill_left_is_known_by_its_name(name: str, ours: bool) -> None:
    """And nobody else's file is: it would be removed after a day."""
    assert is_leftover(name) is ours
    assert is_leftover(f"porch/{name}") is ours


def test_a_kill_while_folders_are_tried_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written to see whether it can be has no name."""

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "unlink", killed)
    monkeypatch.setattr(Path, "unlink", killed)
    with contextlib.suppress(KeyboardInterrupt):
        Places(tmp_path).make()
    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == []
    assert (tmp_path / "run").is_dir()
