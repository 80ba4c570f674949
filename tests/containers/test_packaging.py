"""What other systems are given to run watcher, really run: a stack of Swarm, and the files for one container."""

from __future__ import annotations

import contextlib
import os
import re
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import yaml

from tests import clips
from tests.containers.test_containers import ROOT, checkout, clip, docker, engine
from tests.running import free_port, wait_for

__all__ = ["checkout", "clip", "engine"]

pytestmark = pytest.mark.containers

PACKAGING = ROOT / "packaging"
ONE = [PACKAGING / name for name in ("portainer/stack.yaml", "truenas/compose.yaml", "casaos/docker-compose.yml")]


@pytest.fixture(scope="module")
def image(checkout: Path) -> Iterator[str]:
    name = f"watcher-{uuid.uuid4().hex[:8]}"
    docker("build", "-q", "-t", name, str(checkout))
    yield name
    docker("rmi", "-f", name, check=False)


@pytest.fixture
def swarm() -> Iterator[None]:
    """This machine as a swarm of one."""
    if docker("info", "-f", "{{.Swarm.LocalNodeState}}").stdout.strip() == "active":
        pytest.skip("this machine is part of a swarm already")
    started = docker("swarm", "init", "--advertise-addr", "127.0.0.1", check=False)
    if started.returncode:
        pytest.skip(f"there can be no swarm here: {started.stderr.strip()[-200:]}")
    try:
        yield
    finally:
        docker("swarm", "leave", "--force", check=False)


class Stack:
    """The stack under a name of its own."""

    def __init__(self, image: str) -> None:
        self.name = f"watcher-{uuid.uuid4().hex[:8]}"
        self.port = free_port()
        settings = {"WATCHER_IMAGE": image, "WATCHER_PORT": str(self.port), "WATCHER_AUTH__MODE": "keys"}
        docker("secret", "create", "watcher-database", "-", input=uuid.uuid4().hex)
        docker(
            *("stack", "deploy", "--resolve-image", "never", "-c", str(PACKAGING / "swarm/stack.yaml"), self.name),
            env={**os.environ, **settings},
        )

    def containers(self, service: str) -> list[str]:
        """Those that run."""
        label = f"label=com.docker.swarm.service.name={self.name}_{service}"
        return docker("ps", "-q", "--filter", label).stdout.split()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def describe(self) -> str:
        tasks = docker("stack", "ps", "--no-trunc", self.name, check=False).stdout
        names = [f"{self.name}_{name}" for name in ("prepare", "api", "ingest", "web", "db")]
        return tasks + "".join(
            docker("service", "logs", "--tail", "30", name, check=False).stdout for name in names
        )

    def end(self) -> None:
        docker("stack", "rm", self.name, check=False)
        label = f"label=com.docker.stack.namespace={self.name}"
        wait_for(lambda: not docker("ps", "-aq", "--filter", label).stdout.split(), what="the end of the stack")
        docker("secret", "rm", "watcher-database", check=False)
        volumes = docker("volume", "ls", "-q", "--filter", label).stdout.split()
        docker("volume", "rm", "-f", *volumes, check=False)


@pytest.fixture
def stack(swarm: None, image: str) -> Iterator[Stack]:
    swarm_stack = Stack(image)
    try:
        yield swarm_stack
    finally:
        print(swarm_stack.describe())  # which is shown where the test failed
        swarm_stack.end()


def ready(port: int) -> bool:
    with contextlib.suppress(requests.RequestException):
        return requests.get(f"http://127.0.0.1:{port}/watcher/readyz", timeout=10).ok
    return False


def test_a_stack_of_swarm_outlives_one_of_its_applications(stack: Stack, clip: bytes) -> None:
    """Two of the application: one is killed while somebody asks, nobody sees an error, and it comes back."""
    wait_for(lambda: ready(stack.port), seconds=180, what="readyz")
    apis = wait_for(
        lambda: (replicas := stack.containers("api")) and len(replicas) == 2 and replicas, what="two of it"
    )
    logs = docker("service", "logs", f"{stack.name}_prepare").stdout
    link = re.search(r"sign-in\?link=(\S+)", logs)
    assert link, logs
    browser = requests.Session()
    assert browser.post(stack.url("/watcher/sign-in"), data={"link": link[1]}, timeout=30).ok
    ingest = stack.containers("ingest")[0]
    words = ("watcher", "key", "create", "porch", "--role", "upload", "--camera", "porch", "--data", "/data")
    key = docker("exec", ingest, *words).stdout.strip()
    put = requests.put(stack.url("/watcher/uploads/porch/1.mp4"), data=clip, auth=("x", key), timeout=60)
    assert put.status_code == 201, put.text
    assert browser.get(stack.url("/porch/1.mp4"), timeout=30).content == clip
    assert requests.get(stack.url("/porch/1.mp4"), timeout=30).status_code == 401

    answers: list[int | str] = []
    over = threading.Event()

    def ask() -> None:
        number = 0
        while not over.is_set():
            number += 1  # no two are alike, so that none is answered from a cache
            try:
                address = stack.url(f"/watcher/clips?limit={number % 400 + 1}")
                answers.append(browser.get(address, timeout=30).status_code)
            except requests.RequestException as reason:
                answers.append(repr(reason))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        wait_for(lambda: len(answers) > 20, what="answers before")
        docker("kill", apis[0])
        before = len(answers)
        wait_for(lambda: len(answers) > before + 50, what="answers after")
        wait_for(
            lambda: len(stack.containers("api")) == 2 and apis[0] not in stack.containers("api"), what="another one"
        )
    finally:
        over.set()
        asking.join()
    assert set(answers) == {200}, [(at, answer) for at, answer in enumerate(answers) if answer != 200][:10]
    sent = requests.put(
        stack.url("/watcher/uploads/porch/2.mp4"), data=clips.stamp(clip, 2), auth=("x", key), timeout=60
    )
    assert sent.status_code == 201


@pytest.mark.parametrize("path", ONE, ids=lambda p: p.parent.name)
def test_one_container_of_another_system(path: Path, image: str, tmp_path: Path) -> None:
    """As it is written there, but for the port, the folder and the image's name: ready, and signed in by its log."""
    file = yaml.safe_load(path.read_text())
    service = file["services"]["watcher"]
    port = free_port()
    service |= {"image": image, "ports": [f"127.0.0.1:{port}:80"], "volumes": [f"{tmp_path}/data:/data"]}
    trial = tmp_path / "compose.yaml"
    trial.write_text(yaml.safe_dump(file))
    compose = ("compose", "-p", f"watcher-{uuid.uuid4().hex[:8]}", "-f", str(trial))
    try:
        docker(*compose, "up", "-d", "--wait")
        wait_for(lambda: ready(port), what="readyz")
        link = wait_for(lambda: re.search(r"sign-in\?link=(\S+)", docker(*compose, "logs").stdout), what="the link")
        signed = requests.post(f"http://127.0.0.1:{port}/watcher/sign-in", data={"link": link[1]}, timeout=30)
        assert signed.ok
        owner = service.get("environment", {}).get("WATCHER_UID", "1000")
        assert (tmp_path / "data/catalog.db").stat().st_uid == int(re.sub(r"\$\{\w+:-(\d+)\}", r"\1", owner))
    except BaseException:
        print(docker(*compose, "logs", "--tail", "60", check=False).stdout)
        raise
    finally:
        docker(*compose, "down", "-v", check=False)
