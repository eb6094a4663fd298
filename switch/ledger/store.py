"""Makes groups of requests durable, and knows what to do when that fails.

A group commits as a whole or is rolled back as a whole. What is done about a failure depends on what is certain:

    another writer was in the way     the same group again, a bounded number of times
    one request cannot be stored      every request alone, under new ids; that one gets a system error
    the database is down              connect anew once; then system errors: nothing was stored
    the connection broke in COMMIT    look whether the group is in the books; if so it stands, if not again;
                                      if that cannot be found out in time: silence
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from switch.decisions import Outcome, Standing
from switch.errors import CommitUnknown
from switch.ledger.entry import Entry
from switch.ledger.group import Rules, Settled, is_stored, settle
from switch.ledger.ports import Clock, Ids
from switch.ledger.statements import Fault, Session
from switch.messages.actions import Action
from switch.messages.model import NO_EXTRAS, Reply, Request
from switch.values import Pan

ATTEMPTS: Final = 3
"""How often a group is tried: a deadlock or a lost connection passes, or it is not going to."""

SEARCH_PAUSES_S: Final = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Waits between looks for a group of unknown fate: a database that restarts is back within three seconds, and
a terminal waits for many more."""


@dataclass(slots=True)
class Report:
    """What became of a group. ``faults`` names what went wrong on the way, for counters and the log.

    ``commit_s`` is the part of ``duration_s`` that the last COMMIT took.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    duration_s: float = 0.0
    commit_s: float = 0.0


class Prepared(NamedTuple):
    """A group that is decided and written but not committed: `Store.finish` has to follow."""

    started: float
    entries: list[Entry]
    settled: list[Settled]


class _Failed(Exception):  # noqa: N818 - a branch of this module, never seen outside
    """The group was not stored, for certain."""

    def __init__(self, fault: Fault, error: Exception) -> None:
        super().__init__(fault, error)
        self.fault = fault
        self.error = error


class _Broken(Exception):  # noqa: N818 - same
    """The connection broke during COMMIT. ``settled`` is what the group came to, if it is in the books."""

    def __init__(self, settled: list[Settled]) -> None:
        super().__init__()
        self.settled = settled


class Store:
    """Runs groups on one connection of its own, which it opens when needed. For one thread at a time."""

    def __init__(
        self,
        connect: Callable[[], Session],
        rules: Rules,
        pan_key: Callable[[Pan], bytes],
        clock: Clock,
        ids: Ids,
        pause: Callable[[float], None] = time.sleep,
        code_key: Callable[[str], bytes] | None = None,
    ) -> None:
        self._connect = connect
        self._rules = rules
        self._pan_key = pan_key
        self._clock = clock
        self._ids = ids
        self._pause = pause
        self._code_key = code_key
        self._session: Session | None = None

    def run(self, requests: Sequence[Request]) -> Report:
        """Decide requests and make them durable, in order; never raises for what a database can do.

        There is one outcome for each request, in the order of the requests.
        """
        return self._report(time.perf_counter(), self._entries(requests), None)

    def prepare(self, requests: Sequence[Request]) -> Prepared | None:
        """Decide a group up to its commit, on a database that can do that without waiting; never raises.

        What is left is `finish`. None: nothing has been done, and the group has to be `run`.
        """
        session, started = self._session, time.perf_counter()
        if session is None or not session.begin_at_once():
            return None
        entries = self._entries(requests)
        try:
            return Prepared(started, entries, settle(session, entries, self._rules, self._clock()))
        except Exception as error:  # noqa: BLE001 - whatever it is, `run` meets it again and knows what to do
            self._give_back(session, error)
            return None

    def finish(self, prepared: Prepared) -> Report:
        """Make a prepared group durable, with all the care that `run` takes."""
        return self._report(prepared.started, prepared.entries, prepared.settled)

    def _entries(self, requests: Sequence[Request]) -> list[Entry]:
        key_of, ids = self._key_of, self._ids
        return [
            Entry(request, ids(), request.pan_key or key_of(request.pan))
            if request.extras is NO_EXTRAS
            else self._entry_with_extras(request)
            for request in requests
        ]

    def _entry_with_extras(self, request: Request) -> Entry:
        """A request that may name another card, or a pay code; without a key for it no code is known."""
        to_pan, code, code_key = request.extras.to_pan, request.extras.pay_code, self._code_key
        return Entry(
            request,
            self._ids(),
            request.pan_key or self._key_of(request.pan),
            self._key_of(to_pan),
            code_key(code.reveal()) if code and code_key else b"",
        )

    def _key_of(self, pan: Pan | None) -> bytes:
        return b"" if pan is None else self._pan_key(pan)

    def _report(self, started: float, entries: list[Entry], prepared: list[Settled] | None) -> Report:
        report = Report()
        settled = self._settle_all(entries, report, prepared)
        committed_at = self._clock()
        report.outcomes = [
            Outcome(each.entry.request, each.standing, each.reply, each.because, each.journal_id, committed_at)
            for each in settled
        ]
        report.duration_s = time.perf_counter() - started
        return report

    def close(self) -> None:
        """Give up the connection. The next group opens another."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    # --- from the whole group to its requests --------------------------------------------------------------

    def _settle_all(
        self, entries: list[Entry], report: Report, prepared: list[Settled] | None = None, *, alone: bool = False
    ) -> list[Settled]:
        try:
            return self._settle_together(entries, report, prepared)
        except CommitUnknown:
            report.faults.append("unknown")
            return [Settled(entry, Standing.UNKNOWN, None, "the commit's fate is unknown", None) for entry in entries]
        except _Failed as failure:
            report.faults.append(f"{failure.fault}: {type(failure.error).__name__}")
            if failure.fault is Fault.REQUEST and not alone:
                anew = [entry._replace(journal_id=self._ids()) for entry in entries]
                return [settled for entry in anew for settled in self._settle_all([entry], report, alone=True)]
            return [self._not_stored(entry, failure) for entry in entries]

    def _not_stored(self, entry: Entry, failure: _Failed) -> Settled:
        because = f"cannot be stored: {type(failure.error).__name__}"  # its text could quote what was to be stored
        return Settled(entry, Standing.FIRST, Reply(Action.SYSTEM_ERROR, self._clock()), because, None)

    def _settle_together(self, entries: list[Entry], report: Report, prepared: list[Settled] | None) -> list[Settled]:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                settled, prepared = prepared or self._decide(entries), None
                return self._commit(settled, report)
            except _Broken as broken:
                report.faults.append("commit broken")
                if self._find(entries):
                    return broken.settled
                failure = _Failed(Fault.DOWN, broken)
            except _Failed as failed:
                failure = failed
            if failure.fault is Fault.REQUEST or attempt == ATTEMPTS:
                break
            report.faults.append(f"{failure.fault}: {type(failure.error).__name__}")
        raise failure

    def _decide(self, entries: list[Entry]) -> list[Settled]:
        session = self._open()
        try:
            session.begin()
            return settle(session, entries, self._rules, self._clock())
        except Exception as error:
            raise _Failed(self._give_back(session, error), error) from error

    def _commit(self, settled: list[Settled], report: Report) -> list[Settled]:
        session = self._open()
        begun = time.perf_counter()
        try:
            session.commit()
        except Exception as error:
            fault = session.fault(error)
            if fault is Fault.DOWN:
                self.close()
                raise _Broken(settled) from error
            self._give_back(session, error)
            raise _Failed(fault, error) from error
        report.commit_s = time.perf_counter() - begun
        return settled

    def _find(self, entries: list[Entry]) -> bool:
        """Whether a group of unknown fate is in the books; raises `CommitUnknown` if that cannot be found out."""
        for pause_s in SEARCH_PAUSES_S:
            self._pause(pause_s)
            try:
                session = self._open()
                session.begin()
                found = is_stored(session, entries, self._rules)
                session.rollback()
            except Exception:  # noqa: BLE001 - whatever it is, the books could not be read: look again
                self.close()
            else:
                return found
        raise CommitUnknown("the books cannot be read after a broken commit")

    # --- the connection ------------------------------------------------------------------------------------

    def _open(self) -> Session:
        if self._session is None:
            try:
                self._session = self._connect()
            except Exception as error:
                raise _Failed(Fault.DOWN, error) from error
        return self._session

    def _give_back(self, session: Session, error: Exception) -> Fault:
        """Roll back; a connection that cannot even do that is given up. Nothing of the group is stored."""
        fault = session.fault(error)
        try:
            if fault is not Fault.DOWN:
                session.rollback()
                return fault
        except Exception:  # noqa: BLE001 - the first error says more; this one only ends the connection
            fault = Fault.DOWN
        self.close()
        return fault
