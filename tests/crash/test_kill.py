"""The switch is killed under load, more than once: what a client was told stands, and nothing stands twice."""

from __future__ import annotations

import random
import signal
from collections import Counter
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa
import trio

from switch.config import load_settings
from switch.ledger import schema
from switch.ledger.audit import audit, snapshot
from switch.ledger.database import open_database
from switch.security.keys import load_keys
from switch.security.vault import Vault
from switch.values import Pan
from tests.crash.load import Attempt, Terminal, all_work
from tests.crash.server import CARDS, TERMINALS, Server, install, serving

ROUNDS = 3
DEADLINE_S = 120.0  # a busy machine; it takes a few seconds


async def test_a_killed_switch_keeps_what_it_said_and_answers_repeats_the_same(database: str, tmp_path: Path) -> None:
    chance = random.Random(8583)
    settings = install(tmp_path, database)
    vault = Vault(load_keys(load_settings(settings).keys.file))
    terminals = [Terminal(name, random.Random(name)) for name in TERMINALS]

    with trio.fail_after(DEADLINE_S):
        for _ in range(ROUNDS):
            known = len(sent(terminals))
            async with serving(settings) as server:
                assert await answered_otherwise(server, terminals) == []
                assert decided(database) == Counter(key_of(each) for each in sent(terminals))
                assert balances(database, vault) == expected_balances(terminals)
                await work_until_killed(server, terminals, chance.randrange(20, 300))
            broken_off = [attempt for _, attempt in sent(terminals)[known:] if attempt.answer is None]
            approved, booked = Counter(approvals_seen(terminals)), Counter(approvals_booked(database))

            assert await server.process.wait() == -signal.SIGKILL
            assert broken_off  # it was killed with work in its hands
            assert approved
            assert approved <= booked
            assert set(booked.values()) == {1}
            assert broken_invariants(database, vault) == []
        async with serving(settings) as server:
            assert await answered_otherwise(server, terminals) == []
    assert decided(database) == Counter(key_of(each) for each in sent(terminals))
    assert balances(database, vault) == expected_balances(terminals)
    assert broken_invariants(database, vault) == []


def sent(terminals: list[Terminal]) -> list[tuple[str, Attempt]]:
    """All that was ever sent, each with its terminal."""
    return [(terminal.terminal_id, attempt) for terminal in terminals for attempt in terminal.attempts]


def key_of(one: tuple[str, Attempt]) -> tuple[str, str, str]:
    terminal_id, attempt = one
    return terminal_id, *attempt.key


async def work_until_killed(server: Server, terminals: list[Terminal], answers: int) -> None:
    """Let the terminals work, and kill the switch the moment that many answers have come."""
    left = answers

    def count() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            server.kill()

    await all_work(terminals, server.address, count)


async def answered_otherwise(server: Server, terminals: list[Terminal]) -> list[Attempt]:
    """Repeat everything: what was not answered gets its one answer now; return what is answered otherwise than before."""
    otherwise = []
    for terminal in terminals:
        answers = await terminal.repeat(server.address)
        for attempt, answer in zip(terminal.attempts, answers, strict=True):
            if attempt.answer not in (None, answer):
                otherwise.append(attempt)
            attempt.answer = answer
    return otherwise


def approvals_seen(terminals: list[Terminal]) -> list[tuple[str, ...]]:
    """What terminals were told: terminal, message class, STAN, RRN, approval code."""
    return [
        (*key_of((name, attempt)), attempt.answer[37], attempt.answer.get(38, ""))
        for name, attempt in sent(terminals)
        if attempt.approved and attempt.answer is not None
    ]


def approvals_booked(database: str) -> list[tuple[str, ...]]:
    return [
        (row.terminal_id, row.mti[1], row.stan, row.rrn, row.approval_code)
        for row in journal(database)
        if row.action == "approved"
    ]


def decided(database: str) -> Counter[tuple[str, str, str]]:
    """How often each request was decided."""
    return Counter((row.terminal_id, row.mti[1], row.stan) for row in journal(database))


def expected_balances(terminals: list[Terminal]) -> dict[str, tuple[int, int]]:
    """What the cards stand at if each answer is true: ledger and held."""
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
    return {pan: (ledger[pan], held[pan]) for pan in CARDS}


def broken_invariants(database: str, vault: Vault) -> list[str]:
    with closing(open_database(database)) as books, snapshot(books) as connection:
        findings = audit(connection, vault)
    return [f"{finding.invariant}: {finding.offenders}" for finding in findings if finding.broken]


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
