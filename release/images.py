"""Pins the images that watcher is built from and runs beside, by what they contain.

    python release/images.py

writes `images.lock`, variables that compose.yaml takes instead of its tags, one a line: NAME=image:tag@sha256:….
Asks Docker, which asks the registry. WATCHER_REGISTRY=HOST:PORT/ asks another one than Docker's own.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "images.lock"


def wanted() -> dict[str, str]:
    """The images that compose.yaml names, by the variable that stands for each."""
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    return dict(re.findall(r"\$\{(WATCHER_\w+_IMAGE):-([^}]+)\}", text))


def digest(image: str) -> str:
    """What the registry says that a tag holds now: the digest over all its platforms."""
    command = ["docker", "buildx", "imagetools", "inspect", image]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    # Read from what it shows to people: of an image for one platform it shows that whatever `--format` says (0.13).
    found = re.search(r"^Digest:\s+(sha256:[0-9a-f]{64})$", done.stdout, re.MULTILINE)
    if done.returncode or found is None:
        sys.exit(f"{image} cannot be asked for: {done.stderr.strip() or done.stdout.strip()}")
    return found[1]


def main() -> None:
    """Write the lock file; the old one stays unless all are known."""
    registry = os.environ.get("WATCHER_REGISTRY", "")
    lines = [f"{name}={registry}{image}@{digest(registry + image)}\n" for name, image in wanted().items()]
    LOCK.write_text("".join(lines), encoding="utf-8")
    print(f"{LOCK.name}: {len(lines)} images")


if __name__ == "__main__":
    main()
