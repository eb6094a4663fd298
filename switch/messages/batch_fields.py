"""The digits of UnionPay's field 48 at a settlement and a batch upload, and the results put into its answer.

A settlement has 62: for domestic cards, then for foreign ones, the debits' sum (12) and number (3), the credits' sum
and number, and a result (1) that the host sets. An upload has a number of records (2) and as many times: domestic or
foreign (2), STAN (6), card number (20, zeros before it), amount (12). Its end has the number of all records (4).
"""

from __future__ import annotations

from typing import Final

from switch.messages.settlement import BatchTotals, Totals, UploadedRecord
from switch.values import Pan

TOTALS_DIGITS: Final = 62
_SIDE_DIGITS: Final = 31
_RECORD_DIGITS: Final = 40
_RECORDS_MAX: Final = 8
_COUNT_DIGITS: Final = 4
_PAN_DIGITS: Final = range(8, 20)
_KINDS: Final = {"00": True, "01": False}  # is domestic


def read_totals(text: str) -> BatchTotals | None:
    """Read a settlement's totals; None where they are not 62 digits."""
    if len(text) != TOTALS_DIGITS or not _are_digits(text):
        return None
    return BatchTotals(_side(text[:_SIDE_DIGITS]), _side(text[_SIDE_DIGITS:]))


def written_totals(totals: BatchTotals, results: str = "00") -> str:
    """Write a settlement's totals; ``results`` are those for domestic and for foreign cards."""
    return "".join(
        f"{side.debit_minor:012d}{side.debit_count:03d}{side.credit_minor:012d}{side.credit_count:03d}{result}"
        for side, result in zip(totals, results, strict=True)
    )


def read_records(text: str) -> tuple[UploadedRecord, ...] | None:
    """Read an upload's records; None where they are not as many as it says, or make no sense."""
    count, digits = text[:2], text[2:]
    if not _are_digits(text) or len(count) != 2 or not 0 < int(count) <= _RECORDS_MAX:  # noqa: PLR2004 - two digits
        return None
    if len(digits) != int(count) * _RECORD_DIGITS:
        return None
    records = [_record(digits[at : at + _RECORD_DIGITS]) for at in range(0, len(digits), _RECORD_DIGITS)]
    found = tuple(record for record in records if record is not None)
    return found if len(found) == len(records) else None


def written_records(records: tuple[UploadedRecord, ...]) -> str:
    """Write at most eight records."""
    return f"{len(records):02d}" + "".join(
        f"{'00' if record.is_domestic else '01'}{record.stan}{_digits(record.pan):0>20}{record.amount_minor:012d}"
        for record in records
    )


def read_count(text: str) -> int | None:
    """Read the number of all records at an upload's end; None where it is not four digits."""
    return int(text) if len(text) == _COUNT_DIGITS and _are_digits(text) else None


def _side(digits: str) -> Totals:
    return Totals(int(digits[:12]), int(digits[12:15]), int(digits[15:27]), int(digits[27:30]))


def _record(digits: str) -> UploadedRecord | None:
    kind, stan, pan, amount = digits[:2], digits[2:8], digits[8:28].lstrip("0"), digits[28:]
    if kind not in _KINDS or (pan and len(pan) not in _PAN_DIGITS):
        return None
    return UploadedRecord(_KINDS[kind], stan, Pan(pan) if pan else None, int(amount))


def _digits(pan: Pan | None) -> str:
    return pan.reveal() if pan is not None else ""


def _are_digits(text: str) -> bool:
    return text.isascii() and text.isdecimal()
