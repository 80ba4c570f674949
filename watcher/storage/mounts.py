"""On which kind of file system a path lies, as the kernel's table of mounts tells."""

from __future__ import annotations

import os
import re
from pathlib import Path

# Beside these, `fuse` and every `fuse.…`: sshfs, rclone and s3fs are remote, and of mergerfs and bindfs the folder
# behind may be written directly.
NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "virtiofs", "vboxsf"}
)


def file_system(path: Path, mounts: str = "/proc/self/mounts") -> str | None:
    """The type of the file system that holds a path, such as `ext4` or `nfs4`; None where nobody can tell."""
    best, kind = "", None
    place = os.path.realpath(path)
    try:
        lines = Path(mounts).read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    for line in lines:
        fields = line.split(" ")
        point = fields[1].replace("\\040", " ")
        if (place == point or place.startswith(point.rstrip("/") + "/")) and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind


def overlap(folder: Path, other: Path) -> bool:
    """Whether one of two folders is the other or lies in it, by whatever mounts they are reached.

    >>> overlap(Path("/proc"), Path("/proc/self")), overlap(Path("/proc"), Path("/sys"))
    (True, False)
    """
    (device, first), (other_device, second) = _origin(folder), _origin(other)
    return device == other_device and (first.is_relative_to(second) or second.is_relative_to(first))


def _origin(path: Path) -> tuple[str, Path]:
    """The device that holds a path, and its path from that device's own root: the same for each mount of it.

    Source: proc_pid_mountinfo(5), fields 3 to 5.
    """
    place = Path(os.path.realpath(path))
    best, origin = Path("/"), ("", place)
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return origin
    for line in lines:
        device, *folders = line.split(" ")[2:5]
        root, point = (Path(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), text)) for text in folders)
        if place.is_relative_to(point) and len(point.parts) >= len(best.parts):  # a later one lies over an earlier
            best, origin = point, (device, root / place.relative_to(point))
    return origin


def on_network(path: Path) -> bool:
    """Whether a path lies on a file system whose other writers this kernel does not see."""
    kind = file_system(path)
    return kind is not None and (kind in NETWORK_FILE_SYSTEMS or _is_fuse(kind))


def keeps_inodes(path: Path) -> bool:
    """Whether a file there has the same inode number as long as it lives.

    A file system in user space numbers its files anew when the kernel has forgotten them, as it does when memory is
    short (seen with sshfs 3.7); one of Windows may have no such numbers (mount.cifs(8), noserverino).
    """
    kind = file_system(path)
    return kind is None or not (_is_fuse(kind) or kind in {"cifs", "smb3", "smbfs", "vboxsf"})


def _is_fuse(kind: str) -> bool:
    return kind == "fuse" or kind.startswith("fuse.")
