"""Service: does it answer, how fast, and how near is it to its limits? The first page to look at."""

from __future__ import annotations

from typing import Final

from observability.dashboards.counting import LISTENER, mean, or_none, percentile, rate
from observability.panels import Dashboard, Panel, Query, Row, figure
from observability.slo import AVAILABILITY_BUDGET, LATENCY_BUDGET, SLOW_S

_REQUESTS: Final = "switch_requests_total"
_DURATION: Final = "switch_request_duration_seconds"
_HOP: Final = "switch_hop_duration_seconds"


def _bad_share(by: str) -> str:
    asked = rate(_REQUESTS, LISTENER, by=by)
    bad = rate(_REQUESTS, LISTENER, 'action=~"none|temporarily_unavailable|system_error"', by=by)
    return f"({bad} or 0 * {asked}) / ({asked} > 0)"


_FIRST_LOOK: Final = Row(
    "Now",
    (
        figure(
            "Alerts that fire",
            "short",
            or_none('count(ALERTS{alertstate="firing"})'),
            "Anything but 0: open Alerts in Prometheus, and the runbook that the alert names.",
            "README",
            bad_from=1,
        ),
        figure(
            "Processes that answer a scrape",
            "short",
            'sum(up{job="switch"})',
            "Fewer than you run: look at the host of the missing one, then its log.",
            "SwitchDown",
            bad_below=1,
        ),
        figure(
            "Requests a second",
            "reqps",
            rate(_REQUESTS, LISTENER),
            "0 while shops are open: terminals cannot reach the listeners; look at Terminals.",
            "TerminalsDropped",
        ),
        figure(
            "Answered properly, last hour",
            "percentunit",
            "1 - switch:requests_bad:ratio_rate1h",
            "Below 99.95 %: the budget of errors is being used up; see what the answers were, below.",
            "AvailabilityBurn",
            bad_below=1 - AVAILABILITY_BUDGET,
        ),
        figure(
            "Approved of what asks for money, last half hour",
            "percentunit",
            "switch:approvals:ratio_rate30m",
            "Lower than at this hour of other days: open Declines and see which answer has grown.",
            "ApprovalRateLow",
        ),
        figure(
            "99 of 100 are answered within",
            "s",
            percentile(0.99, _DURATION, LISTENER),
            "Over half a second: see below which hop has grown.",
            "LatencyBurn",
            bad_from=SLOW_S,
        ),
    ),
)

_RATE: Final = Row(
    "How much is asked, and what is answered?",
    (
        Panel(
            "Requests, by listener",
            "reqps",
            (Query(rate(_REQUESTS, LISTENER, by="listener"), "{{listener}}"),),
            "One line falls to nothing while others go on: the network before that listener, or its terminals' keys.",
            "TerminalsDropped",
            stacked=True,
        ),
        Panel(
            "Requests, by kind",
            "reqps",
            (Query(rate(_REQUESTS, LISTENER, by="kind"), "{{kind}}"),),
            "Reversals or unknown growing: terminals do not get their answers, or speak another dialect.",
            "AvailabilityBurn",
            stacked=True,
        ),
        Panel(
            "Requests without a proper answer",
            "reqps",
            (
                Query(or_none(rate(_REQUESTS, LISTENER, 'action="temporarily_unavailable"')), "shed"),
                Query(or_none(rate(_REQUESTS, LISTENER, 'action="system_error"')), "system error"),
                Query(or_none(rate(_REQUESTS, LISTENER, 'action="none"', 'kind!="unknown"')), "silence"),
                Query(rate("switch_answers_unsent_total", LISTENER), "the terminal was gone"),
            ),
            "Anything above nothing for minutes: shed means overload, silence a database that went away.",
            "AvailabilityBurn",
        ),
        Panel(
            "Share of requests without a proper answer, by listener and kind",
            "percentunit",
            (Query(_bad_share(by="listener, kind"), "{{listener}} {{kind}}"),),
            "One kind alone: a fault of its own, see the log. One listener alone: its line. All: the database.",
            "AvailabilityBurn",
        ),
        Panel(
            "How fast is the month's budget used up? (1: in 30 days)",
            "short",
            tuple(
                Query(f"switch:requests_{what}:ratio_rate{window} / {budget:g}", f"{word}, {window}")
                for what, word, budget in (("bad", "answers", AVAILABILITY_BUDGET), ("slow", "latency", LATENCY_BUDGET))
                for window in ("1h", "6h", "3d")
            ),
            "Over 14 in an hour or 6 in six hours somebody is paged; over 1 for days, change something.",
            "AvailabilityBurn",
        ),
    ),
)

_DURATIONS: Final = Row(
    "How long does it take?",
    (
        Panel(
            "Duration of a request",
            "s",
            tuple(
                Query(percentile(share, _DURATION, LISTENER), f"{share:.0%} within")
                for share in (0.5, 0.9, 0.99, 0.999)
            ),
            "The median grows: everything is slower, look at the hops. Only the last ones: single commits stall.",
            "LatencyBurn",
        ),
        Panel(
            "99 of 100 within, by listener and kind",
            "s",
            (Query(percentile(0.99, _DURATION, LISTENER, by="listener, kind"), "{{listener}} {{kind}}"),),
            "One kind alone is slow: sign-ons wait for passwords, settlements add a batch up.",
            "LatencyBurn",
        ),
        Panel(
            "Where does the time go? Mean of each hop",
            "s",
            (Query(mean(_HOP, by="hop"), "{{hop}}"),),
            "queue: the writer is busy. group, commit: database or disk. security: the security module. "
            "encode: answers leave one after the other.",
            "LatencyBurn",
            stacked=True,
        ),
        Panel(
            "99 of 100 within, by hop",
            "s",
            (Query(percentile(0.99, _HOP, by="hop"), "{{hop}}"),),
            "The hop that grew is where to look; group and commit are shared by all requests of a group.",
            "LatencyBurn",
        ),
    ),
)

_SATURATION: Final = Row(
    "How near is it to its limits?",
    (
        Panel(
            "Requests in flight",
            "short",
            (Query(f"sum by (listener) (switch_requests_in_flight{{{LISTENER}}})", "{{listener}}"),),
            "Growing without more requests: answers wait for the database.",
            "QueueStuck",
        ),
        Panel(
            "How busy is the writer? (1: always)",
            "percentunit",
            (Query("rate(switch_writer_busy_seconds_total[$__rate_interval])", "{{instance}}"),),
            "Near 1: the next requests wait; add a process on PostgreSQL, or a faster disk.",
            "QueueStuck",
        ),
        Panel(
            "How long has the oldest request waited for its group?",
            "s",
            (Query("switch_queue_oldest_age_seconds", "{{instance}}"),),
            "Seconds: the database hangs or is locked.",
            "QueueStuck",
        ),
        Panel(
            "Requests that came twice",
            "reqps",
            (Query(or_none(rate("switch_duplicates_total", LISTENER, by="standing")), "{{standing}}"),),
            "repeat: answers got lost on the way. conflict: a terminal that uses trace numbers again.",
            "AvailabilityBurn",
        ),
    ),
)

SERVICE: Final = Dashboard(
    "switch-service",
    "Switch 1: service",
    "Does it answer, how fast, and how near is it to its limits?",
    (_FIRST_LOOK, _RATE, _DURATIONS, _SATURATION),
)
