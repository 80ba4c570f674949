"""What many ask at once: one answer a second for all of them, and what holds now for everybody else."""

from __future__ import annotations

import threading
import time

import pytest
import requests

from tests import clips
from tests.running import RunningUnit, wait_for

SHARED = {"Cache-Control": "max-age=1"}
HEAD = "/watcher/changes/head"


def counts_of_requests(unit: RunningUnit) -> tuple[int, int]:
    """How often somebody asked for the head, and how often the application was asked for it, by nginx's log."""
    lines = [line for line in (unit.log / "access.log").read_text().splitlines() if HEAD in line]
    return len(lines), sum(not line.endswith(("app=-", 'app=""')) for line in lines)


@pytest.mark.slow
def test_any_number_of_pages_cost_the_application_little(unit: RunningUnit, clip: dict) -> None:
    """Forty pages that ask as quickly as they can for three seconds; each gets the number and its tag, or 304."""
    before, began = counts_of_requests(unit), time.monotonic()
    until = began + 3
    answers: list[int] = []

    def page() -> None:
        session, tag = requests.Session(), ""
        while time.monotonic() < until:
            answer = session.get(
                unit.url(HEAD), headers=SHARED | ({"If-None-Match": tag} if tag else {}), timeout=60
            )
            tag = answer.headers["ETag"]
            assert answer.status_code == 304 or answer.json()["head"] >= 1
            answers.append(answer.status_code)

    pages = [threading.Thread(target=page) for _ in range(40)]
    for number in pages:
        number.start()
    for number in pages:
        number.join()
    lasted = time.monotonic() - began
    assert set(answers) == {200, 304}
    assert len(answers) > 200
    wait_for(lambda: counts_of_requests(unit)[0] - before[0] >= len(answers), what="all of them in the log")
    assert 1 <= counts_of_requests(unit)[1] - before[1] <= 2 * (lasted + 1)


def test_who_does_not_say_so_gets_what_holds_now(unit: RunningUnit, clip: dict) -> None:
    """Also just after a page was answered, and after each change."""
    for number in range(5):
        requests.get(unit.url(HEAD), headers=SHARED, timeout=60)
        before = unit.get(HEAD).json()["head"]
        requests.put(unit.url(f"{clip['links']['self']}/labels/n{number}"), timeout=60).raise_for_status()
        assert unit.get(HEAD).json()["head"] > before
    assert requests.head(unit.url(HEAD), headers=SHARED, timeout=60).status_code == 200
    shared = requests.get(unit.url(HEAD), headers=SHARED, timeout=60)
    assert shared.json()["head"] >= 1, "not the empty body of a HEAD"
    assert requests.post(unit.url(HEAD), headers=SHARED, timeout=60).status_code == 405


@pytest.fixture
def clip(unit: RunningUnit, samples) -> dict:
    (unit.video / "head.mp4").write_bytes((samples / "plain.mp4").read_bytes())
    return unit.wait_pictured("head.mp4")


@pytest.mark.parametrize("question", ["clips?limit=2", "cameras", "timeline?bucket=hour"])
def test_lists_are_shared_as_well(question: str, unit: RunningUnit, clip: dict) -> None:
    """Within a second the same answer, to the same question, from the same place; also as 304, and not to others."""
    address = unit.url(f"/watcher/{question}")
    until = time.monotonic() + 20

    def numbers(**more: str) -> list[str]:
        return [requests.get(address, headers=SHARED | more, timeout=60).headers["X-Request-Id"] for _ in range(2)]

    first, second = numbers()
    while first != second and time.monotonic() < until:  # the second ended between the two
        first, second = numbers()
    assert first == second
    answer = requests.get(address, headers=SHARED, timeout=60)
    same = requests.get(address, headers=SHARED | {"If-None-Match": answer.headers["ETag"]}, timeout=60)
    assert (same.status_code, same.content) == (304, b"")
    fresh = [requests.get(address, timeout=60).headers["X-Request-Id"] for _ in range(2)]
    assert len({first, *fresh}) == 3
    assert (
        requests.get(f"{address}{'&' if '?' in address else '?'}x=1", headers=SHARED, timeout=60).status_code == 400
    )
    assert numbers(Origin="https://a.example")[0] != first
    assert requests.head(address, headers=SHARED, timeout=60).content == b""


@pytest.mark.slow
def test_nothing_is_shared_between_keys(start_unit, samples) -> None:
    """Each sees its own cameras, whoever asked a moment before; nobody without a key sees anything."""
    unit = start_unit(settings={"WATCHER_AUTH__MODE": "keys"})
    secrets = {}
    for number, camera in enumerate(("porch", "gate")):
        (unit.video / camera).mkdir()
        (unit.video / camera / "1.mp4").write_bytes(clips.stamp((samples / "plain.mp4").read_bytes(), number))
        command = unit.run("key", "create", camera, "--role", "view", "--camera", camera)
        secrets[camera] = command.stdout.strip()
    for camera, secret in secrets.items():
        mine = {"Authorization": f"Bearer {secret}"}
        wait_for(lambda mine=mine: unit.get("/watcher/clips", headers=mine).json()["clips"], what=camera)
    for question in ("clips", "cameras", "timeline"):
        for _ in range(3):
            for camera, secret in secrets.items():
                for mine in ({"Authorization": f"Bearer {secret}"}, {}):
                    answer = requests.get(unit.url(f"/watcher/{question}"), headers=SHARED | mine, timeout=60)
                    assert answer.status_code == (200 if mine else 401)
                    if mine:
                        other = "gate" if camera == "porch" else "porch"
                        assert f'"camera":"{camera}"' in answer.text
                        assert f'"camera":"{other}"' not in answer.text


@pytest.mark.parametrize("spelling", ["seen=false", "s%65en=false", "SEEN=x&seen=false"])
def test_what_one_browser_has_seen_is_not_shared(spelling: str, unit: RunningUnit, clip: dict) -> None:
    """Who asks at the same moment gets their own answer, however they spell the question, and whoever asked before."""
    address = unit.url(f"/watcher/clips?{spelling}")
    mine, other = ({"Cookie": f"watcher_browser={spelling}-{name}"} for name in ("mine", "other"))
    requests.put(unit.url(f"{clip['links']['self']}/seen"), headers=mine, timeout=60).raise_for_status()
    for who, expected in ((other, True), (mine, False), (other, True), ({}, True), (mine, False)):
        answer = requests.get(address, headers=SHARED | who, timeout=60)
        if spelling.startswith("SEEN"):
            assert answer.status_code == 400
            continue
        assert (clip["id"] in {clip["id"] for clip in answer.json()["clips"]}) is expected, who
        assert "private" in answer.headers["Cache-Control"]
        assert "X-Accel-Expires" not in answer.headers
