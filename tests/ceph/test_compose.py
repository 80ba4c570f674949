"""compose.yaml with a bucket on a real S3 server: the containers move clips there, and play them from there."""

from __future__ import annotations

import ipaddress
import os
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
from tests.radosgw import KEY, SECRET, Radosgw
from tests.running import wait_for
from tests.throttling import throttled

pytestmark = pytest.mark.ceph


def test_clips_move_and_play_in_containers(checkout: Path, clip: bytes, cluster: Radosgw) -> None:
    """`ingest` moves them, `web` plays ranges, `api` makes playlists' pieces; the keys lie beside the settings."""
    store = cluster.bucket()
    subnet = docker("network", "inspect", "bridge", "-f", "{{(index .IPAM.Config 0).Subnet}}").stdout.strip()
    host = str(ipaddress.ip_network(subnet)[1])  # under which containers reach this machine
    at = datetime.now().astimezone() - timedelta(days=9)
    key = f"porch/{at:%Y-%m-%d}/{at:%H%M%S}.mp4"
    with throttled(cluster.port, host) as way:
        for name, secret in (("key", KEY), ("secret", SECRET)):
            (checkout / "etc" / f"s3-{name}").write_text(secret)
            (checkout / "etc" / f"s3-{name}").chmod(0o644)
        settings = checkout / "etc" / "watcher.toml"
        settings.write_text(
            settings.read_text().replace("[tiering]", "[tiering]\nafter_days = 1\n#")
            + f'\n[[stores]]\nname = "cold"\nkind = "s3"\nendpoint = "{way.endpoint}"\nbucket = "{store.bucket}"\n'
            'access_key_file = "/etc/watcher/s3-key"\nsecret_key_file = "/etc/watcher/s3-secret"\n'
        )
        with composed(checkout) as unit:
            path = checkout / "data" / "video" / key
            path.parent.mkdir(parents=True)
            path.write_bytes(clip)
            for place in (path, path.parent, path.parent.parent):
                os.chown(place, 1000, 1000)  # as a camera's account leaves it: the service has to remove the file
            os.utime(path, (at.timestamp(), at.timestamp()))
            wait_for(
                lambda: (row := unit.clip(key)) and row["sprite"], what="its pictures, without which none goes"
            )
            unit("restart", "ingest")  # rather than to wait for ten minutes until the rules are asked again
            row = wait_for(
                lambda: (row := unit.clip(key)) and row["store"] == "cold" and not path.exists() and row,
                seconds=180,
                what="the move",
            )
            assert [stored.key for stored in store.list()] == [key]
            assert unit.get(f"/{key}").content == clip
            part = unit.get(f"/{key}", headers={"Range": "bytes=100-199"})
            assert (part.status_code, part.content) == (206, clip[100:200])
            assert unit.get(f"/watcher/clips/{row['id']}/segment.m4s").status_code == 200
            back = requests.post(unit.url(f"/watcher/clips/{row['id']}/recall"), timeout=30)
            assert back.status_code == 202, back.text
            wait_for(path.exists, seconds=60, what="its return")
            assert path.read_bytes() == clip
            assert unit("exec", "-T", "ingest", "watcher", "check", "--data", "/data").returncode == 0
    store.close()
