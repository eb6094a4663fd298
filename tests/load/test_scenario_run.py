"""Scenarios against our own switch, over TCP, with its books held against the wire."""

from __future__ import annotations

from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import trio

from switch.app import run
from switch.clock import wall_clock
from switch.config import Address, AdminSettings, KeySettings, LedgerSettings, ListenerSettings, Settings
from switch.errors import OperatorError
from switch.ledger.audit import audit, snapshot
from switch.ledger.database import open_database
from switch.load.booking import WireAgainstBooks
from switch.load.descriptors import make_room
from switch.load.engine import NobodyListens
from switch.load.key_pair import KeyPair
from switch.load.plan import Target
from switch.load.scenario import Scenario, changed, load_scenario
from switch.load.scenario_run import KNEE_LIMITS, Asked, Crew, Drive, at_rate
from switch.reports.results import Results
from switch.reports.verdict import verdict
from switch.security.demo_keys import DEMO_TERMINAL_MASTER
from switch.security.keys import load_keys, write_fresh_keys
from switch.security.vault import Vault
from switch.tools.demo import load_data
from switch.tools.demo_keys import load_demo_keys
from switch.wire.dialect import load_dialect

DEADLINE_S = 60.0
EVERY_FAULT = {
    **dict.fromkeys(("half_frame", "malformed", "dropped_connection", "bad_mac"), 0.08),
    **dict.fromkeys(("duplicate_stan", "repeat", "late_reversal"), 0.08),
    "slow_reader": 0.02,
    "hold_s": 0.05,
}


@pytest.fixture
def settings(sqlite_database: str, tmp_path: Path) -> Settings:
    """A switch with the demo's data, whose listeners are on free ports."""
    keys = tmp_path / "keys.toml"
    write_fresh_keys(keys)
    here = Address("127.0.0.1", 0)
    dialects = ("unionpay-pos", "iso8583-1987-ascii")
    found = Settings(
        listeners=tuple(ListenerSettings(name=name, dialect=name, bind=here) for name in dialects),
        ledger=LedgerSettings(database=sqlite_database),
        keys=KeySettings(file=keys),
        admin=AdminSettings(bind=here),
    )
    load_data(found)
    load_demo_keys(found)
    return found


def quick(name: str, **changes: Any) -> Scenario:
    """A scenario, over in a second."""
    return changed(load_scenario(name), {"duration_s": 1, "warm_up_s": 0, "connections": 4, **changes})


async def played(settings: Settings, *scenarios: Scenario) -> list[Results]:
    """What each scenario comes to, one after the other, its approvals held against the books."""
    results = []
    with trio.fail_after(DEADLINE_S):
        async with trio.open_nursery() as nursery:
            running = await nursery.start(lambda **started: run(settings, clock=wall_clock, log=StringIO(), **started))
            for scenario in scenarios:
                dialect = load_dialect(scenario.dialect)
                host, port = running.listeners[scenario.dialect]
                target = Target(host, port, dialect)
                crew = Crew(Asked(scenario, target, KeyPair(DEMO_TERMINAL_MASTER)))
                await crew.sign_on()
                assert [*crew.notes()] == []
                with WireAgainstBooks(settings.ledger.database, dialect) as books:
                    drive = Drive(crew, books=books)
                    await drive.run()
                    results.append(drive.results())
            running.drain()
    return results


def broken(settings: Settings) -> list[str]:
    """Invariants of the books that do not hold."""
    with closing(open_database(settings.ledger.database)) as books, snapshot(books) as connection:
        findings = audit(connection, Vault(load_keys(settings.keys.file)))
    return [f"{finding.invariant} {finding.offenders}" for finding in findings if not finding.holds]


async def test_a_switch_survives_abuse_and_serves_the_next_customer_and_loses_and_doubles_nothing(
    settings: Settings,
) -> None:
    abuse = quick("abuse", faults=EVERY_FAULT, arrival={"rate": 150}, limits={"error_share": 0})

    abused, after = await played(settings, abuse, quick("purchase", arrival={"rate": 20}, limits={"error_share": 0}))

    assert set(abused.faults_sent) == set(EVERY_FAULT) - {"hold_s"}
    assert [limit for limit in abused.limits if not limit.held] == []
    assert abused.books is not None
    assert abused.books.agree, abused.books
    assert abused.books.approvals_on_wire > 80
    assert after.answers == {"00": 20}
    assert verdict(after).exit_status == 0
    assert broken(settings) == []


async def test_a_day_of_terminals_is_approved_and_agrees_with_the_books(settings: Settings) -> None:
    day = quick("unionpay-day", arrival={"shape": "constant", "rate": 250}, faults={}, limits={"approved_share": 1})

    (found,) = await played(settings, day)

    assert found.answers == {"00": 250}
    assert found.books is not None
    assert found.books.agree, found.books
    assert broken(settings) == []


async def test_connections_that_say_nothing_are_opened_too(settings: Settings) -> None:
    idle = quick("idle", connections=120, arrival={"rate": 20}, limits={"error_share": 0})

    (found,) = await played(settings, idle)

    assert found.connections == 120
    assert found.answers == {"00": 20}


async def test_a_master_key_that_opens_nothing_is_told_and_macs_are_left_out(settings: Settings) -> None:
    scenario = quick("unionpay-day", arrival={"shape": "constant", "rate": 20}, faults={})
    with trio.fail_after(DEADLINE_S):
        async with trio.open_nursery() as nursery:
            running = await nursery.start(lambda **started: run(settings, clock=wall_clock, log=StringIO(), **started))
            host, port = running.listeners["unionpay-pos"]
            target = Target(host, port, load_dialect("unionpay-pos"))
            crew = Crew(Asked(scenario, target, KeyPair(bytes(range(16)))))
            await crew.sign_on()
            drive = Drive(crew)
            await drive.run()
            running.drain()

    assert [*crew.notes()] == ["note: 3 terminals were given no keys that --keys opens: they send no MACs"]
    assert drive.results().answers == {"00": 20}


async def test_nobody_listening_is_told_before_anything_is_sent() -> None:
    target = Target("127.0.0.1", 1, load_dialect("iso8583-1987-ascii"))

    with pytest.raises(NobodyListens, match=r"nobody listens on 127\.0\.0\.1:1"):
        await Drive(Crew(Asked(quick("purchase"), target, KeyPair(b"")))).run()


def test_a_step_of_a_search_is_at_one_rate_without_faults_and_held_to_something() -> None:
    step = at_rate(quick("abuse", limits={"approved_share": 0.5}), 300, 5)

    assert (step.arrival.highest, step.duration_s, step.faults.shares) == (300, 5, {})
    assert step.arrival.is_poisson
    assert step.limits == KNEE_LIMITS
    assert at_rate(quick("abuse", limits={"p99_ms": 7}), 300, 5).limits.p99_ms == 7


def test_a_search_goes_no_further_than_terminals_that_think_can_send() -> None:
    target = Target("127.0.0.1", 1, load_dialect("iso8583-1987-ascii"))
    thinking = {"pattern": "SHOP####", "count": 100, "think_s": 0.5}

    assert Crew(Asked(quick("purchase", terminals=thinking), target, KeyPair(b""))).highest_rate == 200
    assert Crew(Asked(quick("purchase"), target, KeyPair(b""))).highest_rate == float("inf")


def test_a_mac_key_of_the_file_is_for_terminals_whose_dialect_gives_none_out() -> None:
    keys = KeyPair(bytes(range(16)), bytes(range(16, 32)))
    iso, unionpay = (
        Crew(Asked(quick(name), Target("127.0.0.1", 1, load_dialect(dialect)), keys))
        for name, dialect in (("purchase", "iso8583-1987-ascii"), ("abuse", "unionpay-pos"))
    )

    assert all(till.mac is not None for till in iso.tills)
    assert all(till.mac is None for till in unionpay.tills)


def test_more_connections_than_the_system_allows_are_refused_with_what_helps() -> None:
    with pytest.raises(OperatorError, match=r"need 1000000128 file descriptors, .* raise the hard limit"):
        make_room(1_000_000_000)
