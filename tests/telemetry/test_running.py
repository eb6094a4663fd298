"""The metrics of a switch that runs: bounded whatever terminals say, well-formed, and telling of lost answers."""

from __future__ import annotations

import json
import random
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from io import StringIO
from pathlib import Path

import pytest
import trio
from prometheus_client.parser import text_string_to_metric_families

from switch import __version__
from switch.app import Running, run
from switch.config import LogSettings, Settings, TracingSettings
from switch.ledger.glance import TERMINAL_STATUSES
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.verdicts import Finding
from switch.telemetry.hops import HOPS
from switch.transactions.table import TABLE
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import load_dialect
from tests.admin.http import ask
from tests.scenarios.stage import Clock, install
from tests.scenarios.transcript import Transcript
from tests.terminals.door import NOON, PURCHASES
from tests.terminals.test_fuzz import mutant, pester

SERIES_MAX = 2_000
"""What this traffic of four listeners makes at most; one more label that a terminal can fill would pass it."""

MESSAGES = 160

RULES = {rule.name for row in TABLE.values() for rule in row.ladder}
WORDS: dict[str, set[str]] = {
    "listener": set(PURCHASES),
    "kind": {*Kind, "unknown"},
    "action": {*Action, "none"},
    "standing": {"repeat", "conflict", "shed", "unknown"},
    "rule": {*RULES, "posting"},
    "finding": {*Finding},
    "what": {"pin", "card_code", "track_code", "cryptogram", "password"},
    "hop": {*HOPS},
    "generation": {"0", "1", "2"},
    "status": {*TERMINAL_STATUSES},
    "currency": {"156"},
    "version": {__version__},
    "python": {sys.version.split()[0]},
    "reason": {
        "total", "address", "out_of_files", "peer", "reset", "drained", "idle", "incomplete", "slow_reader", "fault",
        "undecodable", "too_long", "too_short", "bad_length", "missing", "wrong", "queue_full", "too_old",
        "unsaid", "no_answer", "bad_answer", "device_fault", "customer", "other",
    },
}  # fmt: skip


@pytest.fixture
def installed(sqlite_database: str, tmp_path: Path) -> tuple[Settings, Clock]:
    """A switch with a listener for each dialect, its terminal T1 and a card."""
    clock = Clock()
    books = Transcript("live", cards={"C1": {"balance": "1000.00"}})
    settings = install(books, sqlite_database, "iso8583-1987-ascii", tmp_path, clock)
    clock.now = NOON
    listeners = tuple(
        settings.listeners[0].model_copy(update={"name": name, "dialect": name}) for name in sorted(PURCHASES)
    )
    return settings.model_copy(update={"listeners": listeners}), clock


@asynccontextmanager
async def running(installed: tuple[Settings, Clock], log: StringIO | None = None) -> AsyncIterator[Running]:
    settings, clock = installed
    said = log if log is not None else StringIO()
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            up = await nursery.start(lambda task_status: run(settings, clock=clock, log=said, task_status=task_status))
            yield up
            up.drain()
            await up.ended.wait()


def hostile(dialect: str, stan: int, chance: random.Random) -> Fields:
    """A message whose every name, reason and reference is the sender's own invention."""
    text = "".join(chance.choices("0123456789ABCXYZ-._ ", k=15))
    mti = chance.choice(("200", "200", "400", "400", "100", "220", "320", "500", "800"))
    own = {0: PURCHASES[dialect][0][0] + mti, 3: f"{chance.randrange(10**6):06d}", 11: f"{stan:06d}"}
    changes = chance.choice(
        (
            {},
            {41: text[:8]},
            {42: text},
            {49: f"{chance.randrange(1000):03d}"},
            {39: text[:2]} if dialect != "iso8583-1993-ascii" else {25: f"{chance.randrange(10**4):04d}"},
            {37: text[:12]},
        )
    )
    known = {3: "000000"} if chance.random() < 0.5 else {}
    fields = {**PURCHASES[dialect], **own, **known, **changes}
    return {number: fields[number] for number in sorted(fields)}


async def send(address: tuple[str, int], dialect: str, *messages: Fields) -> None:
    """Send messages on one connection, each answered before the next where it is answered at all."""
    spoken = load_dialect(dialect)
    codec = Codec(spoken)
    async with await trio.open_tcp_stream(*address) as stream:
        for fields in messages:
            await stream.send_all(spoken.framing.wrap_request(codec.encode(fields), b""))
            with trio.move_on_after(2):
                if not await stream.receive_some(65_536):
                    return


async def scraped(up: Running, path: str = "/metrics") -> str:
    async with await trio.open_tcp_stream(*up.admin) as stream:
        return (await ask(stream, path)).body


def sample(text: str, series: str) -> float | None:
    found = [line.rpartition(" ")[2] for line in text.splitlines() if line.startswith(f"{series} ")]
    return float(found[0]) if found else None


async def until(up: Running, series: str, value: float) -> str:
    """Scrape until a series has this value; the test's deadline ends it."""
    while sample(text := await scraped(up), series) != value:
        await trio.lowlevel.checkpoint()
    return text


def labels_of(text: str) -> Iterator[tuple[str, str, str]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            for label, value in sample.labels.items():
                yield family.name, label, value


async def test_no_message_makes_a_series_of_its_own(installed: tuple[Settings, Clock]) -> None:
    chance = random.Random(8583)
    async with running(installed) as up:
        for name, address in up.listeners.items():
            await send(address, name, *(hostile(name, stan, chance) for stan in range(MESSAGES)))
            spoken = load_dialect(name)
            for stan in range(MESSAGES // 8):
                fields = {**PURCHASES[name], 11: f"{stan + 500:06d}"}
                await pester(address, mutant(spoken.framing, Codec(spoken), fields, chance))
        text = await scraped(up)

    strange = {found for found in labels_of(text) if found[1] != "le" and found[2] not in WORDS[found[1]]}
    assert strange == set()
    series = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(series) < SERIES_MAX
    assert len({line for line in series if line.startswith("switch_rule_refusals_total{")}) > 3
    assert [line for line in series if line.startswith("switch_reversals_total{")] != []


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed: apt-get install prometheus")
async def test_promtool_finds_nothing_to_complain_of(installed: tuple[Settings, Clock]) -> None:
    async with running(installed) as up:
        for name, address in up.listeners.items():
            await send(address, name, *({**PURCHASES[name], 11: f"{stan:06d}"} for stan in range(1, 40)))
        text = await scraped(up)

    done = await trio.run_process(
        ["promtool", "check", "metrics"], stdin=text.encode(), capture_stdout=True, capture_stderr=True, check=False
    )
    assert (done.returncode, (done.stdout + done.stderr).decode()) == (0, "")
    timed = [hop for hop in HOPS if sample(text, f'switch_hop_duration_seconds_count{{hop="{hop}"}}')]
    assert timed == [hop for hop in HOPS if hop != "security"]  # there is no master key


async def test_figures_of_the_books_are_there_soon_after_the_start(installed: tuple[Settings, Clock]) -> None:
    async with running(installed) as up:
        text = await until(up, "switch_books_looked_at_timestamp_seconds", NOON / 1e6)

    assert sample(text, "switch_ledger_imbalance_minor") == 0
    assert sample(text, 'switch_money_at_risk_minor{currency="156"}') == 0
    assert sample(text, "switch_money_at_risk_payments") == 0
    assert sample(text, 'switch_terminals{status="active"}') == 1
    assert sample(text, "switch_maintenance") == 0
    assert (sample(text, "switch_database_size_bytes") or 0) > 100_000
    assert (sample(text, "switch_disk_free_bytes") or 0) > 0
    assert sample(text, "switch_audit_age_seconds") is None  # there was none yet
    assert sample(text, "switch_console_up") is None  # nobody asked for a page
    assert sample(text, "switch_certificate_expiry_timestamp_seconds") is None  # there is none


async def test_a_terminal_is_connected_from_its_first_known_request_to_the_end_of_its_connection(
    installed: tuple[Settings, Clock],
) -> None:
    name = "iso8583-1987-ascii"
    series = f'switch_terminals_connected{{listener="{name}"}}'
    spoken = load_dialect(name)
    codec = Codec(spoken)
    async with running(installed) as up:
        async with await trio.open_tcp_stream(*up.listeners[name]) as stream:
            found = []
            for stan, terminal_id in ((1, "STRANGER"), (2, "TERM0001"), (3, "TERM0001")):
                fields = {**PURCHASES[name], 11: f"{stan:06d}", 41: terminal_id}
                await stream.send_all(spoken.framing.wrap_request(codec.encode(fields), b""))
                assert await stream.receive_some(65_536)
                found.append(sample(await scraped(up), series))
        await until(up, series, 0)

    assert found == [0, 1, 1]


async def test_a_traced_request_says_in_the_log_which_trace_is_its_own_and_no_span_names_a_card(
    installed: tuple[Settings, Clock],
) -> None:
    pytest.importorskip("opentelemetry.sdk", reason="no OpenTelemetry here")
    settings, clock = installed
    traced = {"tracing": TracingSettings(exporter="console", one_in=1), "log": LogSettings(format="json")}
    name, log = "iso8583-1987-ascii", StringIO()
    async with running((settings.model_copy(update=traced), clock), log) as up:
        await send(
            up.listeners[name], name, PURCHASES[name], {**PURCHASES[name], 41: "41111111", 42: "111111112345678"}
        )

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    requests = [line for line in lines if line.get("event") == "transaction"]
    spans = [line for line in lines if "context" in line]
    roots = [span for span in spans if span["parent_id"] is None]
    assert [(root["name"], root["attributes"]["switch.action"]) for root in roots] == [
        ("purchase", "approved"), ("purchase", "terminal_unknown"),
    ]  # fmt: skip
    assert [f"0x{request['trace_id']}" for request in requests] == [root["context"]["trace_id"] for root in roots]
    assert {span["name"] for span in spans} == {"purchase", *HOPS} - {"security"}
    assert "4111" not in json.dumps(spans)
