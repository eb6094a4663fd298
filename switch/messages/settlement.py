"""What is said when a terminal's batch is settled: totals, and the records of an upload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from switch.values import Pan


class Totals(NamedTuple):
    """Debits (sales, completions) and credits (their cancels, refunds): minor units, and how many."""

    debit_minor: int = 0
    debit_count: int = 0
    credit_minor: int = 0
    credit_count: int = 0


class BatchTotals(NamedTuple):
    """Of one batch, by whose cards: domestic ones (62...) and foreign ones."""

    domestic: Totals = Totals()
    foreign: Totals = Totals()


NO_TOTALS: Final = BatchTotals()

BALANCED: Final = "1"
NOT_BALANCED: Final = "2"
WRONG: Final = "3"
"""Results in the answer to a settlement, one for domestic and one for foreign cards."""


DOMESTIC_PREFIX: Final = "62"
"""Card numbers that begin so are UnionPay's; in a terminal's totals all others are foreign."""


class UploadedRecord(NamedTuple):
    """One transaction as the terminal has it. ``pan`` is None where the record does not say."""

    is_domestic: bool
    stan: str
    pan: Pan | None
    amount_minor: int
