"""Cards for a simulated terminal: what their stripes say, what their chips answer, and whether they believe a host.

A chip is the other side of `switch.security.cryptograms`: it makes the cryptogram (ARQC) that the host verifies, and
verifies the host's answer to it (ARPC, tag 91).
"""

from __future__ import annotations

import hmac
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from switch.errors import ConfigurationError, OperatorError
from switch.messages.chip import ChipData
from switch.messages.chip_reading import read_chip
from switch.messages.issuer_data import Scheme
from switch.messages.model import Reject
from switch.security.chip_keys import CardKey
from switch.security.cryptogram_methods import CryptogramMethod
from switch.security.cryptograms import arpc, card_key_for, make_cryptogram
from switch.values import Pan
from switch.wire.tlv import Tlv, build_tlv

ARQC: Final = 0x80
"""Cryptogram information (9F27): the issuer shall decide."""

TC: Final = 0x40
"""The chip has agreed by itself."""

ATC_MAX: Final = 0xFFFF

_ISSUER_DATA: Final = {
    Scheme.VISA: bytes.fromhex("06010A03A00000"),  # cryptogram version 10
    Scheme.UNIONPAY: bytes.fromhex("07010103A0000001"),  # version 01, Triple DES
}


class CardData(BaseModel):
    """One card of a file; its chip is there if it has an issuer's key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pan: str = Field(pattern=r"^\d{12,19}$", repr=False)
    expiry: str = Field(pattern=r"^\d{4}$")
    scheme: Scheme
    sequence: str = Field("01", pattern=r"^\d\d$")
    stripe: str = Field(pattern=r"^\d{3,20}$", repr=False)
    chip: str = Field("", pattern=r"^(\d{3,20})?$", repr=False)
    aid: str = Field("", pattern=r"^([0-9A-F]{10,32})?$")
    issuer_key: str = Field("", pattern=r"^([0-9A-Fa-f]{32})?$", repr=False)
    pin: str = Field("", pattern=r"^(\d{4,12})?$", repr=False)


class DayCards(BaseModel):
    """The cards of a play by name, and a pay code that stands for the account of ``union``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pay_code: str = Field("", repr=False)
    cards: dict[str, CardData]


def load_cards(path: Path) -> DayCards:
    """Read a file of cards. Raises `ConfigurationError` with file, key and rule, never with a value."""
    try:
        return DayCards.model_validate(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise ConfigurationError(f"{path}: not TOML") from None
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise ConfigurationError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


class SimulatedCard:
    """One card in a cardholder's hand; ``atc`` counts what its chip has made. The repr shows the masked number."""

    def __init__(self, data: CardData, atc: int = 0) -> None:
        self.pan = Pan(data.pan)
        self.expiry_yymm = data.expiry
        self.sequence = f"0{data.sequence}"
        self.pin = data.pin
        self.stripe = f"{data.pan}D{data.expiry}{data.stripe}"
        self.chip_track = f"{data.pan}D{data.expiry}{data.chip}"
        self.atc = atc
        self._aid = bytes.fromhex(data.aid)
        self._issuer_key = bytes.fromhex(data.issuer_key)
        self._method = CryptogramMethod(data.scheme)
        self._issuer_data = _ISSUER_DATA.get(data.scheme, b"")

    def chip(self, amount_minor: int, currency: str, kind: str, today: date, random: bytes, *, decides: int) -> bytes:
        """Return field 55 of a payment: a new cryptogram, ARQC or TC as ``decides``, over these data.

        ``kind`` is the first two digits of the processing code (tag 9C), ``random`` the terminal's 4 bytes (9F37).
        Raises `OperatorError` for a card without a chip, or one whose counter has come to its end.
        """
        if not self._issuer_key or self.atc >= ATC_MAX:
            raise OperatorError(f"card {self.pan.masked} has no chip, or one whose counter is at its end; name another")
        self.atc += 1
        tags = {
            "9F27": bytes([decides]),
            "9F10": self._issuer_data,
            "9F37": random,
            "9F36": self.atc.to_bytes(2, "big"),
            "95": bytes.fromhex("0080048000"),
            "9A": bytes.fromhex(f"{today:%y%m%d}"),
            "9C": bytes.fromhex(kind),
            "9F02": bytes.fromhex(f"{amount_minor:012d}"),
            "5F2A": bytes.fromhex(f"0{currency}"),
            "82": bytes.fromhex("7C00"),
            "9F1A": bytes.fromhex("0156"),
            "9F03": bytes(6),
            "9F33": bytes.fromhex("E0F8C8"),
            "9F34": bytes.fromhex("1F0000"),
            "84": self._aid,
        }
        if decides == TC:
            tags["8A"] = b"Y1"
        cryptogram = make_cryptogram(self._method, self._key(_read(_built(tags))), _read(_built(tags)))
        return _built({"9F26": cryptogram, **tags})

    def disbelief(self, asked: bytes, answered: bytes, code: str) -> str | None:
        """Say why the chip does not believe the host's field 55 as an answer to its own; None where it does.

        ``code`` is field 39 of the answer, which the ARPC covers.
        """
        chip, told = _read(asked), read_chip(answered)
        if isinstance(told, Reject):
            return told.because
        answer = told.tags.get("91", b"")
        if not answer:
            return "no ARPC (tag 91) came back"
        right = arpc(self._method, self._key(chip), chip, code.encode("ascii", "replace")[-2:].rjust(2, b"0"))
        return None if hmac.compare_digest(right, answer) else "the ARPC (tag 91) is wrong"

    def _key(self, chip: ChipData) -> CardKey:
        return card_key_for(self._method, self._issuer_key, chip, self.pan, self.sequence)

    def __repr__(self) -> str:
        return f"SimulatedCard({self.pan.masked})"


def _built(tags: Mapping[str, bytes]) -> bytes:
    return build_tlv(tuple(Tlv(tag, value) for tag, value in tags.items()))


def _read(data: bytes) -> ChipData:
    found = read_chip(data)
    if isinstance(found, Reject):
        raise ValueError(found.because)  # noqa: TRY004 - it is the value that is wrong
    return found
