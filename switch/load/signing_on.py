"""Simulated terminals sign on ahead of a run, and have working keys then, where their dialect gives them out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from switch.errors import PeerError
from switch.load.engine import Engine
from switch.load.messages import Messages
from switch.load.plan import Planned, Stray, Target
from switch.load.population import Card
from switch.load.scenario import Entry
from switch.load.tills import NO_BATCH, Till
from switch.messages.kinds import Kind
from switch.values import Pan
from switch.wire.codec import Fields
from switch.wire.dialect import RESPONSE_CODE, Dialect

_APART_US: Final = 1_000
_KEYS: Final = 62
_RESERVED: Final = 60
_NOBODY: Final = Card(Pan("0" * 12), "0001")


def gives_keys(dialect: Dialect) -> bool:
    """Whether a sign-on of the dialect is answered with working keys."""
    return "private" in dialect.roles


class SigningOn:
    """Signs terminals on, one after the other. ``refused`` counts those that were not approved, by field 39.

    ``without_keys`` counts those that were, and were given no keys that ``master`` opens: they send no MACs.
    """

    def __init__(self, dialect: Dialect, messages: Messages, tills: tuple[Till, ...], master: bytes) -> None:
        self.refused: Counter[str] = Counter()
        self.without_keys = 0
        self._approved = dialect.actions["approved"]
        self._messages = messages
        self._tills = tills
        self._master = master
        self._engine: Engine | None = None

    async def run(self, target: Target) -> None:
        """Sign all of them on. Raises `NobodyListens`."""
        self._engine = Engine(self._plan(), target, self)
        await self._engine.run()

    def stop(self) -> None:
        """Let those sign on no more who have not yet."""
        if self._engine is not None:
            self._engine.stop()

    def _plan(self) -> Iterator[Planned]:
        for number, till in enumerate(self._tills):
            message = self._messages.message(till, Kind.SIGN_ON, Entry.MANUAL, _NOBODY, 0)
            yield Planned(number * _APART_US, 0, message.frame, message.key, counted=False, note=till)

    # --- the engine's Watch ----------------------------------------------------------------------------------

    def answered(self, planned: Planned, fields: Fields, due_us: int, at_us: int) -> None:  # noqa: ARG002 - a watch
        till = planned.note
        assert isinstance(till, Till), "each sign-on is a till's"
        code = fields.get(RESPONSE_CODE, "")
        if code != self._approved:
            self.refused[code] += 1
        elif not take_keys(till, self._master, self._messages, fields):
            self.without_keys += 1

    def missing(self, planned: Planned, due_us: int, at_us: int) -> None:  # noqa: ARG002 - a watch is told it
        self.refused["no answer"] += 1

    def sent(self, planned: Planned, due_us: int, at_us: int) -> None: ...

    def stray(self, what: Stray, connection: int, at_us: int) -> None: ...

    def connection(self, connection: int, what: str, at_us: int) -> None: ...


def take_keys(till: Till, master: bytes, messages: Messages, fields: Fields) -> bool:
    """Take the batch and the working keys of a sign-on's answer; whether there were keys that ``master`` opens."""
    till.batch = fields.get(_RESERVED, "")[2:8] or NO_BATCH
    try:
        till.take_keys(master, bytes.fromhex(fields.get(_KEYS, "")), messages.method)
    except PeerError:
        return False
    return True
