"""compose.yaml with a store of one's own (profile `s3`), which is Ceph's: clips move there, and play from there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import requests

from tests.containers.test_containers import (
    checkout as checkout,  # noqa: PLC0414 - fixtures
)
from tests.containers.test_containers import clip as clip  # noqa: PLC0414
from tests.containers.test_containers import composed, docker
from tests.containers.test_containers import engine as engine  # noqa: PLC0414
from tests.running import wait_for

pytestmark = pytest.mark.ceph

HERE, IMAGE = Path(__file__).parent, "watcher-test-store"


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    """Ceph's S3 server of Debian's packages; skips where they cannot be had."""
    if docker("build", "-q", "-t", IMAGE, str(HERE / "store"), check=False).returncode:
        pytest.skip("no image with radosgw can be built here")
    yield IMAGE
    docker("rmi", IMAGE, check=False)


def table_of(guide: str) -> str:
    """The settings that the guide shows."""
    begin = guide.index("    [[stores]]\n")
    return "\n".join(line.strip() for line in guide[begin : guide.index("\n\n", begin)].splitlines())


def test_a_store_of_ones_own(checkout: Path, clip: bytes, image: str) -> None:
    """By the guide's settings: `ingest` moves clips, `web` plays ranges, `api` makes playlists' pieces; nobody else gets in."""
    at = datetime.now().astimezone() - timedelta(days=9)
    key, later = (f"porch/{at:%Y-%m-%d}/{at:%H%M}{second}.mp4" for second in ("01", "02"))
    settings = checkout / "etc" / "watcher.toml"
    settings.write_text(
        settings.read_text().replace("[tiering]", "[tiering]\nafter_days = 1\ncache_bytes = 100_000_000\n#")
        + f"\n{table_of((checkout / 'guide' / 'docker.md').read_text()).replace('garage', '')}\n"
    )
    chosen = {"WATCHER_STORE_IMAGE": image, "WATCHER_STORE_COMMAND": "/start"}
    with composed(checkout, profiles=("web", "s3"), **chosen) as unit:
        data = {key: clip, later: clip + b"\0\0\0\x08free"}
        for place, content in data.items():
            path = checkout / "data" / "video" / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            for owned in (path, path.parent, path.parent.parent):
                os.chown(owned, 1000, 1000)  # as a camera's account leaves it: the service has to remove the file
            os.utime(path, (at.timestamp(), at.timestamp()))
        for place in data:
            wait_for(lambda place=place: (row := unit.clip(place)) and row["sprite"], what="the pictures")
        unit("restart", "ingest")  # rather than to wait for ten minutes until the rules are asked again
        rows = {}
        for place, content in data.items():
            path = checkout / "data" / "video" / place
            rows[place] = wait_for(
                lambda place=place, path=path: (
                    (row := unit.clip(place)) and row["store"] == "cold" and not path.exists() and row
                ),
                seconds=180,
                what="the move",
            )
            assert unit.get(f"/{place}").content == content
            part = unit.get(f"/{place}", headers={"Range": "bytes=100-199"})
            assert (part.status_code, part.content) == (206, content[100:200])
        number = rows[key]["id"]
        assert unit.get(f"/watcher/clips/{number}/segment.m4s").status_code == 200
        assert unit("exec", "-T", "ingest", "watcher", "doctor", "--data", "/data").stdout.count("cold") > 0
        # Nobody outside reaches it, it reaches nobody, and its keys are in files alone.
        container = json.loads(docker("inspect", unit("ps", "-q", "store").stdout.strip()).stdout)[0]
        assert not container["HostConfig"]["PortBindings"]
        assert [*container["NetworkSettings"]["Networks"]] == [f"{unit.name}_store"]
        assert json.loads(docker("network", "inspect", f"{unit.name}_store").stdout)[0]["Internal"]
        api = docker("exec", unit("ps", "-q", "api").stdout.strip(), "hostname", "-i").stdout.split()
        for address in api:  # who can speak to uWSGI can run code in it
            words = ["timeout", "2", "bash", "-c", f"echo >/dev/tcp/{address}/3031"]
            assert docker("exec", container["Id"], *words, check=False).returncode
        secret = unit("exec", "-T", "ingest", "cat", "/keys/secret-key").stdout
        assert len(secret) == 64
        for service in ("store", "ingest", "api", "web"):
            assert secret not in docker("inspect", unit("ps", "-q", service).stdout.strip()).stdout
        assert secret not in unit("logs").stdout
        # A second start keeps the keys; what was played plays while the store is being started again.
        copies = checkout / "data" / "spool" / "cold"
        wait_for(lambda: len([*copies.glob("[0-9]*.mp4")]) == len(data), what="the copies")
        unit("stop", "store")
        for place, content in data.items():
            assert unit.get(f"/{place}").content == content
        unit("up", "-d", "--wait")
        assert unit("exec", "-T", "ingest", "cat", "/keys/secret-key").stdout == secret
        back = requests.post(unit.url(f"/watcher/clips/{number}/recall"), timeout=30)
        assert back.status_code == 202, back.text
        path = checkout / "data" / "video" / key
        wait_for(path.exists, seconds=180, what="its return")
        assert path.read_bytes() == clip
        assert unit("exec", "-T", "ingest", "watcher", "check", "--data", "/data").returncode == 0
