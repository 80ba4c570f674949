"""What is promised under faults: the expectations of tests/integration/test_faults.py, and the table of guide/faults.md.

`python -m tests.faults` writes the table anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

GUIDE = Path(__file__).parent.parent / "guide" / "faults.md"
WAYS = ("drop", "PUT", "POST", "tus", "FTP", "push")
QUESTIONS = ("list", "clip", "play", "readyz")


class Fault(NamedTuple):
    """A fault, and what each way in and each question answers while it lasts; afterwards all work again."""

    what: str
    ways: tuple[str, ...]
    questions: tuple[str, ...]
    slow: bool = True


def _sent(http: str, ftp: str) -> tuple[str, ...]:
    return (http, http, http, ftp, "waits")


FAULTS = {
    "away": Fault(
        "the clips' disk is unmounted",
        ("—", *_sent("503 root_away", "450")),
        ("200", "200", "404", "marker"),
        slow=False,
    ),
    "read_only": Fault(
        "it is mounted read-only",
        ("EROFS", *_sent("503 read_only", "450")),
        ("200", "200", "206", "disk"),
    ),
    "floor": Fault(
        "less than `upload.min_free_bytes` is free",
        ("listed", *_sent("507 disk_full", "452")),
        ("200", "200", "206", "ready"),
    ),
    "full": Fault(
        "nothing is free",
        ("ENOSPC", *_sent("507 disk_full", "452")),
        ("200", "200", "206", "disk"),
    ),
    "no_inodes": Fault(
        "no inode is free",
        ("ENOSPC", *_sent("507 disk_full", "452")),
        ("200", "200", "206", "disk; warns: inodes"),
        slow=False,
    ),
    "foreign": Fault(
        "the camera's folder belongs to somebody else",
        ("listed", *_sent("503 not_writable", "450")),
        ("200", "200", "206", "ready; warns: folders"),
        slow=False,
    ),
    "no_log": Fault(
        "the log's folder is removed",
        ("listed", "201", "201", "201", "226", "sent"),
        ("200", "200", "206", "ready"),
    ),
    "no_watches": Fault(
        "the kernel watches one folder and no more (`max_inotify_watches`)",
        ("listed", "201", "201", "201", "226", "sent"),
        ("200", "200", "206", "ready; warns: watches"),
    ),
    "clock_ahead": Fault(
        "the clock is set half a day ahead",
        ("listed", "201", "201", "201", "226", "sent"),
        ("200", "200", "206", "ready"),
    ),
    "clock_back": Fault(
        "the clock is set back by half a day",
        ("listed", "201", "201", "201", "226", "sent"),
        ("200", "200", "206", "ready"),
    ),
    "slow_disk": Fault(
        "the disk writes and reads 200 KB a second",
        ("listed", "201", "201", "201", "226", "sent"),
        ("200", "200", "206", "ready"),
    ),
}

_HEAD = """# What happens when something is wrong

Each line is a fault, made for real by the tests (`tests/integration/test_faults.py`) on a running watcher: small file systems that are
filled, remounted and unmounted. This table is written from what they expect (`python -m tests.faults`), and a test fails where it
differs. When the fault is over everything works again by itself: what waited is sent, what lies there is listed, and nothing lies
where it does not belong.

"""
_FOOT = """
`—`: what another program writes below the mount point of a disk that is away is not seen by watcher, and is hidden when the disk is
back; keep others from writing there (`chattr +i` on the empty mount point). `EROFS` and `ENOSPC` are what the kernel says to the program
that drops. 503 and 507 come with a sentence that says why, FTP's 450 and 452 too; `watcher push` tries again until it is told that its
clip is there. A sender that is refused has lost nothing: nothing of it was kept.

**Removing** looks first: a clip in a folder of somebody else's, on a read-only disk or on one that is away is not given up (503 with
the sentence), and rules of retention pass it over and take others.

## File systems of a network, and in user space

| file system | how it was tested | what holds |
|---|---|---|
| bindfs (FUSE), as mergerfs and rclone | for real, `tests/integration/test_user_space.py` | looked at by polling, also what is written behind the mount; half a file waits until it is quiet |
| sshfs (FUSE) | for real, with a kernel that is short of memory, so that files are numbered anew all the time | listed, moved and removed as elsewhere |
| NFS, SMB | not for real: the machines that tests run on have neither client in their kernels. They are known by their name in the table of mounts | looked at by polling; inodes count on NFS, and do not on SMB |

Without locks (an export without its lock daemon, most cloud drives) the data folder is refused at start with a sentence; only `video/` may
be there.
"""


def table() -> str:
    """The guide, as it has to be."""
    rows = [["", *WAYS, *QUESTIONS], ["---"] * (1 + len(WAYS) + len(QUESTIONS))]
    rows += [[fault.what, *fault.ways, *fault.questions] for fault in FAULTS.values()]
    return _HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows) + _FOOT


if __name__ == "__main__":
    GUIDE.write_text(table(), encoding="utf-8")
