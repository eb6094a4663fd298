"""Whatever terminals send, in whatever order and groups, the books are those of the model."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from switch.ledger import schema
from switch.ledger.database import open_database
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import OriginalReference, Request
from tests.ledger.shop import CARDS, MERCHANT_ACCOUNT, TODAY, Shop, authorisation, purchase, refund, reversal, stock
from tests.scenarios.model import Model, ModelCard

AMOUNTS = (100, 700, 1_500, 2_500, 4_000)


class Traffic:
    """Makes up messages of two terminals: new ones, and ones about earlier ones."""

    def __init__(self, chance: random.Random, model: Model) -> None:
        self._chance = chance
        self._model = model
        self._stans = count(1)
        self._sent: list[Request] = []
        self._promised: list[Request] = []  # reversed before they were sent

    def next(self) -> Request:
        choices = (self._spend, self._spend, self._again, self._undo, self._undo, self._give_back, self._overtake)
        request = self._chance.choice(choices)() or self._spend()
        self._sent.append(request)
        return request

    def _spend(self) -> Request:
        if self._promised and self._chance.random() < 0.3:
            return self._promised.pop()
        make = self._chance.choice((purchase, authorisation))
        amount, pan = self._chance.choice(AMOUNTS), self._chance.choice(list(CARDS))
        return make(next(self._stans), amount, pan, terminal_id=self._chance.choice(("T1", "T2")))

    def _again(self) -> Request | None:
        """A repeat, or the same key with another amount."""
        if not self._sent:
            return None
        earlier = self._chance.choice(self._sent)
        if self._chance.random() < 0.2:
            return earlier._replace(amount_minor=(earlier.amount_minor or 0) + 1)
        return earlier._replace(mti=earlier.mti[:3] + self._chance.choice("01"))

    def _undo(self) -> Request | None:
        undoable = [each for each in self._sent if each.kind is not Kind.REVERSAL]
        if not undoable:
            return None
        original = self._chance.choice(undoable)
        new_amount = self._chance.choice((None, None, None, 0, 300, 1_000, 3_000))
        amount = (original.amount_minor or 0) + self._chance.choice((0, 0, 0, 0, 1))
        return self._reversal_of(original, amount, new_amount)

    def _give_back(self) -> Request | None:
        sales = [each for each in self._sent if each.kind is Kind.PURCHASE]
        if not sales:
            return None
        sale = self._chance.choice(sales)
        assert sale.pan is not None
        amount = self._chance.choice((100, 500, sale.amount_minor or 0))
        return refund(next(self._stans), amount, sale.pan, of=int(sale.stan), terminal_id=sale.terminal_id)

    def _overtake(self) -> Request:
        late = purchase(next(self._stans), 700, self._chance.choice(list(CARDS)))
        self._promised.append(late)
        return self._reversal_of(late, 700, None)

    def _reversal_of(self, original: Request, amount: int, new_amount: int | None) -> Request:
        """By DE 90, or by the original's own STAN."""
        own_key = self._chance.random() < 0.3
        message_class = "" if own_key else original.message_class
        return reversal(
            int(original.stan) if own_key else next(self._stans),
            amount,
            original.pan,
            terminal_id=original.terminal_id,
            original=OriginalReference(message_class, original.stan, TODAY, "", ""),
            new_amount_minor=new_amount,
        )


def play(shop: Shop, chance: random.Random, messages: int) -> None:
    """Settle made-up traffic in groups of all sizes; every answer, and the books at the end, must be the model's."""
    model = Model({pan.reveal(): ModelCard(ledger, limit) for pan, (_, _, ledger, limit) in CARDS.items()})
    traffic = Traffic(chance, model)
    store = shop.store()
    while messages > 0:
        group, expected = [], []
        for _ in range(chance.randrange(1, 7)):
            group.append(traffic.next())
            expected.append(model.approves(group[-1]))
        messages -= len(group)
        outcomes = store.run(group).outcomes
        for request, outcome, approved in zip(group, outcomes, expected, strict=True):
            assert outcome.reply is not None
            assert (outcome.reply.action is Action.APPROVED) == approved, (request, outcome)
    store.close()
    assert books(shop) == {
        **{pan: (card.ledger, card.held, card.spent, card.count) for pan, card in model.cards.items()},
        "merchant": model.merchant,
    }


def books(shop: Shop) -> dict[str, object]:
    found: dict[str, object] = {pan.reveal(): (*shop.account(pan), *shop.spent(pan)) for pan in CARDS}
    transfers = shop.rows(schema.transfer)
    credits_ = sum(row.amount_minor for row in transfers if row.credit_account_id == MERCHANT_ACCOUNT)
    debits = sum(row.amount_minor for row in transfers if row.debit_account_id == MERCHANT_ACCOUNT)
    return {**found, "merchant": credits_ - debits}


@contextmanager
def fresh_shop(template: Path) -> Iterator[Shop]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(shutil.copy(template, f"{folder}/books.db"))
        opened = open_database(f"sqlite:///{path}")
        stock(opened)
        yield Shop(opened)
        opened.close()


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chance=st.randoms(use_true_random=False), messages=st.integers(min_value=1, max_value=40))
def test_any_interleaving_leaves_the_books_of_the_model(
    sqlite_template: Path, chance: random.Random, messages: int
) -> None:
    with fresh_shop(sqlite_template) as shop:
        play(shop, chance, messages)


def test_a_long_day_leaves_the_books_of_the_model(database: str) -> None:
    opened = open_database(database)
    stock(opened)

    play(Shop(opened), random.Random(8583), 1_500)

    opened.close()
