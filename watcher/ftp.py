"""The FTP door, for cameras that can do nothing else. Off unless `ftp.listen` is set.

Who logs in brings an `upload` key, and sees an empty folder of its own in the spool: no other camera's, nothing to
read, nothing to delete. What has arrived, or got a clip's name, is moved into the camera's folder before the
transfer is answered; a name that is taken gets a number, for a camera cannot be asked for another one. What broke
off waits in the spool to be sent again; when nobody does, it is filed as it is, and listed as broken.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from pyftpdlib.exceptions import AuthenticationFailed, FilesystemError
from pyftpdlib.filesystems import AbstractedFS
from pyftpdlib.handlers import DTPHandler, FTPHandler, TLS_DTPHandler, TLS_FTPHandler
from pyftpdlib.servers import ThreadedFTPServer

from watcher.ingest import ftp_spool
from watcher.ingest.ftp_spool import FOLDERS_MOST, PICTURES, TAKEN, Stragglers, file, folders_of, is_whole
from watcher.ingest.uploads import Uploads
from watcher.model.access import Role, hashed
from watcher.model.errors import DiskFullError, QuotaError, StartError, TooManyUploadsError, WatcherError
from watcher.naming.ignore import printable
from watcher.naming.upload_names import SUFFIXES
from watcher.services import Services
from watcher.settings.schema import Settings
from watcher.storage.ledger import Entry
from watcher.storage.refused import Refusals

log = logging.getLogger(__name__)

TRANSFERS = {"STOR", "APPE", "RNFR", "RNTO", "MKD"}
_NUMBERS: dict[type[WatcherError], int] = {DiskFullError: 452, QuotaError: 552, TooManyUploadsError: 452}
CONNECTIONS_MOST, OF_ADDRESS_MOST = 256, 128
LOGIN_SECONDS = 20.0  # after which who has not logged in goes; as long as nginx waits for headers
PERMISSIONS = "elafmw"  # enter, list, append, rename, make folders, write; neither read nor delete


class Keys:
    """pyftpdlib's authorizer: the password is an upload key, or, where that is too long, its end."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._refusals = Refusals(services.places.run)
        # By thread, each of which serves one connection: several cameras may use the same user name at once.
        self._let_in = threading.local()

    def validate_authentication(self, user: str, password: str, handler: Any) -> None:
        """Let in who brings an upload key. Raises AuthenticationFailed."""
        for secret in (password, user + password):
            now = self._services.clock.now()
            key = self._services.catalog.keys.get(hashed(secret), now=now)
            if key is not None and key.principal.role is Role.UPLOAD and key.principal.cameras:
                camera = key.principal.cameras[0]
                home = self._services.places.spool / "ftp" / camera
                home.mkdir(parents=True, exist_ok=True)
                handler.camera, handler.secret_hash, handler.owner = camera, hashed(secret), key.principal.person
                self._let_in.home = home
                self._services.catalog.keys.note_use(key, now=now, address=handler.remote_ip)
                return
        self._refusals.note(handler.remote_ip, "FTP", "/", "the password is no upload key")
        raise AuthenticationFailed("The password has to be an upload key.")

    def lets_in_still(self, handler: Any) -> bool:
        """Whether the key that a connection was let in with is one for its camera still."""
        key = self._services.catalog.keys.get(handler.secret_hash, now=self._services.clock.now())
        return (
            key is not None
            and key.principal.role is Role.UPLOAD
            and key.principal.cameras is not None
            and handler.camera in key.principal.cameras
        )

    def get_home_dir(self, _user: str) -> str:
        """Where whoever was just let in is."""
        return str(self._let_in.home)

    def has_user(self, _user: str) -> bool:
        """Any name will do: the key counts."""
        return True

    def has_perm(self, _user: str, perm: str, _path: str | None = None) -> bool:
        """Whether something may be done; the same for all."""
        return perm in PERMISSIONS

    def get_perms(self, _user: str) -> str:
        """What may be done."""
        return PERMISSIONS

    def get_msg_login(self, _user: str) -> str:
        """Said after the login."""
        return "Send your clips."

    def get_msg_quit(self, _user: str) -> str:
        """Said at the end."""
        return "Bye."

    def impersonate_user(self, _user: str, _password: str) -> None:
        """Nobody becomes another user."""

    def terminate_impersonation(self, _user: str) -> None:
        """See above."""


class _Files(AbstractedFS):  # type: ignore[misc]
    """The camera's folder in the spool."""

    def validpath(self, path: str) -> bool:
        """Whether a path lies in it; of one with a NUL the system cannot tell."""
        return "\0" not in path and bool(super().validpath(path))

    def mkdir(self, path: str) -> None:
        """Make a folder. Raises FilesystemError where there are too many, OSError."""
        if folders_of(self.root) >= FOLDERS_MOST:
            raise FilesystemError(f"{FOLDERS_MOST} folders are enough: empty ones go after an hour")
        super().mkdir(path)

    def open(self, filename: str, mode: str) -> Any:
        """Open a file that a camera sends. Raises FilesystemError where it has too many, OSError."""
        budget, path = self.cmd_channel.uploads.budget, self.cmd_channel.spooled(filename)
        here = Path(filename).stat().st_size if Path(filename).exists() and "w" not in mode else 0
        entry = Entry(path, self.cmd_channel.owner, self.cmd_channel.camera, here, time.time(), path)
        try:
            budget.promise(entry, coming=0)
            return ftp_spool.open_counted(filename, mode, budget, entry)
        except WatcherError as reason:
            raise FilesystemError(str(reason)) from reason

    def rename(self, src: str, dst: str) -> None:
        """A camera that sends under another name first says with this that it is done."""
        try:
            ftp_spool.rename(src, dst)
            self.cmd_channel.uploads.budget.move(self.cmd_channel.spooled(src), self.cmd_channel.spooled(dst))
            self.cmd_channel.take(dst)
        except WatcherError as reason:
            raise FilesystemError(str(reason)) from reason


class _Taking:
    """A data connection whose file is taken before the client is told that it has arrived."""

    _closed: bool
    _resp: tuple[str, Any]
    receive: bool
    transfer_finished: bool
    file_obj: Any
    cmd_channel: Any

    def close(self) -> None:
        """Take the file, then answer."""
        if not self._closed and self.receive and self.transfer_finished and self.file_obj is not None:
            self.file_obj.close()
            try:
                if self.file_obj.lost:
                    self._resp = (f"550 {TAKEN}", log.debug)
                elif (problem := self.cmd_channel.take(self.file_obj.name)) is not None:
                    self._resp = (f"226 {problem}", log.debug)
            except (WatcherError, OSError) as reason:
                log.warning("FTP: %s: %s", printable(self.file_obj.name), reason)
                self._resp = (f"550 {reason}", log.debug)
        super().close()  # type: ignore[misc]

    def handle_error(self) -> None:
        """End a transfer that there is no room for with the protocol's own numbers; what came of it stays."""
        reason = sys.exc_info()[1]
        if not isinstance(reason, WatcherError):
            super().handle_error()  # type: ignore[misc]
            return
        log.warning("FTP: %s: %s", printable(self.file_obj.name), reason)
        number = 550 if self.file_obj.lost else 452 if isinstance(reason, DiskFullError) else 552
        self._resp = (f"{number} {reason}", log.debug)
        self.close()


class _Handler(FTPHandler):  # type: ignore[misc]
    """One camera's connection."""

    uploads: Uploads
    camera: str

    secret_hash: str
    owner: str

    def on_connect(self) -> None:
        """Let nobody stay who does not log in: silent connections must not take all that there are."""
        self.ioloop.call_later(LOGIN_SECONDS, self._end_stranger, _errback=self.handle_error)

    def _end_stranger(self) -> None:
        if not (self.authenticated or self._closed):
            self.handle_timeout()

    def process_command(self, cmd: str, *args: Any, **more: Any) -> None:
        """Look the key up again before anything is sent: who has none any more is sent away."""
        if cmd in TRANSFERS and not self.authorizer.lets_in_still(self):
            log.warning("FTP: the key of %s from %s is revoked", self.camera, self.remote_ip)
            self.respond("530 The key is not valid any more.")
            self.close_when_done()
            return
        super().process_command(cmd, *args, **more)

    def ftp_STOR(self, file: str, mode: str = "w") -> Any:  # noqa: N802 - the name that pyftpdlib looks for
        """Refuse early where nothing can be taken; the protocol does not tell how large it will be."""
        try:
            self.uploads.check_folder(self.camera)
            self.uploads.budget.check_room(self.camera)
        except WatcherError as reason:
            self.respond(f"{_NUMBERS.get(type(reason), 450)} {reason}")
            return None
        return super().ftp_STOR(file, mode)

    def spooled(self, path: str) -> str:
        """A path as the ledger knows it, below the spool."""
        return Path(path).relative_to(self.uploads.spool.folder).as_posix()

    def take(self, path: str) -> str | None:
        """Move what has a clip's or a picture's name into the camera's folder; a sentence on what is left.

        Raises WatcherError, OSError.
        """
        path_ = Path(path)
        suffix = path_.suffix[1:].lower()
        if suffix not in SUFFIXES + PICTURES:
            if not path_.is_file():
                return None
            log.info("FTP: %s has no clip's name", printable(path))
            return f"That is no clip's name: rename it (.{', .'.join(SUFFIXES)}) within an hour, or it is removed."
        if suffix in SUFFIXES and not is_whole(path_):
            return None  # the connection broke, which FTP does not tell from its end: it may be sent again
        file(self.uploads, Path(self.fs.root), self.camera, path_)
        return None


def serve(services: Services) -> None:
    """Serve until SIGTERM. Raises StartError."""
    settings: Settings = services.settings
    host, _, port = settings.ftp.listen.rpartition(":")
    handler: Any = type("Handler", (_Handler,), {})
    handler.dtp_handler = type("Data", (_Taking, DTPHandler), {})
    if settings.tls.certificate:
        handler = type("Handler", (_Handler, TLS_FTPHandler), {})
        handler.dtp_handler = type("Data", (_Taking, TLS_DTPHandler), {})
        handler.certfile, handler.keyfile = settings.tls.certificate, settings.tls.key
        handler.tls_control_required = handler.tls_data_required = settings.ftp.require_tls
    handler.uploads = Uploads.of(services)
    handler.authorizer = Keys(services)
    handler.abstracted_fs = _Files
    handler.banner = "watcher"
    # STOU makes a name of its own, which is no clip's.
    handler.proto_cmds = {name: help_text for name, help_text in handler.proto_cmds.items() if name != "STOU"}
    handler.use_sendfile = False
    handler.auth_failed_timeout = 1  # second: a key of 256 bits is not guessed
    handler.permit_foreign_addresses = False
    if settings.ftp.passive_ports:
        first, _, last = settings.ftp.passive_ports.partition("-")
        handler.passive_ports = range(int(first), int(last or first) + 1)
    if settings.ftp.public_address:
        handler.masquerade_address = settings.ftp.public_address
    try:
        server = ThreadedFTPServer((host.strip("[]"), int(port)), handler)
    except OSError as reason:
        raise StartError(f"cannot listen on {settings.ftp.listen} for FTP: {reason.strerror}") from reason
    server.max_cons, server.max_cons_per_ip = CONNECTIONS_MOST, OF_ADDRESS_MOST
    # The loop closes it: closed by a signal's handler it would be polled once more, or wait for itself where
    # that comes while it joins threads.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    logging.getLogger("pyftpdlib").setLevel(logging.WARNING)
    log.info("FTP at %s", settings.ftp.listen)
    Stragglers(services).start()
    server.serve_forever()
