"""An error is a page to a person's browser and a problem to a program, whatever failed."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.builders import services
from watcher.settings.schema import Settings
from watcher.web import create_app
from watcher.web.page import browse, layout

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def client(tmp_path: Path) -> FlaskClient:
    return create_app(services(tmp_path, Settings())).test_client()


def fails(*_values: object, **_more: object) -> None:
    raise RuntimeError("<b>a fault of ours</b>")


def test_a_fault_of_ours(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """500 in words that tell nothing of the code; and JSON where it is pages that fail."""
    monkeypatch.setattr(browse, "counting", fails)
    shown = client.get("/", headers=BROWSER)
    assert (shown.status_code, shown.mimetype) == (500, "text/html")
    assert "Something went wrong" in shown.text
    assert "fault of ours" not in shown.text
    assert client.get("/").mimetype == "application/problem+json"
    monkeypatch.setattr(layout, "render_template", fails)
    assert client.get("/", headers=BROWSER).json["code"] == "internal"


@pytest.mark.parametrize(
    ("path", "status", "title"),
    [
        ("/no/such/page", 404, "There is no such page"),
        ("/watch/99", 404, "No such clip"),
        ("/clips/99", 404, "No such clip"),
        ("/clips?limit=%3Cb%3E", 400, "A parameter is wrong"),
        ("/day/2026-02-30", 400, "A parameter is wrong"),
        ("/exports/1", 404, "No such"),
    ],
)
def test_what_is_not_there(client: FlaskClient, path: str, status: int, title: str) -> None:
    """With a way back; words from outside stay text."""
    shown = client.get(path, headers=BROWSER)
    assert (shown.status_code, shown.mimetype) == (status, "text/html")
    assert title in shown.text
    assert 'class="button primary"' in shown.text
    assert "<b>" not in shown.text
    assert client.get(path).mimetype == "application/problem+json"
    assert client.get(path, headers={"Accept": "image/*,*/*;q=0.5"}).mimetype == "application/problem+json"


def test_a_method_that_is_not_taken(client: FlaskClient) -> None:
    """A page says which are, too."""
    shown = client.delete("/clips", headers=BROWSER)
    assert (shown.status_code, shown.mimetype) == (405, "text/html")
    assert "GET" in shown.headers["Allow"]
