"""The doors themselves: many and slow peers, what nginx says by itself, who may read what lies on the disk."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests import clips
from tests.integration.test_tls import certificate, start_secured  # noqa: F401 - fixtures
from tests.running import RunningUnit, free_port, wait_for
from watcher.ops import nginx
from watcher.settings.load import ETC


def say(unit: RunningUnit, text: bytes) -> tuple[int, dict[str, str], bytes]:
    """What is answered to these bytes."""
    with socket.create_connection(("127.0.0.1", unit.port), 10) as asking:
        asking.sendall(text)
        answer = http.client.HTTPResponse(asking)
        answer.begin()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


def request(path: str, *headers: str, method: str = "GET", version: str = "HTTP/1.1") -> bytes:
    return "\r\n".join([f"{method} {path} {version}", "Host: x", *headers, "", ""]).encode()


LONG = "x" * 9000
REFUSED = {
    "no such header": (lambda path: request(path, "bad\x00header: x"), 400, "bad_request"),
    "two hosts": (lambda path: request(path, "Host: y"), 400, "bad_request"),
    "long address": (lambda path: request(f"{path}?{LONG}"), 414, "uri_too_long"),
    "long header": (lambda path: request(path, f"X: {LONG}"), 431, "headers_too_large"),
    "many headers": (
        lambda path: request(path, *[f"X-{n}: {'y' * 7000}" for n in range(5)]),
        431,
        "headers_too_large",
    ),
    "another coding": (lambda path: request(path, "Transfer-Encoding: gzip"), 501, "http"),
    "another version": (lambda path: request(path, version="HTTP/3.7"), 505, "http"),
    "large body": (lambda path: request(path, "Content-Length: 99999999999", method="POST"), 413, "too_large"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_nginx_itself_refuses(why: str, unit: RunningUnit) -> None:
    """Problems below the application's address, a plain sentence elsewhere; never a page, never a version."""
    ask, status, code = REFUSED[why]
    for path in ("/watcher/clips", "/watcher/uploads/porch/a.mp4", "/watcher/static/x", "/watcher/"):
        reply_status, headers, body = say(unit, ask(path))
        assert (reply_status, headers["content-type"]) == (status, "application/problem+json"), path
        problem = json.loads(body)
        assert (problem["status"], problem["code"]) == (status, code), path
    reply_status, headers, body = say(unit, ask("/porch/1.mp4"))
    assert reply_status in {status, 405}
    assert reply_status == 405 or headers["content-type"] == "text/plain"
    assert b"<" not in body
    assert b"nginx" not in body


def test_what_is_not_there_is_told_alike(unit: RunningUnit, samples: Path) -> None:
    """Folders with a slash and without, links, hidden files: 404 and nothing else, in plain words."""
    folder = unit.video / "told.alike" / "inner"
    folder.mkdir(parents=True)
    (folder.parent / "film.mp4").mkdir()
    (folder.parent / ".hidden.txt").write_text("x")
    (folder.parent / "link.txt").symlink_to("/etc/passwd")
    (folder.parent / "film").write_bytes((samples / "plain.mp4").read_bytes())
    for path in ("", "/", "/inner", "/inner/", "/film.mp4", "/film.mp4/", "/none", "/.hidden.txt", "/link.txt"):
        answer = unit.get(f"/told.alike{path}", allow_redirects=False)
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/plain"), path
        assert answer.text == "Not Found\n", path
    assert unit.get("/told.alike/film").status_code == 200


def test_headers_up_to_what_nginx_takes_are_taken(unit: RunningUnit) -> None:
    """Three lines of nearly 8 KB and an address as long reach the application."""
    status, _, body = say(
        unit, request(f"/watcher/clips?q={'a' * 8000}", *[f"X-{n}: {'y' * 8000}" for n in range(3)])
    )
    assert status in {200, 400}, body
    assert status == 200 or json.loads(body)["parameter"] == "q"


def held(unit: RunningUnit, count: int, text: bytes) -> list[socket.socket]:
    """So many connections on which only this was said."""
    sockets = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", unit.port), 10)
        connection.sendall(text)
        sockets.append(connection)
    return sockets


def nginx_bytes(unit: RunningUnit) -> int:
    """What nginx's workers hold of their own."""
    pids = [pid for pid, command in unit.family().items() if command.startswith("nginx: worker")]
    rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
    return sum(int(re.search(r"Pss_Anon:\s+(\d+) kB", text)[1]) for text in rollups) << 10


@pytest.mark.parametrize("count", [2500, pytest.param(10_000, marks=pytest.mark.slow)])
def test_half_sent_requests_stop_nobody(count: int, start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """Idle ones and half-sent ones beside two hundred who watch: each range and each list is answered."""
    files = nginx.files_most()
    count = min(count, (files - 2000) // 2 * 2)
    unit = start_unit()
    path = unit.video / "porch" / "1.mp4"
    path.parent.mkdir()
    path.write_bytes((samples / "plain.mp4").read_bytes())
    unit.wait_clip("porch/1.mp4", state="ready")
    before = nginx_bytes(unit)
    with contextlib.ExitStack() as stack:
        for text in (b"", b"GET /watcher/clips HTTP/1.1\r\nHost: x\r\n"):
            for connection in held(unit, count // 2, text):
                stack.enter_context(connection)
        grown = (nginx_bytes(unit) - before) / count
        print(f"{count:,} connections: {grown:.0f} bytes each")
        watching = [stack.enter_context(contextlib.closing(c)) for c in held(unit, 200, b"")]
        for _ in range(3):
            for connection in watching:
                connection.sendall(request("/porch/1.mp4", "Range: bytes=4-7"))
            for connection in watching:
                answer = http.client.HTTPResponse(connection)
                answer.begin()
                assert (answer.status, answer.read()) == (206, b"ftyp")
        for _ in range(20):
            assert unit.get("/watcher/clips").status_code == 200
        assert grown < 8192


@pytest.mark.slow
def test_a_half_sent_request_ends(start_unit: Callable[..., RunningUnit]) -> None:
    """Headers that do not go on are waited for as long as nginx's files say, and not for ever."""
    shipped = ETC / "nginx"
    match = re.search(r"client_header_timeout (\d+)s", (shipped / "http.conf").read_text())
    assert int(match[1]) <= 30
    unit = start_unit()
    link = unit.data / "run" / "watcher"
    link.unlink()
    shutil.copytree(shipped, link)
    shorter = (link / "http.conf").read_text().replace(match[0], "client_header_timeout 1s")
    (link / "http.conf").write_text(shorter)
    old = {pid for pid, command in unit.family().items() if command.startswith("nginx: worker")}
    os.kill(unit.pid_of("nginx: master"), signal.SIGHUP)
    wait_for(lambda: not old & set(unit.family()), what="workers that read the files anew")
    for text in (b"GET /watcher/livez HTTP/1.1\r\nHost: x\r\nX-Half: ", b"GET /watcher/li", b"\r\n"):
        with socket.create_connection(("127.0.0.1", unit.port), 30) as half:
            half.sendall(text)
            with contextlib.suppress(ConnectionResetError):
                assert half.recv(100) == b"", "no answer, and an end"


def test_one_address_takes_its_share_and_not_more(start_unit: Callable[..., RunningUnit]) -> None:
    """As trusted proxies tell it: who asks too much is told to wait, in the words of problems; others are not."""
    unit = start_unit(settings={"WATCHER_SITE__TRUSTED_PROXIES": "127.0.0.1"})
    answers: list[requests.Response] = []

    def ask(client: str) -> None:
        asking = requests.Session()
        for _ in range(700):
            answer = asking.get(unit.url("/watcher/livez"), headers={"X-Forwarded-For": client}, timeout=30)
            if answer.status_code != 200:
                answers.append(answer)

    with contextlib.ExitStack() as stack:
        sent = "POST /watcher/sign-in HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.9\r\nContent-Length: 9\r\n\r\nkey"
        for connection in held(unit, 210, sent.encode()):
            stack.enter_context(connection)

        def refused() -> bool:
            mine = {"X-Forwarded-For": "192.0.2.9"}
            answer = unit.get("/watcher/livez", headers=mine)
            return (
                answer.status_code == 429
                and answer.json()["code"] == "too_many"
                and "Retry-After" in answer.headers
            )

        wait_for(refused, what="a refusal")
        for other in ("192.0.2.10", "2001:db8::1", "127.0.0.1"):
            assert unit.get("/watcher/livez", headers={"X-Forwarded-For": other}).status_code == 200
    ask("192.0.2.20")  # a program that asks one after the other, as quickly as it can
    assert answers == []


SECRET = "Sc_" + "r" * 19
SPELLINGS = (
    "sig",
    "SIG",
    "Sig",
    "%73ig",
    "s%69g",
    "link",
    "LINK",
    "%6cink",
    "key",
    "KEY",
    "token",
    "access_token",
    "x",
)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["text", "json", "combined"])
def test_no_log_holds_what_lets_somebody_in(
    kind: str, start_unit: Callable[..., RunningUnit], samples: Path
) -> None:
    """Whatever is asked, in whatever spelling, also when it fails and when the application is away."""
    unit = start_unit(settings={"WATCHER_AUTH__MODE": "keys", "WATCHER_LOG__FORMAT": kind})
    key = unit.run("key", "create", "admin", "--role", "admin").stdout.strip()
    mine = {"Authorization": f"Bearer {key}"}
    data = clips.stamp((samples / "plain.mp4").read_bytes(), 1)
    clip = requests.put(unit.url("/watcher/uploads/porch/1.mp4"), data=data, headers=mine, timeout=10).json()
    share = requests.post(
        unit.url(f"/watcher/clips/{clip['id']}/share"), json={"expires_in_seconds": 60}, headers=mine, timeout=10
    ).json()["url"]
    session = requests.post(unit.url("/watcher/sign-in"), data={"key": key}, allow_redirects=False, timeout=10)
    cookie = session.cookies["watcher_session"]
    link = wait_for(lambda: re.search(r"link=([\w-]+)", unit.console()), what="the link")[1]
    (unit.video / "closed.mp4").write_bytes(data)
    questions = [f"?{name}={SECRET}" for name in SPELLINGS]
    questions += [f"?camera=porch&{name}={SECRET}&limit=3" for name in SPELLINGS]
    questions += [
        f"?limit=3;sig={SECRET}",
        f"?limit=3&q={key}",
        f"?camera={key}",
        f'?a="&sig={SECRET}',
        f"?link={link}",
    ]
    paths = [
        "/watcher/clips",
        "/watcher/sign-in",
        "/porch/1.mp4",
        "/nothing.mp4",
        "/watcher/nothing",
        "/watcher/static/x",
    ]

    def ask_all() -> None:
        for path in paths:
            for question in questions:
                say(
                    unit,
                    request(path + question, f"Authorization: Bearer {key}", f"Cookie: watcher_session={cookie}"),
                )
        say(unit, request(f"/{key}/x.mp4", f"Referer: http://x/?link={link}", "User-Agent: x"))
        say(unit, request(f"/watcher/clips/{key}"))
        say(unit, request(f"/watcher/s/{SECRET}"))
        say(unit, request("/watcher/clips?sig=" + SECRET, "X: " + "y" * 9000))
        unit.get(share)
        requests.get(unit.url("/watcher/clips"), auth=(key, key), timeout=10)

    ask_all()
    worker = unit.pid_of(r"^nginx: master")
    os.kill(unit.process.pid, signal.SIGSTOP)  # it starts none anew
    workers = [pid for pid, command in unit.family().items() if "pyuwsgi" in command and pid != unit.process.pid]
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    (unit.data / "run" / "app.sock").rename(unit.data / "run" / "away.sock")
    ask_all()

    def failed() -> bool:
        return (unit.log / "nginx.log").exists() and "app.sock" in (unit.log / "nginx.log").read_text()

    wait_for(failed, what="nginx's error in its log")
    (unit.data / "run" / "away.sock").rename(unit.data / "run" / "app.sock")
    os.kill(unit.process.pid, signal.SIGCONT)
    assert worker
    unit.wait_ready()
    unit.get("/watcher/clips?limit=3", headers=mine)
    texts = {path.name: path.read_text(errors="replace") for path in unit.log.glob("*")}
    wait_for(lambda: "clips?limit=3" in (unit.log / "access.log").read_text(), what="the last line")
    texts = {path.name: path.read_text(errors="replace") for path in unit.log.glob("*")}
    signature = re.search(r"sig=([\w-]+)", share)[1]
    for name, text in texts.items():
        for secret in (SECRET, key, key.upper(), cookie, link, signature):
            assert secret not in text, (name, next(line for line in text.splitlines() if secret in line))
    assert "/watcher/clips?..." in texts["nginx.log"]
    assert key not in unit.console()
    if kind == "json":
        assert all(json.loads(line) for line in texts["nginx.log"].splitlines())


@pytest.mark.slow
def test_what_lies_on_the_disk_is_ours(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """Catalog, logs, sockets, what is in flight: nobody else's, nor after an installation that was laxer; not clips."""
    unit = start_unit()
    path = unit.video / "porch" / "1.mp4"
    path.parent.mkdir()
    path.write_bytes((samples / "plain.mp4").read_bytes())
    path.chmod(0o664)
    unit.wait_clip("porch/1.mp4", state="ready")
    unit.get("/watcher/clips")
    wait_for((unit.log / "access.log").exists, what="the log")

    def open_to_others() -> list[str]:
        own = [
            unit.data / "run",
            unit.data / "spool",
            unit.data / "run" / "app.sock",
            unit.data / "run" / "nginx.sock",
        ]
        paths = [*own, *unit.data.glob("catalog.db*"), *unit.log.iterdir(), unit.log]
        return [str(path) for path in paths if not path.is_symlink() and stat.S_IMODE(path.stat().st_mode) & 0o077]

    assert open_to_others() == []
    unit.stop()
    for file in [*unit.data.glob("catalog.db*"), *unit.log.iterdir()]:
        file.chmod(0o644)
    for file in (unit.data / "run", unit.data / "spool"):
        file.chmod(0o755)
    unit.log.chmod(0o700)
    unit.start()
    assert open_to_others() == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o664
    assert stat.S_IMODE(unit.video.stat().st_mode) & 0o055
    for log in ("access.log", "ingest.log", "nginx.log"):
        if (unit.log / log).exists():
            (unit.log / log).rename(unit.log / f"{log}.1")
    os.kill(int((unit.data / "run" / "nginx.pid").read_text()), signal.SIGUSR1)
    (unit.video / "porch" / "2.mp4").write_bytes(clips.stamp((samples / "plain.mp4").read_bytes(), 2))
    unit.wait_clip("porch/2.mp4")
    wait_for((unit.log / "access.log").exists, what="the new log")
    wait_for((unit.log / "ingest.log").exists, what="the ingester's")
    assert open_to_others() == []


@pytest.mark.slow
def test_memory_is_given_back(start_unit: Callable[..., RunningUnit], tmp_path: Path) -> None:
    """At the end; after a kill by whoever starts next, of any data folder, and never a running one's."""
    unit, other = start_unit("one"), start_unit("two")
    mine, others = ((running_unit.data / "run" / "nginx" / "cache").resolve() for running_unit in (unit, other))
    if not mine.is_relative_to(nginx.MEMORY):
        pytest.skip("there is no room in memory here")
    unit.stop(signal.SIGKILL)
    third = start_unit("three")
    assert not mine.exists()
    assert others.exists()
    last = (third.data / "run" / "nginx" / "cache").resolve()
    third.stop()
    assert not last.exists()
    assert others.exists()
    folder = os.open(others, os.O_RDONLY | os.O_DIRECTORY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(folder)


def test_plain_http_is_sent_to_our_own_names_only(start_secured: Callable[..., RunningUnit]) -> None:  # noqa: F811
    """What we listen on and what the certificate is for; a host that somebody made up is not repeated."""
    plain = free_port()
    unit = start_secured(WATCHER_TLS__REDIRECT_FROM=f"127.0.0.1:{plain}", WATCHER_TLS__HSTS_SECONDS="86400")
    for port in (unit.port, plain):
        for host, status in (
            ("127.0.0.1", 308),
            (f"127.0.0.1:{port}", 308),
            ("evil.example", 421),
            ("127.0.0.1.evil", 421),
        ):
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as asking:
                asking.request("GET", "/watcher/?camera=x", headers={"Host": host})
                answer = asking.getresponse()
                assert answer.status == status, (port, host, answer.read())
                assert "evil" not in str(answer.headers) + answer.read().decode()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode, context.maximum_version = (
        False,
        ssl.CERT_NONE,
        ssl.TLSVersion.TLSv1_2,
    )
    taken = set()
    for cipher in (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-SHA384",
        "ECDHE-ECDSA-AES128-SHA",
        "AES128-SHA",
    ):
        context.set_ciphers(cipher + ":@SECLEVEL=0")
        plain_socket = socket.create_connection(("127.0.0.1", unit.port), 10)
        with contextlib.suppress(ssl.SSLError, ConnectionResetError), context.wrap_socket(plain_socket) as asking:
            taken.add(asking.cipher()[0])
    assert taken == {"ECDHE-ECDSA-AES128-GCM-SHA256"}
    (unit.video / "1.mp4").write_bytes(b"x")
    for path in (
        "/1.mp4",
        "/",
        "/watcher",
        "/nothing.mp4",
        "/watcher/static/x",
        "/watcher/clips",
        "/watcher/nothing",
    ):
        answer = unit.get(path, allow_redirects=False)
        assert answer.headers["Strict-Transport-Security"] == "max-age=86400", path


def test_plain_http_is_sent_to_the_address_that_people_use(start_secured: Callable[..., RunningUnit]) -> None:  # noqa: F811
    """Whatever host was asked, where the settings say it."""
    plain = free_port()
    unit = start_secured(
        WATCHER_TLS__REDIRECT_FROM=f"127.0.0.1:{plain}", WATCHER_SITE__PUBLIC_URL="https://cams.example.net:8443"
    )
    for port in (unit.port, plain):
        away = requests.get(
            f"http://127.0.0.1:{port}/watcher/?camera=x",
            headers={"Host": "evil.example"},
            allow_redirects=False,
            timeout=10,
        )
        assert away.headers["Location"] == "https://cams.example.net:8443/watcher/?camera=x"
