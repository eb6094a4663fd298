from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
import trio

from switch.capture.entry import Direction, Entry
from switch.capture.files import CaptureWriter, Head
from switch.data_files import specs_directory
from switch.errors import DatabaseError, OperatorError
from switch.ledger.database import open_database
from switch.ledger.schema import journal
from switch.load.comparing import IGNORED
from switch.load.replay_run import ReplayRun, Wanted
from switch.load.rewriting import names_in
from switch.reports.results import Books, Results
from switch.security.demo_keys import DEMO_TERMINAL_MASTER
from switch.tools.chip_counter import likely_counter
from switch.tools.day import Line as Told
from switch.tools.day import Play, Script, Shown, Step, Trick
from switch.tools.simulated_card import SimulatedCard, load_cards
from switch.tools.tally import Move
from switch.tools.terminal import Line, Terminal, first_stan
from switch.tools.unionpay_day import REVERSAL, SALE, SIGN_ON, VOID
from switch.tools.unionpay_messages import message
from switch.wire.dialect import load_dialect
from switch.wire.framing import Frame
from tests.load.hosts import a_host, a_sale, an_answer, framed
from tests.load.switches import ZONE, a_switch, recorded, sale_of_today, written

PATIENCE_S = 60.0


async def replayed(wanted: Wanted) -> tuple[Results, ReplayRun]:
    with ReplayRun(wanted) as run:
        with trio.fail_after(PATIENCE_S):
            await run.run()
        return run.results("switch replay"), run


# --- against a switch ----------------------------------------------------------------------------------------


async def test_a_replay_with_numbers_of_its_own_is_approved_anew_and_the_books_agree(
    sqlite_database: str, tmp_path: Path
) -> None:
    async with a_switch(sqlite_database, tmp_path) as address:
        said = await recorded(address, [sale_of_today(stan) for stan in range(1, 21)])
        capture = written(tmp_path / "sales.jsonl", said)

        results, _ = await replayed(Wanted(capture, *address, rewrite=names_in("stan,dates"), ledger=sqlite_database))

    assert (results.sent, results.answered, results.late, results.missing) == (20, 20, 0, 0)
    assert (results.unmatched, results.duplicates, results.unreadable, results.differences) == (0, 0, 0, 0)
    assert results.answers == {"00": 20}
    assert results.books == Books(approvals_on_wire=20, approvals_in_books=20, audit_findings=[], agree=True)
    with open_database(sqlite_database).reading() as connection:
        assert len(connection.execute(journal.select().where(journal.c.kind == "purchase")).all()) == 40


async def test_a_replay_without_is_answered_as_the_first_time_from_the_same_rows_of_the_books(
    sqlite_database: str, tmp_path: Path
) -> None:
    async with a_switch(sqlite_database, tmp_path) as address:
        said = await recorded(address, [sale_of_today(stan) for stan in range(1, 6)])
        capture = written(tmp_path / "sales.jsonl", said)

        results, _ = await replayed(Wanted(capture, *address, speed=None, ledger=sqlite_database))

    assert results.answers == {"00": 5}
    assert results.books == Books(approvals_on_wire=5, approvals_in_books=5, audit_findings=[], agree=True)


async def test_a_changed_answer_is_one_difference(sqlite_database: str, tmp_path: Path) -> None:
    async with a_switch(sqlite_database, tmp_path) as address:
        said = await recorded(address, [sale_of_today(stan) for stan in range(1, 6)])
        said[2][1][39] = "51"
        capture = written(tmp_path / "sales.jsonl.gz", said)

        results, _ = await replayed(Wanted(capture, *address, rewrite=names_in("stan,dates")))

    assert [(one.message, one.field, one.before, one.after) for one in results.difference_list] == [
        ("#3 0200 STAN 000003", "39", "51", "00")
    ]
    assert [(limit.name, limit.held) for limit in results.limits] == [("differences", False), ("errors", True)]


async def test_approvals_that_the_books_do_not_have_are_told(sqlite_database: str, tmp_path: Path) -> None:
    capture = written(tmp_path / "a.jsonl", [(a_sale(stan), an_answer(a_sale(stan))) for stan in (1, 2)])

    async with a_host() as target:
        wanted = Wanted(capture, target.host, target.port, speed=None, ledger=sqlite_database)
        results, _ = await replayed(wanted)

    assert results.books is not None
    assert (results.books.approvals_on_wire, results.books.approvals_in_books, results.books.agree) == (2, 0, False)
    assert results.books.audit_findings == [
        f"terminal TERM0001 number {stan} class 2: approved on the wire, not in the books"
        for stan in ("000001", "000002")
    ]


async def test_a_unionpay_capture_is_signed_on_its_macs_made_anew_and_its_void_finds_its_sale(
    sqlite_database: str, tmp_path: Path
) -> None:
    keys = tmp_path / "keys.hex"
    keys.write_text(DEMO_TERMINAL_MASTER.hex() + "00" * 16)
    keys.chmod(0o600)
    capture = tmp_path / "union.jsonl"
    rewrite = names_in("stan,rrn,dates,batch,mac")

    async with a_switch(sqlite_database, tmp_path, "unionpay-pos") as address:
        lines = await a_recorded_day(address, capture)
        wanted = Wanted(capture, *address, rewrite=rewrite, keys=keys, ledger=sqlite_database)
        results, run = await replayed(replace(wanted, ignored=frozenset({44, 63})))
        as_recorded, _ = await replayed(Wanted(capture, *address, signs_on=False))

    assert [line.code for line in lines] == ["00"] * 5
    assert run.signed_on is not None
    assert run.signed_on.codes == {"00": 1}
    assert results.answers == {"00": 5}
    assert results.difference_list == []
    assert results.books is not None
    assert results.books.agree
    assert results.books.approvals_on_wire == 5 + 1
    assert "A0" in as_recorded.answers  # the MACs of other keys


class Recording:
    """A terminal's line that writes down what passes."""

    def __init__(self, line: Line, writer: CaptureWriter) -> None:
        self._line = line
        self._writer = writer
        self._framing = load_dialect("unionpay-pos").framing
        self._at_us = 1_763_731_200_000_000

    async def ask(self, frame: bytes) -> Frame:
        answer = await self._line.ask(frame)
        for direction, data in (
            (Direction.TO_HOST, frame),
            (Direction.TO_TERMINAL, self._framing.wrap_request(answer.body, answer.header)),
        ):
            self._at_us += 20_000
            self._writer.write(Entry(self._at_us, "1", direction, data))
        return answer


async def a_recorded_day(address: tuple[str, int], capture: Path) -> list[Told]:
    """A sign-on, a sale that is voided, one that is reversed, another; as TERM0005."""
    steps = (
        Step("on", "sign-on", SIGN_ON),
        Step("meal", "sale", SALE, "union", Shown.SWIPED, Trick.NONE, 1200, "", Move.SALE),
        Step("void", "void", VOID, "union", Shown.SWIPED, Trick.NONE, 1200, "meal", Move.CANCEL),
        Step("taxi", "sale", SALE, "union", Shown.SWIPED, Trick.NONE, 700, "", Move.SALE),
        Step("back", "reversal", REVERSAL, "union", Shown.SWIPED, Trick.NONE, 700, "taxi", Move.UNDO),
    )
    dialect, now = load_dialect("unionpay-pos"), datetime.now(ZONE)
    served = load_cards(specs_directory() / "demo" / "day.toml")
    cards = {name: SimulatedCard(data, likely_counter(now)) for name, data in served.cards.items()}
    terminal = Terminal(dialect, "TERM0005", "MERCHANT0000001", DEMO_TERMINAL_MASTER, first_stan(now))
    async with await trio.open_tcp_stream(*address) as stream:
        with CaptureWriter(capture, Head(dialect=dialect.name)) as writer:
            line = Recording(Line(dialect.framing, stream), writer)
            play = Play(Script(steps, message), terminal, line, cards, lambda: datetime.now(ZONE))
            return [*await play.run()]


# --- against hosts that behave otherwise -----------------------------------------------------------------------


async def test_a_rate_and_a_loop_are_kept_up_for_the_duration(tmp_path: Path) -> None:
    capture = written(tmp_path / "a.jsonl", [(a_sale(1), an_answer(a_sale(1)))])

    async with a_host() as target:
        wanted = Wanted(capture, target.host, target.port, rate_per_s=200, loops=True, duration_s=0.25, warm_up_s=0.25)
        results, _ = await replayed(replace(wanted, rewrite=names_in("stan")))

    assert (results.sent, results.answered) == (50, 50)
    assert sum(second.sent for second in results.timeline) == 100


async def test_a_host_that_never_answers_gives_a_report_all_the_same(tmp_path: Path) -> None:
    capture = written(tmp_path / "a.jsonl", [(a_sale(stan), an_answer(a_sale(stan))) for stan in range(1, 4)])

    async with a_host(lambda _: []) as target:
        results, _ = await replayed(Wanted(capture, target.host, target.port, deadline_s=0.05))

    assert (results.sent, results.answered, results.missing) == (3, 0, 3)
    assert [limit.held for limit in results.limits] == [True, False]


async def test_what_is_said_besides_is_told_in_sentences(tmp_path: Path) -> None:
    capture = written(tmp_path / "a.jsonl", [(a_sale(1), an_answer(a_sale(1)))])
    with capture.open("ab") as file:
        file.write(
            b'{"at_us":1763731200500000,"connection":"1","direction":"to_host","frame":"0003414243"}\n{"at_us":17'
        )

    async with a_host(lambda fields: [framed(an_answer(fields))]) as target:
        _, run = await replayed(Wanted(capture, target.host, target.port, signs_on=True))

    first, second, third = run.notes()
    assert first == "signed on before the run, by answer: 00 1"
    assert second == "1 recorded messages are not of iso8583-1987-ascii: sent as they are"
    assert third.endswith("what is before it was replayed")


def test_what_cannot_be_used_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    capture = written(tmp_path / "a.jsonl", [(a_sale(1), an_answer(a_sale(1)))])
    nowhere = Wanted(capture, "127.0.0.1", 1)

    for wrong, error, says in (
        (replace(nowhere, dialect="unionpay-pos"), OperatorError, "a capture of iso8583-1987-ascii"),
        (replace(nowhere, capture=tmp_path / "none.jsonl"), OperatorError, "none.jsonl"),
        (replace(nowhere, keys=tmp_path / "none.hex"), OperatorError, "none.hex"),
        (replace(nowhere, ledger=f"sqlite:///{tmp_path}/none.db"), DatabaseError, "none.db"),
    ):
        with pytest.raises(error, match=says):
            ReplayRun(wrong)


def test_what_is_rewritten_or_ignored_is_not_compared(tmp_path: Path) -> None:
    capture = written(tmp_path / "a.jsonl", [(a_sale(1), an_answer(a_sale(1)))])

    with ReplayRun(Wanted(capture, "127.0.0.1", 1, rewrite=names_in("stan"), ignored=frozenset({44}))) as run:
        assert run.comparison._ignored == IGNORED | {11, 44}


async def test_answers_that_the_capture_has_nothing_to_compare_with_are_told(tmp_path: Path) -> None:
    capture = tmp_path / "one-way.jsonl"
    with CaptureWriter(capture, Head(dialect="iso8583-1987-ascii")) as writer:
        for stan in (1, 2, 3):
            writer.write(Entry(stan, "1", Direction.TO_HOST, framed(a_sale(stan))))

    async with a_host() as target:
        _, run = await replayed(Wanted(capture, target.host, target.port))

    assert [*run.notes()] == ["3 of 3 answers had none in the capture to be compared with"]
