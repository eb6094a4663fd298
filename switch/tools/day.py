"""A terminal's day: steps in a table, played one after the other against a host, each answer held against the table.

A `Step` says what is sent, what should come back and what that does to the terminal's totals; a `Script` is the table
of one dialect, and how a message is made from a step. `Play` knows what every later step may need: what was sent and
answered before, the cards, the count so far, the balances that the host told, the batches that were settled.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from types import MappingProxyType
from typing import Final, NamedTuple

from switch.errors import PeerError
from switch.messages.settlement import DOMESTIC_PREFIX
from switch.tools.simulated_card import SimulatedCard
from switch.tools.tally import Move, Settled, Tally
from switch.tools.terminal import Answer, Host, LineLost, Terminal
from switch.values import Money
from switch.wire.codec import Fields

APPROVED: Final = "00"
CURRENCY: Final = "156"

_STORED: Final = (37, 38, 39)
"""What a repeat is answered with again (domain rule 2)."""

_CHIP: Final = 55
_BALANCES: Final = 54
_AVAILABLE: Final = "02"
_BALANCE_SIZE: Final = 20


class Shown(Enum):
    """How the card, or the code that stands for one, is shown to the terminal."""

    NOT = auto()
    SWIPED = auto()
    PASSED_OVER = auto()  # the stripe of a card whose chip the terminal could read
    TYPED = auto()
    CHIP = auto()
    CONTACTLESS = auto()
    CODE = auto()


class Trick(Enum):
    """What is out of the ordinary about a step."""

    NONE = auto()
    LOST = auto()  # the terminal never sees the answer
    AGAIN = auto()  # the very message of an earlier step
    FORGED = auto()  # with a wrong MAC
    ENCRYPTED = auto()  # the track's middle under the track key
    PIN = auto()
    WRONG_PIN = auto()
    OFFLINE = auto()  # the chip has agreed already
    FORGOTTEN = auto()  # the terminal has no record of it when it settles
    MISNOTED = auto()  # its record has a cent too much


class Form(NamedTuple):
    """A kind of message as its dialect tells it from others.

    ``gives`` are fields that its approval must have, ``names`` how it names the one that it is about, ``more`` what
    every message of the form carries besides, ``does`` how it is played where that is more than one question.
    """

    mti: str
    processing: str = ""
    condition: str = ""
    kind: str = ""
    network: str = ""
    gives: tuple[int, ...] = ()
    names: str = ""
    has_mac: bool = True
    is_numbered: bool = True
    more: Mapping[int, str] = MappingProxyType({})
    does: Callable[[Play, Step], Awaitable[Line]] | None = None


class Line(NamedTuple):
    """What came of one step, as the table shows it."""

    says: str
    amount_minor: int | None
    code: str
    expected: str
    checked: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def is_as_expected(self) -> bool:
        return not self.faults


class Asked(NamedTuple):
    """A message and its answer; ``is_lost`` says that the terminal must not know the answer."""

    sent: Fields
    answer: Answer
    is_lost: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One row of a script.

    Amounts are minor units. ``about`` names an earlier step (of a transfer, the card that money goes to); ``then`` is
    what an approval counts as, or field 39 of the refusal that should come.
    """

    name: str
    says: str
    form: Form
    card: str = ""
    shown: Shown = Shown.NOT
    trick: Trick = Trick.NONE
    amount: int | None = None
    about: str = ""
    then: Move | str = Move.NOTHING

    @property
    def expect(self) -> str:
        """Field 39 of the answer."""
        return APPROVED if isinstance(self.then, Move) else self.then

    @property
    def move(self) -> Move:
        """What an approval counts as."""
        return self.then if isinstance(self.then, Move) else Move.NOTHING


class Script(NamedTuple):
    """The table of one dialect, and what makes a message of a step."""

    steps: tuple[Step, ...]
    message: Callable[[Play, Step], Fields]


class Play:
    """One day being played. ``now`` gives the terminal's local time.

    ``counted`` are the steps that were approved and counted, ``unsent`` those that the terminal only made up;
    ``batch_is_over`` says that the next sign-on has to be answered with another batch.
    """

    def __init__(
        self,
        script: Script,
        terminal: Terminal,
        host: Host,
        cards: Mapping[str, SimulatedCard],
        now: Callable[[], datetime],
        pay_code: str = "",
    ) -> None:
        self.terminal = terminal
        self.cards = cards
        self.now = now
        self.pay_code = pay_code
        self.steps = len(script.steps)
        self.asked: dict[str, Asked] = {}
        self.counted: dict[str, Step] = {}
        self.unsent: list[Step] = []
        self.tally = Tally(name for name, card in cards.items() if not _is_domestic(card))
        self.settled: list[Settled] = []
        self.batch_is_over = False
        self._script = script
        self._host = host
        self._balances: dict[str, int] = {}

    async def run(self) -> list[Line]:
        """Play all steps; where the line is lost, the last one says so and those after it are missing."""
        lines: list[Line] = []
        for step in self._script.steps:
            try:
                lines.append(await (step.form.does or ask)(self, step))
            except PeerError as error:
                lines.append(Line(step.says, step.amount, "", step.expect, (), (str(error),)))
                if isinstance(error, LineLost):
                    break
        return lines

    def original(self, step: Step) -> Asked:
        """What the step is about. Raises `PeerError` where that was never answered."""
        found = self.asked.get(step.about)
        if found is None:
            raise PeerError("what it is about was never answered")
        return found

    def message(self, step: Step) -> Fields:
        """The fields of a step's message, with a number of its own."""
        return self._script.message(self, step)

    async def send(self, step: Step, fields: Fields) -> Answer:
        """Send a message and return the answer, checked as terminals do. Raises `PeerError` where none comes."""
        has_mac = step.form.has_mac
        is_forged = step.trick is Trick.FORGED
        frame = await self._host.ask(self.terminal.written(fields, has_mac=has_mac, is_forged=is_forged))
        answer = self.terminal.read(fields, frame, has_mac=has_mac)
        self.asked[step.name] = Asked(fields, answer, step.trick is Trick.LOST)
        return answer

    def count(self, step: Step) -> None:
        """Count an approved step."""
        self.counted[step.name] = step
        self.tally.book(step.name, step.move, step.amount or 0, step.card, step.about, self.terminal.batch)

    def balance(self, card: str, told_minor: int) -> tuple[str, str]:
        """Hold a balance against the first one and what was counted since: (what was checked, what is wrong)."""
        first = self._balances.setdefault(card, told_minor - self.tally.change_of(card))
        expected = first + self.tally.change_of(card)
        told = Money(told_minor, CURRENCY)
        if told_minor == expected:
            return f"{told}, as counted", ""
        return "", f"the host says {told}, the count {Money(expected, CURRENCY)}"


def _is_domestic(card: SimulatedCard) -> bool:
    return card.pan.reveal().startswith(DOMESTIC_PREFIX)


async def ask(play: Play, step: Step) -> Line:
    """Send a step's message and hold its answer against the table."""
    fields = play.message(step)
    return judged(play, step, fields, await play.send(step, fields))


def judged(play: Play, step: Step, fields: Fields, answer: Answer) -> Line:
    """Check an answer, count it if it is the expected approval, and say what was checked and what is wrong."""
    checked = ["MAC"] if answer.has_mac else []
    faults = list(answer.faults)
    if answer.code != step.expect:
        faults.insert(0, f"expected {step.expect}")
    if step.trick is Trick.LOST:
        return Line(step.says, step.amount, "--", step.expect, ("answer dropped",), tuple(faults))
    if answer.wish:
        checked.append(f"host asks: {answer.wish}")
    if answer.code == APPROVED == step.expect:
        for check in _CHECKS:
            said, fault = check(play, step, fields, answer.fields)
            checked += [said] * bool(said)
            faults += [fault] * bool(fault)
        play.count(step)
    return Line(step.says, step.amount, answer.code, step.expect, tuple(checked), tuple(faults))


# --- what is checked of an approval: (what was checked, what is wrong), "" for nothing ------------------------

Checked = tuple[str, str]


def _what_it_gives(_: Play, step: Step, __: Fields, answer: Fields) -> Checked:
    missing = [str(number) for number in step.form.gives if number not in answer]
    return "", f"field {', '.join(missing)} is missing" if missing else ""


def _what_the_chip_thinks(play: Play, step: Step, sent: Fields, answer: Fields) -> Checked:
    if _CHIP not in sent or step.shown not in (Shown.CHIP, Shown.CONTACTLESS) or step.trick is Trick.OFFLINE:
        return "", ""
    asked, answered = bytes.fromhex(sent[_CHIP]), bytes.fromhex(answer.get(_CHIP, ""))
    fault = play.cards[step.card].disbelief(asked, answered, answer.get(39, ""))
    return ("", fault) if fault else ("ARPC", "")


def _whether_it_is_the_first_answer(play: Play, step: Step, _: Fields, answer: Fields) -> Checked:
    if step.trick is not Trick.AGAIN:
        return "", ""
    first = play.original(step).answer.fields
    other = [str(number) for number in _STORED if first.get(number) != answer.get(number)]
    return ("", f"field {', '.join(other)} is another than at first") if other else ("as answered at first", "")


def _whether_the_balance_is_as_counted(play: Play, step: Step, _: Fields, answer: Fields) -> Checked:
    if _BALANCES not in step.form.gives:
        return "", ""
    text = answer.get(_BALANCES, "")
    for at in range(0, len(text) - _BALANCE_SIZE + 1, _BALANCE_SIZE):
        kind, sign, digits = text[at + 2 : at + 4], text[at + 7], text[at + 8 : at + _BALANCE_SIZE]
        if kind == _AVAILABLE and digits.isdigit():
            return play.balance(step.card, -int(digits) if sign == "D" else int(digits))
    return "", "field 54 tells no available balance"


_CHECKS: Final = (
    _what_it_gives,
    _what_the_chip_thinks,
    _whether_it_is_the_first_answer,
    _whether_the_balance_is_as_counted,
)
