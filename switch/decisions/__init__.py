"""The words that rules, transactions and ledger share: what is known, what was decided, and why.

`Facts` is what the books say about one request at the moment it is decided. A `Decision` is a value: the reply, the
whole trace, and the effects. Nothing here does I/O.

What is made anew for every request is a NamedTuple, as immutable as a frozen dataclass and made in a fifth of the time;
or a `switch.values.record`, where every rule reads it.
"""

from __future__ import annotations

from switch.decisions.decided import (
    Check,
    Decision,
    Outcome,
    Refusal,
    Standing,
    Trace,
)
from switch.decisions.effects import (
    ChangeCard,
    ChangeCardSecurity,
    ChangeOperator,
    ChangePayment,
    ChangeTerminal,
    CloseBatch,
    CountRefund,
    CountSpend,
    CountSpending,
    Effect,
    EndHold,
    FreezeBatch,
    KeepKeys,
    KeepRecords,
    KeepUpload,
    LayTombstone,
    OpenBatch,
    OpenHold,
    OpenPayment,
    QueueAdjustment,
    RaiseKeyCounter,
    SeeTerminal,
    Transfer,
    UsePayCode,
)
from switch.decisions.facts import (
    Account,
    Batch,
    Facts,
    Needs,
    Payment,
    PaymentState,
    Spent,
)
from switch.decisions.parties import (
    BatchState,
    Card,
    CardSecurity,
    Limit,
    Limits,
    Merchant,
    Operator,
    PayCode,
    Terminal,
)

__all__ = [
    "Account",
    "Batch",
    "BatchState",
    "Card",
    "CardSecurity",
    "ChangeCard",
    "ChangeCardSecurity",
    "ChangeOperator",
    "ChangePayment",
    "ChangeTerminal",
    "Check",
    "CloseBatch",
    "CountRefund",
    "CountSpend",
    "CountSpending",
    "Decision",
    "Effect",
    "EndHold",
    "Facts",
    "FreezeBatch",
    "KeepKeys",
    "KeepRecords",
    "KeepUpload",
    "LayTombstone",
    "Limit",
    "Limits",
    "Merchant",
    "Needs",
    "OpenBatch",
    "OpenHold",
    "OpenPayment",
    "Operator",
    "Outcome",
    "PayCode",
    "Payment",
    "PaymentState",
    "QueueAdjustment",
    "RaiseKeyCounter",
    "Refusal",
    "SeeTerminal",
    "Spent",
    "Standing",
    "Terminal",
    "Trace",
    "Transfer",
    "UsePayCode",
]
