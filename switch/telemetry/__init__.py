"""What the switch tells of itself: metrics, log events, and traces."""

from __future__ import annotations

from switch.telemetry.event_log import STRANGERS_PER_SECOND, Doctor, EventLog, LogFormat, LogLevel, configure_logging
from switch.telemetry.metrics import ListenerMetrics, Metrics
from switch.telemetry.tracing import Tracer, open_tracer
from switch.telemetry.transaction_log import LINES_MAX, TransactionLog

__all__ = [
    "LINES_MAX",
    "STRANGERS_PER_SECOND",
    "Doctor",
    "EventLog",
    "ListenerMetrics",
    "LogFormat",
    "LogLevel",
    "Metrics",
    "Tracer",
    "TransactionLog",
    "configure_logging",
    "open_tracer",
]
