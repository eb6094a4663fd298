"""Every metric and every log event of the switch, on one page.

Metrics belong to a `Metrics` object with its own registry; no global state. Labels are bounded: listener, kind,
action and short lists of reasons, never a card, terminal, merchant or reference. Counters, histograms and gauges
are all sums, so several worker processes add up. Counting a request costs about a microsecond, because the children
of a metric are bound once and then found by one dictionary look-up.

Logs are structlog lines on standard error, JSON or for people. What strangers can cause (bad frames, refused
connections) is logged a few times a second at most: they cannot fill the disk.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from json.encoder import encode_basestring_ascii as _quoted
from typing import Final, Literal, TextIO

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from structlog.typing import FilteringBoundLogger

from switch import __version__
from switch.values import Money, Pan

Doctor = Callable[[], str]
"""Says in one line, without card data, what a peer seems to speak; asked only for lines that are written."""

LogFormat = Literal["console", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]

DURATIONS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 50.0)
COMMIT_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
GROUP_BUCKETS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
STRANGERS_PER_SECOND: Final = 5
LINES_MAX: Final = 256
"""Lines that may wait for a group's end: requests that are shed while the database hangs must not pile up here."""


class Metrics:
    """All metrics of one process. ``listener(name)`` gives those of one door, with the label bound."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # *_created gauges cannot be summed over processes
        self.registry = CollectorRegistry()
        counter, gauge, histogram = self._counter, self._gauge, self._histogram
        # fmt: off
        # --- doors ---
        self.requests        = counter("requests", "Requests by answer (none: silence).", "listener", "kind", "action")
        self.durations       = histogram("request_duration_seconds", "Until answered.", DURATIONS, "listener", "kind")
        self.in_flight       = gauge("requests_in_flight", "Requests received and not yet answered.", "listener")
        self.duplicates      = counter("duplicates", "Known keys: repeat or conflict.", "listener", "standing")
        self.decode_errors   = counter("decode_errors", "Frames that do not follow their dialect.", "listener")
        self.clock_skew      = counter("clock_skew", "Requests whose date or time is off the host's.", "listener")
        self.macs_refused    = counter("macs_refused", "Refused for their MAC: wrong, missing.", "listener", "reason")
        self.verdicts        = counter("verdicts", "Secrets checked, by how they were.", "listener", "what", "finding")
        self.unsent          = counter("answers_unsent", "Answers that the terminal did not take.", "listener")
        self.connections     = gauge("connections_open", "Connections of terminals now open.", "listener")
        self.accepted        = counter("connections_accepted", "Connections taken on.", "listener")
        self.refused         = counter("connections_refused", "Connections turned away, by cap.", "listener", "reason")
        self.closed          = counter("connections_closed", "Connections ended, by why.", "listener", "reason")
        self.unrecorded      = counter("reads_unrecorded", "Reads not recorded, for want of room.", "listener")
        self.frames_refused  = counter("frames_refused", "Streams not cut into frames.", "listener", "reason")
        # --- books ---
        self.group_size      = histogram("group_size_requests", "Requests that shared one commit.", GROUP_BUCKETS)
        self.commit_duration = histogram("commit_duration_seconds", "One group, first query to commit.", COMMIT_BUCKETS)
        self.queue_depth     = gauge("queue_depth_requests", "Requests waiting for a group.")
        self.shed            = counter("requests_shed", "Requests dropped undecided: queue_full, too_old.", "reason")
        self.commits_failed  = counter("commits_failed", "Groups that did not commit: retried, unknown.", "reason")
        # --- program ---
        self.build           = gauge("build_info", "Always 1: which program this is.", "version", "python")
        # fmt: on
        self.build.labels(__version__, platform.python_version()).set(1)
        self._listeners: dict[str, ListenerMetrics] = {}

    def listener(self, name: str) -> ListenerMetrics:
        """The metrics of one listener; the same object each time."""
        if name not in self._listeners:
            self._listeners[name] = ListenerMetrics(self, name)
        return self._listeners[name]

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"switch_{name}_total", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"switch_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"switch_{name}", text, labels, buckets=buckets, registry=self.registry)


class ListenerMetrics:
    """What one listener counts: children bound at start-up, or on first use and then kept."""

    def __init__(self, metrics: Metrics, name: str) -> None:
        self._metrics = metrics
        self._name = name
        self._answered: dict[tuple[str, str], tuple[Callable[[], None], Callable[[float], None]]] = {}
        self.in_flight = metrics.in_flight.labels(name)
        self.connections = metrics.connections.labels(name)
        self.accepted = metrics.accepted.labels(name)
        self.decode_errors = metrics.decode_errors.labels(name)
        self.clock_skew = metrics.clock_skew.labels(name)
        self.unsent = metrics.unsent.labels(name)
        self.unrecorded = metrics.unrecorded.labels(name)

    def answered(self, kind: str, action: str, duration_s: float) -> None:
        """Count one request and its duration. ``kind`` "unknown" and ``action`` "none" where there is none."""
        bound = self._answered.get((kind, action)) or self._bind(kind, action)
        bound[0]()
        bound[1](duration_s)

    def duplicate(self, standing: str) -> None:
        self._metrics.duplicates.labels(self._name, standing).inc()

    def mac_refused(self, reason: str) -> None:
        self._metrics.macs_refused.labels(self._name, reason).inc()

    def verdict(self, what: str, finding: str) -> None:
        self._metrics.verdicts.labels(self._name, what, finding).inc()

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


def configure_logging(format: LogFormat, level: LogLevel, stream: TextIO) -> FilteringBoundLogger:  # noqa: A002 - the setting's name
    """Send every log line of this process to ``stream``, and return the logger. Call it once, at start-up."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if format == "json"
        else structlog.dev.ConsoleRenderer(colors=stream.isatty(), pad_event_to=0, sort_keys=False, timestamp_key="at")
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.TimeStamper(fmt="iso", key="at"),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    logger: FilteringBoundLogger = structlog.get_logger()
    return logger


class TransactionLog:
    """One line for each request that was done with: who asked what, what was answered, and why.

    Lines gather until `flush`, which comes after each group of answers, and go straight to the stream: a structlog
    event costs three times as much. Shows BIN and last four of a card at most, and escapes what a peer wrote, so
    that no terminal can steer an operator's screen.
    """

    def __init__(self, format: LogFormat, level: LogLevel, stream: TextIO) -> None:  # noqa: A002 - the setting's name
        self.enabled = level in {"debug", "info"}
        self._line = _json_line if format == "json" else _console_line
        self._stream = stream
        self._lines: list[str] = []
        self._second = -1
        self._at = ""

    def write(
        self,
        *,
        listener: str,
        kind: str,
        action: str,
        standing: str,
        terminal_id: str,
        merchant_id: str,
        stan: str,
        rrn: str,
        pan: Pan | None,
        amount_minor: int | None,
        currency: str,
        because: str,
        duration_s: float,
    ) -> None:
        """Add one line, if the level asks for it.

        Args:
            action: "none" where no answer was sent.
            standing: first, repeat, conflict, shed or unknown.
            because: one clause without card data; "" for an approval.

        """
        if not self.enabled:
            return
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second, self._at = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        self._lines.append(
            self._line(
                f"{self._at}.{int((now - second) * 1000):03d}Z",
                (listener, kind, action, standing, terminal_id, merchant_id, stan, rrn),
                pan.masked if pan is not None else "",
                amount_minor,
                currency,
                because,
                duration_s * 1000,
            )
        )
        if len(self._lines) >= LINES_MAX:
            self.flush()

    def flush(self) -> None:
        """Write the lines that have gathered, with one call."""
        if self._lines:
            self._stream.write("".join(self._lines))
            self._lines.clear()


_Words = tuple[str, str, str, str, str, str, str, str]


def _json_line(at: str, words: _Words, card: str, minor: int | None, currency: str, because: str, ms: float) -> str:
    listener, kind, action, standing, terminal_id, merchant_id, stan, rrn = words
    return (
        f'{{"at":"{at}","level":"info","event":"transaction","listener":"{listener}","kind":"{kind}"'
        f',"action":"{action}","standing":"{standing}","terminal":{_quoted(terminal_id)}'
        f',"merchant":{_quoted(merchant_id)},"stan":{_quoted(stan)},"rrn":{_quoted(rrn)},"card":{_quoted(card)}'
        f',"amount_minor":{"null" if minor is None else minor},"currency":{_quoted(currency)}'
        f',"because":{_quoted(because)},"duration_ms":{ms:.2f}}}\n'
    )


def _console_line(at: str, words: _Words, card: str, minor: int | None, currency: str, because: str, ms: float) -> str:
    listener, kind, action, standing, terminal_id, merchant_id, stan, rrn = words
    money = "" if minor is None else f" {Money(minor, currency)}"
    marks = "" if standing == "first" else f" ({standing})"
    why = f": {because}" if because else ""
    line = (
        f"{at} {listener} {terminal_id} {merchant_id} {kind} #{stan} {card}{money} -> {action}{marks}{why}"
        f" [rrn {rrn} {ms:.1f} ms]"
    )
    return f"{line}\n" if line.isascii() and line.isprintable() else f"{_quoted(line)[1:-1]}\n"


class EventLog:
    """What happens besides transactions: life of the process, and trouble. One method for each event."""

    def __init__(self, logger: FilteringBoundLogger, clock: Callable[[], float] = time.monotonic) -> None:
        self._logger = logger
        self._clock = clock
        self._second = -1
        self._written = 0
        self._suppressed = 0

    # --- the process ---

    def started(self, database: str) -> None:
        self._logger.info("started", version=__version__, database=database)

    def listening(self, listener: str, dialect: str, address: str) -> None:
        self._logger.info("listening", listener=listener, dialect=dialect, address=address)

    def unprotected(self, listener: str) -> None:
        """MACs are switched off: whoever reaches the listener can alter messages on their way."""
        self._logger.warning("MACs are off: messages can be altered on their way", listener=listener)

    def keyless(self, *, has_keys: bool) -> None:
        """There is no master key, so no MAC, PIN, code or cryptogram is checked."""
        said = "no master key: no MAC, PIN, code or cryptogram is checked"
        self._logger.warning(said, keys_in_the_books="there are some" if has_keys else "none")

    def dormant(self, terminals: list[str]) -> None:
        """Terminals that were silent for so long that they are asleep now; an operator wakes them."""
        self._logger.info("terminals dormant", count=len(terminals), terminals=" ".join(terminals[:10]))

    def settled(self, day: str, statements: int, differences: int) -> None:
        """A business day has its statements and its clearing file; ``differences`` wait for an operator."""
        self._logger.info("day settled", day=day, statements=statements, differences=differences)

    def unsettled(self, day: str, because: str) -> None:
        """A business day cannot be settled until an operator has put something right; it is tried again and again."""
        self._logger.error("day not settled", day=day, because=because)

    def expired(self, count: int) -> None:
        """Holds of authorisations that nobody completed were released."""
        self._logger.info("authorisations expired", count=count)

    def recorded(self, listener: str, files: list[str], messages: int, dropped: int, lost: int) -> None:
        """A listener's recording has ended: what is in it, and what is not."""
        self._logger.info(
            "recorded", listener=listener, files=" ".join(files), messages=messages, dropped=dropped, lost=lost
        )

    def recording_trouble(self, listener: str, because: str) -> None:
        """Nothing more is recorded, or a file must not be passed on; the listener goes on."""
        self._logger.error("recording", listener=listener, because=because)

    def draining(self, deadline_s: float) -> None:
        self._logger.info("draining", deadline_s=deadline_s)

    def stopped(self, *, unfinished: int) -> None:
        self._logger.info("stopped", unfinished=unfinished)

    def console_ended(self) -> None:
        """The console's process is gone; payments go on, and it is begun again."""
        self._logger.error("console ended")

    # --- what strangers and broken terminals cause: at most `STRANGERS_PER_SECOND` lines ---

    def connection_refused(self, listener: str, peer: str, reason: str) -> None:
        self._sampled("connection refused", listener=listener, peer=peer, reason=reason)

    def frame_refused(self, listener: str, peer: str, reason: str, detail: str, doctor: Doctor | None = None) -> None:
        """A stream that cannot be cut into frames. ``doctor`` is asked what it looks like, if the line is written."""
        self._sampled("frame refused", doctor, listener=listener, peer=peer, reason=reason, detail=detail)

    def undecodable(
        self, listener: str, peer: str, field: str, position: int, reason: str, doctor: Doctor | None = None
    ) -> None:
        """A frame that does not follow its dialect; ``doctor`` as above."""
        self._sampled(
            "undecodable", doctor, listener=listener, peer=peer, field=field, position=position, reason=reason
        )

    def rejected(self, listener: str, mti: str, action: str, because: str) -> None:
        """A message that decodes but asks nothing that can be decided. ``because`` names a field, no contents."""
        self._sampled("rejected", listener=listener, mti=mti, action=action, because=because)

    def chip_unanswered(self, listener: str, because: str) -> None:
        """An answer left without the issuer's word to the chip: the key that checked it does not open any more."""
        self._sampled("chip unanswered", listener=listener, because=because)

    # --- trouble of our own ---

    def commit_failed(self, size: int, error: str) -> None:
        """A group did not commit; its requests are tried one by one. ``error`` is a type, not a statement."""
        self._logger.error("commit failed", group_size=size, error=error)

    def commit_unknown(self, size: int, error: str) -> None:
        """The database went away during a commit; what cannot be looked up is not answered."""
        self._logger.error("commit of unknown fate", group_size=size, error=error)

    def unexpected(self, where: str, error: BaseException) -> None:
        """A fault of the switch itself, with its traceback (which shows code, never values)."""
        self._logger.error("unexpected", where=where, exc_info=error)

    def _sampled(self, event: str, doctor: Doctor | None = None, **fields: object) -> None:
        second = int(self._clock())
        if second != self._second:
            if self._suppressed:
                fields["suppressed_before"] = self._suppressed
            self._second, self._written, self._suppressed = second, 0, 0
        if self._written < STRANGERS_PER_SECOND:
            self._written += 1
            finding = doctor() if doctor is not None else ""
            self._logger.warning(event, **fields, **({"doctor": finding} if finding else {}))
        else:
            self._suppressed += 1
