"""Every metric of the switch, on one page.

Metrics belong to a `Metrics` object with its own registry; no global state. Labels are bounded: listener, kind,
action, rule and short lists of reasons, never a card, terminal, merchant or reference. What a process counts itself is
a sum, so several worker processes add up; what is read from the books is the same from every process, and the largest
is as good as any. Counting a request costs about a microsecond, because the children of a metric are bound once and
then found by one dictionary look-up.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Literal, NamedTuple

from switch import __version__
from switch.telemetry.figures import Figure, Figures
from switch.telemetry.hops import HOPS, GroupTimes, HopObserver
from switch.telemetry.process import OPEN_FILES, tell_of_process
from switch.telemetry.series import Count, Family, Level, Registry, S, Spread, Type
from switch.telemetry.tracing import Tracer
from switch.telemetry.unanswered import Unanswered

DURATIONS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 50.0)
HOP_BUCKETS: Final = (0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
COMMIT_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
GROUP_BUCKETS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)

Across = Literal["sum", "max"]
"""What makes one figure of several processes': each counts its own, or each reads the same books."""


class Definition(NamedTuple):
    """What the catalogue says of one metric; ``section`` is the part of the program that it is about."""

    section: str
    name: str
    type: str
    labels: tuple[str, ...]
    text: str
    across: Across
    buckets: tuple[float, ...] = ()


class Metrics:
    """All metrics of one process. ``listener(name)`` gives those of one door, with the label bound.

    ``tracer`` traces single requests beside them, where there is one.
    """

    def __init__(self, tracer: Tracer | None = None) -> None:
        self.tracer = tracer
        self.registry = Registry()
        self.definitions: list[Definition] = []
        self.figures = Figures()
        self.group_times = GroupTimes()
        self.unanswered = Unanswered()
        self._section = ""
        self._define_counted()
        self._define_looked_at()
        self._define_process()
        self.registry.tell(self.figures)
        tell_of_process(self.figures)
        self.build.labels(__version__, platform.python_version()).set(1)
        self.hops = HopObserver({hop: self.hop_duration.labels(hop).observe for hop in HOPS})
        self._listeners: dict[str, ListenerMetrics] = {}

    def _define_counted(self) -> None:
        counter, gauge, histogram = self._counter, self._gauge, self._histogram
        # fmt: off
        self._section = "doors"
        self.requests        = counter("requests", "Requests by answer (none: silence).", "listener", "kind", "action")
        self.durations       = histogram("request_duration_seconds", "Until answered.", DURATIONS, "listener", "kind")
        self.in_flight       = gauge("requests_in_flight", "Requests received and not yet answered.", "listener")
        self.hop_duration    = histogram("hop_duration_seconds", "Of 1 request in 16: each hop.", HOP_BUCKETS, "hop")
        self.duplicates      = counter("duplicates", "Known keys: repeat or conflict.", "listener", "standing")
        self.reversals       = counter("reversals", "Reversals decided, by the reason they give.", "reason")
        self.rule_refusals   = counter("rule_refusals", "Refused by a rule (posting: by the original).", "rule")
        self.decode_errors   = counter("decode_errors", "Frames that do not follow their dialect.", "listener")
        self.clock_skew      = counter("clock_skew", "Requests whose date or time is off the host's.", "listener")
        self.macs_refused    = counter("macs_refused", "Refused for their MAC: wrong, missing.", "listener", "reason")
        self.verdicts        = counter("verdicts", "Secrets checked, by how they were.", "listener", "what", "finding")
        self.unsent          = counter("answers_unsent", "Answers that the terminal did not take.", "listener")
        self.terminals       = gauge("terminals_connected", "Terminals heard of on open connections.", "listener")
        self.connections     = gauge("connections_open", "Connections of terminals now open.", "listener")
        self.accepted        = counter("connections_accepted", "Connections taken on.", "listener")
        self.refused         = counter("connections_refused", "Connections turned away, by cap.", "listener", "reason")
        self.closed          = counter("connections_closed", "Connections ended, by why.", "listener", "reason")
        self.unrecorded      = counter("reads_unrecorded", "Reads not recorded, for want of room.", "listener")
        self.frames_refused  = counter("frames_refused", "Streams not cut into frames.", "listener", "reason")
        # fmt: on
        self._section = "groups"
        self.group_size = histogram("group_size_requests", "Requests that shared one commit.", GROUP_BUCKETS).labels()
        self.commit_duration = histogram(
            "commit_duration_seconds", "One group, first query to commit.", COMMIT_BUCKETS
        ).labels()
        self.writer_busy = counter("writer_busy_seconds", "Time in which a group was being settled.").labels()
        self.queue_depth = gauge("queue_depth_requests", "Requests waiting for a group.").labels()
        self.queue_age = gauge(
            "queue_oldest_age_seconds", "Age of the oldest unsettled request.", across="max"
        ).labels()
        self.shed = counter("requests_shed", "Requests dropped undecided: queue_full, too_old, books_down.", "reason")
        self.commits_failed = counter("commits_failed", "Groups that did not commit: retried, unknown.", "reason")
        self._section = "program"
        self.build = gauge("build_info", "1: which program this is.", "version", "python", across="max")

    def _define_looked_at(self) -> None:
        figure = self._figure
        # fmt: off
        self._section = "books"
        figure("books_looked_at_timestamp_seconds", "When the figures of the books were read last.")
        figure("ledger_imbalance_minor", "Must be 0: cardholders' balances less their entries' sum.")
        figure("money_at_risk_minor", "Approved, the answer not sent, not undone since.", "currency", across="sum")
        figure("money_at_risk_payments", "Payments of money_at_risk_minor.", across="sum")
        figure("reversals_unmatched", "Reversals of the last 24 hours that found no original.")
        figure("adjustments_open", "Late reversals that wait for an operator.")
        figure("batch_differences_open", "Differences between uploads and the books that wait for an operator.")
        figure("batches_unbalanced", "Terminals whose batch is settled and not balanced.")
        figure("terminals", "Terminals in the books.", "status")
        figure("settlements_due", "Business days that have ended and have no clearing file.")
        figure("audit_age_seconds", "Since the last audit of the books ended.")
        figure("audit_findings", "Must be 0: what the last audit found broken.")
        figure("maintenance", "1 while new transactions are refused for maintenance.")
        figure("database_size_bytes", "Of the database, its write-ahead log included where it is a file.")
        figure("disk_free_bytes", "Left on the disk of the books, where they are a file.")
        self._section = "program"
        figure("certificate_expiry_timestamp_seconds", "When the admin address's certificate ends, where it has one.")
        figure("books_process_up", "1 while the process of the books takes requests; absent where it is no other.")
        figure("console_up", "1 while the console's process answers; absent until somebody asks for a page.")
        # fmt: on

    def _define_process(self) -> None:
        standard = self._standard
        # fmt: off
        self._section = "process"
        standard("process_cpu_seconds_total", "Processor time taken, in the program and in the system for it.")
        standard("process_resident_memory_bytes", "Memory that the process has in use.")
        standard("process_virtual_memory_bytes", "Addresses that the process has taken.")
        standard(OPEN_FILES, "Files open, connections among them.")
        standard("process_max_fds", "Files that may be open: each connection is one.", across="max")
        standard("process_start_time_seconds", "When the process began.", across="max")
        standard("switch_books_process_cpu_seconds_total", "Processor time that the process of the books has taken.")
        standard("switch_books_process_resident_memory_bytes", "Memory that the process of the books has in use.")
        standard("python_gc_collections_total", "Collections of garbage.", "generation")
        standard("python_gc_objects_collected_total", "Objects collected as garbage.", "generation")
        standard("python_gc_objects_uncollectable_total", "Garbage that cannot be collected.", "generation")
        # fmt: on

    def listener(self, name: str) -> ListenerMetrics:
        """The metrics of one listener; the same object each time."""
        if name not in self._listeners:
            self._listeners[name] = ListenerMetrics(self, name)
        return self._listeners[name]

    def _counter(self, name: str, text: str, *labels: str) -> Family[Count]:
        return self._family(f"{name}_total", "counter", text, labels, Count)

    def _gauge(self, name: str, text: str, *labels: str, across: Across = "sum") -> Family[Level]:
        return self._family(name, "gauge", text, labels, Level, across)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Family[Spread]:
        return self._family(name, "histogram", text, labels, partial(Spread, bounds=buckets), "sum", buckets)

    def _family(
        self,
        name: str,
        kind: Type,
        text: str,
        labels: tuple[str, ...],
        make: Callable[[str, Sequence[tuple[str, str]]], S],
        across: Across = "sum",
        buckets: tuple[float, ...] = (),
    ) -> Family[S]:
        self._define(f"switch_{name}", kind, labels, text, across, buckets)
        family = Family(f"switch_{name}", kind, text, labels, make)
        self.registry.tell(family)
        return family

    def _figure(self, name: str, text: str, *labels: str, across: Across = "max") -> None:
        self._define(f"switch_{name}", "gauge", labels, text, across)
        self.figures.define(Figure(f"switch_{name}", text, labels))

    def _standard(self, name: str, text: str, *labels: str, across: Across = "sum") -> None:
        """Define a figure of every program, whose name is Prometheus' own."""
        kind: Type = "counter" if name.endswith("_total") else "gauge"
        self._define(name, kind, labels, text, across)
        self.figures.define(Figure(name, text, labels, kind))

    def _define(
        self, name: str, kind: Type, labels: tuple[str, ...], text: str, across: Across, buckets: tuple[float, ...] = ()
    ) -> None:
        self.definitions.append(Definition(self._section, name, kind, labels, text, across, buckets))


class ListenerMetrics:
    """What one listener counts: children bound at start-up, or on first use and then kept."""

    def __init__(self, metrics: Metrics, name: str) -> None:
        self._metrics = metrics
        self._name = name
        self._answered: dict[tuple[str, str], tuple[Callable[[], None], Callable[[float], None]]] = {}
        self._verdicts: dict[tuple[str, str], Callable[[], None]] = {}
        self.in_flight = metrics.in_flight.labels(name)
        self.terminals = metrics.terminals.labels(name)
        self.connections = metrics.connections.labels(name)
        self.accepted = metrics.accepted.labels(name)
        self.decode_errors = metrics.decode_errors.labels(name)
        self.clock_skew = metrics.clock_skew.labels(name)
        self.unsent = metrics.unsent.labels(name)
        self.unrecorded = metrics.unrecorded.labels(name)
        self.group_times = metrics.group_times
        self.hops = metrics.hops
        self.unanswered = metrics.unanswered
        self.tracer = metrics.tracer

    def answered(self, kind: str, action: str, duration_s: float) -> None:
        """Count one request and its duration. ``kind`` "unknown" and ``action`` "none" where there is none."""
        bound = self._answered.get((kind, action)) or self._bind(kind, action)
        bound[0]()
        bound[1](duration_s)

    def duplicate(self, standing: str) -> None:
        self._metrics.duplicates.labels(self._name, standing).inc()

    def reversal(self, reason: str) -> None:
        """Count a reversal; ``reason`` is one of a short list."""
        self._metrics.reversals.labels(reason).inc()

    def mac_refused(self, reason: str) -> None:
        self._metrics.macs_refused.labels(self._name, reason).inc()

    def verdict(self, what: str, finding: str) -> None:
        count = self._verdicts.get((what, finding))
        if count is None:
            count = self._verdicts[what, finding] = self._metrics.verdicts.labels(self._name, what, finding).inc
        count()

    def refused(self, reason: str) -> None:
        self._metrics.refused.labels(self._name, reason).inc()

    def closed(self, reason: str) -> None:
        self._metrics.closed.labels(self._name, reason).inc()

    def frame_refused(self, reason: str) -> None:
        self._metrics.frames_refused.labels(self._name, reason).inc()

    def _bind(self, kind: str, action: str) -> tuple[Callable[[], None], Callable[[float], None]]:
        counter = self._metrics.requests.labels(self._name, str(kind), str(action))
        histogram = self._metrics.durations.labels(self._name, str(kind))
        bound = self._answered[kind, action] = (counter.inc, histogram.observe)
        return bound
