"""``make bench``: measures codec, throughput in clear and protected, memory and bulk work; writes docs/benchmarks.md.

``--quick`` takes one short round of everything and writes nothing: enough to see whether a change helps.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from benchmarks import books, codec, durable, fleet, memory, protected, report
from benchmarks.driver import Driver, make_driver
from benchmarks.messages import write_purchases
from benchmarks.report import Section

ROOT = Path(__file__).resolve().parent.parent
PURCHASES = 20_000
DRIVER_BUSY = 0.9  # of a core: above it the driver may be what was measured


def main() -> None:
    """Measure everything in a folder on the disk of the checkout, and show it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round, docs/benchmarks.md left alone")
    quick = parser.parse_args().quick
    console = Console()
    begun = time.monotonic()
    (ROOT / "build").mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=ROOT / "build"))  # /tmp may be memory, where fsync is free
    try:
        _measure(folder, quick=quick, console=console)
    finally:
        shutil.rmtree(folder)
    console.print(f"{time.monotonic() - begun:.0f} s in all")


def _measure(folder: Path, *, quick: bool, console: Console) -> None:
    rounds, seconds, turns, rows = (1, 1.0, 1, 10_000) if quick else (5, 2.5, 4, books.PER_ROWS)
    write_purchases(folder / "purchases.hex", PURCHASES)
    driver = make_driver(folder, folder / "purchases.hex")
    books.prepare(folder)

    def say(what: str) -> None:
        console.print(f"[dim]{what}[/dim]")

    say("codec")
    sections = [_codec(rounds)]
    found, purchases = durable.measure(folder, driver, rounds=rounds, seconds=seconds, say=say)
    sections.append(_durable(found, driver))
    sections += _protected(protected.measure(folder / "protected", driver, rounds=rounds, turns=turns, say=say), driver)
    sections.append(_rest(folder, rows=rows, purchases=purchases, say=say))
    report.show(console, sections)
    if not quick:
        probe = report.fsync_ms(folder)
        report.write(ROOT / "docs" / "benchmarks.md", sections, rounds=rounds, driver=driver.name, fsync_ms=probe)


def _codec(rounds: int) -> Section:
    found = codec.measure(rounds)
    return Section(
        "Codec",
        f"A purchase of 16 fields in {codec.DIALECT}: decode, set 38, 39 and the answer's MTI, encode. Goal: 4 times.",
        ("this codec", "pyiso8583", "times as fast"),
        [(f"{found['ours_us']:.1f} us", f"{found['pyiso8583_us']:.1f} us", f"{found['ratio']:.2f}")],
    )


def _durable(found: list[durable.Durable], driver: Driver) -> Section:
    return Section(
        "Durable purchases through TCP",
        "SQLite, synchronous=FULL, default settings; in flight on each connection; echo: a bare trio echo of the same"
        " frames. Goal: a ratio of 0.18 at 64 connections."
        f" {_driver_took(driver, [one.driver_load for one in found])}",
        ("connections", "in flight", "a second", "p50", "p99", "echo", "ratio"),
        [
            (
                str(one.connections),
                str(one.depth),
                f"{one.per_second:,.0f}",
                f"{one.p50_ms:.1f} ms",
                f"{one.p99_ms:.1f} ms",
                f"{one.echo_per_second:,.0f}",
                f"{one.ratio:.2f}",
            )
            for one in found
        ],
    )


def _protected(found: protected.Protected, driver: Driver) -> list[Section]:
    header = ("a second", "p50", "p99")
    rows = (
        ("plain", "-", found.plain),
        ("with MAC and cryptogram", f"{found.ratio:.2f}", found.protected),
    )
    loads = [found.plain.driver_load, found.protected.driver_load]
    return [
        Section(
            "Protected purchases",
            f"In {fleet.DIALECT}, {protected.CONNECTIONS} connections, one in flight on each: a MAC checked and one"
            " made, a chip's cryptogram checked and answered (ARPC), against the same purchases without 55 and 64."
            f" {fleet.TERMINALS:,} terminals that have signed on, as many cards; every answer's MAC and ARPC is right."
            f" Goal: a ratio of 0.6. {_driver_took(driver, loads)}",
            ("purchases", *header, "ratio"),
            [(name, *_figures(figure), ratio) for name, ratio, figure in rows],
        ),
        Section(
            "Sign-ons",
            f"{fleet.TERMINALS:,} terminals each sign on once, over {protected.CONNECTIONS} connections: two keys of"
            " double length made, wrapped and kept, and sent out under the terminal's master key.",
            header,
            [_figures(found.sign_ons)],
        ),
    ]


def _figures(figure: protected.Figure) -> tuple[str, str, str]:
    return f"{figure.per_second:,.0f}", f"{figure.p50_ms:.1f} ms", f"{figure.p99_ms:.1f} ms"


def _driver_took(driver: Driver, loads: Sequence[float]) -> str:
    busiest = max(loads)
    verdict = "not the bottleneck" if busiest < DRIVER_BUSY else "perhaps the bottleneck"
    return f"The driver ({driver.name}) took at most {busiest:.0%} of a core: {verdict}."


def _rest(folder: Path, *, rows: int, purchases: int, say: Callable[[str], None]) -> Section:
    say("memory of idle connections")
    idle = memory.measure(folder)
    say("audit, import")
    audit_s = books.measure_audit(folder, purchases=purchases)
    import_s = books.measure_import(folder / "import", rows=rows)
    return Section(
        "Memory and bulk work",
        "Each measured once. Goals: 16 KiB for each connection, a minute for the import.",
        ("what", "figure"),
        [
            (f"memory for each of {memory.CONNECTIONS:,} idle connections", f"{idle / 1024:.1f} KiB"),
            (f"import of {books.PER_ROWS:,} cards", f"{import_s:.1f} s"),
            (f"audit of {books.PER_ROWS:,} purchases", f"{audit_s:.1f} s"),
        ],
    )


if __name__ == "__main__":
    main()
