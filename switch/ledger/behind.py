"""Long work behind a serving switch: it steps back, and what locks the books does not.

Whoever holds SQLite's one write lock and is kept from the processor keeps every payment waiting. So reading and
computing run in a thread of least priority, and only the short transactions that write run in the caller's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Final, Protocol, TypeVar

_T = TypeVar("_T")

NICENESS: Final = 10
"""How far work steps back that has until the next day."""


class Behind(Protocol):
    """Runs what takes long where it is in nobody's way, and returns what it returns."""

    def __call__(self, function: Callable[[], _T], /) -> _T: ...


def here(function: Callable[[], _T], /) -> _T:
    """Run it at once, as anything else."""
    return function()


@contextmanager
def stepping_back() -> Iterator[Behind]:
    """Run work in a thread that has stepped back as long as the block lasts.

    A thread has a priority of its own on Linux; elsewhere the process steps back as a whole.
    """
    with ThreadPoolExecutor(1, initializer=step_back) as thread:

        def behind(function: Callable[[], _T], /) -> _T:
            return thread.submit(function).result()

        yield behind


def step_back() -> None:
    """Have the calling thread, and those that it begins, step back; twice is once.

    Besides its lower priority it takes no processor away from whoever has it (sched(7): SCHED_BATCH), where the system
    knows that.
    """
    if os.getpriority(os.PRIO_PROCESS, 0) < NICENESS:
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    if hasattr(os, "SCHED_BATCH"):
        with suppress(OSError):  # a container may forbid it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
