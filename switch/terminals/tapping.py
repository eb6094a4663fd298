"""What a tap sees: the messages of a few terminals and their answers, field by field, masked, while it is open.

On the event loop a message costs one truth test where nothing is tapped, and where its terminal is, a place in a
bounded list. Reading open taps, taking messages apart and writing them down is done once a second in a worker thread.
What there is no room for is counted, and the count is written down too: a technician knows what was not seen.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple, Protocol, TypeVar

import trio

from switch.errors import FrameError
from switch.ledger.database import Database
from switch.ledger.ports import Ids
from switch.ledger.taps import OpenTap, forget_taps, read_open_taps, write_tap_lines
from switch.telemetry import EventLog
from switch.wire.codec import Codec
from switch.wire.framing import Framing
from switch.wire.lines import Line, field_lines, printable
from switch.wire.masking import shown

_T = TypeVar("_T")

LOOK_EVERY_S: Final = 1.0
"""How soon a tap sees its first message after it was opened, and its page what passed."""

PASSED_MAX: Final = 200
"""Messages a second that are kept until they are written down: more than a terminal sends."""

_LONG_BY_NATURE: Final = frozenset({"42", "90"})
"""A merchant's number and the original data elements: one in ten would be taken for a card's."""

_FORGET_EVERY: Final = 600  # looks


class Runner(Protocol):
    """Runs a blocking function off the event loop."""

    def __call__(self, function: Callable[[], _T], /) -> Awaitable[_T]: ...


@dataclass(frozen=True, slots=True)
class Passed:
    """One message as it passed: the bytes are not for people. An answer's still have their frame; None was silence."""

    terminal_id: str
    at: int
    peer: str
    codec: Codec
    framing: Framing | None  # of an answer
    data: bytes | None = field(repr=False)


class _Lost(NamedTuple):
    messages: int


class Taps:
    """Which terminals are tapped, and what passed of them. ``run`` is its one task."""

    def __init__(
        self, database: Database, runner: Runner, clock: Callable[[], int], ids: Ids, events: EventLog
    ) -> None:
        self.tapped: dict[str, int] = {}
        """Terminals, and when their taps end: the same object all the time, so that whoever has it sees changes."""
        self._database = database
        self._runner = runner
        self._clock = clock
        self._ids = ids
        self._events = events
        self._open: list[OpenTap] = []
        self._passed: list[Passed] = []
        self._lost = 0
        self._is_failing = False

    def overheard(
        self, terminal_id: str, body: bytes, peer: str, codec: Codec, framing: Framing
    ) -> Callable[[bytes | None], None] | None:
        """Note a message, and return what notes its answer's frame; None where the tap has ended meanwhile."""
        if self._clock() >= self.tapped.get(terminal_id, 0):
            return None
        self._note(Passed(terminal_id, self._clock(), peer, codec, None, body))
        return lambda data: self._note(Passed(terminal_id, self._clock(), "", codec, framing, data))

    async def run(self) -> None:
        """Look after taps until cancelled."""
        looks = 0
        while True:
            await self.look()
            if looks % _FORGET_EVERY == 0:
                await self._forget()
            looks += 1
            await trio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Write down what passed, and find out what is tapped from now on."""
        passed, self._passed = self._passed, []
        lost, self._lost = _Lost(self._lost), 0
        try:
            self._open = await self._runner(partial(self._keep, self._open, passed, lost))
        except Exception as error:  # noqa: BLE001 - what a technician looks at must never cost a payment
            self._lost += len(passed) + lost.messages
            self._open = []
            self.tapped.clear()
            self._fail("keeping what a tap saw", error)
            return
        self._is_failing = False
        self.tapped.clear()
        self.tapped.update((tap.terminal_id, tap.ends_at) for tap in sorted(self._open, key=lambda tap: tap.ends_at))

    def _note(self, passed: Passed) -> None:
        if len(self._passed) < PASSED_MAX:
            self._passed.append(passed)
        else:
            self._lost += 1

    async def _forget(self) -> None:
        try:
            await self._runner(partial(forget_taps, self._database, self._clock()))
        except Exception as error:  # noqa: BLE001 - as above
            self._fail("deleting what taps saw", error)

    def _fail(self, where: str, error: Exception) -> None:
        """Tell once what goes on failing every second."""
        if not self._is_failing:
            self._events.unexpected(where, error)
        self._is_failing = True

    def _keep(self, taps: list[OpenTap], passed: list[Passed], lost: _Lost) -> list[OpenTap]:
        lines = list(_lines(taps, passed, lost, self._clock()))
        write_tap_lines(self._database, self._ids, lines)
        return read_open_taps(self._database, self._clock())


def _lines(taps: list[OpenTap], passed: list[Passed], lost: _Lost, now: int) -> Iterator[tuple[int, int, str]]:
    for tap in taps:
        seen = [one for one in passed if one.terminal_id == tap.terminal_id][: tap.room]
        yield from ((tap.tap_id, one.at, words_of(one)) for one in seen)
        if lost.messages:
            yield tap.tap_id, now, _words("lost", str(lost.messages), [], "")


def words_of(passed: Passed) -> str:
    """Return a message as a tap keeps it: JSON with ``way``, ``about``, ``lines`` of [path, name, value], ``trouble``.

    ``way`` is request, answer, silence or lost; ``about`` the peer of a request, the number of what was lost.
    """
    if passed.data is None:
        return _words("silence", "", [], "")
    body, way = passed.data, "request"
    if passed.framing is not None:
        way = "answer"
        try:
            body = passed.framing.framer().feed(passed.data)[0].body
        except (FrameError, IndexError):
            return _words(way, "", [], "its frame cannot be read")
    examination = passed.codec.examine(body)
    dialect = passed.codec.dialect
    lines = [["mti", "message type", printable(examination.fields[0])]] if 0 in examination.fields else []
    for number, value in examination.fields.items():
        if number:
            lines += [
                [line.path, line.name, _without_cards(line)]
                for line in field_lines(dialect, dialect.fields[number], value)
            ]
    fault = examination.fault
    trouble = f"field {fault.field} at byte {fault.position}: {fault.reason}" if fault is not None else ""
    return _words(way, passed.peer, lines, trouble)


def _without_cards(line: Line) -> str:
    """Return what is kept of a line: a terminal may put a card number where none belongs."""
    return line.value if line.path in _LONG_BY_NATURE else shown(line.value, "free")


def _words(way: str, about: str, lines: list[list[str]], trouble: str) -> str:
    told = {"way": way, "about": about, "lines": lines, "trouble": trouble}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))
