"""Who asks a service that has a test's catalog, on either engine."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from watcher.catalog import Catalog
from watcher.services import open_services
from watcher.settings.schema import Settings
from watcher.web import create_app


@pytest.fixture
def client(catalog: Catalog, tmp_path: Path) -> FlaskClient:
    """Who asks a service with this catalog."""
    services = open_services(Settings(), tmp_path)
    services = dataclasses.replace(services, catalog=catalog)
    return create_app(services).test_client(use_cookies=False)
