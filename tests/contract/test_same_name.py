"""A key that is made under the name of a revoked one has nothing of what that one had."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from tests import catalogs
from tests.builders import START, bearer, probed
from tests.contract.test_signing import SETTINGS
from watcher.catalog import Catalog, migrate
from watcher.catalog.engine import WRITE
from watcher.catalog.migrations import upgrade
from watcher.model.access import Role
from watcher.ops import keys
from watcher.services import Services, open_services
from watcher.storage.ledger import FILE, Entry
from watcher.web import create_app

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Services]:
    """A service that wants keys, with a clip."""
    started = open_services(SETTINGS, tmp_path)
    started.places.make()
    (tmp_path / "catalog.db").write_bytes(catalogs.empty())
    started.catalog.writes.put([probed("a/1.mp4", 0, duration_seconds=10.0)], now=NOW)
    yield started
    started.catalog.database.engine.dispose()


@pytest.fixture
def client(service: Services) -> FlaskClient:
    return create_app(service).test_client(use_cookies=False)


def test_what_a_revoked_key_made_is_not_its_namesake_s(service: Services, client: FlaskClient) -> None:
    """Its links and exports are an admin's to end; its links go on, what it had seen is forgotten."""
    first, boss = bearer(service, "guest"), bearer(service, "boss", "admin")
    share = client.post("/clips/1/share", json={"expires_in_seconds": 600}, headers=first).json
    times = {"from": f"{START:%Y-%m-%dT%H:%M:%SZ}", "to": f"{START + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"}
    export = client.post("/exports", json={"cameras": ["a"], **times}, headers=first).json
    assert client.put("/clips/1/seen", headers=first).status_code == 204
    keys.revoke(service, "guest")
    again = bearer(service, "guest")
    assert client.get("/shares", headers=again).json["shares"] == []
    assert client.delete(f"/shares/{share['id']}", headers=again).status_code == 404
    assert client.delete(f"/exports/{export['id']}", headers=again).status_code == 403
    assert client.get("/seen", headers=again).json["exceptions"] == []
    listed = client.get("/shares", headers=boss).json["shares"]
    assert [(share_["id"], share_["author"]) for share_ in listed] == [(share["id"], "guest")]
    assert client.delete(f"/shares/{share['id']}", headers=boss).status_code == 204
    assert client.delete(f"/exports/{export['id']}", headers=boss).status_code == 204


def test_what_is_said_while_a_key_is_revoked_is_not_its_namesake_s(service: Services, client: FlaskClient) -> None:
    """A request of the old key's that was let in before, and ends after the new one is made."""
    old = keys.create(service, "guest", "view", None)
    who = service.catalog.keys.all()[0].principal
    keys.revoke(service, "guest")
    again = bearer(service, "guest")
    service.catalog.seen.set(who.person, 1, yes=True, now=NOW)
    with pytest.raises(sa.exc.IntegrityError):
        service.catalog.sessions.open("late", who.key_id, until=NOW + timedelta(days=900))
    assert client.get("/seen", headers=again).json["exceptions"] == []
    assert client.get("/clips", headers={"Authorization": f"Bearer {old}"}).status_code == 401


def test_budgets_and_turns_are_by_key(service: Services) -> None:
    """What an old one left in the spool, or still reads, is not counted against the new one."""
    app = create_app(service)
    environ = {"WATCHER_METHOD": "PUT", "WATCHER_PATH": "/watcher/uploads/porch/a.mp4", "WATCHER_BODY_BYTES": "9"}
    for number in range(2):
        sends = bearer(service, "porch", "upload", ["porch"])
        request = {**environ, "WATCHER_REQUEST_ID": str(number)}
        answer = app.test_client().get("/internal/upload", headers=sends, environ_overrides=request)
        assert answer.status_code == 204
        keys.revoke(service, "porch")
    ledger = msgspec.json.decode((service.places.run / FILE).read_bytes(), type=list[Entry])
    assert len({entry.owner for entry in ledger}) == len(ledger) == 2


def test_numbers_of_keys_are_never_given_again(catalog: Catalog) -> None:
    """Whichever was revoked, on either engine."""
    answers = []
    for secret in range(6):
        answers.append(catalog.keys.create("guest", Role.VIEW, None, str(secret), now=NOW))
        catalog.keys.revoke("guest")
    assert answers == sorted(set(answers))


def test_an_upgrade_gives_each_key_what_is_its_own(engine: sa.Engine) -> None:
    """By name, but for what is older than the key; what is seen goes on."""
    with engine.connect().execution_options(**{WRITE: True}) as connection, connection.begin():
        upgrade(connection, "0027")
        run = connection.exec_driver_sql
        for number, name in ((40, "2"), (2, "guest")):
            run(
                "INSERT INTO keys (id, name, role, hash, created_ms)"
                f" VALUES ({number}, '{name}', 'view', '{name}', 1000)"
            )
        for asked_ms in (999, 1000):
            run(
                "INSERT INTO exports (author, cameras, from_ms, to_ms, cut, clips, source_bytes, asked_ms)"
                f" VALUES ('guest', '[]', 0, 1, 'key', 0, 0, {asked_ms})"
            )
        for person in ("key:2", "key:guest", "key:gone", "browser:x"):
            run(
                "INSERT INTO seen_marks (person, until_revision, version, used_ms)"
                f" VALUES ('{person}', {len(person)}, 1, 0)"
            )
    migrate(engine)
    catalog = Catalog(engine)
    assert [(export.asked_ms, export.key_id) for export in catalog.exports.all()] == [(1000, 2), (999, None)]
    people = {"key#40": 5, "key#2": 9, "browser:x": 9, "key:gone": 0, "key:2": 0}
    assert {person: catalog.seen.mark(person).until_revision for person in people} == people
    assert catalog.keys.create("new", Role.VIEW, None, "new", now=NOW) > 40
