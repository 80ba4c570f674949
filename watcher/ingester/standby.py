"""An ingester that shares a data folder with another one: it makes pictures, and waits to take its place."""

from __future__ import annotations

import fcntl
import logging
import signal
import threading
from types import FrameType

from watcher.ingester.loop import Ingester
from watcher.ingester.periodic import Periodic
from watcher.ingester.tasks import labeller
from watcher.model.errors import AlreadyRunningError, StartError
from watcher.renditions.renderer import Renderer
from watcher.services import Services
from watcher.storage.lock import INGESTER

log = logging.getLogger("watcher.ingester")

LOOK_SECONDS = 1.0


def ingest(services: Services) -> None:
    """Adopt clips, or help the ingester that does, until this process is told to end.

    Raises AlreadyRunningError where somebody does and the work is not shared.
    """
    while True:
        try:
            Ingester(services).run()
            return
        except AlreadyRunningError:
            if not services.settings.ingest.shared:
                raise
        if not help_out(services):
            return


def help_out(services: Services) -> bool:
    """Make pictures until no ingester adopts clips any more; False if this process is told to end."""
    stopped = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    renderer = Renderer(services)
    renderer.start()
    looking = labeller(services)
    tasks = [Periodic(looking)] if looking is not None else []
    for task in tasks:
        task.start()
    log.info("another ingester adopts clips; making pictures")
    try:
        with (services.places.run / INGESTER).open("a") as file:
            while not stopped.wait(LOOK_SECONDS):
                renderer.wake()
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # several may look at once
                except OSError:
                    continue
                log.info("nobody adopts clips any more: taking over")
                return True
    finally:
        renderer.stop()
        for task in tasks:
            task.stop()
    return False


def label_only(services: Services) -> None:
    """Look at clips with a model, and nothing else, until it is told to end. Raises StartError where it is off."""
    looking = labeller(services)
    if looking is None:
        raise StartError("labels are off: set labels.enabled")
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _signal, _frame: stopped.set())
    task = Periodic(looking)
    task.start()
    log.info("looking at clips with a model")
    try:
        stopped.wait()
    finally:
        task.stop()
