"""Another nginx in front, below a path, with the lines that guide/access.md has for it: it takes its path away, and says so.

It comes from an address of its own (127.0.0.2), so that a watcher can believe it and nobody else on this machine.
"""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import requests

from tests.running import RunningUnit, free_port, wait_for
from watcher.ops.nginx import find_nginx
from watcher.workers.parent_death import die_with_parent

ADDRESS = "127.0.0.2"
ROOT = Path(__file__).parents[1]
_CONFIGURATION = """
daemon off; pid proxy.pid; error_log stderr error; worker_processes 1;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
    server {{
        listen 127.0.0.1:{port};
        {location}
    }}
}}
"""


@contextlib.contextmanager
def proxied(unit: RunningUnit, folder: Path) -> Iterator[str]:
    """The address of the whole service behind the proxy, such as http://127.0.0.1:12345/cams/."""
    port = free_port()
    guide = (ROOT / "guide/access.md").read_text()
    lines = re.search(r"^    location /cams/ \{\n(?:     .*\n)+    \}\n", guide, re.MULTILINE)
    assert lines is not None
    location = (
        lines[0].replace("127.0.0.1:8080", f"127.0.0.1:{unit.port}").replace("{", f"{{ proxy_bind {ADDRESS};")
    )
    text = _CONFIGURATION.format(port=port, location=location)
    (folder / "nginx.conf").write_text(text)
    command = [find_nginx(), "-e", "stderr", "-p", str(folder), "-c", "nginx.conf"]
    process = subprocess.Popen(command, preexec_fn=lambda: die_with_parent(signal.SIGTERM))
    address = f"http://127.0.0.1:{port}/cams/"

    def answers() -> bool:
        with contextlib.suppress(requests.ConnectionError):
            return requests.get(address + "watcher/livez", timeout=5).ok
        return False

    try:
        wait_for(answers, what="the proxy")
        yield address
    finally:
        process.terminate()
        process.wait(10)
