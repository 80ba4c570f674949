"""Lists the licence of everything that is shipped beside watcher, and ends with 1 where one is not known.

    python release/licences.py [--notices FILE] REQUIREMENTS…

reads what the installed packages say of themselves, as the pins of the requirements name them, and which libraries
lie inside of their wheels. `--notices` writes all of their licence files into one.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement

# Those that may be shipped beside MIT: what each asks of whoever passes it on is said in guide/licences.md.
KNOWN = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "FTL", "IJG", "ISC", "libpng-2.0", "libtiff", "MIT"),
    *("CC0-1.0", "MIT-0", "MIT-CMU", "OLDAP-2.8", "PostgreSQL", "PSF-2.0", "Zlib"),
    *("MPL-2.0", "LGPL-2.1-or-later", "LGPL-3.0-only", "LGPL-3.0-or-later"),
    *("GPL-2.0-or-later", "GPL-3.0-or-later", "GCC-exception-3.1", "uWSGI-exception"),
}
# What packages say that do not speak SPDX yet: by their classifier, or in a line of their own.
SPOKEN = {
    "Apache 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "3-Clause BSD License": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "MIT license": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
# What was read in their files, since what they say is wrong, or nothing.
READ = {
    "pyasynchat": "PSF-2.0",
    "pyasyncore": "PSF-2.0",
    "pyftpdlib": "MIT",
    "pyuwsgi": "GPL-2.0-or-later WITH uWSGI-exception",
}
# The libraries that wheels bring along, by the beginning of their file's name. FFmpeg is under the GPL where it is
# built with x264 and x265.
BROUGHT = {
    "GPL-3.0-or-later": "libavcodec libavdevice libavfilter libavformat libavutil libswresample libswscale",
    "GPL-2.0-or-later": "libx264 libx265",
    "GPL-3.0-or-later WITH GCC-exception-3.1": "libgfortran",
    "LGPL-2.1-or-later": "libasound libgnutls libkeyutils libmp3lame libquadmath libcrypt-",
    "LGPL-3.0-or-later": "libgmp libhogweed libnettle libunistring",
    "Apache-2.0": "libcrypto libopencore-amr libssl",
    "BSD-2-Clause": "libavif libdav1d libopenjp2",
    "BSD-3-Clause": "libSvtAv1Enc libopus libpcre2 libsasl2 libscipy_openblas libsharpyuv libvpx libwebp libzstd",
    "FTL": "libfreetype",
    "0BSD": "liblzma",
    "IJG": "libjpeg",
    "MIT": "libXau libbrotli libcom_err libdrm libgssapi_krb5 libharfbuzz libjansson libk5crypto libkrb5 liblcms2 "
    "libvpl libxcb",
    "OLDAP-2.8": "liblber libldap",
    "PostgreSQL": "libpq",
    "libpng-2.0": "libpng16",
    "libtiff": "libtiff",
}


class Row(NamedTuple):
    """One thing that is shipped; `licence` is empty where it is not known."""

    name: str
    version: str
    licence: str


def pinned(path: Path) -> Iterator[str]:
    """The names that a file of requirements pins for this Python and system."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if re.match(r"[a-z0-9]", line):
            requirement = Requirement(line.rstrip("\\ "))
            if requirement.marker is None or requirement.marker.evaluate():
                yield requirement.name


def licence(found: Distribution) -> str:
    """What a package says of itself, as SPDX; empty where that is nothing that we know."""
    said = found.metadata
    classifiers = [
        text.split(" :: ")[-1] for text in said.get_all("Classifier") or [] if text.startswith("License")
    ]
    for text in (READ.get(found.name.lower()), said.get("License-Expression"), said.get("License"), *classifiers):
        expression = SPOKEN.get(text or "", text or "")
        if expression and set(re.findall(r"[\w.+-]+", expression)) - {"AND", "OR", "WITH"} <= KNOWN:
            return expression
    return ""


def brought(found: Distribution) -> Iterator[Row]:
    """The libraries inside of a package's wheel."""
    for file in found.files or []:
        if re.search(r"\.libs$", file.parts[0]) and ".so" in file.name:
            known = (name for name, starts in BROUGHT.items() if file.name.startswith(tuple(starts.split())))
            yield Row(f"  {file.name.partition('.so')[0]}", "", next(known, ""))


def notices(found: Distribution) -> str:
    """The licence files that a package brings."""
    files = [file for file in found.files or [] if re.match(r"(?i)(licen|copying|notice|third)", file.name)]
    texts = [file.locate().read_text(encoding="utf-8", errors="replace") for file in files if file.suffix != ".pyc"]
    return "\n".join([f"{'=' * 78}\n{found.name} {found.version}\n{'=' * 78}", *texts])


def main() -> int:
    """List them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--notices", type=Path, metavar="FILE")
    parser.add_argument("requirements", type=Path, nargs="+")
    arguments = parser.parse_args()
    rows, texts = [], []
    for name in sorted({name for path in arguments.requirements for name in pinned(path)}):
        try:
            found = distribution(name)
        except PackageNotFoundError:
            rows.append(Row(name, "not installed", ""))
            continue
        rows += [Row(found.name, found.version, licence(found)), *brought(found)]
        texts.append(notices(found))
    for row in rows:
        print(f"{row.name:<28} {row.version:<14} {row.licence or 'UNKNOWN'}")
    unknown = [row.name.strip() for row in rows if not row.licence]
    print(f"{len(rows)} licences" + (f"; not known: {', '.join(unknown)}" if unknown else ""))
    if arguments.notices:
        arguments.notices.parent.mkdir(exist_ok=True)
        arguments.notices.write_text("\n".join(texts), encoding="utf-8")
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
