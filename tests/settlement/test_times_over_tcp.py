"""What a terminal prints on its slip as date and time is what the merchant's statement and the clearing file say."""

from __future__ import annotations

import csv
from contextlib import closing
from io import StringIO
from itertools import count
from pathlib import Path

from switch.ledger.clearing import clearing_content
from switch.ledger.database import open_database
from switch.ledger.days import cut_over, newest_day
from switch.ledger.rows import number_of
from switch.ledger.settling import settle_day
from switch.messages.dates import HostCalendar
from switch.settlement.closing import Closing
from switch.settlement.fees import load_fee_plans
from tests.terminals.test_whole_switch import VISA, ZONE, a_till

LATER = 4_000_000_000_000_000
MAKER = Closing(load_fee_plans(), HostCalendar(ZONE))


def cleared(url: str) -> list[list[str]]:
    """Close and settle the open day; return the items of its clearing file."""
    ids = count(LATER << 10)
    with closing(open_database(url)) as database:
        newest = newest_day(database)
        assert newest is not None
        cut_over(database, newest.day, LATER)
        settle_day(database, newest.day, MAKER, lambda: next(ids), lambda: LATER)
        content = clearing_content(database, number_of(newest.day))
    return list(csv.reader(StringIO(content)))[1:-1]


async def test_a_message_without_date_and_time_is_cleared_under_those_of_its_answer(
    database: str, tmp_path: Path
) -> None:
    async with a_till(database, tmp_path) as till:
        asked = till.purchase(VISA)
        answer = await till.ask(asked)

    ((*_, local_date, local_time), *_) = [item[:9] for item in cleared(database)]

    assert not {12, 13} & asked.keys()
    assert (local_date[4:], local_time) == (answer.fields[13], answer.fields[12])
