"""Maintenance mode on running switches: two processes' worth of them, on one set of books, over TCP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from io import StringIO
from itertools import count
from pathlib import Path

import trio

from switch.app import Running, run
from switch.chores import MaintenanceWatch
from switch.config import Address, AdminSettings, KeySettings, LedgerSettings, ListenerSettings, Settings
from switch.ledger.database import open_database
from switch.ledger.maintenance import OFF, Maintenance, set_maintenance
from switch.security.keys import write_fresh_keys
from switch.telemetry import EventLog, configure_logging
from switch.tools.client import Client, connect
from switch.tools.demo import load_data
from switch.tools.simulated_card import TC
from switch.wire.codec import Fields
from tests.app.test_readiness import readyz
from tests.load.hosts import ISO
from tests.load.switches import sale_of_today
from tests.terminals.test_whole_switch import VISA, a_chip_card, a_till

DEADLINE_S = 60.0
ON = Maintenance(True, "Back at noon.", "中午恢复。")


@asynccontextmanager
async def switches(database: str, folder: Path, number: int) -> AsyncIterator[list[Running]]:
    """Serve the demo's books by so many switches at once while the block runs."""
    keys, anywhere = folder / "keys.toml", Address("127.0.0.1", 0)
    write_fresh_keys(keys)
    settings = Settings(
        ledger=LedgerSettings(database=database),
        listeners=(ListenerSettings(name="door", dialect=ISO.name, bind=anywhere),),
        admin=AdminSettings(bind=anywhere, console=False),
        keys=KeySettings(file=keys),
    )
    load_data(settings)
    with trio.fail_after(DEADLINE_S):
        async with trio.open_nursery() as nursery:
            started = [
                await nursery.start(lambda task_status: run(settings, log=StringIO(), task_status=task_status))
                for _ in range(number)
            ]
            yield started
            nursery.cancel_scope.cancel()


def put(database: str, wanted: Maintenance) -> None:
    with closing(open_database(database)) as books, books.writing() as connection:
        set_maintenance(connection, wanted)


async def until(client: Client, code: str, stans: Iterator[int]) -> None:
    """Sell until it is answered so: the switch looks once a second. For a cent, lest a fast one empties the account."""
    while (await client.ask(sale_of_today(next(stans), 1)))[39] != code:
        await trio.lowlevel.checkpoint()


def about(sale: Fields, mti: str, **fields: str) -> Fields:
    return dict(sorted((sale | {0: mti} | {int(name[1:]): text for name, text in fields.items()}).items()))


async def test_every_switch_declines_what_is_new_takes_what_has_happened_and_comes_back(
    database: str, tmp_path: Path
) -> None:
    stans = count(1)
    async with (
        switches(database, tmp_path, 2) as both,
        connect(ISO, *both[0].listeners["door"]) as one,
        connect(ISO, *both[1].listeners["door"]) as other,
    ):
        sale, undone = sale_of_today(next(stans), 1), sale_of_today(next(stans), 1)
        before = [(await one.ask(each))[39] for each in (sale, undone)]
        put(database, ON)
        for client in (one, other):
            await until(client, "91", stans)
        ready = [await readyz(each.admin) for each in both]
        repeat = await other.ask(sale)
        original = f"0200{undone[11]}{undone[7]}" + "0" * 22
        reversal = await one.ask(about(undone, "0400", f90=original))
        declined = sale_of_today(next(stans), 1)
        refused = await one.ask(declined)
        echo = await one.ask({0: "0800", 7: sale[7], 11: "999999", 70: "301"})
        put(database, OFF)
        for client in (one, other):
            await until(client, "00", stans)
        again = await one.ask(declined)

    assert before == ["00", "00"]
    assert all("200" in line for line in ready)
    assert (repeat[39], reversal[39], refused[39], echo[39]) == ("00", "00", "91", "00")
    assert again[39] == "91"  # its own answer, as it was decided: who wants it anew sends it anew


async def test_a_switch_that_starts_in_maintenance_lets_nothing_new_in(sqlite_database: str, tmp_path: Path) -> None:
    put(sqlite_database, ON)

    async with switches(sqlite_database, tmp_path, 1) as (only,), connect(ISO, *only.listeners["door"]) as client:
        answer = await client.ask(sale_of_today(1))

    assert answer[39] == "91"


async def test_books_that_cannot_be_read_change_nothing_and_are_told_once(tmp_path: Path) -> None:
    log = StringIO()

    with closing(open_database(f"sqlite:///{tmp_path}/empty.db")) as database:
        watch = MaintenanceWatch(database, trio.to_thread.run_sync, EventLog(configure_logging("json", "info", log)))
        watch.is_on = True
        for _ in range(3):
            await watch.look()

    assert watch.is_on
    assert len(log.getvalue().splitlines()) == 1


async def test_a_unionpay_terminal_is_told_to_wait_signs_on_and_tells_what_its_chip_approved(
    sqlite_database: str, tmp_path: Path
) -> None:
    async with a_till(sqlite_database, tmp_path) as till:
        put(sqlite_database, ON)
        while (await till.ask(till.purchase(VISA, 1))).code != "90":
            await trio.lowlevel.checkpoint()
        signed_on = await till.sign_on()
        offline = await till.ask(till.with_chip(a_chip_card(), decides=TC))
        declined = await till.ask(till.purchase(VISA, 1))

    assert (signed_on.code, offline.code, declined.code) == ("00", "00", "90")
    assert declined.has_mac
