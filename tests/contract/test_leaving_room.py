"""What one key asks for leaves room for others: labels, sessions, links, exports, slow answers."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from msgspec.structs import replace

from tests import catalogs
from tests.builders import START, bearer, probed
from tests.contract.test_signing import SETTINGS
from watcher.catalog import Catalog, sessions, shares
from watcher.catalog.audit import By
from watcher.catalog.labels import LABELS_MOST
from watcher.catalog.sessions import SESSIONS_MOST
from watcher.model.access import Role
from watcher.model.clip import Fingerprint
from watcher.model.errors import BadParameterError, TooManyError
from watcher.services import Services, open_services
from watcher.web import create_app
from watcher.web.api import playlists
from watcher.web.api.exports import AUTHOR_MOST, WAITING_MOST

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CLIP_BYTES = 1000


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Services]:
    """A service that wants keys, with a clip, and room for ten such in its exports."""
    settings = replace(SETTINGS, export=replace(SETTINGS.export, max_bytes=10 * CLIP_BYTES))
    started = open_services(settings, tmp_path)
    started.places.make()
    (tmp_path / "catalog.db").write_bytes(catalogs.empty())
    (started.places.video / "a").mkdir(parents=True)
    (started.places.video / "a" / "1.mp4").write_bytes(bytes(CLIP_BYTES))
    started.catalog.writes.put(
        [probed("a/1.mp4", 0, duration_seconds=10.0, fingerprint=Fingerprint(CLIP_BYTES, 1))], now=NOW
    )
    yield started
    started.catalog.database.engine.dispose()


@pytest.fixture
def client(service: Services) -> FlaskClient:
    return create_app(service).test_client()


def want(client: FlaskClient, who: dict[str, str]) -> int:
    """The status that whoever wants an export is answered with."""
    body = {
        "cameras": ["a"],
        "from": f"{START:%Y-%m-%dT%H:%M:%SZ}",
        "to": f"{START + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}",
    }
    return client.post("/exports", json=body, headers=who).status_code


def test_a_key_s_exports_leave_half_of_the_room(service: Services, client: FlaskClient) -> None:
    """Another key's is taken on beside them; whoever runs the service may have all."""
    greedy, other, boss = (
        bearer(service, *holder) for holder in (("greedy", "view"), ("other", "view"), ("boss", "admin"))
    )
    assert [want(client, greedy) for _ in range(6)] == [202] * 5 + [429]
    assert want(client, other) == 202
    assert [want(client, boss) for _ in range(5)] == [202] * 4 + [429]


def test_a_key_s_exports_leave_half_of_the_turns(service: Services, client: FlaskClient) -> None:
    """However small they are; and there is an end to those that are kept."""
    service.catalog.writes.put(
        [probed("a/1.mp4", 0, duration_seconds=10.0, fingerprint=Fingerprint(0, 2))], now=NOW
    )
    greedy, other = bearer(service, "greedy", "view"), bearer(service, "other", "view")
    half = WAITING_MOST // 2
    assert [want(client, greedy) for _ in range(half + 1)] == [202] * half + [429]
    assert want(client, other) == 202
    source = service.catalog.exports.source(["a"], START, START + timedelta(days=1))
    key_id = next(key.id for key in service.catalog.keys.all() if key.principal.name == "other")
    for _ in range(AUTHOR_MOST):
        export = service.catalog.exports.want(
            ["a"], START, NOW, cut="key", author="other", key_id=key_id, source=source, now=NOW
        )
        service.catalog.exports.set_done(export.id, [], 0, now=NOW)
    assert want(client, other) == 429


def test_the_first_of_each_author_is_made_before_any_second(catalog: Catalog) -> None:
    """So that many of one keep nobody waiting."""
    catalog.writes.put([probed("a/1.mp4", 0, duration_seconds=10.0)], now=NOW)
    source = catalog.exports.source(["a"], START, START + timedelta(days=1))
    for author in ("greedy", "greedy", "greedy", "other", "third", "other"):
        catalog.exports.want(["a"], START, NOW, cut="key", author=author, source=source, now=NOW)
    order = [export.author for export in catalog.exports.to_make()]
    assert order == ["greedy", "other", "third", "greedy", "other", "greedy"]


def test_a_clip_has_so_many_labels(catalog: Catalog) -> None:
    """Each list shows them all; one that is there can still be said again, and one taken off makes room."""
    catalog.writes.put([probed("a/1.mp4", 0)], now=NOW)
    clip = catalog.clips.by_key("a/1.mp4")
    assert clip is not None

    def put(name: str) -> bool:
        return catalog.labels.put(clip.id, name, author="key:me", confidence=None, now=NOW)

    assert all(put(f"label {number}") for number in range(LABELS_MOST))
    with pytest.raises(BadParameterError):
        put("one more")
    assert catalog.labels.put(clip.id, "label 1", author="key:you", confidence=0.5, now=NOW) is False
    catalog.labels.remove(clip.id, "label 0")
    assert put("one more")


def test_a_key_has_so_many_sessions(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that were used last; other keys', and links that open one, are not counted."""
    assert SESSIONS_MOST >= 100, "a household signs in with one key"
    monkeypatch.setattr(sessions, "SESSIONS_MOST", 3)
    for number, name in enumerate(("mine", "other")):
        key_id = catalog.keys.create(name, Role.VIEW, None, name * 16, now=NOW)
        catalog.sessions.open(f"link of {name}", key_id, until=NOW + timedelta(days=1), once=True)
        for minute in range(5 - number * 3):
            by = By(name, NOW + timedelta(minutes=minute), None)
            catalog.sessions.open(f"{minute} of {name:<20}", key_id, until=NOW + timedelta(days=30), by=by)
            if minute == 2:
                catalog.sessions.note_use(f"0 of {name:<20}", now=NOW + timedelta(hours=1), address=None)
    at = NOW + timedelta(minutes=10)
    assert [session.id[0] for session in catalog.sessions.all(now=at, key="mine")] == ["0", "4", "3"]
    assert len(catalog.sessions.all(now=at, key="other")) == 2
    assert catalog.sessions.link_key("link of mine", now=at) is not None


def test_a_key_has_so_many_links(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """That have not expired; another key's are not counted."""
    monkeypatch.setattr(shares, "SHARES_MOST", 3)
    catalog.writes.put([probed("a/1.mp4", 0)], now=NOW)
    clip = catalog.clips.by_key("a/1.mp4")
    assert clip is not None

    def share(name: str, who: str, minutes: int = 0) -> None:
        at, key_id = NOW + timedelta(minutes=minutes), {"me": 1, "you": 2}[who]
        catalog.shares.add(name, clip.id, until=at + timedelta(minutes=5), by=By(who, at, None, key_id))

    for number in range(3):
        share(str(number), "me")
    with pytest.raises(TooManyError):
        share("4", "me")
    share("5", "you")
    share("6", "me", minutes=10)


def test_a_playlist_has_an_end(service: Services, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of bytes, since what a slow reader has not taken of it lies on the disk."""
    track = '"video":{"codec":"h264","width":64,"height":64,"fps":10.0},"audio":null'
    media = f'{{"container":"mp4","codecs":"","fragmented":false,"faststart":true,{track}}}'
    batch = [probed(f"film/{n}.mp4", n, duration_seconds=5.0, media=media) for n in range(10)]
    service.catalog.writes.put(batch, now=NOW)
    viewer = bearer(service, "viewer", "view")

    def ask(minutes: int) -> tuple[int, int]:
        times = (f"{START + timedelta(minutes=minute):%Y-%m-%dT%H:%M:%SZ}" for minute in (0, minutes))
        answer = client.get("/cameras/film/playlist.m3u8?from={}&to={}".format(*times), headers=viewer)
        return answer.status_code, len(answer.data)

    status, size = ask(10)
    assert status == 200
    monkeypatch.setattr(playlists, "WHOLE_MOST", size - 500)
    assert ask(10)[0] == 400
    assert ask(5)[0] == 200


def test_labels_are_sent_in_turns(service: Services, client: FlaskClient) -> None:
    """What is made while it is sent lies on no disk until a slow reader takes it: so many at once read it."""
    mine, other = bearer(service, "mine", "view"), bearer(service, "other", "view")
    with contextlib.ExitStack() as stack:

        def export(who: dict[str, str]) -> tuple[int, str | None]:
            own = contextvars.Context()  # Flask would take the caller for the one of the answer that is under way
            answer = own.run(client.get, "/labels/export", headers=who, buffered=False)
            stack.callback(own.run, answer.close)
            return answer.status_code, answer.headers.get("X-Accel-Buffering")

        assert export(mine) == (200, "no")
        assert export(mine) == (200, "no")
        assert export(mine)[0] == 429
        assert export(other)[0] == 200
    assert client.get("/labels/export", headers=mine).status_code == 200
