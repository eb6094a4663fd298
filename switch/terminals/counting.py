"""What is counted of an outcome besides its kind and action: words for metrics, from short lists."""

from __future__ import annotations

from typing import Final

from switch.decisions import Outcome, Standing
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.telemetry import ListenerMetrics

_REASONS: Final = {
    "": "unsaid",
    "68": "no_answer",
    "98": "no_answer",
    "4006": "no_answer",  # it came too late
    "4021": "no_answer",
    "A0": "bad_answer",  # its MAC was wrong
    "4003": "bad_answer",
    "4020": "bad_answer",
    "96": "device_fault",
    "4002": "device_fault",
    "4007": "device_fault",
    "17": "customer",
    "4000": "customer",
}
"""Why a terminal reverses: DE 39 of an 0400 (UnionPay's, and those of 1987), DE 25 of 1993."""

_TOLD: Final = frozenset(
    {
        Kind.OFFLINE_SALE,
        Kind.COMPLETION_ADVICE,
        Kind.ADJUSTMENT,
        Kind.TIP,
        Kind.REVERSAL,
        Kind.SETTLEMENT,
        Kind.BATCH_UPLOAD,
        Kind.BATCH_END,
        Kind.BALANCE,
        Kind.CODE_QUERY,
        Kind.SCRIPT_RESULT,
        Kind.STATUS_UPLOAD,
        Kind.SIGNATURE_UPLOAD,
        Kind.SIGN_ON,
        Kind.SIGN_OFF,
        Kind.DOWNLOAD_QUERY,
        Kind.DOWNLOAD,
        Kind.DOWNLOAD_END,
    }
)
"""Kinds whose answer carries no money: what they tell has happened already, or nothing moves."""


def reversal_reason(said: str) -> str:
    """Return the word for the reason that a reversal gives."""
    return _REASONS.get(said, "other")


def count_apart(outcome: Outcome, metrics: ListenerMetrics) -> None:
    """Count what is no ordinary first request: duplicates; and reversals, once each."""
    if outcome.standing is Standing.REPEAT or outcome.standing is Standing.CONFLICT:
        metrics.duplicate(outcome.standing.value)
    elif outcome.request.kind is Kind.REVERSAL and outcome.standing is Standing.FIRST:
        metrics.reversal(reversal_reason(outcome.request.reason))


def promised(outcome: Outcome) -> int | None:
    """Return the journal row of an outcome whose answer says that money moved; None for any other outcome."""
    reply = outcome.reply
    if reply is None or reply.action is not Action.APPROVED or outcome.request.kind in _TOLD:
        return None
    return outcome.journal_id
