"""The shipped Dockerfile and compose.yaml, really built and run; skipped, saying so, where there is no Docker."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests import clips
from tests.running import free_port, wait_for
from tests.sights import Thing, film, pictures

pytestmark = pytest.mark.containers

ROOT = Path(__file__).parents[2]
MINUTES = 8 * 60.0
OLDER = "43930db"  # of 21 November 2026: the first version in containers, nine schemas back


def docker(*words: str, check: bool = True, **more: Any) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=MINUTES, **more)
    assert not check or done.returncode == 0, (
        f"docker {' '.join(words)}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
    )
    return done


@pytest.fixture(scope="session", autouse=True)
def engine() -> None:
    """A Docker engine with Compose."""
    if shutil.which("docker") is None or docker("info", check=False).returncode:
        pytest.skip("there is no Docker engine here")
    if docker("compose", "version", check=False).returncode:
        pytest.skip("there is no Docker Compose here")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a fresh clone has, and nothing of what was made here."""
    folder = tmp_path_factory.mktemp("checkout")
    names = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True)
    for name in names.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture
def older(checkout: Path, tmp_path: Path) -> Path:
    """A clone as somebody has it who has not upgraded for long; as of today, where there is no history."""
    folder = tmp_path / "older"
    folder.mkdir()
    archive = subprocess.run(["git", "archive", OLDER], cwd=ROOT, capture_output=True)
    if archive.returncode:
        print("this clone has no history: the upgrade is to the same version")
        shutil.copytree(checkout, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("data", "log"))
    else:
        subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
    return folder


def upgrade(folder: Path, checkout: Path) -> None:
    """What `git pull` does: other files in the same folder, which keeps what was made in it."""
    for path in folder.iterdir():
        if path.name not in {"data", "log"}:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(checkout, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("data", "log"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    clips.make(path, faststart=True)
    return path.read_bytes()


class Compose:
    """The service under a project name of its own."""

    def __init__(self, folder: Path, *, profiles: tuple[str, ...] = ("web",), **settings: str) -> None:
        self.folder = folder
        self.profiles = [word for profile in profiles for word in ("--profile", profile)]
        self.port = free_port()
        self.name = f"watcher-{uuid.uuid4().hex[:8]}"
        self.environment = {
            **os.environ,
            "WATCHER_LISTEN": f"127.0.0.1:{self.port}",
            "TZ": "Europe/Berlin",
            **settings,
        }

    def __call__(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return docker(
            "compose",
            "-p",
            self.name,
            *self.profiles,
            *words,
            cwd=self.folder,
            env=self.environment,
            check=check,
        )

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def get(self, path: str, **more: Any) -> requests.Response:
        return requests.get(self.url(path), timeout=30, **more)

    def clip(self, key: str, **more: Any) -> dict | None:
        answer = self.get(f"/watcher/clips/by-key/{key}", **more)
        return answer.json() if answer.status_code == 200 else None


@contextlib.contextmanager
def composed(folder: Path, **settings: Any) -> Iterator[Compose]:
    compose = Compose(folder, **settings)
    try:
        compose("up", "-d", "--build", "--wait")
        yield compose
    except BaseException:
        print(compose("logs", "--tail", "60", check=False).stdout)
        for container in compose("ps", "-aq", check=False).stdout.split():
            state = "{{.Name}}: {{.RestartCount}} restarts, {{json .State}}"
            print(docker("inspect", "-f", state, container, check=False).stdout)
        raise
    finally:
        compose("down", "-v", "--remove-orphans", check=False)


def test_compose(checkout: Path, clip: bytes) -> None:
    """One command on a fresh clone: clips that are dropped and sent are listed, served, pictured; the dead come back."""
    with composed(checkout) as unit:
        assert unit.get("/watcher/readyz").status_code == 200
        assert unit.get("/", allow_redirects=False).headers["Location"] == "/watcher/"
        assert "watcher" in unit.get("/watcher/").text
        style = re.search(r'href="([^"]+tokens\.css)"', unit.get("/watcher/").text)[1]
        assert unit.get(style).status_code == 200
        dropped = checkout / "data" / "video" / "porch" / "2026-11-21"
        dropped.mkdir(parents=True)
        (dropped / "070000.mp4").write_bytes(clip)
        key = "porch/2026-11-21/070000.mp4"
        row = wait_for(lambda: (c := unit.clip(key)) and c["poster_url"] and c, what="a clip with its poster")
        assert row["started_at"] == "2026-11-21T06:00:00.000Z"
        part = unit.get(row["url"], headers={"Range": "bytes=4-7"})
        assert (part.status_code, part.content) == (206, b"ftyp")
        assert unit.get(row["poster_url"]).headers["Content-Type"] == "image/webp"
        sent = requests.put(unit.url("/watcher/uploads/gate/1.mp4"), data=clips.stamp(clip, 1), timeout=30)
        assert sent.status_code == 201, sent.text
        assert unit.get("/gate/1.mp4").content == clips.stamp(clip, 1)
        assert (checkout / "data" / "spool").exists()
        assert unit.get("/watcher/../data/catalog.db").status_code == 404

        for service in ("api", "ingest", "web"):
            container = unit("ps", "-q", service).stdout.strip()
            inspection = json.loads(docker("inspect", container).stdout)[0]
            host = inspection["HostConfig"]
            assert inspection["Config"]["User"] == "1000:1000", service
            assert host["ReadonlyRootfs"], service
            assert host["CapDrop"] == ["ALL"], service
            assert host["Memory"] > 0, service
            docker("exec", container, "bash", "-c", "kill -9 -1", check=False)
        wait_for(
            lambda: (
                requests.put(
                    unit.url("/watcher/uploads/gate/2.mp4"), data=clips.stamp(clip, 2), timeout=30
                ).status_code
                in {200, 201}
            ),
            seconds=180,
            what="the service after each container was killed",
        )
        unit("up", "-d", "--wait", "--force-recreate", "api")  # with another address, perhaps
        wait_for(lambda: unit.get("/watcher/livez").status_code == 200, what="nginx to find it")
        log = checkout / "log" / "access.log"
        wait_for(
            lambda: "GET /watcher/livez" in log.read_text(), what="a line of it, which is written a second late"
        )
        shutil.rmtree(dropped)


def test_what_was_left_stays(checkout: Path, older: Path, clip: bytes) -> None:
    """Each container is killed, all go down and up, and the images are those of today: clips are as they were, and play."""
    with composed(older) as unit:
        dropped = older / "data" / "video" / "porch" / "20261121_070000.mp4"
        dropped.parent.mkdir(parents=True)
        dropped.write_bytes(clip)
        sent = requests.put(unit.url("/watcher/uploads/gate/1.mp4"), data=clips.stamp(clip, 1), timeout=30)
        assert sent.status_code == 201, sent.text
        contents = {"porch/20261121_070000.mp4": clip, "gate/1.mp4": clips.stamp(clip, 1)}
        wait_for(
            lambda: all((c := unit.clip(key)) and c["poster_url"] for key in contents), what="both, with posters"
        )
        labelled, held = (unit.clip(key)["id"] for key in contents)
        assert requests.put(unit.url(f"/watcher/clips/{labelled}/labels/fox"), timeout=30).ok
        assert requests.patch(unit.url(f"/watcher/clips/{held}"), json={"held": True}, timeout=30).ok
        fields = ("id", "started_at", "camera", "duration_seconds", "labels", "held", "url", "ingested_at")
        before = {key: {name: unit.clip(key)[name] for name in fields} for key in contents}

        def check(when: str) -> None:
            for key, content in contents.items():
                now = unit.clip(key)
                assert {name: now[name] for name in fields} == before[key], when
                assert now["state"] == "ready", when
                part = unit.get(now["url"], headers={"Range": f"bytes=100-{len(content) - 1}"})
                assert (part.status_code, part.content) == (206, content[100:]), when
                assert unit.get(now["poster_url"]).headers["Content-Type"] == "image/webp", when
            listed = unit.get("/watcher/clips").json()["clips"]
            assert {row["key"] for row in listed} == contents.keys(), when

        def kill_each() -> None:
            for service in ("web", "api", "ingest"):
                docker("kill", unit("ps", "-q", service).stdout.strip())
                unit("up", "-d", "--wait")
                check(f"after {service} was killed")

        check("at first")
        unit("down")
        upgrade(older, checkout)
        unit("up", "-d", "--build", "--wait")
        check("after the upgrade")
        kill_each()
        unit("down")
        unit("up", "-d", "--wait")
        check("after down and up")
        sent = requests.put(unit.url("/watcher/uploads/gate/2.mp4"), data=clips.stamp(clip, 2), timeout=30)
        assert sent.status_code == 201, sent.text


def test_compose_with_keys(checkout: Path, clip: bytes) -> None:
    """Beyond loopback only so; the owner signs in with the link that init printed, a camera with its key."""
    with composed(checkout, WATCHER_AUTH__MODE="keys") as unit:
        assert unit.get("/watcher/clips").status_code == 401
        assert unit.get("/gate/1.mp4").status_code == 401
        link = re.search(r"sign-in\?link=(\S+)", unit("logs", "init").stdout)[1]
        browser = requests.Session()
        assert browser.post(unit.url("/watcher/sign-in"), data={"link": link}, timeout=30).status_code == 200
        words = ("watcher", "key", "create", "gate", "--role", "upload", "--camera", "gate", "--data", "/data")
        key = unit("exec", "-T", "api", *words).stdout.strip()
        sent = requests.put(
            unit.url("/watcher/uploads/gate/3.mp4"), data=clips.stamp(clip, 3), auth=("x", key), timeout=30
        )
        assert sent.status_code == 201, sent.text
        assert browser.get(unit.url("/gate/3.mp4"), timeout=30).content == clips.stamp(clip, 3)


def test_compose_over_a_unix_socket(checkout: Path, clip: bytes) -> None:
    """nginx and uWSGI speak over a socket in the folder that they share, and find each other again after a kill."""
    socket = "/data/run/app.sock"
    with composed(checkout, WATCHER_SOCKET=socket, WATCHER_APP=socket) as unit:
        assert (checkout / "data" / "run" / "app.sock").is_socket()
        assert unit.get("/watcher/readyz").status_code == 200
        sent = requests.put(unit.url("/watcher/uploads/socket/1.mp4"), data=clips.stamp(clip, 31), timeout=30)
        assert sent.status_code == 201, sent.text
        docker("exec", unit("ps", "-q", "api").stdout.strip(), "bash", "-c", "kill -9 -1", check=False)
        wait_for(lambda: unit.get("/watcher/clips").status_code == 200, seconds=180, what="the application, again")
        assert unit.get("/socket/1.mp4").content == clips.stamp(clip, 31)


def test_compose_with_postgresql(checkout: Path, clip: bytes) -> None:
    """The catalog in PostgreSQL, its password made by itself; the database dies in between, and no clip is lost."""
    url = "postgresql+psycopg://watcher@db/watcher"
    settings = {"WATCHER_CATALOG__URL": url, "WATCHER_CATALOG__PASSWORD_FILE": "/secrets/db-password"}
    with composed(checkout, profiles=("web", "postgres"), **settings) as unit:
        address = unit.url("/watcher/uploads/pg")
        assert requests.put(f"{address}/0.mp4", data=clips.stamp(clip, 40), timeout=30).status_code == 201
        docker("exec", unit("ps", "-q", "db").stdout.strip(), "bash", "-c", "kill -9 -1", check=False)
        (checkout / "data" / "video" / "pg" / "dropped.mp4").write_bytes(clips.stamp(clip, 41))

        def sent(number: int) -> bool:
            data = clips.stamp(clip, 50 + number)
            return requests.put(f"{address}/{number}.mp4", data=data, timeout=60).status_code in {200, 201}

        for number in range(1, 6):
            wait_for(lambda number=number: sent(number), seconds=180, what="the upload")
        wait_for(lambda: unit.clip("pg/dropped.mp4"), seconds=180, what="what was dropped meanwhile")
        assert len(unit.get("/watcher/clips?camera=pg").json()["clips"]) == 7
        api = unit("ps", "-q", "api").stdout.strip()
        addresses = docker("exec", api, "hostname", "-i").stdout.split()
        assert len(addresses) == 3, "it is in nginx's network, in the database's, and in the store's"

        def reached(service: str) -> int:
            """How many of the application's addresses answer from inside another container."""
            there = unit("ps", "-q", service).stdout.strip()
            tries = [["timeout", "2", "bash", "-c", f"echo >/dev/tcp/{address}/3031"] for address in addresses]
            return sum(docker("exec", there, *words, check=False).returncode == 0 for words in tries)

        assert {service: reached(service) for service in ("web", "ingest", "db")} == {
            "web": 1,
            "ingest": 0,
            "db": 0,
        }
        inspected = docker("inspect", api).stdout
        password = docker("exec", api, "cat", "/secrets/db-password").stdout
        assert len(password) > 30
        assert password not in inspected


def test_compose_from_sqlite_to_postgresql(checkout: Path, clip: bytes) -> None:
    """By the guide's own lines: the clips keep their ids and labels, and the service is ready."""
    guide = (ROOT / "guide" / "postgresql.md").read_text()
    down, lines = (
        re.findall(r"(?m)^    (docker compose .* down)$", guide),
        re.findall(r"(?m)^    (\w+)=(.*)$", guide),
    )
    assert (down, [name for name, _ in lines]) == (
        ["docker compose --profile web down"],
        ["COMPOSE_PROFILES", "WATCHER_CATALOG__URL", "WATCHER_CATALOG__PASSWORD_FILE"],
    )
    with composed(checkout) as unit:
        sent = requests.put(unit.url("/watcher/uploads/moves/1.mp4"), data=clips.stamp(clip, 140), timeout=30)
        assert sent.status_code == 201, sent.text
        number = sent.json()["id"]
        assert requests.put(unit.url(f"/watcher/clips/{number}/labels/fox"), timeout=30).ok
        unit(*down[0].split()[4:])
        unit.environment |= dict(lines)
        unit.profiles = []
        unit("up", "-d", "--wait")
        assert unit.get("/watcher/readyz").status_code == 200
        moved = unit.clip("moves/1.mp4")
        assert (moved["id"], [label["name"] for label in moved["labels"]]) == (number, ["fox"])
        unit.profiles = ["--profile", "web", "--profile", "postgres"]  # all of it is ended


def test_compose_with_several(checkout: Path, clip: bytes) -> None:
    """Two of the application and two ingesters on one catalog: one of each ends, and nobody notices."""
    url = "postgresql+psycopg://watcher@db/watcher"
    settings = {"WATCHER_CATALOG__URL": url, "WATCHER_CATALOG__PASSWORD_FILE": "/secrets/db-password"}
    settings |= {"WATCHER_INGEST__SHARED": "true", "WATCHER_APIS": "2", "WATCHER_HELPERS": "1"}
    with composed(checkout, profiles=("web", "postgres", "scale"), **settings) as unit:
        apis = unit("ps", "-q", "api").stdout.split()
        assert len(apis) == 2
        nodes = [unit("ps", "-q", name).stdout.strip() for name in ("ingest", "helper")]
        helping = wait_for(
            lambda: [node for node in nodes if "making pictures" in docker("logs", node).stdout],
            what="one that helps",
        )
        assert len(helping) == 1, "and the other adopts, whichever came first"
        adopts = next(node for node in nodes if node not in helping)
        address = unit.url("/watcher/uploads/many")
        for number in range(8):
            assert requests.put(f"{address}/{number}.mp4", data=clips.stamp(clip, 70 + number), timeout=30).ok
        metrics = [unit.get("/watcher/metrics").text for _ in range(10)]
        nodes = {node for text in metrics for node in re.findall(r'watcher_requests_total\{node="(\w+)"', text)}
        assert nodes == {api[:12] for api in apis}, "figures of each by its name"
        docker("stop", "-t", "5", apis[0])
        for _ in range(20):
            assert unit.get("/watcher/clips?camera=many").status_code == 200
        docker("stop", "-t", "10", adopts)
        (checkout / "data" / "video" / "many" / "dropped.mp4").write_bytes(clips.stamp(clip, 90))
        row = wait_for(lambda: unit.clip("many/dropped.mp4"), seconds=120, what="what the other one adopts")
        assert row["state"] in {"new", "ready"}
        assert "taking over" in docker("logs", helping[0]).stdout
        wait_for(
            lambda: all(row["poster_url"] for row in unit.get("/watcher/clips?camera=many").json()["clips"]),
            seconds=200,
            what="the pictures of all",
        )


def test_an_image_with_a_model(checkout: Path) -> None:
    """One build argument: the model is in it, right, and looks at a clip as the compose file has it; without, nothing is."""
    pictures()  # skips where there are none
    with composed(checkout, WATCHER_LABELS__ENABLED="true") as compose:
        findings = compose("exec", "-T", "ingest", "watcher", "doctor", "--data", "/data", check=False).stdout
        assert "ssdlite-mobilenet-v2 1.0.6 can look at clips" in findings
        inside = (
            "import sys, pathlib; print(sorted(p.name for p in pathlib.Path(sys.prefix, 'share/labels').iterdir()))"
        )
        listed = compose("exec", "-T", "ingest", "python", "-c", inside).stdout
        assert listed.strip() == "['LICENSE', 'NOTICE', 'model.onnx', 'model.sha256']"
        film(
            checkout / "data" / "video" / "porch" / "2026-11-21" / "070000.mp4",
            [Thing("astronaut.png", height=0.8)],
        )
        key = "porch/2026-11-21/070000.mp4"
        clip = wait_for(lambda: (c := compose.clip(key)) and c["labels"] and c, seconds=120, what="a label")
        assert [label["name"] for label in clip["labels"]] == ["person"]
    docker("build", "-q", "-t", compose.name, checkout)
    code = "import importlib.util as u; print(u.find_spec('numpy'), u.find_spec('onnxruntime'))"
    try:
        assert docker("run", "--rm", compose.name, "python", "-c", code).stdout.strip() == "None None"
    finally:
        docker("rmi", compose.name)


def test_an_open_service_is_not_published(checkout: Path) -> None:
    """To all the network without keys: refused with a sentence, by the container that everything waits for."""
    unit = Compose(checkout, WATCHER_LISTEN=f"0.0.0.0:{free_port()}")
    try:
        done = unit("up", "-d", "--build", check=False)
        assert done.returncode != 0
        assert "allow_open_network" in unit("logs", "init").stdout
    finally:
        unit("down", "-v", "--remove-orphans", check=False)


def test_one_container(checkout: Path, clip: bytes, tmp_path: Path) -> None:
    """Everything in one, under its process manager: keys from the start, nobody is root, it ends when it is told to."""
    port, name = free_port(), f"watcher-{uuid.uuid4().hex[:8]}"
    docker("build", "-q", "-t", name, str(checkout))
    data = tmp_path / "data"
    try:
        docker("run", "-d", "--init", "--name", name, "-p", f"127.0.0.1:{port}:80", "-v", f"{data}:/data", name)

        def get(path: str, **more: Any) -> requests.Response | None:
            with contextlib.suppress(requests.RequestException):
                return requests.get(f"http://127.0.0.1:{port}{path}", timeout=30, **more)
            return None

        wait_for(
            lambda: (a := get("/watcher/readyz")) is not None and a.status_code == 200, seconds=180, what="readyz"
        )
        link = wait_for(
            lambda: re.search(r"sign-in\?link=(\S+)", docker("logs", name).stdout), seconds=120, what="the link"
        )[1]
        browser = requests.Session()
        assert (
            browser.post(f"http://127.0.0.1:{port}/watcher/sign-in", data={"link": link}, timeout=30).status_code
            == 200
        )
        assert get("/watcher/clips").status_code == 401
        words = ("watcher", "key", "create", "porch", "--role", "upload", "--camera", "porch", "--data", "/data")
        key = docker("exec", "-u", "1000", name, *words).stdout.strip()
        sent = requests.put(
            f"http://127.0.0.1:{port}/watcher/uploads/porch/1.mp4", data=clip, auth=("x", key), timeout=30
        )
        assert sent.status_code == 201, sent.text
        assert browser.get(f"http://127.0.0.1:{port}/porch/1.mp4", timeout=30).content == clip
        users = docker("exec", name, "bash", "-c", "stat -c %u /proc/[0-9]*").stdout.split()
        assert set(users) <= {"1000", "0"}
        assert users.count("1000") >= 5
        wait_for(
            lambda: "healthy" in docker("inspect", "-f", "{{.State.Health.Status}}", name).stdout,
            seconds=180,
            what="its health",
        )
        docker("stop", "-t", "10", name)
        assert docker("inspect", "-f", "{{.State.ExitCode}}", name).stdout.strip() in {"0", "30", "143"}
    finally:
        docker("rm", "-f", name, check=False)
        docker("rmi", name, check=False)


def test_one_container_is_upgraded(checkout: Path, older: Path, clip: bytes, tmp_path: Path) -> None:
    """Another image on the same folder: the clip is there, and so are the keys."""
    port, names = free_port(), [f"watcher-{uuid.uuid4().hex[:8]}" for _ in range(2)]
    data = tmp_path / "data"
    address = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"{address}/watcher/readyz", timeout=30).status_code == 200
        return False

    def create_key(name: str, *words: str) -> str:
        command = ("watcher", "key", "create", *words, "--data", "/data")
        return docker("exec", "-u", "1000", name, *command).stdout.strip()

    try:
        for name, folder in zip(names, (older, checkout), strict=True):
            docker("build", "-q", "-t", name, str(folder))
            docker("run", "-d", "--init", "--name", name, "-p", f"127.0.0.1:{port}:80", "-v", f"{data}:/data", name)
            wait_for(ready, seconds=180, what="readyz")
            if folder == older:
                key = create_key(name, "porch", "--role", "upload", "--camera", "porch")
                eyes = create_key(name, "me", "--role", "view")
            else:
                seen = requests.get(f"{address}/porch/1.mp4", auth=("x", eyes), timeout=30)
                assert (seen.status_code, seen.content) == (200, clip)
            number = names.index(name) + 1
            sent = requests.put(
                f"{address}/watcher/uploads/porch/{number}.mp4", data=clips.stamp(clip, number) if number > 1 else clip,
                auth=("x", key), timeout=30,
            )  # fmt: skip
            assert sent.status_code == 201, sent.text
            listed = requests.get(f"{address}/watcher/clips", auth=("x", eyes), timeout=30).json()["clips"]
            assert {row["key"] for row in listed} == {f"porch/{n}.mp4" for n in range(1, number + 1)}
            docker("stop", "-t", "10", name)
    finally:
        for name in names:
            docker("rm", "-f", name, check=False)
            docker("rmi", name, check=False)
