"""What the books say of a terminal's play: its totals since it began, and what the merchant's account gained by it."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from switch.ledger.schema import account, journal, payment, transfer
from switch.messages.kinds import Kind
from switch.tools.tally import NONE, Sum, Totals

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


def _played(terminal_id: str, after: int) -> sa.ColumnElement[Any]:
    return (journal.c.terminal_id == terminal_id) & (journal.c.journal_id > after)


def _sum(by_kind: dict[str, Sum], kinds: tuple[Kind, ...]) -> Sum:
    total = NONE
    for kind in kinds:
        total = total.plus(by_kind.get(kind, NONE))
    return total


def _money(minor: int) -> str:
    return f"{minor / 100:,.2f}"
