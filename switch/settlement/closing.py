"""How a business day is settled, as the ledger asks for it (`switch.ledger.settling.Maker`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from switch.decisions.closing import Booked, Difference, MadeFile, MadeStatement, Movement, Terms, Uploaded
from switch.messages.dates import HostCalendar
from switch.settlement.clearing import clearing_file
from switch.settlement.comparing import compared
from switch.settlement.fees import FeePlans
from switch.settlement.statements import made, read_statement, statement_of


class Closing:
    """Statements under these fee plans, a clearing file of them, batches compared.

    What came without a time is dated by ``calendar``. For one thread at a time, as that is.
    """

    def __init__(self, plans: FeePlans, calendar: HostCalendar) -> None:
        self._plans = plans
        self._calendar = calendar

    def statement(self, terms: Terms, day: int, movements: Sequence[Movement]) -> MadeStatement:
        """Make a merchant's statement. Raises `ConfigurationError` for terms that make no sense."""
        return made(statement_of(terms, day, movements, self._plans, self._calendar))

    def clearing(self, day: int, contents: Iterable[str]) -> MadeFile:
        """Make the clearing file of the contents of a day's statements, in the order of their merchants."""
        return clearing_file(day, map(read_statement, contents))

    def compared(self, booked: Sequence[Booked], uploaded: Iterable[Uploaded]) -> Sequence[Difference]:
        """Return what books and terminal do not agree about."""
        return compared(booked, uploaded)
