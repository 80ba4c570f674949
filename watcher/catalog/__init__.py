"""What is known of clips: tables and engine (`schema`), one method per question (`store`), migrations."""

from watcher.catalog.engine import check_schema, migrate, open_engine
from watcher.catalog.faults import trouble
from watcher.catalog.rows import Probed
from watcher.catalog.store import Catalog

__all__ = ["Catalog", "Probed", "check_schema", "migrate", "open_engine", "trouble"]
