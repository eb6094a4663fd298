"""The switch is killed under load, more than once: what a client was told stands, and nothing stands twice."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa
import trio

from switch.config import load_settings
from switch.ledger import schema
from switch.ledger.database import open_database
from switch.security.keys import load_keys
from switch.security.vault import Vault
from switch.values import Pan
from tests.crash.load import Terminal
from tests.crash.server import CARDS, TERMINALS, Server, install, serving
from tests.scenarios.stage import audit_is_clean

ROUNDS = 3
DEADLINE_S = 120.0  # a busy machine; it takes a few seconds


async def test_a_killed_switch_keeps_what_it_said_and_answers_repeats_the_same(database: str, tmp_path: Path) -> None:
    chance = random.Random(8583)
    settings = install(tmp_path, database)
    vault = Vault(load_keys(load_settings(settings).keys.file))
    terminals = [Terminal(name, random.Random(name)) for name in TERMINALS]

    with trio.fail_after(DEADLINE_S):
        for _ in range(ROUNDS):
            async with serving(settings) as server:
                await the_rest_is_decided_once(server, database, terminals)
                the_balances_are_those_of_the_answers(database, vault, terminals)
                await work_until_killed(server, terminals, chance.randrange(20, 300))
            audit_is_clean(database, vault)
            every_approval_seen_is_in_the_books_once(database, terminals)
        async with serving(settings) as server:
            await the_rest_is_decided_once(server, database, terminals)
    the_balances_are_those_of_the_answers(database, vault, terminals)
    audit_is_clean(database, vault)


async def work_until_killed(server: Server, terminals: list[Terminal], answers: int) -> None:
    """Let the terminals work, and kill the switch the moment that many answers have come."""
    left = answers

    def count() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            server.kill()

    async with trio.open_nursery() as nursery:
        for terminal in terminals:
            nursery.start_soon(terminal.work, server.address, count)


def every_approval_seen_is_in_the_books_once(database: str, terminals: list[Terminal]) -> None:
    rows = Counter(
        (row.terminal_id, row.mti[1], row.stan, row.rrn, row.approval_code)
        for row in journal(database)
        if row.action == "approved"
    )
    for terminal in terminals:
        for attempt in terminal.attempts:
            if attempt.approved and attempt.answer is not None:
                answer = attempt.answer
                assert rows[terminal.terminal_id, *attempt.key, answer[37], answer.get(38, "")] == 1


async def the_rest_is_decided_once(server: Server, database: str, terminals: list[Terminal]) -> None:
    """Repeat everything: what was answered is answered the same, what was not gets its one answer now."""
    for terminal in terminals:
        answers = await terminal.repeat(server.address)
        for attempt, answer in zip(terminal.attempts, answers, strict=True):
            assert attempt.answer in (None, answer)
            attempt.answer = answer
    keys = Counter((row.terminal_id, row.mti[1], row.stan) for row in journal(database))
    assert set(keys.values()) <= {1}
    assert len(keys) == sum(len(terminal.attempts) for terminal in terminals)


def the_balances_are_those_of_the_answers(database: str, vault: Vault, terminals: list[Terminal]) -> None:
    ledger, held = dict(CARDS), dict.fromkeys(CARDS, 0)
    for terminal in terminals:
        reversed_stans = {each.request[90][4:10] for each in terminal.attempts if 90 in each.request and each.approved}
        for attempt in terminal.attempts:
            request = attempt.request
            if attempt.approved and request[11] not in reversed_stans:
                amount = int(request[4])
                if request[0] == "0200":
                    ledger[request[2]] -= amount
                elif request[0] == "0100":
                    held[request[2]] += amount
    assert balances(database, vault) == {pan: (ledger[pan], held[pan]) for pan in CARDS}


def journal(database: str) -> list[sa.Row[tuple[object, ...]]]:
    with closing(open_database(database)) as books, books.reading() as connection:
        return list(connection.execute(sa.select(schema.journal).where(schema.journal.c.terminal_id != "")))


def balances(database: str, vault: Vault) -> dict[str, tuple[int, int]]:
    joined = schema.card.join(schema.balance, schema.card.c.account_id == schema.balance.c.account_id)
    with closing(open_database(database)) as books, books.reading() as connection:
        columns = (schema.card.c.pan_key, schema.balance.c.ledger_minor, schema.balance.c.held_minor)
        rows = connection.execute(sa.select(*columns).select_from(joined))
        found = {row.pan_key: (row.ledger_minor, row.held_minor) for row in rows}
    return {pan: found[vault.pan_key(Pan(pan))] for pan in CARDS}
