"""A running switch settles its days in a process beside it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from io import StringIO
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
import trio

from switch.chores import Chores, Settled, SettlingProcess
from switch.config import ChoreSettings
from switch.decisions import Outcome
from switch.errors import OperatorError
from switch.ledger import schema
from switch.ledger.audit_days import DAYS
from switch.ledger.ids import JournalIds
from switch.messages.model import Request
from switch.telemetry import EventLog, configure_logging
from tests.ledger.closed_days import MAKER, close, offenders, second_merchant, settle, trade
from tests.ledger.shop import NOON, TODAY, Shop

UTC = ZoneInfo("UTC")

_T = TypeVar("_T")

FOR_EVER = (sys.executable, "-c", "import time; time.sleep(3600)")
BROKEN = (sys.executable, "-c", "import os; os._exit(7)")
NO_PROGRAM = ("/there/is/no/such/program",)
SILENT = (sys.executable, "-c", "")
CHATTY = (sys.executable, "-c", "import sys; sys.stderr.write('x' * 1_000_000); sys.exit(2)")


@pytest.fixture
def day(shop: Shop) -> Shop:
    """A day of two merchants that is closed, and not settled."""
    second_merchant(shop)
    trade(shop)
    close(shop)
    return shop


async def in_place(function: Callable[[], _T]) -> _T:
    return function()


class Idle:
    """A ledger that nothing is asked of."""

    def submit(self, _request: Request, _deliver: Callable[[Outcome], None], _expires_at: int) -> bool:
        return False


async def look(shop: Shop, *command: str, times: int = 1) -> list[dict[str, Any]]:
    """Look after the day with a process of its own; return the events of the log."""
    log = StringIO()
    events = EventLog(configure_logging("json", "info", log))
    settler = SettlingProcess(shop.database.url, UTC, command) if command else SettlingProcess(shop.database.url, UTC)
    plans, ids = MAKER, JournalIds(lambda: NOON)
    of_day = shop.database, Idle(), in_place, lambda: NOON, lambda _: TODAY, plans, ids, events, settler
    chores = Chores(ChoreSettings(), *of_day)
    for _ in range(times):
        await chores.look()
    return [json.loads(line) for line in log.getvalue().splitlines()]


async def test_a_day_is_settled_beside_the_switch_once_and_its_log_says_so(day: Shop) -> None:
    events = await look(day, times=2)

    assert [event["event"] for event in events] == ["day settled"]
    assert (events[0]["statements"], events[0]["differences"]) == (2, 0)
    assert settle(day).statements == 0
    assert offenders(day.database, DAYS) == []


async def test_terms_that_make_no_sense_are_told_in_the_switches_log(day: Shop) -> None:
    with day.database.writing() as connection:
        connection.execute(sa.update(schema.merchant).values(fee_plan="forgotten"))

    events = await look(day)

    assert [event["event"] for event in events] == ["day not settled"]
    assert events[0]["because"].startswith("merchant M1: there is no such fee plan")


async def test_a_process_that_fails_is_named_and_the_next_look_settles_the_day(day: Shop) -> None:
    events = await look(day, *BROKEN)

    assert "ended with status 7" in events[0]["because"]
    assert await SettlingProcess(day.database.url, UTC)(TODAY) == Settled(2, 0)


@pytest.mark.parametrize(
    ("command", "because"), [(NO_PROGRAM, "cannot be started"), (SILENT, "did not say what it did")]
)
async def test_a_switch_serves_on_where_no_process_settles_its_days(
    day: Shop, command: tuple[str, ...], because: str
) -> None:
    events = await look(day, *command, times=2)

    assert [event["event"] for event in events] == ["day not settled"] * 2
    assert because in events[0]["because"]


async def test_a_process_that_complains_without_end_fills_no_log(day: Shop) -> None:
    [event] = await look(day, *CHATTY)

    assert len(event["because"]) <= 4_096


async def test_two_switches_settle_one_day_once(day: Shop) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(look, day)
        nursery.start_soon(look, day)

    assert settle(day).statements == 0
    assert offenders(day.database, DAYS) == []


async def test_a_process_ends_with_the_switch(day: Shop) -> None:
    """It is given up in the middle: the scope can only be left when the process has ended."""
    settler = SettlingProcess(day.database.url, UTC, FOR_EVER)

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(settler, TODAY)
            await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()

    assert settle(day).statements == 2


async def test_a_process_whose_switch_is_gone_ends_by_itself(day: Shop) -> None:
    """Here the pipe is closed before the books are named: nothing is begun."""
    command = [sys.executable, "-m", "switch", "settlement", "settle-closed", f"{TODAY}", "--zone", "UTC"]

    done = await trio.run_process(command, stdin=b"\n", capture_stdout=True, capture_stderr=True, check=False)

    assert done.returncode != 0
    assert done.stdout == b""
    assert settle(day).statements == 2


async def test_a_day_that_is_still_open_is_refused(shop: Shop) -> None:
    with pytest.raises(OperatorError, match="is no business day of these books"):
        await SettlingProcess(shop.database.url, UTC)(TODAY)
