"""Looks at the books, at the disk and at the certificate now and then, and keeps what it found for /metrics.

It looks in a worker thread, on connections of its own; a database that hangs holds up the next look and nothing else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, Protocol, TypeVar

import trio
from cryptography import x509

from switch.ledger.database import Database
from switch.ledger.glance import Glance, Mark, glance
from switch.telemetry import EventLog, Metrics
from switch.telemetry.process import OPEN_FILES, open_files

_T = TypeVar("_T")

LOOK_EVERY_S: Final = 30.0
_MICROSECONDS: Final = 1_000_000


class Runner(Protocol):
    """Runs a blocking function off the event loop."""

    def __call__(self, function: Callable[[], _T], /) -> Awaitable[_T]: ...


class Gauging:
    """Keeps the figures of `Metrics` that nobody counts. ``clock`` gives microseconds since 1970, UTC."""

    def __init__(
        self, database: Database, runner: Runner, clock: Callable[[], int], metrics: Metrics, events: EventLog
    ) -> None:
        self._database = database
        self._runner = runner
        self._clock = clock
        self._unanswered = metrics.unanswered
        self._figures = metrics.figures
        self._events = events
        self._mark: Mark | None = None
        self._audited_at: int | None = None
        self._is_blind = False
        metrics.figures.read_by("switch_audit_age_seconds", self._audit_age_s)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await trio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Look once; where that fails the figures stay as they are, which is logged once."""
        now = self._clock()
        ids = [approval.journal_id for approval in self._unanswered.pending(now)]
        try:
            self._figures.set(OPEN_FILES, await self._runner(open_files))
            found = await self._runner(lambda: glance(self._database, now, self._mark, ids))
        except Exception as error:  # noqa: BLE001 - whatever it is, terminals must not suffer for it
            if not self._is_blind:
                self._events.unexpected("looking at the books for metrics", error)
            self._is_blind = True
            return
        self._is_blind = False
        self._mark = found.mark
        self._unanswered.discard(set(ids) - set(found.at_risk))
        self._keep(found)
        self._keep_at_risk(found)

    def _keep(self, found: Glance) -> None:
        keep = self._figures.set
        keep("switch_books_looked_at_timestamp_seconds", found.looked_at / _MICROSECONDS)
        keep("switch_ledger_imbalance_minor", found.imbalance_minor)
        keep("switch_reversals_unmatched", found.reversals_unmatched)
        keep("switch_adjustments_open", found.adjustments_open)
        keep("switch_batch_differences_open", found.differences_open)
        keep("switch_batches_unbalanced", found.batches_unbalanced)
        keep("switch_settlements_due", found.settlements_due)
        keep("switch_maintenance", found.in_maintenance)
        keep("switch_database_size_bytes", found.database_bytes)
        keep("switch_disk_free_bytes", found.disk_free_bytes)
        keep("switch_audit_findings", found.audit.broken if found.audit is not None else None)
        self._audited_at = found.audit.at if found.audit is not None else None
        self._figures.set_all("switch_terminals", {(status,): number for status, number in found.terminals.items()})

    def _keep_at_risk(self, found: Glance) -> None:
        minor = dict.fromkeys(found.currencies, 0)
        for currency, amount in found.at_risk.values():
            minor[currency] = minor.get(currency, 0) + amount
        self._figures.set_all("switch_money_at_risk_minor", {(name,): amount for name, amount in minor.items()})
        self._figures.set("switch_money_at_risk_payments", len(found.at_risk))

    def _audit_age_s(self) -> float | None:
        return None if self._audited_at is None else max(self._clock() - self._audited_at, 0) / _MICROSECONDS


def certificate_ends_at(file: Path) -> float:
    """Return when the first certificate of a PEM file ends, in seconds since 1970. Raises ValueError, OSError."""
    return x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc.timestamp()
