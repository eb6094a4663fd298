"""Terminals at work: draws who sends what, plans it for the engine, and takes what comes back.

Customers come when the schedule says, whatever the host does: that is the open loop, and a message's latency counts
from when its customer came. A terminal without a think time serves any number of them at once. One with a think time
serves one after the other, and thinks after each answer: it is a closed loop of its own. Customers who find all
terminals taken queue up, in order, and their latency counts on; so a host that stalls is not excused by the terminals
that wait for it. That there are enough terminals for a host that does not stall is seen to before (`population`).

A simulation is both sides of the engine's contract: its `plan`, and the `Watch` that is told what became of it, which
tells the tally.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Generator, Iterator
from heapq import heappop, heappush
from itertools import accumulate, count
from random import Random
from typing import Final, NamedTuple

from switch.errors import ConfigurationError
from switch.load import faults
from switch.load.faults import Effects, garbled
from switch.load.messages import Message, Messages
from switch.load.plan import Act, Planned, Stray, Watch
from switch.load.population import Population
from switch.load.scenario import Entry, Mix, Scenario
from switch.load.signing_on import take_keys
from switch.load.tills import Payment, Till
from switch.messages.kinds import Kind
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import RESPONSE_CODE, Dialect

FAULT_LINES: Final = 1_000_000
"""Connections from this number on are for faults, and are not measured."""

ROW_OF_SALES: Final = 16
"""What a slow reader asks before it reads."""

_OPENED_US: Final = 200_000
"""A connection is opened so long before a fault is done on it, so that it is open by then."""

_TICK_US: Final = 500
"""How often a queue of customers looks for a free terminal."""

_REMEMBERED: Final = frozenset({Kind.PURCHASE, Kind.AUTHORISATION})
_RRN: Final = 37


class Note(NamedTuple):
    """What a simulation wants to know of a message when its answer comes. ``rrn`` is that of the first answer."""

    till: int
    payment: Payment
    fault: str = ""
    rrn: str = ""


class _Choice(NamedTuple):
    mix: Mix
    entry: Entry


class Simulation:
    """One run of a scenario. ``inner`` is told everything but what happens on the connections of faults.

    ``seen`` is given every message with its answer, ``unseen`` each that has none, warm-up and faults among them.
    """

    def __init__(
        self,
        scenario: Scenario,
        dialect: Dialect,
        population: Population,
        messages: Messages,
        tills: tuple[Till, ...],
        master: bytes,
        inner: Watch,
        seen: Callable[[Fields, Fields], None] | None = None,
        unseen: Callable[[Fields], None] | None = None,
    ) -> None:
        """Raises `ConfigurationError` for kinds and ways of paying that the dialect does not have."""
        _check(scenario, dialect, population, messages)
        self.effects = Effects()
        self._dropped: set[bytes] = set()
        self._scenario = scenario
        self._population = population
        self._messages = messages
        self._tills = tills
        self._master = master
        self._inner = inner
        self._seen = seen
        self._unseen = unseen
        self._codec = Codec(dialect)
        self._codes = dialect.actions
        self._chance = Random(scenario.seed + 1)  # noqa: S311 - a load is to be the same again
        self._choices = [_Choice(mix, entry) for mix in scenario.mix for entry in mix.entry]
        self._up_to = list(accumulate(_weight(choice) for choice in self._choices))
        self._faults = [*scenario.faults.shares]
        self._fault_up_to = list(accumulate(scenario.faults.shares.values()))
        self._think_us = round(scenario.terminals.think_s * 1e6)
        self._free = [(0, till) for till in range(len(tills))]
        self._turn = count()
        self._lines = count(FAULT_LINES)
        self._fault_of: dict[int, str] = {}
        self._later: list[tuple[int, int, Planned]] = []

    def dropped(self) -> Iterator[Fields]:
        """Messages whose connection was dropped behind them, and that were not sent again (yet)."""
        return map(self._fields, self._dropped)

    # --- what is sent ----------------------------------------------------------------------------------------

    def plan(self) -> Iterator[Planned]:
        """What is to be done, in order."""
        for due_us in self._scenario.due_us():
            while self._later and self._later[0][0] <= due_us:
                yield heappop(self._later)[2]
            yield from self._customer(due_us)
        while self._later:
            yield heappop(self._later)[2]

    def _customer(self, due_us: int) -> Iterator[Planned]:
        turn = next(self._turn)
        if self._think_us:
            till = yield from self._free_till(due_us)
        else:
            till = turn % len(self._tills)
        lines = self._scenario.connections
        line = (till if len(self._tills) >= lines else turn) % lines
        fault = self._drawn_fault()
        if fault in _ON_THEIR_OWN:
            self._misbehave(fault, due_us, till, line)
            return
        message, fault, rrn = self._drawn(till, fault)
        yield self._planned(due_us, line, message, Note(till, message.payment, fault, rrn))

    def _free_till(self, due_us: int) -> Generator[Planned, None, int]:
        """Return the terminal that has been free for longest; until one is, yield what lets the engine go on."""
        tick_us = due_us
        while not self._free:
            tick_us += _TICK_US
            yield Planned(tick_us, 0, b"", act=Act.READ)
        free_us, till = heappop(self._free)
        if free_us > due_us:
            yield Planned(free_us, 0, b"", act=Act.READ)
        return till

    def _drawn_fault(self) -> str:
        if not self._faults:
            return ""
        drawn = self._chance.random()
        return next((name for name, up_to in zip(self._faults, self._fault_up_to, strict=True) if drawn < up_to), "")

    def _drawn(self, till: int, fault: str) -> tuple[Message, str, str]:
        """The message of a customer, which fault it is after all, and the reference that its answer must have again."""
        at, chance = self._tills[till], self._chance
        if fault == faults.BAD_MAC:
            return self._sale(till, is_forged=True), fault, ""
        if fault == faults.DUPLICATE_STAN and (first := at.any_of(Kind.PURCHASE, chance)) is not None:
            return self._sale(till, besides=first), fault, ""
        if fault == faults.REPEAT and (first := at.any_of(Kind.PURCHASE, chance)) is not None:
            return self._messages.again(at, first), fault, first.rrn
        if fault == faults.LATE_REVERSAL and (first := at.oldest(Kind.PURCHASE)) is not None:
            return self._about(till, Kind.REVERSAL, first), fault, ""
        choice = self._choices[bisect(self._up_to, chance.random() * self._up_to[-1], 0, len(self._up_to) - 1)]
        kind = choice.mix.kind
        of = self._messages.forms[kind].of
        if of is None:
            return self._new(till, kind, choice), "", ""
        original = at.newest(of)
        if original is not None and original.entry is Entry.QR and kind is Kind.REFUND:
            kind = Kind.VOID  # there is no card to give it back to
        return (self._new(till, of, choice) if original is None else self._about(till, kind, original)), "", ""

    def _new(self, till: int, kind: Kind, choice: _Choice) -> Message:
        low, high = choice.mix.amount_minor
        amount = low + int(self._chance.random() * (high - low + 1))
        card = self._population.cards[self._population.draw(self._chance)]
        return self._messages.message(self._tills[till], kind, choice.entry, card, amount)

    def _sale(self, till: int, *, is_forged: bool = False, besides: Payment | None = None) -> Message:
        """A sale for a fault: swiped, of the smallest amounts; another than ``besides``, under its number."""
        at = self._tills[till]
        if besides is not None:
            amount, stan = besides.amount_minor + 1, besides.stan
            return self._messages.message(at, Kind.PURCHASE, Entry.SWIPE, besides.card, amount, stan=stan)
        card = self._population.cards[self._population.draw(self._chance)]
        return self._messages.message(at, Kind.PURCHASE, Entry.SWIPE, card, 1, is_forged=is_forged)

    def _about(self, till: int, kind: Kind, original: Payment) -> Message:
        """A void, refund, completion or reversal: of the same card, shown as simply as it was."""
        entry = original.entry if original.entry in (Entry.QR, Entry.MANUAL) else Entry.SWIPE
        at, amount = self._tills[till], original.amount_minor
        return self._messages.message(at, kind, entry, original.card, amount, about=original)

    def _planned(self, due_us: int, line: int, message: Message, note: Note, *, counted: bool = True) -> Planned:
        if note.fault:
            self.effects.sent[note.fault] += 1
        return Planned(due_us, line, message.frame, message.key, counted=counted, note=note)

    # --- faults on connections of their own ------------------------------------------------------------------

    def _misbehave(self, fault: str, due_us: int, till: int, line: int) -> None:
        own = next(self._lines)
        self._fault_of[own] = fault
        at_us, hold_us = due_us + _OPENED_US, round(self._scenario.faults.hold_s * 1e6)
        end_us = at_us + hold_us
        self._do_later(Planned(due_us, own, b"", act=Act.OPEN))
        sale = self._sale(till)
        if fault == faults.SLOW_READER:
            self._do_later(Planned(at_us, own, b"", act=Act.HOLD))
            for message in (sale, *(self._sale(till) for _ in range(ROW_OF_SALES - 1))):
                note = Note(till, message.payment, fault)
                self._do_later(self._planned(at_us, own, message, note, counted=False))
            self._do_later(Planned(end_us, own, b"", act=Act.READ))
            self._do_later(Planned(end_us, own, b"", act=Act.CLOSE))
            self._release(till, end_us)
            return
        if fault == faults.DROPPED:
            self._dropped.add(sale.frame)
            self._do_later(Planned(at_us, own, sale.frame))
            self._do_later(Planned(at_us, own, b"", act=Act.BREAK))
            self._do_later(self._planned(end_us, line, sale, Note(till, sale.payment, fault)))
            return
        frame = sale.frame[: len(sale.frame) // 2]
        if fault == faults.MALFORMED:
            frame = garbled(self._messages.body_of(sale.frame), self._messages.framed, self._chance)
        self.effects.sent[fault] += 1
        self._do_later(Planned(at_us, own, frame))
        self._do_later(Planned(end_us, own, b"", act=Act.BREAK))
        self._release(till, end_us)

    def _do_later(self, planned: Planned) -> None:
        heappush(self._later, (planned.due_us, next(self._turn), planned))

    def _release(self, till: int, at_us: int) -> None:
        if self._think_us:
            heappush(self._free, (at_us + self._think_us, till))

    # --- what comes back: the engine's Watch -----------------------------------------------------------------

    def sent(self, planned: Planned, due_us: int, at_us: int) -> None:
        self._inner.sent(planned, due_us, at_us)

    def answered(self, planned: Planned, fields: Fields, due_us: int, at_us: int) -> None:
        self._inner.answered(planned, fields, due_us, at_us)
        if self._seen is not None:
            self._seen(self._fields(planned.frame), fields)
        note = planned.note
        if not isinstance(note, Note):
            return
        self._dropped.discard(planned.frame)
        if planned.counted:
            self._release(note.till, at_us)
        code = fields.get(RESPONSE_CODE, "")
        is_approved = code == self._codes["approved"]
        if note.fault:
            self._judge(note, code, fields.get(_RRN, ""))
        if not is_approved:
            return
        till, payment = self._tills[note.till], note.payment
        if payment.kind is Kind.SIGN_ON:
            take_keys(till, self._master, self._messages, fields)
        elif payment.kind in _REMEMBERED and note.fault not in (faults.REPEAT, faults.DUPLICATE_STAN):
            till.remember(self._messages.approved(payment, fields))

    def missing(self, planned: Planned, due_us: int, at_us: int) -> None:
        self._inner.missing(planned, due_us, at_us)
        if self._unseen is not None:
            self._unseen(self._fields(planned.frame))
        note = planned.note
        if not isinstance(note, Note):
            return
        self._dropped.discard(planned.frame)
        if planned.counted:
            self._release(note.till, at_us)
        if note.fault:
            self.effects.tell_wrong(note.fault, "unanswered")

    def stray(self, what: Stray, connection: int, at_us: int) -> None:
        fault = self._fault_of.get(connection)
        if fault is None:
            self._inner.stray(what, connection, at_us)
        elif fault == faults.HALF_FRAME:
            self.effects.tell_wrong(fault, "answered")

    def connection(self, connection: int, what: str, at_us: int) -> None:
        fault = self._fault_of.get(connection)
        if fault is None:
            self._inner.connection(connection, what, at_us)
        elif what.startswith("refused"):
            self.effects.tell_wrong(fault, "refused a connection")

    def _fields(self, frame: bytes) -> Fields:
        return self._codec.decode(self._messages.body_of(frame))

    def _judge(self, note: Note, code: str, rrn: str) -> None:
        expected = self._codes[faults.EXPECTED[note.fault]]
        if code != expected:
            self.effects.tell_wrong(note.fault, f"answered {code}")
        elif note.rrn and rrn != note.rrn:
            self.effects.tell_wrong(note.fault, "another reference")


_ON_THEIR_OWN: Final = frozenset({faults.HALF_FRAME, faults.MALFORMED, faults.DROPPED, faults.SLOW_READER})


def _weight(choice: _Choice) -> float:
    """A kind's weight, shared out among the ways in which its card is shown."""
    return choice.mix.weight * choice.mix.entry[choice.entry] / sum(choice.mix.entry.values())


def _check(scenario: Scenario, dialect: Dialect, population: Population, messages: Messages) -> None:
    for mix in scenario.mix:
        if mix.kind not in messages.forms:
            known = ", ".join(messages.forms)
            raise ConfigurationError(f"mix: no {mix.kind} is sent in dialect {dialect.name}; there are {known}")
        if Entry.QR not in mix.entry:
            continue
        if mix.kind is not Kind.PURCHASE or not any(row.kind == Kind.CODE_PURCHASE for row in dialect.transactions):
            raise ConfigurationError(f"mix: a {mix.kind} cannot be shown as qr in dialect {dialect.name}")
        if not population.pay_codes:
            raise ConfigurationError("cards.pay_codes: needed, for something is paid by qr")
