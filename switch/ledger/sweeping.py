"""What time does to the books: silent terminals become dormant, authorisations that nobody completed expire.

A terminal is put to sleep here. A hold is not ended here: for each that is due there is a request of the host's own,
to be decided like any other, so that it ends under the same locks as a completion that comes at the same moment.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from switch.clock import wall_clock
from switch.ledger import schema
from switch.ledger.database import Database
from switch.ledger.rows import date_of, number_of
from switch.messages.kinds import Kind
from switch.messages.model import OriginalReference, Request


def sweep_dormant(database: Database, today: date, days: int) -> list[str]:
    """Make the active terminals dormant that were last heard of ``days`` days ago or earlier; return them in order.

    One that was never heard of since it was registered, or since it was made active again, is left alone: nobody can
    say for how long it has been silent.
    """
    terminal = schema.terminal
    its = terminal.c
    silent_since = number_of(today - timedelta(days=days))
    sleeping = (
        sa.update(terminal)
        .where(its.status == "active", its.last_seen_day.between(1, silent_since))
        .values(status="dormant")
        .returning(its.terminal_id)
    )
    with database.writing() as connection:
        return sorted(connection.scalars(sleeping))


def expired_authorisations(
    database: Database, before_day: date, limit: int, *, after: int = 0, clock: Callable[[], int] = wall_clock
) -> list[Request]:
    """Return requests to end the holds of authorisations of business days before ``before_day``, the oldest first.

    At most ``limit`` of them, of authorisations whose journal id is above ``after``: where the last one's is handed in
    (``request.original.journal_id``), the next ones are returned, whatever became of these.
    """
    authorisation, payment, journal = schema.authorisation, schema.payment, schema.journal
    due = (
        sa.select(journal)
        .select_from(
            authorisation.join(payment, payment.c.payment_id == authorisation.c.journal_id).join(
                journal, journal.c.journal_id == authorisation.c.journal_id
            )
        )
        .where(
            payment.c.state == "held",
            journal.c.business_day < number_of(before_day),
            authorisation.c.journal_id > after,
        )
        .order_by(authorisation.c.journal_id)
        .limit(limit)
    )
    with database.reading() as connection:
        return [_expiry_of(row, clock()) for row in connection.execute(due)]


def _expiry_of(authorisation: sa.Row[Any], at: int) -> Request:
    """The host's request to end one hold. No message is behind it: it has neither MTI nor trace number nor card."""
    local_date = date_of(authorisation.local_date)
    return Request(
        kind=Kind.EXPIRY,
        mti="",
        processing_code="",
        terminal_id=authorisation.terminal_id,
        merchant_id=authorisation.merchant_id,
        stan="",
        batch="",
        local_date=local_date,
        has_local_date=False,
        local_time="",
        received_at=at,
        pan=None,
        expiry_yymm="",
        amount_minor=None,
        currency=authorisation.currency,
        entry_mode="",
        condition_code="",
        rrn="",
        reason="",
        new_amount_minor=None,
        original=OriginalReference(
            "", "", local_date, "", authorisation.rrn, authorisation.approval_code, authorisation.journal_id
        ),
    )
