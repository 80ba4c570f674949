"""Nothing is shipped whose licence nobody knows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = ("requirements/image.txt", "requirements/ftp.txt")


def licences(*words: str, beside: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "release/licences.py", *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(beside or "")},
    )


def package(folder: Path, *lines: str, files: tuple[str, ...] = ()) -> Path:
    """A package as it lies beside others when it is installed, and the requirements that pin it."""
    info = folder / "odd-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("\n".join(["Metadata-Version: 2.4", "Name: odd", "Version: 1.0", *lines]))
    (info / "RECORD").write_text("".join(f"{name},,\n" for name in files))
    pin = folder / "odd.txt"
    pin.write_text(
        "odd==1.0 \\\n    --hash=sha256:00\nfar==2.0 ; sys_platform == 'win32' \\\n    --hash=sha256:00\n"
    )
    return pin


def test_all_that_is_shipped_is_known(tmp_path: Path) -> None:
    """And the guide has a line for each that asks more than to be named; their texts are collected."""
    done = licences("--notices", str(tmp_path / "notices.txt"), *SHIPPED)
    assert done.returncode == 0, done.stdout
    asks = {
        re.sub(r"-[0-9a-f]{8}$", "", row.split()[0]).lower()
        for row in done.stdout.splitlines()
        if re.search(r"\b(MPL|L?GPL)-", row)
    }
    assert len(asks) > 15
    guide = (ROOT / "guide/licences.md").read_text()
    for name in asks:
        assert f"`{name}`" in guide.lower(), name
    assert "Permission is hereby granted" in (tmp_path / "notices.txt").read_text()


@pytest.mark.parametrize(
    ("lines", "files", "why"),
    [
        ((), (), "says nothing"),
        (("License-Expression: LicenseRef-Proprietary",), (), "not one that may be shipped"),
        (("License-Expression: MIT AND SSPL-1.0",), (), "a part of it is not"),
        (("Classifier: License :: Other/Proprietary License",), (), "by its classifier"),
        (("License-Expression: MIT",), ("odd.libs/libsecret-0a1b2c3d.so.1",), "what it brings along"),
    ],
)
def test_one_that_is_not_known_is_named(
    tmp_path: Path, lines: tuple[str, ...], files: tuple[str, ...], why: str
) -> None:
    """And nothing else is released until somebody has looked."""
    done = licences(str(package(tmp_path, *lines, files=files)), beside=tmp_path)
    assert done.returncode == 1, why
    assert f"not known: {'libsecret-0a1b2c3d' if files else 'odd'}\n" in done.stdout


def test_one_that_is_known_is_not(tmp_path: Path) -> None:
    """In whatever way it is said; what is for other machines is not asked for."""
    done = licences(str(package(tmp_path, "License: MIT license", files=("odd.libs/libpq-1.so",))), beside=tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "2 licences")


def test_one_that_is_not_installed_is_named(tmp_path: Path) -> None:
    """What cannot be asked is not known."""
    (tmp_path / "pins.txt").write_text("nowhere==1.0\n")
    done = licences(str(tmp_path / "pins.txt"))
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "1 licences; not known: nowhere")
