from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from switch.messages.kinds import Kind
from switch.tools.day import Line, Play, Shown, Step, Trick
from switch.tools.tally import BatchTotals, Mistake, Move, Side, Sum
from switch.tools.unionpay_batch import DIFFER, SETTLE, UPLOAD, UPLOAD_END, told_results, written
from switch.tools.unionpay_day import FRESH, LATE_SALE, REFUND, SALE, SIGN_ON, UNSENT, VOID
from switch.wire.codec import Fields
from tests.tools.test_day import FakeHost, a_play, cup

ON = Step("on", "sign-on", SIGN_ON)
SOLD = Step("sale", "sale", SALE, "union", Shown.SWIPED, Trick.NONE, 1200, "", Move.SALE)
ABROAD = replace(SOLD, name="abroad", card="visa", amount=3400)
VOIDED = Step("void", "void", VOID, "union", Shown.SWIPED, Trick.NONE, 1200, "sale", Move.CANCEL)
BACK = Step("back", "refund", REFUND, "visa", Shown.SWIPED, Trick.NONE, 400, "abroad", Move.REFUND)
SUM = Step("sum", "settlement", SETTLE)
FORGOTTEN = replace(SOLD, name="forgotten", amount=500, trick=Trick.FORGOTTEN)
MISNOTED = replace(ABROAD, name="misnoted", amount=600, trick=Trick.MISNOTED)
MADE_UP = Step("made up", "sale", UNSENT, "union", Shown.SWIPED, Trick.NONE, 700, "", Move.SALE)


async def played(host: FakeHost, *steps: Step) -> tuple[list[Line], Play]:
    play = a_play(host, *steps)
    return await play.run(), play


def unequal(change: Callable[[Fields, Fields], None] | None = None) -> FakeHost:
    host = cup(change=change)
    host.results = "22"
    return host


def kinds(host: FakeHost) -> list[Kind]:
    return [entry.kind for entry in host.entries]


# --- totals --------------------------------------------------------------------------------------------------


async def test_a_settlement_states_domestic_and_foreign_cards_and_a_voided_sale_twice() -> None:
    lines, play = await played(cup(), ON, SOLD, ABROAD, VOIDED, BACK, SUM)

    assert play.asked["sum"].sent[48] == "000000001200001000000001200001" + "0" + "000000003400001000000000400001" + "0"
    assert lines[-1] == Line("settlement", None, "00", "00", ("results 1 and 1",), ())


async def test_a_new_batch_begins_with_nothing() -> None:
    _, play = await played(cup(), ON, SOLD, SUM, replace(ON, name="on2"), replace(SUM, name="sum2"))

    assert [one.batch for one in play.settled] == ["000042", "000043"]
    assert play.settled[1].stated == BatchTotals()
    assert play.tally.totals().debits == Sum(1, 1200)


async def test_the_same_settlement_again_is_the_very_message() -> None:
    again = Step("again", "again", SETTLE, trick=Trick.AGAIN, about="sum")

    _, play = await played(cup(), ON, SOLD, SUM, again)

    assert play.asked["again"].sent == play.asked["sum"].sent
    assert len(play.settled) == 1


async def test_results_other_than_expected_are_a_fault() -> None:
    lines, _ = await played(unequal(), ON, SOLD, SUM)

    assert lines[-1].faults == ("results 2 and 2, expected 1 and 1",)


async def test_an_answer_without_results_is_a_fault() -> None:
    def without(_: Fields, answer: Fields) -> None:
        answer.pop(48, None)

    lines, _ = await played(cup(change=without), ON, SUM)

    assert lines[-1].faults == ("field 48 is missing", "results none, expected 1 and 1")


async def test_totals_that_are_neither_the_terminals_nor_the_true_ones_are_a_fault() -> None:
    def other(_: Fields, answer: Fields) -> None:
        if 48 in answer:
            answer[48] = "1" + answer[48][1:]

    lines, _ = await played(cup(change=other), ON, SOLD, SUM)

    assert lines[-1].faults == ("the host states other totals",)


def test_the_digits_of_totals_and_results() -> None:
    totals = BatchTotals(Side(Sum(1, 2), Sum(3, 4)), Side(Sum(5, 6), Sum(7, 8)))

    text = written(totals)

    assert text == "000000000002001000000000004003" + "0" + "000000000006005000000000008007" + "0"
    assert told_results({48: text[:30] + "1" + text[31:61] + "3"}) == "13"
    assert told_results({48: text[1:]}) == ""


# --- mistakes and upload -------------------------------------------------------------------------------------


async def test_a_terminal_states_its_mistakes_and_knows_them() -> None:
    _, play = await played(unequal(), ON, FORGOTTEN, MISNOTED, MADE_UP, replace(SUM, form=DIFFER))

    (settled,) = play.settled
    stan = {name: play.asked[name].sent[11] for name in ("forgotten", "misnoted", "made up")}
    assert settled.stated == BatchTotals(Side(Sum(1, 700)), Side(Sum(1, 601)))
    assert settled.counted == BatchTotals(Side(Sum(1, 500)), Side(Sum(1, 600)))
    assert settled.mistakes == (
        Mistake(stan["forgotten"], "missing", 500, None),
        Mistake(stan["misnoted"], "different", 600, 601),
        Mistake(stan["made up"], "extra", None, 700),
    )


async def test_a_sale_that_was_made_up_is_not_sent() -> None:
    host = cup()

    lines, play = await played(host, ON, MADE_UP)

    assert kinds(host) == [Kind.SIGN_ON]
    assert lines[-1] == Line("sale", 700, "--", "--", ("noted, never sent",), ())
    assert play.tally.change_of("union") == 0


async def test_an_upload_has_eight_records_to_a_message_and_chip_transactions_by_themselves() -> None:
    host = cup()
    sales = [replace(SOLD, name=f"s{number}", amount=100 + number) for number in range(9)]
    chip = replace(SOLD, name="chip", card="visa", shown=Shown.CHIP, amount=900)
    by_code = replace(SOLD, name="code", shown=Shown.CODE, amount=950)

    await played(host, ON, *sales, chip, by_code, Step("up", "upload", UPLOAD), Step("end", "end", UPLOAD_END))

    uploads = [request.extras.records for request in host.requests if request.kind is Kind.BATCH_UPLOAD]
    assert [len(records) for records in uploads] == [8, 2, 1]
    assert [record.amount_minor for record in uploads[0]] == [100 + number for number in range(8)]
    assert uploads[1][1].pan is None
    (detail,) = uploads[2]
    assert (detail.is_domestic, detail.amount_minor) == (False, 900)
    assert detail.pan is not None
    assert detail.pan.reveal() == "4111111111111111"
    assert host.requests[-1].extras.record_count == 11


# --- the next batch ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "fault"),
    [(SUM, "the host gives batch 000042, not 000043"), (SOLD, "the host gives batch 000099, not 000042")],
)
async def test_a_batch_number_that_does_not_follow_is_a_fault(first: Step, fault: str) -> None:
    given = iter(("000042", fault.split()[4].rstrip(",")))

    def wrong(fields: Fields, answer: Fields) -> None:
        if fields[0] == "0800":
            answer[60] = fields[60][:2] + next(given) + fields[60][8:]

    lines, _ = await played(cup(change=wrong), ON, first, replace(ON, name="on2"))

    assert lines[-1].faults == (fault,)


async def test_a_fresh_batch_is_the_next_one_and_what_was_in_the_last_is_not_uploaded() -> None:
    empty, used = cup(), unequal()

    (none,), _ = await played(empty, Step("fresh", "a fresh batch", FRESH))
    (some,), play = await played(used, Step("fresh", "a fresh batch", FRESH))

    assert kinds(empty) == [Kind.SIGN_ON, Kind.SETTLEMENT, Kind.SIGN_ON]
    assert none.checked == ("000042 was empty", "batch 000043")
    assert kinds(used) == [Kind.SIGN_ON, Kind.SETTLEMENT, Kind.BATCH_END, Kind.SIGN_ON]
    assert some.checked == ("000042 had others' transactions, closed", "batch 000043")
    assert (some.faults, play.terminal.batch) == ((), "000043")


async def test_a_host_that_asks_for_no_sign_on_after_a_settlement_is_at_fault() -> None:
    late = replace(SOLD, form=LATE_SALE, then="77")

    lines, _ = await played(cup("77"), late)

    assert lines[0].faults == ("the host asks for no sign-on",)
