"""Has requests settled by a process of its own, so that deciding them and talking to terminals share no interpreter.

One Python interpreter works on one processor at a time. Half of a payment's work is its group's: reading the books,
deciding, writing. Here that half is done by a second process, with a `switch.ledger.writer.Writer` as there is in this
one otherwise; this is its far end, and looks like it.

What the process knows dies with it, but what it has told is durable. So when it ends, whatever became of it, the
next one is asked all that was not answered, in the same order: what is in the books already comes back as the repeat
that it is, with the answer that was stored, and what is not is decided now. Without an answer, as after a commit of
unknown fate, stay requests of kinds that have no repeats, and those over which process after process ends.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Final

import trio

from switch.decisions import Outcome, Standing
from switch.errors import OperatorError
from switch.ledger.parcels import Asked, Channel, Refused, Told, ToldOutcome, Word
from switch.ledger.ports import Clock, Deliver
from switch.ledger.writer import QUEUE_MAX, Observer
from switch.messages.kinds import Kind
from switch.messages.model import Request

ATTEMPTS: Final = 3
"""Processes that one request is given to."""

REST_S: Final = 0.5
"""Between the end of one process and the beginning of the next: one that cannot live must not burn the machine."""

START_DEADLINE_S: Final = 30.0
"""For a process to be ready: a second, or some on a machine that has much else to do. Then it is ended."""

FRUITLESS_MAX: Final = 20
"""Processes in a row that end before they take requests: then the switch ends, for whoever watches it to see."""

DOWN_S: Final = 3.0
"""Without a process before requests are refused at once instead of kept for the next one."""

END_DEADLINE_S: Final = 2.0
"""For the process to commit what it is at and to end, once nobody talks to it any more."""

AT_ONCE: Final = 8
"""Requests of one sweep over the connections that are sent on while the sweep goes on: the process begins with them.
And outcomes that are delivered before the connections are looked at again."""

COMMAND: Final = (sys.executable, "-m", "switch.bookkeeping")

_MICROSECONDS: Final = 1_000_000


@dataclass(slots=True)
class _Ticket:
    request: Request
    deliver: Deliver
    expires_at: int
    given: int = 0


class WriterApart:
    """A writer in a process of its own. ``opening`` is what that is begun with.

    ``on_end`` hears each time that the process has ended and another one is begun. Requests of the kinds ``asked_once``
    are not known again when they come again: they are not asked of a second process.
    """

    def __init__(
        self,
        opening: object,
        clock: Clock,
        observer: Observer,
        in_maintenance: Callable[[], bool],
        on_end: Callable[[], None],
        asked_once: Collection[Kind] = (),
        queue_max: int = QUEUE_MAX,
        command: Sequence[str] = COMMAND,
        *,
        rest_s: float = REST_S,
        start_deadline_s: float = START_DEADLINE_S,
    ) -> None:
        self._opening = opening
        self._clock = clock
        self._observer = observer
        self._in_maintenance = in_maintenance
        self._on_end = on_end
        self._asked_once = asked_once
        self._queue_max = queue_max
        self._command = command
        self._rest_s = rest_s
        self._start_deadline_s = start_deadline_s
        self._tickets: dict[int, _Ticket] = {}  # without an outcome yet, oldest first
        self._number = 0
        self._unsent: list[int] = []
        self._idle = trio.lowlevel.ParkingLot()
        self._channel: Channel | None = None  # to the process that takes requests
        self._was_up = False
        self._down_since = clock()
        self.pid: int | None = None  # of the process that there is
        self._draining = False
        self._drained = trio.Event()

    @property
    def is_up(self) -> bool:
        """Whether there is a process that takes requests."""
        return self._channel is not None

    @property
    def queue_depth(self) -> int:
        """Requests that wait for a group or in one."""
        return len(self._tickets)

    @property
    def oldest_age_s(self) -> float:
        """Since when the oldest request waits that is not settled yet; 0 where none does."""
        oldest = next(iter(self._tickets.values()), None)
        return 0.0 if oldest is None else max(self._clock() - oldest.request.received_at, 0) / _MICROSECONDS

    def submit(self, request: Request, deliver: Deliver, expires_at: int) -> bool:
        """Do as `switch.ledger.writer.Writer.submit`; the queue's bound is for the requests under way too."""
        if len(self._tickets) >= self._queue_max or self._draining:
            self._observer.shed("queue_full")
            return False
        if not self.is_up and self._clock() - self._down_since > DOWN_S * _MICROSECONDS:
            self._observer.shed("books_down")
            return False
        self._number += 1
        self._tickets[self._number] = _Ticket(request, deliver, expires_at)
        self._unsent.append(self._number)
        if len(self._unsent) >= AT_ONCE:
            self._flush()
        elif self._idle:
            self._idle.unpark()
        return True

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the process until drained; started once the first one takes requests.

        Raises `OperatorError` where that one ends before or is not ready in time, or so many in a row; or one says that
        none can serve.
        """
        fruitless = 0
        while True:
            first: object = None
            try:
                async with self._process() as channel, aclosing(channel.parcels()) as told:
                    with trio.move_on_after(self._start_deadline_s):
                        first = await anext(told, None)
                    if first is Word.READY:
                        if not self._was_up:
                            task_status.started()
                        self._was_up = True
                        await self._talk(channel, told)
            except OSError as error:  # no memory, no file: there may be some again
                first = error
            if self._drained.is_set():
                return
            fruitless = 0 if first is Word.READY else fruitless + 1
            if not self._was_up or fruitless == FRUITLESS_MAX or (isinstance(first, Refused) and first.is_final):
                raise OperatorError(f"the process of the books cannot be begun{_why(first)}")
            self._on_end()
            await trio.sleep(self._rest_s)

    async def drain(self) -> None:
        """Take no more requests; return when those that were taken are settled and delivered."""
        self._draining = True
        self._flush()
        await self._drained.wait()

    # --- one process ---------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _process(self) -> AsyncIterator[Channel]:
        """Begin a process whose standard input is the other end of what is yielded: it ends when that is closed."""
        ours, its = socket.socketpair()
        channel = Channel(ours)
        with its:
            try:
                # in a group of its own a Ctrl-C does not reach it; in a session of its own it would have its own share
                # of the processor (sched(7), autogroup), and what has stepped back here would not have for it
                process = await trio.lowlevel.open_process([*self._command], stdin=its, process_group=0)
            except BaseException:
                channel.close()
                raise
        self.pid = process.pid
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(channel.run)
                channel.put(self._opening)
                yield channel
                nursery.cancel_scope.cancel()
        finally:
            self.pid = None
            channel.close()
            with trio.CancelScope(shield=True):
                with trio.move_on_after(END_DEADLINE_S):
                    await process.wait()
                if process.returncode is None:
                    process.kill()
                    await process.wait()

    async def _talk(self, channel: Channel, told: AsyncIterator[object]) -> None:
        """Ask and listen until the process ends, or has told all that there is to tell."""
        self._give_up()
        self._unsent = list(self._tickets)
        self._channel = channel
        self._flush()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._flush_each_sweep)
                async for parcel in told:
                    if isinstance(parcel, Told):
                        await self._hear(parcel)
                    elif parcel is Word.DRAINED:
                        self._drained.set()
                        break
                nursery.cancel_scope.cancel()
        finally:
            self._channel, self._down_since = None, self._clock()

    def _give_up(self) -> None:
        """Leave without an answer what must not be asked again, or not so late, and what was asked too often.

        To be done while nobody is asked: whoever hears of it may submit at once what waited behind it.
        """
        now, given_up = self._clock(), []
        for number, ticket in self._tickets.items():
            attempts = 1 if ticket.request.kind in self._asked_once else ATTEMPTS
            if ticket.given >= attempts or (ticket.given and ticket.expires_at <= now):
                given_up.append(number)
        for number in given_up:
            self._deliver(number, (Standing.UNKNOWN, None, "the process of the books ended over it", None, 0))
        if given_up:
            self._observer.group(len(given_up), REST_S, ["unknown"])

    async def _flush_each_sweep(self) -> None:
        """Send on what was read in one sweep over the connections, and is less than is sent at once."""
        while True:
            while not self._unsent:
                await self._idle.park()
            self._flush()

    def _flush(self) -> None:
        """Send what was not sent yet, if there is somebody; else it waits for the next process."""
        if self._channel is None:
            return
        numbers, self._unsent = self._unsent, []
        asked = []
        for number in numbers:
            ticket = self._tickets[number]
            ticket.given += 1
            asked.append((number, ticket.expires_at, ticket.request))
        if asked:
            self._channel.put(Asked(self._in_maintenance(), asked))
        if self._draining:
            self._channel.put(Word.DRAIN)

    async def _hear(self, told: Told) -> None:
        """Deliver outcomes, some at a time: whoever has its answer asks the next, and the process would wait for it."""
        for name, arguments in told.notes:
            getattr(self._observer, name)(*arguments)
        for start in range(0, len(told.outcomes), AT_ONCE):
            if start:
                await trio.lowlevel.cancel_shielded_checkpoint()  # what was told is delivered, to the last one
            for number, outcome in told.outcomes[start : start + AT_ONCE]:
                self._deliver(number, outcome)
        self._observer.delivered()

    def _deliver(self, number: int, outcome: ToldOutcome) -> None:
        ticket = self._tickets.pop(number)
        try:
            ticket.deliver(Outcome(ticket.request, *outcome))
        except Exception as error:  # noqa: BLE001 - one waiter's fault must not cost its neighbours their answers
            self._observer.undelivered(error)


def _why(first: object) -> str:
    """What is known of a process that did not begin to take requests."""
    if isinstance(first, Refused):
        return f": {first.because}"
    return f": {first.strerror}" if isinstance(first, OSError) else ", as the lines above may say why"
