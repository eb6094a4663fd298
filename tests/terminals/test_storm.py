"""After a power cut: two thousand terminals sign on at once."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Final

import sqlalchemy as sa
import trio

from switch.ledger.database import open_database
from switch.ledger.key_store import keep_terminal_key
from switch.ledger.schema import terminal, terminal_key
from switch.security.key_blocks import KeyUsage, terminal_owner
from switch.security.keys import load_keys
from switch.security.software_hsm import SoftwareHsm
from switch.tools.terminal import Terminal
from switch.wire.codec import Codec, Fields
from tests.terminals.test_whole_switch import DEADLINE_S, DIALECT, MASTER, VISA, a_till

TERMINALS: Final = 2_000
LINES: Final = 100
MERCHANT: Final = "MERCHANT0000001"


def register(url: str, key_file: Path) -> list[Terminal]:
    """Two thousand terminals with a master key, in the books of a demo."""
    names = [f"STORM{number:03X}" for number in range(TERMINALS)]
    master = load_keys(key_file).master
    assert master is not None
    hsm = SoftwareHsm(master)
    with closing(open_database(url)) as database, database.writing() as connection:
        rows = [{"terminal_id": name, "merchant_id": MERCHANT, "status": "active"} for name in names]
        connection.execute(sa.insert(terminal), rows)
        for name in names:
            kept = hsm.take_in(KeyUsage.TERMINAL_MASTER, MASTER, owner=terminal_owner(name), is_demo=True)
            keep_terminal_key(connection, name, KeyUsage.TERMINAL_MASTER, *kept, 0)
    return [Terminal(DIALECT, name, MERCHANT, MASTER, 1) for name in names]


def sign_on(one: Terminal) -> Fields:
    named = {11: one.next_stan(), 41: one.terminal_id, 42: one.merchant_id}
    return {0: "0800", **named, 60: "00000000003", 63: "01 "}


async def storm(address: tuple[str, int], terminals: list[Terminal]) -> dict[str, Fields]:
    """Send all their sign-ons over one line before any is answered; return the answers by terminal."""
    codec, framer = Codec(DIALECT), DIALECT.framing.framer()
    answers: dict[str, Fields] = {}
    async with await trio.open_tcp_stream(*address) as stream:
        await stream.send_all(b"".join(one.written(sign_on(one), has_mac=False) for one in terminals))
        while len(answers) < len(terminals):
            for frame in framer.feed(bytes(await stream.receive_some(65_536))):
                answer = codec.decode(frame.body)
                answers[answer[41]] = answer
    return answers


async def test_two_thousand_terminals_that_sign_on_at_once_all_get_keys_of_their_own(
    database: str, tmp_path: Path
) -> None:
    answers: dict[str, Fields] = {}
    async with a_till(database, tmp_path) as till:
        terminals = register(database, tmp_path / "keys.toml")

        async def one_line(number: int) -> None:
            answers.update(await storm(till.address, terminals[number::LINES]))

        with trio.fail_after(2 * DEADLINE_S):
            async with trio.open_nursery() as nursery:
                for number in range(LINES):
                    nursery.start_soon(one_line, number)
        for one in terminals:
            one.take_keys(bytes.fromhex(answers[one.terminal_id][62]))  # raises where a check value is not the key's
        till.terminal = terminals[-1]
        till.terminal.batch = answers[till.terminal.terminal_id][60][2:8]
        sold = await till.ask(till.purchase(VISA))
    with closing(open_database(database)) as books, books.reading() as connection:
        kept = connection.execute(
            sa.select(sa.func.count()).where(
                terminal_key.c.terminal_id.like("STORM%"), terminal_key.c.usage == KeyUsage.MAC
            )
        ).scalar_one()

    assert {answer[39] for answer in answers.values()} == {"00"}
    assert len({answer[62] for answer in answers.values()}) == kept == TERMINALS
    assert sold.code == "00"
