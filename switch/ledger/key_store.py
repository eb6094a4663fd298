"""Keeps wrapped keys in the books: terminals' master keys and issuers' keys. The blocks are opaque here."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa

from switch.errors import OperatorError
from switch.ledger.database import Database, read_meta
from switch.ledger.schema import issuer_key, terminal, terminal_key


class ShownKey(NamedTuple):
    """What may be shown of a key: whose it is, what it is for, its check value, and when it was put in."""

    owner: str
    usage: str
    key_index: str
    check_value: str
    method: str
    changed_at: int


def is_demo(database: Database) -> bool:
    """Whether these books are a demo's."""
    with database.reading() as connection:
        return read_meta(connection).get("demo") == "yes"


def keep_terminal_key(
    connection: sa.Connection, terminal_id: str, usage: str, check_value: str, block: str, now: int
) -> None:
    """Put in or replace a terminal's key; the one before it is good no more. Raises `OperatorError`."""
    known = sa.select(terminal.c.terminal_id).where(terminal.c.terminal_id == terminal_id)
    if connection.execute(known).first() is None:
        raise OperatorError(f"no terminal {terminal_id} in the books")
    its = terminal_key.c
    connection.execute(sa.delete(terminal_key).where(its.terminal_id == terminal_id, its.usage == usage))
    connection.execute(
        sa.insert(terminal_key).values(
            terminal_id=terminal_id, usage=usage, check_value=check_value, block=block, changed_at=now
        )
    )


def terminal_keys_kept(connection: sa.Connection) -> bool:
    """Whether any terminal has a key."""
    return connection.execute(sa.select(terminal_key.c.terminal_id).limit(1)).first() is not None


def terminal_block(connection: sa.Connection, terminal_id: str, usage: str) -> str:
    """Return the key block of a terminal's key. Raises `OperatorError` where there is none."""
    its = terminal_key.c
    found = connection.execute(sa.select(its.block).where(its.terminal_id == terminal_id, its.usage == usage)).scalar()
    if found is None:
        raise OperatorError(f"terminal {terminal_id} has no key of usage {usage}")
    return str(found)


def keep_issuer_key(
    connection: sa.Connection,
    prefix: str,
    usage: str,
    key_index: str,
    method: str,
    check_value: str,
    block: str,
    now: int,
) -> None:
    """Put in or replace the key of a range of cards."""
    remove_issuer_key(connection, prefix, usage, key_index)
    connection.execute(
        sa.insert(issuer_key).values(
            prefix=prefix,
            usage=usage,
            key_index=key_index,
            method=method,
            check_value=check_value,
            block=block,
            changed_at=now,
        )
    )


def remove_issuer_key(connection: sa.Connection, prefix: str, usage: str, key_index: str) -> bool:
    """Take the key of a range of cards out; False where there was none."""
    its = issuer_key.c
    chosen = (its.prefix == prefix, its.usage == usage, its.key_index == key_index)
    return bool(connection.execute(sa.delete(issuer_key).where(*chosen)).rowcount)


def shown_keys(connection: sa.Connection, terminal_id: str | None = None) -> list[ShownKey]:
    """Return all keys, or those of one terminal, in order, without their blocks."""
    its, theirs = terminal_key.c, issuer_key.c
    wanted = sa.select(its.terminal_id, its.usage, its.check_value, its.changed_at).order_by(its.terminal_id, its.usage)
    if terminal_id is not None:
        wanted = wanted.where(its.terminal_id == terminal_id)
    found = [ShownKey(owner, usage, "", check, "", at) for owner, usage, check, at in connection.execute(wanted)]
    if terminal_id is None:
        columns = (theirs.prefix, theirs.usage, theirs.key_index, theirs.check_value, theirs.method, theirs.changed_at)
        found += [ShownKey(*row) for row in connection.execute(sa.select(*columns).order_by(*columns[:3]))]
    return found
