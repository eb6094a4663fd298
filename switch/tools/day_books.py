"""What the books say of a terminal's play: its totals, what the merchant gained, what became of settled batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import sqlalchemy as sa

from switch.ledger.schema import account, batch, discrepancy, journal, payment, transfer
from switch.ledger.settlement_tables import TOTALS
from switch.messages.kinds import Kind
from switch.tools.tally import NONE, BatchTotals, Mistake, Settled, Side, Sum, Totals

DEBITS: Final = (Kind.PURCHASE, Kind.CODE_PURCHASE, Kind.OFFLINE_SALE, Kind.COMPLETION, Kind.COMPLETION_ADVICE)
CREDITS: Final = (Kind.VOID, Kind.CODE_CANCEL, Kind.COMPLETION_VOID, Kind.REFUND)
_LOADS: Final = ((Kind.LOAD, 1), (Kind.LOAD_VOID, -1))

_REVERSED: Final = "reversed"
_VOIDED: Final = "voided"


def newest(connection: sa.Connection) -> int:
    """The journal's newest row, 0 where there is none: what comes later is the play's."""
    return connection.execute(sa.select(sa.func.max(journal.c.journal_id))).scalar() or 0


def booked(connection: sa.Connection, terminal_id: str, after: int) -> Totals:
    """Return the totals of a terminal's payments after a journal row; what was reversed is not among them.

    A sale whose total was changed counts with the new one; one that was cancelled as it was, beside its cancel.
    """
    amount = sa.case((payment.c.state == _VOIDED, payment.c.amount_minor), else_=payment.c.current_minor)
    rows = connection.execute(
        sa.select(journal.c.kind, sa.func.count(), sa.func.sum(amount))
        .select_from(journal.join(payment, payment.c.payment_id == journal.c.journal_id))
        .where(_played(terminal_id, after), payment.c.state != _REVERSED)
        .group_by(journal.c.kind)
    ).all()
    by_kind = {kind: Sum(number, int(minor)) for kind, number, minor in rows}
    return Totals(
        _sum(by_kind, DEBITS),
        _sum(by_kind, CREDITS),
        sum(sign * by_kind.get(kind, NONE).minor for kind, sign in _LOADS),
    )


def merchant_gained(connection: sa.Connection, terminal_id: str, after: int) -> int:
    """Return by how much a terminal's messages after a journal row have changed merchants' accounts, minor units."""
    gained = 0
    for side, sign in ((transfer.c.credit_account_id, 1), (transfer.c.debit_account_id, -1)):
        moved = connection.execute(
            sa.select(sa.func.sum(transfer.c.amount_minor))
            .select_from(transfer.join(journal).join(account, account.c.account_id == side))
            .where(_played(terminal_id, after), account.c.kind == "merchant")
        ).scalar()
        gained += sign * int(moved or 0)
    return gained


def differences(own: Totals, books: Totals, gained_minor: int) -> list[str]:
    """Say where a terminal's totals and the books differ; nothing where they agree to the cent."""
    return [
        f"{name}: the terminal counts {ours}, the books {theirs}"
        for name, ours, theirs in (
            ("debits", own.debits, books.debits),
            ("credits", own.credits, books.credits),
            ("loads", _money(own.loads_minor), _money(books.loads_minor)),
            ("the merchant's gain", _money(own.net_minor), _money(gained_minor)),
        )
        if ours != theirs
    ]


# --- batches -----------------------------------------------------------------------------------------------


def batch_differences(connection: sa.Connection, terminal_id: str, settled: Iterable[Settled]) -> Iterator[str]:
    """Yield where the books' rows of settled batches and the terminal differ: in totals, or because one is not closed.

    What the host froze has to be what is true, what it took down of the terminal what that stated.
    """
    for one in settled:
        its = batch.c
        query = sa.select(batch).where(its.terminal_id == terminal_id, its.batch == one.batch)
        row = connection.execute(query).mappings().first()
        if row is None or row["state"] != "closed":
            yield f"batch {one.batch} is {'not settled' if row is None else row['state']} in the books"
            continue
        for whose, ours in (("host", one.counted), ("terminal", one.stated)):
            theirs = _totals(row, whose)
            if theirs != ours:
                yield f"batch {one.batch}, the {whose}'s totals: {_told(theirs)} in the books, not {_told(ours)}"


def discrepancies(connection: sa.Connection, terminal_id: str, batch_number: str) -> list[Mistake]:
    """Return what was found when an uploaded batch was compared, by STAN."""
    its = discrepancy.c
    query = sa.select(its.stan, its.what, its.host_minor, its.terminal_minor)
    found = connection.execute(query.where(its.terminal_id == terminal_id, its.batch == batch_number))
    return sorted(Mistake(*row) for row in found)


def mistake_differences(connection: sa.Connection, terminal_id: str, settled: Iterable[Settled]) -> Iterator[str]:
    """Yield the mistakes of settled batches that were not found, and what was found that is none."""
    for one in settled:
        found, made = set(discrepancies(connection, terminal_id, one.batch)), set(one.mistakes)
        yield from (f"batch {one.batch}: {told_mistake(each)}, not found" for each in sorted(made - found))
        yield from (f"batch {one.batch}: {told_mistake(each)}, found and no mistake" for each in sorted(found - made))


def told_mistake(mistake: Mistake) -> str:
    """Say what it is, in a few words."""
    host, own = (None if minor is None else _money(minor) for minor in (mistake.host_minor, mistake.own_minor))
    amounts = f"{host}, not {own}" if host and own else host or own
    return f"{mistake.stan} {mistake.what} ({amounts})"


def _totals(row: sa.RowMapping, whose: str) -> BatchTotals:
    numbers = [row[f"{whose}_{name}"] for name in TOTALS]
    sums = [Sum(count, minor) for minor, count in zip(numbers[::2], numbers[1::2], strict=True)]
    return BatchTotals(Side(*sums[:2]), Side(*sums[2:]))


def _told(totals: BatchTotals) -> str:
    return ", ".join(
        f"{name} {side.debits} and {side.credits}" for name, side in zip(totals._fields, totals, strict=True)
    )


# --- the same for all -----------------------------------------------------------------------------------------


def _played(terminal_id: str, after: int) -> sa.ColumnElement[Any]:
    return (journal.c.terminal_id == terminal_id) & (journal.c.journal_id > after)


def _sum(by_kind: dict[str, Sum], kinds: tuple[Kind, ...]) -> Sum:
    total = NONE
    for kind in kinds:
        total = total.plus(by_kind.get(kind, NONE))
    return total


def _money(minor: int) -> str:
    return f"{minor / 100:,.2f}"
