"""nginx with the shipped files, against the best plain configuration for the same clips; and a list page."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests import clips
from tests.running import RENDER, RunningUnit, free_port, running, wait_for
from watcher.ops.nginx import find_nginx

SECONDS = 2
RANGES = """
math.randomseed(7)
request = function()
  local start = math.random(0, 4900000 - 65536)
  return wrk.format("GET", "/cam/" .. math.random(0, 19) .. ".mp4", {["Range"] = "bytes=" .. start .. "-" .. start + 65535})
end
"""
WHOLE = """
request = function() return wrk.format("GET", "/cam/" .. math.random(0, 19) .. ".mp4") end
"""
PLAIN = """
daemon off; {user} worker_processes auto; pid {folder}/plain.pid; error_log {folder}/plain.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush off; keepalive_requests 1000000; {cache}
  client_body_temp_path {folder}/t1; uwsgi_temp_path {folder}/t2; proxy_temp_path {folder}/t3;
  fastcgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  types {{ video/mp4 mp4; }}
  server {{ listen 127.0.0.1:{port}; root {root};
    location /hello {{ include {uwsgi_params}; uwsgi_pass unix:{folder}/hello.sock; }} }}
}}
"""
HELLO = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "11")])
    return [b"hello world"]
"""


def run(folder: Path, rounds: int) -> list[tuple[str, list[float], str]]:
    """Requests a second, as ratios."""
    if not shutil.which("wrk"):
        print("wrk is not installed (Debian: wrk): serving is not measured")
        return []
    with running(folder / "unit") as unit:
        return _run(folder, unit, rounds)


def _run(folder: Path, unit: RunningUnit, rounds: int) -> list[tuple[str, list[float], str]]:
    sample = clips.make(folder / "sample.mp4").read_bytes()
    for number in range(20):
        path = unit.video / "cam" / f"{number}.mp4"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(clips.stamp(sample, number) + b"\x00\x4b\x00\x00free" + clips.noise(0x4B0000 - 8))
    wait_for(lambda: len(unit.clips()) == 20, what="20 clips")
    wait_for(lambda: not any(RENDER in c for c in unit.family().values()), what="idle workers")
    plain = [plain_nginx(folder / name, unit, cache) for name, cache in (("cached", True), ("uncached", False))]
    results: dict[str, list[float]] = {"whole": [], "ranges": [], "list": []}
    try:
        for _ in range(rounds):
            for name, script in (("whole", WHOLE), ("ranges", RANGES)):
                best = max(wrk(folder, f"http://127.0.0.1:{port}/", script) for port, _ in plain)
                results[name].append(wrk(folder, unit.url("/"), script) / best)
            hello = wrk(folder, f"http://127.0.0.1:{plain[0][0]}/hello", "")
            results["list"].append(wrk(folder, unit.url("/watcher/clips?limit=20"), "") / hello)
    finally:
        for _, processes in plain:
            for process in processes:
                process.terminate()
                process.wait()
    return [
        ("whole clips of 5 MB ÷ the best plain nginx", results["whole"], "≥ 0.95"),
        ("random ranges of 64 KiB ÷ the best plain nginx", results["ranges"], "≥ 0.95"),
        ("a list of 20 clips ÷ a bare WSGI hello", results["list"], "≥ 0.22"),
    ]


def plain_nginx(folder: Path, unit: RunningUnit, cache: bool) -> tuple[int, list[subprocess.Popen[bytes]]]:
    """A plain nginx with four uWSGI workers that say hello; its port, and the processes to end."""
    folder.mkdir()
    port = free_port()
    import os

    parameters = "\n".join(
        f"uwsgi_param {name} ${value};"
        for name, value in {
            "REQUEST_METHOD": "request_method", "PATH_INFO": "uri", "QUERY_STRING": "query_string",
            "SERVER_PROTOCOL": "server_protocol", "SERVER_NAME": "server_name", "SERVER_PORT": "server_port",
        }.items()
    )  # fmt: skip
    (folder / "uwsgi_params").write_text(parameters)
    (folder / "hello.py").write_text(HELLO)
    text = PLAIN.format(
        user="user root;" if os.geteuid() == 0 else "",
        folder=folder,
        port=port,
        root=unit.video,
        uwsgi_params=folder / "uwsgi_params",
        cache="open_file_cache max=1000;" if cache else "",
    )
    (folder / "plain.conf").write_text(text)
    uwsgi = [
        sys.executable, "-c", "import pyuwsgi; pyuwsgi.run()", "--master", "--processes", "4", "--socket",
        str(folder / "hello.sock"), "--wsgi-file", str(folder / "hello.py"), "--disable-logging", "--die-on-term",
        "--need-app", "--thunder-lock",
    ]  # fmt: skip
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    processes = [
        subprocess.Popen(uwsgi, **quiet),
        subprocess.Popen(
            [find_nginx(), "-c", str(folder / "plain.conf"), "-e", str(folder / "plain.log")], **quiet
        ),
    ]
    wait_for(lambda: _answers(port), what="the plain nginx")
    return port, processes


def _answers(port: int) -> bool:
    import requests

    try:
        return requests.get(f"http://127.0.0.1:{port}/hello", timeout=5).status_code == 200
    except requests.RequestException:
        return False


def wrk(folder: Path, url: str, script: str) -> float:
    """Requests a second of eight connections; every answer has to be a success."""
    command = ["wrk", "-t1", "-c8", f"-d{SECONDS}s"]
    if script:
        path = folder / f"script{random.randrange(10**9)}.lua"
        path.write_text(script)
        command += ["-s", str(path)]
    output = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in output, output
    return float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])
