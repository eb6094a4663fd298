"""Long work steps back, its caller does not, and what it raises comes out."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from switch.ledger.behind import NICENESS, stepping_back


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities of their own on Linux only")
def test_work_steps_back_and_its_caller_does_not() -> None:
    before = niceness()

    with stepping_back() as behind:
        worker = [behind(niceness) for _ in range(2)]

    assert worker == [max(before, NICENESS)] * 2
    assert niceness() == before


@pytest.mark.skipif(sys.platform != "linux", reason="scheduling policies are Linux'")
def test_work_takes_no_processor_away_from_who_has_it() -> None:
    with stepping_back() as behind:
        policies = behind(lambda: os.sched_getscheduler(0)), os.sched_getscheduler(0)

    assert policies == (os.SCHED_BATCH, os.SCHED_OTHER)


def test_all_work_is_of_one_thread_one_after_the_other() -> None:
    with stepping_back() as behind:
        threads = {behind(threading.get_ident) for _ in range(5)}

    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_what_it_raises_comes_out() -> None:
    with stepping_back() as behind, pytest.raises(ValueError, match="invalid literal"):
        behind(lambda: int("lost"))
