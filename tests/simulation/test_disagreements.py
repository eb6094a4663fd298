"""Short stories about what the made-up ones leave out, each with the one ending that the rules allow."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

import sqlalchemy as sa

from switch.ledger import schema
from switch.ledger.database import Database
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import OriginalReference, Request
from switch.messages.references import approval_code_of
from tests.ledger.shop import purchase
from tests.simulation import town
from tests.simulation.books import OF_AUTHORISATIONS
from tests.simulation.town import RICH, UNSOLD


class Story:
    """Sends one request after the other, each in a group of its own."""

    def __init__(self, database: Database) -> None:
        self._clock = town.Clock()
        self._store = town.store(database, self._clock, town.ids())
        self._stans = count(1)
        self.sent: list[Request] = []

    def send(
        self, kind: Kind, amount: int | None, about: int | None = None, mti: str = "0200", **changes: Any
    ) -> Action:
        """Send a request and return its answer; ``about`` is the place of an earlier one of this story."""
        original, code = None, ""
        if about is not None:
            earlier = self.sent[about]
            original = OriginalReference("", earlier.stan, earlier.local_date, "", "")
            code = approval_code_of(town.FIRST_ID + about * town.ID_STRIDE)
        request = purchase(next(self._stans), amount, RICH, kind=kind, mti=mti, original=original)
        request = request._replace(local_date=self._clock.day, **changes)
        if kind in OF_AUTHORISATIONS:
            request = request._replace(approval_code=code)
        self.sent.append(request)
        [outcome] = self._store.run([request]).outcomes
        assert outcome.reply is not None
        return outcome.reply.action

    def sleep(self, days: int) -> None:
        self._clock.day += timedelta(days=days)


def test_an_increment_on_a_later_day_counts_against_the_daily_limit_of_that_day(books: Database) -> None:
    with books.writing() as connection:
        connection.execute(sa.update(schema.card).values(daily_limit_minor=1_000))
    story = Story(books)
    story.send(Kind.AUTHORISATION, 100, mti="0100")
    story.sleep(1)

    answers = [story.send(Kind.INCREMENT, 700, 0, "0100") for _ in range(2)]

    assert answers == [Action.APPROVED, Action.EXCEEDS_AMOUNT_LIMIT]


def test_a_terminal_gets_no_more_back_of_its_limit_than_was_counted_there(books: Database) -> None:
    story = Story(books)
    story.send(Kind.PURCHASE, 15_000, terminal_id="T2")
    story.send(Kind.AUTHORISATION, 100, mti="0100", terminal_id="T2")
    story.send(Kind.INCREMENT, 18_000, 1, "0100", terminal_id="T1")
    assert story.send(Kind.AUTHORISATION_VOID, 18_100, 1, "0100", terminal_id="T2") is Action.APPROVED

    assert story.send(Kind.PURCHASE, 6_000, terminal_id="T2") is Action.EXCEEDS_AMOUNT_LIMIT


def test_an_increment_undone_after_its_hold_was_reduced_gives_no_more_back_than_is_held(books: Database) -> None:
    story = Story(books)
    story.send(Kind.PURCHASE, 15_000, terminal_id="T2")
    story.send(Kind.AUTHORISATION, 1_000, mti="0100", terminal_id="T2")
    story.send(Kind.INCREMENT, 500, 1, "0100", terminal_id="T2")
    story.send(Kind.REVERSAL, 1_000, 1, "0400", terminal_id="T2", new_amount_minor=300)
    assert story.send(Kind.REVERSAL, 500, 2, "0400", terminal_id="T2") is Action.APPROVED

    assert story.send(Kind.PURCHASE, 5_100, terminal_id="T2") is Action.EXCEEDS_AMOUNT_LIMIT


def test_the_audit_finds_nothing_wrong_with_a_completion_undone_after_its_refund(books: Database) -> None:
    story = Story(books)
    story.send(Kind.AUTHORISATION, 100, mti="0100", terminal_id="T2")
    story.send(Kind.COMPLETION, 100, 0, terminal_id="T2")
    story.send(Kind.REFUND, 100, 1, "0220", terminal_id="T2")

    assert story.send(Kind.REVERSAL, 100, 1, "0400", terminal_id="T2") is Action.APPROVED
    assert town.broken(books) == {}


def test_a_reversal_of_an_activation_that_named_an_amount_names_it_too(books: Database) -> None:
    story = Story(books)
    story.send(Kind.ACTIVATION, 5_000, pan=UNSOLD)

    assert story.send(Kind.REVERSAL, 5_000, 0, "0400", pan=UNSOLD) is Action.APPROVED
    assert town.standing(books).cards[UNSOLD.reveal()][2] == "inactive"
