"""How terminals of each dialect write the messages of a transcript, field by field, as their manuals say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from switch.wire.codec import Fields
from tests.scenarios.transcript import Message

ZONE: Final = ZoneInfo("Asia/Shanghai")
MERCHANTS: Final = {f"M{number}": f"MERCHANT{number:07d}" for number in range(1, 10)}
TERMINALS: Final = {f"T{number}": f"TERM{number:04d}" for number in range(1, 10)}
PANS: Final = {
    "C1": "4111111111111111",
    "C2": "4242424242424242",
    "C3": "5555555555554444",
    "C4": "378282246310005",
    "C5": "6200000000000047",
    "C6": "6200000000000005",
    "C8": "5105105105105100",  # never in the books
    "C9": "4111111111111112",  # its check digit is wrong
}


@dataclass(frozen=True)
class Past:
    """A message that was sent before, and what was answered to it."""

    fields: Fields
    answer: Fields


def fields_of(dialect: str, message: Message, at: datetime, merchant: str, past: Mapping[str, Past]) -> Fields:
    """The fields of a new message sent at ``at`` (local time); ``past`` is what its terminal sent, by STAN."""
    terminal = {11: message.stan, 41: TERMINALS[message.terminal], 42: MERCHANTS[merchant]}
    card = {2: PANS[message.card], 14: "3012"} if message.card else {}
    amount = {} if message.amount_minor is None else {4: f"{message.amount_minor:012d}"}
    parts = _Parts(message, at, terminal, card, amount, past.get(message.original))
    fields = _DIALECTS[dialect](parts)
    if message.rrn_of:
        fields[37] = past[message.rrn_of].answer[37]
    fields |= message.fields
    return {number: fields[number] for number in sorted(fields) if fields[number]}


@dataclass(frozen=True)
class _Parts:
    message: Message
    at: datetime
    terminal: Fields
    card: Fields
    amount: Fields
    original: Past | None

    @property
    def utc(self) -> datetime:
        return self.at.replace(tzinfo=ZONE).astimezone(UTC)


# --- ISO 8583:1987 -----------------------------------------------------------------------------------------

_ISO_TYPES: Final = {
    # kind          mti     processing code
    "purchase":      ("0200", "000000"),
    "authorisation": ("0100", "000000"),
    "balance":       ("0200", "310000"),
    "refund":        ("0200", "200000"),
    "reversal":      ("0400", "000000"),
}  # fmt: skip


def _iso_1987(parts: _Parts) -> Fields:
    kind, moment = parts.message.kind, {7: f"{parts.utc:%m%d%H%M%S}"}
    if kind in ("echo", "sign_on", "sign_off"):
        code = {"echo": "301", "sign_on": "001", "sign_off": "002"}[kind]
        return {0: "0800", **moment, **parts.terminal, 70: code}
    mti, processing_code = _ISO_TYPES[kind]
    fields = {0: mti, 3: processing_code, **parts.card, **parts.amount, **moment, **parts.terminal}
    fields |= {12: f"{parts.at:%H%M%S}", 13: f"{parts.at:%m%d}", 22: "021", 25: "00", 49: "156"}
    if parts.original is not None:
        of = parts.original.fields
        fields[3] = of[3] if kind == "reversal" else fields[3]
        fields[90] = f"{of[0]}{of[11]}{of[7]}{'0' * 22}"
    if parts.message.new_amount_minor is not None:
        fields[95] = f"{parts.message.new_amount_minor:012d}{'0' * 12}{'C00000000' * 2}"
    return fields


# --- ISO 8583:1993 -----------------------------------------------------------------------------------------


def _iso_1993(parts: _Parts) -> Fields:
    kind, moment = parts.message.kind, {12: f"{parts.at:%y%m%d%H%M%S}"}
    if kind in ("echo", "sign_on", "sign_off"):
        code = {"echo": "831", "sign_on": "801", "sign_off": "802"}[kind]
        return {0: "1804", **moment, **parts.terminal, 24: code}
    mti, processing_code = _ISO_TYPES[kind]
    fields = {0: f"1{mti[1:]}", 3: processing_code, **parts.card, **parts.amount, **moment, **parts.terminal}
    fields |= {22: "21000121000C", 49: "156"}
    if parts.original is not None:
        of = parts.original.fields
        fields[3] = of[3] if kind == "reversal" else fields[3]
        fields[56] = f"{of[0]}{of[11]}{of[12]}00"
    return fields


# --- UnionPay POS ------------------------------------------------------------------------------------------

_CUP_TYPES: Final = {
    # kind          mti     processing code  condition  message type
    "purchase":      ("0200", "000000", "00", "22"),
    "authorisation": ("0100", "030000", "06", "10"),
    "balance":       ("0200", "310000", "00", "01"),
    "refund":        ("0220", "200000", "00", "25"),
}  # fmt: skip
_BATCH: Final = "000001"


def _unionpay(parts: _Parts) -> Fields:
    kind = parts.message.kind
    if kind == "sign_on":
        return {0: "0800", **parts.terminal, 60: "00000000003", 63: "001"}
    if kind in ("sign_off", "echo"):
        return {0: "0820", **parts.terminal, 60: f"00{_BATCH}{'002' if kind == 'sign_off' else '301'}"}
    if kind == "reversal":
        return _unionpay_reversal(parts)
    mti, processing_code, condition, message_type = _CUP_TYPES[kind]
    fields = {0: mti, 3: processing_code, **parts.card, **parts.amount, **parts.terminal}
    fields |= {22: "021", 25: condition, 49: "156", 60: f"{message_type}{_BATCH}000"}
    if parts.original is not None:
        of = parts.original
        fields[61] = f"{of.fields[60][2:8]}{of.fields[11]}{of.answer[13]}"
    return fields


def _unionpay_reversal(parts: _Parts) -> Fields:
    """A reversal carries its original's STAN, batch and codes; without an original it is a purchase's."""
    codes = {3: "000000", 25: "00", 60: f"22{_BATCH}000"}
    if parts.original is not None:
        codes = {number: parts.original.fields[number] for number in (3, 25, 60)}
        assert parts.original.fields[11] == parts.message.stan, "a UnionPay reversal carries its original's STAN"
    return {0: "0400", **parts.card, **parts.amount, **parts.terminal, 22: "021", 39: "98", 49: "156", **codes}


_DIALECTS: Final = {
    "iso8583-1987-ascii": _iso_1987,
    "iso8583-1987-binary": _iso_1987,
    "iso8583-1993-ascii": _iso_1993,
    "unionpay-pos": _unionpay,
}
