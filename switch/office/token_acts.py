"""Changes to who is let in: tokens made and revoked.

Two officers are two only while nobody can make themselves a second name. So an officer alone lets in viewers, who can
change nothing; any other token takes two officers, of whom each is shown one half of it, and a certificate, which
would be whole in one hand, stands for such a token only where that is made at a shell.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final, Literal

import sqlalchemy as sa
from pydantic import Field

from switch.errors import OperatorError
from switch.office.acts import Act, Arguments, Asked, Changed, Desk, Nothing, Proposed, number_of
from switch.office.roles import Permission, Role
from switch.office.tokens import DAYS_MAX, NAME_MAX, check_name, create_token, first_half, revoke_token

_MICROSECONDS: Final = 1_000_000


class TokenWish(Arguments):
    """What a token is to be. ``certificate``: the SHA-256 of a client certificate that stands for it."""

    name: Annotated[str, Field(min_length=1, max_length=NAME_MAX)]
    role: Literal["viewer", "operator", "officer", "finance"]
    days: Annotated[int, Field(ge=1, le=DAYS_MAX)] = 90
    certificate: Annotated[str, Field(max_length=95)] = ""


class ProposedToken(TokenWish):
    """What a token is to be, and what is known of the half that its proposer was shown."""

    first_half_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


def _can_change(_desk: Desk, _connection: sa.Connection, asked: Asked[TokenWish]) -> bool:
    return asked.arguments.role != "viewer"


def _propose(asked: Asked[TokenWish]) -> Proposed:
    wish = asked.arguments
    check_name(wish.name)
    if wish.certificate:
        raise OperatorError("a certificate stands for a viewer's token, or for one that is made at a shell")
    half = first_half()
    told = wish.model_dump(exclude_unset=True)
    return Proposed(ProposedToken(**told, first_half_sha256=half.sha256), {"First half of the token": half.secret})


def _create(desk: Desk, connection: sa.Connection, asked: Asked[TokenWish]) -> Changed:
    wish = asked.arguments
    half = wish.first_half_sha256 if isinstance(wish, ProposedToken) else ""
    made = create_token(
        connection,
        wish.name,
        Role(wish.role),
        days=wish.days,
        now=desk.clock(),
        certificate=wish.certificate,
        first_half_sha256=half,
    )
    ends = datetime.fromtimestamp(made.expires_at / _MICROSECONDS, UTC).date().isoformat()
    after = {"token": made.token_id, "name": wish.name, "role": wish.role, "ends": ends}
    return Changed({}, after, {"Second half of the token" if half else "Token": made.secret})


def _revoke(desk: Desk, connection: sa.Connection, asked: Asked[Nothing]) -> Changed:
    before = revoke_token(connection, number_of(asked.key), desk.clock())
    return Changed({"name": before.name, "role": str(before.role), "state": before.state}, {"state": "revoked"})


TOKEN_ACTS: Final = (
    Act(
        "token.create",
        "token",
        Permission.TOKENS,
        TokenWish,
        _create,
        needs_two=_can_change,
        propose=_propose,
        proposed=ProposedToken,
    ),
    Act("token.revoke", "token", Permission.TOKENS, Nothing, _revoke),
)
