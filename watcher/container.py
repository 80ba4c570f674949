"""What a container needs around the service: another user than root, folders that this user may write, health.

python -m watcher.container COMMAND …      run a command as WATCHER_UID, with the folders made
python -m watcher.container health WHAT    0 if all is well with uwsgi://HOST:PORT, uwsgi:///SOCKET, "api" (where
                                           WATCHER_SOCKET says), tcp://HOST:PORT, or the ingester, by the
                                           name of its status file
python -m watcher.container secret FILE    makes a file with a secret, unless it is there
python -m watcher.container store KEYS DATA
                                           makes the keys of Compose's own store (or takes those of
                                           WATCHER_STORE_ACCESS_KEY and _SECRET_KEY), and hands over its folder
python -m watcher.container bucket         waits for that store, and makes the buckets that the settings name there
python -m watcher.container web            nginx alone, in front of the application that WATCHER_APP named to
                                           `watcher prepare`; it and its files are those of this image
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import secrets
import socket
import struct
import sys
import time
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from watcher.storage import status

DATA = Path("/data")
LOG = Path("/log")
USER = 1000
SECONDS = 5.0
PREPARING_SECONDS = 60.0  # that `watcher prepare` may take, where nobody waits for its end before we are started
WEB = Path("/tmp/web")  # nosec B108  # noqa: S108 - of this container alone


def main(arguments: list[str]) -> None:
    """Do what is asked; the command takes this process's place."""
    if arguments[:1] == ["health"]:
        sys.exit(0 if _well(arguments[1] if arguments[1] != "api" else f"uwsgi://{_socket()}") else 1)
    if arguments[:1] == ["secret"]:
        _make_secret(Path(arguments[1]))
        return
    if arguments[:1] == ["store"]:
        _prepare_store(Path(arguments[1]), Path(arguments[2]))
        return
    if arguments[:1] == ["bucket"]:
        _make_buckets()
        return
    if "WATCHER_SOCKET" in os.environ:
        os.environ["WATCHER_SOCKET"] = _own(os.environ["WATCHER_SOCKET"])
    if os.geteuid() == 0:
        _become(*_whose())
    if arguments[:1] == ["web"]:
        _serve()
    os.execvp(arguments[0], arguments)  # nosec B606  # noqa: S606 - a list, no shell


def _socket() -> str:
    """Where this container's uWSGI listens, as one reaches it from inside."""
    return _own(os.environ["WATCHER_SOCKET"]).replace("0.0.0.0:", "127.0.0.1:")


def _own(where: str) -> str:
    """The address of ours that NAME:PORT or NETWORK/BITS:PORT stands for; a socket's path or an address as it is.

    A container in several networks has an address in each. uWSGI listens only in the one where others know it by
    that name: in Compose that is nginx's, so that no other container can speak to it. Swarm tells nobody the name
    of a container that is not well yet, not even itself: there the network is named.
    """
    name, colon, port = where.rpartition(":")
    if colon and "/" in name and name[0].isdigit():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
            trial.connect((str(ipaddress.ip_network(name)[1]), int(port)))  # nothing is sent by this
            return f"{trial.getsockname()[0]}:{port}"
    if not colon or "/" in where or name.replace(".", "").isdigit():
        return where
    for family, kind, protocol, _, address in socket.getaddrinfo(name, int(port), type=socket.SOCK_STREAM):
        with socket.socket(family, kind, protocol) as trial, contextlib.suppress(OSError):
            trial.bind((address[0], 0))  # only an address of ours can be; several containers may have the name
            return f"{address[0]}:{port}"
    return where


def _make_secret(path: Path) -> None:
    """A random secret in a file of a volume that only the service's own containers have."""
    if not path.exists():
        temporary = path.with_suffix(".tmp")
        temporary.write_text(secrets.token_urlsafe(32), encoding="ascii")
        temporary.chmod(0o444)  # the database and we are different users
        temporary.replace(path)


def _prepare_store(keys: Path, data: Path) -> None:
    """The keys of Compose's own store, in files that it and we alone can read; and its folder, handed over.

    Of such letters, and so many, as Garage wants: others take any.
    """
    user, group = _whose()
    made = {"access-key": f"GK{secrets.token_hex(12)}", "secret-key": secrets.token_hex(32)}
    for name, random in (made | {"rpc-secret": secrets.token_hex(32)}).items():
        path, text = keys / name, os.environ.get(f"WATCHER_STORE_{name.replace('-', '_').upper()}", "")
        if text or not path.exists():
            temporary = path.with_suffix(".tmp")
            temporary.unlink(missing_ok=True)  # of one who was killed: nobody may open it to write
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w") as file:
                file.write(text or random)
            os.chown(temporary, user, group)
            temporary.replace(path)
    if data.stat().st_uid == 0:
        os.chown(data, user, group)


def _make_buckets() -> None:
    from watcher.ops.own_store import make_buckets  # noqa: PLC0415 - of all commands this one alone needs these
    from watcher.settings.load import load  # noqa: PLC0415

    make_buckets(load().settings, out=sys.stdout)


def _whose() -> tuple[int, int]:
    """The user and the group that everything belongs to."""
    return int(os.environ.get("WATCHER_UID", USER)), int(os.environ.get("WATCHER_GID", USER))


def _become(user: int, group: int) -> None:
    """Make the folders, hand over those that Docker or we made as root, and be root no longer.

    Only folders, and only root's: what lies in them belongs to whoever put it there.
    """
    for folder in (DATA, *(DATA / name for name in ("video", "spool", "renditions", "run")), LOG):
        if folder != LOG:
            folder.mkdir(parents=True, exist_ok=True)
        if folder.is_dir() and folder.stat().st_uid == 0 and user != 0:
            os.chown(folder, user, group)
    for descriptor in (1, 2):  # nginx opens them again by name, and they are root's
        with contextlib.suppress(OSError):
            os.fchown(descriptor, user, group)
    os.environ["HOME"] = "/tmp"  # nosec B108  # noqa: S108 - nothing is kept there
    os.setgroups([])
    os.setgid(group)
    os.setuid(user)


def _serve() -> NoReturn:
    """Become nginx, with Compose's main file: the names in it are this container's."""
    from watcher.ops import nginx  # noqa: PLC0415 - of all commands this one alone needs it
    from watcher.settings.load import ETC  # noqa: PLC0415

    until = time.monotonic() + PREPARING_SECONDS
    while not (DATA / "run" / "settings.conf").is_file():
        if time.monotonic() > until:
            sys.exit(f"{DATA}/run/settings.conf is not there: has `watcher prepare` run on the same folder?")
        time.sleep(0.2)
    program = nginx.find_nginx()
    WEB.mkdir(mode=0o700, exist_ok=True)
    files = WEB / "watcher"
    files.unlink(missing_ok=True)
    files.symlink_to(ETC / "nginx")
    text = (ETC / "nginx" / "compose.conf").read_text(encoding="utf-8")
    servers = " ".join(_name_servers(Path("/etc/resolv.conf").read_text(encoding="utf-8")))
    ours = {"resolver 127.0.0.11": f"resolver {servers}", "/static;": f"{nginx.STATIC};"}
    for theirs, mine in (ours | {nginx.FIGURES: nginx.figures(program)}).items():
        text = text.replace(theirs, mine)
    (WEB / "nginx.conf").write_text(text, encoding="utf-8")
    command = [program, "-e", "stderr", "-p", str(WEB), "-c", str(WEB / "nginx.conf")]
    os.execv(program, command)  # nosec B606  # noqa: S606 - a list, no shell


def _name_servers(text: str) -> list[str]:
    """Whom to ask for names, by resolv.conf, as nginx writes them."""
    lines = (line.split() for line in text.splitlines())
    servers = [line[1].partition("%")[0] for line in lines if len(line) > 1 and line[0] == "nameserver"]
    return [f"[{address}]" if ":" in address else address for address in servers] or ["127.0.0.1"]


def _well(what: str) -> bool:
    if what.startswith("tcp:"):
        url = urlsplit(what)
        with contextlib.suppress(OSError), socket.create_connection((url.hostname, url.port), SECONDS):
            return True
        return False
    if not what.startswith("uwsgi:"):
        state = status.read(Path(what))
        return state is not None and state[1] <= status.STALE_SECONDS
    url = urlsplit(what)
    family, address = (socket.AF_INET, (url.hostname, url.port)) if url.hostname else (socket.AF_UNIX, url.path)
    variables = {"REQUEST_METHOD": "GET", "PATH_INFO": "/livez", "SERVER_NAME": "x", "SERVER_PORT": "80"}
    packet = b"".join(_counted(text) for pair in variables.items() for text in pair)
    try:
        with socket.socket(family) as asking:
            asking.settimeout(SECONDS)
            asking.connect(address)
            asking.sendall(struct.pack("<BHB", 0, len(packet), 0) + packet)
            return b" 200 " in asking.recv(64)
    except OSError:
        return False


def _counted(text: str) -> bytes:
    """A text as the uwsgi protocol has it: its length in two bytes, and itself."""
    return struct.pack("<H", len(text)) + text.encode()


if __name__ == "__main__":
    main(sys.argv[1:])
