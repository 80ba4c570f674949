"""Ranges of clips that lie in a bucket of a real S3 server, Ceph's radosgw, against the same ranges of local clips.

Straight from the bucket, and of those that were played before and have a copy on the local disk.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests import clips
from tests.bench.serving import RANGES, SECONDS, wrk
from tests.radosgw import KEY, SECRET, missing, radosgw
from tests.running import RunningUnit, running, wait_for

CLIPS = 20
ANY = '"/cam/" .. math.random(0, 19) .. ".mp4"'  # of RANGES


def run(folder: Path, rounds: int) -> list[tuple[str, list[float], str]]:
    """Requests a second, as ratios; and how often the application is asked where a clip lies."""
    if absent := [*missing(), *([] if shutil.which("wrk") else ["wrk"])]:
        print(f"{', '.join(absent)} not installed: buckets are not measured")
        return []
    with (
        TemporaryDirectory(prefix="watcher-ceph.", ignore_cleanup_errors=True) as name,
        radosgw(Path(name)) as cluster,
    ):
        store = cluster.bucket()
        for what, secret in (("key", KEY), ("secret", SECRET)):
            (folder / what).write_text(secret)
        with running(folder / "unit", settings={"WATCHER_RENDER__SPRITES": "false"}) as unit:
            ages = {"cam": time.time() - 9 * 86400, "young": time.time() - 3600}
            leave(unit, ages)
            unit.stop()
            (unit.folder / "watcher.toml").write_text(
                f'[[stores]]\nname = "cold"\nkind = "s3"\nendpoint = "{cluster.endpoint}"\nbucket = "{store.bucket}"\n'
                f'access_key_file = "{folder}/key"\nsecret_key_file = "{folder}/secret"\n[tiering]\nafter_days = 1\n'
            )
            unit.start()
            wait_for(lambda: not [*unit.video.glob("cam/**/*.mp4")], seconds=300, what="the move of all")
            paths = [f'"{store.sign(stored.key, 3600)}"' for stored in store.list()]
            store.close()
            own = (
                cluster.endpoint,
                f"paths = {{{', '.join(paths)}}}\n" + RANGES.replace(ANY, "paths[math.random(1, 20)]"),
            )
            return measure(folder, unit, rounds, ages, own)


def minute(at: float) -> str:
    """How the names of clips of a moment begin; the second follows."""
    return time.strftime("%Y%m%d_%H%M", time.localtime(at))


def leave(unit: RunningUnit, ages: dict[str, float]) -> None:
    """Twenty clips of each camera, of the same size."""
    sample = clips.make(unit.folder / "sample.mp4").read_bytes()
    for number in range(CLIPS):
        for camera, at in ages.items():
            path = unit.video / f"{camera}/{minute(at)}{number:02}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            mark = number + CLIPS * (camera == "young")
            path.write_bytes(clips.stamp(sample, mark) + b"\x00\x4b\x00\x00free" + clips.noise(0x4B0000 - 8))
            os.utime(path, (at, at))
    wait_for(lambda: sum(bool(clip["poster_url"]) for clip in unit.clips()) == 2 * CLIPS, what="their posters")


def measure(
    folder: Path, unit: RunningUnit, rounds: int, ages: dict[str, float], own: tuple[str, str]
) -> list[tuple[str, list[float], str]]:
    """The ratios of some rounds, and the questions of all of them; `own`: the S3 server, and how it is asked itself."""
    scripts = {
        camera: RANGES.replace(ANY, f'string.format("/{camera}/{minute(at)}%02d.mp4", math.random(0, 19))')
        for camera, at in ages.items()
    }
    assert all(script != RANGES for script in scripts.values())
    straight, kept, direct, questions, count = [], [], [], [], 0
    for _ in range(rounds):
        begin(unit, cache_bytes=0)
        before = asked(unit)
        local = wrk(folder, unit.url("/"), scripts["young"])
        cold = wrk(folder, unit.url("/"), scripts["cam"])
        questions.append((asked(unit) - before) / CLIPS)
        count += round(SECONDS * cold)
        straight.append(cold / local)
        direct.append(cold / wrk(folder, own[0], own[1]))
        begin(unit, cache_bytes=1 << 30)
        have_copies(unit, ages["cam"])
        rates = [wrk(folder, unit.url("/"), scripts[camera]) for camera in ("young", "cam", "cam", "young")]
        kept.append((rates[1] + rates[2]) / (rates[0] + rates[3]))
    return [
        ("random ranges of 64 KiB of a bucket ÷ those of local clips", straight, "≥ 0.25"),
        (
            "the same of clips that were played before, with tiering.cache_bytes ÷ those of local clips",
            kept,
            "≥ 0.5",
        ),
        ("ranges of a bucket ÷ those of the S3 server itself", direct, ""),
        (f"questions to Python for {count:,} ranges ÷ clips, of each round", questions, "≤ 1"),
    ]


def begin(unit: RunningUnit, *, cache_bytes: int) -> None:
    """Start anew, without copies, and with room for so many bytes of them."""
    unit.stop()
    shutil.rmtree(unit.folder / "data" / "spool" / "cold", ignore_errors=True)
    unit.environment["WATCHER_TIERING__CACHE_BYTES"] = str(cache_bytes)
    unit.start()


def have_copies(unit: RunningUnit, at: float) -> None:
    """Play each cold clip, and wait until each has a copy."""
    for number in range(CLIPS):
        assert unit.get(f"/cam/{minute(at)}{number:02}.mp4", headers={"Range": "bytes=0-1"}).status_code == 206
    folder = unit.folder / "data" / "spool" / "cold"
    wait_for(lambda: len([*folder.glob("[0-9]*.mp4")]) == CLIPS, seconds=120, what="the copies")


def asked(unit: RunningUnit) -> float:
    """How many requests the application has answered, those for its figures not."""
    lines = re.findall(r"^watcher_requests_total\{(.*)\} (\S+)$", unit.get("/watcher/metrics").text, re.MULTILINE)
    return sum(float(value) for labels, value in lines if "metrics" not in labels)
