"""Events: what happens besides transactions, and how log lines are written.

Logs are structlog lines on standard error, JSON or for people. What strangers can cause (bad frames, refused
connections) is logged a few times a second at most: they cannot fill the disk.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Literal, TextIO

import structlog
from structlog.typing import FilteringBoundLogger

from switch import __version__

Doctor = Callable[[], str]
"""Says in one line, without card data, what a peer seems to speak; asked only for lines that are written."""

LogFormat = Literal["console", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]

STRANGERS_PER_SECOND: Final = 5


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

    def audit_ended(self, status: int) -> None:
        """The process that audits the books did not come to its end; it is begun again later."""
        self._logger.error("audit ended", status=status)

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

    def books_ended(self) -> None:
        """The process of the books is gone; what it had not answered is asked of the next one."""
        self._logger.error("process of the books ended")

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

    def tracing_trouble(self, because: str) -> None:
        """Traces cannot be passed on; they are dropped, and nothing else suffers."""
        self._sampled("tracing", because=because)

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
