"""Traces are exact, say nothing of cards, and cost nothing where they are off."""

from __future__ import annotations

import json
import subprocess
import sys
from io import StringIO

import pytest

from switch.telemetry.hops import Hop
from switch.telemetry.tracing import Tracer, open_tracer, provider_of

memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter", reason="no OpenTelemetry here")

HOPS = [Hop("decode", 10.0, 10.001), Hop("queue", 10.001, 10.004), Hop("commit", 10.004, 10.010)]


def test_a_request_is_a_span_with_its_hops_as_children() -> None:
    exporter = memory.InMemorySpanExporter()
    tracer = Tracer(provider_of(exporter), one_in=1)

    trace_id = tracer.trace("purchase", HOPS, {"switch.listener": "door"})
    tracer.close()

    *children, request = exporter.get_finished_spans()
    assert (request.name, dict(request.attributes), request.status.is_ok) == (
        "purchase", {"switch.listener": "door"}, True,
    )  # fmt: skip
    assert [child.name for child in children] == ["decode", "queue", "commit"]
    assert {child.parent.span_id for child in children} == {request.context.span_id}
    assert {f"{span.context.trace_id:032x}" for span in (*children, request)} == {trace_id}
    assert request.end_time - request.start_time == pytest.approx(10_000_000, abs=2)
    assert [child.end_time - child.start_time for child in children] == [
        pytest.approx(length, abs=2) for length in (1_000_000, 3_000_000, 6_000_000)
    ]
    assert children[-1].end_time == request.end_time


def test_a_request_without_an_answer_is_an_error() -> None:
    exporter = memory.InMemorySpanExporter()
    tracer = Tracer(provider_of(exporter), one_in=1)

    tracer.trace("purchase", HOPS, {}, failed=True)
    tracer.close()

    assert exporter.get_finished_spans()[-1].status.status_code.name == "ERROR"


def test_the_console_gets_one_line_of_json_for_each_span() -> None:
    stream = StringIO()
    tracer = open_tracer("console", "", 1, stream, print)
    assert tracer is not None

    tracer.trace("purchase", HOPS, {})
    tracer.close()

    assert [json.loads(line)["name"] for line in stream.getvalue().splitlines()] == [
        "decode", "queue", "commit", "purchase",
    ]  # fmt: skip


def test_a_collector_that_is_not_there_is_told_in_the_log_and_holds_up_nothing() -> None:
    troubles: list[str] = []
    tracer = open_tracer("otlp", "http://127.0.0.1:1/v1/traces", 1, StringIO(), troubles.append)
    assert tracer is not None

    tracer.trace("purchase", HOPS, {})
    tracer.close()

    assert troubles


def test_tracing_that_is_off_is_no_tracer_and_imports_nothing() -> None:
    code = (
        "import sys, io; from switch.telemetry import open_tracer; import switch.app\n"
        "assert open_tracer('off', '', 1, io.StringIO(), print) is None\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]"
    )

    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")


def test_tracing_brings_no_second_event_loop() -> None:
    code = (
        "import sys; from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter\n"
        "import opentelemetry.sdk.trace.export; assert 'asyncio' not in sys.modules"
    )

    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
