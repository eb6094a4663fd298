"""A terminal's uploaded batch against the books', record by record (domain rule 28).

An approval that the terminal never heard of is missing from its upload, and so is found here. After a settlement that
balanced there can be none: its totals, in number and in amount, are those of the books.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Final, TypeVar

from switch.decisions.closing import Booked, Difference, Uploaded
from switch.decisions.facts import PaymentState
from switch.messages.kinds import Kind
from switch.settlement.items import SALES, VOIDS

MISSING, EXTRA, DIFFERENT = "missing", "extra", "different"

Voids = Mapping[int | None, Booked]
"""Cancels that stand, by what they cancelled."""

_T = TypeVar("_T", Booked, Uploaded)

_EXPECTED: Final = SALES | {Kind.REFUND.value}


def compared(booked: Sequence[Booked], uploaded: Iterable[Uploaded]) -> list[Difference]:
    """Return what the approved payments of a batch and the terminal's records do not agree about, by STAN.

    Missing: a sale, completion or refund that stands, and the terminal does not have. Extra: the terminal has it, but
    the books have nothing under its STAN, or have reversed it. Different: in amount, or in card where both name one.
    A void and what was voided by it may be uploaded or not: between them they come to nothing, also where a reversal of
    the sale came after its void.
    """
    books = _by_stan(sorted(booked, key=_stands, reverse=True))
    voids = {payment.original_id: payment for payment in booked if payment.kind in VOIDS and _stands(payment)}
    records = _by_stan(uploaded)
    found: list[Difference] = []
    for stan in sorted(books.keys() | records.keys()):
        found += _of_one_stan(list(books.get(stan, ())), list(records.get(stan, ())), voids)
    return found


def _by_stan(each: Iterable[_T]) -> dict[str, list[_T]]:
    found: dict[str, list[_T]] = {}
    for one in each:
        found.setdefault(one.stan, []).append(one)
    return found


def _of_one_stan(payments: list[Booked], records: list[Uploaded], voids: Voids) -> Iterator[Difference]:
    """Two of one batch may have one STAN, where it has rolled over or was open over midnight.

    What agrees belongs together; of the rest a record is held first against what stands.
    """
    for record in tuple(records):
        same = next((payment for payment in payments if _wrong(payment, record, voids) is None), None)
        if same is not None:
            payments.remove(same)
            records.remove(record)
    for payment, record in zip_longest(payments, records):
        difference = _missing(payment) if record is None else _wrong(payment, record, voids)
        if difference is not None:
            yield difference


def _stands(payment: Booked) -> bool:
    return payment.state not in (PaymentState.REVERSED, PaymentState.VOIDED)


def _missing(payment: Booked | None) -> Difference | None:
    if payment is None or payment.state != PaymentState.POSTED or payment.kind not in _EXPECTED:
        return None
    return Difference(
        payment.stan,
        MISSING,
        payment.journal_id,
        payment.amount_minor,
        None,
        payment.pan_key,
        payment.masked_pan,
    )


def _wrong(payment: Booked | None, record: Uploaded, voids: Voids) -> Difference | None:
    theirs = record.amount_minor, record.pan_key, record.masked_pan
    if payment is None:
        return Difference(record.stan, EXTRA, None, None, *theirs)
    void = voids.get(payment.journal_id)
    if payment.state == PaymentState.REVERSED and void is None:
        return Difference(record.stan, EXTRA, payment.journal_id, 0, *theirs)
    amount = payment.amount_minor if void is None else void.amount_minor
    is_of_card = not (record.pan_key and payment.pan_key) or record.pan_key == payment.pan_key
    if record.amount_minor == amount and is_of_card:
        return None
    if not record.pan_key:
        theirs = record.amount_minor, payment.pan_key, payment.masked_pan
    return Difference(record.stan, DIFFERENT, payment.journal_id, amount, *theirs)
