"""Makes messages of operations: small tuples that a search for the shortest failure can take away one by one.

An operation says what kind of message comes next, which earlier one it is about (counted back from the latest of those
that it can be about), and with what twist: another amount, another card, another terminal. The model is asked first:
what its rules are silent about is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from itertools import count
from typing import Any, NamedTuple

from switch.messages.kinds import Kind
from switch.messages.model import NO_EXTRAS, Extras, OriginalReference, Request
from switch.messages.references import approval_code_of, rrn_of
from switch.messages.verdicts import Finding, Verdicts
from switch.values import Pan, Secret
from tests.ledger.shop import purchase
from tests.simulation import town
from tests.simulation.books import SALES, Answers, NotInTheRules
from tests.simulation.model import Model
from tests.simulation.payments import ModelPayment, Standing

AMOUNTS = (100, 700, 1_500, 2_500, 4_000)
RATIOS = (100, 115, 116, 50, 100)  # of what is held, in per cent


class Operation(NamedTuple):
    """``what`` is a name in `TURNS`; the numbers choose among what there is, whatever their size."""

    what: str
    back: int = 0
    size: int = 0
    card: int = 0
    terminal: int = 0
    twist: int = 0


class Message(NamedTuple):
    """A request with what the rules say of it: the day it comes, the right answers, the books after it."""

    request: Request
    clock: town.Clock
    answers: Answers
    after: Standing
    is_again: bool


OTHER_AMOUNT, OTHER_CARD, OTHER_TERMINAL, OLD_ONES, BY_RRN = 5, 6, 7, 8, 9
TWISTS = 10  # those below are none


class Traffic:
    """Turns operations into messages, one after the other."""

    def __init__(self) -> None:
        self.model: Model = town.model()
        self.messages: list[Message] = []
        self._stans = count(1)
        self._numbers = town.ids()
        self._sent: list[Request] = []
        self._amounts: dict[tuple[object, ...], int | None] = {}
        self._promised: list[Request] = []  # reversed before they were sent
        self._number = next(self._numbers)

    def take(self, operation: Operation) -> None:
        """Carry out one operation, if there is anything that it can be about."""
        turn = TURNS[operation.what]
        for request in turn(self, operation):
            self._send(request)

    def _send(self, request: Request) -> None:
        try:
            answers = self.model.answers(request, self._number)
        except NotInTheRules:
            return
        is_again = bool(request.mti) and self._amounts.get(key_of(request), "new") == request.amount_minor
        if request.mti:
            self._amounts.setdefault(key_of(request), request.amount_minor)
        clock = town.Clock(self.model.today)
        self.messages.append(Message(request, clock, answers, self.model.standing(), is_again))
        self._sent.append(request)
        self._number = next(self._numbers)

    # --- new payments --------------------------------------------------------------------------------------

    def new(self, kind: Kind, operation: Operation, mti: str = "0200", **others: Any) -> Request:
        pans = town.AT_THE_TILL if kind in (Kind.LOAD, Kind.ACTIVATION) else town.PANS
        pan = pans[operation.card % len(pans)]
        amount = AMOUNTS[operation.size % len(AMOUNTS)]
        return self._request(kind, mti, amount, pan, operation.terminal, **others)

    def _request(
        self, kind: Kind, mti: str, amount: int | None, pan: Pan | None, terminal: int, **others: Any
    ) -> Request:
        own = {"terminal_id": f"T{terminal % 2 + 1}", "local_date": self.model.today}
        return purchase(next(self._stans), amount, pan, kind=kind, mti=mti)._replace(**{**own, **others})

    def transfer(self, operation: Operation) -> Request:
        return self.new(Kind.TRANSFER, operation, extras=Extras(to_pan=town.PANS[operation.back % len(town.PANS)]))

    def by_code(self, operation: Operation) -> Request:
        code = list(town.CODES)[operation.card % len(town.CODES)]
        paid = self.new(Kind.CODE_PURCHASE, operation, extras=Extras(pay_code=Secret(code)))
        return paid._replace(pan=None)

    def with_pin(self, operation: Operation) -> Request:
        pin = Finding.RIGHT if operation.twist == 0 else Finding.WRONG
        return self.new(Kind.PURCHASE, operation, verdicts=Verdicts(pin=pin))

    # --- about earlier ones --------------------------------------------------------------------------------

    def pick(self, kinds: Iterable[Kind], operation: Operation) -> ModelPayment | None:
        """Return an earlier payment of these kinds, one that is alive if there is one and no twist forbids it."""
        wanted = frozenset(kinds)
        of_kind = [each for each in self.model.payments if each.kind in wanted and each.kind is not Kind.EXPIRY]
        alive = [each for each in of_kind if each.is_live]
        found = of_kind if operation.twist == OLD_ONES else alive or of_kind
        return found[-1 - operation.back % len(found)] if found else None

    def about(
        self, kind: Kind, kinds: Iterable[Kind], operation: Operation, mti: str = "0200", amount: int | None = None
    ) -> Request | None:
        """A request about an earlier payment, for what is left of it unless another amount is given."""
        payment = self.pick(kinds, operation)
        if payment is None:
            return None
        right = payment.current or payment.amount
        amount = right if amount is None else amount
        twist = operation.twist
        if twist == OTHER_AMOUNT:
            amount += 1
        pan = None if kind is Kind.CODE_CANCEL or payment.card is None else Pan(payment.card.pan)
        if twist == OTHER_CARD:
            pan = town.PANS[operation.card % len(town.PANS)]
        terminal = int(payment.terminal[1]) - 1 + (twist == OTHER_TERMINAL)
        return self._request(
            kind,
            mti,
            amount,
            pan,
            terminal,
            original=self._reference(payment, twist),
            approval_code=approval_code_of(payment.number) if payment.kind is Kind.AUTHORISATION else "",
        )

    def _reference(self, payment: ModelPayment, twist: int) -> OriginalReference:
        day = None if twist == OLD_ONES else payment.day
        by_rrn = twist in (BY_RRN, OTHER_TERMINAL)
        return OriginalReference("", payment.stan, day, "", rrn_of(payment.number) if by_rrn else "")

    def complete(self, kind: Kind, operation: Operation, mti: str) -> Request | None:
        held = self.pick((Kind.AUTHORISATION,), operation)
        if held is None:
            return None
        amount = max((held.current or held.amount) * RATIOS[operation.size % len(RATIOS)] // 100, 1)
        return self.about(kind, (Kind.AUTHORISATION,), operation, mti, amount)

    def part_of(self, kind: Kind, kinds: Iterable[Kind], operation: Operation, mti: str) -> Request | None:
        """For an amount of its own: an increment, a refund, another total."""
        amount = (None, *AMOUNTS)[operation.size % (len(AMOUNTS) + 1)]
        return self.about(kind, kinds, operation, mti, amount)

    def expire(self, operation: Operation) -> Request | None:
        held = self.pick((Kind.AUTHORISATION,), operation)
        if held is None or not held.is_approved or held.day == self.model.today:
            return None
        original = OriginalReference("", "", held.day, "", "", "", held.number)
        return self._request(
            Kind.EXPIRY, "", None, None, 0, stan="", terminal_id=held.terminal, original=original, has_local_date=False
        )

    # --- again, and back -----------------------------------------------------------------------------------

    def undo(self, operation: Operation, new_amount: int | None = None) -> Request | None:
        """The reversal of a request, whatever it was, whether or not it was approved."""
        found = [each for each in self.model.payments if operation.twist == OLD_ONES or each.is_live]
        if not found:
            return None
        payment = found[-1 - operation.back % len(found)]
        amount = payment.amount + (operation.twist == OTHER_AMOUNT)
        own_stan = operation.twist == BY_RRN
        return self._request(
            Kind.REVERSAL,
            "0400",
            amount or None,
            town.PANS[operation.card % len(town.PANS)] if operation.twist == OTHER_CARD else _pan_of(payment),
            int(payment.terminal[1]) - 1,
            original=OriginalReference("", payment.stan, payment.day, "", ""),
            new_amount_minor=new_amount,
            extras=Extras(pay_code=Secret(payment.pay_code)) if payment.pay_code and operation.size else NO_EXTRAS,
            **({"stan": payment.stan} if own_stan else {}),
        )

    def overtake(self, operation: Operation) -> Request | None:
        """The reversal of a request that has not come yet."""
        before = len(self._promised)
        late = list(TURNS[OVERTAKEN[operation.size % len(OVERTAKEN)]](self, operation))
        self._promised += late
        if len(self._promised) == before:
            return None
        original = late[0]
        return self._request(
            Kind.REVERSAL,
            "0400",
            original.amount_minor,
            original.pan,
            0,
            terminal_id=original.terminal_id,
            original=OriginalReference("", original.stan, original.local_date, "", ""),
        )

    def arrive(self, _: Operation) -> Request | None:
        return self._promised.pop(0) if self._promised else None

    def again(self, operation: Operation) -> Request | None:
        """A repeat, or the same key with another amount."""
        keyed = [each for each in self._sent if each.mti]
        if not keyed:
            return None
        earlier = keyed[-1 - operation.back % len(keyed)]
        if operation.twist == OTHER_AMOUNT:
            return earlier._replace(amount_minor=(earlier.amount_minor or 0) + 1)
        return earlier._replace(mti=earlier.mti[:3] + "01"[operation.size % 2])

    def sleep(self, days: int) -> None:
        self.model.today += timedelta(days=days)


def key_of(request: Request) -> tuple[object, ...]:
    """What tells a request from all others (rule 1); there is one merchant and no batch."""
    return request.terminal_id, request.message_class, request.stan, request.local_date


def _pan_of(payment: ModelPayment) -> Pan | None:
    return Pan(payment.card.pan) if payment.card is not None and payment.shows_card else None


def _one(make: Callable[[Traffic, Operation], Request | None]) -> Callable[[Traffic, Operation], list[Request]]:
    def turn(traffic: Traffic, operation: Operation) -> list[Request]:
        request = make(traffic, operation)
        return [] if request is None else [request]

    return turn


def _days(days: int) -> Callable[[Traffic, Operation], list[Request]]:
    def turn(traffic: Traffic, _: Operation) -> list[Request]:
        traffic.sleep(days)
        return []

    return turn


K = Kind
OVERTAKEN = ("purchase", "authorisation", "completion", "void", "release", "refund", "transfer", "load")

# fmt: off
TURNS: dict[str, Callable[[Traffic, Operation], list[Request]]] = {
    "nothing":         lambda _, __: [],
    "purchase":        _one(lambda t, o: t.new(K.PURCHASE, o)),
    "authorisation":   _one(lambda t, o: t.new(K.AUTHORISATION, o, "0100")),
    "offline_sale":    _one(lambda t, o: t.new(K.OFFLINE_SALE, o, "0220")),
    "transfer":        _one(Traffic.transfer),
    "code_purchase":   _one(Traffic.by_code),
    "load":            _one(lambda t, o: t.new(K.LOAD, o)),
    "activation":      _one(lambda t, o: t.new(K.ACTIVATION, o)._replace(amount_minor=None)),
    "pin":             _one(Traffic.with_pin),
    "increment":       _one(lambda t, o: t.part_of(K.INCREMENT, (K.AUTHORISATION,), o, "0100")),
    "completion":      _one(lambda t, o: t.complete(K.COMPLETION, o, "0200")),
    "advice":          _one(lambda t, o: t.complete(K.COMPLETION_ADVICE, o, "0220")),
    "release":         _one(lambda t, o: t.about(K.AUTHORISATION_VOID, (K.AUTHORISATION,), o, "0100")),
    "completion_void": _one(lambda t, o: t.about(K.COMPLETION_VOID, (K.COMPLETION, K.COMPLETION_ADVICE), o)),
    "void":            _one(lambda t, o: t.about(K.VOID, (K.PURCHASE,), o)),
    "load_void":       _one(lambda t, o: t.about(K.LOAD_VOID, (K.LOAD,), o)),
    "code_cancel":     _one(lambda t, o: t.about(K.CODE_CANCEL, (K.CODE_PURCHASE,), o)),
    "refund":          _one(lambda t, o: t.part_of(K.REFUND, SALES, o, "0220")),
    "tip":             _one(lambda t, o: t.part_of(K.TIP, SALES, o, "0220")),
    "adjustment":      _one(lambda t, o: t.part_of(K.ADJUSTMENT, SALES, o, "0220")),
    "expiry":          _one(Traffic.expire),
    "reversal":        _one(lambda t, o: t.undo(o)),
    "part_reversal":   _one(lambda t, o: t.undo(o, (0, *AMOUNTS)[o.size % (len(AMOUNTS) + 1)])),
    "overtake":        _one(Traffic.overtake),
    "arrive":          _one(Traffic.arrive),
    "again":           _one(Traffic.again),
    "day":             _days(1),
    "month":           _days(30),
}
# fmt: on


AUTHORISING = (
    *("authorisation", "authorisation", "increment", "completion", "advice", "release", "completion_void", "expiry"),
    *("refund", "tip", "adjustment", "reversal", "reversal", "reversal", "part_reversal", "again", "day", "month"),
)
SELLING = (
    *("purchase", "offline_sale", "code_purchase", "void", "void", "code_cancel", "refund", "tip", "adjustment"),
    *("reversal", "reversal", "reversal", "part_reversal", "again", "day"),
)
PREPAYING = (
    *("activation", "load", "load", "load_void", "transfer", "purchase", "refund", "void"),
    *("reversal", "reversal", "part_reversal", "again", "overtake", "arrive"),
)
ALL = tuple(TURNS)


def messages_of(operations: Iterable[Operation]) -> list[Message]:
    """Return the messages that operations come to."""
    traffic = Traffic()
    for operation in operations:
        traffic.take(operation)
    return traffic.messages
