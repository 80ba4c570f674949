#!/usr/bin/env python3
"""A labelling model, small and honest: it looks at each new clip's poster and says whether it is night.

It is an ordinary client: it follows the feed of changes, looks at a picture, and writes a label back with its
confidence and its name. Put your own model in place of `darkness`.

    python examples/label_night.py http://127.0.0.1:8080 --seen seen.txt
"""

from __future__ import annotations

import argparse
import io
import os
from pathlib import Path

from PIL import Image, ImageStat

from watcher.client import Client, ClipShape, StartOver

AUTHOR = "label_night 1"
LABEL = "night"


def darkness(picture: bytes) -> float:
    """How dark a picture is, from 0 (bright) to 1 (black)."""
    return 1 - ImageStat.Stat(Image.open(io.BytesIO(picture)).convert("L")).mean[0] / 255


def look_at(watcher: Client, clip: ClipShape) -> str | None:
    """Label a clip if it is dark; what was said of it."""
    if clip.state != "ready" or any(label.name == LABEL for label in clip.labels):
        return None
    picture = watcher.poster(clip)
    if picture is None:
        return None  # it comes again in the feed when its poster is there
    dark = darkness(picture)
    if dark < 0.6:
        return None
    watcher.label(clip.id, LABEL, confidence=round(dark, 3), author=AUTHOR)
    return f"{clip.key}: {LABEL} ({dark:.2f})"


def main() -> None:
    """Follow the feed; what has been dealt with is kept in a file, so that a restart goes on there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", help="of watcher, such as http://127.0.0.1:8080")
    parser.add_argument("--seen", type=Path, default=Path("seen.txt"), help="where the last change is noted")
    parser.add_argument("--once", action="store_true", help="end when there is nothing new")
    args = parser.parse_args()
    seen = int(args.seen.read_text()) if args.seen.exists() else 0
    with Client(args.address, key=os.environ.get("WATCHER_KEY")) as watcher:
        while True:
            try:
                for change in watcher.changes(seen, follow=not args.once):
                    if told := look_at(watcher, change.clip):
                        print(told, flush=True)
                    args.seen.write_text(str(change.seq))
                return
            except StartOver:  # another catalog
                seen = 0


if __name__ == "__main__":
    main()
