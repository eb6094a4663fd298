"""A tap sees one terminal's messages and their answers, masked, and costs nobody else anything."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
import trio
import trio.testing

from switch.ledger import schema
from switch.ledger.database import Database, open_database
from switch.ledger.ids import JournalIds
from switch.ledger.taps import KEPT_US, LINES_MAX, read_open_taps
from switch.telemetry import EventLog, configure_logging
from switch.terminals.tapping import PASSED_MAX, Passed, Taps, words_of
from switch.wire.codec import Codec
from switch.wire.dialect import load_dialect
from tests.terminals.test_whole_switch import VISA, a_till

_T = TypeVar("_T")
DIALECT = load_dialect("iso8583-1987-ascii")
CODEC = Codec(DIALECT)
NOW = 1_772_596_800_000_000
PAN = "4111111111111111"
SALE = {
    0: "0200", 2: PAN, 3: "000000", 4: "000000001000", 11: "000001", 35: f"{PAN}=30121011234567890",
    41: "TERM0001", 42: "MERCHANT0000001", 52: "1122334455667788",
}  # fmt: skip
FRAME = CODEC.encode(SALE)


class Clock:
    now = NOW

    def __call__(self) -> int:
        return self.now


async def at_once(function: Callable[[], _T]) -> _T:
    await trio.lowlevel.checkpoint()
    return function()


def events() -> EventLog:
    return EventLog(configure_logging("json", "info", sys.stderr))


def taps_on(database: Database, clock: Clock) -> Taps:
    return Taps(database, at_once, clock, JournalIds(clock), events())


def open_tap(
    database: Database, tap_id: int = 1, terminal_id: str = "TERM0001", ends_at: int = NOW + 60_000_000
) -> None:
    row = {"tap_id": tap_id, "terminal_id": terminal_id, "opened_by": "tim", "opened_at": NOW, "ends_at": ends_at}
    with database.writing() as connection:
        connection.execute(sa.insert(schema.tap), [row])


def lines_of(database: Database, tap_id: int = 1) -> list[dict[str, Any]]:
    its = schema.tap_line.c
    with database.reading() as connection:
        found = connection.execute(sa.select(its.words).where(its.tap_id == tap_id).order_by(its.line_id)).scalars()
        return [json.loads(words) for words in found]


def test_a_message_is_kept_field_by_field_without_what_is_secret() -> None:
    told = words_of(Passed("TERM0001", NOW, "10.0.0.1", CODEC, None, FRAME))

    words = json.loads(told)
    values = {path: value for path, _name, value in words["lines"]}
    assert (words["way"], words["about"], words["trouble"]) == ("request", "10.0.0.1", "")
    assert values["2"] == "411111******1111"
    assert values["4"] == "000000001000"
    assert values["52"] == "********"
    assert values["35"].startswith("411111******1111=")
    assert PAN not in told
    assert "1234567890" not in told
    assert "1122334455667788" not in told


@pytest.mark.parametrize("number", [43, 44, 54])
@pytest.mark.parametrize("said", [PAN, "4111 1111 1111 1111", f"{PAN}=3012"])
def test_a_card_number_where_none_belongs_is_not_kept_either(number: int, said: str) -> None:
    frame = CODEC.encode({0: "0200", 41: "TERM0001", number: said.ljust(40) if number == 43 else said})

    told = words_of(Passed("TERM0001", NOW, "10.0.0.1", CODEC, None, frame))

    assert said not in told
    assert PAN not in told
    assert "*" in told


def test_an_answer_is_read_out_of_its_frame_and_silence_is_told() -> None:
    framed = DIALECT.framing.wrap(CODEC.encode({0: "0210", 39: "00", 41: "TERM0001"}), b"")

    answer = json.loads(words_of(Passed("TERM0001", NOW, "", CODEC, DIALECT.framing, framed)))
    silence = json.loads(words_of(Passed("TERM0001", NOW, "", CODEC, DIALECT.framing, None)))

    assert answer["way"] == "answer"
    assert ["39", "response code", "00"] in answer["lines"]
    assert silence == {"way": "silence", "about": "", "lines": [], "trouble": ""}


def test_of_a_message_that_goes_wrong_what_came_before_is_told_and_where_it_goes_wrong() -> None:
    words = json.loads(words_of(Passed("TERM0001", NOW, "", CODEC, None, FRAME[:-30])))

    assert "411111******1111" in str(words["lines"])
    assert words["trouble"].startswith("field 4")
    assert PAN not in str(words)


async def test_what_is_tapped_is_seen_and_nothing_else(sqlite_database: str) -> None:
    with closing(open_database(sqlite_database)) as database:
        clock = Clock()
        taps = taps_on(database, clock)
        await taps.look()
        assert not taps.tapped

        open_tap(database)
        await taps.look()
        note = taps.overheard("TERM0001", FRAME, "10.0.0.1", CODEC, DIALECT.framing)
        assert note is not None
        note(None)
        assert taps.overheard("TERM0002", FRAME, "10.0.0.1", CODEC, DIALECT.framing) is None
        await taps.look()

        assert [line["way"] for line in lines_of(database)] == ["request", "silence"]


async def test_a_tap_ends_by_itself_also_between_two_looks(sqlite_database: str) -> None:
    with closing(open_database(sqlite_database)) as database:
        clock = Clock()
        taps = taps_on(database, clock)
        open_tap(database)
        await taps.look()

        clock.now = NOW + 60_000_000
        assert taps.overheard("TERM0001", FRAME, "", CODEC, DIALECT.framing) is None
        await taps.look()

        assert not taps.tapped


async def test_what_there_is_no_room_for_is_counted_and_told(sqlite_database: str) -> None:
    with closing(open_database(sqlite_database)) as database:
        taps = taps_on(database, Clock())
        open_tap(database)
        await taps.look()

        for _ in range(PASSED_MAX + 7):
            taps.overheard("TERM0001", FRAME, "", CODEC, DIALECT.framing)
        await taps.look()

        lines = lines_of(database)
        assert len(lines) == PASSED_MAX + 1
        assert (lines[-1]["way"], lines[-1]["about"]) == ("lost", "7")


async def test_a_tap_takes_so_many_lines_and_no_more(sqlite_database: str) -> None:
    with closing(open_database(sqlite_database)) as database:
        taps = taps_on(database, Clock())
        open_tap(database)
        for _ in range(LINES_MAX // PASSED_MAX + 2):
            await taps.look()
            for _ in range(PASSED_MAX):
                taps.overheard("TERM0001", FRAME, "", CODEC, DIALECT.framing)

        assert len(lines_of(database)) == LINES_MAX
        assert read_open_taps(database, NOW) == []
        assert not taps.tapped


async def test_what_a_tap_saw_is_deleted_a_day_later(sqlite_database: str) -> None:
    with closing(open_database(sqlite_database)) as database:
        clock = Clock()
        taps = taps_on(database, clock)
        open_tap(database)
        await taps.look()
        taps.overheard("TERM0001", FRAME, "", CODEC, DIALECT.framing)
        await taps.look()
        clock.now = NOW + 60_000_001 + KEPT_US

        async with trio.open_nursery() as nursery:
            nursery.start_soon(taps.run)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()

        assert lines_of(database) == []


async def test_books_that_are_away_end_a_tap_and_nothing_else_and_are_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(open_database(f"sqlite:///{tmp_path}/nowhere/books.db")) as database:
        taps = taps_on(database, Clock())
        taps.tapped["TERM0001"] = NOW + 1
        taps.overheard("TERM0001", FRAME, "", CODEC, DIALECT.framing)

        await taps.look()
        await taps.look()

    assert not taps.tapped
    said = capsys.readouterr().err
    assert said.count("keeping what a tap saw") == 1
    assert PAN not in said


async def test_a_tap_that_is_gone_takes_nothing_with_it(sqlite_database: str) -> None:
    with closing(open_database(sqlite_database)) as database:
        taps = taps_on(database, Clock())
        open_tap(database)
        await taps.look()
        taps.overheard("TERM0001", FRAME, "", CODEC, DIALECT.framing)
        with database.writing() as connection:
            connection.execute(sa.delete(schema.tap))

        await taps.look()
        open_tap(database, tap_id=2)
        await taps.look()
        taps.overheard("TERM0001", FRAME, "", CODEC, DIALECT.framing)
        await taps.look()

        assert [line["way"] for line in lines_of(database, 2)] == ["request"]


async def test_a_running_switch_shows_a_terminals_messages_and_their_answers(database: str, tmp_path: Path) -> None:
    async with a_till(database, tmp_path) as till:
        with closing(open_database(database)) as books:
            open_tap(books, terminal_id="TERM0005", ends_at=time.time_ns() // 1000 + 60_000_000)
            with trio.fail_after(30):
                while len(lines_of(books)) < 2:
                    await till.ask(till.with_pin(VISA, "1234"))
            told = lines_of(books)

    assert {line["way"] for line in told} >= {"request", "answer"}  # this terminal says more than a tap has room for
    assert VISA.reveal() not in str(told)
    assert ["52", "PIN block", "********"] in told[0]["lines"]
