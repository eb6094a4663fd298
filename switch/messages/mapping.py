"""Between the fields of a dialect and the switch's own words; the only place that knows DE 39.

A `MessageMap` is compiled once per listener from its dialect. It turns decoded fields into a `Request` (or a
`Reject` that says what is wrong with them) and a `Reply` back into fields. Answers are made of echoes, taken
from the message at hand, and of what the host made, taken from the reply: so a repeat gets the stored answer
with its own echoes, and no card number is ever kept in an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields as fields_of
from functools import lru_cache
from typing import Final

from switch.errors import ConfigurationError
from switch.messages.actions import Action
from switch.messages.batch_fields import written_totals
from switch.messages.cards import NO_CARD, read_card
from switch.messages.catalogue import Catalogue, Entry
from switch.messages.chip_reading import read_chip
from switch.messages.dates import HostCalendar
from switch.messages.extras import ExtrasReader
from switch.messages.kinds import Kind
from switch.messages.model import NO_EXTRAS, Balance, Reject, Reply, Request
from switch.messages.originals import OriginalReader
from switch.messages.paths import bytes_of, field_of, reader, span_of
from switch.messages.verdicts import UNCHECKED
from switch.values import Pan, record
from switch.wire.codec import Fields
from switch.wire.dialect import Dialect

_BALANCE_SIZE: Final = 20  # one entry of DE 54: types n2 n2, currency n3, sign, amount n12
_AMOUNT_DIGITS: Final = 12
_AMOUNT_MAX: Final = 10**_AMOUNT_DIGITS - 1
_AVAILABLE: Final = "02"
_MTIS_REMEMBERED: Final = 256
_NOWHERE: Final = -1  # no field has this number, nor the MTI (0)

WISHES: Final = frozenset({"parameters", "status", "sign_on", "ca_keys", "aids", "software"})
"""What a host may want of a terminal next (`Reply.wish`)."""

_CAN_READ_CHIP: Final = {"2": False, "5": True, "6": True}  # UnionPay's 60.4: stripe, chip too, contactless too
_OF_CODES: Final = frozenset({Kind.CODE_PURCHASE, Kind.CODE_CANCEL, Kind.CODE_QUERY})
"""Kinds that are about a pay code: no card that a message brings along takes the place of the one behind the code."""

_IS_FALLBACK: Final = "2"  # UnionPay's 60.5
_FALLBACK_MODES: Final = frozenset({"80"})
_FALLBACK_MODES_UNIONPAY: Final = frozenset({"80", "95"})


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


@record
class _Said:
    """The texts of a message by their roles, as they came; "" where it has none."""

    pan: str
    track2: str
    expiry: str
    processing_code: str
    amount: str
    currency: str
    stan: str
    batch: str
    rrn: str
    local_date: str
    local_time: str
    terminal: str
    merchant: str
    entry_mode: str
    condition_code: str
    reason: str
    new_amount: str
    approval_code: str
    card_sequence: str
    read_capability: str
    ic_condition: str


def left_to_the_books(_: Pan) -> bytes:
    """Say nothing of how a card is looked up."""
    return b""


class MessageMap:
    """One dialect as one listener speaks it. Pure: moments and the calendar come in.

    ``acquirer_id`` goes into answers whose request brought none, where the dialect has a field for it. ``pan_key``
    makes what the books look a card up by: here there is more time for it than where requests are decided.
    """

    def __init__(
        self,
        dialect: Dialect,
        calendar: HostCalendar,
        listener: str,
        acquirer_id: str = "",
        pan_key: Callable[[Pan], bytes] = left_to_the_books,
    ) -> None:
        self.dialect = dialect.name
        self._calendar = calendar
        self._listener = listener
        self._pan_key = pan_key
        self._catalogue = Catalogue(dialect)
        self._codes = _codes(dialect)
        self._echo = tuple(map(int, dialect.answers.echo))
        self._originals = OriginalReader(dialect, calendar)
        self._extras = ExtrasReader(dialect)
        self._read = reader(dialect, [role.name for role in fields_of(_Said)])
        self._tells_of_chips = "ic_condition" in dialect.roles
        self._fallback_modes = _FALLBACK_MODES_UNIONPAY if self._tells_of_chips else _FALLBACK_MODES
        self._compile_answer(dialect)
        acquirer = _number_of(dialect, "acquirer")
        self._own_fields = {acquirer: acquirer_id} if acquirer_id and acquirer > 0 else {}
        self._compile_header(dialect)

    # --- fields -> request ---------------------------------------------------------------------------------

    def find(self, fields: Fields) -> Entry | Reject:
        """What kind of transaction the message is, all its fields present; else why not."""
        entry = self._catalogue.find(fields, first_mti(fields[0]))
        if entry is None:
            return Reject(Action.INVALID_TRANSACTION, f"no transaction of {self.dialect} fits the message")
        return entry.fault(fields) or entry

    def request(self, fields: Fields, entry: Entry, received_at: int) -> Request | Reject:
        """The request that the fields make; a `Reject` where a field's value makes no sense."""
        chip = read_chip(bytes_of(fields[self._chip_field])) if self._chip_field in fields else None
        if isinstance(chip, Reject):
            return chip
        said = _Said(*self._read(fields))
        is_of_code = entry.kind in _OF_CODES
        card = NO_CARD if is_of_code else read_card(said.pan, said.track2, chip)
        if isinstance(card, str):
            return Reject(Action.FORMAT_ERROR, card)
        if card.pan is None and entry.wants_card:
            return Reject(Action.FORMAT_ERROR, f"no field, track or chip of the {entry.kind} holds a card number")
        amount, new_amount = said.amount, said.new_amount[:_AMOUNT_DIGITS]
        if (amount and not amount.isdecimal()) or (new_amount and not new_amount.isdecimal()):
            return Reject(Action.FORMAT_ERROR, "an amount is not a number")
        extras = self._extras.read(fields, entry.kind, entry.topic, chip) if entry.has_extras else NO_EXTRAS
        if isinstance(extras, Reject):
            return extras
        named_date = self._calendar.resolve(said.local_date, received_at)
        local_date = named_date or self._calendar.day_of(received_at)
        original = None
        if entry.has_original:
            original = self._originals.read(fields, entry.kind, local_date, received_at)
        return Request(
            entry.kind,
            fields[0],
            said.processing_code,
            said.terminal,
            said.merchant,
            said.stan,
            said.batch,
            local_date,
            named_date is not None,
            said.local_time,
            received_at,
            card.pan,
            said.expiry or card.expiry_yymm,
            int(amount) if amount else None,
            said.currency,
            said.entry_mode,
            said.condition_code,
            said.rrn,
            said.reason,
            int(new_amount) if new_amount else None,
            original,
            self._listener,
            said.approval_code,
            said.card_sequence,
            card.service_code,
            _CAN_READ_CHIP.get(said.read_capability) if self._tells_of_chips else None,
            self._is_fallback(said),
            chip,
            UNCHECKED,
            extras,
            card.has_track,
            b"" if card.pan is None else self._pan_key(card.pan),
        )

    def _is_fallback(self, said: _Said) -> bool:
        """Whether the stripe was read because the chip would not be."""
        if said.entry_mode[:2] in self._fallback_modes:
            return True
        return self._tells_of_chips and said.ic_condition == _IS_FALLBACK

    # --- reply -> fields -----------------------------------------------------------------------------------

    def answer(self, fields: Fields, echo: tuple[int, ...], reply: Reply) -> Fields:
        """The answer's fields: echoes of the message at hand, and what the host made."""
        echoes = {number: fields[number] for number in echo if number in fields}
        answer = {0: answer_mti(fields[0]) or "", **self._own_fields, **echoes}
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
        if reply.private and self._private_field > 0:
            answer[self._private_field] = (
                reply.private.hex().upper() if self._private_is_binary else _text(reply.private)
            )
        if reply.totals is not None and self._totals_field > 0:
            answer[self._totals_field] = written_totals(reply.totals, reply.results)
        if self._host_fields and reply.answered_at:
            self._add_host_times(answer, reply.answered_at)
        return answer

    def header(self, header: bytes, wish: str) -> bytes:
        """The request's header (TPDU first, where there is one) with what the host wants of the terminal next.

        Unchanged where there is no wish, or no place for it.
        """
        code = self._wish_codes.get(wish)
        if code is None or len(header) < self._header_bytes:
            return header
        at = 2 * (len(header) - self._header_bytes) + self._wish_nibble
        digits = header.hex()
        return bytes.fromhex(digits[:at] + code + digits[at + 1 :])

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

    def _compile_answer(self, dialect: Dialect) -> None:
        roles = dialect.roles
        self._action_field = field_of(dialect, roles["action"])
        self._rrn_field = field_of(dialect, roles["rrn"])
        self._approval_field = field_of(dialect, roles["approval_code"])
        self._balances_field = field_of(dialect, roles["balances"])
        self._balances_max = max(1, dialect.fields[self._balances_field].max_size // _BALANCE_SIZE)
        self._batch_field = field_of(dialect, roles["batch"]) if "batch" in roles else 0
        self._batch_span = span_of(dialect, roles["batch"]) if "batch" in roles else None
        self._chip_field = _number_of(dialect, "chip")
        self._totals_field = _number_of(dialect, "totals")
        self._private_field, self._private_is_binary = _number_of(dialect, "private"), _is_binary(dialect, "private")
        time_field = roles.get("local_time")
        self._host_fields = tuple(
            (int(number), dialect.fields[int(number)].max_size, number == time_field) for number in dialect.answers.host
        )

    def _compile_header(self, dialect: Dialect) -> None:
        wishes = dialect.header
        self._header_bytes = dialect.framing.header_bytes
        self._wish_nibble = wishes.nibble if wishes else 0
        self._wish_codes = wishes.codes if wishes else {}
        for wish in self._wish_codes:
            if wish not in WISHES:
                known = ", ".join(sorted(WISHES))
                raise ConfigurationError(f"dialect {dialect.name}: header.wishes: no wish {wish!r} (known: {known})")


def _number_of(dialect: Dialect, role: str) -> int:
    """The field of a role, `_NOWHERE` where the dialect does not have it."""
    path = dialect.roles.get(role)
    return field_of(dialect, path) if path else _NOWHERE


def _is_binary(dialect: Dialect, role: str) -> bool:
    path = dialect.roles.get(role)
    return path is not None and dialect.fields[field_of(dialect, path)].format == "b"


def _text(data: bytes) -> str:
    """Bytes as the text of a field: one character each."""
    return data.decode("latin-1")


def _codes(dialect: Dialect) -> dict[Action, str]:
    """DE 39 of every action; a dialect that leaves one out, or names one that does not exist, is refused."""
    known = {action.value for action in Action}
    for name in dialect.actions:
        if name not in known:
            raise ConfigurationError(f"dialect {dialect.name}: actions: unknown action {name!r}")
    for name in sorted(known - dialect.actions.keys()):
        raise ConfigurationError(f"dialect {dialect.name}: actions: {name} has no code")
    return {Action(name): code for name, code in dialect.actions.items()}
