from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from functools import partial
from io import StringIO
from pathlib import Path
from time import time_ns
from zoneinfo import ZoneInfo

import pytest
import trio

from switch.app import run
from switch.config import Address, AdminSettings, KeySettings, LedgerSettings, ListenerSettings, Settings
from switch.data_files import specs_directory
from switch.ledger.audit import audit, snapshot
from switch.ledger.batches_compared import compare_batches
from switch.ledger.database import open_database
from switch.ledger.ids import JournalIds
from switch.ledger.schema import batch
from switch.ledger.settlement_tables import TOTALS
from switch.messages.catalogue import Entry
from switch.messages.chip import ChipData
from switch.messages.chip_reading import read_chip
from switch.messages.dates import HostCalendar
from switch.messages.kinds import Kind
from switch.messages.mapping import MessageMap, answer_mti
from switch.messages.model import Request
from switch.security.keys import load_keys, write_fresh_keys
from switch.security.mac import MacAlgorithm, mac_key
from switch.security.vault import Vault
from switch.security.working_keys import KeyForm, delivery
from switch.settlement.comparing import compared
from switch.tools import iso8583_day, unionpay_day
from switch.tools.chip_counter import likely_counter
from switch.tools.day import Line, Play, Script, Shown, Step, Trick
from switch.tools.day_books import (
    batch_differences,
    booked,
    differences,
    discrepancies,
    merchant_gained,
    mistake_differences,
    newest,
)
from switch.tools.demo import load_data
from switch.tools.demo_keys import load_demo_keys
from switch.tools.simulated_card import SimulatedCard, load_cards
from switch.tools.tally import BatchTotals, Mistake, Move, Settled, Sum, Totals
from switch.tools.terminal import STANS_OF_A_PLAY, LineLost, Terminal, first_stan, open_line
from switch.tools.unionpay_batch import DIFFER, SETTLE, settle
from switch.tools.unionpay_day import BALANCE, FRESH, REVERSAL, SALE, SIGN_ON, TRANSFER, VOID
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import Dialect, load_dialect
from switch.wire.framing import Frame

MASTER = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
PIN_KEY, MAC_KEY, TRACK_KEY = bytes(range(1, 17)), bytes(range(2, 10)), bytes(range(3, 19))
ZONE = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=ZONE)
DAYS = {
    "unionpay-pos": unionpay_day.DAY,
    "iso8583-1987-ascii": iso8583_day.DAY,
    "iso8583-1987-binary": iso8583_day.DAY,
}
SERVED = load_cards(specs_directory() / "demo" / "day.toml")
DEADLINE_S = 60.0


class FakeHost:
    """Answers everything with ``code``; ``change`` may alter an answer's fields before its MAC is made.

    It says ``results`` of every settlement; one that balances, and the end of an upload, are followed by the next batch.
    """

    results = "11"

    def __init__(
        self, dialect: Dialect, code: str = "00", change: Callable[[Fields, Fields], None] | None = None
    ) -> None:
        self.entries: list[Entry] = []
        self.requests: list[Request] = []
        self._dialect = dialect
        self._codec = Codec(dialect)
        self._map = MessageMap(dialect, HostCalendar(ZONE), "fake")
        self._mac = mac_key(MacAlgorithm.ECB, MAC_KEY)
        self._code = code
        self._change = change
        self._batch = 42
        self._batch_is_over = False

    async def ask(self, frame: bytes) -> Frame:
        (request,) = self._dialect.framing.framer().feed(frame)
        fields = self._codec.decode(request.body)
        entry = self._map.find(fields)
        assert isinstance(entry, Entry), entry
        read = self._map.request(fields, entry, int(NOON.timestamp() * 1_000_000))
        if fields.get(53, "")[2:3] != "1":  # an encrypted track cannot be read before it is opened
            assert isinstance(read, Request), read
            self.requests.append(read)
        self.entries.append(entry)
        answer = self._answer(fields, entry)
        (told,) = self._dialect.framing.framer().feed(
            self._dialect.framing.wrap(self._codec.encode(answer), request.header)
        )
        if 64 not in answer:
            return told
        return told._replace(body=told.body[:-8] + self._mac.compute(told.body[:-8])[:4].hex().upper().encode())

    def _answer(self, fields: Fields, entry: Entry) -> Fields:
        answer: Fields = {number: fields[number] for number in (3, 4, 11, 41, 42, 60) if number in fields}
        answer |= {0: str(answer_mti(fields[0])), 39: self._code, 37: f"{len(self.entries):012d}", 38: "A00001"}
        if 12 not in entry.echo:
            answer |= {12: "120000", 13: "1121"}
        if entry.kind is Kind.SIGN_ON and 60 in fields:
            form = KeyForm.DOUBLE_WITH_TRACK
            answer[62] = delivery(MASTER, form, PIN_KEY, MAC_KEY, TRACK_KEY).hex().upper()
            self._batch += self._batch_is_over
            self._batch_is_over = False
            answer[60] = f"{fields[60][:2]}{self._batch:06d}{fields[60][8:]}"
        if entry.kind is Kind.SETTLEMENT:
            answer[48] = f"{fields[48][:30]}{self.results[0]}{fields[48][31:61]}{self.results[1]}"
            self._batch_is_over = self.results == "11"
        if entry.kind is Kind.BATCH_END:
            self._batch_is_over = True
        if entry.topic:
            answer[62] = b"\x31\x9f\x06\x05\xa0\x00\x00\x03\x33\x9f\x22\x01\x08".hex().upper()
        if entry.kind is Kind.BALANCE:
            answer[54] = "0002156C000000100000"
        if entry.mac and 64 in fields:
            answer[64] = "0" * 8
        if self._change:
            self._change(fields, answer)
        return dict(sorted(answer.items()))


def a_play(host: FakeHost, *steps: Step, dialect: str = "unionpay-pos") -> Play:
    script = Script(steps, DAYS[dialect].message) if steps else DAYS[dialect]
    terminal = Terminal(load_dialect(dialect), "TERM0001", "MERCHANT0000001", MASTER, first_stan(NOON))
    cards = {name: SimulatedCard(data, 100) for name, data in SERVED.cards.items()}
    return Play(script, terminal, host, cards, lambda: NOON, SERVED.pay_code)


def cup(code: str = "00", change: Callable[[Fields, Fields], None] | None = None) -> FakeHost:
    return FakeHost(load_dialect("unionpay-pos"), code, change)


ON = Step("on", "sign-on", SIGN_ON)
SOLD = Step("sale", "sale", SALE, "union", Shown.SWIPED, Trick.NONE, 1200, "", Move.SALE)
CHIP = replace(SOLD, name="chip", shown=Shown.CHIP)
HALF_WRONG = partial(settle, results="21")


UNIONPAY_KINDS = {
    Kind.SIGN_ON, Kind.SIGN_OFF, Kind.ECHO, Kind.DOWNLOAD_QUERY, Kind.DOWNLOAD, Kind.DOWNLOAD_END,
    Kind.PURCHASE, Kind.VOID, Kind.REFUND, Kind.BALANCE, Kind.REVERSAL, Kind.TRANSFER,
    Kind.AUTHORISATION, Kind.INCREMENT, Kind.COMPLETION, Kind.COMPLETION_ADVICE, Kind.AUTHORISATION_VOID,
    Kind.COMPLETION_VOID, Kind.OFFLINE_SALE, Kind.ADJUSTMENT, Kind.TIP,
    Kind.ACTIVATION, Kind.LOAD, Kind.LOAD_VOID, Kind.CODE_PURCHASE, Kind.CODE_QUERY, Kind.CODE_CANCEL,
    Kind.SCRIPT_RESULT, Kind.STATUS_UPLOAD, Kind.SIGNATURE_UPLOAD,
    Kind.SETTLEMENT, Kind.BATCH_UPLOAD, Kind.BATCH_END,
}  # fmt: skip


# --- the tables ----------------------------------------------------------------------------------------------


async def test_the_kinds_of_the_unionpay_day() -> None:
    host = cup()

    await a_play(host).run()

    sent = {entry.kind for entry in host.entries}
    assert sent == UNIONPAY_KINDS
    assert {entry.topic for entry in host.entries} == {"", "ca_keys", "aids", "parameters", "records", "detail"}


async def test_the_kinds_of_the_iso_day() -> None:
    host = FakeHost(load_dialect("iso8583-1987-ascii"))

    await a_play(host, dialect="iso8583-1987-ascii").run()

    assert {entry.kind for entry in host.entries} == {
        Kind.ECHO, Kind.SIGN_ON, Kind.BALANCE, Kind.PURCHASE, Kind.VOID, Kind.REFUND, Kind.TRANSFER,
        Kind.AUTHORISATION, Kind.COMPLETION_ADVICE, Kind.AUTHORISATION_VOID, Kind.REVERSAL, Kind.SIGN_OFF,
    }  # fmt: skip


@pytest.mark.parametrize("name", DAYS)
async def test_a_day_has_fewer_messages_than_numbers_of_its_own(name: str) -> None:
    host = FakeHost(load_dialect(name))

    await a_play(host, dialect=name).run()

    assert len(host.entries) < STANS_OF_A_PLAY - 2 * 45  # two chips' counters may have to be found


@pytest.mark.parametrize("name", DAYS)
def test_every_step_has_a_name_of_its_own_and_is_about_an_earlier_one(name: str) -> None:
    earlier: set[str] = set()
    for step in DAYS[name].steps:
        assert step.name not in earlier
        assert step.about in {"", *earlier} or step.move is Move.TRANSFER
        assert not step.card or step.card in SERVED.cards
        earlier.add(step.name)


# --- the messages --------------------------------------------------------------------------------------------


async def test_a_sign_on_gives_the_batch_to_all_that_follows() -> None:
    host = cup()
    play = a_play(host, ON, SOLD)

    lines = await play.run()

    assert lines[0].checked == ("PIN MAC track keys", "batch 000042")
    assert play.asked["sale"].sent[60] == "22000042000200"
    assert lines[1] == Line("sale", 1200, "00", "00", ("MAC",), ())


async def test_a_reversal_repeats_its_original_but_its_secrets_and_says_why() -> None:
    play = a_play(
        cup(),
        ON,
        replace(SOLD, name="lost", trick=Trick.LOST, then=Move.NOTHING),
        Step("rev", "reversal", REVERSAL, "union", Shown.SWIPED, Trick.NONE, 1200, "lost"),
        replace(SOLD, name="known"),
        Step("rev2", "reversal", REVERSAL, "union", Shown.SWIPED, Trick.NONE, 1200, "known", Move.UNDO),
    )

    await play.run()

    lost, reversal, other = (play.asked[name].sent for name in ("lost", "rev", "rev2"))
    assert reversal == {0: "0400", 2: "6200000000000047", 39: "98"} | {
        number: lost[number] for number in (3, 4, 11, 22, 25, 41, 42, 49, 60)
    }
    assert (other[38], other[39]) == ("A00001", "06")
    assert play.tally.totals() == Totals()


async def test_a_void_names_its_sale_three_times() -> None:
    play = a_play(
        cup(), ON, SOLD, Step("void", "void", VOID, "union", Shown.SWIPED, Trick.NONE, 1200, "sale", Move.CANCEL)
    )

    await play.run()

    sale, void = play.asked["sale"], play.asked["void"].sent
    assert (void[37], void[38]) == (sale.answer.fields[37], "A00001")
    assert void[61] == "000042" + sale.sent[11]


async def test_a_transfer_names_the_other_card() -> None:
    host = cup()
    step = Step("t", "transfer", TRANSFER, "visa", Shown.SWIPED, Trick.NONE, 300, "union", Move.TRANSFER)

    await a_play(host, ON, step).run()

    to_pan = host.requests[-1].extras.to_pan
    assert to_pan is not None
    assert to_pan.reveal() == "6200000000000047"


async def test_a_pin_is_given_only_where_the_step_has_one() -> None:
    play = a_play(cup(), ON, replace(SOLD, card="visa", trick=Trick.PIN), replace(SOLD, name="none", card="visa"))

    await play.run()

    with_pin, without = play.asked["sale"].sent, play.asked["none"].sent
    assert (with_pin[22], with_pin[26], with_pin[53]) == ("021", "12", "2600000000000000")
    assert len(with_pin[52]) == 16
    assert without[22] == "022"
    assert not {26, 52, 53} & without.keys()


# --- the judgement -------------------------------------------------------------------------------------------


async def test_another_answer_than_expected_is_a_fault_and_counts_for_nothing() -> None:
    play = a_play(cup("51"), SOLD)

    lines = await play.run()

    assert lines == [Line("sale", 1200, "51", "00", (), ("expected 00",))]
    assert play.tally.totals() == Totals()


async def test_an_expected_refusal_is_no_fault_and_an_approval_instead_is_one() -> None:
    refused = replace(SOLD, then="51")

    as_expected = await a_play(cup("51"), refused).run()
    approved = await a_play(cup("00"), refused).run()

    assert as_expected[0].is_as_expected
    assert approved[0].faults == ("expected 51",)


async def test_an_approval_without_what_it_must_have_is_a_fault() -> None:
    def without_code(_: Fields, answer: Fields) -> None:
        del answer[37], answer[38]

    lines = await a_play(cup(change=without_code), SOLD).run()

    assert lines[0].faults == ("field 37, 38 is missing",)


async def test_a_chip_that_gets_no_arpc_is_a_fault() -> None:
    lines = await a_play(cup(), CHIP).run()

    assert lines[0].faults == ("no ARPC (tag 91) came back",)


async def test_the_same_sent_again_must_be_answered_as_at_first() -> None:
    again = replace(SOLD, name="again", trick=Trick.AGAIN, about="sale")
    play = a_play(cup(), replace(SOLD, trick=Trick.LOST), again)

    lines = await play.run()

    assert play.asked["again"].sent == play.asked["sale"].sent
    assert lines[0] == Line("sale", 1200, "--", "00", ("answer dropped",), ())
    assert lines[1].faults == ("field 37 is another than at first",)  # this host makes a new one each time
    assert play.tally.totals() == Totals(Sum(1, 1200))


async def test_a_balance_that_is_not_as_counted_is_a_fault() -> None:
    asked = Step("b", "balance", BALANCE, "union", Shown.SWIPED)

    lines = await a_play(cup(), asked, SOLD, replace(asked, name="b2")).run()

    assert lines[0].checked == ("1,000.00 CNY, as counted",)
    assert lines[2].faults == ("the host says 1,000.00 CNY, the count 988.00 CNY",)


async def test_a_line_that_is_lost_ends_the_play_and_what_needs_a_missing_answer_does_not() -> None:
    class LosingHost(FakeHost):
        async def ask(self, frame: bytes) -> Frame:
            if len(self.entries) == 1:
                raise LineLost("the host closed the connection instead of answering")
            return await super().ask(frame)

    about_nothing = Step("void", "void", VOID, "union", Shown.SWIPED, Trick.NONE, 1200, "never", Move.CANCEL)
    host = LosingHost(load_dialect("unionpay-pos"))

    lines = await a_play(host, SOLD, about_nothing, replace(SOLD, name="b"), replace(SOLD, name="c")).run()

    assert [line.faults for line in lines] == [
        (),
        ("what it is about was never answered",),
        ("the host closed the connection instead of answering",),
    ]


@pytest.mark.parametrize(("seen", "at_most", "tries"), [(100, 101, 1), (120, 126, 6), (9_000, 12_000, 45)])
async def test_a_chips_counter_is_tried_higher_until_the_host_takes_it(seen: int, at_most: int, tries: int) -> None:
    def refuse_old(fields: Fields, answer: Fields) -> None:
        chip = read_chip(bytes.fromhex(fields[55]))
        assert isinstance(chip, ChipData)
        answer[39] = "00" if (chip.atc or 0) > seen else "59"

    probe = next(step for step in unionpay_day.STEPS if step.name == "union1")
    host = cup(change=refuse_old)
    play = a_play(host, probe)

    (line,) = await play.run()

    assert line.code == "00"
    assert seen < play.cards["union"].atc <= at_most
    assert len(host.entries) <= tries


async def test_a_chip_that_is_refused_for_good_is_not_tried_for_ever() -> None:
    host = cup("59")
    probe = next(step for step in unionpay_day.STEPS if step.name == "union1")

    (line,) = await a_play(host, probe).run()

    assert line.faults == ("expected 00",)
    assert len(host.entries) <= 46


def test_a_later_play_begins_with_a_higher_counter() -> None:
    assert likely_counter(NOON) < likely_counter(NOON.replace(hour=13)) < 65_536


# --- the whole day against a switch --------------------------------------------------------------------------


def a_demo(database: str, folder: Path, dialect: str) -> Settings:
    keys = folder / "keys.toml"
    write_fresh_keys(keys)
    anywhere = Address("127.0.0.1", 0)
    settings = Settings(
        ledger=LedgerSettings(database=database),
        listeners=(ListenerSettings(name="door", dialect=dialect, bind=anywhere),),
        admin=AdminSettings(bind=anywhere),
        keys=KeySettings(file=keys),
    )
    load_data(settings)
    load_demo_keys(settings)
    return settings


async def play_against_a_switch(settings: Settings, dialect: Dialect, *scripts: Script) -> list[Play]:
    """Play the scripts one after the other as TERM0005; every step of each is as expected."""
    plays = []
    async with trio.open_nursery() as nursery:
        running = await nursery.start(lambda task_status: run(settings, log=StringIO(), task_status=task_status))
        async with open_line(dialect, *running.listeners["door"]) as line:
            for number, script in enumerate(scripts):
                now = datetime.now(ZONE)
                terminal = Terminal(dialect, "TERM0005", "MERCHANT0000001", MASTER, 1 + number * STANS_OF_A_PLAY)
                cards = {name: SimulatedCard(data, likely_counter(now)) for name, data in SERVED.cards.items()}
                play = Play(script, terminal, line, cards, lambda: datetime.now(ZONE), SERVED.pay_code)
                with trio.fail_after(DEADLINE_S):
                    lines = await play.run()
                assert [line for line in lines if not line.is_as_expected] == []
                assert len(lines) == play.steps
                plays.append(play)
        running.drain()
    return plays


@pytest.mark.parametrize("name", DAYS)
async def test_the_whole_day_is_as_expected_and_the_books_agree_to_the_cent(
    name: str, database: str, tmp_path: Path
) -> None:
    settings = a_demo(database, tmp_path, name)
    with closing(open_database(database)) as books, books.reading() as connection:
        before = newest(connection)

    plays = await play_against_a_switch(settings, load_dialect(name), DAYS[name], DAYS[name])

    own = [play.tally.totals() for play in plays]
    assert own[0] == own[1]
    assert own[0].debits.number > 4
    total = Totals(
        own[0].debits.plus(own[1].debits), own[0].credits.plus(own[1].credits), own[0].loads_minor + own[1].loads_minor
    )
    settled = [batch for play in plays for batch in play.settled]
    with closing(open_database(database)) as books:
        compare_batches(books, compared, JournalIds(lambda: time_ns() // 1_000))
    with closing(open_database(database)) as books, snapshot(books) as connection:
        stand, gained = booked(connection, "TERM0005", before), merchant_gained(connection, "TERM0005", before)
        findings = audit(connection, Vault(load_keys(settings.keys.file)))
        wrong = [*batch_differences(connection, "TERM0005", settled)]
        wrong += mistake_differences(connection, "TERM0005", settled)
        named = [difference for one in settled for difference in discrepancies(connection, "TERM0005", one.batch)]
    assert differences(total, stand, gained) == []
    assert wrong == []
    assert named == sorted(mistake for one in settled for mistake in one.mistakes)
    assert len(settled) == (6 if name == "unionpay-pos" else 0)
    assert [finding for finding in findings if not finding.holds] == []


@pytest.mark.parametrize(
    "broken_off",
    [(SOLD,), (replace(SOLD, trick=Trick.FORGOTTEN), Step("differ", "settlement", DIFFER._replace(does=HALF_WRONG)))],
    ids=["in the middle of its sales", "before its upload"],
)
async def test_a_day_that_was_broken_off_keeps_no_other_from_its_own_batch(
    broken_off: tuple[Step, ...], sqlite_database: str, tmp_path: Path
) -> None:
    settings = a_demo(sqlite_database, tmp_path, "unionpay-pos")
    fresh = Step("fresh", "a fresh batch", FRESH)
    again = (fresh, SOLD, Step("sum", "settlement", SETTLE))

    _, play = await play_against_a_switch(
        settings,
        load_dialect("unionpay-pos"),
        Script((fresh, *broken_off), unionpay_day.DAY.message),
        Script(again, unionpay_day.DAY.message),
    )

    with closing(open_database(sqlite_database)) as books, books.reading() as connection:
        assert list(batch_differences(connection, "TERM0005", play.settled)) == []
    assert play.settled[0].counted.domestic.debits == Sum(1, 1200)


def test_batches_and_mistakes_that_the_books_have_not_are_named(sqlite_database: str) -> None:
    made = Settled("000007", BatchTotals(), BatchTotals(), (Mistake("000123", "missing", 1200, None),))
    totals = {f"{whose}_{name}": 0 for whose in ("host", "terminal") for name in TOTALS}
    row = {"terminal_id": "TERM0005", "merchant_id": "M", "business_day": 20261121, "journal_id": 1, "settled_at": 1}

    with closing(open_database(sqlite_database)) as books, books.writing() as connection:
        absent = list(batch_differences(connection, "TERM0005", [made]))
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        changed = {"host_domestic_debit_minor": 1200, "host_domestic_debit_count": 1}
        connection.execute(batch.insert(), [{**row, **totals, **changed, "batch": "000007", "state": "closed"}])
        other = list(batch_differences(connection, "TERM0005", [made]))
        unfound = list(mistake_differences(connection, "TERM0005", [made]))
        connection.rollback()

    assert absent == ["batch 000007 is not settled in the books"]
    nothing = "0 of 0.00 and 0 of 0.00"
    theirs, ours = f"domestic 1 of 12.00 and 0 of 0.00, foreign {nothing}", f"domestic {nothing}, foreign {nothing}"
    assert other == [f"batch 000007, the host's totals: {theirs} in the books, not {ours}"]
    assert unfound == ["batch 000007: 000123 missing (12.00), not found"]


def test_differences_between_terminal_and_books_are_named() -> None:
    own = Totals(Sum(2, 3300), Sum(1, 800))

    assert differences(own, own, 2500) == []
    assert differences(own, Totals(Sum(1, 1200), Sum(1, 800)), 400) == [
        "debits: the terminal counts 2 of 33.00, the books 1 of 12.00",
        "the merchant's gain: the terminal counts 25.00, the books 4.00",
    ]
