"""HTTPS by settings, and proxies in front."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests import clips
from tests.running import RunningUnit, free_port, wait_for


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, signed by itself, and its key."""
    pem, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    subprocess.run([*command, *subject, "-keyout", key, "-out", pem], check=True, capture_output=True)
    return pem, key


@pytest.fixture
def start_secured(
    start_unit: Callable[..., RunningUnit], certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., RunningUnit]:
    """Starts watchers that speak HTTPS, which this process believes."""
    pem, key = certificate
    monkeypatch.setattr(RunningUnit, "url", lambda self, path: f"https://127.0.0.1:{self.port}{path}")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem))
    secured = {"WATCHER_TLS__CERTIFICATE": str(pem), "WATCHER_TLS__KEY": str(key)}
    return lambda **settings: start_unit(settings=secured | settings)


@pytest.mark.slow
def test_https(start_secured: Callable[..., RunningUnit], samples: Path) -> None:
    """Pages, clips, uploads and sessions; plain HTTP is sent on, from the same port and from another."""
    plain = free_port()
    unit = start_secured(
        WATCHER_TLS__REDIRECT_FROM=f"127.0.0.1:{plain}",
        WATCHER_TLS__HSTS_SECONDS="86400",
        WATCHER_AUTH__MODE="keys",
    )
    key_of_admin = unit.run("key", "create", "admin", "--role", "admin").stdout.strip()
    mine = {"Authorization": f"Bearer {key_of_admin}"}
    data = clips.stamp((samples / "plain.mp4").read_bytes(), 1)
    sent = requests.put(unit.url("/watcher/uploads/porch/1.mp4"), data=data, headers=mine, timeout=10)
    assert sent.status_code == 201
    assert unit.get("/porch/1.mp4", headers=mine).content == data
    assert unit.get("/watcher/clips", headers=mine).headers["Strict-Transport-Security"] == "max-age=86400"
    form = requests.post(
        unit.url("/watcher/sign-in"), data={"key": key_of_admin}, allow_redirects=False, timeout=10
    )
    assert "Secure" in form.headers["Set-Cookie"]
    for port in (unit.port, plain):
        away = requests.get(f"http://127.0.0.1:{port}/watcher/?camera=x", allow_redirects=False, timeout=10)
        assert (away.status_code, away.headers["Location"]) == (308, unit.url("/watcher/?camera=x")), port
    wait_for(lambda: "watcher is at https://" in unit.console(), what="its address")


@pytest.mark.slow
def test_cameras_send_by_ftps(
    start_secured: Callable[..., RunningUnit], certificate: tuple[Path, Path], samples: Path
) -> None:
    """The same certificate encrypts names, keys and clips of the FTP door, and can be made a duty."""
    port = free_port()
    unit = start_secured(WATCHER_FTP__LISTEN=f"127.0.0.1:{port}", WATCHER_FTP__REQUIRE_TLS="true")
    key = unit.run("key", "create", "porch", "--role", "upload", "--camera", "porch").stdout.strip()
    command = ["curl", "-sS", "--cacert", str(certificate[0]), "-u", f"x:{key}", "-T", str(samples / "plain.mp4")]
    command += ["--retry", "20", "--retry-connrefused", "--retry-delay", "1"]
    address = f"ftp://127.0.0.1:{port}/secret.mp4"
    sent = subprocess.run([*command, "--ssl-reqd", address], capture_output=True, text=True, timeout=120)
    assert sent.returncode == 0, sent.stderr
    assert unit.get("/porch/secret.mp4").content == (samples / "plain.mp4").read_bytes()
    plain = subprocess.run([*command, address.replace("secret", "plain")], capture_output=True, timeout=120)
    assert plain.returncode == 67, plain  # login denied


def test_half_a_certificate_is_refused(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    """With a sentence, before anything is started."""
    for settings in (
        {"WATCHER_TLS__CERTIFICATE": str(certificate[0])},
        {"WATCHER_TLS__CERTIFICATE": str(certificate[0]), "WATCHER_TLS__KEY": "/nowhere"},
        {"WATCHER_SITE__TRUSTED_PROXIES": "proxy.example.net"},
    ):
        unit = RunningUnit(tmp_path / "unit", settings=settings)
        command = unit.command("up", "--data", str(unit.data), "--listen", f"127.0.0.1:{unit.port}")
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **settings}, timeout=60)
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_only_named_proxies_are_believed(start_unit: Callable[..., RunningUnit]) -> None:
    """About who the client is: in the log, and for limits."""
    unit = start_unit(settings={"WATCHER_SITE__TRUSTED_PROXIES": "127.0.0.1"})
    unit.get("/watcher/livez", headers={"X-Forwarded-For": "192.0.2.7"})
    wait_for(lambda: "192.0.2.7 [" in (unit.log / "access.log").read_text(), what="the client in the log")
    other = start_unit("other")
    other.get("/watcher/livez", headers={"X-Forwarded-For": "192.0.2.7"})
    wait_for(lambda: "livez" in (other.log / "access.log").read_text(), what="the log")
    assert "192.0.2.7" not in (other.log / "access.log").read_text()


@pytest.mark.slow
def test_pages_of_other_origins_ask_only_if_they_may(start_unit: Callable[..., RunningUnit]) -> None:
    """CORS: off, or for the origins that are named; a preflight tells which methods."""
    home = {"Origin": "https://home.example.net"}
    ask = {**home, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization"}
    unit = start_unit(settings={"WATCHER_SITE__ALLOWED_ORIGINS": "https://home.example.net"})
    answer = unit.get("/watcher/clips", headers=home)
    assert answer.headers["Access-Control-Allow-Origin"] == "https://home.example.net"
    assert "Origin" in answer.headers["Vary"]
    before = requests.options(unit.url("/watcher/clips/1/labels/fox"), headers=ask, timeout=10)
    assert (before.status_code, "PUT" in before.headers["Access-Control-Allow-Methods"]) == (204, True)
    other = {"Origin": "https://evil.example"}
    assert "Access-Control-Allow-Origin" not in unit.get("/watcher/clips", headers=other).headers
    assert (
        "Access-Control-Allow-Methods"
        not in requests.options(
            unit.url("/watcher/clips/1/labels/fox"), headers={**ask, **other}, timeout=10
        ).headers
    )
    closed = start_unit("closed")
    assert "Access-Control-Allow-Origin" not in closed.get("/watcher/clips", headers=home).headers


def test_every_answer_says_what_it_is(start_unit: Callable[..., RunningUnit]) -> None:
    """No version, no guessing, no frames."""
    unit = start_unit()
    for path in ("/watcher/", "/watcher/clips", "/watcher/nothing", "/watcher/livez", "/watcher/docs"):
        headers = unit.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], path
        assert headers["Server"] == "nginx", path
