"""Looks for known holes in what is installed.

    python release/audit.py FILE…

ends with 1 where there are some, and with 2, saying so, where no database of them can be reached.
"""

from __future__ import annotations

import json
import subprocess
import sys


def main(files: list[str]) -> int:
    """Ask about each of the pinned requirements."""
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--progress-spinner", "off"]
    command += ["--format", "json", *(word for file in files for word in ("-r", file))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        packages = []
    asked = [package for package in packages if "skip_reason" not in package]
    if not asked:
        why = (done.stderr.strip().splitlines() or ["nothing was answered"])[-1]
        print(f"No database of known holes can be reached, so nothing was looked for ({why}).")
        return 2
    holes = [(package, hole) for package in asked for hole in package["vulns"]]
    for package, hole in holes:
        mended = ", ".join(hole["fix_versions"]) or "no version yet"
        print(f"{package['name']} {package['version']}: {hole['id']}, mended in {mended}")
    print(f"{len(asked)} packages looked up, {len(packages) - len(asked)} not; {len(holes)} known holes")
    return 1 if holes else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
