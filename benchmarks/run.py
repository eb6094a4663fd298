"""``make bench``: measures codec, throughput, memory, bulk work and settlement; writes docs/benchmarks.md.

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

from benchmarks import batches, books, codec, console_beside, cut_over, durable, fleet, memory, protected, report
from benchmarks.driver import Driver, Run, make_driver
from benchmarks.hosts import Host
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
    rounds, seconds, turns, rows = (1, 1.0, 1, 10_000) if quick else (5, 2.5, 6, books.PER_ROWS)
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
    sections.append(_settlement(_batches(folder, quick=quick, say=say)))
    sections += _day(folder, driver, quick=quick, say=say)
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


def _figures(figure: protected.Figure | Run) -> tuple[str, str, str]:
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


def _batches(folder: Path, *, quick: bool, say: Callable[[str], None]) -> batches.Batches:
    balanced, uploaded = (100, 10) if quick else (batches.BALANCED_BATCHES, batches.UPLOADED_BATCHES)
    return batches.measure(folder / "batches", balanced=balanced, uploaded=uploaded, say=say)


def _settlement(found: batches.Batches) -> Section:
    rows = (
        ("batches settled, all balanced", found.settled, found.settled_s),
        (f"batches uploaded, {found.messages // found.uploaded} messages each", found.uploaded, found.uploaded_s),
        ("uploaded batches compared", found.uploaded, found.compared_s),
    )
    return Section(
        "Settlement",
        f"Batches of {batches.SALES} transactions on SQLite, through the books' own groups of {batches.GROUP} and not"
        f" through TCP; each measured once. Every upload has one wrong amount, and each of them was found.",
        ("what", "how many", "took", "batches a second"),
        [(what, f"{number:,}", f"{took_s:.2f} s", f"{number / took_s:,.0f}") for what, number, took_s in rows],
    )


def _day(folder: Path, driver: Driver, *, quick: bool, say: Callable[[str], None]) -> list[Section]:
    entries, seconds = (20_000, 2.0) if quick else (cut_over.ENTRIES, cut_over.BEFORE_S)
    rounds, turn_s = (1, 1.0) if quick else (5, 3.0)
    beside: list[console_beside.Beside] = []

    def look(host: Host) -> None:
        beside.append(console_beside.measure(folder / "day", driver, host, rounds=rounds, seconds=turn_s, say=say))

    found = cut_over.measure(folder / "day", driver, entries=entries, seconds=seconds, say=say, at_noon=look)
    return [_console(beside[0], entries), _cut_over(found)]


def _console(found: console_beside.Beside, entries: int) -> Section:
    return Section(
        "The console",
        f"{console_beside.PAGES_PER_SECOND} pages a second are looked at, of a journal of {entries:,} rows, while"
        f" {console_beside.RATE} purchases a second go on; rounds with and without visitors in turn, each pair with its"
        f" own ratio. Goal: a median ratio of 1.25, pages within 100 ms. {found.pages:,} pages:"
        f" {found.page_p50_ms:.0f} ms, p99 {found.page_p99_ms:.0f} ms.",
        ("purchases", "a second", "p50", "p99", "ratio of p99"),
        [("alone", *_figures(found.alone), "-"), ("beside visitors", *_figures(found.beside), f"{found.ratio:.2f}")],
    )


def _cut_over(found: cut_over.CutOver) -> Section:
    pairs = (("before", "-", found.before), ("meanwhile", f"{found.ratio:.2f}", found.during))
    return Section(
        "Cut-over",
        f"A business day of {found.entries:,} purchases of a thousand merchants was cut over and settled by"
        f" `switch settlement cutover` in {found.took_s:.1f} s (goal: a minute), statements and clearing file included."
        f" Meanwhile {cut_over.RATE} purchases a second went on through TCP, all approved; latencies count from the"
        " moment that each was due. Measured once. Goal: a p99 of at most twice the one before.",
        ("purchases", "a second", "p50", "p99", "longest", "ratio of p99"),
        [(name, *_figures(run), f"{run.max_ms:.1f} ms", ratio) for name, ratio, run in pairs],
    )


if __name__ == "__main__":
    main()
