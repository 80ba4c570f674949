"""`watcher key`: keys, sessions and shared links, made, listed and ended; and the link of the first sign-in."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TextIO

from watcher.catalog.audit import COMMAND_LINE, By
from watcher.model.access import KEY_PREFIX, Role, hashed, new_secret
from watcher.model.errors import KeyNameError, StartError
from watcher.naming.ignore import printable
from watcher.naming.upload_names import camera_name
from watcher.services import Services

OWNER = "owner"  # the key that the first sign-in belongs to; nobody knows its secret
LINK = timedelta(days=1)  # for which the link of the first start works
NAME_MOST = 60  # characters
NEVER = "never"
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1), "y": timedelta(days=365)}
_MOST = timedelta(days=100 * 365)
ENTRIES = 1000  # of the audit that are shown
ALL = "all"


def run(services: Services, args: argparse.Namespace, *, out: TextIO) -> None:
    """What `watcher key` was asked for. Raises KeyNameError, BadParameterError, StartError."""
    if args.verb == "list":
        show(services, out=out)
    elif args.verb == "audit":
        show_audit(services, out=out)
    elif args.verb == "rotate-links":
        older = rotate_links(services, end=args.end_all)
        text = "all links have ended" if args.end_all else f"links of {older} older secrets go on until they expire"
        print(text, file=out)
    elif args.verb in {"sessions", "shares"}:
        sessions = args.verb == "sessions"
        if args.end:
            ended = (end_sessions if sessions else end_shares)(services, args.name, args.end)
            print(f"{ended} ended", file=out)
        else:
            (show_sessions if sessions else show_shares)(services, args.name, out=out)
    elif not args.name:
        raise StartError(f"watcher key {args.verb} NAME: the name is missing")
    elif args.verb == "create":
        print(create(services, args.name, args.role, args.camera, args.expires), file=out)
    elif args.verb == "rotate":
        print(rotate(services, args.name, args.expires), file=out)
    elif args.verb == "expire":
        expire(services, args.name, args.expires)
    else:
        revoke(services, args.name)


def create(
    services: Services, name: str, role: str | None, cameras: Sequence[str] | None, expires: str | None = None
) -> str:
    """Make a key; its secret, which is shown this once. Raises KeyNameError, BadParameterError."""
    if not (name == name.strip() and name.isprintable() and 1 <= len(name) <= NAME_MOST):
        raise KeyNameError(f"a key's name has 1 to {NAME_MOST} characters, all of them visible")
    if role is None:
        raise KeyNameError("say what the key is for: --role view, label, upload or admin")
    role_ = Role(role)
    if role_ is Role.UPLOAD and len(cameras or ()) != 1:
        raise KeyNameError("a key for uploads is bound to one camera: --camera NAME")
    if role_ is Role.ADMIN and cameras:
        raise KeyNameError("an admin's key is not bound to cameras")
    bound = None if not cameras else [camera_name(camera) for camera in dict.fromkeys(cameras)]
    secret, by = new_secret(KEY_PREFIX), _by(services)
    until = None if expires is None else _end(expires, by.at)
    services.catalog.keys.create(name, role_, bound, hashed(secret), now=by.at, expires=until, by=by)
    return secret


def rotate(services: Services, name: str, expires: str | None = None) -> str:
    """Give a key another secret, which is shown this once; the old one ends. Raises KeyNameError."""
    secret, by = new_secret(KEY_PREFIX), _by(services)
    until = None if expires is None else _end(expires, by.at)
    services.catalog.keys.replace(name, hashed(secret), by=by)
    if expires is not None:
        services.catalog.keys.expire(name, until, by=by)
    return secret


def expire(services: Services, name: str, expires: str | None) -> None:
    """Set when a key ends: after a time, or never. Raises KeyNameError."""
    if expires is None:
        raise KeyNameError("say when the key ends: --expires 90d, or never")
    by = _by(services)
    services.catalog.keys.expire(name, _end(expires, by.at), by=by)


def revoke(services: Services, name: str) -> None:
    """End a key and its sessions. Raises KeyNameError."""
    services.catalog.keys.revoke(name, by=_by(services))


def show(services: Services, *, out: TextIO) -> None:
    """A line for each key."""
    now = services.clock.now()
    sessions = [session.key for session in services.catalog.sessions.all(now=now)]
    for key in services.catalog.keys.all():
        name = key.principal.name
        cameras = "all cameras" if key.principal.cameras is None else ", ".join(key.principal.cameras)
        columns = [
            name,
            str(key.principal.role),
            cameras,
            f"made {key.created_at:%Y-%m-%d}",
            _used(key.last_used_at),
        ]
        if key.address and key.last_used_at:
            columns[-1] += f" from {key.address}"
        if key.expires_at is not None:
            columns.append(f"{'expired' if key.is_over(now) else 'expires'} {_time(key.expires_at)}")
        if count := sessions.count(name):
            columns.append(f"{count} session{'s' if count > 1 else ''}")
        print("  ".join(columns), file=out)


def show_sessions(services: Services, name: str | None, *, out: TextIO) -> None:
    """A line for each browser that has signed in, with a key or with any."""
    for session in services.catalog.sessions.all(now=services.clock.now(), key=name):
        since = f"since {_time(session.created_at)}" if session.created_at else "since before sessions were listed"
        used = _used(session.last_used_at) + (f" from {session.address}" if session.address else "")
        print(
            "  ".join(filter(None, [session.id, session.key, since, used, printable(session.agent or "")])),
            file=out,
        )


def end_sessions(services: Services, name: str | None, which: str) -> int:
    """End a session by its id, or `all` of a key or altogether; how many. Raises KeyNameError for no session."""
    ended = services.catalog.sessions.end(key=name, session=None if which == ALL else which, by=_by(services))
    if not ended and which != ALL:
        raise KeyNameError(f"there is no session {which!r}")
    return ended


def show_shares(services: Services, name: str | None, *, out: TextIO) -> None:
    """A line for each shared link that goes on, of a key or of any."""
    for share in services.catalog.shares.all(now=services.clock.now(), author=name):
        seen = f"last seen {_time(share.last_view_at)}" if share.last_view_at else "never seen"
        columns = [share.id, f"by {share.author}", f"until {_time(share.until)}", seen, printable(share.key)]
        print("  ".join(columns), file=out)


def end_shares(services: Services, name: str | None, which: str) -> int:
    """End a shared link by its id, or `all` of a key or altogether; how many. Raises KeyNameError for no link."""
    ended = services.catalog.shares.end(author=name, share_id=None if which == ALL else which, by=_by(services))
    if not ended and which != ALL:
        raise KeyNameError(f"there is no link {which!r}")
    return ended


def rotate_links(services: Services, *, end: bool) -> int:
    """Sign links with a new secret from now on; how many older secrets go on. With `end` all links end now."""
    by = _by(services)
    older = services.links.rotate(now=by.at, end=end)
    services.catalog.audit.note("link secret rotated", "all links ended" if end else f"{older} older go on", by)
    return older


def show_audit(services: Services, *, out: TextIO) -> None:
    """What was done to keys, sessions and links, the newest last."""
    now = services.clock.now()
    entries = services.catalog.audit.entries(limit=ENTRIES)
    lines = []
    for entry in entries:
        address = f" from {entry.address}" if entry.address else ""
        lines.append((entry.at, f"{entry.action} by {entry.who}{address}: {printable(entry.about)}"))
    over = [key for key in services.catalog.keys.all() if key.is_over(now)]  # which nobody had to do
    lines += [(key.expires_at, f"key expired: {key.principal.name}") for key in over if key.expires_at]
    for at, text in sorted(lines, key=lambda line: line[0]):
        print(f"{_time(at)}  {text}", file=out)


def first_sign_in(services: Services) -> str | None:
    """The secret of a link that signs the owner in once; None where somebody has a key, or has signed in."""
    catalog, now = services.catalog, services.clock.now()
    keys = catalog.keys.all()
    if any(key.principal.name != OWNER or key.last_used_at for key in keys):
        return None
    owner = keys[0].id if keys else catalog.keys.create(OWNER, Role.ADMIN, None, hashed(new_secret()), now=now)
    link = new_secret()
    catalog.sessions.open(hashed(link), owner, until=now + LINK, once=True)
    return link


def _by(services: Services) -> By:
    return By(COMMAND_LINE, services.clock.now())


def _end(text: str, now: datetime) -> datetime | None:
    """When something ends that works for so long; None for never. Raises KeyNameError."""
    if text == NEVER:
        return None
    match = re.fullmatch(r"(\d{1,6})([hdwy])", text, re.ASCII)
    if match is None or not timedelta() < int(match[1]) * _UNITS[match[2]] <= _MOST:
        raise KeyNameError(f"--expires {text!r} must be such as 12h, 90d, 8w, 1y (100y at most), or never")
    return now + int(match[1]) * _UNITS[match[2]]


def _used(at: datetime | None) -> str:
    return f"last used {_time(at)}" if at else "never used"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}Z"
