"""Changes to keys, which take two officers: a new master key for a terminal, an issuer's or a base key taken out.

A new key is made in the security module and kept wrapped; nobody sees it, its check value says which one it is.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import sqlalchemy as sa

from switch.errors import ConfigurationError, NotInBooks, OperatorError
from switch.ledger.dukpt_tables import BASE_USAGE
from switch.ledger.key_store import ShownKey, keep_terminal_key, remove_base_key, remove_issuer_key
from switch.ledger.schema import base_key, issuer_key, terminal_key
from switch.office.acts import ALWAYS, Act, Asked, Changed, Desk, Nothing
from switch.office.roles import Permission
from switch.security.key_blocks import KeyUsage, terminal_owner
from switch.security.keys import load_keys
from switch.security.software_hsm import SoftwareHsm

PAGE_ROWS: Final = 50
ISSUER_KEYS_MAX: Final = 200
BASE_KEYS_MAX: Final = 200

_PARTS: Final = 3


class IssuerKey(NamedTuple):
    """What an issuer's key is known by, as a target ``issuer_key:PREFIX/USAGE/INDEX``; the only one has no index."""

    prefix: str
    usage: str
    key_index: str


def issuer_key_of(key: str) -> IssuerKey:
    """Read the key of a target. Raises `OperatorError`."""
    parts = key.split("/")
    if len(parts) != _PARTS or not parts[0].isdigit():
        raise OperatorError("an issuer's key is named PREFIX/USAGE/INDEX, like 622848/pvk/ or 622848/pvk/1")
    return IssuerKey(*parts)


# --- changes -----------------------------------------------------------------------------------------------


def _new_master_key(desk: Desk, connection: sa.Connection, asked: Asked[Nothing]) -> Changed:
    masters = load_keys(desk.settings.keys.file).master
    if masters is None:
        raise ConfigurationError("the key file has no [master] key, under which all others are kept")
    usage = KeyUsage.TERMINAL_MASTER
    before = _check_value(connection, asked.key, usage)
    kept = SoftwareHsm(masters).generate(usage, owner=terminal_owner(asked.key))
    keep_terminal_key(connection, asked.key, usage, *kept, desk.clock())
    return Changed({"check_value": before}, {"check_value": kept.check_value})


def _check_value(connection: sa.Connection, terminal_id: str, usage: KeyUsage) -> str:
    its = terminal_key.c
    found = sa.select(its.check_value).where(its.terminal_id == terminal_id, its.usage == usage.value)
    return str(connection.execute(found.with_for_update()).scalar() or "")


def _remove_issuer_key(_desk: Desk, connection: sa.Connection, asked: Asked[Nothing]) -> Changed:
    named, its = issuer_key_of(asked.key), issuer_key.c
    this = (its.prefix == named.prefix, its.usage == named.usage, its.key_index == named.key_index)
    before = connection.execute(sa.select(its.check_value).where(*this)).scalar()
    if before is None or not remove_issuer_key(connection, *named):
        raise NotInBooks(f"no key {named.prefix} {named.usage} {named.key_index}".rstrip())
    return Changed({"check_value": before}, {})


def _remove_base_key(_desk: Desk, connection: sa.Connection, asked: Asked[Nothing]) -> Changed:
    this = base_key.c.key_set == asked.key
    before = connection.execute(sa.select(base_key.c.check_value).where(this)).scalar()
    if before is None or not remove_base_key(connection, asked.key):
        raise NotInBooks(f"no base derivation key {asked.key}")
    return Changed({"check_value": before}, {})


KEY_ACTS: Final = (
    Act("terminal.new_master_key", "terminal", Permission.KEYS, Nothing, _new_master_key, needs_two=ALWAYS),
    Act("issuer_key.remove", "issuer_key", Permission.KEYS, Nothing, _remove_issuer_key, needs_two=ALWAYS),
    Act("base_key.remove", "base_key", Permission.KEYS, Nothing, _remove_base_key, needs_two=ALWAYS),
)


# --- what may be shown -------------------------------------------------------------------------------------


def issuer_keys(connection: sa.Connection) -> list[ShownKey]:
    """Return issuers' keys by prefix, at most `ISSUER_KEYS_MAX`."""
    its = issuer_key.c
    columns = (its.prefix, its.usage, its.key_index, its.check_value, its.method, its.changed_at)
    asked = sa.select(*columns).order_by(*columns[:3]).limit(ISSUER_KEYS_MAX)
    return [ShownKey(*row) for row in connection.execute(asked)]


def base_keys(connection: sa.Connection) -> list[ShownKey]:
    """Return base derivation keys by key set, at most `BASE_KEYS_MAX`."""
    its = base_key.c
    asked = sa.select(its.key_set, its.check_value, its.changed_at).order_by(its.key_set).limit(BASE_KEYS_MAX)
    return [ShownKey(key_set, BASE_USAGE, "", check, "", at) for key_set, check, at in connection.execute(asked)]


def master_keys(connection: sa.Connection, after: str = "") -> list[ShownKey]:
    """Return terminals' master keys by terminal, after one; one more than a page where there are more."""
    its = terminal_key.c
    asked = (
        sa.select(its.terminal_id, its.usage, its.check_value, its.changed_at)
        .where(its.usage == KeyUsage.TERMINAL_MASTER.value)
        .order_by(its.terminal_id)
        .limit(PAGE_ROWS + 1)
    )
    rows = connection.execute(asked.where(its.terminal_id > after) if after else asked)
    return [ShownKey(owner, usage, "", check, "", at) for owner, usage, check, at in rows]
