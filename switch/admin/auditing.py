"""Has the books audited once a day, in a process of its own that steps back behind everything else.

An audit reads every entry there is: in the switch's own process that would take the loop's time. What it found stands
in the books (`switch.ledger.audit_kept`), where every process finds it, and where an audit made by hand is kept too:
the next one is due a day after the last, whoever made that.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, Protocol, TypeVar

import trio

from switch.config import Settings
from switch.ledger.audit_kept import read_kept_audit
from switch.ledger.database import Database, check_version
from switch.telemetry import EventLog

_T = TypeVar("_T")

FIRST_LOOK_S: Final = 60.0
"""After the start: a switch that is begun anew has other things to do first."""

LOOK_EVERY_S: Final = 600.0
_DONE: Final = frozenset({0, 1})  # 1: an invariant is broken, which the metrics tell
_HOUR_US: Final = 3_600_000_000


class Runner(Protocol):
    """Runs a blocking function off the event loop."""

    def __call__(self, function: Callable[[], _T], /) -> Awaitable[_T]: ...


class Auditing:
    """The audits of one switch. ``clock`` gives microseconds since 1970, UTC."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        runner: Runner,
        clock: Callable[[], int],
        events: EventLog,
        command: Sequence[str] = (sys.executable, "-m", "switch"),
    ) -> None:
        self._settings = settings
        self._database = database
        self._runner = runner
        self._clock = clock
        self._events = events
        self._command = command

    async def run(self) -> None:
        """Look whether one is due until cancelled."""
        await trio.sleep(FIRST_LOOK_S)
        while True:
            await self.look()
            await trio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Audit the books if that is due; what goes wrong is logged, and tried again at the next look."""
        try:
            status = await self._audit() if await self._runner(self._is_due) else 0
        except Exception as error:  # noqa: BLE001 - whatever it is, terminals must not suffer for it
            self._events.unexpected("auditing the books", error)
        else:
            if status not in _DONE:
                self._events.audit_ended(status)

    def _is_due(self) -> bool:
        hours = self._settings.chores.audit_hours
        if not hours:
            return False
        last = read_kept_audit(check_version(self._database))
        return last is None or self._clock() - last.at >= hours * _HOUR_US

    async def _audit(self) -> int:
        """Run the process to its end, and return its exit status; it ends with the switch, however that ends."""
        command = [*self._command, "audit-beside"]
        process = await trio.lowlevel.open_process(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        assert process.stdin is not None
        try:
            with suppress(trio.BrokenResourceError):
                await process.stdin.send_all(self._settings.model_dump_json().encode() + b"\n")
            return await process.wait()
        finally:
            process.kill()
            with trio.CancelScope(shield=True):  # a killed process ends at once
                await process.wait()
                await process.stdin.aclose()
