"""What of a value people may see, or is kept: card numbers as first six and last four, tracks no more, secrets not."""

from __future__ import annotations

import re
from typing import Final

from switch.values import Pan
from switch.wire.fields import Show

_PAN_SIZES: Final = range(13, 20)
_FIRST_DIGITS: Final = "2345689"
"""Of card numbers in circulation; without it, every other run of zeros would look like one."""

_LONG_NUMBER: Final = re.compile(r"\d{13,}")
_GROUPED_NUMBER: Final = re.compile(r"(?<!\d)\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}(?!\d)")
_TRACK_SEPARATOR: Final = re.compile(r"[=D^]")
_REST_OF_TRACK: Final = re.compile(r"(?<=\d{13})(?:[=Dd]\d+|\^[^?]*)")
"""What follows a number as on track 2 or 1 (ISO/IEC 7813): expiry, service code, name, discretionary data."""

_PAY_CODE: Final = re.compile(r"A3([0-9]{3})")
"""Tag and length of a pay code in UnionPay's field 59."""

_OPERATOR_CHARACTERS: Final = 3
_TEXT: Final = re.compile(rb"[\t\r\n -~]*")
_TEXT_DIGITS: Final = re.compile(rb"([0-9]{7,})")
"""Digits as text: their bytes read as two digits each would be a number as long as a card's."""

_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9.-]+")


def shown(value: str, show: Show) -> str:
    """Return what of a field's value may be shown."""
    match show:
        case "clear" | "tlv":
            return value
        case "free":
            without_tracks = _REST_OF_TRACK.sub(lambda found: found[0][0] + "*" * (len(found[0]) - 1), value)
            without_groups = _GROUPED_NUMBER.sub(lambda found: _without_card_in_groups(found[0]), without_tracks)
            return _LONG_NUMBER.sub(lambda found: _without_cards(found[0]), without_groups)
        case "operator":
            return _without_password(value)
        case "scan":
            return shown(_without_pay_codes(value), "free")
        case "pan":
            return _masked(value)
        case "track":
            return _masked_track(value)
        case "secret":
            return "*" * min(len(value), 8)


def kept(content: bytes) -> bytes:
    """Return what of bytes that a terminal sent is kept: as many, without card numbers and without the rest of tracks.

    They are looked for as text, and, unless all of it is printable, as two digits to a byte too: there the hidden
    digits become F. As in free text, too much is hidden rather than too little.
    """
    text = shown(content.decode("latin-1"), "free").encode("latin-1")
    if _TEXT.fullmatch(text):
        return text
    return b"".join(part if part.isdigit() else _without_packed_cards(part) for part in _TEXT_DIGITS.split(text))


def kept_text(content: bytes) -> bytes:
    """The same of content whose bytes are no digits, as an image's are not: looked through as text only."""
    return shown(content.decode("latin-1"), "free").encode("latin-1")


def plain_name(text: str, size_max: int) -> str:
    """Return the name or version of a machine, of letters, digits, dots and dashes; "" for any other text.

    Other is what is longer than ``size_max``, too, and what could be a card's number.
    """
    is_plain = len(text) <= size_max and _PLAIN_NAME.fullmatch(text) is not None
    return text if is_plain and shown(text, "free") == text else ""


def _without_packed_cards(data: bytes) -> bytes:
    return bytes.fromhex(shown(data.hex(), "free").replace("*", "F"))


def _without_password(text: str) -> str:
    """Show an operator's number, three characters with blanks, and hide the password behind it.

    Others put the scheme of a card there, and hosts a text for people: these are free text.
    """
    head, rest = text[:_OPERATOR_CHARACTERS], text[_OPERATOR_CHARACTERS:]
    is_operator = all(one in " 0123456789" for one in head)
    return head + shown(rest.rstrip(" "), "secret") if is_operator else shown(text, "free")


def _without_pay_codes(text: str) -> str:
    hidden = list(text)
    for found in _PAY_CODE.finditer(text):
        end = min(found.end() + int(found[1]), len(text))
        hidden[found.end() : end] = "*" * (end - found.end())
    return "".join(hidden)


def _without_card_in_groups(text: str) -> str:
    digits = re.sub("[ -]", "", text)
    if _without_cards(digits) == digits:
        return text
    return f"{text[:7]}{re.sub('[0-9]', '*', text[7:-4])}{text[-4:]}"


def _masked(number: str) -> str:
    return Pan(number).masked if number.isdecimal() else "*" * len(number)


def _masked_track(track: str) -> str:
    """Show the card number of track 2 or 3 up to its separator; an encrypted track may have none."""
    separator = _TRACK_SEPARATOR.search(track)
    number = track[: separator.start()] if separator else ""
    if separator is None or not number.isdecimal():
        return "*" * len(track)
    return _masked(number) + separator.group() + "*" * (len(track) - len(number) - 1)


def _without_cards(digits: str) -> str:
    """Mask every part of a long number that could be a card number: its first digit and check digit are right.

    Hides too much rather than too little: one in ten numbers has a right check digit by chance.
    """
    hidden = list(digits)
    for start in range(len(digits)):
        for size in _PAN_SIZES:
            part = digits[start : start + size]
            if len(part) == size and part[0] in _FIRST_DIGITS and Pan(part).has_valid_check_digit():
                hidden[start + 6 : start + size - 4] = "*" * (size - 10)
    return "".join(hidden)
