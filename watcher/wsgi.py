"""What uWSGI loads: the application on the data folder that `WATCHER_DATA` names.

One request is answered before the fork, so that what it imports and compiles is shared by all workers; then every
connection is closed, since none may cross the fork.
"""

import gc
import logging
import os
from pathlib import Path

from watcher import config
from watcher.logs import WithRequest, formatter
from watcher.web import create_app, wire
from watcher.wiring import open_services

_services = open_services(config.load().settings, Path(os.environ.get("WATCHER_DATA", "data")))
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
_services.catalog.engine.dispose()
gc.collect()
gc.freeze()
