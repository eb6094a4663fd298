"""A batch whose terminal never came back from its upload, closed by the books at an operator's word.

The terminal was told that its totals differ, and began to upload; then it was stolen, broke, or was given back. Its
batch would stay unbalanced for ever. So an operator ends the upload in its place: the books write a `Kind.BATCH_END`
that no message is behind, decided in a group like any other. From then on all is as if the terminal had ended it:

    what came is compared with the books        what did not come is missing, each transaction by its name
    what the terminal sends after all           is answered as after any end of an upload, and changes nothing
    its next sign-on, should it be found        gets the next batch

It claims the terminal's batch before it looks at it, as the terminal's own messages do: one of the two is first, and
the other finds the batch closed. And it has a key of its own, made from the settlement whose batch it closes, so that
a second one finds the first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import sqlalchemy as sa

from switch.decisions import BatchState, CloseBatch, Decision, Facts, Needs, Standing
from switch.errors import NotInBooks, OperatorError
from switch.ledger import schema
from switch.ledger.database import Database
from switch.ledger.entry import Entry
from switch.ledger.group import Rules, settle
from switch.ledger.one_commit import in_one_commit
from switch.ledger.ports import BusinessDay, Clock, Ids
from switch.ledger.rows import date_of
from switch.ledger.statements import Session
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Reply, Request
from switch.messages.references import rrn_of

BY_OPERATOR: Final = "operator"
"""The reason of an end of upload that no terminal sent, where requests have their DE 39."""

_MTI: Final = "0320"  # of the message that it stands in for
_NUMBER_DIGITS: Final = 6
_NEEDS: Final = {Kind.BATCH_END: Needs(keyed=True, original=False, batch=True)}


class SettledBatch(NamedTuple):
    """A batch that was settled, as it stands: ``journal_id`` and ``business_day`` (yyyymmdd) of its settlement."""

    terminal_id: str
    merchant_id: str
    batch: str
    state: str
    journal_id: int
    business_day: int


class Closed(NamedTuple):
    """What became of it: ``is_new`` is False where an operator closed it before, and nothing has changed now.

    ``journal_id`` is that of the end that stands in for the terminal's, ``closed_at`` its moment (microseconds since
    1970, UTC), ``uploaded`` how many records had come.
    """

    is_new: bool
    journal_id: int
    closed_at: int
    uploaded: int


def batch_to_close(database: Database, terminal_id: str, number: str | None = None) -> SettledBatch:
    """Return the batch of a terminal that an operator means: by its number, else the unbalanced one, else the last.

    Raises `NotInBooks` for a terminal or a number that is not there, `OperatorError` for a batch that is still open:
    nothing was settled, so there is no upload to end.
    """
    its, terminal = schema.batch.c, schema.terminal.c
    asked = sa.select(*(its[name] for name in SettledBatch._fields)).where(its.terminal_id == terminal_id)
    if number is not None:
        number = number.zfill(_NUMBER_DIGITS)
        asked = asked.where(its.batch == number)
    latest = asked.order_by(sa.case((its.state == "unbalanced", 0), else_=1), its.journal_id.desc()).limit(1)
    with database.reading() as connection:
        own = connection.execute(sa.select(terminal.batch).where(terminal.terminal_id == terminal_id)).scalar()
        found = connection.execute(latest).first()
    if own is None:
        raise NotInBooks(f"terminal {terminal_id} is not in the books")
    if found is not None:
        return SettledBatch(*found)
    if number not in (None, own):
        raise NotInBooks(f"terminal {terminal_id} has no batch {number}")
    raise OperatorError(
        f"batch {own} of terminal {terminal_id} is open: it was never settled, so there is no upload to end; "
        "its sales stand in the statements of their days all the same"
    )


def close_batch(
    connect: Callable[[], Session], business_day: BusinessDay, batch: SettledBatch, clock: Clock, ids: Ids
) -> Closed:
    """Close an unbalanced batch as the end of its upload would, once.

    Raises `OperatorError` for a batch that is closed already, by its terminal or because it balanced, and for one whose
    terminal is bound to another merchant by now; `DatabaseError` where it cannot be stored.
    """
    entry = Entry(_end_of(batch, clock()), ids(), b"")
    uploaded = 0

    def decide(request: Request, facts: Facts) -> Decision:
        nonlocal uploaded
        found = facts.batch
        if found is None or found.state is not BatchState.UNBALANCED:
            raise OperatorError(_refusal(batch, has_batch=found is not None))
        uploaded = found.uploaded
        reply = Reply(Action.APPROVED, facts.decided_at, rrn_of(facts.journal_id))
        return Decision(reply, (), "", (CloseBatch(request.batch),), journalled=True)

    def work(session: Session) -> Closed:
        ((_, standing, reply, _, journal_id),) = settle(session, [entry], Rules(decide, _NEEDS, business_day), clock())
        assert reply is not None
        assert journal_id is not None
        is_new = standing is Standing.FIRST or journal_id == entry.journal_id  # a commit whose fate was not known
        return Closed(is_new, journal_id, reply.answered_at, uploaded)

    return in_one_commit(connect, "the end of the batch", work)


def _refusal(batch: SettledBatch, *, has_batch: bool) -> str:
    name = f"batch {batch.batch} of terminal {batch.terminal_id}"
    if has_batch:
        return f"{name} is closed: its terminal ended the upload, or its totals balanced; there is nothing to end"
    return (
        f"{name} is of merchant {batch.merchant_id}, and the terminal is bound to another one now: bind it to "
        f"{batch.merchant_id} again (switch import terminals), end the batch, and bind it anew"
    )


def _end_of(batch: SettledBatch, now: int) -> Request:
    return Request(
        kind=Kind.BATCH_END,
        mti=_MTI,
        processing_code="",
        terminal_id=batch.terminal_id,
        merchant_id=batch.merchant_id,
        stan=f"E{rrn_of(batch.journal_id)}",
        batch=batch.batch,
        local_date=date_of(batch.business_day),  # part of the key: always the same for one batch
        has_local_date=True,
        local_time="",
        received_at=now,
        pan=None,
        expiry_yymm="",
        amount_minor=None,
        currency="",
        entry_mode="",
        condition_code="",
        rrn="",
        reason=BY_OPERATOR,
        new_amount_minor=None,
        original=None,
    )
