"""The API's description: it is valid, it is true, and its examples work."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from tests import clips
from tests.running import RunningUnit, wait_for

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def document(unit: RunningUnit) -> dict:
    """The description, as it is served."""
    answer = unit.get("/watcher/openapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    return answer.json()


def test_the_description_is_openapi(document: dict) -> None:
    """3.1, by a validator of others."""
    validate(document, cls=OpenAPIV31SpecValidator)
    assert document["openapi"].startswith("3.1")
    assert document["servers"] == [{"url": "/watcher"}]


APP = ("manifest.webmanifest", "worker.js")


def test_everything_is_described(document: dict) -> None:
    """Each route of the guide, with a sentence, and its parameters with theirs."""
    operations = {
        f"{method.upper()} /watcher{path}" for path, methods in document["paths"].items() for method in methods
    }
    guide = re.findall(r"`((?:GET|PUT|PATCH|POST|DELETE) /watcher/[^`?]*)`", (ROOT / "guide/api.md").read_text())
    pages = {
        f"GET /watcher/{page}"
        for page in (
            "",
            "watch/<id>",
            "day",
            "day/<day>",
            "review",
            "side-by-side",
            "status",
            "docs",
            "find",
            "watch",
            "offline",
            *APP,
        )
    }
    others = re.compile(r"/tus|/sign-|POST /watcher/language$")  # a protocol of others, and forms of pages
    guide = [operation for operation in guide if not others.search(operation)]
    guide = [operation.replace("/exports/<id>", "/exports/{export_id}") for operation in guide]
    names = {
        re.sub(r"<(\w+)>", lambda m: "{clip_id}" if m[1] == "id" else f"{{{m[1]}}}", operation)
        for operation in set(guide) - pages
    }
    assert operations == names
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["summary"].endswith((".", ";")) or operation.get("description")
            assert all(p.get("description") or p["in"] == "path" for p in operation["parameters"])


def test_what_nginx_itself_answers_is_described(unit: RunningUnit, document: dict) -> None:
    """Of each operation: any address may be too long, and anybody may ask too much."""
    assert unit.get(f"/watcher/clips.zip?id={'9' * 9000}").status_code == 414
    for methods in document["paths"].values():
        for operation in methods.values():
            assert {"414", "429", "503"} <= set(operation["responses"])


def test_the_page_to_read_it(unit: RunningUnit, document: dict) -> None:
    """Every operation and every type; nothing of it comes from elsewhere."""
    answer = unit.get("/watcher/docs")
    assert answer.status_code == 200
    for methods in document["paths"].values():
        for operation in methods.values():
            assert f'id="{operation["operationId"]}"' in answer.text
    for name in document["components"]["schemas"]:
        assert f'id="{name}"' in answer.text
    assert "//" not in re.sub(
        r"https?://[\w.]*/watcher", "", re.sub(r"<pre>.*?</pre>", "", answer.text, flags=re.DOTALL)
    )


@pytest.mark.slow
def test_schemathesis_finds_nothing(start_unit: Callable[..., RunningUnit]) -> None:
    """The documented examples, and a thousand requests that others would not think of.

    Left out: uploads, whose bodies are films; that every valid question is accepted (`from` must be before `to`, which no schema says), and that
    what was deleted is 404 (a retired clip says that it is retired).
    """
    unit = start_unit()
    for number in range(3):
        clips.make(unit.video / "porch" / "2026-11-21" / f"07000{number}.mp4", number=number)
    wait_for(lambda: len(unit.clips()) == 3, what="three clips")
    command = [Path(sys.executable).with_name("schemathesis"), "run", unit.url("/watcher/openapi.json")]
    options = {
        "--checks": "all",
        "--exclude-checks": "positive_data_acceptance,use_after_free",
        "--exclude-path-regex": "^/uploads",
        "--max-examples": "30",
        "--generation-database": "none",
        "--seed": "7",
    }
    flat = [word for pair in options.items() for word in pair]
    done = subprocess.run([*command, *flat], capture_output=True, text=True, cwd=unit.folder, timeout=600)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "Traceback" not in (unit.log / "app.log").read_text()
