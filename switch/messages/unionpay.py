"""What UnionPay's terminals write into the fields that are left to them: 48, 59, 62 and 63.

Which of these a message uses, and for what, hangs on its kind. Makers fill them with other things too, so what
cannot be read is simply not there ("" or None): whoever needs it refuses the message.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from switch.errors import DecodeError
from switch.wire.masking import plain_name
from switch.wire.tlv import parse_tlv

SEQUENCE: Final = "Sequence No"
"""Begins field 62 of a sign-on: two digits follow, and so many characters of the machine's number."""

CARD_CODE: Final = "91"
"""Begins field 62 where the cardholder typed in the code from the back of the card (CVN2)."""

SOFTWARE_SIZE_MAX: Final = 20
"""Characters of a software version; UnionPay's have eight."""

_SERIAL_SIZE_MAX: Final = 40
_SERIAL: Final = re.compile(r"[A-Za-z0-9.-]+")
_PAN_DIGITS: Final = range(8, 20)  # ISO/IEC 7812-1
_AMOUNT_DIGITS: Final = 12
_OPERATOR_CHARACTERS: Final = 3
_CODE_DIGITS: Final = 3
_PAY_CODE_TAG: Final = "5F01"


class TerminalInfo(NamedTuple):
    """Field 59: the pay code scanned (A3), the terminal's serial number and software version (A2 02 and 05)."""

    pay_code: str = ""
    serial: str = ""
    software: str = ""


class ItemName(NamedTuple):
    """What a download asks for: an application (tag 9F06), or a CA key, by its owner (9F06) and key index (9F22)."""

    name: bytes
    key_index: bytes


def read_terminal_info(text: str) -> TerminalInfo:
    """Read field 59: objects of a tag of two characters, three digits of length and a value; free text yields nothing.

    Reading ends where it no longer makes sense, as older terminals put free text before, after or instead.
    """
    found = _objects(text, length_digits=3)
    inner = _objects(found.get("A2", ""), length_digits=2)
    serial, software = _plain(inner.get("02", "")), _plain(inner.get("05", ""))
    return TerminalInfo(_plain(found.get("A3", "")), _serial(serial), plain_name(software, SOFTWARE_SIZE_MAX))


def read_serial(private: str) -> str:
    """The number of the machine in field 62 of a sign-on, "" where there is none or it ends too soon."""
    digits = private[len(SEQUENCE) : len(SEQUENCE) + 2]
    if not private.startswith(SEQUENCE) or not _is_number(digits, 2):
        return ""
    serial = private[len(SEQUENCE) + 2 :][: int(digits)]
    return _serial(_plain(serial)) if len(serial) == int(digits) else ""


def read_card_code(private: str) -> str:
    """The three digits typed in from the back of the card; what follows them (an identity number) is not used."""
    code = private[len(CARD_CODE) : len(CARD_CODE) + _CODE_DIGITS]
    return code if private.startswith(CARD_CODE) and _is_number(code, _CODE_DIGITS) else ""


def read_card_number(text: str) -> str:
    """The number of the card that a transfer goes to: 8 to 19 digits, padded with blanks."""
    digits = text.strip(" ")
    return digits if len(digits) in _PAN_DIGITS and _is_number(digits, len(digits)) else ""


def read_pay_code(private: str) -> str:
    """A pay code in field 62, as BER-TLV tag 5F01; one vendor's terminals have it there."""
    try:
        objects = parse_tlv(private.encode("latin-1"))
    except (DecodeError, UnicodeEncodeError):
        return ""
    return next((_plain(one.value.decode("latin-1")) for one in objects if one.tag == _PAY_CODE_TAG), "")


def read_operator(text: str) -> tuple[str, str]:
    """(operator, password) of field 63 at a sign-on: three characters, then the password; each "" where there is none.

    An operator is a number of up to three digits, padded with blanks; some terminals name a card scheme instead.
    """
    operator = text[:_OPERATOR_CHARACTERS].rstrip(" ")
    if not (operator.isascii() and operator.isdecimal()):
        return "", ""
    return operator, text[_OPERATOR_CHARACTERS:].rstrip(" ")


def read_tip(text: str) -> int | None:
    """How much of the new total is the tip: twelve digits, minor units."""
    return int(text) if _is_number(text, _AMOUNT_DIGITS) else None


def read_item_name(private: bytes) -> ItemName | None:
    """What a download asks for; None where that is no BER-TLV with an application or a key's owner in it."""
    try:
        tags = {one.tag: one.value for one in parse_tlv(private)}
    except DecodeError:
        return None
    name = tags.get("9F06", b"")
    return ItemName(name, tags.get("9F22", b"")) if name else None


def _objects(text: str, *, length_digits: int) -> dict[str, str]:
    """The values by tag, as far as they can be read; of a tag there twice the first."""
    found: dict[str, str] = {}
    at, head = 0, 2 + length_digits
    while at + head <= len(text):
        digits = text[at + 2 : at + head]
        if not _is_number(digits, length_digits):
            break
        end = at + head + int(digits)
        if end > len(text):
            break
        found.setdefault(text[at : at + 2], text[at + head : end])
        at = end
    return found


def _serial(text: str) -> str:
    """The number of a machine, if it has the form of one. It may have as many digits as a card's."""
    return text if len(text) <= _SERIAL_SIZE_MAX and _SERIAL.fullmatch(text) else ""


def _is_number(text: str, size: int) -> bool:
    return len(text) == size and text.isascii() and text.isdecimal()


def _plain(text: str) -> str:
    """The text without its padding; "" where it is none that people could have written."""
    stripped = text.strip(" \0")
    return stripped if stripped.isascii() and stripped.isprintable() else ""
