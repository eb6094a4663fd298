"""Between the fields of a dialect and the switch's own words; the only place that knows DE 39.

A `MessageMap` is compiled once per listener from its dialect. It turns decoded fields into a `Request` (or a
`Reject` that says what is wrong with them) and a `Reply` back into fields. Answers are made of echoes, taken
from the message at hand, and of what the host made, taken from the reply: so a repeat gets the stored answer
with its own echoes, and no card number is ever kept in an answer.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache, partial
from typing import Final

from switch.errors import ConfigurationError
from switch.messages.actions import Action
from switch.messages.catalogue import Catalogue, Entry
from switch.messages.dates import HostCalendar
from switch.messages.kinds import Kind
from switch.messages.model import Balance, OriginalReference, Reject, Reply, Request
from switch.messages.paths import field_of, role_getter, span_of
from switch.values import Pan
from switch.wire.codec import Fields
from switch.wire.dialect import Dialect

_TRACK_SEPARATORS: Final = ("=", "D")
_BALANCE_SIZE: Final = 20  # one entry of DE 54: types n2 n2, currency n3, sign, amount n12
_PAN_DIGITS: Final = range(8, 20)  # ISO/IEC 7812-1
_AMOUNT_DIGITS: Final = 12
_AMOUNT_MAX: Final = 10**_AMOUNT_DIGITS - 1
_AVAILABLE: Final = "02"
_MTIS_REMEMBERED: Final = 256
_HAVE_ORIGINALS: Final = frozenset({Kind.REVERSAL, Kind.REFUND})


@lru_cache(_MTIS_REMEMBERED)
def first_mti(mti: str) -> str:
    """The MTI as it was sent first: 0201 is a repeat of 0200, 0421 of 0420 (ISO 8583:1987 clause 4.1.1)."""
    return mti[:3] + str(int(mti[3]) & ~1) if mti[3].isdigit() else mti


@lru_cache(_MTIS_REMEMBERED)
def answer_mti(mti: str) -> str | None:
    """The MTI of the answer (0201 -> 0210); None for what is itself an answer or none is due."""
    if len(mti) != 4 or not mti.isdigit() or mti[2] not in "02":  # noqa: PLR2004 - an MTI has four digits
        return None
    return f"{mti[:2]}{int(mti[2]) + 1}{int(mti[3]) & ~1}"


class MessageMap:
    """One dialect as one listener speaks it. Pure: moments and the calendar come in."""

    def __init__(self, dialect: Dialect, calendar: HostCalendar, listener: str) -> None:
        self.dialect = dialect.name
        self._calendar = calendar
        self._listener = listener
        self._catalogue = Catalogue(dialect)
        self._codes = _codes(dialect)
        self._echo = tuple(map(int, dialect.answers.echo))
        self._names_any_original = "original_mti" in dialect.roles
        self._compile_getters(dialect)
        self._compile_answer(dialect)

    # --- fields -> request ---------------------------------------------------------------------------------

    def find(self, fields: Fields) -> Entry | Reject:
        """What kind of transaction the message is, all its fields present; else why not."""
        entry = self._catalogue.find(fields, first_mti(fields[0]))
        if entry is None:
            return Reject(Action.INVALID_TRANSACTION, f"no transaction of {self.dialect} fits the message")
        return entry.fault(fields) or entry

    def request(self, fields: Fields, entry: Entry, received_at: int) -> Request | Reject:
        """The request that the fields make; a `Reject` where a field's value makes no sense."""
        pan, track_expiry, fault = self._card(fields)
        new_amount = self._get_new_amount(fields)[:_AMOUNT_DIGITS]
        if fault is None and new_amount and not new_amount.isdigit():
            fault = "the new amount is not a number"
        if fault is not None:
            return Reject(Action.FORMAT_ERROR, fault)
        named_date = self._calendar.resolve(self._get_local_date(fields), received_at)
        local_date = named_date or self._calendar.day_of(received_at)
        amount = self._get_amount(fields)
        return Request(
            entry.kind,
            fields[0],
            self._get_processing_code(fields),
            self._get_terminal(fields),
            self._get_merchant(fields),
            self._get_stan(fields),
            self._get_batch(fields),
            local_date,
            named_date is not None,
            self._get_local_time(fields),
            received_at,
            pan,
            self._get_expiry(fields) or track_expiry,
            int(amount) if amount else None,
            self._get_currency(fields),
            self._get_entry_mode(fields),
            self._get_condition_code(fields),
            self._get_rrn(fields),
            self._get_reason(fields),
            int(new_amount) if new_amount else None,
            self._original(fields, entry.kind, local_date, received_at) if entry.kind in _HAVE_ORIGINALS else None,
            self._listener,
        )

    def _card(self, fields: Fields) -> tuple[Pan | None, str, str | None]:
        """(PAN, expiry on the track, what is wrong): the PAN may come from field 2, the track, or both."""
        digits, track = self._get_pan(fields), self._get_track2(fields)
        if not track:
            return (Pan(digits) if digits else None), "", None
        on_track, expiry = _read_track(track)
        if on_track is None:
            return None, "", "track 2 holds no card number"
        if digits and digits != on_track:
            return None, "", "the card number differs from the one on track 2"
        return Pan(on_track), expiry, None

    def _original(self, fields: Fields, kind: Kind, local_date: date, received_at: int) -> OriginalReference:
        """Whom a reversal or refund is about.

        A reference that names the original's MTI (DE 90, DE 56) can be about anything. One that does not
        (UnionPay's DE 61) is about the sale that a refund or void names; a reversal there carries its
        original's own STAN and batch instead (domain rules 1 and 7). Zeros stand for what a terminal does not
        know. A reversal that names nobody is about its own key; a refund, about the sale of its RRN or none.
        """
        named = self._get_original_stan(fields) if self._names_any_original or kind is not Kind.REVERSAL else ""
        rrn = self._get_original_rrn(fields) if kind is not Kind.REVERSAL else ""
        if not named.strip("0"):
            stan = self._get_stan(fields) if kind is Kind.REVERSAL else ""
            return OriginalReference("", stan, local_date, self._get_batch(fields), rrn)
        message_class = self._get_original_mti(fields)[1:2].strip("0")
        named_date = self._calendar.resolve(self._get_original_date(fields), received_at)
        return OriginalReference(message_class, named, named_date, self._get_original_batch(fields), rrn)

    # --- reply -> fields -----------------------------------------------------------------------------------

    def answer(self, fields: Fields, echo: tuple[int, ...], reply: Reply) -> Fields:
        """The answer's fields: echoes of the message at hand, and what the host made."""
        answer = {0: answer_mti(fields[0]) or ""}
        for number in echo:
            if number in fields:
                answer[number] = fields[number]
        answer[self._action_field] = self._codes[reply.action]
        if reply.rrn and self._rrn_field not in answer:
            answer[self._rrn_field] = reply.rrn
        if reply.approval_code:
            answer[self._approval_field] = reply.approval_code
        if reply.balances:
            answer[self._balances_field] = self._balances(reply.balances)
        if reply.batch and self._batch_span is not None:
            start, end = self._batch_span
            text = answer.get(self._batch_field, "").ljust(end, "0")
            answer[self._batch_field] = text[:start] + reply.batch + text[end:]
        if self._host_fields and reply.answered_at:
            self._add_host_times(answer, reply.answered_at)
        return answer

    def refusal(self, fields: Fields, reply: Reply) -> Fields:
        """The answer to a message whose kind, and with it its own echoes, is not known."""
        return self.answer(fields, self._echo, reply)

    def code_of(self, action: Action) -> str:
        """DE 39 of an action in this dialect."""
        return self._codes[action]

    def _balances(self, balances: tuple[Balance, ...]) -> str:
        """DE 54: 20 characters each. Where the field has room for one only, it is what may be spent."""
        chosen = balances  # an amount beyond twelve digits is shown as the largest there is
        if len(balances) > self._balances_max:
            chosen = tuple(balance for balance in balances if balance.amount_type == _AVAILABLE)[: self._balances_max]
        return "".join(
            f"{balance.account_type}{balance.amount_type}{balance.currency}"
            f"{'D' if balance.amount_minor < 0 else 'C'}{min(abs(balance.amount_minor), _AMOUNT_MAX):012d}"
            for balance in chosen
        )

    def _add_host_times(self, answer: Fields, at: int) -> None:
        yymmdd, mmdd, hhmmss = self._calendar.time_of(at)
        by_size = {4: mmdd, 6: yymmdd, 12: yymmdd + hhmmss}
        for number, size, is_time in self._host_fields:
            if number not in answer:
                answer[number] = hhmmss if is_time else by_size[size]

    # --- compiling -----------------------------------------------------------------------------------------

    def _compile_getters(self, dialect: Dialect) -> None:
        get = partial(role_getter, dialect)
        self._get_pan, self._get_track2, self._get_expiry = get("pan"), get("track2"), get("expiry")
        self._get_processing_code, self._get_amount, self._get_currency = (
            get("processing_code"),
            get("amount"),
            get("currency"),
        )
        self._get_stan, self._get_batch, self._get_rrn = get("stan"), get("batch"), get("rrn")
        self._get_local_date, self._get_local_time = get("local_date"), get("local_time")
        self._get_terminal, self._get_merchant = get("terminal"), get("merchant")
        self._get_entry_mode, self._get_condition_code = get("entry_mode"), get("condition_code")
        self._get_reason, self._get_new_amount = get("reason"), get("new_amount")
        self._get_original_mti, self._get_original_stan = get("original_mti"), get("original_stan")
        self._get_original_date, self._get_original_batch = get("original_date"), get("original_batch")
        self._get_original_rrn = get("original_rrn")

    def _compile_answer(self, dialect: Dialect) -> None:
        roles = dialect.roles
        self._action_field = field_of(dialect, roles["action"])
        self._rrn_field = field_of(dialect, roles["rrn"])
        self._approval_field = field_of(dialect, roles["approval_code"])
        self._balances_field = field_of(dialect, roles["balances"])
        self._balances_max = max(1, dialect.fields[self._balances_field].max_size // _BALANCE_SIZE)
        self._batch_field = field_of(dialect, roles["batch"]) if "batch" in roles else 0
        self._batch_span = span_of(dialect, roles["batch"]) if "batch" in roles else None
        time_field = roles.get("local_time")
        self._host_fields = tuple(
            (int(number), dialect.fields[int(number)].max_size, number == time_field) for number in dialect.answers.host
        )


def _codes(dialect: Dialect) -> dict[Action, str]:
    """DE 39 of every action; a dialect that leaves one out, or names one that does not exist, is refused."""
    known = {action.value for action in Action}
    for name in dialect.actions:
        if name not in known:
            raise ConfigurationError(f"dialect {dialect.name}: actions: unknown action {name!r}")
    for name in sorted(known - dialect.actions.keys()):
        raise ConfigurationError(f"dialect {dialect.name}: actions: {name} has no code")
    return {Action(name): code for name, code in dialect.actions.items()}


def _read_track(track: str) -> tuple[str | None, str]:
    """(PAN, expiry YYMM) of track 2 (ISO/IEC 7813), whose separator is "=" or, packed, "D"."""
    for separator in _TRACK_SEPARATORS:
        digits, found, rest = track.partition(separator)
        if found:
            if digits.isdigit() and len(digits) in _PAN_DIGITS:
                expiry = rest[:4]
                return digits, expiry if expiry.isdigit() else ""
            break
    return None, ""
