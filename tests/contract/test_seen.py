"""What somebody has seen: a mark with exceptions, the same on both engines; and a part of an answer by its fields."""

from __future__ import annotations

import random
import threading
from datetime import timedelta

import msgspec
import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from tests.builders import START, probed
from watcher.catalog import Catalog
from watcher.catalog import seen as rules
from watcher.model.access import Role
from watcher.model.clip import ClipFilter, ClipState, Fingerprint, Light
from watcher.model.errors import ClipNotFoundError

ANN, BOB = "key:ann", "key:bob"


def keys(catalog: Catalog, person: str, *, seen: bool, **more: object) -> set[str]:
    clip_filter = ClipFilter(seen=seen, person=person, **more)  # type: ignore[arg-type]
    return {clip.key for clips in catalog.clips.pages(clip_filter) for clip in clips}


@pytest.mark.parametrize("few", [rules.FEW, 3, 0])
def test_seen_is_what_was_said_last(catalog: Catalog, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever two people say in any order, each list has what they have seen, however few or many that is."""
    monkeypatch.setattr(rules, "FEW", few)
    monkeypatch.setattr(rules, "EXCEPTIONS_MOST", 4)
    rules._unseen.cache_clear()
    chance = random.Random(few)
    names = [f"{'gate' if n % 2 else 'porch'}/{n}.mp4" for n in range(24)]
    catalog.writes.put([probed(name, n) for n, name in enumerate(names)], now=START)
    ids = {clip.key: clip.id for clips in catalog.clips.pages(ClipFilter()) for clip in clips}
    ready = {name: n for n, name in enumerate(names)}  # in the order in which they became ready
    seen: dict[str, set[str]] = {ANN: set(), BOB: set()}
    for turn in range(60):
        person, name = chance.choice([ANN, BOB]), chance.choice(names)
        match chance.randrange(5):
            case 0 | 1 | 2:
                catalog.seen.set(person, ids[name], yes=True, now=START)
                seen[person].add(name)
            case 3:
                catalog.seen.set(person, ids[name], yes=False, now=START)
                seen[person].discard(name)
            case 4 if turn > 20:
                revision = catalog.clips.by_key(name).revision  # type: ignore[union-attr]
                catalog.seen.set_mark(person, revision, now=START)
                seen[person] |= {other for other in names if ready[other] <= ready[name]}
        for viewer in (ANN, BOB):
            assert keys(catalog, viewer, seen=True) == seen[viewer]
            assert keys(catalog, viewer, seen=False) == set(names) - seen[viewer]
        if few == rules.FEW and few > 24:
            assert catalog.seen.count_unseen(person) == (24 - len(seen[person]), False)
    gate = {name for name in names if name.startswith("gate")}
    assert keys(catalog, ANN, seen=False, cameras=("gate",)) == gate - seen[ANN]
    assert keys(catalog, ANN, seen=False, labels=("none",)) == set()
    assert keys(catalog, ANN, seen=False, words=("gate",)) == gate - seen[ANN]
    assert keys(catalog, ANN, seen=False, light=(Light.DAY,)) == set()


def test_pages_of_what_is_unseen_are_in_the_order_of_time(catalog: Catalog) -> None:
    """With cursors both ways, and around a moment."""
    catalog.writes.put([probed(f"a/{n}.mp4", n) for n in range(30)], now=START)
    catalog.seen.set_mark(ANN, catalog.clips.by_key("a/9.mp4").revision, now=START)  # type: ignore[union-attr]
    clip_filter = ClipFilter(seen=False, person=ANN)
    page = catalog.clips.find(clip_filter, limit=7)
    assert [clip.key for clip in page.clips] == [f"a/{n}.mp4" for n in range(29, 22, -1)]
    assert page.more_after
    assert [clip.key for clips in catalog.clips.pages(clip_filter) for clip in clips] == [
        f"a/{n}.mp4" for n in range(10, 30)
    ]


def test_a_late_clip_is_unseen_and_another_content_is_too(catalog: Catalog) -> None:
    """The mark counts when clips became ready, not when they began; an exception is of one content."""
    catalog.writes.put([probed("a/1.mp4", 10), probed("a/2.mp4", 20)], now=START)
    catalog.seen.set_mark(ANN, catalog.clips.head(), now=START + timedelta(hours=1))
    assert catalog.seen.count_unseen(ANN) == (0, False)
    catalog.writes.put([probed("a/late.mp4", -10_000)], now=START)
    assert keys(catalog, ANN, seen=False) == {"a/late.mp4"}
    clip = catalog.clips.by_key("a/late.mp4")
    assert clip is not None
    catalog.seen.set(ANN, clip.id, yes=True, now=START)
    assert catalog.seen.count_unseen(ANN) == (0, False)
    catalog.writes.put([probed("a/late.mp4", -10_000, digest="other", fingerprint=Fingerprint(9, 9))], now=START)
    assert keys(catalog, ANN, seen=False) == {"a/late.mp4"}
    assert catalog.seen.exceptions(ANN) == []
    catalog.labels.put(clip.id, "fox", author="x", confidence=None, now=START)  # changes it, but not what is seen
    catalog.seen.set_mark(ANN, catalog.clips.head(), now=START)
    catalog.labels.put(clip.id, "cat", author="x", confidence=None, now=START)
    assert catalog.seen.count_unseen(ANN) == (0, False)


def test_what_never_became_ready_is_seen_with_all_the_rest(catalog: Catalog) -> None:
    """A broken file has nothing to see: it must not stay new for ever."""
    catalog.writes.put(
        [probed("a/1.mp4"), probed("a/broken.mp4", 1, state=ClipState.BROKEN, error="cut")], now=START
    )
    assert catalog.seen.count_unseen(ANN) == (2, False)
    catalog.seen.set_mark(ANN, catalog.clips.head(), now=START)
    assert catalog.seen.count_unseen(ANN) == (0, False)
    broken = catalog.clips.by_key("a/broken.mp4")
    assert broken is not None
    catalog.seen.set(ANN, broken.id, yes=False, now=START)
    assert keys(catalog, ANN, seen=False) == {"a/broken.mp4"}


def test_the_mark_never_moves_back_nor_beyond_what_there_is(catalog: Catalog) -> None:
    """A tab that knows less says less; who says too much has not seen what comes."""
    catalog.writes.put([probed(f"a/{n}.mp4", n) for n in range(3)], now=START)
    head = catalog.clips.head()
    catalog.seen.set_mark(ANN, 1 << 50, now=START)
    catalog.seen.set_mark(ANN, 1, now=START)
    assert catalog.seen.mark(ANN).until_revision == head
    catalog.writes.put([probed("a/9.mp4", 9)], now=START)
    assert keys(catalog, ANN, seen=False) == {"a/9.mp4"}


def test_two_tabs_at_once_lose_no_word(catalog: Catalog) -> None:
    """Sixteen clips seen in two tabs while a third one moves the mark."""
    catalog.writes.put([probed(f"a/{n:02}.mp4", n) for n in range(20)], now=START)
    ids = sorted(clip.id for clip in catalog.clips.find(ClipFilter(), limit=20).clips)
    upto = catalog.clips.get(ids[3]).revision
    failed: list[Exception] = []

    def tab(mine: list[int]) -> None:
        try:
            for clip_id in mine:
                catalog.seen.set(ANN, clip_id, yes=True, now=START)
        except Exception as reason:  # told by the test, not by a thread
            failed.append(reason)

    tabs = [threading.Thread(target=tab, args=(ids[4 + n : 20 : 2],)) for n in (0, 1)]
    tabs.append(threading.Thread(target=lambda: catalog.seen.set_mark(ANN, upto, now=START)))
    for viewer in tabs:
        viewer.start()
    for viewer in tabs:
        viewer.join()
    assert not failed
    assert catalog.seen.count_unseen(ANN) == (0, False)
    assert catalog.seen.mark(ANN).version == 17


def test_exceptions_do_not_grow_with_all_that_one_sees(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond some the mark moves up to the first clip that was left out."""
    monkeypatch.setattr(rules, "EXCEPTIONS_MOST", 5)
    catalog.writes.put([probed(f"a/{n:02}.mp4", n) for n in range(30)], now=START)
    clips = catalog.clips.find(ClipFilter(), limit=30, newest_first=False).clips
    for number, clip in enumerate(clips):
        if number != 20:
            catalog.seen.set(ANN, clip.id, yes=True, now=START)
    assert keys(catalog, ANN, seen=False) == {"a/20.mp4"}
    assert catalog.seen.mark(ANN).until_revision == clips[20].revision - 1
    with catalog.database.engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM seen")).scalar_one() < 12


def test_who_said_something_longest_ago_is_forgotten(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Browsers come and go; a clip that is gone and a key that ends leave nothing either."""
    monkeypatch.setattr(rules, "PERSONS_MOST", 3)
    catalog.writes.put([probed("a/1.mp4"), probed("a/2.mp4", 1)], now=START)
    (second, first) = (clip.id for clip in catalog.clips.find(ClipFilter(), limit=2).clips)
    for number in range(5):
        catalog.seen.set(f"browser:{number}", first, yes=True, now=START + timedelta(minutes=number))
    assert [catalog.seen.mark(f"browser:{number}").version for number in range(5)] == [0, 0, 1, 1, 1]
    with pytest.raises(ClipNotFoundError):
        catalog.seen.set(ANN, 999, yes=True, now=START)
    catalog.seen.set(ANN, second, yes=True, now=START)
    catalog.keys.create("ann", Role.VIEW, None, "hash", now=START)
    catalog.keys.revoke("ann")
    assert catalog.seen.mark(ANN).version == 0


def test_over_http_each_browser_has_its_own(client: FlaskClient, catalog: Catalog) -> None:
    """Where nobody signs in; answers are theirs alone, and change with what they say."""
    catalog.writes.put([probed(f"a/{n}.mp4", n) for n in range(3)], now=START)
    newest = client.get("/clips?limit=1").get_json()["clips"][0]["id"]

    def ask(path: str, browser: str, method: str = "GET", **more: object) -> tuple[int, dict, dict[str, str]]:
        headers = {"Cookie": f"watcher_browser={browser}"} if browser else {}
        answer = client.open(path, method=method, headers=headers | more.pop("headers", {}), **more)  # type: ignore[operator, arg-type]
        return answer.status_code, answer.get_json(silent=True) or {}, dict(answer.headers)

    def unseen(browser: str) -> list[int]:
        return [clip["id"] for clip in ask("/clips?seen=false", browser)[1]["clips"]]

    everything = unseen("one")
    assert len(everything) == 3
    headers = ask("/clips?seen=false", "one")[2]
    assert "private" in headers["Cache-Control"]
    assert headers["X-Accel-Expires"] == "0"
    assert ask("/clips?seen=false", "one", headers={"If-None-Match": headers["ETag"]})[0] == 304
    assert ask("/clips?seen=false", "two", headers={"If-None-Match": headers["ETag"]})[0] == 200
    assert ask(f"/clips/{newest}/seen", "one", "PUT")[0] == 204
    assert ask("/clips?seen=false", "one", headers={"If-None-Match": headers["ETag"]})[0] == 200
    assert unseen("one") == everything[1:]
    assert unseen("two") == unseen("") == everything
    assert ask("/seen", "one")[1] == {
        "until_revision": 0,
        "marked_at": None,
        "exceptions": [{"id": newest, "seen": True}],
        "unseen": 2,
        "more": False,
    }
    head = ask("/changes/head", "one")[1]["head"]
    assert ask("/seen", "one", "PUT", json={"until_revision": head})[0] == 204
    body = ask("/seen", "one")[1]
    assert (body["until_revision"], body["exceptions"], body["unseen"]) == (head, [], 0)
    assert body["marked_at"]
    assert ask(f"/clips/{newest}/seen", "one", "DELETE")[0] == 204
    assert unseen("one") == [newest]
    assert ask("/clips/999/seen", "one", "PUT")[0] == 404
    for wrong in ({"until_revision": -1}, {"until_revision": "x"}, {}, {"until_revision": 1, "x": 1}):
        assert ask("/seen", "one", "PUT", json=wrong)[0] == 400, wrong
    assert ask("/clips?seen=maybe", "one")[0] == 400
    assert ask(f"/clips/{everything[1]}/neighbours?seen=false", "one")[1]["next"]["id"] == newest
    assert "private" in ask(f"/clips/{everything[1]}/neighbours?seen=false", "one")[2]["Cache-Control"]
    assert "private" not in ask("/clips", "one")[2]["Cache-Control"]


def test_fields(client: FlaskClient, catalog: Catalog) -> None:
    """On lists, one clip and changes: what is asked for and nothing else, those within others by a path."""
    media = '{"container":"mp4","codecs":"avc1","fragmented":false,"faststart":true,"video":{"codec":"h264","width":4,"height":3,"fps":5.0,"rotation":0},"audio":null}'
    catalog.writes.put([probed("a/1.mp4", media=media), probed("a/2.mp4", 1)], now=START)
    catalog.labels.put(1, "fox", author="x", confidence=None, now=START)
    whole = client.get("/clips").get_json()["clips"]
    fields = "id,labels.name,media.video.codec,media.container,sprite.url,links.self,missing_since"
    picked = client.get(f"/clips?fields={fields}&limit=1").get_json()
    assert picked["clips"] == [
        {
            "id": whole[0]["id"],
            "labels": [],
            "media": {"video": None, "container": "mp4"},
            "sprite": None,
            "links": whole[0]["links"],
        }
    ]
    second = client.get(picked["next"].removeprefix("/watcher")).get_json()["clips"][0]
    assert second["labels"] == [{"name": "fox"}]
    assert second["media"] == {"video": {"codec": "h264"}, "container": "mp4"}
    assert client.get("/clips/1?fields=id,media").get_json() == {"id": 1, "media": whole[1]["media"]}
    assert client.get("/clips/by-key/a/1.mp4?fields=key").get_json() == {"key": "a/1.mp4"}
    every = ",".join(whole[0])
    assert client.get(f"/clips?fields={every}").get_json()["clips"] == whole
    changes = client.get("/changes?fields=id&limit=1").get_json()
    assert changes["changes"][0]["clip"].keys() == {"id"}
    assert client.get(changes["next"].removeprefix("/watcher")).get_json()["changes"][0]["clip"].keys() == {"id"}
    for wrong in (
        "",
        "id,",
        "x",
        "id.x",
        "media.video.x",
        "labels.0",
        "id&fields=key",
        "__class__",
        "media.__len__",
    ):
        for path in ("/clips", "/clips/1", "/clips/by-key/a/1.mp4", "/changes"):
            answer = client.get(f"{path}?fields={wrong}")
            assert answer.status_code == 400, (path, wrong)
            assert answer.get_json()["parameter"] == "fields"
    assert msgspec.json.decode(client.get("/clips?fields=id,id").data)["clips"][0] == {"id": whole[0]["id"]}
