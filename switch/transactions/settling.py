"""A terminal's batch is settled: totals against totals; where they differ, record by record (domain rules 27, 28).

What is settled is what the books have at that moment, frozen: whatever the terminal says afterwards of this batch is
held against that. A batch that balances on both sides is closed; one that does not is uploaded, and its end closes it.
What then differs is found and put right outside, by an operator's correction.
"""

from __future__ import annotations

from typing import Final

from switch.decisions import (
    Batch,
    BatchState,
    CloseBatch,
    Effect,
    Facts,
    FreezeBatch,
    KeepRecords,
    Refusal,
    Transfer,
)
from switch.messages.actions import Action
from switch.messages.model import Request
from switch.messages.settlement import BALANCED, NOT_BALANCED, WRONG, BatchTotals, Totals
from switch.rules.rule import Policy
from switch.transactions.posting import Posting, parties_to

CHARGE: Final = "charge"
RETURN: Final = "return"
"""What a correction does to the card, in the request's reason."""


def settlement(request: Request, facts: Facts, _: Policy) -> Posting | Refusal:
    """Hold the terminal's totals against the books'; both freeze, whatever comes out.

    Totals that cannot be (a sum of nothing, a number without a sum) freeze nothing: the terminal may send better ones.
    """
    batch, theirs = facts.batch, request.extras.totals
    if batch is None or theirs is None:
        return _unknown(request)
    results = compared(theirs, batch.totals)
    balances = results == 2 * BALANCED
    effects: tuple[Effect, ...] = ()
    if batch.state is BatchState.OPEN and WRONG not in results:
        state = BatchState.CLOSED if balances else BatchState.UNBALANCED
        effects = (FreezeBatch(batch.number, batch.totals, theirs, state),)
    elif batch.state is BatchState.UNBALANCED and balances:
        effects = (CloseBatch(batch.number),)  # it had counted wrongly, and has not any more
    return Posting(effects, results=results, totals=batch.totals)


def batch_upload(request: Request, facts: Facts, _: Policy) -> Posting | Refusal:
    """Keep the records of a batch that does not balance.

    One that balanced has nothing to upload, but terminals tell of their chip transactions all the same (60.3 = 203 and
    204): they are heard, and nothing is kept. A batch that was never settled is not uploaded.
    """
    batch = _settled(facts)
    if batch is None:
        return _unknown(request)
    is_wanted = batch.state is BatchState.UNBALANCED
    return Posting((KeepRecords(batch.number, request.extras.records),) if is_wanted else ())


def batch_end(request: Request, facts: Facts, _: Policy) -> Posting | Refusal:
    """The upload is over: the batch is closed and can be compared; one that balanced was closed before (60.3 = 207).

    However many records came: those that did not are found by the comparison, and the number is kept that says why.
    """
    batch = _settled(facts)
    if batch is None:
        return _unknown(request)
    is_first = batch.state is BatchState.UNBALANCED
    return Posting((CloseBatch(batch.number, request.extras.record_count),) if is_first else ())


def correction(request: Request, facts: Facts, _: Policy) -> Posting:
    """Put right by hand what a terminal and the books did not agree about: forced, whatever the card has left."""
    amount, _card, account, merchant = parties_to(request, facts)
    sides = (account.account_id, merchant.account_id)
    debit, credit = sides if request.reason == CHARGE else sides[::-1]
    return Posting((Transfer(debit, credit, amount, account.currency, forced=True),))


def compared(theirs: BatchTotals, ours: BatchTotals) -> str:
    """The results for domestic and for foreign cards: balanced, not balanced, or wrong in themselves."""
    return "".join(_result(their, our) for their, our in zip(theirs, ours, strict=True))


def _result(theirs: Totals, ours: Totals) -> str:
    if theirs == ours:
        return BALANCED
    pairs = ((theirs.debit_minor, theirs.debit_count), (theirs.credit_minor, theirs.credit_count))
    return WRONG if any(bool(minor) != bool(count) for minor, count in pairs) else NOT_BALANCED


def _settled(facts: Facts) -> Batch | None:
    batch = facts.batch
    return batch if batch is not None and batch.state is not BatchState.OPEN else None


def _unknown(request: Request) -> Refusal:
    return Refusal(Action.BATCH_UNKNOWN, f"batch {request.batch or 'without a number'} is not one to be settled now")
