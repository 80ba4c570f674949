"""Prints the pins of requirements without their hashes, as constraints for whoever installs from an index.

python release/constraints.py REQUIREMENTS…
"""

from __future__ import annotations

import re
import sys
from pathlib import Path


def pins(files: list[Path]) -> list[str]:
    """Each name with its version and, where it is for some machines alone, for which."""
    lines = (line for path in files for line in path.read_text(encoding="utf-8").splitlines())
    return sorted({line.rstrip("\\ ") for line in lines if re.match(r"[a-z0-9]", line)})


if __name__ == "__main__":
    print("\n".join(pins([Path(name) for name in sys.argv[1:]])))
