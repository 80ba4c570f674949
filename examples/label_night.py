#!/usr/bin/env python3
"""A labelling model, small and honest: it looks at each new clip's poster and says whether it is night.

It is an ordinary client: it follows the feed of changes, looks at a picture, and writes a label back with its
confidence and its name. Put your own model in place of `darkness`.

    python examples/label_night.py http://127.0.0.1:8080 --seen seen.txt
"""

from __future__ import annotations

import argparse
import io
import time
from pathlib import Path
from urllib.parse import urljoin

import requests
from PIL import Image, ImageStat

AUTHOR = "label_night 1"
LABEL = "night"


def darkness(picture: bytes) -> float:
    """How dark a picture is, from 0 (bright) to 1 (black)."""
    return 1 - ImageStat.Stat(Image.open(io.BytesIO(picture)).convert("L")).mean[0] / 255


def look_at(session: requests.Session, base: str, clip: dict) -> str | None:
    """Label a clip if it is dark; what was said of it."""
    if not clip["poster_url"] or clip["state"] != "ready":
        return None  # it comes again in the feed when its poster is there
    if any(label["author"] == AUTHOR for label in clip["labels"]):
        return None
    answer = session.get(urljoin(base, clip["poster_url"]), timeout=30)
    if answer.status_code == 404:  # another poster has taken its place: that change is still to come
        return None
    answer.raise_for_status()
    dark = darkness(answer.content)
    if dark < 0.6:
        return None
    said = {"confidence": round(dark, 3), "author": AUTHOR}
    address = urljoin(base, f"{clip['links']['self']}/labels/{LABEL}")
    session.put(address, json=said, timeout=30).raise_for_status()
    return f"{clip['key']}: {LABEL} ({dark:.2f})"


def main() -> None:
    """Follow the feed; what has been dealt with is kept in a file, so that a restart goes on there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", help="of watcher, such as http://127.0.0.1:8080")
    parser.add_argument("--seen", type=Path, default=Path("seen.txt"), help="where the last change is noted")
    parser.add_argument("--once", action="store_true", help="end when there is nothing new")
    args = parser.parse_args()
    session = requests.Session()
    seen = int(args.seen.read_text()) if args.seen.exists() else 0
    while True:
        address = urljoin(args.address, f"/watcher/changes?since={seen}&limit=100")
        answer = session.get(address, timeout=30)
        if answer.status_code == 410:  # another catalog: begin again
            seen = 0
            continue
        answer.raise_for_status()
        page = answer.json()
        for change in page["changes"]:
            if told := look_at(session, args.address, change["clip"]):
                print(told, flush=True)
            seen = change["seq"]
        args.seen.write_text(str(seen))
        if not page["next"]:
            if args.once:
                return
            time.sleep(2)


if __name__ == "__main__":
    main()
