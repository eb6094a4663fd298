"""What a message carries that only the keys' keeper may look at: PIN block, tracks, card codes, MAC, chip data.

It is read beside the request and never becomes part of it, so that no request, and nothing kept of one, has it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from switch.messages.catalogue import Entry
from switch.messages.kinds import Kind
from switch.messages.paths import bytes_getter, role_getter, text_getter
from switch.messages.unionpay import read_card_code
from switch.wire.codec import Fields
from switch.wire.dialect import Dialect

_AES_SERIAL_BYTES: Final = 12
_WITH_PIN_BLOCK_BYTES: Final = 28
"""A key serial number of AES, and one with a PIN block of 16 bytes behind it, for which field 52 is too small."""


class Secrets(NamedTuple):
    """The sensitive fields of one message; absent is "" or b"". The repr shows nothing of them.

    ``pin_format`` and ``is_track_encrypted`` are digits 1 and 3 of the security control field (53): how the PIN block
    is made (0 none, 1 without and 2 with the card number), and whether the tracks are encrypted. ``card_code`` is the
    CVN2 as typed. ``mac`` is the field's text: hex where the field is binary, else its characters. ``key_serial`` names
    the key of this one transaction that PIN block and MAC are under (DUKPT).
    """

    pin_block: bytes = b""
    pin_format: str = ""
    is_track_encrypted: bool = False
    card_code: str = ""
    track2: str = ""
    track3: str = ""
    mac: str = ""
    chip: bytes = b""
    key_serial: bytes = b""

    def __repr__(self) -> str:
        return "Secrets(********)"


NO_SECRETS: Final = Secrets()
"""Of a message that carries none."""

_CODE_IS_TYPED: Final = frozenset({Kind.PURCHASE, Kind.AUTHORISATION, Kind.INCREMENT, Kind.BALANCE})
"""Kinds whose private field may have the code of the card; elsewhere the same digits begin something else."""

_ROLES: Final = ("pin_block", "track2", "track3", "private", "mac", "mac_secondary", "chip", "key_serial")
_ENCRYPTED: Final = "1"


class SecretsReader:
    """Finds them in one dialect's fields."""

    def __init__(self, dialect: Dialect) -> None:
        self._numbers = frozenset(int(dialect.roles[role]) for role in _ROLES if role in dialect.roles)
        self._get_pin_block = bytes_getter(dialect, "pin_block")
        self._get_chip = bytes_getter(dialect, "chip")
        self._get_key_serial = bytes_getter(dialect, "key_serial")
        self._get_control = role_getter(dialect, "security_control")
        self._get_private = text_getter(dialect, "private")
        self._get_track2, self._get_track3 = role_getter(dialect, "track2"), role_getter(dialect, "track3")
        self._get_mac, self._get_mac_2 = role_getter(dialect, "mac"), role_getter(dialect, "mac_secondary")

    def read(self, fields: Fields, entry: Entry) -> Secrets:
        """What the message carries; always the same object where that is nothing."""
        if self._numbers.isdisjoint(fields):
            return NO_SECRETS
        control = self._get_control(fields)
        pin_block, key_serial = self._get_pin_block(fields), self._get_key_serial(fields)
        if len(key_serial) == _WITH_PIN_BLOCK_BYTES:
            key_serial, pin_block = key_serial[:_AES_SERIAL_BYTES], key_serial[_AES_SERIAL_BYTES:]
        return Secrets(
            pin_block,
            control[:1],
            control[2:3] == _ENCRYPTED,
            read_card_code(self._get_private(fields)) if entry.kind in _CODE_IS_TYPED else "",
            self._get_track2(fields),
            self._get_track3(fields),
            self._get_mac_2(fields) or self._get_mac(fields),
            self._get_chip(fields),
            key_serial,
        )
