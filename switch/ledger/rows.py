"""The shapes in which the books' hot path reads and writes rows, and their compact JSON.

A `JournalRow` serves both ways: it is what a decision is stored as, and what a repeat, a reversal or a refund
finds, whether it was committed years ago or decided a moment before in the same group.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson

from switch.decisions import Trace
from switch.messages.actions import Action
from switch.messages.chip import ChipData
from switch.messages.issuer_data import Scheme, cvr_of
from switch.messages.model import Balance, Reply
from switch.messages.settlement import BatchTotals, Totals
from switch.messages.verdicts import Finding

_DAY: Final = timedelta(days=1)
_DATES_REMEMBERED: Final = 4096  # a host sees a handful of dates at a time; old refunds add some
_SCHEMES: Final = {scheme.value: scheme for scheme in Scheme}


Row = tuple[Any, ...]
"""Values in the order of a table's columns."""


class JournalRow(NamedTuple):
    """One row of ``journal``, its columns in the order of `switch.ledger.schema.journal`."""

    journal_id: int
    kind: str
    action: str
    mti: str
    processing_code: str
    terminal_id: str
    merchant_id: str
    stan: str
    batch: str
    local_date: int
    local_time: str
    business_day: int
    received_at: int
    decided_at: int
    amount_minor: int | None
    currency: str
    card_id: int | None
    pan_key: bytes | None
    masked_pan: str
    entry_mode: str
    condition_code: str
    rrn: str
    approval_code: str
    reason: str
    original_id: int | None
    because: str
    trace: str
    reply: str
    rule_set: str


class TombstoneRow(NamedTuple):
    """One row of ``tombstone``; "" as message class or batch stands for any."""

    terminal_id: str
    merchant_id: str
    stan: str
    local_date: int
    message_class: str
    batch: str
    journal_id: int


class Claim(NamedTuple):
    """What other writers are kept off until a transaction ends; one that is shared keeps off only those that are not.

    The name is of no table: a request's key without its date, a terminal, or the business day (see
    `switch.ledger.wanted`).
    """

    name: str
    is_shared: bool


class Prefix(NamedTuple):
    """The part of a request's key that every look-up has: a terminal of a merchant, and a STAN."""

    terminal_id: str
    merchant_id: str
    stan: str


class Probe(NamedTuple):
    """A prefix with the first and the last local date (yyyymmdd) that may be meant."""

    terminal_id: str
    merchant_id: str
    stan: str
    first_date: int
    last_date: int


# --- dates -------------------------------------------------------------------------------------------------


@lru_cache(_DATES_REMEMBERED)
def number_of(day: date) -> int:
    """Return a date as the books keep it: yyyymmdd."""
    return day.year * 10000 + day.month * 100 + day.day


@lru_cache(_DATES_REMEMBERED)
def date_of(number: int) -> date:
    """Return the date of a yyyymmdd."""
    return date(number // 10000, number // 100 % 100, number % 100)


@lru_cache(_DATES_REMEMBERED)
def days_around(day: date) -> tuple[int, int]:
    """Return the day before and the day after, as yyyymmdd."""
    return number_of(day - _DAY), number_of(day + _DAY)


# --- JSON --------------------------------------------------------------------------------------------------


def _encode(value: object) -> str:
    return orjson.dumps(value, default=str).decode()


def trace_text(trace: Trace) -> str:
    """Return a trace as ``[[rule, value, limit, passed], ...]``; values that JSON lacks become their text."""
    return _encode(trace)


def reply_text(reply: Reply) -> str:
    """Return the parts of a reply that have no column of their own, "" where there are none.

    Its private field is not kept: what carries one (a sign-on, a download) is answered anew each time.
    """
    parts: dict[str, Any] = {}
    if reply.balances:
        parts["balances"] = [
            [entry.account_type, entry.amount_type, entry.currency, entry.amount_minor] for entry in reply.balances
        ]
    if reply.batch:
        parts["batch"] = reply.batch
    if reply.wish:
        parts["wish"] = reply.wish
    if reply.results:
        parts["results"] = reply.results
    if reply.totals is not None:
        parts["totals"] = [list(side) for side in reply.totals]
    if reply.chip:
        parts["chip"] = b64encode(reply.chip).decode()  # in hex its digits could be taken for a card's
    return _encode(parts) if parts else ""


def stored_reply(row: JournalRow) -> Reply:
    """Return the reply of a journal row exactly as it was first given."""
    parts = orjson.loads(row.reply) if row.reply else {}
    return Reply(
        action=Action(row.action),
        answered_at=row.decided_at,
        rrn=row.rrn,
        approval_code=row.approval_code,
        balances=tuple(Balance(*entry) for entry in parts.get("balances", ())),
        batch=parts.get("batch", ""),
        wish=parts.get("wish", ""),
        results=parts.get("results", ""),
        totals=BatchTotals(*(Totals(*side) for side in parts["totals"])) if "totals" in parts else None,
        chip=b64decode(parts.get("chip", "")),
    )


def chip_text(chip: ChipData, finding: Finding, scheme: str) -> str:
    """Return what a chip and its terminal said of themselves; bytes in hex, absent ones left out.

    Neither cryptogram nor card number is kept: nothing can be made of this but a judgement.
    """
    known = _SCHEMES.get(scheme)
    parts = {
        "tvr": chip.tvr.hex(),
        "cvr": cvr_of(chip.issuer_data, known).hex(),
        "cvm_results": chip.cvm_results.hex(),
        "aid": chip.aid,
        "atc": chip.atc,
        "cryptogram": finding.value,
    }
    return _encode({name: value for name, value in parts.items() if value not in ("", None)})
