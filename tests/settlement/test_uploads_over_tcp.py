"""Batches that do not balance, from the terminal's line to what an operator reads: uploads that lose records or stop."""

from __future__ import annotations

from contextlib import closing
from itertools import count
from pathlib import Path

import trio

from switch.clock import wall_clock
from switch.ledger.batches_closed import Closed, batch_to_close, close_batch
from switch.ledger.batches_compared import Compared, compare_batches
from switch.ledger.database import open_database
from switch.ledger.ids import JournalIds
from switch.ledger.sessions import connector
from switch.ledger.settlement_reports import BatchLine, Upload, list_discrepancies, miscounted_uploads, settled_batches
from switch.messages.batch_fields import written_records
from switch.messages.dates import HostCalendar
from switch.messages.settlement import UploadedRecord
from switch.ruling import business_days
from switch.settlement.comparing import compared
from switch.wire.codec import Fields
from tests.terminals.test_whole_switch import VISA, ZONE, Till, a_till

NOTHING = "0" * 62


def told(till: Till, mti: str, code: str, content: str) -> Fields:
    """A message about the batch: ``code`` is 60.3, ``content`` field 48."""
    terminal = till.terminal
    named = {11: terminal.next_stan(), 41: terminal.terminal_id, 42: terminal.merchant_id}
    return {0: mti, **named, 48: content, 49: "156", 60: f"00{terminal.batch}{code}", 63: "01 "}


def settlement(till: Till) -> Fields:
    """Of a terminal that has forgotten what it sold."""
    return told(till, "0500", "201", NOTHING)


def upload(till: Till, *sales: Fields) -> Fields:
    records = tuple(UploadedRecord(False, sale[11], VISA, int(sale[4])) for sale in sales)
    return told(till, "0320", "201", written_records(records))


def end(till: Till, said: int) -> Fields:
    return told(till, "0320", "202", f"{said:04d}")


async def answers(till: Till, *messages: Fields) -> list[str]:
    return [(await till.ask(message, has_mac=message[0] == "0200")).code for message in messages]


def settled(url: str) -> tuple[Compared, list[BatchLine], list[Upload]]:
    """What an operator reads."""
    ids = count(1)
    with closing(open_database(url)) as database:
        found = compare_batches(database, compared, lambda: next(ids))
        with database.reading() as connection:
            lines = list_discrepancies(connection)
            return found, settled_batches(connection, 10), miscounted_uploads(connection, lines)


async def test_an_upload_that_lost_records_on_the_way_is_named(database: str, tmp_path: Path) -> None:
    async with a_till(database, tmp_path) as till:
        sales = [till.purchase(VISA, amount) for amount in (100, 200, 300)]
        codes = await answers(till, *sales, settlement(till), upload(till, sales[0]), last := end(till, 3))
        again = await answers(till, last, end(till, 9), upload(till, sales[1]))
    found, [batch], uploads = settled(database)

    assert (codes, again) == (["00"] * 6, ["00"] * 3)
    assert found == Compared(1, 2)
    assert (batch.state, batch.uploaded, batch.said) == ("closed", 1, 3)
    assert uploads == [Upload("TERM0005", "MERCHANT0000001", batch.batch, said=3, came=1)]
    assert settled(database)[0] == Compared(0, 0)


async def test_half_an_upload_and_silence_keeps_the_batch_waiting_for_the_rest(database: str, tmp_path: Path) -> None:
    async with a_till(database, tmp_path) as till:
        sales = [till.purchase(VISA, amount) for amount in (100, 200)]
        await answers(till, *sales, settlement(till), upload(till, sales[0]))
        first = till.terminal.batch
        signed_on = await till.sign_on()  # it was switched off and on
        refused = await answers(till, till.purchase(VISA))
        stopped = settled(database)
        resumed = await answers(till, settlement(till), upload(till, *sales), end(till, 2))
        await till.sign_on()
        sold = await answers(till, till.purchase(VISA))
    found, [batch], uploads = settled(database)

    assert (signed_on.fields[60][2:8], refused) == (first, ["95"])
    assert (stopped[0], stopped[1][0].state, stopped[1][0].uploaded) == (Compared(0, 0), "unbalanced", 1)
    assert (resumed, sold, till.terminal.batch) == (["00"] * 3, ["00"], f"{int(first) + 1:06d}")
    assert (found, batch.uploaded, batch.said, uploads) == (Compared(1, 0), 2, 2, [])


async def test_an_operator_closes_a_batch_beside_the_switch_and_the_late_terminal_changes_nothing(
    database: str, tmp_path: Path
) -> None:
    async with a_till(database, tmp_path) as till:
        sales = [till.purchase(VISA, amount) for amount in (100, 200)]
        await answers(till, *sales, settlement(till), upload(till, sales[0]))
        first = till.terminal.batch
        closed = await trio.to_thread.run_sync(closed_by_hand, database)
        late = await answers(till, till.purchase(VISA), upload(till, *sales), end(till, 2), settlement(till))
        found, [batch], uploads = settled(database)
        await till.sign_on()
        sold = await answers(till, till.purchase(VISA))

    assert (closed.is_new, closed.uploaded) == (True, 1)
    assert late == ["77", "00", "00", "00"]
    assert found == Compared(1, 1)
    assert (batch.batch, batch.state, batch.uploaded, batch.said, uploads) == (first, "closed", 1, None, [])
    assert int(till.terminal.batch) == int(first) + 1
    assert sold == ["00"]


def closed_by_hand(url: str) -> Closed:
    with closing(open_database(url)) as database:
        batch = batch_to_close(database, "TERM0005")
        business_day = business_days("00:00", HostCalendar(ZONE))
        return close_batch(connector(database), business_day, batch, wall_clock, JournalIds(wall_clock))
