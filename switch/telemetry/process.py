"""What the program's processes take: processor time, memory, files; how often garbage was collected.

The names are those that Prometheus' client libraries give these figures, so that dashboards of others find them. Where
the system has no ``/proc`` those that stand there are absent.
"""

from __future__ import annotations

import gc
import os
import resource
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from switch.telemetry.figures import Figures

OPEN_FILES: Final = "process_open_fds"

_PROC: Final = Path("/proc/self")
_CPU_TICKS: Final = slice(11, 13)  # in the program and in the system, counted as below
_START_TICKS: Final = 19  # field 22 of proc(5)'s stat, counted from what follows the program's name


def tell_of_process(figures: Figures) -> None:
    """Have the figures of this process read at each scrape; all but the number of open files cost microseconds."""
    started = _started_at()
    figures.read_by("process_cpu_seconds_total", time.process_time)
    figures.read_by("process_resident_memory_bytes", lambda: _memory_bytes(1))
    figures.read_by("process_virtual_memory_bytes", lambda: _memory_bytes(0))
    figures.read_by("process_start_time_seconds", lambda: started)
    figures.read_by("process_max_fds", lambda: resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    for word in ("collections", "collected", "uncollectable"):
        name = word if word == "collections" else f"objects_{word}"
        figures.read_all_by(f"python_gc_{name}_total", _reader(word))


def tell_of_books(figures: Figures, pid: Callable[[], int | None]) -> None:
    """Have what the process of the books takes read at each scrape; absent while there is none."""
    figures.read_by("switch_books_process_cpu_seconds_total", lambda: _cpu_seconds(_PROC.parent / f"{pid()}"))
    figures.read_by("switch_books_process_resident_memory_bytes", lambda: _memory_bytes(1, _PROC.parent / f"{pid()}"))


def open_files() -> int | None:
    """Return how many files this process has open; None where nobody knows.

    May take 20 ms where ten thousand are open and Linux is older than 6.2, whose folder of them tells its size.
    """
    folder = _PROC / "fd"
    with suppress(OSError):
        return folder.stat().st_size or len(os.listdir(folder)) - 1  # noqa: PTH208 - the listing's own is one of them
    return None


def _reader(word: str) -> Callable[[], Mapping[tuple[str, ...], float]]:
    return lambda: {(str(generation),): each[word] for generation, each in enumerate(gc.get_stats())}


def _cpu_seconds(process: Path) -> float | None:
    with suppress(OSError):
        fields = (process / "stat").read_bytes().rpartition(b")")[2].split()
        return sum(map(int, fields[_CPU_TICKS])) / os.sysconf("SC_CLK_TCK")
    return None


def _memory_bytes(place: int, process: Path = _PROC) -> float | None:
    with suppress(OSError):
        return int((process / "statm").read_bytes().split()[place]) * resource.getpagesize()
    return None


def _started_at() -> float | None:
    """Return when the process began, in seconds since 1970."""
    with suppress(OSError):
        ticks = int((_PROC / "stat").read_bytes().rpartition(b")")[2].split()[_START_TICKS])
        booted = next(line for line in Path("/proc/stat").read_bytes().splitlines() if line.startswith(b"btime "))
        return int(booted.split()[1]) + ticks / os.sysconf("SC_CLK_TCK")
    return None
