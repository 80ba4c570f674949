"""A second disk on a running watcher: clips move there, and play at their address as before."""

from __future__ import annotations

import io
import os
import re
import signal
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
import requests

from tests import clips
from tests.running import INGESTER, RunningUnit, wait_for


def leave(unit: RunningUnit, samples: Path, number: int, *, days: float = 9, camera: str = "porch") -> str:
    """A clip that began so many days ago."""
    key, at = clips.aged(days, number, camera)
    clips.leave(unit.video / key, clips.stamp((samples / "plain.mp4").read_bytes(), number), at=at)
    unit.wait_clip(key, state="ready")
    return key


def tiered(unit: RunningUnit, tmp_path: Path, **settings: str) -> Path:
    """Stop it when its pictures are made, which a clip waits for before it moves, and start it with a store."""
    last = "poster_url" if unit.environment.get("WATCHER_RENDER__SPRITES") == "false" else "sprite"
    wait_for(lambda: all(clip[last] for clip in unit.clips()), what="the pictures")
    cold = tmp_path / "ärchive 🎥"
    cold.mkdir()
    unit.stop()
    unit.environment |= settings
    (unit.folder / "watcher.toml").write_text(
        f'[[stores]]\nname = "archive"\nkind = "disk"\npath = "{cold}"\n[tiering]\nafter_days = 1\n'
    )
    unit.start()
    return cold


def address(unit: RunningUnit, key: str) -> str:
    return unit.url(f"/{quote(key)}")


def ingester(unit: RunningUnit) -> int:
    return next(iter(unit.named(INGESTER)), 0)


def store_of(unit: RunningUnit, key: str) -> str:
    clip = unit.clip(key)
    return str(clip and clip["store"])


@pytest.mark.slow
def test_a_clip_in_a_store_plays_as_before(
    start_unit: Callable[..., RunningUnit], samples: Path, tmp_path: Path
) -> None:
    """The same bytes, ranges, ETag and times at the same address; HLS and zips have it too; and it comes back."""
    unit = start_unit()
    key, odd, young = (
        leave(unit, samples, 1),
        leave(unit, samples, 2, camera="Ünter 100% #1"),
        leave(unit, samples, 3, days=0),
    )
    assert store_of(unit, key) == "local"
    before = {clip_key: requests.get(address(unit, clip_key), timeout=60) for clip_key in (key, odd)}
    assert requests.get(address(unit, "porch/none.mp4"), timeout=60).status_code == 404
    cold = tiered(unit, tmp_path)
    for clip_key in (key, odd):
        wait_for(lambda clip_key=clip_key: store_of(unit, clip_key) == "archive", what="the move", seconds=60)
        wait_for(lambda clip_key=clip_key: not (unit.video / clip_key).exists(), what="its end here")
        assert (cold / clip_key).read_bytes() == before[clip_key].content
        after = requests.get(address(unit, clip_key), timeout=60)
        assert after.status_code == 200
        assert after.content == before[clip_key].content
        for name in ("ETag", "Last-Modified", "Content-Type", "Content-Length", "Cache-Control", "Accept-Ranges"):
            assert after.headers[name] == before[clip_key].headers[name], name
        part = requests.get(address(unit, clip_key), headers={"Range": "bytes=100-199"}, timeout=60)
        assert (part.status_code, part.content) == (206, before[clip_key].content[100:200])
        part = requests.get(address(unit, clip_key), headers={"Range": "bytes=-7"}, timeout=60)
        assert (part.status_code, part.content) == (206, before[clip_key].content[-7:])
        assert (
            requests.get(address(unit, clip_key), headers={"Range": "bytes=99999999-"}, timeout=60).status_code
            == 416
        )
        same = {"If-None-Match": after.headers["ETag"]}
        assert requests.get(address(unit, clip_key), headers=same, timeout=60).status_code == 304
        head = requests.head(address(unit, clip_key), timeout=60)
        assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(after.content)))
    assert store_of(unit, young) == "local"
    clip = unit.clip(key)
    assert clip is not None
    number = clip["id"]
    assert clip["poster_url"] is not None
    assert requests.get(unit.url(f"/watcher/clips/{number}/segment.m4s"), timeout=60).status_code == 200
    packed = requests.get(unit.url("/watcher/clips.zip"), params={"id": [number]}, timeout=60).content
    assert zipfile.ZipFile(io.BytesIO(packed)).read(key) == before[key].content
    share = requests.post(unit.url(f"/watcher/clips/{number}/share"), json={"expires_in_seconds": 60}, timeout=60)
    assert requests.get(unit.url(share.json()["url"]), timeout=60).content == before[key].content
    # The same bytes sent again are this clip; other bytes are refused, as of a local one.
    name = key.removeprefix("porch/")
    sent = requests.put(unit.url(f"/watcher/uploads/porch/{name}"), data=before[key].content, timeout=60)
    assert (sent.status_code, sent.json()["id"]) == (200, number)
    other = clips.stamp((samples / "plain.mp4").read_bytes(), 99)
    assert requests.put(unit.url(f"/watcher/uploads/porch/{name}"), data=other, timeout=60).status_code == 409
    assert unit.run("check").returncode == 0
    assert unit.run("scan").returncode == 0
    assert store_of(unit, key) == "archive"
    figures = unit.get("/watcher/metrics").text
    assert 'watcher_store_clips{store="archive"} 2' in figures
    assert (
        f'watcher_store_bytes{{store="archive"}} {sum(len(answer.content) for answer in before.values())}'
        in figures
    )
    assert 'watcher_store_up{store="archive"} 1' in figures
    assert "watcher_copies_bytes 0" in figures, "a disk needs none"
    for name in (
        "sent",
        "received",
    ):  # each clip was read back; the ingester's own figures, which it tells now and then
        line = re.compile(rf'watcher_store_{name}_bytes_total{{store="archive"}} [1-9]\d+')
        wait_for(lambda line=line: line.search(unit.get("/watcher/metrics").text), what=f"the bytes {name}")
    # A disk that is away: said in words, and nothing is taken for gone.
    cold.rename(tmp_path / "unplugged")
    # nginx remembers for some seconds where a clip lies.
    wait_for(lambda: requests.get(address(unit, key), timeout=60).status_code == 503, what="words about it")
    assert requests.get(address(unit, young), timeout=60).status_code == 200
    assert unit.run("check").returncode == 0
    (tmp_path / "unplugged").rename(cold)
    wait_for(lambda: requests.get(address(unit, key), timeout=60).status_code == 200, what="the disk's return")
    # Back.
    assert requests.post(unit.url(f"/watcher/clips/{number}/recall"), timeout=60).status_code == 202
    wait_for(lambda: store_of(unit, key) == "local", what="its return", seconds=90)
    assert (unit.video / key).read_bytes() == before[key].content
    wait_for(lambda: not (cold / key).exists(), what="its object's end")
    # Retired: gone at once.
    clip = unit.clip(odd)
    assert clip is not None
    assert requests.delete(unit.url(clip["links"]["self"]), timeout=60).status_code == 204
    wait_for(lambda: requests.get(address(unit, odd), timeout=60).status_code == 404, what="its end")
    back = requests.post(unit.url(f"{clip['links']['self']}/restore"), timeout=60)
    assert (back.status_code, back.json()["store"]) == (202, "archive")
    wait_for(lambda: requests.get(address(unit, odd), timeout=60).status_code == 200, what="its return")


@pytest.mark.slow
def test_who_may_not_see_a_clip_does_not_see_it_in_a_store(
    start_unit: Callable[..., RunningUnit], samples: Path, tmp_path: Path
) -> None:
    """Keys, roles and cameras hold there as well, also for who asks right after somebody who may."""
    unit = start_unit(settings={"WATCHER_AUTH__MODE": "open"})
    key = leave(unit, samples, 1)
    cold = tiered(unit, tmp_path, WATCHER_AUTH__MODE="keys")
    wait_for(lambda: (cold / key).exists() and not (unit.video / key).exists(), what="the move", seconds=60)
    secrets = {
        name: unit.run("key", "create", name, "--role", "view", "--camera", camera).stdout.strip()
        for name, camera in (("mine", "porch"), ("other", "gate"))
    }
    for _ in range(2):
        for name, status in (("mine", 200), ("other", 403)):
            sends = {"Authorization": f"Bearer {secrets[name]}"}
            assert requests.get(address(unit, key), headers=sends, timeout=60).status_code == status
        assert requests.get(address(unit, key), timeout=60).status_code == 401


@pytest.mark.slow
def test_workers_reach_a_clip_in_a_store(
    start_unit: Callable[..., RunningUnit], samples: Path, tmp_path: Path
) -> None:
    """A film of it, and a copy for browsers; that the settings do not name its store any more is said, and no loss."""
    unit = start_unit(settings={"WATCHER_PROXY__MAKE": "asked"})
    key = leave(unit, samples, 1)
    wait_for(lambda: (unit.clip(key) or {}).get("sprite"), what="its pictures")
    tiered(unit, tmp_path)
    wait_for(
        lambda: store_of(unit, key) == "archive" and not (unit.video / key).exists(), seconds=60, what="the move"
    )
    clip = unit.clip(key)
    assert clip is not None
    address = unit.url(clip["links"]["self"])
    assert requests.post(f"{address}/proxy", timeout=60).status_code in {200, 202}
    wait_for(lambda: (unit.clip(key) or {}).get("proxy_url"), what="its copy")
    order = {"cameras": ["porch"], "from": clip["started_at"], "to": clip["ended_at"]}
    film = unit.url(requests.post(unit.url("/watcher/exports"), json=order, timeout=60).json()["links"]["self"])
    done = wait_for(
        lambda: (job := requests.get(film, timeout=60).json())["state"] in {"ready", "failed"} and job,
        what="a film",
    )
    assert (done["state"], len(done["files"])) == ("ready", 1), done

    (unit.folder / "watcher.toml").write_text("")
    unit.stop()
    unit.start()
    assert requests.get(unit.url(f"/{quote(key)}"), timeout=60).status_code == 404
    clip = unit.clip(key)
    assert clip is not None
    assert (clip["store"], clip["state"], clip["available"]) == ("archive", "ready", False)
    assert "not in the settings" in clip["available_reason"]
    assert "not in the settings" in unit.get(f"/watcher/watch/{clip['id']}").text
    check = unit.run("check")
    assert (check.returncode, "do not name any more" in check.stdout, "backup" in check.stdout) == (1, True, False)


@pytest.mark.slow
def test_kills_of_a_mover(start_unit: Callable[..., RunningUnit], samples: Path, tmp_path: Path) -> None:
    """SIGKILL again and again while clips move: each plays with all of its bytes, and `check` is clean."""
    unit = start_unit(settings={"WATCHER_RENDER__SPRITES": "false"})
    keys = [leave(unit, samples, number) for number in range(40)]
    cold = tiered(unit, tmp_path, WATCHER_TIERING__MAX_BYTES_PER_SECOND="4000000")
    for number in range(12):
        time.sleep(0.4 + number / 10)
        os.kill(wait_for(lambda: ingester(unit), what="the ingester"), signal.SIGKILL)
        for place, key in enumerate(keys):
            data = clips.stamp((samples / "plain.mp4").read_bytes(), place)
            assert (unit.video / key).exists() or (cold / key).exists()
            assert requests.get(address(unit, key), timeout=60).content == data
    wait_for(lambda: not any((unit.video / key).exists() for key in keys), what="the move of all", seconds=120)
    assert unit.run("scan").returncode == 0
    assert unit.run("check").returncode == 0
    assert all(store_of(unit, key) == "archive" for key in keys)
    assert len([path for path in cold.rglob("*.mp4") if not path.name.startswith(".")]) == len(keys)
