"""The demo's books behind a listener on the loopback, and a terminal that signs on: keys, MAC, PIN, chip from end to end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
import trio

from switch.app import run
from switch.config import Address, AdminSettings, KeySettings, LedgerSettings, ListenerSettings, Settings
from switch.data_files import specs_directory
from switch.ledger.audit import audit, snapshot
from switch.ledger.database import open_database
from switch.ledger.key_store import rewrap_terminal_keys
from switch.ledger.schema import journal
from switch.messages.kinds import Kind
from switch.security.card_codes import card_code
from switch.security.demo_keys import DEMO_CVK
from switch.security.key_blocks import KeyBlocks, KeyUsage, terminal_owner
from switch.security.keys import load_keys, write_fresh_keys
from switch.security.vault import Vault
from switch.tools.demo import load_data
from switch.tools.demo_keys import load_demo_keys
from switch.tools.simulated_card import ARQC, TC, SimulatedCard, load_cards
from switch.tools.terminal import Answer, Line, Terminal, open_line
from switch.values import Pan
from switch.wire.codec import Fields
from switch.wire.dialect import load_dialect

MASTER = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
NATURAL = Pan("378282246310005")
VISA = Pan("4111111111111111")
CODE = "6220000000000000001"  # of a UnionPay card
DIALECT = load_dialect("unionpay-pos")
ZONE = ZoneInfo("Asia/Shanghai")
DEADLINE_S = 30.0


@dataclass
class Till:
    """TERM0005, signed on to a switch of its own, which listens at ``address``."""

    terminal: Terminal
    line: Line
    url: str
    address: tuple[str, int]

    async def sign_on(self) -> Answer:
        """Sign on, and take the keys and the batch that are given out."""
        number = {11: self.terminal.next_stan(), 41: self.terminal.terminal_id, 42: self.terminal.merchant_id}
        answer = await self.ask({0: "0800", **number, 60: "00000000003", 63: "01 "}, has_mac=False)
        assert answer.code == "00", answer
        self.terminal.take_keys(bytes.fromhex(answer.fields[62]))
        self.terminal.batch = answer.fields[60][2:8]
        return answer

    async def ask(self, fields: Fields, *, has_mac: bool = True) -> Answer:
        """Send with a MAC; the answer has been checked as a terminal does."""
        with trio.fail_after(DEADLINE_S):
            frame = await self.line.ask(self.terminal.written(fields, has_mac=has_mac))
        return self.terminal.read(fields, frame, has_mac=has_mac)

    def purchase(self, pan: Pan, amount_minor: int = 100, **fields: str) -> Fields:
        """A typed purchase; ``f22="..."`` gives a field another value."""
        usual: Fields = {
            0: "0200",
            2: pan.reveal(),
            3: "000000",
            4: f"{amount_minor:012d}",
            11: self.terminal.next_stan(),
            14: "3012",
            22: "012",
            25: "00",
            41: self.terminal.terminal_id,
            42: self.terminal.merchant_id,
            49: "156",
            60: f"22{self.terminal.batch}00050",
        }
        return {**usual, **{int(name[1:]): text for name, text in fields.items()}}

    def with_pin(self, pan: Pan, pin: str) -> Fields:
        block = self.terminal.pin_block(pin, pan)
        return self.purchase(pan, f22="011", f26="12", f52=block, f53="2000000000000000")

    def with_code(self, pan: Pan, code: str) -> Fields:
        """A typed purchase with the code on the card's back."""
        return self.purchase(pan, f62=f"91{code}".encode().hex().upper())

    def with_chip(self, card: SimulatedCard, amount_minor: int = 100, *, decides: int = ARQC, **fields: str) -> Fields:
        """A purchase, or with TC a sale that the chip has approved, under a new counter."""
        today = datetime.now(ZONE).date()
        data = card.chip(amount_minor, "156", "00", today, bytes(4), decides=decides).hex().upper()
        shown = {"f22": "052", "f23": card.sequence, "f35": card.chip_track, "f55": data, **fields}
        if decides == TC:
            shown |= {"f0": "0200", "f60": f"36{self.terminal.batch}00050"}
        return self.purchase(card.pan, amount_minor, **shown)

    def traces(self, kind: Kind = Kind.PURCHASE) -> list[str]:
        """The journal's traces of a kind, in the order of the requests."""
        with closing(open_database(self.url)) as database, database.reading() as connection:
            return list(
                connection.execute(
                    sa.select(journal.c.trace).where(journal.c.kind == kind).order_by(journal.c.journal_id)
                ).scalars()
            )


@asynccontextmanager
async def a_till(url: str, folder: Path) -> AsyncIterator[Till]:
    """A till at the demo's switch; the books are audited when the switch has ended."""
    keys = folder / "keys.toml"
    if not keys.exists():
        write_fresh_keys(keys)
    anywhere = Address("127.0.0.1", 0)
    settings = Settings(
        ledger=LedgerSettings(database=url),
        listeners=(ListenerSettings(name="door", dialect=DIALECT.name, bind=anywhere),),
        admin=AdminSettings(bind=anywhere),
        keys=KeySettings(file=keys),
    )
    load_data(settings)
    load_demo_keys(settings)
    async with trio.open_nursery() as nursery:
        running = await nursery.start(lambda task_status: run(settings, log=StringIO(), task_status=task_status))
        async with open_line(DIALECT, *running.listeners["door"]) as line:
            till = Till(
                Terminal(DIALECT, "TERM0005", "MERCHANT0000001", MASTER, 1), line, url, running.listeners["door"]
            )
            await till.sign_on()
            yield till
        running.drain()
    with closing(open_database(url)) as books, snapshot(books) as connection:
        findings = audit(connection, Vault(load_keys(keys)))
    assert [finding for finding in findings if finding.broken] == []


# --- keys --------------------------------------------------------------------------------------------------


async def test_a_new_master_key_takes_over_beside_a_switch_at_work(database: str, tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    write_fresh_keys(file)
    start, _, old = file.read_text().partition("[master]\nkey = ")
    both = f'{start}[master]\ncurrent = 1\nkeys.1 = {old.strip()}\nkeys.2 = "{"5A" * 32}"\n'
    file.write_text(both)
    async with a_till(database, tmp_path) as till:
        before = await till.ask(till.with_pin(VISA, "1234"))
        file.write_text(both.replace("[master]\ncurrent = 1", "[master]\ncurrent = 2"))
        changed = rewrapped(database, file)
        after = [await till.ask(till.with_pin(VISA, "1234")), await till.sign_on()]
        after.append(await till.ask(till.with_pin(NATURAL, "3782")))
        later = rewrapped(database, file)  # what the switch has given out since is under its own current key
        again = rewrapped(database, file)

    assert [before.code, *(answer.code for answer in after)] == ["00"] * 4
    assert changed > later > 0
    assert again == 0


def rewrapped(url: str, file: Path) -> int:
    """Wrap the terminals' keys under the file's current master key; return how many changed."""
    masters = load_keys(file).master
    assert masters is not None
    blocks = KeyBlocks(masters)
    with closing(open_database(url)) as books:
        return rewrap_terminal_keys(
            books, lambda terminal_id, usage, block: blocks.again(block, KeyUsage(usage), terminal_owner(terminal_id))
        )


# --- PINs --------------------------------------------------------------------------------------------------


async def test_a_pin_is_held_against_the_natural_one_and_the_cards_offset(database: str, tmp_path: Path) -> None:
    async with a_till(database, tmp_path) as till:
        answers = [await till.ask(till.with_pin(NATURAL, pin)) for pin in ("3782", "4713", "3783", "37820", "3782")]
        traces = till.traces()

    assert [answer.code for answer in answers] == ["00", "55", "55", "55", "75"]
    assert all(answer.has_mac and not answer.faults for answer in answers)
    assert '["pin","right","right",true]' in traces[0]
    assert '["pin","wrong","right",false]' in traces[1]


async def test_a_right_natural_pin_forgets_wrong_ones_before_it(sqlite_database: str, tmp_path: Path) -> None:
    async with a_till(sqlite_database, tmp_path) as till:
        pins = ("0000", "1111", "3782", "0000", "1111", "3782")
        codes = [(await till.ask(till.with_pin(NATURAL, pin))).code for pin in pins]

    assert codes == ["55", "55", "00", "55", "55", "00"]


@pytest.mark.parametrize("pin", ["1234", "12345"])
async def test_a_card_with_a_verification_value_is_held_against_that(
    pin: str, sqlite_database: str, tmp_path: Path
) -> None:
    async with a_till(sqlite_database, tmp_path) as till:
        answer = await till.ask(till.with_pin(VISA, pin))

    assert answer.code == "00"


# --- codes that are guessed --------------------------------------------------------------------------------


async def test_codes_of_a_card_cannot_be_guessed_all_day(database: str, tmp_path: Path) -> None:
    right = card_code(DEMO_CVK, VISA.reveal(), "3012", "000")
    wrong = [f"{(int(right) + step) % 1000:03d}" for step in range(1, 6)]
    async with a_till(database, tmp_path) as till:
        before = await till.ask(till.with_code(VISA, right))
        guesses = [await till.ask(till.with_code(VISA, code)) for code in (*wrong, right, right)]
        others = [await till.ask(till.purchase(VISA)), await till.ask(till.with_pin(VISA, "1234"))]
        traces = till.traces()

    assert before.code == "00"
    assert [answer.code for answer in guesses] == ["59"] * 7
    assert [answer.code for answer in others] == ["00", "00"]
    assert '["card_code","wrong","right",false]' in traces[5]
    assert '["card_code",5,5,false]' in traces[6]


# --- chips -------------------------------------------------------------------------------------------------


def a_chip_card() -> SimulatedCard:
    return SimulatedCard(load_cards(specs_directory() / "demo" / "day.toml").cards["union"], 100)


async def test_an_offline_sale_is_stored_once_under_whatever_key_it_is_told(database: str, tmp_path: Path) -> None:
    async with a_till(database, tmp_path) as till:
        card = a_chip_card()
        late = till.with_chip(card, decides=TC)
        later = [await till.ask(till.with_chip(card)) for _ in range(2)]
        told = [await till.ask({**late, 11: till.terminal.next_stan()}) for _ in range(3)]
        traces = till.traces(Kind.OFFLINE_SALE)

    assert [answer.code for answer in later] == ["00", "00"]
    assert [answer.code for answer in told] == ["00", "94", "94"]
    assert "chip_counter" in traces[1]


async def test_each_of_several_late_offline_sales_is_stored(sqlite_database: str, tmp_path: Path) -> None:
    async with a_till(sqlite_database, tmp_path) as till:
        card = a_chip_card()
        sales = [till.with_chip(card, decides=TC) for _ in range(3)]
        codes = [(await till.ask(sale)).code for sale in (sales[2], sales[0], sales[1], sales[0])]

    assert codes[:3] == ["00", "00", "00"]
    assert codes[3] == "00"  # the very same request again: its stored answer


async def test_a_repeat_gets_the_first_answer_to_the_chip_whatever_chip_data_it_brings(
    database: str, tmp_path: Path
) -> None:
    async with a_till(database, tmp_path) as till:
        card = a_chip_card()
        sale, other = till.with_chip(card), till.with_chip(card)
        damaged = f"{sale[55][:-2]}{int(sale[55][-2:], 16) ^ 1:02X}"
        first = await till.ask(sale)
        repeats = [
            await till.ask(sale),
            await till.ask({**sale, 55: other[55]}),  # a right cryptogram of another transaction
            await till.ask({**sale, 55: damaged}),
            await till.ask({number: text for number, text in sale.items() if number not in (23, 55)}),
        ]
        fresh = await till.ask(other)

    assert first.code == fresh.code == "00"
    assert card.disbelief(bytes.fromhex(sale[55]), bytes.fromhex(first.fields[55]), "00") is None
    assert [answer.fields.get(55) for answer in repeats] == [first.fields[55]] * 4
    assert fresh.fields[55] != first.fields[55]


async def test_a_repeat_of_a_refused_sale_gets_the_answer_to_the_chip_that_refuses_it(
    sqlite_database: str, tmp_path: Path
) -> None:
    async with a_till(sqlite_database, tmp_path) as till:
        card = a_chip_card()
        sale, other = till.with_chip(card, 90_000_000), till.with_chip(card, 90_000_000)
        answers = [await till.ask(sale), await till.ask({**sale, 55: other[55]})]
        swiped = till.purchase(card.pan, 200)
        without = [await till.ask(swiped), await till.ask({**swiped, 55: other[55]})]

    assert [answer.code for answer in answers] == ["51", "51"]
    assert answers[0].fields[55] == answers[1].fields[55]
    assert card.disbelief(bytes.fromhex(sale[55]), bytes.fromhex(answers[1].fields[55]), "51") is None
    assert [answer.code for answer in without] == ["00", "00"]
    assert all(55 not in answer.fields for answer in without)


# --- pay codes -------------------------------------------------------------------------------------------------------


async def test_a_sale_by_pay_code_is_refunded_without_a_card(database: str, tmp_path: Path) -> None:
    async with a_till(database, tmp_path) as till:
        sale = without_a_card(till.purchase(VISA, 900, f22="032", f59=f"A3019{CODE}"))
        sold = await till.ask(sale)
        today = f"{datetime.now(ZONE):%m%d}"
        named = {"f0": "0220", "f3": "200000", "f22": "032", "f60": f"25{till.terminal.batch}00050"}
        by_rrn = await till.ask(without_a_card(till.purchase(VISA, 500, **named, f37=sold.fields[37])))
        by_61 = without_a_card(till.purchase(VISA, 400, **named, f61=f"{till.terminal.batch}{sale[11]}{today}"))
        rest, more = await till.ask(by_61), await till.ask(without_a_card({**by_61, 11: till.terminal.next_stan()}))
        nothing = await till.ask(without_a_card(till.purchase(VISA, 100, **named, f37="999999999999")))

    assert [answer.code for answer in (sold, by_rrn, rest, more, nothing)] == ["00", "00", "00", "61", "25"]


def without_a_card(fields: Fields) -> Fields:
    return {number: text for number, text in fields.items() if number not in (2, 14)}
