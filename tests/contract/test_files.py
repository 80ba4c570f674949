"""What the catalog tells of files and pictures on disk, on either engine."""

from __future__ import annotations

from datetime import timedelta

from tests.builders import START, probed
from watcher.catalog import Catalog
from watcher.catalog.files import ALIKE_LIMIT
from watcher.catalog.rendition_names import poster_name
from watcher.catalog.retries import NO_PICTURE
from watcher.catalog.rows import Rendered
from watcher.model.clip import (
    Fingerprint,
)


def test_known_comes_in_the_byte_order_of_keys(catalog: Catalog) -> None:
    """On every engine and in every locale, also below one folder only."""
    keys = [
        "a/1.mp4",
        "a-b/1.mp4",
        "a.mp4",
        "a0.mp4",
        "A/1.mp4",
        "ä/1.mp4",
        "z.mp4",
        "🦊.mp4",
        "a/ b.mp4",
        "aa.mp4",
    ]
    catalog.writes.put([probed(key, n) for n, key in enumerate(keys)], now=START)
    assert [row[0] for row in catalog.files.known()] == sorted(keys, key=str.encode)
    assert [row[0] for row in catalog.files.known("a/")] == ["a/ b.mp4", "a/1.mp4"]
    assert set(catalog.files.known_keys(["a.mp4", "none"])) == {"a.mp4"}


def test_the_clips_that_a_file_may_be_are_found_in_a_crowd_of_copies(catalog: Catalog) -> None:
    """Of so many with the same content that not all are asked for: the one of its inode, and the missing one."""
    crowd = [probed(f"a/{n:04}.mp4", n, digest="same", inode=n + 1) for n in range(ALIKE_LIMIT + 200)]
    for start in range(0, len(crowd), 200):
        catalog.writes.put(crowd[start : start + 200], now=START)
    catalog.writes.mark_missing(["a/1150.mp4"], now=START)
    by_key = {namesake.key: namesake for namesake in catalog.files.namesakes([("same", 1171), ("other", 5)])}
    assert by_key["a/1170.mp4"].inode == 1171
    assert by_key["a/1150.mp4"].state == "missing"
    assert len(by_key) == ALIKE_LIMIT + 2


def test_a_picture_finds_its_clip(catalog: Catalog) -> None:
    """By name; else by camera and time, from a few seconds before the start until the end; once only."""
    before = timedelta(seconds=5)
    catalog.writes.put(
        [probed("a/1.mp4"), probed("a/1.x.mp4", 9), probed("a/2.mp4", 1), probed("b/2.mp4", 1)], now=START
    )
    ids = {key: catalog.clips.by_key(key).id for key in ("a/1.mp4", "a/2.mp4", "b/2.mp4")}

    def recording(stem: str, camera: str, seconds: float) -> int | None:
        return catalog.files.clip_of_picture(stem, camera, START + timedelta(seconds=seconds), before=before)

    assert recording("a/1", "nobody", 9999) == ids["a/1.mp4"]
    assert [recording("x", "a", seconds) for seconds in (-6, -5, 0, 30, 31)] == [None, *[ids["a/1.mp4"]] * 3, None]
    assert [recording("x", camera, 61) for camera in "abc"] == [ids["a/2.mp4"], ids["b/2.mp4"], None]

    clip = catalog.clips.get(ids["a/1.mp4"])
    assert catalog.renditions.set_posters([Rendered(clip.id, "a/1.mp4", poster_name(clip.id, "a/1.mp4"))]) == []
    assert clip.id not in {job.id for job in catalog.files.unrendered(9)}
    assert catalog.renditions.set_picture(clip.id, "a/1.jpg")
    assert not catalog.renditions.set_picture(clip.id, "a/1b.jpg")
    assert catalog.files.pictured(["a/1.jpg", "a/1b.jpg"]) == {"a/1.jpg"}
    assert {job.id: job.picture for job in catalog.files.unrendered(9)}[clip.id] == "a/1.jpg"
    # A poster that was begun before the picture came does not end the wait for it.
    catalog.renditions.set_posters([Rendered(clip.id, "a/1.mp4", "early")])
    assert clip.id in {job.id for job in catalog.files.unrendered(9)}
    catalog.writes.put([probed("a/1.mp4", fingerprint=Fingerprint(1000, 2))], now=START)
    assert {job.id: job.picture for job in catalog.files.unrendered(9)}[clip.id] == "a/1.jpg"
    assert catalog.renditions.set_posters([Rendered(clip.id, "a/1.mp4", "late", "a/1.jpg")]) == ["early"]
    assert clip.id not in {job.id for job in catalog.files.unrendered(9)}


def test_clips_without_a_picture_are_told_with_their_reasons(catalog: Catalog) -> None:
    """Those given up, and those tried again; to whom only some cameras exist, of these; sound only is no trouble."""
    catalog.writes.put(
        [probed(f"{camera}/{number}.mp4", number) for number, camera in enumerate("aabbc")], now=START
    )
    jobs = {job.key: job for job in catalog.files.unrendered(9)}
    for key, error in (("a/0.mp4", "it is garbled"), ("b/2.mp4", "no decoder"), ("c/4.mp4", NO_PICTURE)):
        catalog.renditions.set_no_poster(jobs[key].id, jobs[key].digest, error)
    for key in ("a/1.mp4", "b/3.mp4"):
        catalog.retries.retry(jobs[key].id, jobs[key].digest, "it crashed", tries=1, due=START)
    everything = catalog.retries.troubles(1)
    assert (everything.number, everything.waiting) == (2, 2)
    assert [trouble.key for trouble in everything.newest + everything.later] == ["b/2.mp4", "b/3.mp4"]
    mine = catalog.retries.troubles(9, ("a",))
    assert (mine.number, mine.waiting) == (1, 1)
    assert [(trouble.key, trouble.error) for trouble in mine.newest] == [("a/0.mp4", "it is garbled")]
    assert [(trouble.key, trouble.error) for trouble in mine.later] == [("a/1.mp4", "it crashed")]
