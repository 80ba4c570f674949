"""Which names are passed over."""

from __future__ import annotations

import pytest

from watcher.naming.ignore import PICTURE, Ignoring
from watcher.naming.presets import Preset, Role
from watcher.naming.reader import Naming


@pytest.mark.parametrize(
    ("key", "ignored"),
    [
        ("a/b.mp4", False),
        ("a/B.MP4", False),
        ("a/b.mov", False),
        ("a/b", False),  # its bytes decide
        ("a/b.raw", False),
        ("a/.b.mp4", True),
        ("a/.b.mp4.Xy12Zq", True),  # rsync
        ("a/.in.b.mp4.", True),  # ProFTPD
        ("a/b.mp4.part", True),
        ("a/b.mp4.k3jf8s2a.partial", True),  # rclone
        ("a/b.mp4.filepart", True),
        ("a/.syncthing.b.mp4.tmp", True),
        ("a/b.mp4_", True),
        ("a/b.mp4~", True),
        ("a/21.04.49.idx", True),
        ("a/.DS_Store", True),
        ("a/._b.mp4", True),
        ("@eaDir/b.mp4", True),
        ("a/lost+found/b.mp4", True),
        ("a/Thumbs.db", True),
        ("a/event.json", True),
        ("watcher/b.mp4", True),
        ("watchers/b.mp4", False),
        ("a/" + "x" * 1100 + ".mp4", True),
        ("a/\udcff.mp4", True),
        (".mp4", True),
        ("mp4", False),
    ],
)
def test_ignored_names(key: str, ignored: bool) -> None:
    """What is passed over by its name; the short way never takes what the long way refuses."""
    name = key.rpartition("/")[2]
    if Ignoring().accepts(name):
        assert Ignoring().file(name) is None
        assert Ignoring().is_clip(name)
    assert (Ignoring().key(key) is not None) == ignored


def test_a_suffix_can_be_ignored_by_the_settings() -> None:
    """Even one that is a clip's."""
    ignoring = Ignoring(names=("*.dav", ".*"))
    assert not ignoring.accepts("a.dav")
    assert ignoring.file("x/a.dav")
    assert ignoring.accepts("a.mp4")


def test_a_preset_tells_pictures_from_other_jpegs_and_bids_ignore_clips() -> None:
    """A picture is told apart from what is merely beside a clip; unfinished names come first."""
    sub = Preset(name="sub", paths=("{**}/RecS{*}_%Y%m%d_%H%M%S",), role=Role.IGNORE)
    naming = Naming(presets=[sub])
    ignoring = Ignoring(role=naming.role, judges=naming.judges)
    assert ignoring.key("porch/Camera1_00_20260125173000.jpg") == PICTURE
    assert ignoring.key("porch/.Camera1_00_20260125173000.jpg") != PICTURE
    assert ignoring.key("porch/holiday.jpg") not in {None, PICTURE}
    assert ignoring.key("a/RecS02_20260125_173000.mp4") == "a naming preset bids ignore it"
    assert not ignoring.accepts("RecS02_20260125_173000.mp4")
    assert ignoring.key("a/RecM02_20260125_173000.mp4") is None
    assert not Naming().judges
