"""Who may do what: four roles that tokens have, the machine's owner, and one table of what each of them may do."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from switch.errors import OperatorError


class Role(StrEnum):
    """What somebody is to the installation. Nobody is two things at once: give them two tokens."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    OFFICER = "officer"
    FINANCE = "finance"
    OWNER = "owner"
    """Whoever has a shell on the machine, with its database and its keys: no token has this role."""


class Permission(StrEnum):
    """One kind of act. Looking at masked transactions, parties and batches is everybody's."""

    LOOK = "look"
    CHANGE_PARTIES = "change_parties"
    RAISE_LIMITS = "raise_limits"
    WRITE_NOTES = "write_notes"
    TAP = "tap"
    MAINTENANCE = "maintenance"
    SETTLE = "settle"
    KEYS = "keys"
    TOKENS = "tokens"
    READ_CHANGES = "read_changes"


_V, _O, _S, _F, _W = Role.VIEWER, Role.OPERATOR, Role.OFFICER, Role.FINANCE, Role.OWNER

# fmt: off
ALLOWED: Final[dict[Permission, frozenset[Role]]] = {
    Permission.LOOK:           frozenset({_V, _O, _S, _F, _W}),
    Permission.CHANGE_PARTIES: frozenset({_O, _S, _W}),
    Permission.RAISE_LIMITS:   frozenset({_O, _S, _W}),
    Permission.WRITE_NOTES:    frozenset({_O, _S, _F, _W}),
    Permission.TAP:            frozenset({_O, _S, _W}),
    Permission.MAINTENANCE:    frozenset({_O, _S, _W}),
    Permission.SETTLE:         frozenset({_F, _W}),
    Permission.KEYS:           frozenset({_S, _W}),
    Permission.TOKENS:         frozenset({_S, _W}),
    Permission.READ_CHANGES:   frozenset({_S, _F, _W}),
}
# fmt: on


class Actor(NamedTuple):
    """Who acts. ``name`` stands in the change log; two officers are two names."""

    name: str
    role: Role


class NotAllowedError(OperatorError):
    """The actor's role does not include the act."""


def may(actor: Actor, permission: Permission) -> bool:
    """Whether the actor's role includes the act: for pages that offer only what can be done."""
    return actor.role in ALLOWED[permission]


def check_allowed(actor: Actor, permission: Permission) -> None:
    """Raise `NotAllowedError` unless the actor's role includes the act."""
    if not may(actor, permission):
        roles = " or ".join(sorted(ALLOWED[permission] - {Role.OWNER}))
        raise NotAllowedError(f"{permission} takes the role {roles}; {actor.name} is {actor.role}")
