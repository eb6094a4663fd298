"""What a scrape is told, held against the library that everybody else's programs tell it with."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from switch.telemetry.figures import Figure, Figures
from switch.telemetry.series import Count, Family, Level, Registry, Spread

BOUNDS = (0.00003, 0.01, 1.0, 512)
NAMES = st.text(max_size=12)


@contextmanager
def often_interrupted() -> Iterator[None]:
    """Have threads take turns as often as the interpreter can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def counters(registry: Registry) -> Family[Count]:
    family = Family("switch_asked_total", "counter", "Asked.", ("kind", "action"), Count)
    registry.tell(family)
    return family


def spreads(registry: Registry) -> Family[Spread]:
    family = Family("switch_seconds", "histogram", "How long.", ("listener",), partial(Spread, bounds=BOUNDS))
    registry.tell(family)
    return family


@given(
    st.lists(st.tuples(NAMES, NAMES, st.integers(0, 999_999)), max_size=5),
    st.lists(st.tuples(NAMES, st.one_of(st.floats(0, 999_999), st.sampled_from(BOUNDS))), max_size=20),
)
def test_the_text_is_what_the_library_would_say(
    counted: list[tuple[str, str, int]], observed: list[tuple[str, float]]
) -> None:
    registry, oracle = Registry(), CollectorRegistry()
    disable_created_metrics()  # type: ignore[no-untyped-call]
    ours, ours_seconds = counters(registry), spreads(registry)
    theirs = Counter("switch_asked_total", "Asked.", ["kind", "action"], registry=oracle)
    theirs_seconds = Histogram("switch_seconds", "How long.", ["listener"], buckets=BOUNDS, registry=oracle)

    for kind, action, times in counted:
        ours.labels(kind, action).inc(times)
        theirs.labels(kind, action).inc(times)
    for listener, seconds in observed:
        ours_seconds.labels(listener).observe(seconds)
        theirs_seconds.labels(listener).observe(seconds)

    assert floats(registry.text()) == floats(generate_latest(oracle))
    assert floats(generate_latest(registry)) == floats(generate_latest(oracle))


def floats(told: bytes) -> list[tuple[str, object]]:
    """Each line with its value read: large numbers may be written in two ways."""
    lines = [line.rpartition(" ") for line in told.decode().split("\n")[:-1]]  # not splitlines: labels hold odd ones
    return [(name, value if name.startswith("#") else float(value)) for name, _, value in lines]


def test_a_gauge_is_what_it_was_set_to_or_what_its_function_says() -> None:
    registry, oracle = Registry(), CollectorRegistry()
    depth, theirs = (
        Family("switch_depth", "gauge", "Waiting.", (), Level),
        Gauge("switch_depth", "Waiting.", registry=oracle),
    )
    registry.tell(depth)

    depth.labels().set(3)
    theirs.set(3)
    as_set = registry.text(), generate_latest(oracle)
    depth.labels().set_function(lambda: 4)
    theirs.set_function(lambda: 4)

    assert as_set[0] == as_set[1]
    assert registry.text() == generate_latest(oracle)
    assert b"switch_depth 4.0" in registry.text()


def test_figures_are_written_as_the_library_writes_them() -> None:
    figures = Figures()
    figures.define(Figure("switch_due", "Days."))
    figures.define(Figure("switch_terminals", "Terminals.", ("status",)))
    figures.define(Figure("process_cpu_seconds_total", "Time.", (), "counter"))
    registry = Registry()
    registry.tell(figures)

    figures.set_all("switch_terminals", {('a"b\\c\nd',): 2, ("active",): 1})
    figures.read_by("process_cpu_seconds_total", lambda: 0.25)

    assert registry.text() == generate_latest(registry)
    assert registry.text().decode().splitlines()[-1] == "process_cpu_seconds_total 0.25"


def test_a_series_is_the_same_each_time_it_is_asked_for() -> None:
    family = counters(Registry())

    assert family.labels("purchase", "approved") is family.labels("purchase", "approved")
    with pytest.raises(ValueError, match="argument 2"):
        family.labels("purchase")


def test_threads_that_count_at_once_lose_nothing() -> None:
    registry = Registry()
    count, seconds = counters(registry).labels("a", "b"), spreads(registry).labels("a")

    def work() -> None:
        for _ in range(20_000):
            count.inc()
            seconds.observe(0.5)

    threads = [Thread(target=work) for _ in range(4)]
    with often_interrupted():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    found = {sample.name + sample.labels.get("le", ""): sample.value for sample in samples(registry)}
    assert found["switch_asked_total"] == 80_000
    assert found["switch_seconds_bucket1.0"] == found["switch_seconds_count"] == 80_000
    assert found["switch_seconds_sum"] == 40_000


def samples(registry: Registry) -> Iterator[Sample]:
    for family in text_string_to_metric_families(registry.text().decode()):
        yield from family.samples
