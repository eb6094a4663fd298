"""Ledger and settlement: whether the books are right, and what waits for somebody."""

from __future__ import annotations

from typing import Final

from observability.dashboards.counting import LISTENER, or_none, rate
from observability.panels import Dashboard, Panel, Query, Row, figure

_RIGHT: Final = Row(
    "Are the books right?",
    (
        figure(
            "Imbalance (must be 0)",
            "minor",
            "max(abs(switch_ledger_imbalance_minor))",
            "Anything but 0: stop changing things, run switch audit, and read the runbook.",
            "LedgerImbalance",
            bad_from=1,
        ),
        figure(
            "Findings of the last audit (must be 0)",
            "short",
            "max(switch_audit_findings)",
            "Anything but 0: switch audit --all names each offender.",
            "AuditFindings",
            bad_from=1,
        ),
        figure(
            "Age of the last audit",
            "dtdurations",
            "max(switch_audit_age_seconds)",
            "More than a day: the daily switch audit does not run.",
            "AuditTooOld",
            bad_from=129_600,
        ),
        figure(
            "Age of these figures",
            "s",
            "time() - max(switch_books_looked_at_timestamp_seconds)",
            "Minutes: the switch cannot read its books, and what stands here is old.",
            "BooksNotRead",
            bad_from=300,
        ),
        figure(
            "Days that are not settled",
            "short",
            "max(switch_settlements_due)",
            "1 for minutes after a cut-over is right; for longer, switch settlement days says what is missing.",
            "DayNotSettled",
            bad_from=1,
        ),
        figure(
            "Approved payments at risk",
            "short",
            "sum(switch_money_at_risk_payments)",
            "Their answers did not leave: reversals should bring it down within minutes.",
            "MoneyAtRisk",
            bad_from=10,
        ),
    ),
)

_RISK: Final = Row(
    "What is money at risk, and does it come back?",
    (
        Panel(
            "Money at risk, by currency",
            "minor",
            (Query(or_none("sum by (currency) (switch_money_at_risk_minor)"), "{{currency}}"),),
            "Minor units. A step that stays: those terminals never reversed; settle with the merchant's batch.",
            "MoneyAtRisk",
        ),
        Panel(
            "Reversals, by the reason they give",
            "ops",
            (Query(or_none(rate("switch_reversals_total", by="reason")), "{{reason}}"),),
            "no_answer growing: answers are late or lost. bad_answer: MAC keys differ. customer: a change of mind.",
            "ReversalsUnmatched",
            stacked=True,
        ),
        Panel(
            "Reversals of a day that found no original",
            "short",
            (Query("max(switch_reversals_unmatched)", "unmatched"),),
            "Some are normal (the request never came). Many: requests are lost on the way in.",
            "ReversalsUnmatched",
        ),
        Panel(
            "Answers that did not leave, and what was said twice",
            "ops",
            (
                Query(rate("switch_answers_unsent_total", LISTENER), "answers not taken"),
                Query(or_none(rate("switch_duplicates_total", LISTENER)), "requests said again"),
            ),
            "They rise together when a network loses answers.",
            "MoneyAtRisk",
        ),
    ),
)

_WAITS: Final = Row(
    "What waits for somebody?",
    (
        Panel(
            "Differences between uploads and the books",
            "short",
            (Query("max(switch_batch_differences_open)", "open"),),
            "switch settlement discrepancies lists them, switch settlement adjust settles one.",
            "DifferencesWaiting",
        ),
        Panel(
            "Reversals that came too late",
            "short",
            (Query("max(switch_adjustments_open)", "open"),),
            "switch journal adjustments lists them, switch settlement settle settles one.",
            "DifferencesWaiting",
        ),
        Panel(
            "Batches settled and not balanced",
            "short",
            (Query("max(switch_batches_unbalanced)", "unbalanced"),),
            "Their terminals are refused everything new until they have uploaded.",
            "DifferencesWaiting",
        ),
        Panel(
            "Business days that have ended and have no clearing file",
            "short",
            (Query("max(switch_settlements_due)", "days"),),
            "switch settlement days shows how far each is; the log says what keeps it.",
            "DayNotSettled",
        ),
        Panel(
            "What closes batches: settlements, uploads, corrections",
            "ops",
            (
                Query(
                    or_none(rate("switch_requests_total", 'kind=~"settlement|batch_upload|batch_end"', by="kind")),
                    "{{kind}}",
                ),
            ),
            "Many uploads: totals differ at many terminals; look for lost reversals first.",
            "DifferencesWaiting",
        ),
        Panel(
            "What undoes money: cancels, refunds, reversals",
            "ops",
            (
                Query(
                    or_none(rate("switch_requests_total", 'kind=~".*void|code_cancel|refund|reversal"', by="kind")),
                    "{{kind}}",
                ),
            ),
            "Refunds far above other days: ask the merchant, and look at its journal.",
            "ReversalsUnmatched",
            stacked=True,
        ),
    ),
)

BOOKS: Final = Dashboard(
    "switch-books",
    "Switch 4: ledger and settlement",
    "Are the books right, and what waits for somebody?",
    (_RIGHT, _RISK, _WAITS),
)
