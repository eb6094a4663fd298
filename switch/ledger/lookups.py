"""What security needs of the books before a request can be decided: a PIN's reference, a terminal's keys.

Read for many requests at once, by whoever may wait (`switch.terminals.sweeps`). Nothing here is exact, so nothing is
locked: what must be exact (tries, counters) is judged in the request's group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import sqlalchemy as sa

from switch.ledger.database import Database
from switch.ledger.dukpt_tables import BASE_USAGE
from switch.ledger.schema import base_key, card, issuer_key, operator, terminal_key


class KeptKey(NamedTuple):
    """A terminal's key as wrapped key blocks; ``previous`` is "" or what it took over from at ``changed_at``."""

    block: str
    previous: str
    changed_at: int


class Verification(NamedTuple):
    """What a card's PIN and codes are held against. Absent is ""."""

    pvv: str
    pvki: str
    cvv_key: str
    service_code: str
    expiry_yymm: str
    scheme: str

    def __repr__(self) -> str:
        return "Verification(********)"


class Question(NamedTuple):
    """What is asked for: any of a terminal's keys, a card (by its look-up key), an operator (merchant, number)."""

    terminal_id: str = ""
    pan_key: bytes = b""
    operator: tuple[str, str] | None = None


class Answer(NamedTuple):
    """What there is of it. ``password`` is the operator's hash, "" where there is none, None without an operator."""

    keys: Mapping[str, KeptKey]
    card: Verification | None
    password: str | None


_NO_KEYS: Final[Mapping[str, KeptKey]] = {}


def read_answers(database: Database, questions: Sequence[Question]) -> list[Answer]:
    """Answer questions in one snapshot, in their order."""
    with database.reading() as connection:
        keys = _keys(connection, {asked.terminal_id for asked in questions if asked.terminal_id})
        cards = _cards(connection, {asked.pan_key for asked in questions if asked.pan_key})
        passwords = _passwords(connection, {asked.operator for asked in questions if asked.operator})
    return [
        Answer(
            keys.get(asked.terminal_id, _NO_KEYS),
            cards.get(asked.pan_key),
            passwords.get(asked.operator) if asked.operator else None,
        )
        for asked in questions
    ]


def read_issuer_keys(database: Database) -> list[tuple[str, str, str, str, str]]:
    """Return (prefix, usage, key index, block, method) of all keys of issuers' ranges: a few dozen at most."""
    its = issuer_key.c
    wanted = sa.select(its.prefix, its.usage, its.key_index, its.block, its.method)
    with database.reading() as connection:
        return [(row[0], row[1], row[2], row[3], row[4]) for row in connection.execute(wanted)]


def read_base_keys(database: Database) -> list[tuple[str, str, str]]:
    """Return (key set, check value, block) of all base derivation keys: a handful."""
    its = base_key.c
    with database.reading() as connection:
        found = connection.execute(sa.select(its.key_set, its.check_value, its.block))
        return [(row[0], row[1], row[2]) for row in found]


def read_any_key(database: Database) -> tuple[str, str] | None:
    """Return (usage, block) of one key of the books, the newest; None where there is none."""
    with database.reading() as connection:
        for table in (terminal_key, issuer_key, base_key):
            usage = sa.literal(BASE_USAGE) if table is base_key else table.c.usage
            newest = sa.select(usage, table.c.block).order_by(table.c.changed_at.desc()).limit(1)
            found = connection.execute(newest).first()
            if found is not None:
                return found[0], found[1]
    return None


def _keys(connection: sa.Connection, terminals: set[str]) -> dict[str, dict[str, KeptKey]]:
    found: dict[str, dict[str, KeptKey]] = {}
    if terminals:
        its = terminal_key.c
        wanted = sa.select(its.terminal_id, its.usage, its.block, its.previous_block, its.changed_at)
        for terminal_id, usage, *key in connection.execute(wanted.where(its.terminal_id.in_(terminals))):
            found.setdefault(terminal_id, {})[usage] = KeptKey(*key)
    return found


def _cards(connection: sa.Connection, pan_keys: set[bytes]) -> dict[bytes, Verification]:
    if not pan_keys:
        return {}
    columns = [card.c[name] for name in Verification._fields]
    wanted = sa.select(card.c.pan_key, *columns).where(card.c.pan_key.in_(pan_keys))
    return {bytes(row[0]): Verification(*row[1:]) for row in connection.execute(wanted)}


def _passwords(connection: sa.Connection, operators: set[tuple[str, str]]) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for merchant_id, operator_id in sorted(operators):
        wanted = sa.select(operator.c.password).where(
            operator.c.merchant_id == merchant_id, operator.c.operator_id == operator_id
        )
        password = connection.execute(wanted).scalar()
        if password is not None:
            found[merchant_id, operator_id] = password
    return found
