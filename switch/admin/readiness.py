"""Whether terminals may connect, for the load balancer, and why not.

Not ready is a switch that drains, one whose database does not answer, and one that stores nothing: where the disk is
full, or a commit fails for another reason that is not the request's own, every answer is a system error although the
database can be read. Since nobody sends anything to a switch that is not ready, the question itself tries a commit
then, until one holds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import trio

from switch.errors import DatabaseError
from switch.ledger.database import Database, check_version
from switch.ledger.glance import can_commit

_OF_REQUESTS: Final = "request"  # `switch.ledger.statements.Fault`: one terminal's request says nothing of the others'


class Readiness:
    """Answers for one switch.

    A database that hangs must hold up neither the answer nor the writer: a question is given up when its asker
    gives up, and at most one waits for the database at a time, in a thread that is not the writer's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._one = trio.CapacityLimiter(1)
        self._failure = ""
        self.draining = False
        self.is_settling: Callable[[], bool] = lambda: True
        """Whether there is somebody to settle requests."""

    def stored(self) -> None:
        """A group was stored."""
        self._failure = ""

    def not_stored(self, fault: str) -> None:
        """Nothing of a group was stored; ``fault`` is what `Report.faults` says of it."""
        if fault.partition(":")[0] != _OF_REQUESTS:
            self._failure = fault

    async def unready_because(self) -> str:
        if self.draining:
            return "draining"
        if not self.is_settling():
            return "nothing is stored: the process of the books has ended, and another one is begun"
        try:
            await trio.to_thread.run_sync(self._look, bool(self._failure), abandon_on_cancel=True, limiter=self._one)
        except DatabaseError as error:
            return f"nothing is stored: {error}" if self._failure else str(error)
        self._failure = ""
        return ""

    def _look(self, failing: bool) -> None:  # noqa: FBT001 - handed to a thread
        check_version(self._database)
        if failing:
            can_commit(self._database)
