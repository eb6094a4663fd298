"""The fields of a dialect that keys are for: MAC, PIN block, tracks, chip data, card codes.

What is taken out here goes to whoever holds the keys and nowhere else: it is not part of a `Request`.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from switch.messages.paths import field_of, role_getter
from switch.wire.codec import Fields
from switch.wire.dialect import Dialect

_FIRST_BITMAP: Final = 64
_SECOND_BITMAP: Final = 128
_ISO_FORMAT_0: Final = "0"

_CARD_CODE: Final = re.compile(rb"91([0-9]{3})")
"""CVN2 at the start of UnionPay's DE 62, by its identity code 91 (one source; the others leave it out)."""

_UNIONPAY_PIN_FORMATS: Final = {"0": "0", "1": "1", "2": "0"}
"""First digit of DE 53: 1 is a block without the card number (format 1), 2 one with it (ANSI X9.8, format 0)."""


class Secrets(NamedTuple):
    """What a message carries for its keys; absent is b"" or "". ``pin_format`` is an ISO 9564-1 format."""

    mac: str = ""
    pin_block: bytes = b""
    pin_format: str = _ISO_FORMAT_0
    card_code: str = ""
    track2: str = ""
    is_track_encrypted: bool = False

    def __repr__(self) -> str:
        return "Secrets(********)"


NO_SECRETS: Final = Secrets()


class ProtectedFields:
    """Where one dialect has them. Pure: nothing is checked or opened here."""

    def __init__(self, dialect: Dialect) -> None:
        roles = dialect.roles
        self._is_unionpay = "security_control" in roles and "batch" in roles
        self._mac_fields = _mac_fields(dialect)
        first = dialect.fields[self._mac_fields[0]]
        self.mac_is_text = first.format != "b"
        self.mac_is_hex = first.format == "b" and first.encoding == "hex"
        self._mac_zeros = {number: "0" * _text_size(dialect, number) for number in self._mac_fields}
        self.tracks = tuple(number for number in (35, 36) if number in dialect.fields)
        self._chip = field_of(dialect, roles["chip"]) if "chip" in roles else 0
        self._pin = field_of(dialect, roles["pin_block"]) if "pin_block" in roles else 0
        self._private = field_of(dialect, roles["private"]) if "private" in roles else 0
        self._get_control = role_getter(dialect, "security_control")
        self._get_track2 = role_getter(dialect, "track2")
        self.terminal = role_getter(dialect, "terminal")
        self._action = field_of(dialect, roles["action"])
        self.watched = frozenset({*self._mac_fields, *self.tracks, self._chip, self._pin, self._private} - {0})
        """Fields that make a message worth a look; one without any of them carries nothing to check."""

    def secrets(self, fields: Fields) -> Secrets:
        """Take out what the message carries for its keys."""
        if self.watched.isdisjoint(fields):
            return NO_SECRETS
        control = self._get_control(fields) if self._is_unionpay else ""
        pin_block = fields.get(self._pin, "")
        return Secrets(
            next((fields[number] for number in self._mac_fields if number in fields), ""),
            bytes.fromhex(pin_block) if pin_block else b"",
            _UNIONPAY_PIN_FORMATS.get(control[:1], _ISO_FORMAT_0),
            self._card_code(fields),
            self._get_track2(fields),
            control[2:3] == "1" and any(number in fields for number in self.tracks),
        )

    def make_room_for_mac(self, answer: Fields) -> None:
        """Put zeros where the answer's MAC goes: its last field, in the second bitmap where it has one."""
        number = self._mac_fields[-1] if any(field > _FIRST_BITMAP for field in answer) else self._mac_fields[0]
        answer.pop(number, None)
        answer[number] = self._mac_zeros[number]

    def add_chip(self, answer: Fields, data: bytes) -> None:
        """Put chip data into an answer, where the dialect has a field for it."""
        if data and self._chip:
            answer[self._chip] = data.hex().upper()

    def code(self, answer: Fields) -> str:
        """DE 39 of an answer."""
        return answer.get(self._action, "")

    def _card_code(self, fields: Fields) -> str:
        private = fields.get(self._private, "") if self._is_unionpay else ""
        found = _CARD_CODE.match(bytes.fromhex(private)) if private else None
        return found[1].decode() if found else ""


def _mac_fields(dialect: Dialect) -> tuple[int, ...]:
    """64, and 128 where messages may have a second bitmap (ISO 8583:1987 clause 4.2)."""
    return tuple(number for number in (_FIRST_BITMAP, _SECOND_BITMAP) if number in dialect.fields)


def _text_size(dialect: Dialect, number: int) -> int:
    field = dialect.fields[number]
    return 2 * field.max_size if field.format == "b" else field.max_size
