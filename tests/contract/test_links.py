"""Keys that expire, sessions and shared links that are listed and ended, and what links are signed with."""

from __future__ import annotations

import base64
import errno
import hashlib
import io
import os
import re
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from flask.testing import FlaskClient
from msgspec.structs import replace

from tests import catalogs
from tests.builders import probed
from tests.contract.test_signing import SETTINGS
from watcher.catalog import Catalog
from watcher.catalog.audit import By
from watcher.catalog.exports import ExportFile, Source
from watcher.model.access import Role, hashed
from watcher.model.clip import Clip
from watcher.model.errors import KeyNameError
from watcher.ops import keys
from watcher.services import Services, open_services
from watcher.storage import links
from watcher.web import create_app

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
BY = By("owner", NOW, "192.0.2.1")


class Watch:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)
        self.seconds = 0.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Services]:
    """A service that wants keys, with one clip that is really there, and a clock to move."""
    started = open_services(SETTINGS, tmp_path)
    started = type(started)(**{**vars(started), "clock": Watch()})
    started.places.make()
    (tmp_path / "catalog.db").write_bytes(catalogs.empty())
    leave(started, "gate/1.mp4", b"one")
    yield started
    started.catalog.database.engine.dispose()


def leave(services: Services, key: str, data: bytes) -> Clip:
    """Write a file, and catalog it as what it is."""
    path = services.places.video / key
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    look = services.root.look(key)
    digest = hashlib.sha256(data).hexdigest()
    clip = replace(probed(key, 1), fingerprint=look.fingerprint, inode=look.inode, digest=digest)
    services.catalog.writes.put([clip], now=services.clock.now())
    return services.catalog.clips.by_key(key)


def test_the_first_secret_needs_no_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which FAT and exFAT have not."""

    def no_links(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "as FAT says")

    monkeypatch.setattr(os, "link", no_links)
    links.Links(tmp_path).make()
    before = (tmp_path / links.KEYS).read_bytes()
    links.Links(tmp_path).make()
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [before]


def test_a_secret_that_a_kill_left_unnamed_goes(tmp_path: Path) -> None:
    """At the next start, and not while somebody may be writing it."""
    left, written = (tmp_path / f".link.{name}.tmp" for name in ("left", "written"))
    left.touch()
    os.utime(left, (0, 0))
    written.touch()
    links.Links(tmp_path).make()
    assert {path.name for path in tmp_path.iterdir()} == {links.KEYS, written.name}


@pytest.fixture
def client(service: Services) -> FlaskClient:
    """Somebody without a key."""
    return create_app(service).test_client(use_cookies=False)


def share(service: Services, client: FlaskClient, seconds: int = 600) -> tuple[str, str]:
    """Share the clip; its path, and what nginx hands on of the link's question."""
    key = keys.create(service, f"sharer {len(service.catalog.keys.all())}", "view", None)
    answer = client.post(
        "/clips/1/share", json={"expires_in_seconds": seconds}, headers={"Authorization": f"Bearer {key}"}
    )
    path, _, question = answer.json["url"].partition("?")
    return path, handed_on(question)


def handed_on(question: str) -> str:
    """As etc/nginx/http.conf puts it."""
    parameters = dict(pair.split("=") for pair in question.split("&"))
    return " ".join(parameters.get(name, "") for name in ("share", "kid", "expires", "sig"))


def status_of(client: FlaskClient, path: str, link: str, **headers: str) -> int:
    """What nginx is told about a path."""
    overrides = {"WATCHER_PATH": path.encode().decode("latin-1"), "WATCHER_LINK": link}
    return client.get("/internal/media", environ_overrides=overrides, headers=headers).status_code


# — links —


def test_a_link_shows_what_was_shared(service: Services, client: FlaskClient) -> None:
    """And nothing else: no other path, no other time, no other share, no other secret."""
    path, link = share(service, client)
    assert status_of(client, path, link) == 204
    named, kid, expires, signature = link.split(" ")
    other = "B" if signature.startswith("A") else "A"
    for wrong in (
        "",
        f"{named} {kid} {expires} {other}{signature[1:]}",
        f"{named} {kid} {int(expires) + 1} {signature}",
        f"{named[1:]}x {kid} {expires} {signature}",
        f" {kid} {expires} {signature}",
        f"{named}  {expires} {signature}",
        f"{named} {kid[1:]}x {expires} {signature}",
        f"{link}x",
        f"{link} x",
        f"{named} {kid} {expires} ",
        f"{named} {kid} {'9' * 40} {signature}",
        f"{named} {kid} -1 {signature}",
        f"{named} {kid} ٣ {signature}".encode().decode("latin-1"),
    ):
        assert status_of(client, path, wrong) == 401, wrong
    leave(service, "gate/2.mp4", b"two")
    assert status_of(client, "/gate/2.mp4", link) == 401
    assert status_of(client, "/gate/\udcff.mp4".encode("utf-8", "surrogateescape").decode("latin-1"), link) == 401


def test_a_link_does_not_show_what_came_later(service: Services, client: FlaskClient) -> None:
    """Another content under the same key is not what was shared, before the catalog knows of it and after; the old
    content that is back is.
    """
    path, link = share(service, client)
    assert status_of(client, path, link) == 204
    file = service.places.video / "gate/1.mp4"
    file.write_bytes(b"another one")
    assert status_of(client, path, link) == 401, "not catalogued yet"
    leave(service, "gate/1.mp4", b"another one")
    assert status_of(client, path, link) == 401
    _, fresh = share(service, client)
    assert status_of(client, path, fresh) == 204
    leave(service, "gate/1.mp4", b"one")
    assert (status_of(client, path, link), status_of(client, path, fresh)) == (204, 401)
    file.unlink()
    assert status_of(client, path, link) == 401


def test_a_link_ends_at_its_moment(service: Services, client: FlaskClient) -> None:
    """To the second."""
    path, link = share(service, client, 60)
    service.clock.at += timedelta(seconds=58)
    assert status_of(client, path, link) == 204
    service.clock.at += timedelta(seconds=3)
    assert status_of(client, path, link) == 401


def test_secrets_are_rotated(service: Services, client: FlaskClient) -> None:
    """New links take the new one, old ones go on until they expire; or all end at once. Another process learns of it."""
    path, old = share(service, client)
    other = create_app(open_services(SETTINGS, service.places.data)).test_client()
    file = service.places.data / links.KEYS
    assert file.stat().st_mode & 0o777 == 0o600
    assert status_of(other, path, old) == 204
    assert keys.rotate_links(service, end=False) == 1
    _, new = share(service, client)
    assert old.split()[1] != new.split()[1]
    assert [status_of(process, path, link) for process in (client, other) for link in (old, new)] == [204] * 4
    assert keys.rotate_links(service, end=True) == 0
    assert [status_of(process, path, link) for process in (client, other) for link in (old, new)] == [401] * 4
    assert file.stat().st_mode & 0o777 == 0o600
    assert status_of(client, *share(service, client)) == 204
    out = io.StringIO()
    keys.show_audit(service, out=out)
    assert out.getvalue().count("link secret rotated by command line") == 2
    for key in msgspec.json.decode(file.read_bytes()):
        assert key["secret"] not in out.getvalue()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files for others")
def test_root_makes_secrets_for_whose_folder_it_is(tmp_path: Path) -> None:
    """`sudo watcher key rotate-links` must not leave a file that the service cannot read."""
    os.chown(tmp_path, 12345, 12345)
    service = links.Links(tmp_path)
    service.make()
    for _ in range(2):
        status = (tmp_path / links.KEYS).stat()
        assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (12345, 12345, 0o600)
        service.rotate(now=NOW, end=False)


def test_a_secret_ends_with_the_last_link_that_it_can_have_signed(service: Services, client: FlaskClient) -> None:
    """So that they do not become more and more."""
    share(service, client)
    keys.rotate_links(service, end=False)
    service.clock.at += links.LONGEST
    assert keys.rotate_links(service, end=False) == 1
    assert len(msgspec.json.decode((service.places.data / links.KEYS).read_bytes())) == 2


def test_links_of_earlier_versions_go_on(service: Services, client: FlaskClient) -> None:
    """By MD5, as nginx checked them, until they expire or all are ended."""
    (service.places.data / links.OLD).write_text("secret")
    expires = int(service.clock.at.timestamp()) + 60
    for path in ("/gate/1.mp4", "/gate/ä😀.mp4", "/watcher/renditions/exports/1/gate.mp4"):
        digest = hashlib.md5(f"{expires}{path} secret".encode()).digest()
        signature = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        assert status_of(client, path, f"  {expires} {signature}") == 204
        assert status_of(client, path + "x", f"  {expires} {signature}") == 401
        assert status_of(client, path, f"  {expires + 1} {signature}") == 401
        assert status_of(client, path, f"x  {expires} {signature}") == 401
    service.clock.at += timedelta(seconds=61)
    assert status_of(client, path, f"  {expires} {signature}") == 401
    service.clock.at -= timedelta(seconds=61)
    assert status_of(client, path, f"  {expires} {signature}") == 204
    keys.rotate_links(service, end=True)
    assert status_of(client, path, f"  {expires} {signature}") == 401


def test_films_are_fetched_without_a_key(service: Services, client: FlaskClient) -> None:
    """By links for this film as it was made, of which none shows another export."""
    asking = {"Authorization": f"Bearer {keys.create(service, 'asker', 'view', None)}"}
    export = service.catalog.exports.want(
        ["gate"], NOW, NOW + timedelta(hours=1), cut="key", author="asker", source=Source(1, 1), now=NOW
    )
    file = ExportFile("gate", "gate ä.mp4", 1, "00" * 32, 0, 1, 1.0)
    service.catalog.exports.set_done(export.id, [file], 1, now=service.clock.now())
    export_body = client.get(f"/exports/{export.id}", headers=asking).json
    for address, name in (
        (export_body["files"][0]["url"], "gate ä.mp4"),
        (export_body["manifest_url"], "manifest.json"),
    ):
        path = f"/watcher/renditions/exports/{export.id}/{name}"
        link = handed_on(address.partition("?")[2])
        assert status_of(client, path, link) == 204, address
        assert status_of(client, path.replace(f"/{export.id}/", f"/{export.id + 1}/"), link) == 401
        assert status_of(client, f"/watcher/renditions/exports/{export.id}/other.mp4", link) == 401
        assert status_of(client, "/gate/1.mp4", link) == 401
    service.catalog.exports.drop(export.id)
    assert status_of(client, path, link) == 401


def test_shares_are_listed_and_ended(service: Services, client: FlaskClient) -> None:
    """Each sees and ends their own, an admin all; the list does not have the links."""
    first, second = share(service, client), share(service, client)
    status_of(client, *first)
    names = ("sharer 0", "sharer 1")
    mine, other = ({"Authorization": f"Bearer {keys.rotate(service, name)}"} for name in names)
    boss = {"Authorization": f"Bearer {keys.create(service, 'boss', 'admin', None)}"}
    listed = client.get("/shares", headers=mine).json["shares"]
    assert [(share["author"], share["clip_id"], share["key"]) for share in listed] == [
        ("sharer 0", 1, "gate/1.mp4")
    ]
    assert listed[0]["last_view_at"] is not None
    assert first[1].split()[-1] not in str(listed)
    assert len(client.get("/shares", headers=boss).json["shares"]) == 2
    address = f"/shares/{listed[0]['id']}"
    refused = client.delete(address, headers=other)
    assert (refused.status_code, refused.json["code"]) == (404, "share_not_found")
    assert status_of(client, *first) == 204
    assert client.delete(address, headers=mine).status_code == 204
    assert (status_of(client, *first), status_of(client, *second)) == (401, 204)
    out = io.StringIO()
    keys.show_shares(service, None, out=out)
    assert "sharer 1" in out.getvalue()
    assert keys.end_shares(service, None, "all") == 1
    assert status_of(client, *second) == 401
    with pytest.raises(KeyNameError):
        keys.end_shares(service, None, "nothing")


# — keys that expire —


def test_an_expired_key_is_refused_everywhere(service: Services, client: FlaskClient) -> None:
    """At its moment, whatever is remembered of it: lists, media, sessions, sign-in, uploads, FTP."""
    key = keys.create(service, "guest", "view", None, "90d")
    camera = keys.create(service, "gate", "upload", ["gate"], "90d")
    browser = create_app(service).test_client()
    assert browser.post("/sign-in", data={"key": key}).status_code == 303
    mine, sends = ({"Authorization": f"Bearer {secret}"} for secret in (key, camera))
    upload = {"WATCHER_METHOD": "PUT", "WATCHER_PATH": "/watcher/uploads/gate/a.mp4"}

    def answers() -> list[int]:
        return [
            client.get("/clips", headers=mine).status_code,
            client.get("/shares", headers=mine).status_code,
            status_of(client, "/gate/1.mp4", "", **mine),
            browser.get("/clips").status_code,
            browser.get("/sessions").status_code,
            client.post("/sign-in", data={"key": key}).status_code,
            client.get("/internal/upload", headers=sends, environ_overrides=upload).status_code,
        ]

    def logs_in() -> bool:
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            from watcher import ftp  # of a library that imports what is deprecated

        handler = type("Handler", (), {"remote_ip": "192.0.2.9"})()
        try:
            ftp.Keys(service).validate_authentication("x", camera, handler)
        except Exception:
            return False
        return True

    assert (answers(), logs_in()) == ([200, 200, 204, 200, 200, 303, 204], True)
    service.clock.at += timedelta(days=29)  # a session has 30 days
    assert answers()[3] == 200
    service.clock.at += timedelta(days=61, seconds=1)
    assert (answers(), logs_in()) == ([401] * 7, False)
    out = io.StringIO()
    keys.show(service, out=out)
    assert re.search(r"guest .* expired ", out.getvalue())
    output = io.StringIO()
    keys.show_audit(service, out=output)
    assert "key expired: guest" in output.getvalue()
    keys.expire(service, "guest", "never")
    assert answers()[:3] == [200, 200, 204]
    renewed = keys.rotate(service, "gate", "1y")
    assert (
        client.get(
            "/internal/upload", headers={"Authorization": f"Bearer {renewed}"}, environ_overrides=upload
        ).status_code
        == 204
    )


@pytest.mark.parametrize(
    "text", ["", "90", "d", "0d", "-1d", "1.5d", "90 d", "9999999d", "999999y", "٣d", "forever"]
)
def test_an_end_that_makes_no_sense_is_refused(service: Services, text: str) -> None:
    """Before a key is made."""
    with pytest.raises(KeyNameError):
        keys.create(service, "guest", "view", None, text)
    assert service.catalog.keys.all() == []


# — sessions —


def test_sessions_are_listed_and_ended(service: Services) -> None:
    """Who, since when, last used, from where, with which browser; each their own, an admin all."""
    app = create_app(service)
    secrets = {name: keys.create(service, name, role, None) for name, role in (("anna", "view"), ("boss", "admin"))}

    def signed_in(name: str, agent: str) -> FlaskClient:
        browser = app.test_client()
        overrides = {"REMOTE_ADDR": "192.0.2.7"}
        headers = {"User-Agent": agent}
        assert browser.post("/sign-in", data={"key": secrets[name]}, headers=headers, environ_overrides=overrides)
        return browser

    phone, desk, boss = signed_in("anna", "Phone\x1b[2J 😀"), signed_in("anna", "Desk" * 99), signed_in("boss", "x")
    sessions = phone.get("/sessions").json["sessions"]
    assert sorted((session["key"], session["current"]) for session in sessions) == [("anna", False), ("anna", True)]
    mine = next(session for session in sessions if session["current"])
    assert mine["agent"].startswith("Phone")
    assert "\x1b" not in mine["agent"]
    assert mine["address"] in {"192.0.2.7", "127.0.0.1"}
    assert mine["created_at"] is not None
    assert len(boss.get("/sessions").json["sessions"]) == 3
    other = next(session for session in boss.get("/sessions").json["sessions"] if session["key"] == "boss")
    refused = phone.delete(f"/sessions/{other['id']}")
    assert (refused.status_code, refused.json["code"]) == (404, "session_not_found")
    out = io.StringIO()
    keys.show_sessions(service, "anna", out=out)
    assert len(out.getvalue().splitlines()) == 2
    assert phone.delete("/sessions").status_code == 204
    assert [client_.get("/clips").status_code for client_ in (phone, desk, boss)] == [200, 401, 200]
    assert boss.delete(f"/sessions/{mine['id']}").status_code == 204
    assert phone.get("/clips").status_code == 401
    assert keys.end_sessions(service, None, "all") == 1
    assert boss.get("/clips").status_code == 401
    with pytest.raises(KeyNameError):
        keys.end_sessions(service, None, "nothing")


def test_the_last_use_is_noted(service: Services, client: FlaskClient) -> None:
    """Of a key and of a session, with the address, once a minute."""
    key = keys.create(service, "anna", "view", None)
    client.get("/clips", headers={"Authorization": f"Bearer {key}"}, environ_overrides={"REMOTE_ADDR": "192.0.2.8"})
    used = service.catalog.keys.all()[0]
    assert (used.address, used.last_used_at is not None) == ("192.0.2.8", True)
    out = io.StringIO()
    keys.show(service, out=out)
    assert "from 192.0.2.8" in out.getvalue()


def test_what_is_done_is_audited_without_secrets(service: Services, client: FlaskClient) -> None:
    """Keys, sessions and links; by whom, from where."""
    browser = create_app(service).test_client()
    secret = keys.create(service, "anna", "label", ["gate"], "1d")
    browser.post("/sign-in", data={"key": secret})
    shared = browser.post("/clips/1/share", json={"expires_in_seconds": 60}).json
    browser.delete(f"/shares/{shared['id']}")
    browser.post("/sign-out")
    keys.rotate(service, "anna")
    keys.revoke(service, "anna")
    actions = [entry.action for entry in reversed(service.catalog.audit.entries(limit=99))]
    assert actions == [
        "key created", "signed in", "shared", "share ended", "signed out", "key rotated", "key revoked",
    ]  # fmt: skip
    text = str(service.catalog.audit.entries(limit=99))
    assert "127.0.0.1" in text
    for hidden in (secret, hashed(secret), shared["url"].partition("sig=")[2]):
        assert hidden not in text
    service.catalog.audit.note("old", "x", By("x", NOW + timedelta(days=9999)))
    assert [entry.action for entry in service.catalog.audit.entries(limit=99)] == ["old"], (
        "what is too old is let go"
    )


# — on both engines —


def test_on_both_engines(catalog: Catalog) -> None:
    """What the tests above say of SQLite, PostgreSQL does as well."""
    catalog.writes.put([probed("gate/1.mp4", 1)], now=NOW)
    clip = catalog.clips.by_key("gate/1.mp4")
    soon = NOW + timedelta(hours=1)
    key = catalog.keys.create("anna", Role.VIEW, None, "a" * 64, now=NOW, expires=soon, by=BY)
    assert catalog.keys.get("a" * 64, now=NOW).expires_at == soon
    assert catalog.keys.get("a" * 64, now=soon) is None
    catalog.sessions.open("b" * 64, key, until=NOW + timedelta(days=1), agent="ä😀", by=BY)
    catalog.sessions.open("c" * 64, key, until=soon, once=True)
    assert catalog.sessions.get("b" * 64, now=NOW).expires_at == soon
    assert catalog.sessions.get("b" * 64, now=soon) is None
    assert catalog.sessions.get("c" * 64, now=NOW) is None
    assert [session.id for session in catalog.sessions.all(now=NOW)] == ["b" * 16]
    assert catalog.sessions.link_key("c" * 64, now=NOW).id == key
    assert catalog.sessions.use_link("c" * 64, now=NOW).id == key
    assert catalog.sessions.use_link("c" * 64, now=NOW) is None
    catalog.sessions.note_use("b" * 64, now=NOW, address="192.0.2.2")
    assert catalog.sessions.end(key="other", by=BY) == 0
    assert catalog.sessions.end(key="anna", but="b" * 16, by=BY) == 0
    assert catalog.sessions.end(session="b" * 16, by=BY) == 1
    catalog.shares.add("s", clip.id, until=soon, by=BY)
    share = catalog.shares.get("s", now=NOW)
    assert (share.key, share.author) == ("gate/1.mp4", "owner")
    catalog.shares.note_view(share, now=NOW)
    assert catalog.shares.all(now=NOW)[0].last_view_at == NOW
    assert catalog.shares.get("s", now=soon) is None
    assert catalog.shares.end(author="other", by=BY) == 0
    assert catalog.shares.end(share_id="s", by=BY) == 1
    catalog.shares.add("t", clip.id, until=soon, by=BY)
    catalog.retired.retire(clip.id, now=NOW)
    assert catalog.shares.get("t", now=NOW) is None
    catalog.keys.expire("anna", None, by=BY)
    assert catalog.keys.get("a" * 64, now=soon) is not None
    assert [entry.action for entry in catalog.audit.entries(limit=2)] == ["key's end set", "shared"]
