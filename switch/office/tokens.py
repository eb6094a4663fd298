"""Tokens: what a person or a program shows to be let in. Kept as a hash, with a role and an end.

A token is ``swt_`` and 43 characters of base64url: 256 random bits, so one SHA-256 is a safe hash of it and no
guessing gets anywhere. It is shown once, when it is made.

One that two officers make has two such halves with a dot between them, and neither officer sees both: the first half is
shown to whoever proposes it, the second to whoever approves it. Until then only the first half's SHA-256 is kept, and
the hash of the whole is over that and the second half, both marked as such: who has seen the second half and what is
kept of the first has no token in them.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Final, NamedTuple

import sqlalchemy as sa

from switch.errors import NotInBooks, OperatorError
from switch.ledger.office_tables import access_token
from switch.office.roles import Actor, Role

PREFIX: Final = "swt_"
TOKEN_BYTES: Final = 32
DAYS_MAX: Final = 366
NAME_MAX: Final = 64
USED_EVERY_US: Final = 60_000_000
"""How often "last used" is written at most: looking must not write at each page."""

_BETWEEN: Final = "."
_HALVED: Final = (
    b"\xff"  # no text begins with it: what is hashed of two halves is never what is hashed of a whole token
)
_DAY_US: Final = 86_400_000_000


class NewToken(NamedTuple):
    """A token just made. ``secret`` is not kept anywhere."""

    token_id: int
    secret: str
    expires_at: int

    def __repr__(self) -> str:
        return f"<NewToken {self.token_id}>"


class FirstHalf(NamedTuple):
    """What whoever proposes a token is shown, and what is kept of it: its SHA-256 in hex."""

    secret: str
    sha256: str

    def __repr__(self) -> str:
        return f"<FirstHalf {self.sha256[:8]}>"


class TokenLine(NamedTuple):
    """A token as lists show it. ``state`` is active, expired or revoked."""

    token_id: int
    name: str
    role: Role
    created_at: int
    expires_at: int
    used_at: int | None
    state: str
    has_certificate: bool


def first_half() -> FirstHalf:
    """Make the half of a token that its proposer hands over."""
    secret = PREFIX + secrets.token_urlsafe(TOKEN_BYTES) + _BETWEEN
    return FirstHalf(secret, hashlib.sha256(secret.encode()).hexdigest())


def create_token(
    connection: sa.Connection,
    name: str,
    role: Role,
    *,
    days: int,
    now: int,
    certificate: str = "",
    first_half_sha256: str = "",
) -> NewToken:
    """Make a token for ``days`` days; where a first half was made before, the secret is the second half.

    ``certificate`` is the SHA-256 of a client certificate in hex, which then stands for the token. Raises
    `OperatorError` for a name, days or certificate that cannot be.
    """
    check_name(name)
    if role is Role.OWNER:
        raise OperatorError("a token's role is viewer, operator, officer or finance")
    if not 1 <= days <= DAYS_MAX:
        raise OperatorError(f"a token lives 1 to {DAYS_MAX} days, not {days}")
    fingerprint = certificate.replace(":", "").lower()
    if fingerprint and (len(fingerprint) != 64 or set(fingerprint) - set("0123456789abcdef")):  # noqa: PLR2004 - SHA-256
        raise OperatorError("a certificate is named by its SHA-256 fingerprint: 64 hex digits")
    secret = secrets.token_urlsafe(TOKEN_BYTES)
    if first_half_sha256:
        token_hash = _hash_of_halves(bytes.fromhex(first_half_sha256), secret)
    else:
        secret = PREFIX + secret
        token_hash = _hashed(secret)
    number = (connection.execute(sa.select(sa.func.max(access_token.c.token_id))).scalar() or 0) + 1
    expires_at = now + days * _DAY_US
    row = {
        "token_id": number,
        "name": name,
        "role": str(role),
        "token_hash": token_hash,
        "certificate": fingerprint,
        "created_at": now,
        "expires_at": expires_at,
    }
    connection.execute(sa.insert(access_token), [row])
    return NewToken(number, secret, expires_at)


def check_name(name: str) -> None:
    """Raise `OperatorError` unless the name is 1 to 64 printable characters without spaces around."""
    if not (0 < len(name) <= NAME_MAX and name.isprintable() and name == name.strip()):
        raise OperatorError(f"a token's name is 1 to {NAME_MAX} printable characters")


def revoke_token(connection: sa.Connection, token_id: int, now: int) -> TokenLine:
    """End a token now; one that has ended stays as it is. Raises `NotInBooks`."""
    its = access_token.c.token_id == token_id
    found = connection.execute(sa.select(access_token).where(its).with_for_update()).first()
    if found is None:
        raise NotInBooks(f"there is no token {token_id}")
    if found.revoked_at is None:
        connection.execute(sa.update(access_token).where(its).values(revoked_at=now))
    return _line(found, now)


def list_tokens(
    connection: sa.Connection, now: int, *, limit: int | None = None, before_id: int | None = None
) -> list[TokenLine]:
    """Return every token ever made, the newest first; or so many of those before another one."""
    asked = sa.select(access_token).order_by(access_token.c.token_id.desc()).limit(limit)
    if before_id is not None:
        asked = asked.where(access_token.c.token_id < before_id)
    rows = connection.execute(asked)
    return [_line(row, now) for row in rows]


class Holder(NamedTuple):
    """Whoever showed a good token, and whether its use is to be noted (`note_use`)."""

    token_id: int
    actor: Actor
    expires_at: int
    is_stale: bool


def holder_of(connection: sa.Connection, secret: str, now: int) -> Holder | None:
    """Return who holds this token; None for one that is unknown, expired or revoked."""
    return _holder(connection, access_token.c.token_hash == _hashed(secret), now)


def holder_of_id(connection: sa.Connection, token_id: int, now: int) -> Holder | None:
    """Return who holds the token of this number (a session remembers it); None where it has ended since."""
    return _holder(connection, access_token.c.token_id == token_id, now)


def holder_by_certificate(connection: sa.Connection, fingerprint: str, now: int) -> Holder | None:
    """Return who a client certificate stands for, by its SHA-256 in hex; None where nobody."""
    if not fingerprint:
        return None
    return _holder(connection, access_token.c.certificate == fingerprint.lower(), now)


def note_use(connection: sa.Connection, token_id: int, now: int) -> None:
    """Write down that the token was used."""
    connection.execute(sa.update(access_token).where(access_token.c.token_id == token_id).values(used_at=now))


def _holder(connection: sa.Connection, which: sa.ColumnElement[bool], now: int) -> Holder | None:
    row = connection.execute(
        sa.select(access_token)
        .where(which, access_token.c.revoked_at.is_(None), access_token.c.expires_at > now)
        .order_by(access_token.c.token_id.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    is_stale = row.used_at is None or now - row.used_at > USED_EVERY_US
    return Holder(row.token_id, Actor(row.name, Role(row.role)), row.expires_at, is_stale)


def _line(row: sa.Row[tuple[object, ...]], now: int) -> TokenLine:
    state = "revoked" if row.revoked_at is not None else "expired" if row.expires_at <= now else "active"
    return TokenLine(
        row.token_id,
        row.name,
        Role(row.role),
        row.created_at,
        row.expires_at,
        row.used_at,
        state,
        bool(row.certificate),
    )


def _hashed(secret: str) -> bytes:
    first, between, second = secret.partition(_BETWEEN)
    whole = hashlib.sha256((first + between).encode()).digest()
    return _hash_of_halves(whole, second) if between else whole


def _hash_of_halves(first_sha256: bytes, second: str) -> bytes:
    return hashlib.sha256(_HALVED + first_sha256 + second.encode()).digest()
