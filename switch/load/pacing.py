"""When a recorded message is due again: at the capture's own pace or a multiple, at a rate, or as soon as may be."""

from __future__ import annotations

import re
from typing import Final, Protocol

from switch.errors import OperatorError

MAX: Final = "max"
_SPEED: Final = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)x")
_US_PER_S: Final = 1_000_000
_BETWEEN_ROUNDS_US: Final = 1_000


class Pace(Protocol):
    """From the recorded time of each message, in their order, to when it is due. All in microseconds."""

    def due_us(self, at_us: int) -> int:
        """When the message that was recorded at ``at_us`` is due after the run's start: never before the one ahead."""
        ...

    def begin_again(self) -> None:
        """The capture begins again: what follows goes on after what was due last."""
        ...


def speed_in(text: str) -> float | None:
    """The factor that ``10x`` says; None for ``max``. Raises `OperatorError` for anything else."""
    if text == MAX:
        return None
    found = _SPEED.fullmatch(text)
    if found is None or not float(found[1]):
        raise OperatorError(f"--speed wants a factor like 1x, 10x or 0.5x, or {MAX}")
    return float(found[1])


class AsRecorded:
    """As far from the first as it was recorded, divided by ``speed``. A time that goes back counts as the one ahead."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._first_us: int | None = None
        self._latest_us = self._offset_us = self._due_us = 0

    def due_us(self, at_us: int) -> int:
        if self._first_us is None:
            self._first_us = self._latest_us = at_us
        self._latest_us = max(self._latest_us, at_us)
        self._due_us = self._offset_us + int((self._latest_us - self._first_us) / self._speed)
        return self._due_us

    def begin_again(self) -> None:
        self._offset_us = self._due_us + _BETWEEN_ROUNDS_US
        self._first_us = None


class AtRate:
    """Evenly, so many a second, whenever they were recorded."""

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._count = 0

    def due_us(self, at_us: int) -> int:  # noqa: ARG002 - a pace is told it
        due_us = int(self._count * _US_PER_S / self._per_s)
        self._count += 1
        return due_us

    def begin_again(self) -> None: ...


class AtOnce:
    """At once: what is in flight is the only limit."""

    def due_us(self, at_us: int) -> int:  # noqa: ARG002 - a pace is told it
        return 0

    def begin_again(self) -> None: ...
