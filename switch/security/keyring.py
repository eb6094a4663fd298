"""The keys of the terminals that are at work, as wrapped key blocks, so that a message does not wait for the books.

What is held here is a copy: the books have the keys. A terminal that signed on through another process has newer keys
than the copy, so a MAC that fails is tried again under keys read anew before it is refused.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

TERMINALS_MAX: Final = 50_000
"""Terminals whose keys are held at a time: about 1 KiB each; those not heard of for longest make room."""


@dataclass(slots=True)
class TerminalKeys:
    """One terminal's key blocks by usage, and those from before its last sign-on until ``previous_until``.

    ``previous_until`` is a moment of the clock that the keyring is asked by (microseconds).
    """

    current: dict[str, str]
    previous: dict[str, str]
    previous_until: int

    @property
    def before(self) -> TerminalKeys:
        """The keys of the sign-on before the last, with what that did not change."""
        return TerminalKeys({**self.current, **self.previous}, {}, 0)

    def candidates(self, usage: str, now: int) -> tuple[str, ...]:
        """The blocks that a message may have been made with: the current one first; () without any."""
        current = self.current.get(usage)
        if current is None:
            return ()
        previous = self.previous.get(usage) if now < self.previous_until else None
        return (current,) if previous is None else (current, previous)


class Keyring:
    """Key blocks by terminal. ``grace_us`` is how long old keys stay good after new ones were given out."""

    def __init__(self, grace_us: int, terminals_max: int = TERMINALS_MAX) -> None:
        self._grace_us = grace_us
        self._terminals_max = terminals_max
        self._held: OrderedDict[str, TerminalKeys] = OrderedDict()
        self._settled: OrderedDict[str, dict[str, str]] = OrderedDict()  # current keys that were used, by terminal

    def get(self, terminal_id: str) -> TerminalKeys | None:
        """What is held of a terminal, which may be older than the books."""
        held = self._held.get(terminal_id)
        if held is not None:
            self._held.move_to_end(terminal_id)
        return held

    def put(self, terminal_id: str, blocks: Mapping[str, tuple[str, str, int]]) -> TerminalKeys:
        """Hold what the books say by usage: the block, the one before it or "", and when the one took over."""
        held = TerminalKeys(
            {usage: current for usage, (current, _, _) in blocks.items()},
            {usage: previous for usage, (_, previous, _) in blocks.items() if previous},
            max((changed_at for _, previous, changed_at in blocks.values() if previous), default=0) + self._grace_us,
        )
        if held.previous and self._settled.get(terminal_id) == held.current:
            held.previous.clear()
        if not held.current:  # strangers are asked about anew: they must not push terminals out
            self._held.pop(terminal_id, None)
            return held
        self._held[terminal_id] = held
        self._held.move_to_end(terminal_id)
        while len(self._held) > self._terminals_max:
            self._held.popitem(last=False)
        return held

    def renew(self, terminal_id: str, kept: Iterable[tuple[str, str]], now: int) -> None:
        """Take over the (usage, block) pairs given out at a sign-on; the ones before them become the previous."""
        held = self._held.get(terminal_id)
        if held is None:
            return
        for usage, block in kept:
            before = held.current.get(usage)
            if before is not None:
                held.previous[usage] = before
            held.current[usage] = block
        held.previous_until = now + self._grace_us

    def settle(self, terminal_id: str) -> None:
        """The terminal has used its new keys: those before them are good no more."""
        held = self._held.get(terminal_id)
        if held is not None and held.previous:
            held.previous.clear()
            self._settled[terminal_id] = dict(held.current)
            while len(self._settled) > self._terminals_max:
                self._settled.popitem(last=False)

    def __repr__(self) -> str:
        return f"Keyring({len(self._held)} terminals)"
