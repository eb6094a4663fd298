"""Settles a business day that is closed: uploaded batches compared, statements made, and at last the clearing file.

Everything has a key of its own and is made in one transaction with it: a batch's mark, a merchant's statement of the
day, the day's clearing file. So it may be broken off anywhere and begun again, or done by two processes at once: what
is there is not made a second time.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from datetime import date
from functools import partial
from typing import Any, Final, NamedTuple, Protocol

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from switch.decisions.closing import Booked, Difference, MadeFile, MadeStatement, Movement, Terms, Uploaded
from switch.errors import ConfigurationError, OperatorError
from switch.ledger import schema
from switch.ledger.batches_compared import Compared, compare_batches
from switch.ledger.behind import Behind, here
from switch.ledger.clearing import BREATH_S, BREATHS, KeptFile, keep_clearing_file, kept_clearing_file
from switch.ledger.database import Database
from switch.ledger.fee_accounts import ACQUIRER, AGENT, FEE, FeeAccounts
from switch.ledger.movements import spooled_movements
from switch.ledger.packed_text import as_kept
from switch.ledger.ports import Clock, Ids
from switch.ledger.rows import number_of
from switch.messages.actions import Action
from switch.messages.kinds import Kind


class Maker(Protocol):
    """Makes what a day is settled with, without the books: `switch.settlement.closing.Closing`."""

    def statement(self, terms: Terms, day: int, movements: Sequence[Movement]) -> MadeStatement: ...

    def clearing(self, day: int, contents: Iterable[str]) -> MadeFile: ...

    def compared(self, booked: Sequence[Booked], uploaded: Iterable[Uploaded]) -> Sequence[Difference]: ...


class DayReport(NamedTuple):
    """What a run of `settle_day` did, and what is there after it. ``statements`` counts those of this run."""

    day: date
    compared: Compared
    statements: int
    clearing: KeptFile


_DAY_STATE: Final = sa.select(schema.business_day.c.state)
_UNNAMED: Final = 10  # merchants whose terms are wrong that are named at once


def settle_day(database: Database, day: date, maker: Maker, ids: Ids, clock: Clock, behind: Behind = here) -> DayReport:
    """Settle ``day`` as far as that is not done yet; ``behind`` runs what takes long and locks nothing.

    Raises `OperatorError` where the day is not closed, `ConfigurationError` where merchants' terms (fee plan, shares)
    make no sense: all others have their statements then, but there is no clearing file yet.
    """
    number = number_of(day)
    _check_closed(database, number)
    compared = behind(partial(compare_batches, database, maker.compared, ids))
    kept = kept_clearing_file(database, number)
    if kept is not None:
        return DayReport(day, compared, 0, kept)
    statements = _make_statements(database, number, maker, ids, clock, behind)
    return DayReport(
        day, compared, statements, keep_clearing_file(database, number, maker.clearing, clock, behind=behind)
    )


def _check_closed(database: Database, day: int) -> None:
    with database.reading() as connection:
        state = connection.execute(_DAY_STATE.where(schema.business_day.c.day == day)).scalar()
    if state is None:
        raise OperatorError(f"{day} is no business day of these books")
    if state != "closed":
        raise OperatorError(f"business day {day} is still {state}: cut it over first")


def _make_statements(database: Database, day: int, maker: Maker, ids: Ids, clock: Clock, behind: Behind) -> int:
    """Make the statements that there are not yet; return how many."""
    terms, accounts = _terms(database), FeeAccounts(database)
    made, problems = 0, []
    with closing(spooled_movements(database, day)) as moved:
        while (found := behind(partial(next, moved, None))) is not None:
            its = terms[found[0]]
            try:
                statement = behind(partial(_statement, database, maker, its, day, found[1]))
            except ConfigurationError as error:
                problems.append(str(error))
                continue
            begun = time.monotonic()
            made += _keep(database, day, its, *statement, accounts, ids, clock)
            time.sleep(max(BREATH_S, BREATHS * (time.monotonic() - begun)))
    if problems:
        more = f"\nand {len(problems) - _UNNAMED} more" if len(problems) > _UNNAMED else ""
        raise ConfigurationError("\n".join(problems[:_UNNAMED]) + more)
    return made


def _statement(
    database: Database, maker: Maker, terms: Terms, day: int, movements: Sequence[Movement]
) -> tuple[MadeStatement, str | bytes]:
    """The statement, and its content as it is kept."""
    made = maker.statement(terms, day, movements)
    return made, as_kept(made.content, database.dialect)


def _terms(database: Database) -> Mapping[str, Terms]:
    its = schema.merchant.c
    query = sa.select(its.merchant_id, its.account_id, its.currency, its.fee_plan, its.shares)
    with database.reading() as connection:
        return {row.merchant_id: Terms(*row) for row in connection.execute(query)}


# --- one merchant's statement ------------------------------------------------------------------------------


def _keep(
    database: Database,
    day: int,
    terms: Terms,
    made: MadeStatement,
    content: str | bytes,
    accounts: FeeAccounts,
    ids: Ids,
    clock: Clock,
) -> bool:
    """Write a statement and move its fees, in one transaction; False where another process has done so."""
    at = clock()
    journal_id = ids() if made.fee_minor else None
    transfers = [] if journal_id is None else _transfers(journal_id, terms, made, accounts)
    try:
        with database.writing() as connection:
            if journal_id is not None:
                connection.execute(sa.insert(schema.journal), [_journal_row(journal_id, day, terms, made, at)])
                connection.execute(sa.insert(schema.transfer), transfers)
            row = _statement_row(journal_id, day, terms, made, at)
            connection.execute(sa.insert(schema.statement), [{**row, "content": content}])
    except IntegrityError:
        if _is_there(database, terms.merchant_id, day):
            return False
        raise
    return True


def _is_there(database: Database, merchant_id: str, day: int) -> bool:
    its = schema.statement.c
    query = sa.select(its.merchant_id).where(its.merchant_id == merchant_id, its.business_day == day)
    with database.reading() as connection:
        return connection.execute(query).first() is not None


def _transfers(journal_id: int, terms: Terms, made: MadeStatement, accounts: FeeAccounts) -> list[dict[str, Any]]:
    """From the merchant to the acquirer what is left of the fee, and to each agent its share."""
    parts = [(FEE, ACQUIRER, made.fee_minor - made.share_minor)]
    parts += [(AGENT, agent, share) for agent, share in made.shares]
    return [
        {
            "journal_id": journal_id,
            "leg": leg,
            "debit_account_id": terms.account_id,
            "credit_account_id": accounts.number(kind, name, terms.currency),
            "amount_minor": amount,
            "currency": terms.currency,
        }
        for leg, (kind, name, amount) in enumerate(parts)
        if amount
    ]


def _journal_row(journal_id: int, day: int, terms: Terms, made: MadeStatement, at: int) -> dict[str, Any]:
    return {
        "journal_id": journal_id,
        "kind": Kind.STATEMENT,
        "action": Action.APPROVED,
        "merchant_id": terms.merchant_id,
        "local_date": day,
        "business_day": day,  # the one that it closes
        "received_at": at,
        "decided_at": at,
        "amount_minor": made.fee_minor,
        "currency": terms.currency,
        "because": "fees of the day",
    }


def _statement_row(journal_id: int | None, day: int, terms: Terms, made: MadeStatement, at: int) -> dict[str, Any]:
    return {
        "merchant_id": terms.merchant_id,
        "business_day": day,
        "journal_id": journal_id,
        "currency": terms.currency,
        "gross_minor": made.gross_minor,
        "credit_minor": made.credit_minor,
        "fee_minor": made.fee_minor,
        "share_minor": made.share_minor,
        "net_minor": made.net_minor,
        "items": made.items,
        "made_at": at,
    }
