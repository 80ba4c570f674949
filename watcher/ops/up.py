"""`watcher up`: nginx, uWSGI and the ingester as one unit.

uWSGI is the process manager (design/decisions/001): this process checks everything that can be checked, writes
nginx's main file, and then becomes uWSGI's master, which starts nginx and the ingester as attached daemons,
starts them again when they die, and ends them when it is ended.
"""

from __future__ import annotations

import ipaddress
import os
import resource
import socket
import sys
from pathlib import Path
from typing import NoReturn

import msgspec

from watcher.catalog import migrate
from watcher.ingest.bind import bind_root
from watcher.ingest.uploads import open_spool
from watcher.model.errors import StartError
from watcher.ops import nginx, privileges, tether
from watcher.ops.backup import move_in
from watcher.ops.keys import first_sign_in
from watcher.services import Services, open_services
from watcher.settings.load import ETC, load
from watcher.settings.schema import Settings
from watcher.storage import modes
from watcher.storage.mounts import on_network
from watcher.storage.places import Places

FILES = 1024  # that uWSGI may have open
QUEUE_MOST = 1024  # requests that wait for uWSGI


class Unit(msgspec.Struct, frozen=True):
    """What `watcher up` was asked for."""

    data: Path
    listen: str  # HOST:PORT
    log: Path | None  # None: everything to standard output
    daemons: tuple[str, ...] = ()  # further shell commands to keep running
    user: str = ""  # to become, if this is root; "" is what the settings say


def up(unit: Unit) -> NoReturn:
    """Check, prepare, and become the unit. Raises StartError, ConfigError or CatalogError, in one sentence."""
    loaded = load()
    host, port = _listen(unit.listen, loaded.settings)
    ports = [int(where.rpartition(":")[2]) for where in _addresses(unit.listen, loaded.settings)]
    privileges.give_up_root(unit.user or loaded.settings.unit.user, unit.data, unit.log, ports)
    loaded = load()  # again: what only root can read is of no use to the unit
    services = open_services(loaded.settings, unit.data)
    places = services.places
    places.make()
    log = _log_folder(unit.log)
    lock = _lock(places)
    tether.end_all_leftovers(places.run)  # the unit's lock was free: what still works here is nobody's
    open_spool(services).clear()
    program = nginx.find_nginx()
    _port_is_free(host, port)
    if loaded.settings.ftp.listen:
        _port_is_free(*_address_of(loaded.settings.ftp.listen, "ftp.listen"))
    if loaded.settings.tls.certificate and loaded.settings.tls.redirect_from:
        _port_is_free(*_listen(loaded.settings.tls.redirect_from, loaded.settings))
    _prepare_catalog(services)
    link = first_sign_in(services) if loaded.settings.auth.mode == "keys" else None
    services.catalog.database.engine.dispose()
    nginx.write_settings(places, loaded.settings)
    address = f"{_bracketed(host)}:{port}"
    nginx.write_main(places, loaded.settings, nginx=program, listen=address, log=log)
    cache, cache_lock = nginx.make_cache(places.run)
    environment = {
        **os.environ,
        "WATCHER_DATA": str(places.data),
        "WATCHER_SOCKET": "app.sock",
        "WATCHER_RUN": str(places.run),
        "WATCHER_UNIT": str(os.getpid()),
        "WATCHER_PYTHON": sys.executable,
        "WATCHER_NGINX": program,
        "WATCHER_NGINX_LOG": str(log / "nginx.log") if log else "stderr",
        "WATCHER_CACHE": str(cache),
        "WATCHER_QUEUE": str(min(QUEUE_MOST, nginx.backlog())),
        "WATCHER_CONSOLE": "0",
        "WATCHER_READY": _address(host, port, secure=bool(loaded.settings.tls.certificate)),
        # A file: what is in an environment, every process of the unit has, for as long as it lives.
        "WATCHER_SIGN_IN": str(_keep_link(places, link)),
        "PYTHONUNBUFFERED": "1",
        # One heap for all threads: each further one of glibc's keeps what its thread once needed.
        "MALLOC_ARENA_MAX": "1",
    }
    if log:
        environment["WATCHER_INGEST_LOG"] = str(log / "ingest.log")
    if config_file := os.environ.get("WATCHER_CONFIG"):
        environment["WATCHER_CONFIG"] = str(Path(config_file).resolve())
    nginx.test(program, places, environment)
    for held in filter(None, (lock, cache_lock)):
        os.set_inheritable(held, True)
    # uWSGI makes a table as long as the soft limit; nginx, which it starts, goes up to the hard one.
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, nginx.files_most()), nginx.files_most()))
    # uWSGI closes every descriptor of its daemons but the first three, and its own log takes two of those: the
    # terminal goes where standard input was, for the ingester to say there when the service is ready.
    os.dup2(1, 0)
    if log:
        app_log = modes.create(log / "app.log")
        os.dup2(app_log, 1)
        os.dup2(app_log, 2)
    os.chdir(places.run)
    ftp = loaded.settings.ftp.listen
    # -P: nothing is imported from the working folder, which is run/.
    # Shell variables, not values: paths may hold spaces and commas, which would end an option here.
    umask = f"umask {0o777 & ~modes.allowed(log or places.run):03o}"  # what nginx writes is for us alone
    nginx_command = '"$WATCHER_NGINX" -e "$WATCHER_NGINX_LOG" -p "$WATCHER_RUN" -c "$WATCHER_RUN/nginx.conf"'
    tied = 'exec "$WATCHER_PYTHON" -P -m watcher.ops.tether "$WATCHER_RUN"'
    ingester = '"$WATCHER_PYTHON" -P -m watcher ingest --data "$WATCHER_DATA" --announce'
    daemons = [
        f"{umask}; {tied} nginx {nginx_command}",
        *([f"{tied} ingester {ingester}"] if loaded.settings.ingest.here else []),
        *([f'{tied} ftp "$WATCHER_PYTHON" -P -m watcher ftp --data "$WATCHER_DATA"'] if ftp else []),
        *(f"{tied} extra{number} {command}" for number, command in enumerate(unit.daemons)),
    ]
    arguments = ["uwsgi", "--ini", str(ETC / "uwsgi.ini"), "--honour-stdin", "--daemons-honour-stdin"]
    # Memory is not given back by itself, and an nginx whose master was just killed not stopped; after a kill of
    # ours the next start does both.
    arguments += ["--exec-as-user-atexit", f'({tied}); rm -rf "$WATCHER_CACHE"']
    for daemon in daemons:
        arguments += ["--attach-daemon2", f"cmd={daemon},stopsignal=15,max_throttle=1"]
    os.execve(  # nosec B606  # noqa: S606 - a list, no shell
        sys.executable, [sys.executable, "-P", "-c", "import pyuwsgi; pyuwsgi.run()", *arguments[1:]], environment
    )


def prepare(data: Path) -> str | None:
    """Make ready what containers share: folders, catalog, and what nginx has to know of the settings.

    Returns the secret of a link for the first sign-in, if nobody has signed in yet. Raises StartError, ConfigError
    or CatalogError, in one sentence.
    """
    loaded = load()
    if published := os.environ.get("WATCHER_PUBLISHED"):
        _listen(published, loaded.settings)
    services = open_services(loaded.settings, data)
    services.places.make()
    _prepare_catalog(services)
    nginx.write_settings(services.places, loaded.settings, app=os.environ.get("WATCHER_APP", ""))
    return first_sign_in(services) if loaded.settings.auth.mode == "keys" else None


def _keep_link(places: Places, link: str | None) -> Path:
    """Put the secret of the first sign-in where the ingester finds it, who removes it when it has said it.

    One that an earlier start could not say any more is gone with that.
    """
    places.sign_in.unlink(missing_ok=True)
    if link is not None:
        descriptor = os.open(places.sign_in, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(link)
    return places.sign_in


def _address_of(listen: str, what: str) -> tuple[str, int]:
    """Host and port. Raises StartError for what is no address."""
    host, colon, port_text = listen.rpartition(":")
    host = host.strip("[]")
    if not colon or not host or not port_text.isdigit() or not 0 < int(port_text) < 65536:
        raise StartError(f"{what} {listen!r} must be HOST:PORT, such as 127.0.0.1:8080")
    return host, int(port_text)


def _listen(listen: str, settings: Settings) -> tuple[str, int]:
    """Host and port. Raises StartError for what is no address, or may not be listened on."""
    host, port = _address_of(listen, "--listen")
    try:
        addresses = {info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except OSError as reason:
        raise StartError(f"--listen {listen}: {host} has no address ({reason.strerror})") from reason
    loopback = all(ipaddress.ip_address(str(address).partition("%")[0]).is_loopback for address in addresses)
    if settings.auth.mode == "open" and not loopback and not settings.auth.allow_open_network:
        raise StartError(
            f'--listen {listen} would let everybody on the network see the clips: with [auth] mode = "open" that '
            "needs allow_open_network = true"
        )
    return host, port


def _addresses(listen: str, settings: Settings) -> list[str]:
    """Where the unit listens, as HOST:PORT. Raises StartError."""
    tls = settings.tls
    more = {"ftp.listen": settings.ftp.listen, "tls.redirect_from": tls.redirect_from if tls.certificate else ""}
    for what, where in more.items():
        if where:
            _address_of(where, what)
    return [listen, *filter(None, more.values())]


def _log_folder(folder: Path | None) -> Path | None:
    if folder is None:
        return None
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("access", "app", "ingest", "nginx"):
            os.close(modes.create(folder / f"{name}.log"))
        for path in folder.glob("*.log*"):
            modes.narrow(path)
    except OSError as reason:
        raise StartError(f"cannot write into {folder}: {reason.strerror}") from reason
    return folder.resolve()


def _lock(places: Places) -> int:
    """The lock of this data folder, which every process of the unit inherits and the kernel frees at their end."""
    try:
        return tether.take_lock(places.run)
    except TimeoutError:
        raise StartError(f"another watcher is running on {places.data}") from None


def _port_is_free(host: str, port: int) -> None:
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)  # without listening: who connected to a trial would be cut off
            except OSError as reason:
                raise StartError(f"cannot listen on {host}:{port}: {reason.strerror}") from reason


def _prepare_catalog(services: Services) -> None:
    engine = services.catalog.database.engine
    database = engine.url.database
    if engine.dialect.name == "sqlite" and database and on_network(Path(database).parent):
        print(  # noqa: T201 - to whoever starts it
            f"warning: the catalog {database} lies on a network file system, where SQLite's locks are known to "
            "fail; set [catalog] url to a local path or to PostgreSQL",
            file=sys.stderr,
        )
    migrate(engine, narrow=modes.narrow)
    move_in(services, out=sys.stdout)
    if services.settings.ingest.here:
        bind_root(services)  # before anybody can send a clip
    engine.dispose()


def _address(host: str, port: int, *, secure: bool) -> str:
    """Where people find it; on this machine, if it listens everywhere."""
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else _bracketed(host)  # nosec B104  # noqa: S104 - compared, not listened on
    return f"{'https' if secure else 'http'}://{shown}:{port}/watcher/"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
