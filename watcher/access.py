"""Who may: roles, and what each of them includes."""

from __future__ import annotations

from enum import StrEnum


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


def includes(role: Role, needed: Role) -> bool:
    """Whether a role may do what another one is needed for.

    >>> includes(Role.LABEL, Role.VIEW), includes(Role.UPLOAD, Role.VIEW)
    (True, False)
    """
    return needed in _INCLUDES[role]
