"""``make observe``: a switch with demo data, a Prometheus that scrapes it, and a load; dashboards checked in the table.

python -m observability.observe [--once]
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

import trio
from rich.console import Console
from rich.markup import escape

from observability.checking import Answered, ask_all
from observability.installation import Installation, installed, serving
from observability.loading import ask_for_pages, audited, load_for, play_script
from observability.prometheus import Prometheus, configuration, missing, running
from observability.table import WIDTH, rows
from switch.cli.setup import SETTINGS_FILE

LOAD_S: Final = 20.0
LOAD_RATE: Final = 20.0
"""Messages a second of each scenario: a load to look at, not to measure by."""

_INTERRUPTED: Final = 130  # 128 + SIGINT, as shells say it

REQUESTS: Final = 800
"""How many are scraped before the table is made: enough for shares and percentiles to mean something."""

DATA_WITHIN_S: Final = 60.0
"""Figures of the books are read every half minute, and a share needs two scrapes."""


class Observed(NamedTuple):
    """A switch and the Prometheus that scrapes it."""

    installation: Installation
    prometheus: Prometheus


@asynccontextmanager
async def observed(folder: Path) -> AsyncIterator[Observed]:
    """Run both while the block runs, in ``folder``; it has been scraped when the block begins."""
    settings = await trio.to_thread.run_sync(installed, folder)
    await audited(folder / SETTINGS_FILE)
    with (folder / "switch.log").open("w", encoding="utf-8") as log:
        async with (
            serving(settings, log) as installation,
            running(folder, configuration(installation.admin, installation.certificate)) as prometheus,
        ):
            await ask_for_pages(installation)
            with trio.fail_after(DATA_WITHIN_S):
                while not await prometheus.ask('up{job="switch"} == 1'):  # noqa: ASYNC110 - it calls nobody
                    await trio.sleep(0.2)
            yield Observed(installation, prometheus)


async def answers_of(prometheus: Prometheus) -> list[Answered]:
    """Return the answers of all panels, once all have data, or as they are when they have had time enough."""
    answers = await ask_all(prometheus)
    with trio.move_on_after(DATA_WITHIN_S):
        while not all(answer.has_data for answer in answers):
            await trio.sleep(1)
            answers = await ask_all(prometheus)
    return answers


async def load_until(installation: Installation, prometheus: Prometheus, requests: int) -> list[Answered]:
    """Load until so many requests were scraped and all panels have data, and return what they show meanwhile."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rounds, installation)
        with trio.move_on_after(DATA_WITHIN_S):
            while not await prometheus.ask(f"sum(switch_requests_total) >= {requests}"):  # noqa: ASYNC110 - it calls nobody
                await trio.sleep(1)
        answers = await answers_of(prometheus)
        nursery.cancel_scope.cancel()
    return answers


async def rounds(installation: Installation) -> None:
    """Load a switch, round after round, until cancelled."""
    while True:
        await play_script(installation)
        await load_for(installation, LOAD_S, LOAD_RATE)


async def _observe(console: Console, *, once: bool) -> bool:
    with tempfile.TemporaryDirectory(prefix="switch-observe-", ignore_cleanup_errors=True) as folder:
        console.print("starting a switch with demo data, and Prometheus ...")
        async with observed(Path(folder)) as (installation, prometheus):
            console.print(_addresses(installation, prometheus), highlight=False)
            if not once:
                await _until_interrupted(installation)
                return True
            console.print("loading it ...")
            answers = await load_until(installation, prometheus, REQUESTS)
    for line in rows(answers):
        console.print(line)
    empty = [answer.asked for answer in answers if not answer.has_data]
    for asked in empty:
        console.print(f"[red]no data:[/red] {escape(f'{asked.dashboard}: {asked.panel}: {asked.expr}')}")
    if not empty:
        console.print(f"\nEvery panel has data: {len(answers)} queries.")
    return not empty


async def _until_interrupted(installation: Installation) -> None:
    """Load it, round after round, until Ctrl-C."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(rounds, installation)
            await anext(signals)
            nursery.cancel_scope.cancel()


def _addresses(installation: Installation, prometheus: Prometheus) -> str:
    return (
        f"  Prometheus  {prometheus.address}/graph, {prometheus.address}/alerts\n"
        f"  the switch  https://{installation.admin}/ (console), /metrics\n"
        f"              its certificate: {installation.certificate}\n"
        f"  commands    switch ... --config {installation.certificate.with_name(SETTINGS_FILE)}\n"
        "Grafana: deploy/compose.yaml has one. Ctrl-C ends everything."
    )


def main() -> None:
    """Read the options and run. Exit status: 0 all panels have data, 1 one has none, 2 Prometheus is not installed."""
    parser = argparse.ArgumentParser(prog="observability.observe", description=__doc__)
    parser.add_argument("--once", action="store_true", help="load it for some seconds, check every panel, end")
    options = parser.parse_args()
    console = Console(width=WIDTH, highlight=False)
    if because := missing():
        console.print(f"{because}; on Debian: apt-get install --no-install-recommends prometheus")
        sys.exit(2)
    try:
        complete = trio.run(lambda: _observe(console, once=options.once))
    except* KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    sys.exit(0 if complete else 1)


if __name__ == "__main__":
    main()
