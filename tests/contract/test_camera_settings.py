"""What a person says of a camera: how it is called for people, its colour, its place, whether it is hidden."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from tests.builders import client_of, holder, probed
from watcher.catalog import Catalog
from watcher.catalog.audit import By
from watcher.model.camera import CameraSettings, Colour
from watcher.model.errors import CameraNotFoundError
from watcher.services import open_services
from watcher.settings.schema import Auth, CatalogTable, Settings

NOW = datetime(2026, 11, 21, tzinfo=UTC)
SAID = {"name": "Front door", "colour": "teal", "order": 2, "hidden": True}
UNSAID = {"name": None, "colour": None, "order": None, "hidden": False}


@pytest.fixture
def filled(catalog: Catalog) -> Catalog:
    """A catalog with clips of two cameras."""
    catalog.writes.put([probed(f"{camera}/{n}.mp4", n) for camera in ("gate", "porch") for n in range(3)], now=NOW)
    return catalog


def said_of(client: FlaskClient, camera: str) -> dict:
    """What lists tell of a camera."""
    settings = next(row for row in client.get("/cameras").json["cameras"] if row["camera"] == camera)
    return {name: settings[name] for name in SAID}


def test_what_is_said_of_a_camera_is_told_beside_it(filled: Catalog, client: FlaskClient) -> None:
    """In lists and of it alone, at once and under another tag; all else about it stays, and PUT says all of it."""
    before = client.get("/cameras")
    assert said_of(client, "porch") == UNSAID
    answer = client.put("/cameras/porch", json=SAID)
    assert (answer.status_code, answer.json["clips"]) == (200, 3)
    assert answer.json == client.get("/cameras/porch").json
    after = client.get("/cameras", headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200
    assert said_of(client, "porch") == SAID
    assert said_of(client, "gate") == UNSAID
    assert [{**row, **UNSAID} for row in after.json["cameras"]] == before.json["cameras"]
    assert {clip["camera"] for clip in client.get("/clips?camera=porch").json["clips"]} == {"porch"}
    tag = client.get("/cameras/porch").headers["ETag"]
    assert client.get("/cameras/porch", headers={"If-None-Match": tag}).status_code == 304
    assert client.put("/cameras/porch", json={"colour": "red"}).json["name"] is None
    assert said_of(client, "porch") == {**UNSAID, "colour": "red"}


def test_whoever_follows_is_told_once(filled: Catalog, client: FlaskClient) -> None:
    """The head moves, and the feed says which camera it was; the same again is no change."""
    head = client.get("/changes/head").json["head"]
    assert client.get(f"/changes?since={head}").json["camera_settings"] == []
    client.put("/cameras/porch", json=SAID)
    moved = client.get("/changes/head").json["head"]
    assert moved > head
    feed = client.get(f"/changes?since={head}").json
    assert feed["camera_settings"] == [{"seq": moved, "camera": "porch", **SAID}]
    assert (feed["changes"], feed["cameras"], feed["head"]) == ([], [], moved)
    client.put("/cameras/porch", json=SAID)
    assert client.get("/changes/head").json["head"] == moved
    assert client.get(f"/changes?since={moved}").json["camera_settings"] == []


@pytest.mark.parametrize(
    "name",
    [
        "<img src=x onerror=alert(1)>",
        "דלת קדמית",
        '👩‍👩‍👧 Kinder & "Küche"',
        "Zufahrt \u200f(שער)",
        "x" * 80,
        "'; DROP TABLE clips; --",
    ],
)
def test_a_name_may_be_anything_that_can_be_read(filled: Catalog, client: FlaskClient, name: str) -> None:
    """As it was given, but for spaces around it."""
    assert client.put("/cameras/porch", json={"name": f" {name}"[:80]}).json["name"] == name[:79].strip()
    assert client.put("/cameras/porch", json={"name": name}).json["name"] == name


@pytest.mark.parametrize(
    "body",
    [
        {"name": ""},
        {"name": "   "},
        {"name": "\u200d"},
        {"name": "x" * 81},
        {"name": "two\nlines"},
        {"name": "nul\0"},
        {"name": "bell\x07"},
        {"name": "line\u2028separator"},
        {"name": "turned \u202e round"},
        {"name": 5},
        {"colour": "chartreuse"},
        {"colour": "#ff0000"},
        {"order": 0},
        {"order": 10_000},
        {"order": 1.5},
        {"hidden": "yes"},
        {"camera": "gate"},
        [],
    ],
)
def test_what_makes_no_sense_is_refused(filled: Catalog, client: FlaskClient, body: object) -> None:
    """400, and nothing changed."""
    client.put("/cameras/porch", json=SAID)
    answer = client.put("/cameras/porch", json=body)
    assert (answer.status_code, answer.json["code"]) == (400, "bad_parameter")
    assert said_of(client, "porch") == SAID


def test_a_misspelt_name_makes_no_camera(filled: Catalog, client: FlaskClient) -> None:
    """404 of what never left a clip."""
    for method in (client.get, client.put):
        more = {"json": SAID} if method == client.put else {}
        answer = method("/cameras/prch", **more)
        assert (answer.status_code, answer.json["code"]) == (404, "camera_not_found")
    with pytest.raises(CameraNotFoundError):
        filled.cameras.set("prch", CameraSettings())
    assert filled.cameras.settings() == {}


def test_it_outlives_the_camera_s_clips(filled: Catalog, client: FlaskClient) -> None:
    """Once they are gone it can still be asked for and changed; another identifier is another camera."""
    client.put("/cameras/porch", json=SAID)
    for n in range(3):
        clip = filled.clips.by_key(f"porch/{n}.mp4")
        assert clip is not None
        filled.writes.correct(clip.id, camera="a/b")
    assert [row["camera"] for row in client.get("/cameras").json["cameras"]] == ["a/b", "gate"]
    assert said_of(client, "a/b") == UNSAID
    gone = client.get("/cameras/porch").json
    assert (gone["clips"], gone["name"], gone["last_started_at"]) == (0, "Front door", None)
    assert client.put("/cameras/porch", json={"name": "Porch"}).status_code == 200
    for camera in ("porch", "a/b"):
        assert client.get(f"/cameras/{camera}/playlist.m3u8").json["code"] != "camera_not_found"
    assert client.put("/cameras/a/b", json={"name": "With a slash"}).json["name"] == "With a slash"


def test_it_is_audited(filled: Catalog) -> None:
    """Who said what, in the catalog, when it was said."""
    filled.cameras.set("porch", CameraSettings(name="Tor", colour=Colour.RED, order=1), by=By("boss", NOW, "::1"))
    filled.cameras.set("porch", CameraSettings(), by=By("boss", NOW, "::1"))
    lines = [(entry.who, entry.action, entry.about) for entry in filled.audit.entries(limit=9)]
    assert lines == [("boss", "camera set", "porch: nothing"), ("boss", "camera set", "porch: Tor, red, place 1")]


def test_other_cameras_do_not_exist(catalog: Catalog, filled: Catalog, engine: sa.Engine, tmp_path: Path) -> None:
    """For a key of some: neither they, nor that something was said of them; and it may say nothing itself."""
    url = engine.url.render_as_string(hide_password=False)
    service = open_services(Settings(auth=Auth(mode="keys"), catalog=CatalogTable(url=url)), tmp_path)
    bound, boss = (
        client_of(service, holder(service, "bound", ["porch"])),
        client_of(service, holder(service, "boss", role="admin")),
    )
    head = bound.get("/changes/head").json["head"]
    assert boss.put("/cameras/gate", json=SAID).status_code == 200
    assert bound.get("/changes/head").json["head"] == head
    assert bound.get(f"/changes?since={head}").json["camera_settings"] == []
    assert bound.get("/cameras/gate").status_code == 404
    assert bound.put("/cameras/porch", json=SAID).status_code == 403
    assert boss.put("/cameras/porch", json=SAID).status_code == 200
    assert bound.get("/changes/head").json["head"] > head
    assert [row["camera"] for row in bound.get(f"/changes?since={head}").json["camera_settings"]] == ["porch"]
    service.catalog.database.engine.dispose()


def test_only_an_admin_has_the_form(catalog: Catalog, filled: Catalog, engine: sa.Engine, tmp_path: Path) -> None:
    """On Status; it says the same as the API, and what is said is text to every page."""
    url = engine.url.render_as_string(hide_password=False)
    service = open_services(Settings(auth=Auth(mode="keys"), catalog=CatalogTable(url=url)), tmp_path)
    viewer, boss = (
        client_of(service, holder(service, "looks")),
        client_of(service, holder(service, "boss", role="admin")),
    )
    form = {"camera": "porch", "name": " <b onclick=x>Tor</b> ", "colour": "teal", "order": "2", "hidden": "yes"}
    assert viewer.post("/status", data=form).status_code == 403
    assert filled.cameras.settings() == {}
    answer = boss.post("/status?hidden=yes", data=form)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/status?hidden=yes#camera-porch")
    assert said_of(viewer, "porch") == {**SAID, "name": "<b onclick=x>Tor</b>"}
    for path in (
        "/status?hidden=yes",
        "/",
        "/?camera=porch",
        "/day/2026-11-21?hidden=yes",
        "/side-by-side",
        "/review",
    ):
        page = boss.get(path, headers={"Accept": "text/html"}).text
        assert "<b onclick" not in page, path
        assert path == "/review" or "&lt;b onclick=x&gt;Tor&lt;/b&gt;" in page, path
    assert 'class="edit"' in boss.get("/status").text
    assert 'class="edit"' not in viewer.get("/status").text
    for wrong in ({"colour": "mauve"}, {"order": "1.5"}, {"order": "0"}, {"name": "x" * 81}, {"name": "\u202e"}):
        assert boss.post("/status", data={**form, **wrong}).status_code == 400, wrong
    assert boss.post("/status", data={"camera": "prch"}).status_code == 404
    assert boss.post("/status", data={"camera": "porch"}).status_code == 303
    assert said_of(viewer, "porch") == UNSAID
    service.catalog.database.engine.dispose()
