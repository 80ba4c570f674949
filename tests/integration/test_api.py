"""The JSON API's first part, asked over HTTP through nginx and uWSGI."""

from __future__ import annotations

import base64
import hashlib
import os
import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests import clips
from tests.running import RunningUnit, wait_for

BASE = datetime(2026, 11, 20, 23, 0)  # noqa: DTZ001 - Berlin's wall clock


@pytest.fixture(scope="module")
def shelf(unit: RunningUnit, samples: Path) -> list[dict]:
    """Thirty clips of three cameras, a minute apart, oldest first; every fifth is broken."""
    data = (samples / "plain.mp4").read_bytes()
    for number in range(30):
        at = BASE + timedelta(minutes=number)
        path = unit.video / f"cam{number % 3}" / f"{at:%Y-%m-%d}" / f"{at:%H%M%S}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data[:500] + bytes([number]) if number % 5 == 4 else clips.stamp(data, number))

    def settled() -> list[dict] | None:
        """All of them, when nothing is learnt of them any more."""
        clips = unit.clips(sort="started_at")
        pictured = [clip for clip in clips if clip["state"] == "broken" or (clip["poster_url"] and clip["sprite"])]
        return clips if len(pictured) == 30 else None

    return wait_for(settled, what="30 clips")


def test_pages_follow_each_other_without_gap_or_double(unit: RunningUnit, shelf: list[dict]) -> None:
    """Forwards by `next`, backwards by `prev`, in both orders, and the same in Link."""
    for sort, expected in (("started_at", shelf), ("-started_at", shelf[::-1])):
        answer = unit.get(f"/watcher/clips?sort={sort}&limit=7")
        assert answer.json()["prev"] is None
        seen, last = [], None
        while True:
            seen += answer.json()["clips"]
            last = answer
            if not answer.json()["next"]:
                break
            assert answer.links["next"]["url"] == answer.json()["next"]
            answer = unit.get(answer.json()["next"])
        assert seen == expected
        back = last.json()["clips"]
        answer = last
        while answer.json()["prev"]:
            answer = unit.get(answer.json()["prev"])
            back = answer.json()["clips"] + back
        assert back == expected


def test_filters(unit: RunningUnit, shelf: list[dict]) -> None:
    """Repeated values are or, different names are and."""
    assert unit.clips(camera="cam1", sort="started_at") == [c for c in shelf if c["camera"] == "cam1"]
    assert unit.clips(camera=["cam0", "cam2"], limit=4, sort="started_at") == [
        c for c in shelf if c["camera"] in {"cam0", "cam2"}
    ]
    assert unit.clips(state="broken", sort="started_at") == [c for c in shelf if c["state"] == "broken"]
    assert unit.clips(state=["broken", "ready"], sort="started_at") == shelf
    assert unit.clips(camera=["cam0", "cam1"], state="broken", limit=1, sort="started_at") == [
        c for c in shelf if c["state"] == "broken" and c["camera"] in {"cam0", "cam1"}
    ]
    assert unit.clips(camera="nobody") == []
    assert unit.clips(state="missing") == []


def test_an_interval_overlaps_half_open(unit: RunningUnit, shelf: list[dict]) -> None:
    """A clip that is still running at `from` counts; one that starts at `to` does not."""
    ready = [c for c in shelf if c["state"] == "ready"]
    clip = ready[3]  # two seconds long
    start = datetime.fromisoformat(clip["started_at"])

    def at(seconds: float) -> str:
        return (start + timedelta(seconds=seconds)).isoformat()

    assert unit.clips(**{"from": at(1), "to": at(1.5)}) == [clip]
    assert unit.clips(**{"from": at(0), "to": at(1)}) == [clip]
    assert unit.clips(**{"from": at(2), "to": at(3)}) == []
    assert unit.clips(**{"from": at(-1), "to": at(0)}) == []
    assert (
        unit.clips(**{"from": "2026-11-20T23:00:00 01:00".replace(" ", "+"), "to": shelf[2]["started_at"]})
        == shelf[1::-1]
    )
    # The classic mistake, a plus that was not encoded, is understood.
    answer = unit.get(f"/watcher/clips?from=2026-11-20T23:00:00+01:00&to={shelf[2]['started_at']}")
    assert answer.json()["clips"] == shelf[1::-1]


@pytest.mark.parametrize(
    ("query", "parameter", "words"),
    [
        ("camera=a%00b", "camera", "NUL"),
        ("held=maybe", "held", "true or false"),
        ("playable=perhaps", "playable", "one of"),
        ("min_duration=-1", "min_duration", "seconds"),
        ("max_duration=long", "max_duration", "seconds"),
        ("from=2026-11-21T07:00:00", "from", "has no offset"),
        ("to=yesterday", "to", "no RFC 3339 time"),
        ("from=9999-12-31T23:59:59-12:00", "from", ""),
        ("from=2026-11-21T07:00:00Z&to=2026-11-21T07:00:00Z", "to", "later than from"),
        ("limit=0", "limit", "from 1 to 500"),
        ("limit=501", "limit", "from 1 to 500"),
        ("limit=ten", "limit", "whole number"),
        ("limit=1&limit=2", "limit", "once"),
        ("sort=camera", "sort", "started_at"),
        ("state=lost", "state", "must be one of"),
        ("cameras=porch", "cameras", "no parameter 'cameras'"),
        ("after=nonsense", "after", "no cursor"),
        ("before=%F0%9F%A6%8A", "before", "no cursor"),
        ("after=MTIz", "after", "no cursor"),
        ("after=MS4x&before=MS4x", "before", "one of before"),
    ],
)
def test_questions_that_make_no_sense(unit: RunningUnit, query: str, parameter: str, words: str) -> None:
    """400 as problem+json, which names the parameter."""
    answer = unit.get(f"/watcher/clips?{query}")
    problem = answer.json()

    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (problem["status"], problem["code"], problem["parameter"]) == (400, "bad_parameter", parameter)
    assert words in problem["detail"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/watcher/clips/999999", 404, "clip_not_found"),
        ("/watcher/clips/99999999999999999999999", 404, "clip_not_found"),
        ("/watcher/clips/by-key/no/such.mp4", 404, "clip_not_found"),
        ("/watcher/clips/by-key/no%01.mp4", 404, "clip_not_found"),
        ("/watcher/clips/by-key/" + quote("🦊%/../x.mp4"), 404, "clip_not_found"),
        ("/watcher/clips/seven", 404, "not_found"),
        ("/watcher/nothing", 404, "not_found"),
        ("/watcher/?camera=a%00", 400, "bad_parameter"),
        ("/watcher/timeline?camera=a%00", 400, "bad_parameter"),
        ("/watcher/cameras?x=1", 400, "bad_parameter"),
    ],
)
def test_every_error_is_a_problem(unit: RunningUnit, path: str, status: int, code: str) -> None:
    """RFC 9457, with a code that stays."""
    answer = unit.get(path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert (answer.json()["code"], answer.json()["status"]) == (code, status)


def test_cameras(unit: RunningUnit, shelf: list[dict]) -> None:
    """What there is of each, equal to what the list adds up to."""
    for camera in unit.get("/watcher/cameras").json()["cameras"]:
        of_it = [c for c in shelf if c["camera"] == camera["camera"]]
        if not of_it:
            continue
        assert camera["clips"] == len(of_it)
        assert camera["size_bytes"] == sum(c["size_bytes"] for c in of_it)
        assert camera["duration_seconds"] == sum(c["duration_seconds"] or 0 for c in of_it)
        assert camera["first_started_at"] == of_it[0]["started_at"]
        assert camera["last_started_at"] == of_it[-1]["started_at"]
        assert camera["silent_since"] == of_it[-1]["ended_at"]


def test_by_key(unit: RunningUnit, shelf: list[dict]) -> None:
    """The same clip as by its id."""
    assert unit.get("/watcher/clips/by-key/" + shelf[0]["key"]).json() == shelf[0]


def test_lists_are_compressed_when_large(unit: RunningUnit, shelf: list[dict]) -> None:
    """A page of clips travels as gzip to who understands it."""
    answer = unit.get("/watcher/clips", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"


def test_nginx_speaks_problem_json_when_the_application_is_gone(start_unit: Callable[..., RunningUnit]) -> None:
    """A 502 of nginx's own, while every worker is stopped and the socket's owner is gone."""
    unit = start_unit()
    (unit.data / "run" / "app.sock").unlink()
    answer = unit.get("/watcher/clips")
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "application/problem+json")
    assert answer.json()["code"] == "unavailable"
    assert answer.headers["Retry-After"]
    shown = unit.get("/watcher/", headers={"Accept": "text/html,*/*;q=0.8"})
    assert (shown.status_code, shown.headers["Content-Type"]) == (502, "text/html; charset=utf-8")
    assert "tries again by itself" in shown.text
    assert "http-equiv=refresh" in shown.text
    style = shown.text.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in shown.headers["Content-Security-Policy"]


def test_readyz_says_what_is_wrong(start_unit: Callable[..., RunningUnit]) -> None:
    """Without an ingester the service is alive, but not ready."""
    unit = start_unit()
    assert unit.get("/watcher/readyz").json() == {
        "status": "ready",
        "checks": {"catalog": "ok", "disk": "ok", "ingester": "ok"},
    }
    ingester = unit.ingester()
    os.kill(ingester, signal.SIGSTOP)
    os.utime(unit.data / "run" / "ingester.json", (1, 1))
    answer = unit.get("/watcher/readyz")
    assert (answer.status_code, answer.json()["checks"]["ingester"]) == (503, "it has not been heard of lately")
    assert unit.get("/watcher/livez").status_code == 200
    os.kill(ingester, signal.SIGCONT)


def test_metrics_are_what_prometheus_reads(unit: RunningUnit, shelf: list[dict]) -> None:
    """The same sums as the list of cameras; disk and ingester."""
    answer = unit.get("/watcher/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    cameras = {camera["camera"]: camera for camera in unit.get("/watcher/cameras").json()["cameras"]}
    for metric, field in (("clips", "clips"), ("clips_bytes", "size_bytes"), ("clips_seconds", "duration_seconds")):
        samples = families[f"watcher_{metric}"].samples
        assert {s.labels["camera"]: s.value for s in samples} == {n: c[field] for n, c in cameras.items()}
    assert families["watcher_ingester_up"].samples[0].value == 1
    assert families["watcher_disk_free_bytes"].samples[0].value > 0
    assert families["watcher_changes"].samples[0].value == unit.get("/watcher/changes/head").json()["head"]


def test_public_url_makes_addresses_absolute(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """For programs that pass addresses on; the page's own stay on its origin."""
    unit = start_unit(settings={"WATCHER_SITE__PUBLIC_URL": "https://cams.example.net"})
    (unit.video / "a b.mp4").write_bytes((samples / "plain.mp4").read_bytes())
    clip = wait_for(lambda: (c := unit.clip("a b.mp4")) and c["poster_url"] and c, what="a poster")
    assert clip["url"] == "https://cams.example.net/a%20b.mp4"
    assert clip["poster_url"].startswith("https://cams.example.net/watcher/renditions/")
    assert clip["links"]["self"] == f"https://cams.example.net/watcher/clips/{clip['id']}"
    assert 'src="/a%20b.mp4"' in unit.get(f"/watcher/watch/{clip['id']}").text


def test_a_clip_is_corrected_and_the_correction_stays(unit: RunningUnit, samples: Path) -> None:
    """By PATCH; through another reading of the file and a move; and it can be taken back."""
    data = clips.stamp((samples / "plain.mp4").read_bytes(), 777)
    path = unit.video / "wrong" / "2026-03-05" / "12-00-00.mp4"
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    clip = unit.wait_clip("wrong/2026-03-05/12-00-00.mp4")
    url = unit.url(f"/watcher/clips/{clip['id']}")

    right = {"camera": "right", "started_at": "2026-03-06T09:30:00+01:00"}
    answer = requests.patch(url, json=right, timeout=10)
    assert answer.status_code == 200
    corrected = answer.json()
    assert (corrected["camera"], corrected["started_at"]) == ("right", "2026-03-06T08:30:00.000Z")
    assert (corrected["time_source"], corrected["time_quality"]) == ("corrected", "sure")
    assert corrected["revision"] > clip["revision"]
    assert [c["id"] for c in unit.clips(camera="right")] == [clip["id"]]
    assert unit.clips(camera="wrong") == []

    path.rename(path.with_name("13-00-00.mp4"))
    moved = unit.wait_clip("wrong/2026-03-05/13-00-00.mp4")
    assert moved["id"] == clip["id"]
    unit.run("scan", "--again")
    again = unit.clip("wrong/2026-03-05/13-00-00.mp4")
    assert (again["camera"], again["started_at"]) == ("right", "2026-03-06T08:30:00.000Z")

    back = requests.patch(url, json={"camera": None, "started_at": None}, timeout=10).json()
    assert (back["camera"], back["time_source"]) == ("wrong", "name")
    assert back["local_time"].startswith("2026-03-05T13:00:00")


def test_the_page_says_where_each_start_time_is_from(unit: RunningUnit, shelf: list[dict]) -> None:
    """Also of a start that a person corrected, which once left the line empty."""
    clip = shelf[4]
    url = unit.url(f"/watcher/clips/{clip['id']}")
    page = f"/watcher/watch/{clip['id']}"
    assert "the file’s name" in unit.get(page).text
    requests.patch(url, json={"started_at": clip["started_at"]}, timeout=10).raise_for_status()
    assert "a person’s correction" in unit.get(page).text
    requests.patch(url, json={"started_at": None}, timeout=10).raise_for_status()
    assert "the file’s name" in unit.get(page).text


def test_a_clip_is_held_and_noted(unit: RunningUnit, shelf: list[dict]) -> None:
    """By PATCH; lists can ask for it."""
    clip = shelf[3]
    url = unit.url(f"/watcher/clips/{clip['id']}")
    answer = requests.patch(url, json={"held": True, "note": "the fox 🦊"}, timeout=10).json()
    assert (answer["held"], answer["note"], answer["started_at"]) == (True, "the fox 🦊", clip["started_at"])
    assert [c["id"] for c in unit.clips(held="true")] == [clip["id"]]
    assert clip["id"] not in {c["id"] for c in unit.clips(held="false")}
    back = requests.patch(url, json={"held": False, "note": ""}, timeout=10).json()
    assert (back["held"], back["note"]) == (False, None)
    assert {c["playable"] for c in unit.clips(playable="no")} == {"no"}
    assert unit.clips(min_duration="1.5", max_duration="2.5")
    assert unit.clips(min_duration="2.5") == []


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        ({"held": "yes"}, "body"),
        ({"held": None}, "body"),
        ({"note": "x" * 2001}, "note"),
        ({"note": "a\0b"}, "note"),
        ({"camera": ""}, "camera"),
        ({"camera": "a\nb"}, "camera"),
        ({"started_at": "2026-03-06T09:30:00"}, "started_at"),
        ({"started_at": "1970-01-01T00:00:00Z"}, "started_at"),
        ({"stated_at": None}, "body"),
        ([], "body"),
    ],
)
def test_corrections_that_make_no_sense_are_refused(
    unit: RunningUnit, shelf: list[dict], body: object, parameter: str
) -> None:
    """By the name of what is wrong; and nothing but JSON is taken."""
    before = shelf[0]
    url = unit.url(f"/watcher/clips/{before['id']}")
    answer = requests.patch(url, json=body, timeout=10)
    assert (answer.status_code, answer.json()["parameter"]) == (400, parameter)
    assert requests.patch(url, data={"camera": "x"}, timeout=10).status_code == 400
    assert unit.clip(before["key"])["revision"] == before["revision"]
