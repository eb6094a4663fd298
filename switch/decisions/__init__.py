"""The words that rules, transactions and ledger share: what is known, what was decided, and why.

`Facts` is what the books say about one request at the moment it is decided. A `Decision` is a value: the reply, the
whole trace, and the effects. Nothing here does I/O.

What is made anew for every request is a NamedTuple: as immutable as a frozen dataclass, made in a fifth of the time.
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
    CountRefund,
    CountSpend,
    CountSpending,
    Effect,
    EndHold,
    KeepKeys,
    KeepUpload,
    LayTombstone,
    OpenHold,
    OpenPayment,
    QueueAdjustment,
    SeeTerminal,
    Transfer,
    UsePayCode,
)
from switch.decisions.facts import (
    Account,
    Facts,
    Needs,
    Payment,
    PaymentState,
    Spent,
)
from switch.decisions.parties import (
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
    "Card",
    "CardSecurity",
    "ChangeCard",
    "ChangeCardSecurity",
    "ChangeOperator",
    "ChangePayment",
    "ChangeTerminal",
    "Check",
    "CountRefund",
    "CountSpend",
    "CountSpending",
    "Decision",
    "Effect",
    "EndHold",
    "Facts",
    "KeepKeys",
    "KeepUpload",
    "LayTombstone",
    "Limit",
    "Limits",
    "Merchant",
    "Needs",
    "OpenHold",
    "OpenPayment",
    "Operator",
    "Outcome",
    "PayCode",
    "Payment",
    "PaymentState",
    "QueueAdjustment",
    "Refusal",
    "SeeTerminal",
    "Spent",
    "Standing",
    "Terminal",
    "Trace",
    "Transfer",
    "UsePayCode",
]
