"""Root is given up: what `watcher up` becomes that was started as root, and how a folder of root's is handed over.

    --user NAME, or unit.user    that user; whatever below the data folder belongs to root becomes theirs
    neither                      whoever owns the data folder; root goes on as root, and is warned, if root does

Of what root could do one thing is kept, and only where it is needed: to listen on a port below 1024.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import stat
import struct
import sys
from pathlib import Path

from watcher.model.errors import StartError

CAP_NET_BIND_SERVICE = 10  # capability(7)
_PR_SET_KEEPCAPS, _PR_CAP_AMBIENT, _RAISE = 8, 47, 2  # prctl(2)
_CAPABILITY_VERSION = 0x20080522  # capget(2), version 3
_PORTS = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


def give_up_root(name: str, data: Path, log: Path | None, ports: list[int]) -> None:
    """Become another user for good, if this is root; `name` is theirs, or "" for the data folder's owner.

    Raises StartError where there is no such user, or they could not work here.
    """
    if os.geteuid() != 0:
        if name and pwd.getpwuid(os.geteuid()).pw_name != name:
            raise StartError(f"only root can become {name}: this is {pwd.getpwuid(os.geteuid()).pw_name}")
        return
    user = _named(name) if name else _owner(data)
    if user is None or user.pw_uid == 0:
        if not name:
            print(  # noqa: T201 - to whoever starts it
                "warning: all of watcher runs as root. Make a user for it, and say once: watcher up --user NAME; "
                "the data folder becomes theirs",
                file=sys.stderr,
            )
        return
    if name:
        data.mkdir(parents=True, exist_ok=True)
        for folder in filter(None, (data, log)):
            hand_over(folder, user.pw_uid, user.pw_gid)
    _become(user, keep_binding=any(port < _first_free_port() for port in ports))
    for path, mode in ((Path(sys.executable), os.X_OK), (Path(__file__), os.R_OK), (data, os.W_OK | os.X_OK)):
        if not os.access(path, mode):
            raise StartError(f"{user.pw_name} cannot use {path}: let them, or put it where they may")


def hand_over(folder: Path, user: int, group: int) -> None:
    """Give what root owns below a folder, and the folder itself, to a user; what others own stays theirs.

    Links are neither followed nor changed, nor is a file that has another name, perhaps outside: whoever may write
    here must not be given what is root's elsewhere. After a crash in between the next time goes on.
    """
    for _, _, files, here in os.fwalk(folder):
        if os.fstat(here).st_uid == 0:
            os.fchown(here, user, group)
        for name in files:
            with contextlib.suppress(FileNotFoundError):
                status = os.stat(name, dir_fd=here, follow_symlinks=False)
                if status.st_uid == 0 and status.st_nlink == 1 and not stat.S_ISLNK(status.st_mode):
                    os.chown(name, user, group, dir_fd=here, follow_symlinks=False)


def _named(name: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise StartError(f"there is no user {name}: make one, such as: useradd --system {name}") from None


def _owner(data: Path) -> pwd.struct_passwd | None:
    """Who owns the data folder; None where it is not there yet, or its owner has no name here."""
    with contextlib.suppress(FileNotFoundError, KeyError):
        return pwd.getpwuid(data.stat().st_uid)
    return None


def _first_free_port() -> int:
    try:
        return int(_PORTS.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 1024


def _become(user: pwd.struct_passwd, *, keep_binding: bool) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if keep_binding:
        libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.initgroups(user.pw_name, user.pw_gid)
    os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    os.environ |= {"HOME": user.pw_dir, "USER": user.pw_name, "LOGNAME": user.pw_name}
    if keep_binding:  # also for the programs that this one becomes and starts
        bit = 1 << CAP_NET_BIND_SERVICE
        header = struct.pack("Ii", _CAPABILITY_VERSION, 0)
        if libc.capset(header, struct.pack("IIIIII", bit, bit, bit, 0, 0, 0)) == 0:
            libc.prctl(_PR_CAP_AMBIENT, _RAISE, CAP_NET_BIND_SERVICE, 0, 0)
