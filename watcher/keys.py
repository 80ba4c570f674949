"""`watcher key`: make, list and end keys; and the link by which the first person signs in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TextIO

from watcher.access import KEY_PREFIX, Role, hashed, new_secret
from watcher.errors import KeyNameError
from watcher.filing import camera_name
from watcher.wiring import Services

OWNER = "owner"  # the key that the first sign-in belongs to; nobody knows its secret
LINK = timedelta(days=1)  # for which the link of the first start works
NAME_MOST = 60  # characters


def create(services: Services, name: str, role: str | None, cameras: Sequence[str] | None) -> str:
    """Make a key; its secret, which is shown this once. Raises KeyNameError, BadParameterError."""
    if not (name == name.strip() and name.isprintable() and 1 <= len(name) <= NAME_MOST):
        raise KeyNameError(f"a key's name has 1 to {NAME_MOST} characters, all of them visible")
    if role is None:
        raise KeyNameError("say what the key is for: --role view, label, upload or admin")
    found = Role(role)
    if found is Role.UPLOAD and len(cameras or ()) != 1:
        raise KeyNameError("a key for uploads is bound to one camera: --camera NAME")
    if found is Role.ADMIN and cameras:
        raise KeyNameError("an admin's key is not bound to cameras")
    bound = None if not cameras else [camera_name(camera) for camera in dict.fromkeys(cameras)]
    secret = new_secret(KEY_PREFIX)
    services.catalog.create_key(name, found, bound, hashed(secret), now=services.clock.now())
    return secret


def rotate(services: Services, name: str) -> str:
    """Give a key another secret, which is shown this once; the old one ends. Raises KeyNameError."""
    secret = new_secret(KEY_PREFIX)
    services.catalog.replace_key(name, hashed(secret))
    return secret


def revoke(services: Services, name: str) -> None:
    """End a key and its sessions. Raises KeyNameError."""
    services.catalog.revoke_key(name)


def show(services: Services, *, out: TextIO) -> None:
    """A line for each key."""
    for key in services.catalog.all_keys():
        cameras = "all cameras" if key.principal.cameras is None else ", ".join(key.principal.cameras)
        used = f"last used {key.last_used_at:%Y-%m-%d %H:%M}Z" if key.last_used_at else "never used"
        made = f"made {key.created_at:%Y-%m-%d}"
        print(f"{key.principal.name}  {key.principal.role}  {cameras}  {made}  {used}", file=out)


def first_sign_in(services: Services) -> str | None:
    """The secret of a link that signs the owner in once; None where somebody has a key, or has signed in."""
    catalog, now = services.catalog, services.clock.now()
    known = catalog.all_keys()
    if any(key.principal.name != OWNER or key.last_used_at for key in known):
        return None
    owner = known[0].id if known else catalog.create_key(OWNER, Role.ADMIN, None, hashed(new_secret()), now=now)
    link = new_secret()
    catalog.open_session(hashed(link), owner, until=now + LINK, once=True)
    return link
