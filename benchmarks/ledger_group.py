"""Microseconds per request that the books cost, for groups of 1, 16, 64 and 256, with the real decision.

    python -m benchmarks.ledger_group [--database URL] [--requests N] [--busy] [--profile]

Without a URL a fresh SQLite file beside the temporary files is used. ``--busy`` keeps a second thread computing,
as the event loop does under load: the books then wait for the interpreter's lock at each statement. The time of
``decide`` alone is measured and shown apart.
"""

# ruff: noqa: D101, D103 - the names say it; nobody imports a script

from __future__ import annotations

import argparse
import cProfile
import hashlib
import pstats
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path

import sqlalchemy as sa

from switch.decisions import Decision, Facts
from switch.ledger import schema
from switch.ledger.database import Database, open_database, upgrade
from switch.ledger.group import Rules
from switch.ledger.sessions import connector
from switch.ledger.store import Store
from switch.messages.kinds import Kind
from switch.messages.model import Request
from switch.transactions.decide import decide
from switch.transactions.table import NEEDS
from switch.values import Pan

TERMINALS = 64
CARDS = 1024
SIZES = (1, 16, 64, 256)


def clock() -> int:
    return time.time_ns() // 1000


def pan_key(pan: Pan) -> bytes:
    return hashlib.sha256(pan.reveal().encode()).digest()


def pan(number: int) -> Pan:
    digits = f"62{number:013d}"
    return next(Pan(digits + str(check)) for check in range(10) if Pan(digits + str(check)).has_valid_check_digit())


PANS = [pan(number) for number in range(CARDS)]


def fill(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(
            sa.insert(schema.account),
            [{"account_id": 1, "kind": "merchant", "name": "M", "currency": "156"}]
            + [{"account_id": 10 + n, "kind": "cardholder", "name": str(n), "currency": "156"} for n in range(CARDS)],
        )
        connection.execute(
            sa.insert(schema.merchant), [{"merchant_id": "M", "status": "active", "currency": "156", "account_id": 1}]
        )
        connection.execute(
            sa.insert(schema.terminal),
            [{"terminal_id": f"T{n:07d}", "merchant_id": "M", "status": "active"} for n in range(TERMINALS)],
        )
        connection.execute(
            sa.insert(schema.balance),
            [
                {"account_id": 10 + n, "ledger_minor": 10**12, "held_minor": 0, "credit_limit_minor": 0}
                for n in range(CARDS)
            ],
        )
        connection.execute(
            sa.insert(schema.card),
            [
                {
                    "card_id": n,
                    "pan_key": pan_key(PANS[n]),
                    "pan_sealed": b"-",
                    "key_version": 1,
                    "masked_pan": PANS[n].masked,
                    "expiry_yymm": "3012",
                    "status": "active",
                    "account_id": 10 + n,
                }
                for n in range(CARDS)
            ],
        )


def purchase(number: int, received_at: int) -> Request:
    return Request(
        kind=Kind.PURCHASE,
        mti="0200",
        processing_code="000000",
        terminal_id=f"T{number % TERMINALS:07d}",
        merchant_id="M",
        stan=f"{number // TERMINALS % 1_000_000:06d}",
        batch="",
        local_date=date(2026, 1, 1 + number // TERMINALS // 1_000_000),
        has_local_date=True,
        local_time="120000",
        received_at=received_at,
        pan=PANS[number % CARDS],
        expiry_yymm="3012",
        amount_minor=100,
        currency="156",
        entry_mode="021",
        condition_code="00",
        rrn="",
        reason="",
        new_amount_minor=None,
        original=None,
    )


class Bench:
    def __init__(self, database: Database) -> None:
        self.decided_s = 0.0
        ids = count(clock() << 8)
        rules = Rules(self._decide, NEEDS, lambda at: datetime.fromtimestamp(at / 1e6, UTC).date())
        self.store = Store(connector(database), rules, pan_key, clock, lambda: next(ids))
        self._numbers = count()

    def _decide(self, request: Request, facts: Facts) -> Decision:
        started = time.perf_counter()
        decision = decide(request, facts)
        self.decided_s += time.perf_counter() - started
        return decision

    def group(self, size: int) -> tuple[float, float]:
        """Run one group and return (everything, decide alone) in microseconds per request."""
        at = clock()
        requests = [purchase(next(self._numbers), at) for _ in range(size)]
        self.decided_s = 0.0
        started = time.perf_counter()
        report = self.store.run(requests)
        total = time.perf_counter() - started
        assert all(outcome.reply and outcome.reply.action == "approved" for outcome in report.outcomes), report
        return total / size * 1e6, self.decided_s / size * 1e6

    def measure(self, size: int, requests: int) -> Sequence[float]:
        groups = max(5, requests // size)
        for _ in range(3):
            self.group(size)
        figures = [self.group(size) for _ in range(groups)]
        return [statistics.median(column) for column in zip(*figures, strict=True)]


def keep_busy(stop: threading.Event) -> None:
    while not stop.is_set():
        sum(range(2000))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database")
    parser.add_argument("--requests", type=int, default=8192)
    parser.add_argument("--busy", action="store_true")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(options.database or f"sqlite:///{Path(folder) / 'books.db'}")
        upgrade(database)
        fill(database)
        bench = Bench(database)
        stop = threading.Event()
        if options.busy:
            threading.Thread(target=keep_busy, args=(stop,), daemon=True).start()
        profiler = cProfile.Profile() if options.profile else None
        print(f"{'group':>6} {'us/request':>11} {'of it decide':>13}")
        for size in SIZES:
            if profiler and size == 64:
                profiler.enable()
            total, deciding = bench.measure(size, options.requests if size > 1 else options.requests // 16)
            if profiler:
                profiler.disable()
            print(f"{size:>6} {total:>11.1f} {deciding:>13.1f}")
        stop.set()
        if profiler:
            pstats.Stats(profiler).sort_stats("tottime").print_stats(30)
        bench.store.close()
        database.close()


if __name__ == "__main__":
    main()
