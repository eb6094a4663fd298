"""Keeps wrapped keys in the books: terminals' master keys, issuers' and base derivation keys. Blocks are opaque."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import sqlalchemy as sa

from switch.errors import OperatorError
from switch.ledger.database import Database, read_meta
from switch.ledger.dukpt_tables import BASE_USAGE
from switch.ledger.ports import PanVault
from switch.ledger.schema import base_key, card, issuer_key, terminal, terminal_key

PAGE_MAX: Final = 200
"""Rows that are wrapped or sealed anew in one transaction: a fraction of a second that others wait."""


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


def keep_base_key(connection: sa.Connection, key_set: str, check_value: str, block: str, now: int) -> None:
    """Put in or replace the base derivation key of a key set."""
    remove_base_key(connection, key_set)
    row = {"key_set": key_set, "check_value": check_value, "block": block, "changed_at": now}
    connection.execute(sa.insert(base_key).values(row))


def remove_base_key(connection: sa.Connection, key_set: str) -> bool:
    """Take a base derivation key out; False where there was none. The counters of its devices stay."""
    return bool(connection.execute(sa.delete(base_key).where(base_key.c.key_set == key_set)).rowcount)


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
        base = base_key.c
        wanted = sa.select(base.key_set, base.check_value, base.changed_at).order_by(base.key_set)
        found += [ShownKey(row[0], BASE_USAGE, "", row[1], "", row[2]) for row in connection.execute(wanted)]
    return found


# --- wrapped and sealed anew -------------------------------------------------------------------------------

TerminalWrap = Callable[[str, str, str], str | None]
"""Terminal, usage and key block to the block that takes its place, None where it stays."""

IssuerWrap = Callable[[str, str, str, str], str | None]
"""The same of a prefix, usage, key index and block."""

BaseWrap = Callable[[str, str], str | None]
"""The same of a key set and block."""


def rewrap_terminal_keys(database: Database, again: TerminalWrap, page_max: int = PAGE_MAX) -> int:
    """Put every terminal's keys, those from before a sign-on too, in anew; return how many blocks changed.

    A page a transaction, its rows locked in the order of their keys: groups that change keys wait for moments, and what
    is interrupted goes on when it is called again.
    """
    its, changed = terminal_key.c, 0
    last: tuple[str, str] | None = None
    while True:
        page = sa.select(its.terminal_id, its.usage, its.block, its.previous_block).order_by(its.terminal_id, its.usage)
        if last is not None:
            page = page.where(sa.tuple_(its.terminal_id, its.usage) > sa.tuple_(*map(sa.literal, last)))
        with database.writing() as connection:
            rows = connection.execute(page.limit(page_max).with_for_update()).all()
            for terminal_id, usage, block, previous in rows:
                new = again(terminal_id, usage, block)
                new_previous = again(terminal_id, usage, previous) if previous else None
                if new is None and new_previous is None:
                    continue
                connection.execute(
                    sa.update(terminal_key)
                    .where(its.terminal_id == terminal_id, its.usage == usage)
                    .values(block=new or block, previous_block=new_previous or previous)
                )
                changed += (new is not None) + (new_previous is not None)
        if len(rows) < page_max:
            return changed
        last = (rows[-1][0], rows[-1][1])


def rewrap_issuer_keys(database: Database, again: IssuerWrap) -> int:
    """Put the keys of all ranges of cards in anew, in one transaction; return how many changed."""
    its, changed = issuer_key.c, 0
    wanted = sa.select(its.prefix, its.usage, its.key_index, its.block)
    with database.writing() as connection:
        rows = connection.execute(wanted.order_by(its.prefix, its.usage, its.key_index).with_for_update()).all()
        for prefix, usage, key_index, block in rows:
            new = again(prefix, usage, key_index, block)
            if new is not None:
                which = (its.prefix == prefix, its.usage == usage, its.key_index == key_index)
                connection.execute(sa.update(issuer_key).where(*which).values(block=new))
                changed += 1
    return changed


def rewrap_base_keys(database: Database, again: BaseWrap) -> int:
    """Put all base derivation keys in anew, in one transaction; return how many changed."""
    its, changed = base_key.c, 0
    with database.writing() as connection:
        wanted = sa.select(its.key_set, its.block).order_by(its.key_set).with_for_update()
        for key_set, block in connection.execute(wanted).all():
            new = again(key_set, block)
            if new is not None:
                connection.execute(sa.update(base_key).where(its.key_set == key_set).values(block=new))
                changed += 1
    return changed


def reseal_cards(database: Database, vault: PanVault, page_max: int = PAGE_MAX) -> int:
    """Seal card numbers that are under an older version of the vault's key anew; return how many. By pages as well."""
    its, changed, last = card.c, 0, -1
    while True:
        page = sa.select(its.card_id, its.pan_sealed, its.key_version).order_by(its.card_id).limit(page_max)
        page = page.where(its.key_version != vault.key_version, its.card_id > last)
        with database.writing() as connection:
            rows = connection.execute(page.with_for_update()).all()
            for card_id, sealed, key_version in rows:
                anew = vault.seal(vault.open(bytes(sealed), key_version))
                change = sa.update(card).where(its.card_id == card_id)
                connection.execute(change.values(pan_sealed=anew, key_version=vault.key_version))
        changed += len(rows)
        if len(rows) < page_max:
            return changed
        last = rows[-1][0]
