"""What the chip and the terminal say of a payment in field 55 (EMV Book 3 annex A), in the switch's words.

Only what the switch judges, stores or answers has a name here; every other tag is kept as it came. It is read from
bytes in `switch.messages.chip_reading`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from switch.errors import DecodeError
from switch.values import Pan
from switch.wire.tlv import parse_tlv

ISSUER_AUTHENTICATION_BYTES: Final = range(8, 17)
"""Sizes of tag 91 (EMV Book 3 annex A)."""

_AUTHENTICATION: Final = b"\x91"
_SCRIPTS: Final = ("71", "72")

_CRYPTOGRAM_KIND: Final = 0xC0
_ONLINE_WANTED: Final = 0x80
_APPROVED_OFFLINE: Final = 0x40


class ChipData(NamedTuple):
    """One field 55. What is absent, or there with no value, is b"", "" or None.

    The amount is in minor units of ``currency``, which is three digits (ISO 4217), ``aid`` upper-case hex. ``tags``
    has every value as it came, also those that have no name here. The repr shows neither card number nor track.
    """

    cryptogram: bytes  # 9F26: ARQC, TC or AAC
    cryptogram_information: int | None  # 9F27
    issuer_data: bytes  # 9F10, see `switch.messages.issuer_data`
    unpredictable: bytes  # 9F37
    atc: int | None  # 9F36, the chip's transaction counter
    tvr: bytes  # 95, terminal verification results
    amount_minor: int | None  # 9F02
    currency: str  # 5F2A
    aid: str  # 84, 4F or 9F06
    pan_sequence: str  # 5F34
    pan: Pan | None  # 5A
    track2: str  # 57, "D" between card number and expiry
    cvm_results: bytes  # 9F34
    script_results: bytes  # DF31 (UnionPay) or 9F5B
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

    def __reduce__(self) -> tuple[object, ...]:
        """Pickled without ``tags``: they are for whoever checks the cryptogram, and twice as much as all the rest."""
        return ChipData, (*self[:-1], {})

    def __repr__(self) -> str:
        return f"ChipData(aid={self.aid!r}, atc={self.atc}, tags={' '.join(self.tags)!r})"


def answerable(chip: ChipData, field_23: str = "") -> bytes:
    """Return the tags that the issuer's answer to this chip is made of, as field 55 has them: under 70 bytes.

    `switch.messages.chip_reading` reads them again, also after a repeat that brings others, or none.
    """
    data = b"\x9f\x26\x08" + chip.cryptogram + b"\x5f\x34\x01" + bytes.fromhex(chip.sequence(field_23))
    if chip.atc is not None:
        data += b"\x9f\x36\x02" + chip.atc.to_bytes(2, "big")
    if chip.unpredictable:
        data += b"\x9f\x37\x04" + chip.unpredictable
    if chip.issuer_data:
        data += b"\x9f\x10%c" % len(chip.issuer_data) + chip.issuer_data
    if chip.aid:
        data += b"\x84%c" % (len(chip.aid) // 2) + bytes.fromhex(chip.aid)
    return data


def answer_tlv(issuer_authentication: bytes, scripts: bytes = b"") -> bytes:
    """Return field 55 of an answer: tag 91 unless it is empty, then the issuer's scripts, built as tags 71 and 72.

    Raises ValueError for a tag 91 that is not 8 to 16 bytes, and for scripts that are anything else.
    """
    if issuer_authentication and len(issuer_authentication) not in ISSUER_AUTHENTICATION_BYTES:
        raise ValueError("issuer authentication data (tag 91) has 8 to 16 bytes")
    if scripts:
        _check_scripts(scripts)
    if not issuer_authentication:
        return scripts
    return _AUTHENTICATION + bytes((len(issuer_authentication),)) + issuer_authentication + scripts


def _check_scripts(scripts: bytes) -> None:
    try:
        parts = parse_tlv(scripts)
    except DecodeError as fault:
        raise ValueError(f"the issuer's scripts cannot be read: {fault.reason}") from None
    if any(part.tag not in _SCRIPTS for part in parts):
        raise ValueError("the issuer's scripts are templates 71 and 72")
