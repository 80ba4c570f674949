"""The way out, should uWSGI end: the same application and the same nginx, with gunicorn between them (decision 020)."""

from __future__ import annotations

import contextlib
import io
import uuid
import zipfile
from pathlib import Path

import pytest
import requests

from tests import clips
from tests.containers.test_containers import checkout, clip, docker, engine
from tests.running import free_port, wait_for

__all__ = ["checkout", "clip", "engine"]

pytestmark = pytest.mark.containers

# The image's own environment has no pip any more; that of Python beside it has.
IMAGE = """
FROM {image}
RUN /usr/local/bin/python -m pip install -q --disable-pip-version-check --root-user-action ignore \
    --target /opt/gunicorn gunicorn==27.0.1
ENV PYTHONPATH=/opt/gunicorn WATCHER_AUTH__MODE=open WATCHER_AUTH__ALLOW_OPEN_NETWORK=true \
    WATCHER_DATA=/data WATCHER_APP=/data/run/app.sock WATCHER_SOCKET=/data/run/app.sock
"""
UNIT = """
watcher prepare --data /data
watcher ingest --data /data &
python -P -m watcher.container web &
exec python -P -m gunicorn -c /gunicorn.conf.py --pid /tmp/gunicorn.pid watcher.wsgi
"""


def test_gunicorn_takes_the_place_of_uwsgi(checkout: Path, clip: bytes, tmp_path: Path) -> None:
    """nginx's files as they are: clips are sent, listed, played and packed; a process that dies comes back."""
    name, port = f"watcher-{uuid.uuid4().hex[:8]}", free_port()
    docker("build", "-q", "-t", name, str(checkout))
    docker("build", "-q", "-t", f"{name}:gunicorn", "-", input=IMAGE.format(image=name))
    where = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"{where}/watcher/readyz", timeout=10).ok
        return False

    settings = f"{checkout}/examples/gunicorn.conf.py:/gunicorn.conf.py:ro"
    mounts = (
        "-v",
        f"{tmp_path}/data:/data",
        "-v",
        settings,
        "--tmpfs",
        "/log:mode=1777",
        "-p",
        f"127.0.0.1:{port}:8080",
    )
    try:
        docker("run", "-d", "--init", "--name", name, *mounts, f"{name}:gunicorn", "bash", "-c", UNIT)
        wait_for(ready, what="readyz")
        for number in (1, 2):
            sent = requests.put(
                f"{where}/watcher/uploads/porch/{number}.mp4", data=clips.stamp(clip, number), timeout=30
            )
            assert sent.status_code == 201, sent.text
        rows = requests.get(f"{where}/watcher/clips", timeout=30).json()["clips"]
        assert {row["key"] for row in rows} == {"porch/1.mp4", "porch/2.mp4"}
        part = requests.get(f"{where}/porch/1.mp4", headers={"Range": "bytes=10-19"}, timeout=30)
        assert (part.status_code, part.content) == (206, clips.stamp(clip, 1)[10:20])
        packed = requests.get(f"{where}/watcher/clips.zip", params={"id": [row["id"] for row in rows]}, timeout=60)
        assert len(zipfile.ZipFile(io.BytesIO(packed.content)).namelist()) == 2
        assert "<title>" in requests.get(f"{where}/watcher/", timeout=30).text
        refused = requests.get(f"{where}/watcher/clips?wrong=1", timeout=30)
        assert (refused.status_code, refused.json()["code"]) == (400, "bad_parameter")
        # Its children are the ingester, nginx, and last the workers.
        docker(
            "exec",
            name,
            "bash",
            "-c",
            "kill -9 $(awk '{print $NF}' /proc/$(cat /tmp/gunicorn.pid)/task/*/children)",
        )
        for _ in range(20):
            assert requests.get(f"{where}/watcher/clips", timeout=30).status_code == 200
    except BaseException:
        print(docker("logs", "--tail", "60", name, check=False).stdout)
        raise
    finally:
        docker("rm", "-f", name, check=False)
        docker("rmi", "-f", f"{name}:gunicorn", name, check=False)
