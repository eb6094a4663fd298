from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.telemetry import (
    LINES_MAX,
    STRANGERS_PER_SECOND,
    EventLog,
    LogFormat,
    LogLevel,
    TransactionLog,
    configure_logging,
)
from switch.values import Pan

PAN = "4111111111111111"
TRACE = "0af7651916cd43dd8448eb211c80319c"


def transaction(log: TransactionLog, **changes: Any) -> None:
    fields: dict[str, Any] = {
        "listener": "iso8583",
        "kind": "purchase",
        "action": "approved",
        "standing": "first",
        "terminal_id": "TERM0001",
        "merchant_id": "MERCHANT0000001",
        "stan": "000042",
        "rrn": "532400000042",
        "pan": Pan(PAN),
        "amount_minor": 1000,
        "currency": "156",
        "because": "",
        "duration_s": 0.0125,
    }
    log.write(**(fields | changes))


def line(log_format: LogFormat, **changes: Any) -> str:
    stream = io.StringIO()
    log = TransactionLog(log_format, "info", stream)
    transaction(log, **changes)
    log.flush()
    return stream.getvalue()


def test_a_json_line_holds_what_an_operator_asks_for() -> None:
    fields = json.loads(line("json", action="insufficient_funds", because="10.00 of 5.00 left"))

    del fields["at"]
    assert fields == {
        "level": "info",
        "event": "transaction",
        "listener": "iso8583",
        "kind": "purchase",
        "action": "insufficient_funds",
        "standing": "first",
        "terminal": "TERM0001",
        "merchant": "MERCHANT0000001",
        "stan": "000042",
        "rrn": "532400000042",
        "card": "411111******1111",
        "amount_minor": 1000,
        "currency": "156",
        "because": "10.00 of 5.00 left",
        "duration_ms": 12.5,
    }


def test_a_console_line_reads_like_a_sentence() -> None:
    text = line("console", action="insufficient_funds", standing="repeat", because="10.00 of 5.00 left")

    assert text.partition(" ")[2] == (
        "iso8583 TERM0001 MERCHANT0000001 purchase #000042 411111******1111 10.00 CNY"
        " -> insufficient_funds (repeat): 10.00 of 5.00 left [rrn 532400000042 12.5 ms]\n"
    )


def test_a_traced_request_names_its_trace() -> None:
    assert json.loads(line("json", trace_id=TRACE))["trace_id"] == TRACE
    assert line("console", trace_id=TRACE).endswith(f"[rrn 532400000042 12.5 ms trace {TRACE}]\n")


@given(text=st.text())
def test_whatever_a_peer_writes_the_json_line_is_one_line_of_json(text: str) -> None:
    written = line("json", terminal_id=text, merchant_id=text, stan=text, rrn=text, currency=text)

    assert written.count("\n") == 1
    assert json.loads(written)["terminal"] == text


@given(text=st.text())
def test_whatever_a_peer_writes_the_console_line_is_plain_ascii(text: str) -> None:
    written = line("console", terminal_id=text, merchant_id=text, stan=text, rrn=text, currency=text)

    assert written[:-1].isprintable()
    assert written.isascii()


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_line_never_shows_a_whole_card_number(log_format: LogFormat) -> None:
    assert PAN not in line(log_format)


def test_a_request_without_card_and_amount_is_logged_too() -> None:
    fields = json.loads(line("json", kind="echo", pan=None, amount_minor=None, currency=""))

    assert (fields["card"], fields["amount_minor"]) == ("", None)
    assert "echo #000042  -> approved" in line("console", kind="echo", pan=None, amount_minor=None, currency="")


@pytest.mark.parametrize(("level", "written"), [("debug", True), ("info", True), ("warning", False), ("error", False)])
def test_the_level_decides_whether_transactions_are_written(level: LogLevel, written: bool) -> None:  # noqa: FBT001
    stream = io.StringIO()
    log = TransactionLog("json", level, stream)

    transaction(log)
    log.flush()

    assert bool(stream.getvalue()) is written
    assert log.enabled is written


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_events_go_to_the_stream_they_were_configured_for(log_format: LogFormat) -> None:
    stream = io.StringIO()
    events = EventLog(configure_logging(log_format, "info", stream))

    events.listening("iso8583", "iso8583-1987-ascii", "127.0.0.1:8583")
    events.unexpected("session", ValueError("oops"))

    text = stream.getvalue()
    assert "listening" in text
    assert "127.0.0.1:8583" in text
    assert "ValueError: oops" in text


def test_an_event_below_the_level_is_not_written() -> None:
    stream = io.StringIO()
    events = EventLog(configure_logging("json", "error", stream))

    events.draining(10.0)
    events.commit_failed(3, "OperationalError")

    assert [json.loads(one)["event"] for one in stream.getvalue().splitlines()] == ["commit failed"]


def test_what_strangers_cause_is_sampled_and_the_rest_is_counted() -> None:
    stream = io.StringIO()
    now = [0.0]
    events = EventLog(configure_logging("json", "info", stream), clock=lambda: now[0])

    for _ in range(STRANGERS_PER_SECOND + 7):
        events.undecodable("iso8583", "127.0.0.1", "4", 30, "letters in a number")
    now[0] = 1.0
    events.connection_refused("iso8583", "127.0.0.1", "address_cap")

    written = [json.loads(one) for one in stream.getvalue().splitlines()]
    assert len(written) == STRANGERS_PER_SECOND + 1
    assert written[-1]["suppressed_before"] == 7


def test_the_life_of_the_process_is_told() -> None:
    stream = io.StringIO()
    events = EventLog(configure_logging("json", "info", stream))

    events.started("sqlite:///books.sqlite3")
    events.frame_refused("iso8583", "127.0.0.1", "too_long", "9000 bytes")
    events.commit_unknown(3, "OperationalError")
    events.stopped(unfinished=0)

    assert [json.loads(one)["event"] for one in stream.getvalue().splitlines()] == [
        "started",
        "frame refused",
        "commit of unknown fate",
        "stopped",
    ]


def test_lines_never_pile_up_without_a_group_to_end_them() -> None:
    stream = io.StringIO()
    log = TransactionLog("json", "info", stream)

    for _ in range(LINES_MAX):
        transaction(log)

    assert stream.getvalue().count("\n") == LINES_MAX
