"""What books and terminals do not agree about, as finance looks for it, with what each choice will post."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from switch.errors import OperatorError
from switch.ledger import schema
from switch.ledger.corrections import steps_of
from switch.values import Money

PAGE_ROWS: Final = 20

WAITING_MAX: Final = 100
"""So many that wait are counted; more are told as that."""

_STATES: Final[dict[bool, sa.ColumnClause[str]]] = {
    True: sa.literal_column("'open'"),
    False: sa.literal_column("'settled'"),
}
"""Literals: what is bound finds no index of some rows."""


class Posting(NamedTuple):
    """What accepting the terminal's word would post; ``does`` is charge or return."""

    does: str
    amount: Money
    masked_pan: str


class Difference(NamedTuple):
    """One difference between a batch and its upload, with what accepting the terminal's word posts.

    ``kind`` is the books', "" where they have nothing. Where only the terminal has it, ``postings`` are those of a
    sale, and ``as_refund`` those of a refund; ``because_not`` says why nothing can be posted.
    """

    id: int
    terminal_id: str
    merchant_id: str
    batch: str
    stan: str
    what: str
    kind: str
    journal_id: int | None
    masked_pan: str
    host_masked_pan: str
    host: Money | None
    terminal: Money | None
    state: str
    settled_by: int | None
    because: str
    postings: tuple[Posting, ...] = ()
    as_refund: tuple[Posting, ...] = ()
    because_not: str = ""


def differences(
    connection: sa.Connection,
    *,
    is_open: bool = True,
    terminal_id: str = "",
    after_id: int | None = None,
    batch: tuple[str, str, str] | None = None,
) -> list[Difference]:
    """Return open ones, the oldest first, or settled ones, the latest first; one more than a page where there are more.

    With ``batch`` (terminal, merchant, number) those of one batch, whatever became of them.
    """
    its, journal, merchant, card = schema.discrepancy, schema.journal, schema.merchant, schema.card
    ours = sa.func.coalesce(card.c.pan_key, journal.c.pan_key)
    asked = (
        sa.select(
            its,
            merchant.c.currency,
            journal.c.kind,
            journal.c.masked_pan.label("host_masked_pan"),
            ours.label("host_pan_key"),
        )
        .select_from(
            its.join(merchant, merchant.c.merchant_id == its.c.merchant_id)
            .outerjoin(journal, journal.c.journal_id == its.c.journal_id)
            .outerjoin(card, card.c.card_id == journal.c.card_id)
        )
        .order_by(its.c.id if is_open else its.c.id.desc())
        .limit(PAGE_ROWS + 1)
    )
    if batch is not None:
        asked = asked.where(its.c.terminal_id == batch[0], its.c.merchant_id == batch[1], its.c.batch == batch[2])
    else:
        asked = asked.where(its.c.state == _STATES[is_open])
    if terminal_id:
        asked = asked.where(its.c.id.in_(sa.select(its.c.id).where(its.c.terminal_id == terminal_id)))
    if after_id is not None:
        asked = asked.where(its.c.id > after_id if is_open else its.c.id < after_id)
    return [_difference(row) for row in connection.execute(asked)]


def _difference(row: sa.Row[Any]) -> Difference:
    found = Difference(
        *(row.id, row.terminal_id, row.merchant_id, row.batch, row.stan, row.what, row.kind or "", row.journal_id),
        *(row.masked_pan, row.host_masked_pan or ""),
        None if row.host_minor is None else Money(row.host_minor, row.currency),
        None if row.terminal_minor is None else Money(row.terminal_minor, row.currency),
        *(row.state, row.settled_by, row.because),
    )
    if row.state != "open":
        return found
    try:
        as_sale = _postings(row, is_credit=False)
        return found._replace(postings=as_sale, as_refund=() if row.kind else _postings(row, is_credit=True))
    except OperatorError as error:
        return found._replace(because_not=str(error))


def _postings(row: sa.Row[Any], *, is_credit: bool) -> tuple[Posting, ...]:
    its_card, our_card = bytes(row.pan_key or b""), bytes(row.host_pan_key or b"")
    if not (its_card or our_card):
        raise OperatorError("nobody named its card: accept the host, and settle it outside")
    steps = steps_of(
        row.kind,
        row.host_minor or 0,
        row.terminal_minor or 0,
        is_other_card=bool(its_card and our_card) and its_card != our_card,
        is_credit=is_credit,
    )
    return tuple(
        Posting(
            step.does,
            Money(step.amount_minor, row.currency),
            row.host_masked_pan if step.is_ours or not its_card else row.masked_pan,
        )
        for step in steps
    )


class Late(NamedTuple):
    """A reversal that came when its day was closed, and what accepting the terminal's word posts."""

    journal_id: int
    payment_id: int
    decided_at: int
    terminal_id: str
    masked_pan: str
    amount: Money
    kind: str
    why: str
    state: str
    posting: Posting | None
    because_not: str = ""


def late_reversals(connection: sa.Connection, *, is_open: bool = True, after_id: int | None = None) -> list[Late]:
    """Return those that wait, the oldest first, or settled ones, the latest first; one more where there are more."""
    its, journal, account = schema.adjustment, schema.journal, schema.account
    payment, original = schema.payment, schema.journal.alias("original")
    asked = (
        sa.select(
            its,
            journal.c.decided_at,
            journal.c.terminal_id,
            account.c.currency,
            original.c.kind,
            original.c.masked_pan,
        )
        .select_from(
            its.join(journal, journal.c.journal_id == its.c.journal_id)
            .join(original, original.c.journal_id == its.c.payment_id)
            .join(payment, payment.c.payment_id == its.c.payment_id)
            .join(account, account.c.account_id == payment.c.account_id)
        )
        .where(its.c.state == _STATES[is_open])
        .order_by(its.c.journal_id if is_open else its.c.journal_id.desc())
        .limit(PAGE_ROWS + 1)
    )
    if after_id is not None:
        asked = asked.where(its.c.journal_id > after_id if is_open else its.c.journal_id < after_id)
    return [_late(row) for row in connection.execute(asked)]


def _late(row: sa.Row[Any]) -> Late:
    amount, posting, because_not = Money(row.amount_minor, row.currency), None, ""
    if row.state == "open":
        try:  # what it undoes is gone from the terminal
            (step,) = steps_of(row.kind, row.amount_minor, 0, is_other_card=False, is_credit=False)
            posting = Posting(step.does, amount, row.masked_pan)
        except OperatorError as error:
            because_not = str(error)
    return Late(
        row.journal_id,
        row.payment_id,
        row.decided_at,
        row.terminal_id,
        row.masked_pan,
        amount,
        row.kind,
        row.why,
        row.state,
        posting,
        because_not,
    )


class Waiting(NamedTuple):
    """How many wait for finance, counted up to `WAITING_MAX`."""

    differences: int
    late: int


def waiting(connection: sa.Connection) -> Waiting:
    """Count what waits."""
    difference, late = schema.discrepancy.c, schema.adjustment.c
    some = (
        sa.select(difference.id).where(difference.state == _STATES[True]).limit(WAITING_MAX),
        sa.select(late.journal_id).where(late.state == _STATES[True]).limit(WAITING_MAX),
    )
    counts = [connection.execute(sa.select(sa.func.count()).select_from(each.subquery())).scalar_one() for each in some]
    return Waiting(*counts)
