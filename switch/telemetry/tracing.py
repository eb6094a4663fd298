"""Traces of single requests through OpenTelemetry: off unless the settings say otherwise, and not even imported then.

A traced request is a span with its hops as children. All of them are made at once when its answer has left, from the
times that were taken on its way; what exports them works on a thread of its own, keeps a bounded number, and drops what
it cannot pass on. A span says which listener, kind and answer, never whose card or how much.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TextIO

from switch import __version__
from switch.errors import ConfigurationError
from switch.telemetry.hops import Hop, sampling

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

_INSTALL: Final = "tracing needs OpenTelemetry: pip install 'acquiring-switch[tracing]'"
_NANOSECONDS: Final = 1_000_000_000
_EXPORT_S: Final = 2.0
"""How long passing on takes at most, retries included: at its end the process waits for it."""


class Tracer:
    """Makes spans of one request in ``one_in``."""

    def __init__(self, provider: TracerProvider, one_in: int) -> None:
        from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context

        self._provider = provider
        self._tracer = provider.get_tracer("switch", __version__)
        self._server, self._error = SpanKind.SERVER, StatusCode.ERROR
        self._under = set_span_in_context
        self.takes = sampling(one_in)
        """Whether the next request is traced."""

    def trace(self, name: str, hops: Sequence[Hop], attributes: Mapping[str, str], *, failed: bool = False) -> str:
        """Make the spans of a request whose last hop ends now; return the trace's id in hex."""
        now, ended = time.time_ns(), hops[-1].ended

        def at(moment: float) -> int:
            return now - int((ended - moment) * _NANOSECONDS)

        request = self._tracer.start_span(
            name, kind=self._server, attributes=dict(attributes), start_time=at(hops[0].began)
        )
        under = self._under(request)
        for hop in hops:
            self._tracer.start_span(hop.name, under, start_time=at(hop.began)).end(at(hop.ended))
        if failed:
            request.set_status(self._error)
        request.end(now)
        return f"{request.get_span_context().trace_id:032x}"

    def close(self) -> None:
        """Pass on what is still there, if that goes fast."""
        self._provider.shutdown()


def open_tracer(
    exporter: str, endpoint: str, one_in: int, stream: TextIO, on_trouble: Callable[[str], None]
) -> Tracer | None:
    """Return a tracer that exports to ``endpoint`` (otlp) or writes to ``stream`` (console); None where it is off.

    Raises `ConfigurationError` where OpenTelemetry is not installed.
    """
    if exporter == "off":
        return None
    try:
        if exporter == "console":
            from opentelemetry.sdk.trace.export import ConsoleSpanExporter

            out: SpanExporter = ConsoleSpanExporter(out=stream, formatter=lambda span: f"{span.to_json(indent=None)}\n")
        else:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            out = OTLPSpanExporter(endpoint=endpoint, timeout=_EXPORT_S)
    except ImportError:
        raise ConfigurationError(_INSTALL) from None
    _hear(on_trouble)
    return Tracer(provider_of(out), one_in)


def provider_of(exporter: SpanExporter) -> TracerProvider:
    """Return what hands spans to an exporter, on a thread of its own."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON

    resource = Resource.create({"service.name": "switch", "service.version": __version__})
    provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def _hear(on_trouble: Callable[[str], None]) -> None:
    """Have what OpenTelemetry complains of (a collector that is not there) told in our log and nowhere else."""

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            on_trouble(record.getMessage())

    theirs = logging.getLogger("opentelemetry")
    theirs.handlers[:] = [Ear(logging.WARNING)]
    theirs.propagate = False
