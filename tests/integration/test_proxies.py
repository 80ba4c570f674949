"""Copies that every browser plays: made when asked for, beside clips that are never touched."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path

import av
import pytest
import requests

from tests import clips
from tests.running import PROXY, RunningUnit, wait_for

PLAINLY = {"h264", "aac"}
# What cameras leave that some browser does not play: how it is made, and the codec of the picture in the copy.
CODED: dict[str, dict] = {
    "hevc.mp4": {"video": "libx265", "audio": "aac", "tag": "hvc1"},
    "mjpeg.mov": {"video": "mjpeg", "audio": "pcm_alaw", "container": "mov"},
    "mpeg4.mp4": {"video": "mpeg4"},
    "alaw.mov": {"audio": "pcm_mulaw", "container": "mov"},
    "ac3.mp4": {"audio": "ac3"},
    "deep.mp4": {"pix_fmt": "yuv420p10le"},
    "h264.mkv": {"audio": "aac", "container": "matroska"},
    "h264.ts": {"audio": "aac", "container": "mpegts"},
    "mpeg4.avi": {"video": "mpeg4", "audio": "ac3", "container": "avi"},
    "fragments.mp4": {"audio": "aac", "options": {"movflags": "frag_keyframe+empty_moov"}},
    "sound.mp4": {"video": None, "audio": "ac3"},
}
QUICK = {"hevc.mp4", "alaw.mov", "h264.mkv"}  # one of each way of making; the others are slow together


def proxy_of(unit: RunningUnit, clip: dict) -> dict:
    return unit.get(f"{clip['links']['self']}/proxy").json()


def ask(unit: RunningUnit, clip: dict) -> requests.Response:
    return requests.post(unit.url(f"{clip['links']['self']}/proxy"), timeout=10)


def wait_proxy(unit: RunningUnit, clip: dict) -> dict:
    """The clip, once its proxy is asked for and made."""
    answer = ask(unit, clip)
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting"), answer.text
    assert wait_for(lambda: (proxy := proxy_of(unit, clip))["state"] != "waiting" and proxy)["state"] == "ready"
    return unit.get(clip["links"]["self"]).json()


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in CODED]
)
def test_what_is_made_plays_everywhere(unit: RunningUnit, name: str) -> None:
    """H.264 with 8 bits and AAC, indexed, as long as the clip, from its beginning; the clip is as it was."""
    source = clips.make_coded(unit.folder / name, seconds=3, **CODED[name])
    (unit.video / "coded").mkdir(exist_ok=True)
    before = source.read_bytes()
    os.replace(source, unit.video / "coded" / name)
    clip = unit.wait_clip(f"coded/{name}", state="ready")
    assert clip["proxy_url"] is None
    assert proxy_of(unit, clip)["state"] == "none"
    there = wait_proxy(unit, clip)

    answer = unit.get(there["proxy_url"], headers={"Range": "bytes=0-1"})
    assert (answer.status_code, len(answer.content), answer.headers["Content-Type"]) == (206, 2, "video/mp4")
    copy = unit.folder / f"{name}.copy.mp4"
    copy.write_bytes(unit.get(there["proxy_url"]).content)
    kinds = [kind for kind, _, _ in clips.boxes(copy.read_bytes())]
    assert kinds.index(b"moov") < kinds.index(b"mdat")
    assert b"moof" not in kinds
    with av.open(str(copy)) as container, av.open(str(unit.video / "coded" / name)) as original:
        assert {stream.codec_context.name for stream in container.streams} <= PLAINLY
        assert len(container.streams) == len(original.streams)
        assert container.duration / 1e6 == pytest.approx(3, abs=0.25)
        if original.streams.video:
            frames = list(container.decode(video=0))
            assert frames[0].time < 0.2
            assert {frame.format.name for frame in frames} == {"yuv420p"}
            assert len(frames) == 45
    assert (unit.video / "coded" / name).read_bytes() == before
    again = ask(unit, clip)
    assert (again.status_code, again.json()["url"]) == (200, there["proxy_url"])


def test_a_turned_picture_is_upright(unit: RunningUnit) -> None:
    """A phone's H.265 on its side: the copy needs no note that it is to be turned; frames are, and fit the height."""
    path = clips.make_coded(unit.folder / "phone.mp4", video="libx265", tag="hvc1", seconds=1)
    data = path.read_bytes()
    upright = bytes.fromhex("00010000 00000000 00000000 00000000 00010000 00000000 00000000 00000000 40000000")
    turned = bytes.fromhex("00000000 00010000 00000000 ffff0000 00000000 00000000 00000000 00000000 40000000")
    head, tail = data.split(b"tkhd", 1)
    (unit.video / "phone.mp4").write_bytes(head + b"tkhd" + tail.replace(upright, turned, 1))
    clip = unit.wait_clip("phone.mp4", state="ready")
    assert clip["media"]["video"]["rotation"] == 90
    there = wait_proxy(unit, clip)
    copy = unit.folder / "phone.copy.mp4"
    copy.write_bytes(unit.get(there["proxy_url"]).content)
    with av.open(str(copy)) as container:
        frame = next(container.decode(video=0))
        assert (frame.width, frame.height, frame.rotation) == (96, 160, 0)


def test_what_cannot_be_made_is_said(unit: RunningUnit, samples: Path) -> None:
    """Why not, of a clip whose pictures are noise; a broken one and an unknown one are refused."""
    data = bytearray(clips.make_coded(unit.folder / "noise.mp4", video="mpeg4", seconds=1).read_bytes())
    start = next(at for kind, at, _ in clips.boxes(bytes(data)) if kind == b"mdat")
    data[start + 8 : start + 4000] = clips.noise(4000 - 8)
    (unit.video / "noise.mp4").write_bytes(data)
    (unit.video / "cut.mp4").write_bytes((samples / "plain.mp4").read_bytes()[:3000])
    noise = wait_for(
        lambda: (c := unit.clip("noise.mp4")) and c["state"] in {"ready", "broken"} and c, what="noise"
    )
    if noise["state"] == "ready":  # before its poster was tried
        ask(unit, noise)
    cut = unit.wait_clip("cut.mp4", state="broken")
    refused = ask(unit, cut)
    assert (refused.status_code, refused.json()["code"]) == (409, "no_proxy")
    assert requests.post(unit.url("/watcher/clips/999999/proxy"), timeout=10).status_code == 404


def test_other_content_and_removal_take_it_away(unit: RunningUnit) -> None:
    """A proxy is of one content; with the clip it goes."""
    path = unit.video / "other.mp4"
    path.write_bytes(clips.make_coded(unit.folder / "o.mp4", video="mpeg4", seconds=1).read_bytes())
    clip = unit.wait_clip("other.mp4", state="ready")
    first = wait_proxy(unit, clip)
    aside = clips.make_coded(unit.folder / "o2.mp4", video="mpeg4", seconds=2)
    aside.replace(path)
    other = wait_for(lambda: (c := unit.clip("other.mp4")) and c["duration_seconds"] > 1.5 and c, what="the other")
    assert other["proxy_url"] is None
    assert proxy_of(unit, other)["state"] == "none"
    second = wait_proxy(unit, other)
    assert second["proxy_url"] != first["proxy_url"]
    assert requests.delete(unit.url(clip["links"]["self"]), timeout=10).status_code == 204
    assert unit.get(second["proxy_url"]).status_code == 404
    names = [name for name in os.listdir(unit.data / "renditions" / "proxies") if name.startswith(f"{clip['id']}-")]
    assert [name for name in names if name in second["proxy_url"]] == []


@pytest.mark.slow
def test_ahead_and_spent(start_unit: Callable[..., RunningUnit]) -> None:
    """Where the setting says so each clip that needs one gets it by itself; those that are too old go with a restart."""
    unit = start_unit(settings={"WATCHER_PROXY__MAKE": "ahead"})
    for name, coded in (("old.mp4", {"video": "mpeg4"}), ("plain.mp4", {})):
        clips.make_coded(unit.folder / name, seconds=1, **coded).replace(unit.video / name)
    clip = wait_for(lambda: (c := unit.clip("old.mp4")) and c["proxy_url"] and c, what="a proxy")
    assert unit.wait_clip("plain.mp4", state="ready")["proxy_url"] is None
    folder = unit.data / "renditions" / "proxies"
    (folder / "9-0123456789abcdef.mp4").write_bytes(b"left by a crash")
    (folder / "9-0123456789abcdef.tmp").write_bytes(b"left by a crash")
    revision = unit.get("/watcher/changes/head").json()["head"]
    unit.stop()
    unit.environment |= {"WATCHER_PROXY__MAX_AGE_DAYS": "0.0000001"}
    unit.start()
    wait_for(lambda: unit.clip("old.mp4")["proxy_url"] is None, what="its end")
    wait_for(lambda: os.listdir(folder) == [], what="an empty folder")
    changes = unit.get(f"/watcher/changes?since={revision}").json()["changes"]
    assert [c["clip"]["id"] for c in changes if c["clip"]["id"] == clip["id"]]
    assert unit.get(clip["proxy_url"]).status_code == 404


@pytest.mark.slow
def test_a_kill_in_the_middle_costs_nothing(start_unit: Callable[..., RunningUnit]) -> None:
    """The worker, or the ingester: what was wanted is made all the same, and nothing is left of the first try."""
    unit = start_unit()
    long = clips.make_coded(unit.folder / "long.mp4", video="mpeg4", seconds=120)
    long.replace(unit.video / "long.mp4")
    clip = unit.wait_clip("long.mp4", state="ready")
    ask(unit, clip)
    os.kill(wait_for(lambda: next(iter(workers(unit)), None), what="a worker"), signal.SIGKILL)
    failed = wait_for(lambda: (proxy := proxy_of(unit, clip))["state"] == "failed" and proxy, what="a failure")
    assert failed["error"] == "the decoder crashed"
    ask(unit, clip)
    worker = wait_for(lambda: next(iter(workers(unit)), None), what="a worker")
    os.kill(unit.ingester(), signal.SIGKILL)
    wait_for(lambda: worker not in workers(unit), what="its end")
    wait_for(lambda: proxy_of(unit, clip)["state"] == "ready", seconds=180, what="the proxy")
    assert len(os.listdir(unit.data / "renditions" / "proxies")) == 1


def workers(unit: RunningUnit) -> list[int]:
    return [pid for pid, command in unit.family().items() if PROXY in command]


@pytest.mark.slow
def test_switched_off(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """Nothing is made, and whoever asks is told."""
    unit = start_unit(settings={"WATCHER_PROXY__MAKE": "off"})
    (unit.video / "a.mp4").write_bytes((samples / "plain.mp4").read_bytes())
    clip = unit.wait_clip("a.mp4", state="ready")
    refused = ask(unit, clip)
    assert (refused.status_code, refused.json()["code"]) == (409, "no_proxy")
    assert "data-copy" not in unit.get(f"/watcher/watch/{clip['id']}").text


@pytest.mark.slow
def test_only_who_sees_the_clip_sees_its_copy(start_unit: Callable[..., RunningUnit]) -> None:
    """A key for one camera reads that one's copies and no other's."""
    unit = start_unit(settings={"WATCHER_AUTH__MODE": "keys"})
    keys = {}
    for name, camera in (("all", None), ("gate", "gate"), ("yard", "yard")):
        more = ["--camera", camera] if camera else []
        keys[name] = unit.run("key", "create", name, "--role", "view", *more).stdout.split()[-1]
    (unit.video / "gate").mkdir()
    clips.make_coded(unit.folder / "g.mp4", video="mpeg4", seconds=1).replace(unit.video / "gate" / "g.mp4")

    def with_key(name: str, path: str, method: str = "GET") -> requests.Response:
        headers = {"Authorization": f"Bearer {keys[name]}"}
        return requests.request(method, unit.url(path), headers=headers, timeout=10)

    clip = wait_for(lambda: next(iter(with_key("all", "/watcher/clips").json()["clips"]), None), what="the clip")
    address = f"/watcher/clips/{clip['id']}/proxy"
    assert with_key("yard", address, "POST").status_code == 404
    assert with_key("gate", address, "POST").status_code == 202
    url = wait_for(lambda: with_key("gate", address).json()["url"], what="the copy")
    assert [with_key(name, url).status_code for name in ("all", "gate", "yard")] == [200, 200, 403]
    assert unit.get(url).status_code == 401


@pytest.mark.slow
def test_no_room_stops_them_first(start_unit: Callable[..., RunningUnit]) -> None:
    """Nothing is made while the disk is nearly full, clips are listed all the same; with room it goes on by itself."""
    unit = start_unit(settings={"WATCHER_UPLOAD__MIN_FREE_BYTES": str(1 << 50)})
    clips.make_coded(unit.folder / "a.mp4", video="mpeg4", seconds=1).replace(unit.video / "a.mp4")
    clip = unit.wait_clip("a.mp4", state="ready")
    assert ask(unit, clip).json()["state"] == "waiting"
    assert not (unit.data / "renditions" / "proxies").exists() or not workers(unit)
    unit.stop()
    unit.environment |= {"WATCHER_UPLOAD__MIN_FREE_BYTES": "1"}
    unit.start()
    wait_for(lambda: proxy_of(unit, clip)["state"] == "ready", what="the proxy")
    with sqlite3.connect(unit.data / "catalog.db") as catalog:
        assert catalog.execute("SELECT count(*) FROM proxies").fetchone() == (1,)
