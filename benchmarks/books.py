"""How long importing cards and auditing the books take, for each 100,000 rows."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.hosts import switch
from benchmarks.messages import write_books

PER_ROWS = 100_000


def prepare(folder: Path) -> None:
    """Make an installation in ``folder`` with the merchants, terminals and cards of the load."""
    write_books(folder)
    switch(folder, "init", ".")
    for what in ("merchants", "terminals", "cards"):
        switch(folder, "import", what, f"{what}.csv")


def measure_import(folder: Path, *, rows: int) -> float:
    """Return the seconds that importing 100,000 cards into fresh books takes, start of the program included."""
    folder.mkdir()
    write_books(folder, cards=rows)
    switch(folder, "init", ".")
    return _seconds(folder, "import", "cards", "cards.csv") * PER_ROWS / rows


def measure_audit(folder: Path, *, purchases: int) -> float:
    """Return the seconds that auditing 100,000 purchases takes, in the books that the load has left behind."""
    return _seconds(folder, "audit") * PER_ROWS / purchases


def _seconds(folder: Path, *arguments: str) -> float:
    begun = time.perf_counter()
    switch(folder, *arguments)
    return time.perf_counter() - begun
