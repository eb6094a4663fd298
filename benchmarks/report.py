"""Shows the figures: a table on the screen, and the same as Markdown in docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Section:
    """One table of the report, and what has to be known to read it."""

    title: str
    note: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


def show(console: Console, sections: Sequence[Section]) -> None:
    """Print every section as a table."""
    for section in sections:
        table = Table(*section.header, title=section.title, title_justify="left", caption=section.note)
        table.caption_justify = "left"
        for row in section.rows:
            table.add_row(*row)
        console.print(table)


def write(path: Path, sections: Sequence[Section], *, rounds: int, driver: str, fsync_ms: float) -> None:
    """Write every section as Markdown, under the conditions they were measured in."""
    medians = f"a median of {rounds} round{'s' if rounds > 1 else ''}"
    day, cores = time.strftime("%Y-%m-%d", time.gmtime()), os.cpu_count()
    lines = [
        "# Benchmarks",
        "",
        f"Written by `make bench`. What counts are the ratios: both sides in the same run, in turn, {medians}.",
        "Absolute figures depend on the machine and on what else it does. The daily audit is off: one while a",
        "day is cut over adds a stall of half a second.",
        "",
        f"- measured {day}: Python {platform.python_version()}, {cores} cores, {platform.machine()}",
        f"- load driver: {driver}, a process of its own",
        f"- one durable write of 4 KiB to the disk of the books: {fsync_ms:.2f} ms",
    ]
    for section in sections:
        lines += ["", f"## {section.title}", "", section.note, ""]
        lines += [_row(row) for row in (section.header, ["---"] * len(section.header), *section.rows)]
    path.write_text("\n".join(lines) + "\n", "utf-8")


def fsync_ms(folder: Path) -> float:
    """Return the median milliseconds of writing 4 KiB and forcing it to disk in ``folder``."""
    times = []
    probe = folder / "fsync.probe"
    with probe.open("wb", buffering=0) as file:
        for _ in range(51):
            begun = time.perf_counter()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            times.append((time.perf_counter() - begun) * 1000)
    probe.unlink()
    return sorted(times)[25]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
