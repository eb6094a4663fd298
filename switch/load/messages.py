"""What simulated terminals send: messages out of templates, numbered, timed, with their MACs, in frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from switch.load.forms import WITHOUT_AMOUNT, Form, forms_of, has_batches, reserved, standing
from switch.load.matching import Matching, MatchKey
from switch.load.population import Card, Population
from switch.load.scenario import Entry
from switch.load.template import Template, Values
from switch.load.tills import Payment, Till, mac_method
from switch.messages.kinds import Kind
from switch.messages.mapping import answer_mti
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import Dialect

TEMPLATES_MAX: Final = 20_000
"""Beyond, those that were made are made anew: with many cards one is worth less, and each takes a kilobyte."""

_TPDU: Final = bytes.fromhex("6000030000")
_HEADER: Final = bytes.fromhex("603200310000")
_MAC_BYTES: Final = 8
_NO_ANSWER: Final = "98"
_REFERENCE_DIGITS: Final = 42
_TERMINAL, _MERCHANT, _AMOUNT, _STAN, _RESERVED = 41, 42, 4, 11, 60
_NOT_REVERSED: Final = (14, 23, 35, 55, 59)
"""What shows the card is not said again by a UnionPay reversal: its number alone is (2)."""


class Message(NamedTuple):
    """A frame, what its answer is known by, and what its till is to remember of it. The repr hides the bytes."""

    frame: bytes
    key: MatchKey | None
    payment: Payment

    def __repr__(self) -> str:
        return f"Message({self.payment.kind}, {len(self.frame)} bytes)"


class Messages:
    """Makes the messages of one dialect. ``clock`` gives the seconds since 1970."""

    def __init__(
        self, dialect: Dialect, population: Population, currency: str, zone: ZoneInfo, clock: Callable[[], float]
    ) -> None:
        self.forms = forms_of(dialect)
        self.method = mac_method(dialect)
        self._dialect = dialect
        self._population = population
        self._currency = currency
        self._zone = zone
        self._clock = clock
        self._codec = Codec(dialect)
        self._values = Values(dialect)
        self._matching = Matching(dialect)
        self._answered_as = {kind: answer_mti(form.mti) or "" for kind, form in self.forms.items()}
        self._has_batches = has_batches(dialect)
        self._mac_field = int(dialect.roles["mac"])
        self._mac_size = 2 * _MAC_BYTES if dialect.fields[self._mac_field].encoding == "hex" else _MAC_BYTES
        self._templates: dict[tuple[int, ...], Template] = {}
        self._header = (_TPDU if dialect.framing.tpdu else b"") + _HEADER[: dialect.framing.header_bytes]
        self._second = 0
        self._times: Mapping[int, str] = {}
        self._today = ""

    def message(
        self,
        till: Till,
        kind: Kind,
        entry: Entry,
        card: Card,
        amount_minor: int,
        *,
        about: Payment | None = None,
        stan: str = "",
        is_forged: bool = False,
    ) -> Message:
        """One message of a till; ``about`` is what it cancels, refunds, completes or reverses.

        ``stan`` is a number that it has used already; a forged one has a wrong MAC, whether or not the till has keys.
        """
        self._look_at_the_clock()
        form = self.forms[kind]
        is_same_number = self._has_batches and kind is Kind.REVERSAL and about is not None
        stan = about.stan if is_same_number and about else stan or till.next_stan()
        number = till.number
        values: Fields = {_STAN: stan, _TERMINAL: number.terminal_id, _MERCHANT: number.merchant_id, **self._times}
        if kind not in WITHOUT_AMOUNT:
            values[_AMOUNT] = f"{amount_minor:012d}"
        batch = about.batch if is_same_number and about else till.batch
        if self._has_batches:
            source, of = (self.forms[about.kind], about.kind) if is_same_number and about else (form, kind)
            values[_RESERVED] = reserved(source, of, entry, batch)
        if about is not None:
            values |= self._original(form, kind, about)
        has_mac = form.has_mac and (till.mac is not None or is_forged)
        body = self._template(kind, entry, card, about, values, has_mac=has_mac).written(values)
        if has_mac:
            body = self._sealed(body, till, is_forged=is_forged)
        frame = self.framed(body)
        values[0] = self._answered_as[kind]
        key = self._matching.of_answer(values)
        payment = Payment(kind, entry, card, amount_minor, stan, batch, self._times.get(7, ""), frame, key, has_mac)
        return Message(frame, key, payment)

    def approved(self, payment: Payment, answer: Fields) -> Payment:
        """What the till remembers of an approved payment."""
        date = answer.get(13) or self._today
        return payment._replace(rrn=answer.get(37, ""), code=answer.get(38, ""), date=date)

    def again(self, till: Till, payment: Payment) -> Message:
        """The same message once more, with a MAC under the keys of now."""
        frame = payment.frame
        if payment.has_mac and till.mac is not None:
            frame = self.framed(self._sealed(self.body_of(frame), till, is_forged=False))
        return Message(frame, payment.key, payment)

    def framed(self, body: bytes) -> bytes:
        """A message, or anything else, with the length, TPDU and header of the dialect."""
        return self._dialect.framing.wrap_request(body, self._header)

    def body_of(self, frame: bytes) -> bytes:
        """What `framed` was given."""
        return frame[self._dialect.framing.length_bytes + len(self._header) :]

    # --- parts -----------------------------------------------------------------------------------------------

    def _original(self, form: Form, kind: Kind, about: Payment) -> Fields:
        """The fields that name what a message is about; a reversal says why (39)."""
        batch_and_number = f"{about.batch}{about.stan}"
        if self._has_batches and kind is Kind.REVERSAL:
            return {39: _NO_ANSWER}
        dated = {Kind.REFUND: batch_and_number, Kind.VOID: batch_and_number}.get(kind, "0" * len(batch_and_number))
        mti = self.forms[about.kind].mti
        found = {
            37: about.rrn,
            38: about.code,
            61: dated + ("" if kind is Kind.VOID else about.date),
            90: f"{mti}{about.stan}{about.sent_at}".ljust(_REFERENCE_DIGITS, "0"),
        }
        return {number: found[number] for number in form.names}

    def _template(
        self, kind: Kind, entry: Entry, card: Card, about: Payment | None, values: Fields, *, has_mac: bool
    ) -> Template:
        of = about.kind if about is not None else None
        name = (id(kind), id(entry), id(card), id(of), has_mac)  # each of them lives as long as this does
        found = self._templates.get(name)
        if found is None:
            fields = self._standing(kind, entry, card, of) | values
            if has_mac:
                fields[self._mac_field] = "0" * (_MAC_BYTES if self._is_text_mac else 2 * _MAC_BYTES)
            if len(self._templates) >= TEMPLATES_MAX:
                self._templates.clear()
            found = self._templates[name] = Template(self._codec, self._values, fields, values)
        return found

    def _standing(self, kind: Kind, entry: Entry, card: Card, of: Kind | None) -> Fields:
        code = self._population.pay_codes[0] if self._population.pay_codes else ""
        if not (kind is Kind.REVERSAL and self._has_batches and of is not None):
            return standing(self._dialect, kind, entry, card, self._currency, code)
        fields = standing(self._dialect, of, entry, card, self._currency, code)
        fields = {field: text for field, text in fields.items() if field not in _NOT_REVERSED}
        return {**fields, 0: self.forms[kind].mti} | ({} if entry is Entry.QR else {2: card.pan.reveal()})

    @property
    def _is_text_mac(self) -> bool:
        return self._dialect.fields[self._mac_field].format != "b"

    def _sealed(self, body: bytes, till: Till, *, is_forged: bool) -> bytes:
        data = body[: -self._mac_size]
        mac = self.method.output.wire(till.mac.compute(data)) if till.mac is not None else b"00000000"
        if is_forged:
            mac = mac[:-1] + (b"0" if mac[-1:] != b"0" else b"1")
        return data + (mac.hex().upper().encode() if self._mac_size > _MAC_BYTES else mac)

    def _look_at_the_clock(self) -> None:
        """Times are the same for a second: 7 in UTC, 12 and 13 where the terminal is; UnionPay's host gives them."""
        seconds = int(self._clock())
        if seconds == self._second:
            return
        self._second = seconds
        local = datetime.fromtimestamp(seconds, self._zone)
        self._today = f"{local:%m%d}"
        if not self._has_batches:
            transmitted = f"{datetime.fromtimestamp(seconds, UTC):%m%d%H%M%S}"
            self._times = {7: transmitted, 12: f"{local:%H%M%S}", 13: self._today}
