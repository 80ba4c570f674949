"""The wheel, installed from scratch where there is no checkout: the service, the camera's side, a program's client."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path
from urllib.parse import urljoin

import pytest
import requests

from release.constraints import pins
from tests.running import RunningUnit

pytestmark = pytest.mark.release

ROOT = Path(__file__).parents[2]
CLIENT = """
import sys
from watcher.client import Client
with Client(sys.argv[1]) as watcher:
    print(*(clip.key for clip in watcher.clips()))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one that `make release` made, else one that is made now, of what git knows."""
    if path := os.environ.get("WATCHER_TEST_WHEEL"):
        return (ROOT / path).resolve()
    folder = tmp_path_factory.mktemp("source")
    for name in subprocess.check_output(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True
    ).split():
        if not name.startswith(("tests/", "design/")) and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "-q", "--no-deps"]
    subprocess.run([*pip, "--no-build-isolation", "-w", folder / "dist", folder], check=True)
    return next((folder / "dist").glob("*.whl"))


class Installed:
    """A new virtual environment with the wheel and what one of its extras needs, as somebody has it at home."""

    def __init__(self, folder: Path, wheel: Path, extra: str, *more: str) -> None:
        venv.create(folder, with_pip=True)
        self.python = folder / "bin/python"
        self.home = folder / "home"
        self.home.mkdir()
        constraints = folder / "constraints.txt"
        constraints.write_text("\n".join(pins([ROOT / f"requirements/{name}.txt" for name in ("image", "ftp")])))
        what = f"watcher-clips{extra} @ {wheel.as_uri()}"
        self.run("-m", "pip", "-q", "--disable-pip-version-check", "install", "-c", constraints, what, *more)

    def run(self, *words: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([self.python, *words], capture_output=True, text=True, cwd=self.home, timeout=300)
        assert not check or done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done

    def imports(self) -> str:
        """Where its watcher lies."""
        return self.run("-P", "-c", "import watcher; print(watcher.__file__)").stdout.strip()


class InstalledUnit(RunningUnit):
    """`watcher up` of such an environment."""

    def __init__(self, installed: Installed, folder: Path) -> None:
        super().__init__(folder)
        self.program = installed.python.with_name("watcher")

    def command(self, *arguments: str) -> list[str]:
        return [str(self.program), *arguments]


def test_the_wheel_has_every_file_of_the_checkout(wheel: Path) -> None:
    """Of the package and of etc/; and its licence."""
    names = set(zipfile.ZipFile(wheel).namelist())
    tracked = subprocess.check_output(["git", "ls-files", "watcher", "etc"], cwd=ROOT, text=True).split()
    assert {name if name.startswith("watcher/") else f"watcher/{name}" for name in tracked} <= names
    assert any(name.endswith("dist-info/licenses/LICENSE") for name in names)


def test_from_nothing_to_the_page(wheel: Path, tmp_path: Path, samples: Path) -> None:
    """The service of an empty environment; a camera that has requests alone sends to it, a program asks it."""
    server = Installed(tmp_path / "server", wheel, "[server]")
    assert server.imports().startswith(str(tmp_path))
    version = server.run("-m", "watcher", "--version").stdout
    assert version == f"watcher {wheel.name.split('-')[1]}\n"
    # As the guide says it.
    where = re.search(r"bin/python -c '(.*ETC.*)'", (ROOT / "guide/install.md").read_text())
    assert where
    assert (Path(server.run("-c", where[1]).stdout.strip()) / "systemd/watcher.service").is_file()
    unit = InstalledUnit(server, tmp_path / "unit")
    try:
        unit.start()
        page = unit.get("/watcher/")
        assert page.status_code == 200
        assert "<title>" in page.text
        scripts = re.findall(r'<script[^>]* src="([^"]+)"', page.text)
        assert scripts
        assert all(requests.get(urljoin(unit.url("/watcher/"), script), timeout=60).ok for script in scripts)
        shutil.copy(samples / "plain.mp4", unit.video / "dropped.mp4")
        unit.wait_clip("dropped.mp4", state="ready")

        camera = Installed(tmp_path / "camera", wheel, "", "requests")
        (camera.home / "clips").mkdir()
        shutil.copy(samples / "faststart.mp4", camera.home / "clips/sent.mp4")
        camera.run("-m", "watcher", "push", "clips", "--to", unit.url(""), "--camera", "porch", "--once")
        unit.wait_clip("porch/sent.mp4", state="ready")
        refused = camera.run("-m", "watcher", "up", check=False)
        assert refused.returncode == 1
        assert "pip install 'watcher-clips[server]'" in refused.stderr

        program = Installed(tmp_path / "program", wheel, "[client]")
        output = program.run("-c", CLIENT, unit.url("")).stdout
        assert set(output.split()) == {"dropped.mp4", "porch/sent.mp4"}
    finally:
        unit.stop()
