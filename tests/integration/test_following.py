"""Programs that follow the catalog: the feed of changes, and answers that they have already."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa

from tests import clips
from tests.running import RunningUnit, wait_for

EXAMPLES = Path(__file__).parents[2] / "examples"


def follow(unit: RunningUnit, since: int = 0, limit: int = 7) -> list[dict]:
    """Every change after one, page by page."""
    clips_ = []
    address = f"/watcher/changes?since={since}&limit={limit}"
    while address:
        answer = unit.get(address).json()
        clips_ += answer["changes"]
        address = answer["next"]
    return clips_


@pytest.mark.slow
def test_the_feed_replays_to_the_catalog_while_it_is_written(
    start_unit: Callable[..., RunningUnit], samples: Path
) -> None:
    """Files come, go and move while a client follows: at the end it has what the catalog has, and missed no seq."""
    unit = start_unit(settings={"WATCHER_RENDER__WORKERS": "0", "WATCHER_SCAN__MAX_MISSING_SHARE": "1"})
    data = (samples / "plain.mp4").read_bytes()
    chance = random.Random(3)
    done = threading.Event()

    def cameras() -> None:
        try:
            write()
        finally:
            done.set()

    gone: set[str] = set()

    def write() -> None:
        there: list[Path] = []
        for number in range(300):
            path = unit.video / f"cam{number % 3}" / f"{number}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(clips.stamp(data, number))
            there.append(path)
            if number % 5 == 4:
                victim = there.pop(chance.randrange(len(there)))
                key = str(victim.relative_to(unit.video))
                unit.wait_clip(key)  # one that goes before it was ever seen is nobody's clip
                victim.unlink()
                gone.add(key)
            if number % 7 == 6:
                clip = there.pop(chance.randrange(len(there)))
                there.append(clip.rename(clip.with_name(f"moved{number}.mp4")))

    writing = threading.Thread(target=cameras)
    writing.start()
    seen: dict[int, dict] = {}
    last = 0
    while not done.is_set():
        for change in follow(unit, last):
            assert change["seq"] > last
            last = change["seq"]
            seen[change["clip"]["id"]] = change["clip"]
    writing.join()
    on_disk = {str(p.relative_to(unit.video)) for p in unit.video.rglob("*.mp4")}
    wait_for(lambda: {c["key"] for c in unit.clips()} == on_disk, what="a catalog equal to the disk")
    wait_for(lambda: {c["key"] for c in unit.clips(state="missing")} == gone, what="the missing ones")
    for change in follow(unit, last):
        seen[change["clip"]["id"]] = change["clip"]
    for state in ("ready", "missing"):
        followed = {c["key"]: c for c in seen.values() if c["state"] == state}
        assert followed == {c["key"]: c for c in unit.clips(state=state)}
    assert len(gone) == 60
    assert follow(unit, unit.get("/watcher/changes/head").json()["head"]) == []


def test_a_feed_of_another_catalog_is_not_gone_on_with(unit: RunningUnit) -> None:
    """410, with a code that says what to do; and nonsense is named."""
    head = unit.get("/watcher/changes/head").json()
    answer = unit.get(f"/watcher/changes?since={head['head'] + 1}")
    assert (answer.status_code, answer.json()["code"]) == (410, "start_over")
    assert len(head["catalog"]) == 32
    for since in ("-1", "x", "1.5", "9" * 30):
        answer = unit.get(f"/watcher/changes?since={since}")
        assert (answer.status_code, answer.json()["parameter"]) == (400, "since")


def test_what_a_client_has_is_not_sent_again(unit: RunningUnit, samples: Path) -> None:
    """304 for clip, list, cameras, neighbours, feed and head, until something changes; compressed or not."""
    path = unit.video / "tags" / "2026-11-21" / "070000.mp4"
    path.parent.mkdir(parents=True)
    path.write_bytes(clips.stamp((samples / "plain.mp4").read_bytes(), 1))
    clip = wait_for(lambda: (c := unit.clip("tags/2026-11-21/070000.mp4")) and c["sprite"] and c, what="it")
    chosen = f"/watcher/clips/{clip['id']}"
    addresses = [
        chosen,
        "/watcher/clips/by-key/tags/2026-11-21/070000.mp4",
        "/watcher/clips?camera=tags",
        "/watcher/cameras",
        f"{chosen}/neighbours",
        "/watcher/changes?since=0",
        "/watcher/changes/head",
    ]
    for encoding in ("gzip", "identity"):
        tags = {}
        for address in addresses:
            first = unit.get(address, headers={"Accept-Encoding": encoding})
            tags[address] = first.headers["ETag"]
            again = unit.get(address, headers={"If-None-Match": tags[address], "Accept-Encoding": encoding})
            assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tags[address]), address
    assert unit.get("/watcher/clips?camera=other").headers["ETag"] != tags["/watcher/clips?camera=tags"]
    requests.patch(unit.url(chosen), json={"camera": "tags2"}, timeout=10)
    for address in addresses:
        again = unit.get(address, headers={"If-None-Match": tags[address]})
        assert again.status_code == 200, address
        assert again.headers["ETag"] != tags[address]


def test_a_change_that_is_about_something_older_is_refused(unit: RunningUnit, samples: Path) -> None:
    """If-Match: 412 when somebody was there before, and nothing is written."""
    path = unit.video / "match.mp4"
    path.write_bytes(clips.stamp((samples / "plain.mp4").read_bytes(), 2))
    clip = wait_for(lambda: (c := unit.clip("match.mp4")) and c["sprite"] and c, what="it")
    address = unit.url(f"/watcher/clips/{clip['id']}")
    tag = requests.get(address, timeout=10).headers["ETag"]
    answer = requests.patch(address, json={"camera": "one"}, headers={"If-Match": tag}, timeout=10)
    assert (answer.status_code, answer.json()["camera"]) == (200, "one")
    two = requests.patch(address, json={"camera": "two"}, headers={"If-Match": tag}, timeout=10)
    assert (two.status_code, two.json()["code"]) == (412, "changed")
    assert unit.clip("match.mp4")["camera"] == "one"
    three = requests.patch(
        address, json={"camera": "three"}, headers={"If-Match": answer.headers["ETag"]}, timeout=10
    )
    assert three.json()["camera"] == "three"


@pytest.fixture(scope="module")
def row(unit: RunningUnit, samples: Path) -> list[dict]:
    """Twenty clips of `left` and `right`, started at the same minutes, oldest first."""
    data = (samples / "plain.mp4").read_bytes()
    for number in range(20):
        path = unit.video / ("left", "right")[number % 2] / "2026-03-05" / f"12{number // 2:02}00.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(clips.stamp(data, 500 + number))
    question = {"camera": ["left", "right"], "sort": "started_at"}

    def ready() -> list[dict] | None:
        clips = unit.clips(**question)
        return clips if len(clips) == 20 and all(clip["sprite"] for clip in clips) else None

    return wait_for(ready, what="twenty clips with sprites")


def test_neighbours(unit: RunningUnit, row: list[dict]) -> None:
    """Before and after in time under a filter, and the other camera at the same moment."""
    left = [clip for clip in row if clip["camera"] == "left"]
    right = [clip for clip in row if clip["camera"] == "right"]

    def near(clip: dict, query: str = "") -> dict:
        return unit.get(f"/watcher/clips/{clip['id']}/neighbours{query}").json()

    neighbours = near(left[3], "?camera=left")
    assert (neighbours["previous"], neighbours["next"], neighbours["others"]) == (left[2], left[4], [right[3]])
    both = near(row[5], "?camera=left&camera=right")
    assert (both["previous"], both["next"]) == (row[4], row[6])
    assert near(left[0], "?camera=left")["previous"] is None
    assert near(left[-1], "?camera=left")["next"] is None
    assert unit.get("/watcher/clips/999999/neighbours").status_code == 404
    assert unit.get(f"/watcher/clips/{row[0]['id']}/neighbours?limit=3").status_code == 400


@pytest.mark.parametrize("sort", ["started_at", "-started_at"])
def test_a_page_around_a_moment(sort: str, unit: RunningUnit, row: list[dict]) -> None:
    """Half of it before, half after, and it goes on in both directions without gap or double."""
    expected = row if sort == "started_at" else row[::-1]
    question = "/watcher/clips?camera=left&camera=right"
    moment = row[10]["started_at"]
    answer = unit.get(f"{question}&sort={sort}&limit=6&around={moment}").json()
    assert row[10] in answer["clips"]
    assert len(answer["clips"]) == 6
    before, after = [], []
    address = answer["prev"]
    while address:
        page = unit.get(address).json()
        before = page["clips"] + before
        address = page["prev"]
    address = answer["next"]
    while address:
        page = unit.get(address).json()
        after += page["clips"]
        address = page["next"]
    assert before + answer["clips"] + after == expected
    for query in ("around=x", f"around={moment}&after=MTc", "around=2026-03-05T12:00:00"):
        assert unit.get(f"{question}&{query}").status_code == 400


def test_the_timeline_of_a_day(unit: RunningUnit, row: list[dict]) -> None:
    """By quarter, hour and day, in the site's zone or any other; for some cameras or all."""
    question = "/watcher/timeline?camera=left&from=2026-03-05T00:00:00%2B01:00&to=2026-03-06T00:00:00%2B01:00"
    day = unit.get(question).json()
    assert (day["bucket"], day["tz"]) == ("day", "Europe/Berlin")
    assert day["buckets"] == [
        {
            "start": "2026-03-04T23:00:00.000Z",
            "end": "2026-03-05T23:00:00.000Z",
            "camera": "left",
            "clips": 10,
            "duration_seconds": 20.0,
        }
    ]
    hours = unit.get(f"{question}&camera=right&bucket=hour&tz=Asia/Kolkata").json()
    assert [(b["camera"], b["start"], b["clips"]) for b in hours["buckets"]] == [
        ("left", "2026-03-05T10:30:00.000Z", 10),
        ("right", "2026-03-05T10:30:00.000Z", 10),
    ]
    assert unit.get(f"{question}&bucket=quarter").json()["buckets"][0]["start"] == "2026-03-05T11:00:00.000Z"
    tag = unit.get(question).headers["ETag"]
    assert unit.get(question, headers={"If-None-Match": tag}).status_code == 304


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("bucket=week", "bucket"),
        ("bucket=DAY", "bucket"),
        ("tz=Mars/Olympus", "tz"),
        ("tz=../../etc/passwd", "tz"),
        ("from=2026-03-05T00:00:00", "from"),
        ("from=2026-03-05T00:00:00Z&to=2026-03-04T00:00:00Z", "to"),
        ("bucket=quarter&from=2020-01-01T00:00:00Z", "bucket"),
        ("to=1960-01-01T00:00:00Z", "from"),
        ("x=1", "x"),
    ],
)
def test_timelines_that_make_no_sense(query: str, parameter: str, unit: RunningUnit) -> None:
    """400, by the name of what is wrong."""
    answer = unit.get(f"/watcher/timeline?{query}")
    assert (answer.status_code, answer.json()["parameter"]) == (400, parameter)


def test_clips_are_labelled(unit: RunningUnit, row: list[dict]) -> None:
    """By people and models; lists, counts and the feed tell of it."""
    chosen, two = row[0], row[5]
    head = unit.get("/watcher/changes/head").json()["head"]
    address = unit.url(f"/watcher/clips/{chosen['id']}/labels/red%20fox")
    first = requests.put(address, timeout=10)
    assert first.status_code == 201
    assert [(label["name"], label["author"], label["confidence"]) for label in first.json()["labels"]] == [
        ("red fox", "anybody", None)
    ]
    assert requests.put(address, timeout=10).status_code == 200
    model = {"confidence": 0.875, "author": "fox-model 2"}
    requests.put(unit.url(f"/watcher/clips/{two['id']}/labels/red%20fox"), json=model, timeout=10)
    assert {c["id"] for c in unit.clips(label="red fox")} == {chosen["id"], two["id"]}
    assert {chosen["id"], two["id"]}.isdisjoint(c["id"] for c in unit.clips(unlabeled="true"))
    assert ("red fox", 2) in [
        (label["name"], label["clips"]) for label in unit.get("/watcher/labels").json()["labels"]
    ]
    assert [c["clip"]["id"] for c in follow(unit, head)] == [chosen["id"], two["id"]]
    gone = requests.delete(address, timeout=10)
    assert (gone.status_code, gone.json()["labels"]) == (200, [])
    assert requests.delete(address, timeout=10).status_code == 200
    assert [c["labels"][0]["confidence"] for c in unit.clips(label="red fox")] == [0.875]


@pytest.mark.parametrize(
    ("name", "body", "status", "parameter"),
    [
        ("fox", {"confidence": 1.5}, 400, "confidence"),
        ("fox", {"confidence": "high"}, 400, "body"),
        ("fox", {"author": " x"}, 400, "author"),
        ("fox", {"colour": "red"}, 400, "body"),
        ("x" * 61, {}, 400, "name"),
        ("%20fox", {}, 400, "name"),
        ("a%0Ab", {}, 400, "name"),
    ],
)
def test_labels_that_make_no_sense(
    name: str, body: dict, status: int, parameter: str, unit: RunningUnit, row: list[dict]
) -> None:
    """Refused by the name of what is wrong."""
    answer = requests.put(unit.url(f"/watcher/clips/{row[1]['id']}/labels/{name}"), json=body, timeout=10)
    assert (answer.status_code, answer.json().get("parameter")) == (status, parameter)
    assert requests.put(unit.url("/watcher/clips/999999/labels/fox"), timeout=10).status_code == 404


def test_clips_are_found_by_words(unit: RunningUnit, row: list[dict]) -> None:
    """Of key, camera and labels, together with every other filter; what is no word is refused."""
    chosen = next(clip for clip in row if clip["key"] == "left/2026-03-05/120100.mp4")
    label = unit.url(f"/watcher/clips/{chosen['id']}/labels/Grey%20heron")
    requests.put(label, timeout=10)
    assert [c["id"] for c in unit.clips(q="heron grey")] == [chosen["id"]]
    assert unit.clips(q="heron", camera="right") == []
    assert [c["id"] for c in unit.clips(q="left 120100.mp4")] == [chosen["id"]]
    requests.delete(label, timeout=10)
    assert unit.clips(q="heron") == []
    assert len(unit.clips(q="left", limit=3)) == 10
    for text in ("", "/ - /", "a " * 11 + "b c d e f g h i j k l"):
        answer = unit.get("/watcher/clips", params={"q": text})
        assert (answer.status_code, answer.json()["parameter"]) == (400, "q")


def test_two_labellers_never_get_the_same_clip(unit: RunningUnit, row: list[dict]) -> None:
    """Each review has its own clips until it ends, by label, release or time."""

    def review(**body: object) -> dict:
        answer = requests.post(unit.url("/watcher/reviews"), json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    left = {clip["id"] for clip in row if clip["camera"] == "left" and not unit.clip(clip["key"])["labels"]}
    handed = review(limit=4, cameras=["left"])
    two = review(limit=100, cameras=["left"], lease_seconds=1)
    mine, others = ({clip["id"] for clip in part["clips"]} for part in (handed, two))
    assert len(mine) == 4
    assert mine | others == left
    assert mine.isdisjoint(others)
    requests.put(unit.url(f"/watcher/clips/{min(mine)}/labels/checked"), timeout=10)
    assert requests.delete(unit.url(handed["links"]["self"]), timeout=10).status_code == 204

    def rest() -> bool:
        again = review(limit=100, cameras=["left"])
        requests.delete(unit.url(again["links"]["self"]), timeout=10)
        return {clip["id"] for clip in again["clips"]} == left - {min(mine)}

    wait_for(rest, what="the end of a lease")
    requests.delete(unit.url(f"/watcher/clips/{min(mine)}/labels/checked"), timeout=10)
    assert requests.post(unit.url("/watcher/reviews"), timeout=10).status_code == 200
    for body, parameter in (({"limit": 0}, "limit"), ({"lease_seconds": 0}, "lease_seconds"), ({"x": 1}, "body")):
        answer = requests.post(unit.url("/watcher/reviews"), json=body, timeout=10)
        assert (answer.status_code, answer.json()["parameter"]) == (400, parameter)


def test_labelled_clips_are_exported_as_json_lines(unit: RunningUnit, row: list[dict]) -> None:
    """Oldest first, under a filter, a clip a line, as the API shows it."""
    chosen = row[1:20:6]
    for clip in chosen:
        requests.put(unit.url(f"/watcher/clips/{clip['id']}/labels/export%20me"), timeout=10)
    answer = unit.get("/watcher/labels/export?label=export%20me&label=other")
    assert answer.headers["Content-Type"] == "application/jsonl"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert lines == [unit.clip(clip["key"]) for clip in chosen]
    everything = [json.loads(line)["id"] for line in unit.get("/watcher/labels/export").text.splitlines()]
    assert {clip["id"] for clip in chosen} <= set(everything) == {c["id"] for c in unit.clips(unlabeled="false")}
    assert unit.get("/watcher/labels/export?label=nothing").text == ""
    assert unit.get("/watcher/labels/export?limit=3").status_code == 400


@pytest.mark.slow
def test_the_example_of_a_labelling_model(start_unit: Callable[..., RunningUnit], tmp_path: Path) -> None:
    """It labels the dark clip and not the bright one, goes on where it was, and says nothing twice."""
    unit = start_unit()
    for number, name in enumerate(("bright", "warm", "dark")):
        clips.make(unit.video / name / "1.mp4", number=number)
    wait_for(lambda: len(all_ := unit.clips()) == 3 and all(c["sprite"] for c in all_), what="three sprites")
    command = [
        sys.executable,
        str(EXAMPLES / "label_night.py"),
        unit.url("/"),
        "--seen",
        str(tmp_path / "s"),
        "--once",
    ]
    first = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert first.stdout.startswith("dark/1.mp4: night")
    assert [c["key"] for c in unit.clips(label="night")] == ["dark/1.mp4"]
    label = unit.clip("dark/1.mp4")["labels"][0]
    assert (label["author"], 0.6 <= label["confidence"] <= 1) == ("label_night 1", True)
    assert subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout == ""


def test_all_of_it_on_postgresql(start_unit: Callable[..., RunningUnit], postgresql: str, samples: Path) -> None:
    """The whole road with the other engine: arrival, labels, a correction, lists, timeline, feed, a missing clip."""
    name = f"road_{random.randrange(1 << 48):x}"
    server = sa.create_engine(postgresql, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    server.dispose()
    unit = start_unit(settings={"WATCHER_CATALOG__URL": postgresql.replace("/postgres?", f"/{name}?")})
    path = unit.video / "porch" / "2026-03-05" / "120000.mp4"
    path.parent.mkdir(parents=True)
    path.write_bytes((samples / "plain.mp4").read_bytes())
    clip = wait_for(lambda: (c := unit.clip("porch/2026-03-05/120000.mp4")) and c["sprite"] and c, what="it")
    url = unit.url(f"/watcher/clips/{clip['id']}")
    assert requests.put(f"{url}/labels/fox", timeout=10).status_code == 201
    body = {"camera": "gate", "started_at": "2026-03-05T10:00:00Z", "held": True}
    assert requests.patch(url, json=body, timeout=10).status_code == 200
    question = {"label": "fox", "held": "true", "camera": "gate", "playable": "yes", "min_duration": "1"}
    assert [c["id"] for c in unit.clips(**question)] == [clip["id"]]
    day = unit.get("/watcher/timeline?from=2026-03-05T00:00:00Z&to=2026-03-06T00:00:00Z").json()["buckets"]
    assert [(bucket["camera"], bucket["clips"]) for bucket in day] == [("gate", 1)]
    fox = {"name": "fox", "clips": 1, "cameras": [{"camera": "gate", "clips": 1}]}
    assert unit.get("/watcher/labels").json()["labels"] == [fox]
    assert unit.get(f"/watcher/clips/{clip['id']}/neighbours").json()["others"] == []
    assert [change["clip"]["id"] for change in follow(unit)] == [clip["id"]]
    assert unit.get("/watcher/clips?camera=a%00b").status_code == 400
    assert unit.get("/watcher/clips/by-key/no%00.mp4").status_code in {400, 404}
    path.unlink()
    assert unit.wait_clip("porch/2026-03-05/120000.mp4", state="missing")["labels"][0]["name"] == "fox"
    assert unit.problems() == {}
