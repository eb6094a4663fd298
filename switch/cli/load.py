"""``switch load``: simulated terminals against a host, and what it makes of them."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from switch.cli.command_line import command_typed
from switch.cli.options import host_from
from switch.errors import OperatorError

if TYPE_CHECKING:
    from rich.console import Console

    from switch.load.scenario import Scenario
    from switch.load.scenario_run import Crew, Drive
    from switch.reports.results import Results, Step

_COULD_NOT_RUN: Final = 3
_INTERRUPTED: Final = 130  # 128 + SIGINT, as shells say it


def load(
    scenario: Annotated[
        str,
        typer.Argument(metavar="SCENARIO", help="purchase, unionpay-day, idle, abuse, or a file that ends in .toml."),
    ],
    to: Annotated[str, typer.Option("--to", metavar="HOST:PORT", help="The host to load, and the only one.")],
    rate: Annotated[
        float | None,
        typer.Option(metavar="TPS", min=0.001, help="The highest rate, instead of the scenario's; a search's first."),
    ] = None,
    duration: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=0.001, help="How long; of a search, each step (10).")
    ] = None,
    connections: Annotated[int | None, typer.Option(metavar="N", min=1, help="How many.")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Another one draws other messages.")] = None,
    keys: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="64 hex digits, terminals' master key and MAC key (default: the demo's)."),
    ] = None,
    find_knee: Annotated[
        bool, typer.Option("--find-knee", help="Raise the rate until a limit breaks; report the highest that held.")
    ] = False,
    highest_rate: Annotated[
        float, typer.Option("--highest-rate", metavar="TPS", min=0.001, help="How far a search goes.")
    ] = 20_000.0,
    ledger: Annotated[
        str, typer.Option(metavar="URL", help="The switch's database: audit it, and find every approval in it.")
    ] = "",
    report: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Write the results as a page.")] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE.json", help="And as JSON.")] = None,
) -> None:
    """Load a host with simulated terminals, and hold its answers to limits.

    Begin with switch demo, and beside it: switch load purchase --to
    127.0.0.1:8583. Latency counts from when a message was due: a host that
    stalls is not excused.

    Exit status: 0 all limits held, 1 not, or the books do not agree; 2 usage,
    or a scenario that cannot be played; 3 nobody listens, or a report cannot be
    written; 130 ended by Ctrl-C, with the reports written.
    """
    from switch.load.scenario import load_scenario

    address = host_from(to)
    if find_knee and ledger:
        raise OperatorError("--ledger holds one run against the books: not with --find-knee")
    asked = _changed(load_scenario(scenario), rate, None if find_knee else duration, connections, seed)
    crew = _crew(asked, address, keys)
    work = _Search(crew, highest_rate, duration) if find_knee else _Once(crew, ledger)
    raise typer.Exit(_played(work, report, json))


# --- what is given -----------------------------------------------------------------------------------------


def _changed(
    scenario: Scenario, rate: float | None, duration: float | None, connections: int | None, seed: int | None
) -> Scenario:
    """The scenario with what the options say instead. Raises `OperatorError` for what no scenario may say."""
    from switch.load.scenario import changed

    said: dict[str, object] = {"duration_s": duration, "connections": connections, "seed": seed}
    changes = {key: value for key, value in said.items() if value is not None}
    if rate is not None:
        changes["arrival"] = scenario.arrival.at(rate).model_dump()
    return changed(scenario, changes)


def _crew(scenario: Scenario, address: tuple[str, int], keys: Path | None) -> Crew:
    from switch.load.key_pair import KeyPair, read_key_pair
    from switch.load.plan import Target
    from switch.load.scenario_run import Asked, Crew
    from switch.security.demo_keys import DEMO_TERMINAL_MASTER
    from switch.wire.dialect import load_dialect

    target = Target(*address, load_dialect(scenario.dialect), round(scenario.deadline_s * 1e6))
    pair = read_key_pair(keys) if keys else KeyPair(DEMO_TERMINAL_MASTER)
    return Crew(Asked(scenario, target, pair, command_typed()))


# --- the run -------------------------------------------------------------------------------------------------


def _played(work: _Once | _Search, report: Path | None, json: Path | None) -> int:
    """Run, tell, write; the exit status."""
    import trio
    from rich.console import Console

    from switch.cli.run_shown import summary, wrapped, written
    from switch.errors import DatabaseError
    from switch.load.engine import NobodyListens
    from switch.reports.verdict import verdict

    console, errors = Console(highlight=False, markup=False), Console(stderr=True, highlight=False, markup=False)
    try:
        results = trio.run(work.results, console, errors)
    except (NobodyListens, DatabaseError) as error:
        errors.print(f"switch: {error}", soft_wrap=True)
        return _COULD_NOT_RUN
    for line in wrapped((*summary(results), *work.crew.notes())):
        console.print(line, soft_wrap=True)
    if not written(errors, results, report, json):
        return _COULD_NOT_RUN
    return _INTERRUPTED if results.interrupted else verdict(results).exit_status


class _Once:
    """One run, held against the books where a ledger is named."""

    def __init__(self, crew: Crew, ledger: str) -> None:
        self.crew = crew
        self._ledger = ledger

    async def results(self, _: Console, errors: Console) -> Results:
        from switch.load.booking import WireAgainstBooks
        from switch.load.scenario_run import Drive

        asked = self.crew.asked
        if await _is_stopped_at_sign_on(self.crew, errors):
            return Drive(self.crew).results(interrupted=True)
        with ExitStack() as stack:
            books = None
            if self._ledger:
                books = stack.enter_context(WireAgainstBooks(self._ledger, asked.target.dialect))
            return await _driven(Drive(self.crew, books=books), asked.scenario.whole_s, errors)


class _Search:
    """Runs at one rate after the other. The results are those of the highest that held, with all steps."""

    def __init__(self, crew: Crew, highest: float, step_s: float | None) -> None:
        from switch.load.knee import KneeSearch
        from switch.load.scenario_run import KNEE_STEP_S

        self.crew = crew
        self._step_s = step_s or KNEE_STEP_S
        highest = min(highest, crew.highest_rate)
        self._search = KneeSearch(min(crew.asked.scenario.arrival.highest, highest), highest)

    async def results(self, console: Console, errors: Console) -> Results:
        from switch.cli.run_shown import step_told, wrapped
        from switch.load.scenario_run import KNEE_WARM_UP_S, Drive, at_rate

        best: Results | None = None
        steps: list[Step] = []
        if await _is_stopped_at_sign_on(self.crew, errors):
            return Drive(self.crew).results(interrupted=True)
        for rate in self._search.rates():
            drive = Drive(self.crew, at_rate(self.crew.asked.scenario, rate, self._step_s))
            found = await _driven(drive, self._step_s + KNEE_WARM_UP_S, errors)
            if found.interrupted:
                return (best or found).model_copy(update={"knee": steps, "interrupted": True})
            steps.append(drive.step(found))
            self._search.tell(held=steps[-1].held)
            console.print(step_told(steps[-1]), soft_wrap=True)
            if steps[-1].held or not self._search.knee:
                best = found
        if self._search.is_open:
            told = "every rate held: the knee is above --highest-rate, or above what so many terminals can send"
            console.print(*wrapped((told,)), sep="\n", soft_wrap=True)
        assert best is not None, "a search has a first step, and what holds later is above it"
        return best.model_copy(update={"knee": steps})


async def _is_stopped_at_sign_on(crew: Crew, errors: Console) -> bool:
    from switch.cli.watching import watched
    from switch.load.tallying import Tally

    return await watched(errors, crew.sign_on, crew.signing_on.stop, Tally(0))


async def _driven(drive: Drive, expected_s: float, errors: Console) -> Results:
    from switch.cli.watching import watched

    was_stopped = await watched(errors, drive.run, drive.stop, drive.tally, expected_s)
    return drive.results(interrupted=was_stopped)
