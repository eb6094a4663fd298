"""Changes to who is let in: tokens made and revoked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final, Literal

import sqlalchemy as sa
from pydantic import Field

from switch.office.acts import Act, Arguments, Asked, Changed, Desk, Nothing, number_of
from switch.office.roles import Permission, Role
from switch.office.tokens import DAYS_MAX, NAME_MAX, create_token, revoke_token

_MICROSECONDS: Final = 1_000_000


class TokenWish(Arguments):
    """What a token is to be. ``certificate``: the SHA-256 of a client certificate that stands for it."""

    name: Annotated[str, Field(min_length=1, max_length=NAME_MAX)]
    role: Literal["viewer", "operator", "officer", "finance"]
    days: Annotated[int, Field(ge=1, le=DAYS_MAX)] = 90
    certificate: Annotated[str, Field(max_length=95)] = ""


def _create(desk: Desk, connection: sa.Connection, asked: Asked[TokenWish]) -> Changed:
    wish = asked.arguments
    made = create_token(
        connection,
        wish.name,
        Role(wish.role),
        days=wish.days,
        now=desk.clock(),
        certificate=wish.certificate,
    )
    ends = datetime.fromtimestamp(made.expires_at / _MICROSECONDS, UTC).date().isoformat()
    after = {"token": made.token_id, "name": wish.name, "role": wish.role, "ends": ends}
    return Changed({}, after, {"Token": made.secret})


def _revoke(desk: Desk, connection: sa.Connection, asked: Asked[Nothing]) -> Changed:
    before = revoke_token(connection, number_of(asked.key), desk.clock())
    return Changed({"name": before.name, "role": str(before.role), "state": before.state}, {"state": "revoked"})


TOKEN_ACTS: Final = (
    Act("token.create", "token", Permission.TOKENS, TokenWish, _create),
    Act("token.revoke", "token", Permission.TOKENS, Nothing, _revoke),
)
