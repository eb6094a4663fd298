"""The fields of a dialect that keys are for: MAC, PIN block, tracks, chip data, card codes.

What a message carries is taken out for whoever holds the keys; what they make of it is put into the answer.
"""

from __future__ import annotations

from typing import Final

from switch.messages.catalogue import Entry
from switch.messages.paths import field_of, role_getter
from switch.messages.sensitive import Secrets, SecretsReader
from switch.wire.codec import Fields
from switch.wire.dialect import Dialect

_FIRST_BITMAP: Final = 64
_SECOND_BITMAP: Final = 128
_TRACKS: Final = (35, 36)
_SECRET: Final = ("pin_block", "key_serial")  # a PIN block of AES stands behind its key's serial number

_PIN_FORMATS: Final = {"0": "0", "1": "1", "3": "3", "4": "4"}
_UNIONPAY_PIN_FORMATS: Final = {"1": "0-", "2": "0"}
"""First digit of DE 53: ANSI X9.8 without (1) or with (2) the card number, as `switch.security.pin_blocks` names it."""


class ProtectedFields:
    """Where one dialect has them. Pure: nothing is checked or opened here."""

    def __init__(self, dialect: Dialect) -> None:
        roles = dialect.roles
        self._read = SecretsReader(dialect).read
        self._pin_formats = _UNIONPAY_PIN_FORMATS if "batch" in roles else _PIN_FORMATS
        self._mac_fields = _mac_fields(dialect)
        first = dialect.fields[self._mac_fields[0]]
        self.mac_is_text = first.format != "b"
        self.mac_is_hex = first.format == "b" and first.encoding == "hex"
        self._mac_zeros = {number: "0" * _text_size(dialect, number) for number in self._mac_fields}
        self.tracks = tuple(number for number in _TRACKS if number in dialect.fields)
        self._chip = field_of(dialect, roles["chip"]) if "chip" in roles else 0
        self._action = field_of(dialect, roles["action"])
        others = (field_of(dialect, roles[role]) for role in (*_SECRET, "private") if role in roles)
        self.delivers_keys = "private" in roles
        pins = (field_of(dialect, roles[role]) for role in _SECRET if role in roles)
        self.unreadable = frozenset((*self._mac_fields, *pins))
        """Fields that mean nothing to who has no keys."""
        self.terminal = role_getter(dialect, "terminal")
        self.watched = frozenset({*self._mac_fields, *self.tracks, self._chip, *others} - {0})
        """Fields that make a message worth a look; one without any of them carries nothing to check."""
        control = {field_of(dialect, roles["security_control"])} if "security_control" in roles else set()
        self.watched_beside_tracks = (self.watched - {*self.tracks}) | control
        """The same where tracks are held against nothing; what says that they are encrypted is worth a look."""

    def secrets(self, fields: Fields, entry: Entry) -> Secrets:
        """What the message carries for its keys."""
        return self._read(fields, entry)

    def pin_format(self, secrets: Secrets) -> str:
        """The format of its PIN block, as `switch.security.pin_blocks` names it: 0 unless the message says another."""
        return self._pin_formats.get(secrets.pin_format, "0")

    def make_room_for_mac(self, answer: Fields) -> None:
        """Put zeros where the answer's MAC goes: its last field, in the second bitmap where it has one."""
        number = self._mac_fields[-1] if max(answer) > _FIRST_BITMAP else self._mac_fields[0]
        answer.pop(number, None)
        answer[number] = self._mac_zeros[number]

    def add_chip(self, answer: Fields, data: bytes) -> None:
        """Put chip data into an answer, where the dialect has a field for it."""
        if data and self._chip:
            answer[self._chip] = data.hex().upper()

    def code(self, answer: Fields) -> str:
        """DE 39 of an answer."""
        return answer.get(self._action, "")


def _mac_fields(dialect: Dialect) -> tuple[int, ...]:
    """64, and 128 where messages may have a second bitmap (ISO 8583:1987 clause 4.2)."""
    return tuple(number for number in (_FIRST_BITMAP, _SECOND_BITMAP) if number in dialect.fields)


def _text_size(dialect: Dialect, number: int) -> int:
    field = dialect.fields[number]
    return 2 * field.max_size if field.format == "b" else field.max_size
