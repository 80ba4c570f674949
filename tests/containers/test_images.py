"""Images pinned by what they contain: the command that writes the lock, against a real registry on loopback."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.containers.test_containers import checkout, docker, engine  # noqa: F401 - fixtures
from tests.running import free_port, wait_for

pytestmark = pytest.mark.containers

IMAGES = ("python:3.11-slim-bookworm", "nginx:1.28", "postgres:17")
STORE = "dxflrs/garage:v2.3.0"  # cannot be had where these tests run: another image has its name


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """The address of a registry of our own, as HOST:PORT/, with the images that watcher needs."""
    if shutil.which("docker-registry") is None:
        pytest.skip("there is no registry to start (Debian: docker-registry)")
    port = free_port()
    config = tmp_path / "registry.yml"
    config.write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {tmp_path}/images}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\n"
    )
    process = subprocess.Popen(["docker-registry", "serve", str(config)], stderr=subprocess.DEVNULL)
    try:

        def up() -> bool:
            try:
                return requests.get(f"http://127.0.0.1:{port}/v2/", timeout=2).status_code == 200
            except requests.RequestException:
                return False

        wait_for(up, what="the registry")
        for image, of in {**dict(zip(IMAGES, IMAGES, strict=True)), STORE: IMAGES[1]}.items():
            docker("tag", of, f"127.0.0.1:{port}/{image}")
            docker("push", "-q", f"127.0.0.1:{port}/{image}")
        yield f"127.0.0.1:{port}/"
        for image in (*IMAGES, STORE):
            docker("rmi", f"127.0.0.1:{port}/{image}", check=False)
    finally:
        process.terminate()
        process.wait()


def test_images_are_pinned_by_their_digest(
    checkout: Path,  # noqa: F811
    registry: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Compose takes what the lock says; what cannot be asked for leaves the lock as it was."""
    monkeypatch.setenv("WATCHER_REGISTRY", registry)
    lock = checkout / "images.lock"
    done = subprocess.run([sys.executable, checkout / "release" / "images.py"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = dict(line.split("=", 1) for line in lock.read_text().splitlines())
    assert {value.split("@")[0] for value in lines.values()} == {registry + image for image in (*IMAGES, STORE)}
    assert all(re.fullmatch(r".+@sha256:[0-9a-f]{64}", value) for value in lines.values())
    profiles = [word for profile in ("web", "postgres", "s3") for word in ("--profile", profile)]
    words = ("compose", "--env-file", "images.lock", *profiles, "config")
    shown = docker(*words, cwd=checkout).stdout
    assert all(value in shown for value in lines.values())
    docker("pull", "-q", lines["WATCHER_NGINX_IMAGE"])

    before = lock.read_text()
    monkeypatch.setenv("WATCHER_REGISTRY", f"127.0.0.1:{free_port()}/")
    done = subprocess.run([sys.executable, checkout / "release" / "images.py"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "cannot be asked for" in done.stderr
    assert lock.read_text() == before
