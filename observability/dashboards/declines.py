"""Declines: what is refused, by which rule, and whether it is more than it was."""

from __future__ import annotations

from typing import Final

from observability.dashboards.counting import LISTENER, or_none, rate
from observability.panels import Dashboard, Panel, Query, Row, figure
from observability.recording import MONEY

_REQUESTS: Final = "switch_requests_total"
_MONEY: Final = f'kind=~"{MONEY}"'
_APPROVED: Final = 'action="approved"'
_DECLINED: Final = 'action!~"approved|none"'

_CARDS: Final = 'action=~"card_.*|pin_.*|cryptogram_wrong|insert_chip|pay_code_invalid"'
_MONEYS: Final = 'action=~"insufficient_funds|exceeds_.*|invalid_amount|amount_mismatch"'
_TERMINALS: Final = 'action=~"terminal_.*|merchant_.*|not_.*|batch_.*|operator_.*|serial_mismatch|software_too_old"'
_MESSAGES: Final = (
    'action=~"format_error|invalid_transaction|mac_wrong|key_serial_wrong|keys_missing|currency_not_supported"'
)
_ORIGINALS: Final = 'action=~"original_.*|already_reversed|duplicate_conflict"'
_OURS: Final = 'action=~"temporarily_unavailable|system_error|maintenance"'


def _share(*matchers: str, by: str) -> str:
    asked = rate(_REQUESTS, LISTENER, _MONEY, by=by)
    return f"({rate(_REQUESTS, LISTENER, _MONEY, *matchers, by=by)} or 0 * {asked}) / ({asked} > 0)"


_NOW: Final = Row(
    "Now",
    (
        figure(
            "Approved, last half hour",
            "percentunit",
            "switch:approvals:ratio_rate30m",
            "Hold it against the line of a week ago, below. A new rule or limit shows here first.",
            "ApprovalRateLow",
        ),
        figure(
            "Money asked for, requests a second",
            "reqps",
            "switch:money_asked:rate30m",
            "Of a handful of requests a share says little.",
            "ApprovalRateLow",
        ),
        figure(
            "Declines a second",
            "reqps",
            or_none(rate(_REQUESTS, LISTENER, _DECLINED)),
            "See below which answer and which rule has grown.",
            "ApprovalRateLow",
        ),
        figure(
            "Wrong PINs a second",
            "reqps",
            or_none(rate("switch_verdicts_total", LISTENER, 'what="pin"', 'finding="wrong"')),
            "Growing: somebody tries cards. switch journal list --action pin_wrong shows at which terminal.",
            "ApprovalRateLow",
        ),
        figure(
            "Maintenance (1: nothing new is let in)",
            "short",
            "max(switch_maintenance)",
            "1: an operator declines everything new; switch maintenance show says who and why.",
            "MaintenanceLong",
            bad_from=1,
        ),
    ),
)

_SHARES: Final = Row(
    "Is it more than it was?",
    (
        Panel(
            "Approved of what asks for money, and a week ago",
            "percentunit",
            (
                Query("switch:approvals:ratio_rate1h", "now"),
                Query(
                    "(switch:approvals:ratio_rate1h offset 1w) or switch:approvals:ratio_rate1h",
                    "a week ago (in the first week: now)",
                ),
            ),
            "Far under the week's line: something of ours changed (rules, limits, keys, an issuer's range).",
            "ApprovalRateLow",
        ),
        Panel(
            "Approved, by kind",
            "percentunit",
            (Query(_share(_APPROVED, by="kind"), "{{kind}}"),),
            "One kind alone is low: a rule of that kind, or a terminal type that sends it wrong.",
            "ApprovalRateLow",
        ),
        Panel(
            "Approved, by listener",
            "percentunit",
            (Query(_share(_APPROVED, by="listener"), "{{listener}}"),),
            "One listener alone is low: its settings, its keys, its terminals' software.",
            "ApprovalRateLow",
        ),
        Panel(
            "Declines, by what they are about",
            "reqps",
            tuple(
                Query(or_none(rate(_REQUESTS, LISTENER, matcher)), word)
                for word, matcher in (
                    ("cards", _CARDS),
                    ("money and limits", _MONEYS),
                    ("terminals and merchants", _TERMINALS),
                    ("messages", _MESSAGES),
                    ("originals", _ORIGINALS),
                    ("the switch itself", _OURS),
                )
            ),
            "Cards and money are customers'. Messages and terminals are somebody's to mend. The switch itself is ours.",
            "ApprovalRateLow",
            stacked=True,
        ),
    ),
)

_WHY: Final = Row(
    "Why?",
    (
        Panel(
            "The ten most frequent declines",
            "reqps",
            (Query(f"topk(10, {rate(_REQUESTS, LISTENER, _DECLINED, by='action')})", "{{action}}"),),
            "The words are those of switch journal list --action, which shows whose they are.",
            "ApprovalRateLow",
        ),
        Panel(
            "The ten rules that refuse most",
            "reqps",
            (Query(f"topk(10, {rate('switch_rule_refusals_total', by='rule')})", "{{rule}}"),),
            "switch explain RRN shows the rule's value and its limit for one request.",
            "ApprovalRateLow",
        ),
        Panel(
            "Refused for limits and funds, by rule",
            "reqps",
            (
                Query(
                    or_none(rate("switch_rule_refusals_total", 'rule=~".*_limits?|daily_.*|funds"', by="rule")),
                    "{{rule}}",
                ),
            ),
            "A limit that refuses much more than yesterday: somebody lowered it; switch audit-log list says who.",
            "ApprovalRateLow",
        ),
        Panel(
            "Secrets checked, by finding",
            "reqps",
            (Query(rate("switch_verdicts_total", LISTENER, by="what, finding"), "{{what}} {{finding}}"),),
            "All cryptograms wrong: an issuer's key. All PINs malformed: a terminal type's PIN key.",
            "MacFailureStorm",
        ),
    ),
)

DECLINES: Final = Dashboard(
    "switch-declines",
    "Switch 3: declines",
    "What is refused, by which rule, and is it more than it was?",
    (_NOW, _SHARES, _WHY),
)
