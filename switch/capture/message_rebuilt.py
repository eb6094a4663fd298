"""One dialect's messages around other card numbers: which of its fields hold what, and what each becomes.

======================  ================================================================================
field                   becomes
======================  ================================================================================
2, 34, 102, 103         the card's stand-in; text around it is looked through as below
35, 36, 45              the track rebuilt (`switch.capture.stripes`); one that cannot be read is left out, but
                        track 2 is made anew where another field has the card's number
48 of a batch upload    the numbers in its records (`switch.messages.batch_fields`)
55                      the tags that carry a card (`switch.capture.chip_rebuilt`); left out where it is no TLV
62                      of UnionPay: the card a transfer goes to; the code typed in (CVN2) becomes 000
63                      of UnionPay: the operator's password becomes zeros
52 with 26, 64, 128     left out: PIN block, MAC. The digits of 53 that announce PIN and encryption become 0
96                      left out where it holds keys
what the dialect calls  looked through for numbers that look like cards' (`switch.capture.free_text`)
free, scan, secret
======================  ================================================================================

Every other field has a meaning that is no card, and stays as it is, unless the very number of a card that was seen
before stands in it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from switch.capture.cards_replaced import CardsReplaced
from switch.capture.chip_rebuilt import holds_cards, rebuilt_chip
from switch.capture.free_text import bytes_without_cards, without_cards
from switch.capture.stripes import made_track2, rebuilt_track1, rebuilt_track2, rebuilt_track3
from switch.messages.batch_fields import read_records, written_records
from switch.messages.paths import bytes_of
from switch.messages.unionpay import CARD_CODE, read_card_code, read_card_number
from switch.values import Pan
from switch.wire.codec import Fields
from switch.wire.dialect import Dialect
from switch.wire.fields import Field

_PAN, _EXPIRY, _PIN_CAPTURE, _TRACK_2, _TRACK_3, _TRACK_1 = 2, 14, 26, 35, 36, 45
_RECORDS, _MACS, _KEYS = 48, (64, 128), 96
_UPLOADS: Final = ("0320", "0321", "0330")
_PAN_DIGITS: Final = range(2, 20)
_ENCRYPTED: Final = "1"
_SECURITY_DIGITS: Final = 16
_LOOKED_THROUGH: Final = frozenset({"free", "scan", "secret", "operator", "pan"})
_OPERATOR: Final = re.compile(r"[ 0-9]{3}(?=.)")
_PAY_CODE: Final = re.compile(r"A3([0-9]{3})")


class MessageRebuilder:
    """Rebuilds the messages of one dialect. ``left_out`` counts, over all of them, what each had to lose."""

    def __init__(self, dialect: Dialect, cards: CardsReplaced, left_out: Counter[str]) -> None:
        self._dialect = dialect
        self._cards = cards
        self._left_out = left_out
        roles = dialect.roles
        self._pin_block = _number_of(roles.get("pin_block")) or 52
        self._control = _number_of(roles.get("security_control"))
        self._chip = _number_of(roles.get("chip")) or 55
        self._is_unionpay = "batch" in roles
        self._private = _number_of(roles.get("private")) if self._is_unionpay else 0
        self._gone = self._gone_fields()
        self._looked_through = {number for number, field in dialect.fields.items() if field.show in _LOOKED_THROUGH}

    def rebuilt(self, fields: Fields) -> Fields:
        """Return the fields of the message with other cards. Raises OverflowError for one card too many."""
        known = self._known(fields)
        has_pin = self._pin_block in fields
        control = fields.get(self._control, "") if self._control else ""
        is_encrypted = control[2:3] == _ENCRYPTED
        self._left_out.update(self._gone[number] for number in fields if number in self._gone)
        out: Fields = {}
        for number, text in fields.items():
            if number in self._gone or (number == _PIN_CAPTURE and has_pin):
                continue
            if number == self._control:
                value: str | None = _without_protection(text)
            elif number in {_TRACK_1, _TRACK_2, _TRACK_3}:
                value = None if is_encrypted else self._track(number, text, known)
                if value is None and number == _TRACK_2:
                    value = self._made_track(text, known, fields.get(_EXPIRY, ""))
                if value is None:
                    self._left_out["tracks that cannot be read"] += 1
            else:
                value = self._field(number, text, fields[0])
            if value is not None:
                out[number] = value
        return out

    def _gone_fields(self) -> dict[int, str]:
        """The fields that are always left out, and how that is told."""
        gone = {self._pin_block: "PIN blocks", **dict.fromkeys(_MACS, "MACs")}
        key_serial = _number_of(self._dialect.roles.get("key_serial"))
        if key_serial:  # where AES has its PIN blocks
            gone[key_serial] = "key serial numbers"
        if _KEYS in self._dialect.fields and self._dialect.fields[_KEYS].show == "secret":
            gone[_KEYS] = "keys"
        return gone

    def _known(self, fields: Fields) -> str:
        """The card's number as field 2 or a readable track 2 has it, "" where neither does."""
        pan = fields.get(_PAN) or fields.get(_TRACK_2, "").lstrip(";").replace("D", "=").partition("=")[0]
        return pan if pan.isdecimal() and len(pan) in _PAN_DIGITS else ""

    def _track(self, number: int, track: str, known: str) -> str | None:
        if number == _TRACK_1:
            return rebuilt_track1(track, self._cards)
        if number == _TRACK_2:
            return rebuilt_track2(track, self._cards)
        return rebuilt_track3(track, self._cards, known)

    def _made_track(self, track: str, known: str, expiry_yymm: str) -> str | None:
        """Track 2 for a message whose own cannot be read; ``known`` may have come from that track only if it can."""
        if not known or not track:
            return None
        separator = "D" if self._dialect.fields[_TRACK_2].packed else "="
        return made_track2(self._cards.card(known), expiry_yymm, len(track), separator)

    def _field(self, number: int, text: str, mti: str) -> str | None:
        if number == self._chip:
            return self._chip_field(self._dialect.fields[number], text)
        if number not in self._looked_through:
            return self._cards.without_seen(text)
        field = self._dialect.fields[number]
        if field.show == "pan" and text.isdecimal() and len(text) in _PAN_DIGITS:
            return self._cards.card(text)
        if number == _RECORDS and mti in _UPLOADS and (records := read_records(text)):
            replaced = (
                record._replace(pan=record.pan and Pan(self._cards.card(record.pan.reveal()))) for record in records
            )
            return written_records(tuple(replaced))
        if field.format == "b":
            return self._bytes(number, bytes.fromhex(text)).hex().upper()
        if self._is_unionpay and field.show == "operator":
            return _without_password(text, self._cards)
        if field.show == "scan":
            text = self._without_pay_code(text)
        return without_cards(text, self._cards) if field.format == "n" else self._text(number, text)

    def _text(self, number: int, text: str) -> str:
        return self._bytes(number, text.encode("latin-1")).decode("latin-1")

    def _bytes(self, number: int, data: bytes) -> bytes:
        """A field of no fixed meaning: TLV with a card's tags in it, a card's number alone, or anything."""
        if number == self._private:
            text = data.decode("latin-1")
            if card := read_card_number(text):
                return text.replace(card, self._cards.card(card)).encode("latin-1")
            if read_card_code(text):
                data = f"{CARD_CODE}000{text[5:]}".encode("latin-1")
        if holds_cards(data):
            return rebuilt_chip(data, self._cards) or data
        return bytes_without_cards(data, self._cards)

    def _chip_field(self, field: Field, text: str) -> str | None:
        """Field 55 in the way it was written: bytes as hexadecimal, hexadecimal in text, or bytes as characters."""
        data = rebuilt_chip(bytes_of(text), self._cards)
        if data is None:
            self._left_out["chip data that cannot be read"] += 1
            return None
        if field.format == "b" or bytes_of(text) != text.encode("latin-1"):
            return data.hex().upper()
        return data.decode("latin-1")

    def _without_pay_code(self, text: str) -> str:
        parts, at = [], 0
        for begin, end in _pay_codes(text):
            parts += [text[at:begin], self._cards.guessed(text[begin:end])]
            at = end
        return "".join((*parts, text[at:]))


def _pay_codes(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the digits of scanned pay codes (tag A3 of field 59) begin and end."""
    for found in _PAY_CODE.finditer(text):
        end = found.end() + int(found[1])
        if text[found.end() : end].isdecimal() and end <= len(text):
            yield found.end(), end


def _without_password(text: str, cards: CardsReplaced) -> str:
    """An operator's three characters stay; what hosts write for people is looked through."""
    if not _OPERATOR.match(text):
        return without_cards(text, cards)
    return text[:3] + re.sub(r"[^ ]", "0", text[3:])


def _without_protection(control: str) -> str:
    """Field 53 of a message whose PIN and encrypted tracks are gone: digit 1 (PIN format) and 3 (tracks) are 0."""
    return f"0{control[1]}0{control[3:]}" if len(control) == _SECURITY_DIGITS and control.isdecimal() else control


def _number_of(path: str | None) -> int:
    return int(path.partition(".")[0]) if path else 0
