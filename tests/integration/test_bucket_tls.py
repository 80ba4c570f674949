"""A bucket by HTTPS: nginx and the mover believe it by its certificate, and nobody else."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.integration.test_buckets import tiered
from tests.integration.test_stores import address, leave, store_of
from tests.running import RunningUnit, wait_for
from tests.s3_server import Server, s3_server

CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def authority(folder: Path, name: str) -> Path:
    """A certificate of somebody who signs others', with its key beside it."""
    pem = folder / f"{name}.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        *CURVE,
        "-subj",
        f"/CN={name}",
        "-keyout",
        pem.with_suffix(".key"),
        "-out",
        pem,
    ]
    subprocess.run(command, check=True, capture_output=True)
    return pem


def certificate(signer: Path, host: str, days: int = 2) -> ssl.SSLContext:
    """What a server needs to be this host by the word of this authority, for so many days."""
    stem = signer.with_name(f"{signer.stem}-{host}-{days}")
    key, request, pem = (stem.with_name(f"{stem.name}.{kind}") for kind in ("key", "csr", "crt"))
    alternative = ("-addext", f"subjectAltName=DNS:{host}")
    steps = (
        ("req", "-new", *CURVE, "-subj", "/CN=store", *alternative, "-keyout", key, "-out", request),
        ("x509", "-req", "-in", request, "-CA", signer, "-CAkey", signer.with_suffix(".key"), "-CAcreateserial",
         "-copy_extensions", "copy", "-days", days, "-out", pem),
    )  # fmt: skip
    for step in steps:
        subprocess.run(["openssl", *map(str, step)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    return context


def tiered_by_https(unit: RunningUnit, tmp_path: Path, server: Server, believed: Path) -> None:
    """Start it with a bucket of that server, and the word of this authority alone."""
    endpoint = server.endpoint.replace("http://127.0.0.1", "https://localhost")
    tiered(unit, tmp_path, endpoint, SSL_CERT_FILE=str(believed))


@pytest.mark.slow
def test_a_bucket_by_https_plays_while_it_is_who_it_says(
    start_unit: Callable[..., RunningUnit], samples: Path, tmp_path: Path
) -> None:
    """A clip goes there and plays by ranges; with a stranger's certificate, another host's, or an old one it is 503 in words."""
    known, stranger = authority(tmp_path, "known"), authority(tmp_path, "stranger")
    unit = start_unit(settings={"WATCHER_RENDER__SPRITES": "false"})
    key = leave(unit, samples, 1)
    content = requests.get(address(unit, key), timeout=10).content
    with s3_server() as server:
        real = server.tls = certificate(known, "localhost")
        tiered_by_https(unit, tmp_path, server, known)
        wait_for(lambda: store_of(unit, key) == "archive", what="the move", seconds=60)
        wait_for(lambda: not (unit.video / key).exists(), what="its end here")

        def status() -> tuple[int, bytes]:
            answer = requests.get(address(unit, key), headers={"Range": "bytes=100-199"}, timeout=30)
            return answer.status_code, answer.content

        assert status() == (206, content[100:200])
        old = certificate(known, "localhost", days=-1)
        for wrong in (certificate(stranger, "localhost"), certificate(known, "example.org"), old):
            server.tls = wrong
            code, words = status()
            assert (code, b"this clip lies is away" in words) == (503, True), words
            server.tls = real
            assert status() == (206, content[100:200])


@pytest.mark.slow
def test_a_bucket_that_nobody_vouches_for_is_not_used(
    start_unit: Callable[..., RunningUnit], samples: Path, tmp_path: Path
) -> None:
    """Nothing goes there, and readyz says why."""
    known, stranger = authority(tmp_path, "known"), authority(tmp_path, "stranger")
    unit = start_unit(settings={"WATCHER_RENDER__SPRITES": "false"})
    key = leave(unit, samples, 1)
    with s3_server() as server:
        server.tls = certificate(stranger, "localhost")
        tiered_by_https(unit, tmp_path, server, known)
        ready = unit.url("/watcher/readyz")
        warning = wait_for(
            lambda: requests.get(ready, timeout=10).json().get("warnings", {}).get("stores"), what="a word about it"
        )
        assert "the certificate of localhost" in warning
        assert (unit.video / key).exists()
        assert store_of(unit, key) == "local"
        assert not server.bucket.objects
