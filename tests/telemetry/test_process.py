from __future__ import annotations

import gc
import os
import resource
import time
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from switch.telemetry import Metrics
from switch.telemetry.process import open_files

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc here")


def value(name: str, **labels: str) -> float:
    found = Metrics().registry.get_sample_value(name, labels)
    assert found is not None, name
    return found


def test_the_figures_have_the_librarys_names_and_types() -> None:
    oracle = CollectorRegistry()
    ProcessCollector(registry=oracle)
    GCCollector(registry=oracle)

    ours = {family.name: family.type for family in Metrics().registry.collect()}
    theirs = {family.name: family.type for family in oracle.collect()}

    assert theirs.items() <= ours.items()


def test_the_process_is_this_one() -> None:
    oracle = CollectorRegistry()
    ProcessCollector(registry=oracle)
    cpu = time.process_time()

    assert value("process_start_time_seconds") == oracle.get_sample_value("process_start_time_seconds")
    assert value("process_max_fds") == oracle.get_sample_value("process_max_fds")
    assert cpu <= value("process_cpu_seconds_total") <= time.process_time()
    assert resource.getpagesize() <= value("process_resident_memory_bytes") < value("process_virtual_memory_bytes")


def test_each_open_file_counts() -> None:
    before = open_files()
    pipe = os.pipe()
    with_pipe = open_files()
    for end in pipe:
        os.close(end)

    assert before is not None
    assert with_pipe == before + 2
    assert open_files() == before
    assert before == sum(1 for _ in Path("/proc/self/fd").iterdir()) - 1


def test_collections_of_garbage_are_counted_by_generation() -> None:
    before = value("python_gc_collections_total", generation="2")

    gc.collect()

    assert value("python_gc_collections_total", generation="2") == before + 1
