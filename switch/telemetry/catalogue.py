"""The page that lists every metric (docs/metrics.md), written from their definitions: ``make metrics``.

python -m switch.telemetry.catalogue FILE
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from switch.telemetry.metrics import Definition, Metrics

_HEAD: Final = """\
# Metrics

Written by `make metrics` from `switch/telemetry/metrics.py`; a test holds the two together. `/metrics` on the admin
address shows them.

Each process of the switch is scraped by itself. **Over processes** says how one figure is made of several: what a
process counted itself is a `sum`; what it read from the books, which all of them share, is the same everywhere, and
the `max` of them is as good as any. Labels are bounded: no card, terminal, merchant or reference is ever one.
"""

_SECTIONS: Final = {
    "doors": """\
What terminals ask and are told. The approval rate is `switch_requests_total` by `action`; a bad event is
`temporarily_unavailable`, `system_error` or `none`, an ordinary decline is not. `switch_hop_duration_seconds` looks at
one request in sixteen and follows it without a gap: `decode` (with the mapping, where no key is needed), `security`
(MAC, tracks, PIN, codes, chip, and then the mapping), `queue` (until its group begins), `group` (deciding all of it),
`commit` (until the loop knows that it is durable), `encode` (until the socket has the answer; answers of a group leave
one after the other). Its hops add up to its duration. `rule` is a name of the rulebook, counted when it is decided: a
group that is tried again counts again. `reason` of a reversal is `no_answer`, `bad_answer`, `device_fault`, `customer`,
`unsaid` or `other`. A terminal is connected from its first request that the books knew it by until the connection ends;
one that talks to two processes counts in both.
""",
    "groups": """\
One group of requests is one commit. How busy the writer is: `rate(switch_writer_busy_seconds_total[1m])`; at 1 it does
nothing else, and the queue grows.
""",
    "books": """\
Read every 30 seconds, in one snapshot, on a thread beside the loop. A figure is absent until it was read the first
time; where the database does not answer the last figures stay, and `switch_books_looked_at_timestamp_seconds` falls
behind.

`switch_ledger_imbalance_minor` holds all cardholders' balances against their entries since the process began to look; a
difference is counted anew over all entries before it is shown. What was before is the audit's: `switch_audit_findings`.
`switch_money_at_risk_*` is what a process could not send the answer of (the connection was gone, the terminal did not
read) and nobody has undone since; it is forgotten after a day, and with the process. Of a commit of unknown fate nobody
knows whether it moved money: `switch_commits_failed_total{reason="unknown"}` counts those.
""",
    "program": "",
    "process": """\
What the switch's own process takes, under the names that Prometheus' libraries give these figures, and what the process
of the books takes beside it, which counts from zero when it is begun anew; what the console's process takes, or an
audit's, is in neither. Open files are counted every 30 seconds, the rest at each scrape. Where the system has no
`/proc`, memory, open files and start time are absent, and the process of the books is.
""",
}


def page(metrics: Metrics) -> str:
    """Return the page in Markdown."""
    parts = [_HEAD]
    for section, words in _SECTIONS.items():
        rows = [_row(each) for each in metrics.definitions if each.section == section]
        table = "\n".join(["| metric | type | over processes | what it says |", "|---|---|---|---|", *rows])
        parts.append("\n\n".join(part for part in (f"## The {section}", words.strip(), f"{table}\n") if part))
    return "\n".join(parts)


def _row(metric: Definition) -> str:
    labels = f"{{{','.join(metric.labels)}}}" if metric.labels else ""
    buckets = f" Buckets: {', '.join(f'{_decimal(bound)}' for bound in metric.buckets)}." if metric.buckets else ""
    return f"| `{metric.name}{labels}` | {metric.type} | {metric.across} | {metric.text}{buckets} |"


def _decimal(bound: float) -> str:
    return f"{bound:.5f}".rstrip("0").rstrip(".")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(Metrics()), "utf-8")
