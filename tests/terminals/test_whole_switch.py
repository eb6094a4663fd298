"""The demo's books behind a listener on the loopback, and a terminal that signs on: keys, MAC, PIN, chip from end to end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest
import sqlalchemy as sa
import trio

from switch.app import run
from switch.config import Address, AdminSettings, KeySettings, LedgerSettings, ListenerSettings, Settings
from switch.ledger.audit import audit, snapshot
from switch.ledger.database import open_database
from switch.ledger.schema import journal
from switch.messages.kinds import Kind
from switch.security.keys import load_keys, write_fresh_keys
from switch.security.vault import Vault
from switch.tools.demo import load_data
from switch.tools.demo_keys import load_demo_keys
from switch.tools.terminal import Answer, Line, Terminal, open_line
from switch.values import Pan
from switch.wire.codec import Fields
from switch.wire.dialect import load_dialect

MASTER = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
NATURAL = Pan("378282246310005")
VISA = Pan("4111111111111111")
DIALECT = load_dialect("unionpay-pos")
DEADLINE_S = 30.0


@dataclass
class Till:
    """TERM0005, signed on to a switch of its own."""

    terminal: Terminal
    line: Line
    url: str

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
            till = Till(Terminal(DIALECT, "TERM0005", "MERCHANT0000001", MASTER, 1), line, url)
            sign_on = {0: "0800", 11: till.terminal.next_stan(), 41: "TERM0005", 42: "MERCHANT0000001"}
            answer = await till.ask({**sign_on, 60: "00000000003", 63: "01 "}, has_mac=False)
            assert answer.code == "00", answer
            till.terminal.take_keys(bytes.fromhex(answer.fields[62]))
            till.terminal.batch = answer.fields[60][2:8]
            yield till
        running.drain()
    with closing(open_database(url)) as books, snapshot(books) as connection:
        findings = audit(connection, Vault(load_keys(keys)))
    assert [finding for finding in findings if finding.broken] == []


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
