"""Changes that finance makes: what differs is settled, what came too late is settled, a business day is ended.

Each commits by itself and may be done twice: what has been settled or closed is found so, and stays.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final, NamedTuple

import sqlalchemy as sa
from pydantic import BeforeValidator

from switch.decisions.closing import Right
from switch.errors import NotInBooks, OperatorError
from switch.ledger import corrections
from switch.ledger.corrections import Resolved, settle_adjustment, settle_discrepancy
from switch.ledger.days import begin_day, cut_over, last_closed_day, newest_day
from switch.ledger.group import Rules
from switch.ledger.ids import JournalIds
from switch.ledger.schema import discrepancy, journal
from switch.ledger.sessions import connector
from switch.messages.dates import HostCalendar
from switch.office.acts import Act, Arguments, Asked, Changed, Desk, number_of
from switch.office.roles import Permission
from switch.rules.rulebook import RULE_SET
from switch.ruling import business_days
from switch.transactions.decide import decide
from switch.transactions.table import NEEDS

SAME_CUT_OVER_US: Final = 12 * 3_600_000_000
"""A day closed so soon after the one before is rather a slip of the hand: it has to be said twice."""

Box = Annotated[bool, BeforeValidator(lambda said: True if said == "on" else said)]
"""A tick of a form, or a plain truth value."""


class Verdict(Arguments):
    """Who is right: the host (the books) or the terminal."""

    accept: Right


class DifferenceVerdict(Verdict):
    """``refund``: what only the terminal has was a refund, not a sale."""

    refund: Box = False


class Posting(NamedTuple):
    """One correction as the change log tells it: charge or return, of which card, under which journal id."""

    does: str
    amount: str
    card: str
    correction: int


class CutOver(Arguments):
    """``early``: the day is to be closed although the one before was closed less than twelve hours ago."""

    early: Box = False


# --- what differs ------------------------------------------------------------------------------------------


def _adjust(desk: Desk, _connection: sa.Connection, asked: Asked[DifferenceVerdict]) -> Changed:
    told = asked.arguments
    number = number_of(asked.key)
    done = settle_discrepancy(_corrections(desk), number, told.accept, asked.because, is_credit=told.refund)
    return _settled(told.accept, done)


def _settle(desk: Desk, _connection: sa.Connection, asked: Asked[Verdict]) -> Changed:
    right = asked.arguments.accept
    return _settled(right, settle_adjustment(_corrections(desk), number_of(asked.key), right, asked.because))


def _settled(right: Right, done: Resolved) -> Changed:
    """Say what was posted; a ``before`` of "settled" says that nothing was."""
    after: dict[str, object] = {"state": "settled"}
    if not done.is_new:
        return Changed({"state": "settled"}, after | {"correction": done.settled_by})
    posted = [Posting(one.does, str(one.amount), one.masked_pan, one.journal_id)._asdict() for one in done.posted]
    return Changed({"state": "open"}, after | {"accepted": right.value, "posted": posted})


def posted_of(changed: Changed) -> list[Posting]:
    """Return what settling posted."""
    posted = changed.after.get("posted", [])
    assert isinstance(posted, list)
    return [Posting(**one) for one in posted]


def _corrections(desk: Desk) -> corrections.Desk:
    """What corrections are made with: they are decided as the switch decides."""
    day_of = business_days(desk.settings.cut_over, HostCalendar(desk.settings.zone))
    rules = Rules(decide, NEEDS, day_of, RULE_SET)
    return corrections.Desk(connector(desk.database), rules, desk.vault, desk.clock, JournalIds(desk.clock))


def _find_adjustment(connection: sa.Connection, key: str) -> None:
    number, its = number_of(key), journal.c.journal_id
    if connection.execute(sa.select(its).where(its == number)).first() is None:
        raise NotInBooks(f"no adjustment waits under journal {number}")


def _find_discrepancy(connection: sa.Connection, key: str) -> None:
    number, its = number_of(key), discrepancy.c.id
    if connection.execute(sa.select(its).where(its == number)).first() is None:
        raise NotInBooks(f"discrepancy {number} is not in the books")


# --- days --------------------------------------------------------------------------------------------------


def day_of(key: str) -> date:
    """Read a day written yyyymmdd. Raises `OperatorError`."""
    try:
        if len(key) == 8 and key.isascii():  # noqa: PLR2004 - yyyymmdd
            return datetime.strptime(key, "%Y%m%d").date()  # noqa: DTZ007 - a day, not a moment
    except ValueError:
        pass
    raise OperatorError("a day is written like 20260304")


def is_early(desk: Desk, day: date) -> bool:
    """Whether another day than this was closed less than twelve hours ago."""
    last = last_closed_day(desk.database)
    if last is None or last.closed_at is None or last.day == day:
        return False
    return desk.clock() - last.closed_at < SAME_CUT_OVER_US


def _cut_over(desk: Desk, _connection: sa.Connection, asked: Asked[CutOver]) -> Changed:
    """End the day; a running switch makes its statements and its clearing file within a minute."""
    day, now, today = day_of(asked.key), desk.clock(), desk.today()
    if not asked.arguments.early and is_early(desk, day):
        raise OperatorError(
            "another day was closed less than twelve hours ago: if this one is to be closed so soon, say that it is"
        )
    if day >= today or newest_day(desk.database) is None:
        begin_day(desk.database, today, now)  # what is over by the clock is closed, although no request came
    done = cut_over(desk.database, day, now)
    if done.closed_at is None:
        raise OperatorError(f"{day} is not a day that can be closed: {done.open_day} is open")
    return Changed({"state": "open" if done.is_new else "closed"}, {"state": "closed", "open_day": str(done.open_day)})


SETTLEMENT_ACTS: Final = (
    Act(
        "settlement.adjust",
        "discrepancy",
        Permission.SETTLE,
        DifferenceVerdict,
        _adjust,
        has_own_commit=True,
        find=_find_discrepancy,
    ),
    Act(
        "settlement.settle",
        "adjustment",
        Permission.SETTLE,
        Verdict,
        _settle,
        has_own_commit=True,
        find=_find_adjustment,
    ),
    Act("day.cutover", "day", Permission.SETTLE, CutOver, _cut_over, has_own_commit=True),
)
