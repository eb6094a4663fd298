"""Any bytes at all, through the whole switch: no fault of its own, no failed commit, and sound books."""

from __future__ import annotations

import random
from io import StringIO
from pathlib import Path

import pytest
import trio

from switch.app import run
from switch.security.keys import load_keys
from switch.security.vault import Vault
from switch.wire.codec import Codec
from switch.wire.dialect import load_dialect
from tests.scenarios.stage import Clock, audit_is_clean, install
from tests.scenarios.transcript import Transcript
from tests.terminals.door import NOON, PURCHASES
from tests.terminals.test_fuzz import mutant, pester

MUTANTS = 150


@pytest.mark.parametrize("dialect", sorted(PURCHASES))
async def test_no_bytes_break_the_switch(dialect: str, database: str, tmp_path: Path) -> None:
    chance, clock, log = random.Random(8583), Clock(), StringIO()
    settings = install(Transcript("fuzz", cards={"C1": {"balance": "100.00"}}), database, dialect, tmp_path, clock)
    spoken = load_dialect(dialect)
    codec = Codec(spoken)
    clock.now = NOON

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            running = await nursery.start(
                lambda task_status: run(settings, clock=clock, log=log, task_status=task_status)
            )
            address = running.listeners["door"]
            for stan in range(MUTANTS):
                mti = chance.choice(("200", "200", "100", "400", "220", "800"))
                fields = {**PURCHASES[dialect], 0: PURCHASES[dialect][0][0] + mti, 11: f"{stan:06d}"}
                await pester(address, mutant(spoken.framing, codec, fields, chance))
            running.drain()
            await running.ended.wait()

    assert "unexpected" not in log.getvalue()
    assert "commit" not in log.getvalue()
    audit_is_clean(database, Vault(load_keys(settings.keys.file)))
