"""gunicorn in uWSGI's place, behind the same nginx; design/decisions/020 says what is known, and what is lost.

gunicorn -c examples/gunicorn.conf.py watcher.wsgi

WATCHER_DATA names the data folder, WATCHER_SOCKET the unix socket, on which nginx speaks the uwsgi protocol.
"""

from __future__ import annotations

import os
import threading
from typing import Any

protocol = "uwsgi"
uwsgi_allow_from = "*"  # the socket's mode says who may speak
bind = "unix:" + os.environ["WATCHER_SOCKET"]
umask = 0o177
worker_class = "gthread"
# As uWSGI has it (etc/uwsgi.ini): forked from one process that has imported everything.
workers = 2
threads = 4
preload_app = True
worker_tmp_dir = "/dev/shm"  # noqa: S108 - gunicorn makes a name of its own there
timeout = 620

_asked = threading.local()


def pre_request(_worker: Any, request: Any) -> None:
    """Keep what nginx said: gunicorn hands on headers alone, and would decode the path again."""
    _asked.variables = request.uwsgi_vars


def post_worker_init(worker: Any) -> None:
    """Let the application see it, as under uWSGI."""
    application = worker.wsgi

    def told(environ: dict[str, Any], start_response: Any) -> Any:
        environ.update(_asked.variables)
        return application(environ, start_response)

    worker.wsgi = told
