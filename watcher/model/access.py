"""Who may: roles, what each of them includes, and the secrets that prove who somebody is."""

from __future__ import annotations

import hashlib
import secrets
from enum import StrEnum

import msgspec

KEY_PREFIX = "wk_"  # so that a key is known for one wherever it turns up


class Role(StrEnum):
    """What the holder of a key may do."""

    VIEW = "view"  # see clips
    LABEL = "label"  # and say what they show
    ADMIN = "admin"  # and everything else
    UPLOAD = "upload"  # send clips of one camera, and nothing else


_INCLUDES = {
    Role.VIEW: {Role.VIEW},
    Role.LABEL: {Role.VIEW, Role.LABEL},
    Role.UPLOAD: {Role.UPLOAD},
    Role.ADMIN: {Role.VIEW, Role.LABEL, Role.UPLOAD, Role.ADMIN},
}


class Principal(msgspec.Struct, frozen=True):
    """Who asks."""

    name: str  # of the key; a later key may have it as well
    role: Role
    cameras: tuple[str, ...] | None = None  # the only ones that exist for them; None: all
    key_id: int = 0  # which no other key gets; 0: of nobody's key

    def may(self, needed: Role) -> bool:
        """Whether they may do what a role is needed for.

        >>> Principal("tablet", Role.LABEL).may(Role.VIEW), Principal("porch", Role.UPLOAD).may(Role.VIEW)
        (True, False)
        """
        return needed in _INCLUDES[self.role]

    def sees(self, camera: str) -> bool:
        """Whether a camera exists for them."""
        return self.cameras is None or camera in self.cameras

    @property
    def person(self) -> str:
        """Whose something is, where it is kept."""
        return person_of(self.key_id)


def person_of(key_id: int) -> str:
    """Who somebody with a key is, by the key's number: a name would pass what they have on to the next one."""
    return f"key#{key_id}"


ANYBODY = Principal("anybody", Role.ADMIN)  # where nobody has to say who they are


def new_secret(prefix: str = "") -> str:
    """256 random bits as text."""
    return prefix + secrets.token_urlsafe(32)


def hashed(secret: str) -> str:
    """What is kept of a secret: SHA-256.

    It has 256 random bits, so there is nothing to guess; a password hash would cost a request what 77 answers do.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
