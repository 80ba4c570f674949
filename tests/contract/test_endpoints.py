"""What templates and code call an endpoint by is one: else a page fails only when somebody opens it."""

from __future__ import annotations

import re
from pathlib import Path

from watcher.services import open_services
from watcher.settings.schema import Settings
from watcher.web import create_app

WEB = Path(__file__).parents[2] / "watcher" / "web"


def test_every_endpoint_that_is_named_exists(tmp_path: Path) -> None:
    """By `url_for`, in any template and any module of the web."""
    endpoints = {rule.endpoint for rule in create_app(open_services(Settings(), tmp_path)).url_map.iter_rules()}
    named = {
        (path.name, name)
        for path in [*WEB.rglob("*.py"), *WEB.rglob("*.html")]
        for name in re.findall(r"url_for\(\s*[\"'](\w+\.\w+)[\"']", path.read_text())
    }
    assert len(named) > 10
    assert {name for _, name in named} <= endpoints, named
