"""Runs a scenario against a host: its terminals sign on, the load is driven, what came of it is held to its limits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from math import ceil, inf
from random import Random
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from switch.load.booking import WireAgainstBooks
from switch.load.descriptors import make_room
from switch.load.engine import Engine
from switch.load.held_to import failed, held_to
from switch.load.key_pair import KeyPair
from switch.load.messages import Messages
from switch.load.plan import Target
from switch.load.population import populate
from switch.load.scenario import Arrival, Faults, Limits, Scenario
from switch.load.signing_on import SigningOn, gives_keys
from switch.load.simulation import Simulation
from switch.load.tallying import Run, Tally
from switch.load.tills import mac_method, tills
from switch.reports.results import Books, Results, Step
from switch.security.mac import mac_key

KNEE_LIMITS: Final = Limits(p99_ms=100, error_share=0.001)
"""What a search holds the host to where the scenario names neither a latency nor a share of errors."""

KNEE_STEP_S: Final = 10.0
KNEE_WARM_UP_S: Final = 1.0

_OPENED_EARLY_S: Final = 1.2
"""How long, beside its hold, the connection of a fault is there."""


class Asked(NamedTuple):
    """What is to be run; ``clock`` gives the seconds since 1970."""

    scenario: Scenario
    target: Target
    keys: KeyPair
    command: str = ""
    clock: Callable[[], float] = time.time


class Crew:
    """The terminals and cards of a scenario, for one run or for several that follow each other."""

    def __init__(self, asked: Asked) -> None:
        """Raises `ConfigurationError` for what cannot be simulated, `OperatorError` for too many connections."""
        scenario, dialect = asked.scenario, asked.target.dialect
        zone, now = ZoneInfo(scenario.time_zone), asked.clock()
        self.asked = asked
        self.population = populate(scenario, datetime.fromtimestamp(now, zone).date())
        self.messages = Messages(dialect, self.population, scenario.currency, zone, asked.clock)
        chance = Random(f"{scenario.seed} {now}")  # noqa: S311 - numbers, not keys
        self.tills = tills(self.population.terminals, dialect, chance)
        if asked.keys.standing and not gives_keys(dialect):
            for till in self.tills:
                till.mac = mac_key(mac_method(dialect).algorithm, asked.keys.standing)
        self.signing_on = SigningOn(dialect, self.messages, self.tills, asked.keys.master)
        make_room(_connections(scenario))

    @property
    def highest_rate(self) -> float:
        """What terminals that think can send at most to a host that answers at once, in messages a second."""
        think_s = self.asked.scenario.terminals.think_s
        return len(self.tills) / think_s if think_s else inf

    def notes(self) -> Iterator[str]:
        """What whoever reads the results has to know besides, in sentences."""
        signing_on = self.signing_on
        if signing_on.refused:
            codes = ", ".join(f"{code} {count:,}" for code, count in sorted(signing_on.refused.items()))
            yield f"note: sign-ons refused, by answer: {codes}"
        if signing_on.without_keys:
            yield f"note: {signing_on.without_keys:,} terminals were given no keys that --keys opens: they send no MACs"

    async def sign_on(self) -> None:
        """Have the terminals sign on where that gives them keys. Raises `NobodyListens`."""
        if self.asked.scenario.terminals.keys and gives_keys(self.asked.target.dialect):
            await self.signing_on.run(self.asked.target)


class Drive:
    """One run of a crew: drive it, then ask for its results. ``scenario`` is the crew's own unless another is given."""

    def __init__(self, crew: Crew, scenario: Scenario | None = None, books: WireAgainstBooks | None = None) -> None:
        asked = crew.asked
        self._asked = asked
        self._scenario = scenario or asked.scenario
        self._books = books
        self.tally = Tally(asked.target.deadline_us, warm_up_us=round(self._scenario.warm_up_s * 1e6))
        self._simulation = Simulation(
            self._scenario,
            asked.target.dialect,
            crew.population,
            crew.messages,
            crew.tills,
            asked.keys.master,
            self.tally,
            books.seen if books is not None else None,
            books.unseen if books is not None else None,
        )
        self._engine = Engine(
            self._simulation.plan(), asked.target, self._simulation, connections=self._scenario.connections
        )
        self._started_at = datetime.now(UTC)

    async def run(self) -> None:
        """Send what is due, and wait for what is answered in time. Raises `NobodyListens`."""
        self._started_at = datetime.now(UTC)
        await self._engine.run()

    def stop(self) -> None:
        """End it within moments; it has results all the same."""
        self._engine.stop()

    def results(self, *, interrupted: bool = False) -> Results:
        """What it came to, held to the scenario's limits and to what every fault must have as its effect."""
        scenario, dialect = self._scenario, self._asked.target.dialect
        run = Run(scenario.title, self._asked.command, str(self._asked.target), scenario.dialect, self._started_at)
        results = self.tally.results(run, interrupted=interrupted)
        effects = self._simulation.effects
        books = self._compared()
        return results.model_copy(
            update={
                "limits": [*held_to(scenario.limits, results, dialect), *effects.limits()],
                "faults_sent": dict(sorted(effects.sent.items())),
                "books": books,
            }
        )

    def _compared(self) -> Books | None:
        """The run held against the books, once: what is still to be sent again counts as unanswered."""
        if self._books is None:
            return None
        for message in self._simulation.dropped():
            self._books.unseen(message)
        return self._books.compared()

    def step(self, results: Results) -> Step:
        """The results as one step of a search."""
        return Step(
            rate_per_s=round(self._scenario.arrival.highest, 1),
            throughput_per_s=results.throughput_per_s,
            p99_ms=results.latency_ms.p99,
            errors=failed(results, self._asked.target.dialect),
            held=all(limit.held for limit in results.limits),
        )


def at_rate(scenario: Scenario, rate: float, step_s: float) -> Scenario:
    """One step of a search: the same messages at one rate, without faults, held to some limit in any case."""
    arrival = Arrival(shape="poisson" if scenario.arrival.is_poisson else "constant", rate=rate)
    named = scenario.limits
    is_held = named.p50_ms or named.p99_ms or named.p999_ms or named.error_share is not None
    changes = {
        "arrival": arrival,
        "duration_s": step_s,
        "warm_up_s": KNEE_WARM_UP_S,
        "faults": Faults(),
        "limits": named if is_held else KNEE_LIMITS,
    }
    return scenario.model_copy(update=changes)


def _connections(scenario: Scenario) -> int:
    """How many there may be at once, those of faults among them."""
    faults = scenario.faults
    share = faults.half_frame + faults.malformed + faults.dropped_connection + faults.slow_reader
    return scenario.connections + ceil(2 * scenario.arrival.highest * share * (faults.hold_s + _OPENED_EARLY_S))
