"""Reads the journal for people: what was asked, what was answered and why, and what it did to the books.

Everything is masked as it is stored. The server may go on meanwhile: readers wait for nobody.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from switch.errors import NotInBooks
from switch.ledger import schema
from switch.values import Money

_SHOWN_MAX: Final = 20  # requests that may share one RRN before it is no help any more
_STAN_DIGITS: Final = 6
_BIGINT_MAX: Final = 2**63 - 1


class Standing(NamedTuple):
    """What a card's account stands at, in minor units of its currency."""

    ledger_minor: int
    held_minor: int
    available_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which journal rows to list; None does not matter. ``since_at`` is microseconds since 1970, UTC."""

    limit: int = 20
    terminal_id: str | None = None
    merchant_id: str | None = None
    kind: str | None = None
    action: str | None = None
    pan_key: bytes | None = None
    since_at: int | None = None


@dataclass(frozen=True, slots=True)
class JournalLine:
    """One decided request, as a list shows it."""

    journal_id: int
    decided_at: int
    kind: str
    action: str
    terminal_id: str
    merchant_id: str
    stan: str
    rrn: str
    amount: Money | None
    masked_pan: str
    because: str


class Rung(NamedTuple):
    """One rung of the refusal ladder as it was climbed: the value found, the limit it was held against."""

    rule: str
    value: Any
    limit: Any
    passed: bool


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One decided request with everything the books know of it.

    ``columns`` are those of the journal, by name, without trace and reply; ``chip`` is what the chip and the terminal
    said of themselves, {} without a chip; ``effects`` are sentences.
    """

    line: JournalLine
    columns: dict[str, Any]
    trace: tuple[Rung, ...]
    reply: dict[str, Any]
    chip: dict[str, Any]
    effects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A reversal that came too late for the books: an operator settles it by hand."""

    journal_id: int
    payment_id: int
    decided_at: int
    terminal_id: str
    masked_pan: str
    amount: Money
    why: str
    state: str


def balance_of(connection: sa.Connection, pan_key: bytes) -> Standing:
    """Return what a card's account stands at. Raises `NotInBooks`."""
    card, account, balance = schema.card, schema.account, schema.balance
    found = connection.execute(
        sa.select(balance.c.ledger_minor, balance.c.held_minor, balance.c.credit_limit_minor, account.c.currency)
        .select_from(card.join(account).join(balance, balance.c.account_id == card.c.account_id))
        .where(card.c.pan_key == pan_key)
    ).first()
    if found is None:
        raise NotInBooks("the card is not in the books")
    ledger, held, credit_limit, currency = found
    return Standing(ledger, held, ledger - held + credit_limit, currency)


# --- the journal -------------------------------------------------------------------------------------------


def list_journal(connection: sa.Connection, wanted: Wanted) -> list[JournalLine]:
    """Return the newest rows that fit, the newest last."""
    journal = schema.journal
    order: sa.ColumnElement[int] = journal.c.journal_id
    asked = sa.select(journal).limit(wanted.limit)
    if wanted.terminal_id is not None:
        asked = asked.where(journal.c.journal_id.in_(sent_by([wanted.terminal_id])))
        order = journal.c.journal_id + 0  # so that no planner walks the journal backwards until it has met enough
    asked = asked.order_by(order.desc())
    for name in ("terminal_id", "merchant_id", "kind", "action", "pan_key"):
        value = getattr(wanted, name)
        if value is not None:
            asked = asked.where(journal.c[name] == value)
    if wanted.since_at is not None:
        asked = asked.where(journal.c.decided_at >= wanted.since_at)
    return [line_of(row) for row in reversed(connection.execute(asked).all())]


def sent_by(terminals: Sequence[str] | sa.Select[tuple[str]]) -> sa.CompoundSelect[tuple[int]]:
    """Ask for the ids of what terminals sent: it is found by its keys, and what needs none by an index of its own."""
    key, its = schema.request_key.c, schema.journal.c
    keyless = sa.select(its.journal_id).where(its.terminal_id.in_(terminals), schema.IS_KEYLESS)
    return sa.union_all(sa.select(key.journal_id).where(key.terminal_id.in_(terminals)), keyless)


def show_journal(connection: sa.Connection, named: str) -> list[JournalEntry]:
    """Return the request with this journal id, or those with this RRN (a reversal may carry its original's).

    Raises `NotInBooks`.
    """
    journal = schema.journal
    which = journal.c.rrn == named
    if named.isascii() and named.isdigit() and int(named) <= _BIGINT_MAX:
        which |= journal.c.journal_id == int(named)
    rows = connection.execute(sa.select(journal).where(which).order_by(journal.c.journal_id).limit(_SHOWN_MAX)).all()
    if not rows:
        raise NotInBooks(f"no request in the journal has the id or RRN {_quoted(named)}")
    return [entry_of(connection, row) for row in rows]


def show_story(connection: sa.Connection, named: str, terminal_id: str | None = None) -> list[JournalEntry]:
    """Return the request with this RRN, STAN or journal id, then those it is about and those that are about it.

    Of several with one STAN the newest is meant, of one terminal if that is given. Raises `NotInBooks`.
    """
    journal = schema.journal
    which = (journal.c.rrn == named) | (journal.c.stan == named.zfill(_STAN_DIGITS))
    if named.isascii() and named.isdigit() and len(named) > _STAN_DIGITS and int(named) <= _BIGINT_MAX:
        which |= journal.c.journal_id == int(named)
    if terminal_id is not None:
        which &= journal.c.journal_id.in_(sent_by([terminal_id]))
    first = connection.execute(sa.select(journal).where(which).order_by(journal.c.journal_id.desc()).limit(1)).first()
    if first is None:
        raise NotInBooks(f"no request in the journal has the RRN, STAN or id {_quoted(named)}")
    root = first.journal_id if first.original_id is None else first.original_id
    others = connection.execute(
        sa.select(journal)
        .where((journal.c.journal_id == root) | (journal.c.original_id.in_([root, first.journal_id])))
        .where(journal.c.journal_id >= root, journal.c.journal_id != first.journal_id)
        .order_by(journal.c.journal_id)
        .limit(_SHOWN_MAX)
    )
    return [entry_of(connection, row) for row in (first, *others)]


def _quoted(named: str) -> str:
    """What was typed, unless it may be a card number."""
    return "given" if len(named) > len("0" * 12) and named.isdigit() else repr(named)


def line_of(row: sa.Row[Any]) -> JournalLine:
    """Return a row of the journal as lists show it."""
    return JournalLine(
        row.journal_id,
        row.decided_at,
        row.kind,
        row.action,
        row.terminal_id,
        row.merchant_id,
        row.stan,
        row.rrn,
        None if row.amount_minor is None else Money(row.amount_minor, row.currency),
        row.masked_pan,
        row.because,
    )


def entry_of(connection: sa.Connection, row: sa.Row[Any]) -> JournalEntry:
    """Return a row of the journal with everything the books know of it."""
    columns = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row's mapping
    columns.pop("pan_key")  # a keyed hash is no help to a person
    trace = tuple(Rung(*check) for check in json.loads(columns.pop("trace") or "[]"))
    reply = json.loads(columns.pop("reply") or "{}")
    chip = _chip(connection, row.journal_id)
    return JournalEntry(line_of(row), columns, trace, reply, chip, tuple(_effects(connection, row.journal_id)))


def _chip(connection: sa.Connection, journal_id: int) -> dict[str, Any]:
    its = schema.chip_record.c
    content = connection.execute(sa.select(its.content).where(its.journal_id == journal_id)).scalar()
    return dict(json.loads(content)) if content else {}


def _effects(connection: sa.Connection, journal_id: int) -> Sequence[str]:
    said = []
    for sql, says in _EFFECTS:
        for row in connection.execute(sa.text(sql), {"journal_id": journal_id}).mappings():
            money = {
                name.removesuffix("_minor"): Money(value, row["currency"])
                for name, value in row.items()
                if name.endswith("_minor")
            }
            said.append(says.format(**{**row, **money}))
    return said


_EFFECTS: Final = (
    (
        """
        SELECT t.amount_minor, t.currency, d.kind AS from_kind, d.name AS from_name, c.kind AS to_kind,
               c.name AS to_name, CASE WHEN t.forced = 0 THEN '' ELSE ', forced' END AS forced
          FROM transfer AS t
          JOIN account AS d ON d.account_id = t.debit_account_id
          JOIN account AS c ON c.account_id = t.credit_account_id
         WHERE t.journal_id = :journal_id ORDER BY t.leg LIMIT 20""",
        "moved {amount} from {from_kind} {from_name} to {to_kind} {to_name}{forced}",
    ),
    (
        """
        SELECT h.amount_minor, h.currency, a.name,
               coalesce((SELECT e.how FROM hold_end AS e WHERE e.hold_id = h.hold_id), 'still open') AS state
          FROM hold AS h JOIN account AS a ON a.account_id = h.account_id
         WHERE h.hold_id = :journal_id""",
        "held {amount} of cardholder {name}: {state}",
    ),
    (
        """
        SELECT h.amount_minor, h.currency, e.hold_id, e.how
          FROM journal AS j
          JOIN hold_end AS e ON e.journal_id = j.journal_id
          JOIN hold AS h ON h.hold_id = e.hold_id
         WHERE j.journal_id = :journal_id AND j.kind <> 'import'""",
        "ended the hold of {amount} of journal {hold_id}: {how}",
    ),
    (
        """
        SELECT p.state, p.amount_minor, p.current_minor, p.refunded_minor, a.currency
          FROM payment AS p JOIN account AS a ON a.account_id = p.account_id
         WHERE p.payment_id = :journal_id""",
        "payment of {amount}: {state}, {current} left, {refunded} refunded",
    ),
    (
        """
        SELECT replace(u.what, '_', ' ') AS what, length(u.content) AS size,
               CASE WHEN u.original_id IS NULL THEN '' ELSE ' about journal ' || u.original_id END AS about
          FROM upload AS u WHERE u.journal_id = :journal_id""",
        "kept a {what} of {size} bytes{about}",
    ),
    (
        """
        SELECT x.amount_minor, a.currency, x.why, x.state, x.payment_id
          FROM adjustment AS x
          JOIN payment AS p ON p.payment_id = x.payment_id
          JOIN account AS a ON a.account_id = p.account_id
         WHERE x.journal_id = :journal_id""",
        "waits for an operator ({state}): {amount} of payment {payment_id}, {why}",
    ),
)


# --- what waits for an operator ----------------------------------------------------------------------------


def list_adjustments(connection: sa.Connection, *, also_settled: bool = False) -> list[Adjustment]:
    """Return the adjustments that wait for an operator, the oldest first."""
    adjustment, journal, payment, account = schema.adjustment, schema.journal, schema.payment, schema.account
    asked = (
        sa.select(adjustment, journal.c.decided_at, journal.c.terminal_id, journal.c.masked_pan, account.c.currency)
        .select_from(
            adjustment.join(journal, journal.c.journal_id == adjustment.c.journal_id)
            .join(payment, payment.c.payment_id == adjustment.c.payment_id)
            .join(account, account.c.account_id == payment.c.account_id)
        )
        .order_by(adjustment.c.journal_id)
    )
    if not also_settled:
        asked = asked.where(adjustment.c.state == "open")
    return [
        Adjustment(
            row.journal_id,
            row.payment_id,
            row.decided_at,
            row.terminal_id,
            row.masked_pan,
            Money(row.amount_minor, row.currency),
            row.why,
            row.state,
        )
        for row in connection.execute(asked)
    ]
