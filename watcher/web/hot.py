"""What is asked again and again: the front answers it without Flask."""

from __future__ import annotations

import re

from watcher.web.api import changes, clips, labels, neighbours, timeline
from watcher.web.http.request import Answer

# By path: the endpoint that Flask answers it by, and the function behind that.
_PLAIN: dict[str, tuple[str, Answer]] = {
    "/clips": ("clips.index", clips.listed),
    "/cameras": ("clips.cameras", clips.summaries),
    "/labels": ("labels.index", labels.counted),
    "/changes": ("changes.index", changes.changed),
    "/changes/head": ("changes.head", changes.last),
    "/timeline": ("timeline.index", timeline.summed),
}
_ONE = re.compile(r"/clips/(\d{1,18})(/neighbours)?", re.ASCII).fullmatch
_OF_KEY = re.compile(r"/clips/by-key/([\w.~-]+(?:/[\w.~-]+)*)", re.ASCII).fullmatch  # of a plain key


def find(path: str) -> tuple[str, Answer] | None:
    """What answers a path; None for what only Flask knows."""
    if (found := _PLAIN.get(path)) is not None:
        return found
    if (one := _ONE(path)) is not None:
        clip_id = int(one[1])
        if one[2]:
            return "neighbours.index", lambda asked: neighbours.beside(asked, clip_id)
        return "clips.show", lambda asked: clips.one(asked, clip_id)
    if (key := _OF_KEY(path)) is not None:
        return "clips.show_by_key", lambda asked: clips.of_key(asked, key[1])
    return None
