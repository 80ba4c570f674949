"""The process that looks at clips: `workers/forkserver.py` with a model beside its decoders.

    ingester ─ jobs ─▶ this process ─▶ a child that decodes a clip ─ pictures ─▶ the model's process (`detector.py`)

Whoever decodes knows nothing of the model, and the model never sees a byte of a clip. It makes posters too, of the
best sight of what was found.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import Any

from watcher.labels.detector import Eye, ModelError
from watcher.labels.look import Look
from watcher.workers.demux import opened
from watcher.workers.forkserver import PICTURE_MEMORY, Files, Kind, Tell, UnwritableError, serve
from watcher.workers.frames import video_of
from watcher.workers.render import KINDS

NAME_MOST = 100  # letters


def plain(name: str) -> str:
    r"""What a class is called, as a label that a person can take off again: its address has it as one part.

    >>> plain("car/truck"), plain("a\nb ")
    ('car truck', 'a b')
    """
    return " ".join("".join(c if c.isprintable() and c != "/" else " " for c in name).split())[:NAME_MOST]


def main(path: str, names: list[str]) -> None:
    """Start the model, then look at clips until standard input ends."""
    with contextlib.suppress(OSError, AttributeError):  # below even what makes pictures
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    try:
        eye = Eye(path)
    except ModelError as reason:
        sys.stdout.write(json.dumps({"ready": False, "error": str(reason)}) + "\n")
        return
    eye.names = [plain(name) for name in names or eye.names]

    def inspect(av: Any, job: dict[str, Any], files: Files, _tell: Tell) -> dict[str, Any]:
        """Look at some frames of a clip."""
        with opened(av, files.source, job.get("container")) as container:
            look = Look(av, container, video_of(container), job.get("rotation", 0), eye)
            try:
                pictures = look.all()
            except ModelError as reason:
                raise UnwritableError(str(reason)) from reason  # ours, not the clip's
            return {"pictures": pictures}

    looks = Kind(inspect, lambda job: [job["path"]], lambda _: [], PICTURE_MEMORY, lambda _: 0)
    serve({"inspect": looks, "poster": KINDS["poster"]})


if __name__ == "__main__":
    arguments = json.loads(sys.argv[1])
    main(arguments["model"], arguments["names"])
