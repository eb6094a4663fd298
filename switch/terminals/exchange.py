"""One message in, one answer out: decode, map, have it decided, map back, encode. No sockets here.

An `Exchange` serves all connections of a listener. What it cannot answer at once it hands on with a `_Pending`,
which writes the answer when the outcome arrives; answers may therefore leave in another order than requests came.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple, Protocol

from switch.decisions import Outcome, Standing
from switch.errors import ConfigurationError, DecodeError, EncodeError
from switch.ledger.lookups import Answer, Question
from switch.messages.actions import Action
from switch.messages.catalogue import Entry
from switch.messages.dates import HostCalendar
from switch.messages.kinds import Kind
from switch.messages.mapping import MessageMap, answer_mti
from switch.messages.model import Reject, Reply, Request
from switch.messages.paths import role_getter
from switch.messages.protected import ProtectedFields
from switch.messages.references import rrn_of
from switch.messages.verdicts import UNCHECKED, Finding, Verdicts
from switch.telemetry import EventLog, ListenerMetrics, TransactionLog
from switch.telemetry.hops import Stopwatch
from switch.terminals.asking import Asker
from switch.terminals.counting import count_apart
from switch.terminals.guard import Admitted, Guard, MacKey
from switch.terminals.judge import Judge, PasswordQuestion
from switch.terminals.tapping import Taps
from switch.terminals.timing import Timing
from switch.values import Pan
from switch.wire.codec import Codec, Fields
from switch.wire.diagnosis import one_line
from switch.wire.framing import Frame, Framing


class Respond(Protocol):
    """Takes the answer's frame, or None where none is sent, and what it answers where that was decided.

    Called exactly once for each frame served.
    """

    def __call__(self, data: bytes | None, outcome: Outcome | None = None, /) -> None: ...


_COUNTED: Final = Verdicts._fields[: Verdicts._fields.index("because")]
"""Verdicts that are counted, by how they came out: those that come first."""

_KEYS_DIFFER: Final = frozenset({Action.MAC_WRONG, Action.KEYS_MISSING})
_SIGN_ON_AGAIN: Final = "sign_on"

CLOCK_SKEW_S: Final = 900
"""A terminal whose clock is further off than this is counted (never refused for it)."""


class Handles(Protocol):
    """What has requests decided: `switch.transactions.handler`."""

    def handle(self, request: Request, deliver: Callable[[Outcome], None]) -> None: ...


@dataclass(frozen=True, slots=True)
class Security:
    """Who looks after a listener's messages: the guard at their bytes, the judge at what they carry."""

    protected: ProtectedFields
    guard: Guard
    judge: Judge
    asker: Asker


class _Judged(NamedTuple):
    """A request with its verdicts, and how its message was admitted; or why there is none."""

    request: Request | Reject
    admitted: Admitted | None


class Exchange:
    """How one listener answers. ``clock`` gives microseconds since 1970, UTC; ``ids`` what references are made from.

    Without ``security`` messages with one of the ``unreadable`` fields are refused. ``taps`` see messages pass.
    """

    def __init__(
        self,
        name: str,
        framing: Framing,
        codec: Codec,
        mapping: MessageMap,
        calendar: HostCalendar,
        handler: Handles,
        clock: Callable[[], int],
        ids: Callable[[], int],
        metrics: ListenerMetrics,
        transactions: TransactionLog,
        events: EventLog,
        security: Security | None = None,
        unreadable: frozenset[int] = frozenset(),
        taps: Taps | None = None,
    ) -> None:
        self.name = name
        self._security = security
        self._unreadable = unreadable
        self._watched = security.protected.watched if security is not None else frozenset()
        self._watched_beside_tracks = security.protected.watched_beside_tracks if security else self._watched
        self._macs = security is not None and security.guard.protection.policy == "required"
        self.framing = framing
        self._codec = codec
        self._mapping = mapping
        self._calendar = calendar
        self._handler = handler
        self._clock = clock
        self._ids = ids
        self._metrics = metrics
        self._transactions = transactions
        self._events = events
        self._timing = Timing(name, metrics)
        self._taps = taps
        self._tapped = taps.tapped if taps is not None else {}
        self._get_terminal = role_getter(codec.dialect, "terminal")

    def serve(self, frame: Frame, peer: str, respond: Respond, is_first: bool = False) -> bool:  # noqa: FBT001, FBT002 - hot
        """Take one frame; False when nothing in it could be read and the connection should end.

        Where the ``is_first`` of a connection does not decode, the log says what it looks like.
        """
        begun = time.perf_counter()
        try:
            fields = self._codec.decode(frame.body)
        except DecodeError as error:
            return self._undecodable(frame, error, peer, respond, begun, is_first=is_first)
        if self._tapped:
            respond = self._overheard(frame, fields, peer, respond)
        if answer_mti(fields[0]) is None:
            self._count("unknown", "none", begun)  # an answer is never answered
            respond(None)
            return True
        entry = self._mapping.find(fields)
        if isinstance(entry, Reject):
            self.reject(frame, fields, entry, respond, begun)
            return True
        if entry.kind is Kind.ECHO:
            answer = self._mapping.answer(fields, entry.echo, Reply(Action.APPROVED, self._clock()))
            self._count(Kind.ECHO, Action.APPROVED, begun)
            respond(self.write(answer, frame.header))
            return True
        pending = _Pending(self, frame, fields, entry, respond, begun, self._timing.watch(begun))
        if self._security is None:
            pending.submit(_Judged(self._keyless(fields, entry), None))
        elif self._is_plain(self._security, fields, entry):
            pending.submit(_Judged(self._mapping.request(fields, entry, self._clock()), None))
        else:
            if pending.watch is not None:
                pending.watch.hand_over()
            self._security.asker.run(self._judged(self._security, frame, fields, entry), pending.submit)
        return True

    def _keyless(self, fields: Fields, entry: Entry) -> Request | Reject:
        """Without a security module what is made with keys cannot be checked, and is not believed."""
        if not self._unreadable.isdisjoint(fields):
            return Reject(Action.KEYS_MISSING, "the switch has no keys to check the message's MAC or PIN with")
        return self._mapping.request(fields, entry, self._clock())

    def _is_plain(self, security: Security, fields: Fields, entry: Entry) -> bool:
        """Whether a message carries nothing that a key could be needed for, and need not carry any."""
        watched = self._watched if security.judge.checks_tracks else self._watched_beside_tracks
        return watched.isdisjoint(fields) and entry.kind is not Kind.SIGN_ON and not (entry.mac and self._macs)

    def _judged(
        self, security: Security, frame: Frame, fields: Fields, entry: Entry
    ) -> Generator[Question | PasswordQuestion, Answer | Finding | None, _Judged]:
        received_at = self._clock()
        try:
            admitted = yield from security.guard.admit(frame.body, fields, entry)
            if isinstance(admitted, Reject):
                return _Judged(admitted, None)
            if admitted.refused is not None:
                return _Judged(admitted.refused, admitted)
            request = self._mapping.request(admitted.fields, entry, received_at)
            if isinstance(request, Reject):
                return _Judged(request, admitted)
            judged = yield from security.judge.judge(request, admitted)
        except ConfigurationError as error:  # a key that does not open; new ones mend it where it is the terminal's
            return _Judged(Reject(Action.KEYS_MISSING, str(error)), None)
        if isinstance(judged, Request):
            self._count_verdicts(judged.verdicts)
        return _Judged(judged, admitted)

    def _count_verdicts(self, verdicts: Verdicts) -> None:
        if verdicts is UNCHECKED:
            return
        for what, finding in zip(_COUNTED, verdicts, strict=False):
            if finding is not Finding.ABSENT:
                self._metrics.verdict(what, str(finding))

    def submit(self, pending: _Pending, request: Request) -> None:
        """Have a request decided."""
        if self._calendar.skew_s(request.local_date, request.local_time, request.received_at) > CLOCK_SKEW_S:
            self._metrics.clock_skew.inc()
        if pending.watch is not None:
            pending.watch.submit()
        self._handler.handle(request, pending.deliver)

    def deliver(self, pending: _Pending, outcome: Outcome) -> None:
        """Write the answer of an outcome, count it and log it; one that cannot be written is silence."""
        reply, request = outcome.reply, outcome.request
        data = None
        try:
            if reply is not None:
                data = self._answer(pending, outcome, reply)
        except Exception as error:  # noqa: BLE001 - the request is in the books, and its place must be free again
            self._events.unexpected(f"answering on {self.name}", error)
        pending.respond(data, outcome)
        action = str(reply.action) if reply is not None else "none"
        answered = time.perf_counter()
        duration_s = answered - pending.begun
        self._metrics.answered(str(request.kind), action, duration_s)
        if outcome.standing is not Standing.FIRST or request.kind is Kind.REVERSAL:
            count_apart(outcome, self._metrics)
        trace_id = self._timing.done(pending.watch, outcome, answered) if pending.watch is not None else ""
        if self._transactions.enabled:
            self._log(request, outcome, action, duration_s, trace_id)

    def _answer(self, pending: _Pending, outcome: Outcome, reply: Reply) -> bytes | None:
        answer = self._mapping.answer(pending.fields, pending.entry.echo, reply)
        header = self._mapping.header(pending.header, reply.wish) if reply.wish else pending.header
        if self._security is None:
            return self.write(answer, header)
        if reply.chip or outcome.request.verdicts.cryptogram is Finding.RIGHT:
            self._add_chip(self._security, outcome, reply, answer)
        if pending.admitted is None:
            return self.write(answer, header)
        new_keys = outcome.request.verdicts.new_keys
        if new_keys is not None and outcome.standing is Standing.FIRST and reply.action is Action.APPROVED:
            self._security.guard.signed_on(outcome.request.terminal_id, new_keys.kept)
        return self.write(answer, header, pending.admitted.mac_key)

    def _add_chip(self, security: Security, outcome: Outcome, reply: Reply, answer: Fields) -> None:
        """Put in the issuer's answer to the chip: a repeat gets that of the first answer."""
        fields, judge, request = security.protected, security.judge, outcome.request
        code = fields.code(answer)
        try:
            if outcome.standing is Standing.REPEAT:
                data = judge.repeated_chip_answer(request, reply.chip, code)
            else:
                data = judge.chip_answer(request, code)
            fields.add_chip(answer, data)
        except (ConfigurationError, ValueError) as error:  # the decision stands, the chip goes without its answer
            self._events.chip_unanswered(self.name, str(error))

    def write(self, answer: Fields, header: bytes, mac_key: MacKey = "") -> bytes | None:
        """The answer's frame; None, and a line in the log, where the dialect cannot hold it."""
        try:
            if mac_key and self._security is not None:
                self._security.protected.make_room_for_mac(answer)
                body = self._security.guard.sealed(self._codec.encode(answer), mac_key)
            else:
                body = self._codec.encode(answer)
            return self.framing.wrap(body, header)
        except EncodeError as error:
            self._events.unexpected(f"encoding an answer on {self.name}", error)
            return None

    def impression(self, data: bytes) -> str:
        """What a peer whose first bytes these are seems to speak, for the log; "" if what is spoken here."""
        return one_line(data, self._codec, self.framing)

    def _undecodable(
        self, frame: Frame, error: DecodeError, peer: str, respond: Respond, begun: float, *, is_first: bool
    ) -> bool:
        self._metrics.decode_errors.inc()
        doctor = partial(self._impression_of, frame) if is_first else None
        self._events.undecodable(self.name, peer, error.field, error.position, error.reason, doctor)
        fields = self._codec.salvage(frame.body)
        if self._tapped:
            respond = self._overheard(frame, fields, peer, respond)
        answerable = answer_mti(fields.get(0, "")) is not None
        if answerable:
            self._count("unknown", Action.FORMAT_ERROR, begun)
            respond(self._refusal(frame, fields, Action.FORMAT_ERROR))
        else:
            respond(None)
        return answerable

    def _overheard(self, frame: Frame, fields: Fields, peer: str, respond: Respond) -> Respond:
        """Let a tap of the message's terminal, if there is one, see it and its answer."""
        terminal_id = self._get_terminal(fields).strip()
        if self._taps is None or terminal_id not in self._tapped:
            return respond
        note = self._taps.overheard(terminal_id, frame.body, peer, self._codec, self.framing)
        if note is None:
            return respond

        def note_and_respond(data: bytes | None, outcome: Outcome | None = None, /) -> None:
            note(data)
            respond(data, outcome)

        return note_and_respond

    def _impression_of(self, frame: Frame) -> str:
        return self.impression(self.framing.wrap_request(frame.body, frame.header))

    def reject(
        self, frame: Frame, fields: Fields, reject: Reject, respond: Respond, begun: float, mac_key: MacKey = ""
    ) -> None:
        """Refuse without a decision; with a MAC where the message's own was right."""
        self._count("unknown", reject.action, begun)
        self._events.rejected(self.name, fields[0], reject.action.value, reject.because)
        respond(self._refusal(frame, fields, reject.action, mac_key))

    def _refusal(self, frame: Frame, fields: Fields, action: Action, mac_key: MacKey = "") -> bytes | None:
        """An answer without a decision: to a message that could not be read whole, or has no kind."""
        reply = Reply(action, self._clock(), rrn_of(self._ids()))
        header = self._mapping.header(frame.header, _SIGN_ON_AGAIN) if action in _KEYS_DIFFER else frame.header
        return self.write(self._mapping.refusal(fields, reply), header, mac_key)

    def _count(self, kind: str, action: str, begun: float) -> None:
        self._metrics.answered(kind, action, time.perf_counter() - begun)

    def _log(self, request: Request, outcome: Outcome, action: str, duration_s: float, trace_id: str) -> None:
        self._transactions.write(
            listener=self.name,
            kind=str(request.kind),
            action=action,
            standing=str(outcome.standing),
            terminal_id=request.terminal_id,
            merchant_id=request.merchant_id if outcome.journal_id is not None else _shown(request.merchant_id),
            stan=request.stan,
            rrn=outcome.reply.rrn if outcome.reply is not None else request.rrn,
            pan=request.pan,
            amount_minor=request.amount_minor,
            currency=request.currency,
            because=outcome.because,
            duration_s=duration_s,
            trace_id=trace_id,
        )


def _shown(merchant_id: str) -> str:
    """DE 42 of a request that is not in the books, for the log: its digits may be those of a card."""
    return merchant_id if not merchant_id.isdigit() else Pan(merchant_id).masked


class _Pending:
    """A request on its way: what is needed to answer it once its outcome is known."""

    __slots__ = ("admitted", "begun", "entry", "exchange", "fields", "frame", "respond", "watch")

    def __init__(
        self,
        exchange: Exchange,
        frame: Frame,
        fields: Fields,
        entry: Entry,
        respond: Respond,
        begun: float,
        watch: Stopwatch | None,
    ) -> None:
        self.exchange = exchange
        self.frame = frame
        self.fields = fields
        self.entry = entry
        self.respond = respond
        self.begun = begun
        self.admitted: Admitted | None = None
        self.watch = watch

    @property
    def header(self) -> bytes:
        return self.frame.header

    def submit(self, judged: _Judged | None) -> None:
        """Go on with what security found; None where that failed in the middle."""
        if judged is None:
            judged = _Judged(Reject(Action.SYSTEM_ERROR, "the message could not be judged"), None)
        request, self.admitted = judged
        if isinstance(request, Reject):
            block = self.admitted.mac_key if self.admitted is not None else ""
            self.exchange.reject(self.frame, self.fields, request, self.respond, self.begun, block)
        else:
            self.exchange.submit(self, request)

    def deliver(self, outcome: Outcome) -> None:
        self.exchange.deliver(self, outcome)
