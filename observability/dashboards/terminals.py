"""Terminals and merchants: who is there, who cannot talk to us, and why."""

from __future__ import annotations

from typing import Final

from observability.dashboards.counting import LISTENER, or_none, rate
from observability.panels import Dashboard, Panel, Query, Row, figure

_MERCHANT_RULES: Final = 'rule=~"merchant_.*|terminal_of_merchant|currency_of_merchant|scheme|typed"'
_TERMINAL_RULES: Final = (
    'rule=~"terminal_known|terminal_active|terminal_signed_on|terminal_capable|terminal_limits|'
    'batch.*|serial|software|operator_.*"'
)

_NOW: Final = Row(
    "Now",
    (
        figure(
            "Terminals connected",
            "short",
            f"sum(switch_terminals_connected{{{LISTENER}}})",
            "Far fewer than at this hour of other days: the network, a listener, or its certificate.",
            "TerminalsDropped",
        ),
        figure(
            "Connections open",
            "short",
            f"sum(switch_connections_open{{{LISTENER}}})",
            "Near a listener's max_connections: raise the cap, or find who opens so many.",
            "TerminalsDropped",
        ),
        figure(
            "Terminals active",
            "short",
            'max(switch_terminals{status="active"})',
            "As many as you have shops for; see below for those that are not.",
            "TerminalsDropped",
        ),
        figure(
            "Messages refused for their MAC, share",
            "percentunit",
            or_none("max(switch:macs_refused:ratio_rate5m)"),
            "More than 5 %: keys differ at many terminals, or somebody alters messages.",
            "MacFailureStorm",
            bad_from=0.05,
        ),
        figure(
            "Batches that do not balance",
            "short",
            "max(switch_batches_unbalanced)",
            "Terminals that stopped in the middle of their upload: switch settlement batches --unbalanced.",
            "DifferencesWaiting",
        ),
    ),
)

_THERE: Final = Row(
    "Who is there?",
    (
        Panel(
            "Terminals connected, by listener",
            "short",
            (Query(f"sum by (listener) (switch_terminals_connected{{{LISTENER}}})", "{{listener}}"),),
            "A step downwards: a network or a provider is gone. A slope in the evening is closing time.",
            "TerminalsDropped",
        ),
        Panel(
            "Terminals in the books, by status",
            "short",
            (Query("max by (status) (switch_terminals)", "{{status}}"),),
            "dormant or locked growing: find out whose; activating a terminal wakes it.",
            "TerminalsDropped",
            stacked=True,
        ),
        Panel(
            "Connections accepted",
            "ops",
            (Query(rate("switch_connections_accepted_total", LISTENER, by="listener"), "{{listener}}"),),
            "Many more than usual while few stay open: terminals connect, fail and try again.",
            "TerminalsDropped",
        ),
        Panel(
            "Connections ended, by reason",
            "ops",
            (Query(rate("switch_connections_closed_total", LISTENER, by="reason"), "{{reason}}"),),
            "Deadlines growing: a slow network. Refused frames: a terminal with another framing; see the log's doctor.",
            "TerminalsDropped",
            stacked=True,
        ),
        Panel(
            "Connections turned away, by reason",
            "ops",
            (Query(or_none(rate("switch_connections_refused_total", LISTENER, by="reason")), "{{reason}}"),),
            "A cap is reached: of a listener, of one address, or of open files.",
            "TerminalsDropped",
        ),
    ),
)

_UNDERSTOOD: Final = Row(
    "Are they understood?",
    (
        Panel(
            "Frames that do not follow their dialect",
            "ops",
            (Query(rate("switch_decode_errors_total", LISTENER, by="listener"), "{{listener}}"),),
            "Growing: a new terminal type, or a scanner. The log names field and position; switch describe one.",
            "MacFailureStorm",
        ),
        Panel(
            "Streams that cannot be cut into frames, by reason",
            "ops",
            (Query(or_none(rate("switch_frames_refused_total", LISTENER, by="reason")), "{{reason}}"),),
            "A terminal with another length prefix or header: switch doctor says which framing it looks like.",
            "TerminalsDropped",
        ),
        Panel(
            "Messages refused for their MAC, by reason",
            "ops",
            (Query(or_none(rate("switch_macs_refused_total", LISTENER, by="reason")), "{{reason}}"),),
            "wrong: keys differ, or messages are altered. missing: a terminal without keys on a strict listener.",
            "MacFailureStorm",
        ),
        Panel(
            "PINs, codes and cryptograms that are not right",
            "ops",
            (
                Query(
                    or_none(rate("switch_verdicts_total", LISTENER, 'finding!="right"', by="what, finding")),
                    "{{what}} {{finding}}",
                ),
            ),
            "wrong growing: somebody tries. malformed PINs: another PIN key. unchecked: no key for that card range.",
            "MacFailureStorm",
        ),
        Panel(
            "Requests whose clock is off",
            "ops",
            (Query(rate("switch_clock_skew_total", LISTENER, by="listener"), "{{listener}}"),),
            "Terminals whose date or time is minutes away from ours: have them set by their provider.",
            "TerminalsDropped",
        ),
        Panel(
            "Answers that the terminal did not take",
            "ops",
            (Query(rate("switch_answers_unsent_total", LISTENER, by="listener"), "{{listener}}"),),
            "Terminals hang up before their answer: too slow for them, or a bad line. Expect reversals.",
            "MoneyAtRisk",
        ),
    ),
)

_REFUSED: Final = Row(
    "What are terminals and merchants refused for?",
    (
        Panel(
            "Refused for the terminal or its batch, by rule",
            "ops",
            (Query(or_none(rate("switch_rule_refusals_total", _TERMINAL_RULES, by="rule")), "{{rule}}"),),
            "terminal_signed_on: they lost their keys. batch: settled and not signed on again. Lists: switch terminal.",
            "ApprovalRateLow",
        ),
        Panel(
            "Refused for the merchant or what it may do, by rule",
            "ops",
            (Query(or_none(rate("switch_rule_refusals_total", _MERCHANT_RULES, by="rule")), "{{rule}}"),),
            "merchant_active: one is frozen. merchant_limits: a limit is used up. switch merchant show says which.",
            "ApprovalRateLow",
        ),
    ),
)

TERMINALS: Final = Dashboard(
    "switch-terminals",
    "Switch 2: terminals and merchants",
    "Who is there, who cannot talk to us, and why?",
    (_NOW, _THERE, _UNDERSTOOD, _REFUSED),
)
