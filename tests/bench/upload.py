"""Uploads against nginx's own PUT of the same bytes: megabytes a second, and processor time."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from tests import clips
from tests.running import RunningUnit, free_port, running, wait_for
from watcher.ops.nginx import find_nginx

SIZE = 64 << 20
COUNT = 6
PLAIN = """
daemon off; {user} worker_processes 2; pid {folder}/dav.pid; error_log {folder}/dav.log;
events {{ worker_connections 512; }}
http {{
  access_log off; client_max_body_size 0; client_body_temp_path {folder}/dav-spool; uwsgi_temp_path {folder}/t2;
  proxy_temp_path {folder}/t3; fastcgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{ listen 127.0.0.1:{port}; root {folder}/dav; dav_methods PUT; create_full_put_path on; }}
}}
"""


def run(folder: Path, rounds: int) -> list[tuple[str, list[float], str]]:
    """Ratios of MB/s and of processor seconds a gigabyte."""
    version = subprocess.run([find_nginx(), "-V"], capture_output=True, text=True, check=True).stderr
    if "http_dav_module" not in version:
        print("this nginx has no dav module: uploads are not measured")
        return []
    rates: list[float] = []
    costs: list[float] = []
    with running(folder / "unit", settings={"WATCHER_RENDER__WORKERS": "0"}) as unit:
        sample = clips.make(folder / "sample.mp4").read_bytes()
        rest = SIZE - len(sample)
        source = folder / "large.mp4"
        source.write_bytes(sample + rest.to_bytes(4, "big") + b"free" + os.urandom(rest - 8))
        port, dav = _dav(folder)
        try:
            for number in range(rounds):
                ours = _send(source, unit.url(f"/watcher/uploads/bench{number}"), lambda: _cpu(unit_pids(unit)))
                theirs = _send(source, f"http://127.0.0.1:{port}/bench{number}", lambda: _cpu(children(dav.pid)))
                rates.append(theirs[0] / ours[0])
                costs.append(ours[1] / theirs[1])
        finally:
            dav.terminate()
            dav.wait()
    return [
        ("uploads of 64 MB, MB/s ÷ nginx's own PUT", rates, "≥ 0.9"),
        ("the same, processor time ÷ nginx's own PUT", costs, "≤ 1.3"),
    ]


def _dav(folder: Path) -> tuple[int, subprocess.Popen[bytes]]:
    port = free_port()
    (folder / "dav").mkdir()
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "dav.conf").write_text(PLAIN.format(folder=folder, port=port, user=user))
    process = subprocess.Popen([find_nginx(), "-c", str(folder / "dav.conf"), "-e", str(folder / "dav.log")])

    def up() -> bool:
        done = subprocess.run(["curl", "-s", "-o", "/dev/null", f"http://127.0.0.1:{port}/"], check=False)
        return done.returncode == 0

    wait_for(up, what="nginx's own PUT")
    return port, process


def _send(source: Path, url: str, cpu: object) -> tuple[float, float]:
    """Seconds, and processor seconds of the server, for some uploads one after another, synced at the end."""
    before, began = cpu(), time.perf_counter()  # type: ignore[operator]
    for number in range(COUNT):
        command = ["curl", "-s", "-f", "-o", "/dev/null", "-T", str(source), f"{url}/{number}.mp4"]
        subprocess.run(command, check=True)
    os.sync()
    return time.perf_counter() - began, cpu() - before  # type: ignore[operator]


def unit_pids(unit: RunningUnit) -> list[int]:
    """nginx and uWSGI; not the ingester, which reads what is dropped as well."""
    return [
        pid for pid, command in unit.family().items() if "watcher ingest" not in command or "pyuwsgi" in command
    ]


def children(pid: int) -> list[int]:
    """A process and its children."""
    output = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout
    return [pid, *map(int, output.split())]


def _cpu(pids: list[int]) -> float:
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        except OSError:
            continue
    return total / os.sysconf("SC_CLK_TCK")
