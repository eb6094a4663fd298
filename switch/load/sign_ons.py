"""Signs every terminal on before a run: a host of some dialects answers nobody else, and gives out keys and batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from switch.capture.entry import Direction, Event
from switch.capture.faults import CaptureCut
from switch.errors import DecodeError, OperatorError
from switch.load.engine import drive
from switch.load.matching import Matching
from switch.load.plan import Planned, Stray, Target
from switch.load.replaying import OpenCapture, whole
from switch.load.rewriting import moments
from switch.messages.paths import field_of, role_getter, span_of
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import RESPONSE_CODE, Dialect, TransactionRow

IN_FLIGHT: Final = 32
TERMINALS_MAX: Final = 100_000
_KIND: Final = "sign_on"
_DOUBLE_LENGTH: Final = "003"
"""What UnionPay's 60.3 says of a sign-on that wants keys of double length, the form that every host gives out."""


def needs_sign_on(dialect: Dialect) -> bool:
    """Whether terminals of this dialect get keys and a batch when they sign on, and are not served before."""
    return "batch" in dialect.roles and _row(dialect) is not None


def terminals_in(capture: OpenCapture, dialect: Dialect) -> dict[str, str]:
    """The terminals that send in a capture, each with its merchant; the whole capture is read."""
    codec, terminal_of, merchant_of = Codec(dialect), role_getter(dialect, "terminal"), role_getter(dialect, "merchant")
    found: dict[str, str] = {}
    try:
        for entry in capture():
            if entry.event is not Event.FRAME or entry.direction is not Direction.TO_HOST:
                continue
            frame = whole(entry.frame, dialect)
            if frame is None:
                continue
            try:
                fields = codec.decode(frame.body)
            except DecodeError:
                continue
            terminal, merchant = terminal_of(fields), merchant_of(fields)
            if terminal and merchant and len(found) < TERMINALS_MAX:
                found.setdefault(terminal, merchant)
    except CaptureCut:
        pass  # what is before the cut is replayed, and the replay tells of it
    return found


class SignedOn:
    """A watch of sign-ons: their ``answers``, how many of each in ``codes``, and those ``unanswered``."""

    def __init__(self) -> None:
        self.answers: list[Fields] = []
        self.unanswered: list[Fields] = []
        self.codes: Counter[str] = Counter()

    def sent(self, planned: Planned, due_us: int, at_us: int) -> None: ...

    def answered(self, planned: Planned, fields: Fields, due_us: int, at_us: int) -> None:  # noqa: ARG002 - a watch
        self.codes[fields.get(RESPONSE_CODE, "")] += 1
        self.answers.append(fields)

    def missing(self, planned: Planned, due_us: int, at_us: int) -> None:  # noqa: ARG002 - a watch is told it
        self.codes["no answer"] += 1
        assert isinstance(planned.note, dict), "its fields are each sign-on's note"
        self.unanswered.append(planned.note)

    def stray(self, what: Stray, connection: int, at_us: int) -> None: ...

    def connection(self, connection: int, what: str, at_us: int) -> None: ...


async def sign_on(
    dialect: Dialect, terminals: Mapping[str, str], target: Target, first_stan: int, now: datetime
) -> SignedOn:
    """Sign on every terminal once, over one connection. Raises what `drive` and `sign_on_message` do."""
    watch = SignedOn()
    await drive(_plan(dialect, terminals, first_stan, now), target, watch, in_flight=IN_FLIGHT)
    return watch


def _plan(dialect: Dialect, terminals: Mapping[str, str], stan: int, now: datetime) -> Iterator[Planned]:
    codec, matching = Codec(dialect), Matching(dialect)
    for terminal, merchant in terminals.items():
        fields = sign_on_message(dialect, terminal, merchant, stan, now)
        data = dialect.framing.wrap_request(codec.encode(fields))
        yield Planned(0, 0, data, matching.of_request(fields), note=fields)


def sign_on_message(dialect: Dialect, terminal: str, merchant: str, stan: int, now: datetime) -> Fields:
    """The fields of a sign-on as the dialect's table asks for them. Raises `OperatorError` where it has none."""
    row = _row(dialect)
    if row is None:
        raise OperatorError(f"no message of {dialect.name} is a sign-on")
    fields: Fields = {0: row.mti}
    for path, pattern in row.when.items():
        alternatives = pattern.replace("?", "0").split("|")
        value = _DOUBLE_LENGTH if _DOUBLE_LENGTH in alternatives else alternatives[0]
        number = field_of(dialect, path)
        start = span_of(dialect, path)[0] if "." in path else 0
        fields[number] = fields.get(number, "")[:start].ljust(start, "0") + value
    for number, form, is_utc in moments(dialect):
        if str(number) in row.required:
            fields[number] = (now.astimezone(UTC) if is_utc else now).strftime(form)
    for role, value in (("stan", f"{stan:06d}"), ("terminal", terminal), ("merchant", merchant)):
        if dialect.roles[role] in row.required:
            fields[int(dialect.roles[role])] = value
    return dict(sorted(fields.items()))


def _row(dialect: Dialect) -> TransactionRow | None:
    return next((row for row in dialect.transactions if row.kind == _KIND), None)
