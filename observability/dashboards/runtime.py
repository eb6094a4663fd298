"""Database and runtime: what carries the switch."""

from __future__ import annotations

from typing import Final

from observability.dashboards.counting import mean, or_none, percentile, rate
from observability.panels import Dashboard, Panel, Query, Row, figure

_COMMIT: Final = "switch_commit_duration_seconds"
_GROUP: Final = "switch_group_size_requests"

_NOW: Final = Row(
    "Now",
    (
        figure(
            "Commits a second",
            "ops",
            rate(f"{_COMMIT}_count"),
            "Each is one fsync and serves a group of requests.",
            "GroupCommitSlow",
        ),
        figure(
            "Nine of ten commits within",
            "s",
            "switch:commit_duration_seconds:p90_rate5m",
            "Over a quarter of a second: the disk, or another program on it.",
            "GroupCommitSlow",
            bad_from=0.25,
        ),
        figure(
            "Disk free",
            "bytes",
            "min(switch_disk_free_bytes)",
            "Under 2 GB: make room now. Where the books are on PostgreSQL, watch its own disk.",
            "DiskNearlyFull",
            bad_below=2e9,
        ),
        figure(
            "Database",
            "bytes",
            "max(switch_database_size_bytes)",
            "Grows with each request; see below how fast.",
            "DiskNearlyFull",
        ),
        figure(
            "Certificate ends in",
            "dtdurations",
            "min(switch_certificate_expiry_timestamp_seconds) - time()",
            "Under three weeks: put a new one in place and restart.",
            "CertificateEnding",
            bad_below=1_814_400,
        ),
        figure(
            "Console (1: it answers)",
            "short",
            "max(switch_console_up)",
            "0: operators have no pages; payments go on. Absent until somebody has asked for a page.",
            "ConsoleDown",
            bad_below=1,
        ),
    ),
)

_GROUPS: Final = Row(
    "How do groups commit?",
    (
        Panel(
            "Duration of a commit",
            "s",
            tuple(Query(percentile(share, _COMMIT), f"{share:.0%} within") for share in (0.5, 0.9, 0.99)),
            "The median grows: the disk or the database is slower. The last ones alone: checkpoints, backups.",
            "GroupCommitSlow",
        ),
        Panel(
            "Requests that share a commit",
            "short",
            (Query(mean(_GROUP), "mean"), Query(percentile(0.9, _GROUP), "90% at most")),
            "Grows with the load, and is what keeps latency level. At ledger.group_max the queue begins to grow.",
            "QueueStuck",
        ),
        Panel(
            "How busy is the writer? (1: always)",
            "percentunit",
            (Query("rate(switch_writer_busy_seconds_total[$__rate_interval])", "{{instance}}"),),
            "At 1 it does nothing else, and the queue grows.",
            "QueueStuck",
        ),
        Panel(
            "Requests that wait for a group",
            "short",
            (Query("switch_queue_depth_requests", "{{instance}}"),),
            "At ledger.queue_max requests are shed.",
            "QueueStuck",
        ),
        Panel(
            "Requests dropped undecided, by reason",
            "ops",
            (Query(or_none(rate("switch_requests_shed_total", by="reason")), "{{reason}}"),),
            "queue_full: more than is committed. too_old: nobody was listening any more. books_down: nobody to decide.",
            "QueueStuck",
        ),
        Panel(
            "Groups that did not commit, by reason",
            "ops",
            (Query(or_none(rate("switch_commits_failed_total", by="reason")), "{{reason}}"),),
            "retried: settled one by one afterwards. unknown: the database went away in the middle.",
            "CommitFateUnknown",
        ),
    ),
)

_CARRIES: Final = Row(
    "What carries it?",
    (
        Panel(
            "Size of the database",
            "bytes",
            (Query("max(switch_database_size_bytes)", "database"),),
            "A step: an import, or a migration that copied a table.",
            "DiskNearlyFull",
        ),
        Panel(
            "Disk free, and in four days as it goes now",
            "bytes",
            (
                Query("min(switch_disk_free_bytes)", "free"),
                Query("min(predict_linear(switch_disk_free_bytes[6h], 4 * 86400))", "in four days"),
            ),
            "The forecast is under 0: make room, or move old backups, before the weekend.",
            "DiskNearlyFull",
        ),
        Panel(
            "How long does a scrape take?",
            "s",
            (Query('scrape_duration_seconds{job="switch"}', "{{instance}}"),),
            "A second: the event loop is busy with something long; look at the latency of requests.",
            "SwitchDown",
        ),
        Panel(
            "Reads that a recording has no room for",
            "ops",
            (Query(rate("switch_reads_unrecorded_total", by="listener"), "{{listener}}"),),
            "Above nothing: the disk is too slow for listeners.record, and the capture has holes.",
            "DiskNearlyFull",
        ),
        Panel(
            "Which program runs where?",
            "none",
            (Query("sum by (instance, version, python) (switch_build_info)"),),
            "Two versions for long: an upgrade that nobody finished.",
            "SwitchDown",
            look="table",
        ),
    ),
)

_TAKES: Final = Row(
    "What does its process take?",
    (
        Panel(
            "Processor time (1: one core, all of the time)",
            "percentunit",
            (
                Query('rate(process_cpu_seconds_total{job="switch"}[$__rate_interval])', "{{instance}} terminals"),
                Query("rate(switch_books_process_cpu_seconds_total[$__rate_interval])", "{{instance}} books"),
            ),
            "Near 1: that process has no room left, and answers come later; spread the terminals over two switches.",
            "LatencyBurn",
        ),
        Panel(
            "Memory in use",
            "bytes",
            (
                Query('process_resident_memory_bytes{job="switch"}', "{{instance}} terminals"),
                Query("switch_books_process_resident_memory_bytes", "{{instance}} books"),
            ),
            "Level under a level load; more connections take more. Grows for days: restart it at night, and report it.",
            "SwitchDown",
        ),
        Panel(
            "Open files, and how many there may be",
            "short",
            (
                Query('process_open_fds{job="switch"}', "{{instance}} open"),
                Query('process_max_fds{job="switch"}', "{{instance}} at most"),
            ),
            "Each connection is one. Near the limit connections are refused as out_of_files: raise LimitNOFILE.",
            "TerminalsDropped",
        ),
        Panel(
            "Collections of garbage, by generation",
            "ops",
            (
                Query(
                    'sum by (generation) (rate(python_gc_collections_total{job="switch"}[$__rate_interval]))',
                    "generation {{generation}}",
                ),
            ),
            "Generation 2 holds up everything for a moment: more than one a minute, and latency shows it.",
            "LatencyBurn",
        ),
        Panel(
            "Running for",
            "dtdurations",
            (Query('time() - process_start_time_seconds{job="switch"}', "{{instance}}"),),
            "Begins anew: it was restarted, or it fell and was begun again; its log says which.",
            "SwitchDown",
        ),
    ),
)

RUNTIME: Final = Dashboard(
    "switch-runtime",
    "Switch 5: database and runtime",
    "What carries the switch: commits, disk, database, console, and what its process takes.",
    (_NOW, _GROUPS, _CARRIES, _TAKES),
)
