"""Who else may read and write what is ours: nobody, or the group that a folder is shared with on purpose.

A folder with the set-group-ID bit (`chmod g+s`) hands its group on to what is made in it: whoever set it shares the
folder with that group, whose members keep what they may. A log folder that is so shared lets a log shipper read.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path


def allowed(folder: Path) -> int:
    """The bits that what lies in a folder may have: the owner's, and the group's where it is shared with one."""
    try:
        shared = folder.stat().st_mode & stat.S_ISGID
    except OSError:
        return 0o700
    return 0o770 if shared else 0o700


def narrow(path: Path) -> None:
    """Take a file or folder from all who have no part in it; what is not there, or somebody else's, stays."""
    with contextlib.suppress(OSError):
        bits = stat.S_IMODE(path.stat().st_mode)
        # A folder is shared by its own bit, a file by that of its folder.
        mask = allowed(path if path.is_dir() else path.parent) | ~0o777
        if bits & ~mask:
            path.chmod(bits & mask)


def create(path: Path) -> int:
    """A descriptor to append to a file, which is made if it is not there, for us alone. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    if os.fstat(descriptor).st_size == 0:
        with contextlib.suppress(OSError):
            os.fchmod(descriptor, 0o640 & allowed(path.parent))
    return descriptor
