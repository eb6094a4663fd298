"""What the chip and the terminal say of a payment in field 55 (EMV Book 3 annex A), in the switch's words.

Only what the switch judges, stores or answers has a name here; every other tag is kept as it came.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from switch.errors import DecodeError
from switch.messages.actions import Action
from switch.messages.model import Reject
from switch.values import Pan
from switch.wire.chip_tags import NAMES
from switch.wire.tlv import Tlv, build_tlv, parse_tlv

ISSUER_AUTHENTICATION_BYTES: Final = range(8, 17)
"""Sizes of tag 91 (EMV Book 3 annex A)."""

_CRYPTOGRAM_KIND: Final = 0xC0
_ONLINE_WANTED: Final = 0x80
_APPROVED_OFFLINE: Final = 0x40


class ChipData(NamedTuple):
    """One field 55. What is absent, or there with no value, is b"", "" or None.

    Amounts are in minor units of ``currency``, dates YYMMDD, currency and country three digits (ISO 4217, 3166),
    ``aid`` upper-case hex. ``tags`` has every value as it came, also those that have no name here. The repr
    shows neither card number nor track.
    """

    cryptogram: bytes  # 9F26: ARQC, TC or AAC
    cryptogram_information: int | None  # 9F27
    issuer_data: bytes  # 9F10, see `switch.messages.issuer_data`
    unpredictable: bytes  # 9F37
    atc: int | None  # 9F36, the chip's transaction counter
    tvr: bytes  # 95, terminal verification results
    aip: bytes  # 82, application interchange profile
    date: str  # 9A
    transaction_type: str  # 9C
    amount_minor: int | None  # 9F02
    other_amount_minor: int | None  # 9F03, cash back
    currency: str  # 5F2A
    country: str  # 9F1A, the terminal's
    aid: str  # 84, 4F or 9F06
    pan_sequence: str  # 5F34
    pan: Pan | None  # 5A
    track2: str  # 57, "D" between card number and expiry
    terminal_capabilities: bytes  # 9F33
    cvm_results: bytes  # 9F34
    script_results: bytes  # DF31 (UnionPay) or 9F5B
    response_code: str  # 8A, the terminal's own where it decided alone
    tags: Mapping[str, bytes]

    @property
    def asks_online(self) -> bool:
        """Whether the chip wants its issuer to decide: the cryptogram is an ARQC (EMV Book 3 clause 6.5.5.4)."""
        return self.cryptogram_information is not None and self._kind == _ONLINE_WANTED

    @property
    def is_approved_offline(self) -> bool:
        """Whether the chip has already agreed: the cryptogram is a TC."""
        return self._kind == _APPROVED_OFFLINE

    @property
    def _kind(self) -> int:
        return (self.cryptogram_information or 0) & _CRYPTOGRAM_KIND

    def sequence(self, field_23: str = "") -> str:
        """Return the two digits that card keys are made with: tag 5F34, else DE 23's last two, else "00"."""
        last = field_23[-2:].rjust(2, "0")
        return self.pan_sequence or (last if last.isascii() and last.isdecimal() else "00")

    def __repr__(self) -> str:
        return f"ChipData(aid={self.aid!r}, atc={self.atc}, tags={' '.join(self.tags)!r})"


def read_chip(data: bytes) -> ChipData | Reject:
    """Return what field 55 says, or a `Reject` naming the tag that is wrong, never its contents.

    Templates are opened and zero bytes between tags skipped. A tag there twice with the same value counts once, with
    two values it is wrong: nobody could say which one the chip vouched for. Of tags unknown to us the first counts.
    """
    try:
        objects = parse_tlv(data)
    except DecodeError as fault:
        return _reject(f"{_place(fault.field)}: {fault.reason}")
    found: dict[str, bytes] = {}
    wrong = _collect(objects, found)
    return _chip(found) if wrong is None else wrong


def answer_tlv(issuer_authentication: bytes, scripts: bytes = b"") -> bytes:
    """Return field 55 of an answer: tag 91 unless it is empty, then the issuer's scripts, built as tags 71 and 72.

    Raises ValueError for a tag 91 that is not 8 to 16 bytes, and for scripts that are anything else.
    """
    if issuer_authentication and len(issuer_authentication) not in ISSUER_AUTHENTICATION_BYTES:
        raise ValueError("issuer authentication data (tag 91) has 8 to 16 bytes")
    try:
        parts = parse_tlv(scripts)
    except DecodeError as fault:
        raise ValueError(f"the issuer's scripts cannot be read: {fault.reason}") from None
    if any(part.tag not in _SCRIPTS for part in parts):
        raise ValueError("the issuer's scripts are templates 71 and 72")
    return build_tlv((Tlv("91", issuer_authentication),) if issuer_authentication else ()) + scripts


# --- reading -----------------------------------------------------------------------------------------------

_SCRIPTS: Final = ("71", "72")


class _Shape(NamedTuple):
    least: int
    most: int
    is_digits: bool = False


# fmt: off
_SHAPES: Final[dict[str, _Shape]] = {
    "4F":   _Shape(5, 16),      "57":   _Shape(1, 19),        "5A":   _Shape(1, 10),
    "5F2A": _Shape(2, 2, True), "5F34": _Shape(1, 1, True),   "82":   _Shape(2, 2),
    "84":   _Shape(5, 16),      "8A":   _Shape(2, 2),         "95":   _Shape(5, 5),
    "9A":   _Shape(3, 3, True), "9C":   _Shape(1, 1, True),   "9F02": _Shape(6, 6, True),
    "9F03": _Shape(6, 6, True), "9F06": _Shape(5, 16),        "9F10": _Shape(1, 32),
    "9F1A": _Shape(2, 2, True), "9F26": _Shape(8, 8),         "9F27": _Shape(1, 1),
    "9F33": _Shape(3, 3),       "9F34": _Shape(3, 3),         "9F36": _Shape(2, 2),
    "9F37": _Shape(4, 4),       "9F5B": _Shape(1, 255),       "DF31": _Shape(1, 255),
}
# fmt: on
"""Sizes in bytes, and whether it is packed decimal (EMV Book 3 annex A; DF31: UnionPay's terminal specification)."""

_PAN_DIGITS: Final = range(8, 20)


def _collect(objects: tuple[Tlv, ...], found: dict[str, bytes]) -> Reject | None:
    """Put the values into ``found``, those of templates among them; return what is wrong with one."""
    for one in objects:
        tag, value = one.tag, one.value
        if one.parts:
            wrong = _collect(one.parts, found)
            if wrong is not None:
                return wrong
        if not value:
            continue
        shape = _SHAPES.get(tag)
        if shape is None:
            found.setdefault(tag, value)
            continue
        least, most, is_digits = shape
        if not least <= len(value) <= most:
            wanted = f"{least}" if least == most else f"{least} to {most}"
            return _reject(f"tag {tag} has {len(value)} bytes, not {wanted}")
        if is_digits and not value.hex().isdecimal():
            return _reject(f"tag {tag} is not packed decimal")
        if found.setdefault(tag, value) != value:
            return _reject(f"tag {tag} is there twice with different values")
    return None


def _chip(found: dict[str, bytes]) -> ChipData | Reject:
    get = found.get
    pan, response_code = get("5A", b"").hex().rstrip("f"), get("8A", b"")
    if pan and not (pan.isdecimal() and len(pan) in _PAN_DIGITS):
        return _reject("tag 5A is not a card number")
    if response_code and not (response_code.isascii() and response_code.isalnum()):
        return _reject("tag 8A is not two letters or digits")
    return ChipData(
        cryptogram=get("9F26", b""),
        cryptogram_information=_number(get("9F27")),
        issuer_data=get("9F10", b""),
        unpredictable=get("9F37", b""),
        atc=_number(get("9F36")),
        tvr=get("95", b""),
        aip=get("82", b""),
        date=get("9A", b"").hex(),
        transaction_type=get("9C", b"").hex(),
        amount_minor=_decimal(get("9F02")),
        other_amount_minor=_decimal(get("9F03")),
        currency=get("5F2A", b"").hex()[1:],
        country=get("9F1A", b"").hex()[1:],
        aid=(get("84") or get("4F") or get("9F06", b"")).hex().upper(),
        pan_sequence=get("5F34", b"").hex(),
        pan=Pan(pan) if pan else None,
        track2=get("57", b"").hex().upper().rstrip("F"),
        terminal_capabilities=get("9F33", b""),
        cvm_results=get("9F34", b""),
        script_results=get("DF31") or get("9F5B", b""),
        response_code=response_code.decode(),
        tags=found,
    )


def _number(value: bytes | None) -> int | None:
    return int.from_bytes(value, "big") if value else None


def _decimal(value: bytes | None) -> int | None:
    return int(value.hex()) if value else None


def _reject(because: str) -> Reject:
    return Reject(Action.FORMAT_ERROR, f"DE 55: {because}")


def _place(path: str) -> str:
    """The last tag of a path like ``55.70.9F26``, unless it is none that we know: then it may be anything."""
    tag = path.rpartition(".")[2]
    return f"tag {tag}" if tag in NAMES else "an unknown tag" if "." in path else "the tags"
