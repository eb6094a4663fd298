from __future__ import annotations

from itertools import pairwise

import pytest
from prometheus_client import generate_latest

from switch.telemetry import Metrics
from switch.telemetry.hops import HOPS, SAMPLED_OF, GroupTimes, Stopwatch, sampling


def group(began: float, decided: float, settled: float) -> GroupTimes:
    times = GroupTimes()
    times.began, times.decided, times.settled = began, decided, settled
    return times


def a_watch(*, secured: bool) -> Stopwatch:
    watch = Stopwatch(1.0, counted=True)
    if secured:
        watch.hand_over()
        watch.decoded = 1.5
    watch.submit()
    watch.submitted = 2.0
    return watch


@pytest.mark.parametrize("secured", [False, True])
def test_the_hops_of_a_request_follow_each_other_and_add_up_to_its_duration(*, secured: bool) -> None:
    hops = a_watch(secured=secured).hops(group(3.0, 5.0, 8.0), answered=9.5)

    assert [hop.name for hop in hops] == [name for name in HOPS if secured or name != "security"]
    assert all(before.ended == after.began for before, after in pairwise(hops))
    assert sum(hop.ended - hop.began for hop in hops) == 8.5


def test_a_request_that_was_in_no_group_has_only_the_hops_before_one() -> None:
    hops = a_watch(secured=True).hops(group(0.1, 0.2, 0.3), answered=9.5)

    assert [hop.name for hop in hops] == ["decode", "security"]


def test_one_request_in_sixteen_is_sampled_and_not_every_sixteenth() -> None:
    takes = sampling(SAMPLED_OF)

    taken = [place for place in range(1024 * 4) if takes()]

    assert len(taken) == 256
    assert {place % SAMPLED_OF for place in taken} == set(range(SAMPLED_OF))


@pytest.mark.parametrize("one_in", [1, 3, 5_000])
def test_as_many_are_sampled_as_was_asked_for(one_in: int) -> None:
    takes = sampling(one_in)

    assert sum(takes() for _ in range(one_in * 3_000)) in range(2_990, 3_011)


def test_hops_become_a_histogram_each() -> None:
    metrics = Metrics()

    metrics.hops.observe(a_watch(secured=True).hops(group(3.0, 5.0, 8.0), answered=9.5))

    lines = generate_latest(metrics.registry).decode().splitlines()
    assert [f'switch_hop_duration_seconds_count{{hop="{hop}"}} 1.0' in lines for hop in HOPS] == [True] * len(HOPS)
    assert 'switch_hop_duration_seconds_sum{hop="commit"} 3.0' in lines
