"""The Python client, against the real service."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests import clips
from tests.running import DEADLINE, RunningUnit, wait_for
from watcher.client import Client, Problem, StartOver

START = datetime(2026, 11, 21, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def watcher(unit: RunningUnit, samples: Path) -> Iterator[Client]:
    """A client of a service with thirty clips of two cameras."""
    data = (samples / "plain.mp4").read_bytes()
    for number in range(30):
        path = unit.video / ("porch", "gate")[number % 2] / "2026-11-21" / f"07{number:02}00.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(clips.stamp(data, number))
    with Client(unit.url("/")) as client:
        wait_for(lambda: len([c for c in client.clips() if c.sprite]) == 30, what="thirty sprites")
        yield client


def test_clips_are_iterated_page_by_page(watcher: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under a filter, in both orders, with types."""
    monkeypatch.setattr("watcher.client.PAGE", 4)
    clips = list(watcher.clips(newest_first=False))
    assert [clip.started_at for clip in clips] == sorted(clip.started_at for clip in clips)
    assert len(clips) == 30
    assert [clip.key for clip in watcher.clips()] == [clip.key for clip in reversed(clips)]
    assert clips[0].media.video.codec == "h264"
    some = list(
        watcher.clips(camera="porch", from_at=START + timedelta(minutes=9), to_at=START + timedelta(minutes=20))
    )
    assert [clip.key[-8:-6] for clip in some] == ["18", "16", "14", "12", "10"]
    assert list(watcher.clips(q="gate 070100")) == [watcher.by_key("gate/2026-11-21/070100.mp4")]
    assert watcher.by_key("nothing.mp4") is None
    assert watcher.clip(clips[3].id) == clips[3]
    with pytest.raises(ValueError, match="zone"):
        next(watcher.clips(from_at=datetime(2026, 11, 21)))  # noqa: DTZ001
    with pytest.raises(Problem) as refused:
        next(watcher.clips(state="ripe"))
    assert (refused.value.status, refused.value.parameter) == (400, "state")


def test_clips_are_labelled_corrected_reviewed_and_retired(watcher: Client, samples: Path, tmp_path: Path) -> None:
    """And sent, shared and saved."""
    path = tmp_path / "b.mp4"
    path.write_bytes(clips.stamp((samples / "plain.mp4").read_bytes(), 900))
    clip = watcher.upload(path, camera="sent", started_at=START)
    assert (clip.camera, clip.time_source) == ("sent", "upload")
    review = watcher.review(limit=5, cameras=["sent"])
    assert [clip.id for clip in review.clips] == [clip.id]
    assert watcher.review(cameras=["sent"]).clips == []
    watcher.end_review(review)
    assert watcher.label(clip.id, "red fox", confidence=0.5, author="test 1").labels[0].confidence == 0.5
    assert [(label.name, label.clips) for label in watcher.labels()] == [("red fox", 1)]
    assert watcher.unlabel(clip.id, "red fox").labels == []
    fresh = watcher.clip(clip.id)
    held = watcher.correct(fresh, held=True, note="mine")
    assert (held.held, held.note) == (True, "mine")
    with pytest.raises(Problem) as stale:
        watcher.correct(fresh, held=False)
    assert stale.value.status == 412
    with pytest.raises(Problem) as refused:
        watcher.retire(clip.id)
    assert refused.value.code == "held"
    watcher.download(held, tmp_path / "back.mp4")
    assert (tmp_path / "back.mp4").read_bytes() == path.read_bytes()
    assert "sig=" in watcher.share(clip.id, 60).url
    watcher.correct(held, held=False)
    watcher.retire(clip.id)
    assert watcher.by_key(clip.key) is None


def test_what_comes_by_itself_is_no_change(
    watcher: Client, unit: RunningUnit, samples: Path, tmp_path: Path
) -> None:
    """A clip that was read before its pictures were made may be corrected."""
    path = tmp_path / "d.mp4"
    path.write_bytes(clips.stamp((samples / "plain.mp4").read_bytes(), 901))
    first = watcher.upload(path, camera="drawn", started_at=START)
    wait_for(lambda: watcher.clip(first.id).sprite, what="its pictures")
    assert watcher.correct(first, note="seen").light is not None
    watcher.retire(first.id)


def test_sums_and_neighbours(watcher: Client) -> None:
    """Cameras, timeline, what was before and after."""
    assert {camera.camera: camera.clips for camera in watcher.cameras()} == {"porch": 15, "gate": 15}
    buckets = watcher.timeline(
        from_at=START, to_at=START + timedelta(hours=1), bucket="hour", camera="porch", tz="UTC"
    )
    assert [(bucket.camera, bucket.clips) for bucket in buckets] == [("porch", 15)]
    middle = watcher.by_key("porch/2026-11-21/071000.mp4")
    around = watcher.neighbours(middle.id)
    assert around.previous.key == "gate/2026-11-21/070900.mp4"
    assert around.next.key == "gate/2026-11-21/071100.mp4"


def test_changes_are_followed(watcher: Client, unit: RunningUnit, samples: Path) -> None:
    """Those that were, then those that come; a number from elsewhere says to start over."""
    before = list(watcher.changes())
    assert [change.seq for change in before] == sorted(change.seq for change in before)
    seen: list[str] = []

    def follow() -> None:
        with Client(unit.url("")) as other:
            for change in other.changes(before[-1].seq, follow=True, pause_seconds=0.05):
                seen.append(change.clip.key)
                if {"late/1.mp4", "late/2.mp4"} <= set(seen):  # in any order: the first may get its poster last
                    return

    thread = threading.Thread(target=follow)
    thread.start()
    for number in (1, 2):
        path = unit.video / "late" / f"{number}.mp4"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(clips.stamp((samples / "plain.mp4").read_bytes(), 700 + number))
        unit.wait_clip(f"late/{number}.mp4")
    thread.join(DEADLINE)
    assert not thread.is_alive()
    with pytest.raises(StartOver):
        next(watcher.changes(10**9))


def test_what_is_no_answer_of_ours_is_a_problem_too(unit: RunningUnit) -> None:
    """A proxy's page, say."""
    with Client(unit.url("/nowhere/")) as client, pytest.raises(Problem) as refused:
        client.cameras()
    assert refused.value.status == 404
