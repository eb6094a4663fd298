"""Which requests are timed on their way, and what becomes of their times: metrics of hops, and traces."""

from __future__ import annotations

from switch.decisions import Outcome
from switch.messages.actions import Action
from switch.telemetry import ListenerMetrics
from switch.telemetry.hops import SAMPLED_OF, Stopwatch, sampling


class Timing:
    """Times some requests of one listener: one in sixteen for the metrics, and those that the tracer takes."""

    def __init__(self, listener: str, metrics: ListenerMetrics) -> None:
        self._listener = listener
        self._metrics = metrics
        self._is_counted = sampling(SAMPLED_OF)
        self._tracer = metrics.tracer

    def watch(self, begun: float) -> Stopwatch | None:
        """Return a stopwatch for a request that came at ``begun`` (`time.perf_counter`), for most of them none."""
        counted = self._is_counted()
        if self._tracer is not None and self._tracer.takes():
            return Stopwatch(begun, counted=counted, traced=True)
        return Stopwatch(begun, counted=True) if counted else None

    def done(self, watch: Stopwatch, outcome: Outcome, answered: float) -> str:
        """Note the hops of a request that was answered; returns its trace's id, "" for one that is not traced."""
        hops = watch.hops(self._metrics.group_times, answered)
        if watch.counted:
            self._metrics.hops.observe(hops)
        if not watch.traced or self._tracer is None:
            return ""
        reply = outcome.reply
        action = reply.action.value if reply is not None else "none"
        said = {"switch.listener": self._listener, "switch.action": action, "switch.standing": outcome.standing.value}
        if outcome.journal_id is not None:  # what strangers call themselves may be a card number
            said |= {"switch.terminal": outcome.request.terminal_id, "switch.journal_id": str(outcome.journal_id)}
        failed = reply is None or reply.action is Action.SYSTEM_ERROR
        return self._tracer.trace(outcome.request.kind.value, hops, said, failed=failed)
