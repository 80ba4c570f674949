"""Says for which Python and processor a pin has no wheel; ends with 1 where there are such.

    python release/wheels.py REQUIREMENTS…

asks the index by uv, which looks for what another machine would install; nothing is installed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
# As old as the C library of Debian 11. Alpine's (musl) is not promised.
PLATFORMS = ("x86_64-manylinux_2_31", "aarch64-manylinux_2_31")
# Plain Python that comes as a source alone: the Makefile and the Dockerfile make a wheel of it on any machine.
SOURCES = ("pyftpdlib",)


def refusal(python: str, platform: str, files: list[str]) -> str:
    """Why a machine of that kind could not install the pins; empty if it could."""
    command = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--dry-run", "--python", sys.executable]
    command += ["--no-deps", "--require-hashes", "--only-binary", ":all:"]
    command += [word for name in SOURCES for word in ("--no-binary", name)]
    command += [word for file in files for word in ("-r", file)]
    with tempfile.TemporaryDirectory() as target:
        command += ["--target", target, "--python-version", python, "--python-platform", platform]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    return " ".join(done.stderr.split()) if done.returncode else ""


def main(files: list[str]) -> int:
    """Ask for each of them."""
    refused = False
    for python in PYTHONS:
        for platform in PLATFORMS:
            why = refusal(python, platform, files)
            refused |= bool(why)
            print(f"{python} {platform:<24} {why or 'every pin has a wheel'}", flush=True)
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
