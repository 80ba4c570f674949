"""What uWSGI loads: the application on the data folder that `WATCHER_DATA` names.

One request is answered before the fork, so that what it imports and compiles is shared by all workers; then every
connection is closed, since none may cross the fork, and what it found wrong is forgotten: no ingester ran yet.
"""

import gc
import logging
import os
from pathlib import Path

from watcher.ops.logs import WithRequest, formatter
from watcher.services import open_services
from watcher.settings.load import load
from watcher.web import create_app
from watcher.web.http import wire
from watcher.web.http.state import EXTENSION

_services = open_services(load().settings, Path(os.environ.get("WATCHER_DATA", "data")))
_handler = logging.StreamHandler()
_handler.addFilter(WithRequest(wire.request_id))
_handler.setFormatter(
    formatter(_services.settings.log.format, "%(levelname)s %(name)s: %(message)s %(request_id)s")
)
logging.basicConfig(level=_services.settings.log.level.upper(), handlers=[_handler])
application = create_app(_services)

_client = application.test_client()
for _path in ("/clips?limit=1", "/", "/readyz"):
    _client.get(_path, base_url="http://localhost/watcher/")
application.extensions[EXTENSION].forget()
_services.catalog.database.engine.dispose()
gc.collect()
gc.freeze()
