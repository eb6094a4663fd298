"""Terminals as officers look at them: the list, one with its keys, its newest messages and its health.

Whatever a terminal has done in its life, only its newest rows of the journal are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from switch.errors import NotInBooks
from switch.ledger import schema
from switch.ledger.queries import JournalLine, line_of
from switch.ledger.terminals import HeldKey, TerminalStanding
from switch.office.health import DAY_US, FINE, WORDS, Seen, Sign, Skew, signs_of, usual_of, worst

PAGE_ROWS: Final = 50
LOOKED_AT: Final = 1_000
"""Terminals looked at, at a time, for what no index finds."""

HEALTH_ROWS: Final = 2_000
"""Newest rows of a terminal that its health is told from: a busy till's week."""

FLEET_ROWS: Final = 3_000
"""Newest rows of all terminals that the overview is told from."""

_TELLING_ROWS: Final = 5
"""Rows of a terminal among them from which on they tell something."""

UNWELL_MAX: Final = 50
SILENT: Final = "silent"
"""Asked for like a status: active terminals that were not heard of yesterday or today."""

_LAST_BATCH: Final = "999999"


class Filter(NamedTuple):
    """What is looked for; "" does not matter. ``status`` may be `SILENT`."""

    prefix: str = ""
    merchant_id: str = ""
    status: str = ""


class TerminalLine(NamedTuple):
    """A terminal as lists show it; ``last_seen_day`` is a yyyymmdd, 0 for never."""

    terminal_id: str
    merchant_id: str
    status: str
    batch: str
    batch_state: str
    software: str
    pending: str
    last_seen_day: int


class FoundTerminals(NamedTuple):
    """One page, by id; ``next_after`` is the cursor of the next one, "" where there is none."""

    lines: list[TerminalLine]
    next_after: str = ""


def find_terminals(
    connection: sa.Connection, wanted: Filter, after: str = "", *, seen_before_day: int = 0, limit: int = PAGE_ROWS
) -> FoundTerminals:
    """Return terminals that fit, from the one after ``after`` on, in the order of their ids.

    ``seen_before_day`` (yyyymmdd) is what `SILENT` means.
    """
    its = schema.terminal.c
    asked = sa.select(*(its[name] for name in TerminalLine._fields)).order_by(its.terminal_id).limit(LOOKED_AT)
    if wanted.merchant_id:
        asked = asked.where(its.merchant_id == wanted.merchant_id)
    asked = asked.where(its.terminal_id > after) if after else asked.where(its.terminal_id >= wanted.prefix)
    lines: list[TerminalLine] = []
    last, looked_at = "", 0
    for row in connection.execute(asked):
        line = TerminalLine(*row)
        last, looked_at = line.terminal_id, looked_at + 1
        if _fits(line, wanted, seen_before_day):
            lines.append(line)
        if len(lines) == limit:
            return FoundTerminals(lines, last)
    goes_on = looked_at == LOOKED_AT and last.startswith(wanted.prefix)
    return FoundTerminals(lines, last if goes_on else "")


def _fits(line: TerminalLine, wanted: Filter, seen_before_day: int) -> bool:
    if not line.terminal_id.startswith(wanted.prefix):
        return False
    if wanted.status == SILENT:
        return line.status == "active" and 0 < line.last_seen_day < seen_before_day
    return wanted.status in {"", line.status}


def terminal_page(connection: sa.Connection, terminal_id: str) -> TerminalStanding:
    """Show a terminal. Raises `NotInBooks`."""
    terminal, merchant, key = schema.terminal, schema.merchant, schema.terminal_key.c
    found = connection.execute(
        sa.select(terminal, merchant.c.name.label("merchant_name"), merchant.c.status.label("merchant_status"))
        .join(merchant, merchant.c.merchant_id == terminal.c.merchant_id)
        .where(terminal.c.terminal_id == terminal_id)
    ).mappings().first()  # fmt: skip
    if found is None:
        raise NotInBooks(f"terminal {terminal_id} is not in the books")
    row: dict[str, Any] = dict(found)
    keys = sa.select(key.usage, key.check_value, key.changed_at).where(key.terminal_id == terminal_id)
    newest = newest_transactions(connection, {terminal_id: row["batch"]}, 1)
    return TerminalStanding(
        signed_on=bool(row.pop("signed_on")),
        fallback=bool(row.pop("fallback")),
        pending=tuple(row.pop("pending").split()),
        keys=tuple(HeldKey(*each) for each in connection.execute(keys.order_by(key.usage))),
        last_seen_at=newest[0].decided_at if newest else None,
        **row,
    )


def newest_transactions(connection: sa.Connection, terminals: Mapping[str, str], limit: int) -> list[JournalLine]:
    """Return the newest transactions of terminals, the newest first; they are given with the batch each is in."""
    ids: list[int] = []
    for terminal_id, batch in terminals.items():
        found = connection.execute(_NEWEST_IDS, {"terminal_id": terminal_id, "batch": batch, "limit": limit})
        ids = sorted({*ids, *found.scalars()}, reverse=True)[:limit]
    rows = connection.execute(sa.select(schema.journal).where(schema.journal.c.journal_id.in_(ids)))
    return sorted((line_of(row) for row in rows), key=lambda line: line.journal_id, reverse=True)


# --- health ------------------------------------------------------------------------------------------------


class Unwell(NamedTuple):
    """A terminal that needs a look: the word for it, and its signs that are not fine."""

    terminal_id: str
    merchant_id: str
    word: str
    signs: list[Sign]


def health_of(
    connection: sa.Connection, terminal_id: str, batch: str, now: int, skew: Skew, *, expected: bool
) -> list[Sign]:
    """Return the signs of a terminal's health from its newest rows."""
    given = {"terminal_id": terminal_id, "batch": batch, "limit": HEALTH_ROWS}
    seen = {row.journal_id: Seen._make(row) for row in connection.execute(_NEWEST_SEEN, given)}
    newest = [seen[journal_id] for journal_id in sorted(seen, reverse=True)[:HEALTH_ROWS]]
    return signs_of(newest, now, skew, expected=expected)


def unwell_terminals(connection: sa.Connection, now: int, skew: Skew) -> list[Unwell]:
    """Return the terminals that need a look by the newest rows of all, each held against the others; worst first."""
    its = schema.journal.c
    asked = sa.select(its.terminal_id, its.merchant_id, *(its[name] for name in Seen._fields))
    rows = connection.execute(asked.order_by(its.journal_id.desc()).limit(FLEET_ROWS)).all()
    everybody: list[Seen] = []
    each: dict[tuple[str, str], list[Seen]] = {}
    for row in rows:
        one = Seen._make(row[2:])
        if row.terminal_id and one.received_at > now - DAY_US:
            everybody.append(one)
            each.setdefault((row.terminal_id, row.merchant_id), []).append(one)
    usual = usual_of(everybody)
    found = []
    for who, seen in each.items():
        if len(seen) < _TELLING_ROWS:
            continue
        is_others = 2 * len(seen) < len(everybody)  # nobody is held against themselves
        found.append(_unwell(*who, signs_of(seen, now, skew, expected=True, usual=usual if is_others else None)))
    needing = [one for one in found if one.word != FINE]
    return sorted(needing, key=lambda one: (-WORDS.index(one.word), one.terminal_id))[:UNWELL_MAX]


def _unwell(terminal_id: str, merchant_id: str, signs: list[Sign]) -> Unwell:
    return Unwell(terminal_id, merchant_id, worst(signs), [sign for sign in signs if sign.word != FINE])


def _newest(*columns: sa.ColumnElement[Any]) -> sa.CompoundSelect[Any]:
    """Ask for a terminal's newest rows of the journal: ``terminal_id``, the ``batch`` it is in, ``limit``.

    Those of batches have an index: up to the present one from the back, and those from before the numbers began anew.
    Those of no batch are found by their keys, of which a terminal has some thousand a year, and what has no key by an
    index again. None of these reads more than ``limit`` rows of the journal; the newest of them all are in it, and a
    row may be there twice.
    """
    its, key = schema.journal.c, schema.request_key.c
    terminal_id, batch = sa.bindparam("terminal_id", type_=sa.Text), sa.bindparam("batch", type_=sa.Text)
    limit = sa.bindparam("limit", type_=sa.Integer)
    every = sa.select(*columns).where(its.terminal_id == terminal_id)
    of_batches = every.where(schema.HAS_BATCH).order_by(its.batch.desc(), its.journal_id.desc())
    keyless = every.where(schema.IS_KEYLESS).order_by(its.journal_id.desc())
    keys = sa.select(key.journal_id).where(key.terminal_id == terminal_id, key.batch == "")
    keyed = sa.select(*columns).where(its.journal_id.in_(keys.order_by(key.journal_id.desc()).limit(limit)))
    lately, before = its.batch <= batch, (its.batch > batch) & (its.batch <= _LAST_BATCH)
    parts = (of_batches.where(lately).limit(limit), of_batches.where(before).limit(limit), keyless.limit(limit), keyed)
    return sa.union_all(*(sa.select(part.subquery()) for part in parts))


_NEWEST_IDS: Final = _newest(schema.journal.c.journal_id)
_NEWEST_SEEN: Final = _newest(*(schema.journal.c[name] for name in Seen._fields))
