"""A scenario: who sends what, when, for how long, with which faults, and the limits that the answers are held to.

One TOML file, described in docs/load.md; some come with the switch (``specs/load``) and go by their names.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from switch.data_files import specs_directory
from switch.errors import ConfigurationError, OperatorError
from switch.load import arrivals
from switch.messages.kinds import Kind

DURATION_MAX_S: Final = 86_400.0
RATE_MAX: Final = 100_000.0
CONNECTIONS_MAX: Final = 60_000
"""A client's address has some 64,000 ports towards one host and port."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]*")

Rate = Annotated[float, Field(gt=0, le=RATE_MAX)]
Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(gt=0, le=1_000_000)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]


class Entry(StrEnum):
    """How a card, or the code that stands for one, is shown."""

    SWIPE = "swipe"
    CHIP = "chip"
    CONTACTLESS = "contactless"
    MANUAL = "manual"
    QR = "qr"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Arrival(_Part):
    """``rate`` is the highest of every shape, in messages a second; ``rates`` are those of ``steps``, in turn."""

    shape: Literal["constant", "poisson", "ramp", "steps", "day"] = "constant"
    rate: Rate | None = None
    from_rate: Annotated[float, Field(ge=0, le=RATE_MAX)] = 0.0
    rates: tuple[Rate, ...] = ()
    curve: tuple[Annotated[float, Field(ge=0)], ...] = arrivals.DAY_CURVE
    poisson: bool = False

    @model_validator(mode="after")
    def _has_a_rate(self) -> Self:
        if self.shape == "steps" and not self.rates:
            raise ValueError("steps need rates = [...]")
        if self.shape != "steps" and self.rate is None:
            raise ValueError(f"a {self.shape} needs a rate")
        if self.shape == "ramp" and self.rate is not None and self.from_rate > self.rate:
            raise ValueError("a ramp's rate is its highest: from_rate is above it")
        if self.shape == "day" and not any(self.curve):
            raise ValueError("a curve needs a value above 0")
        return self

    @property
    def highest(self) -> float:
        """The highest rate."""
        return max(self.rates) if self.shape == "steps" else self.rate or 0.0

    @property
    def is_poisson(self) -> bool:
        """Whether arrivals come by chance."""
        return self.poisson or self.shape == "poisson"

    def at(self, rate: float) -> Arrival:
        """The same shape with another highest rate."""
        scale = rate / self.highest
        changed = {"rate": rate, "from_rate": self.from_rate * scale, "rates": tuple(r * scale for r in self.rates)}
        return self.model_copy(update=changed)

    def over(self, seconds: float) -> arrivals.Shape:
        """The shape laid over so many seconds."""
        match self.shape:
            case "ramp":
                return arrivals.ramp(self.from_rate, self.highest, seconds)
            case "steps":
                return arrivals.steps(self.rates, seconds)
            case "day":
                return arrivals.day(self.curve, self.highest, seconds)
        return arrivals.constant(self.highest, seconds)


class Mix(_Part):
    """One kind of message, how often it comes against the others, how its card is shown, how much is paid.

    ``amount_minor`` are the least and the most, in minor units.
    """

    kind: Kind
    weight: Weight = 1.0
    entry: dict[Entry, Weight] = Field(default_factory=lambda: {Entry.SWIPE: 1.0}, min_length=1)
    amount_minor: tuple[Count, Count] = (1, 5)

    @field_validator("amount_minor")
    @classmethod
    def _in_order(cls, value: tuple[int, int]) -> tuple[int, int]:
        if value[0] > value[1]:
            raise ValueError("the least is above the most")
        return value


class Terminals(_Part):
    """Whose terminals: ``demo``, a CSV file as `switch import terminals` takes it, or a ``pattern`` (``#`` for digits).

    ``only`` names those to take of a file. ``think_s`` is how long a terminal waits after an answer before it sends
    again: with it, each has at most one message under way; without, any number. ``keys`` says whether they sign on for
    working keys where the dialect gives them out.
    """

    file: str = "demo"
    only: tuple[str, ...] = ()
    pattern: Annotated[str, Field(pattern=r"^([!-~]*#+[!-~]*)?$", max_length=16)] = ""
    count: Count = 1
    merchant: Annotated[str, Field(pattern=r"^[!-~]{1,15}$")] = "MERCHANT0000001"
    think_s: Annotated[float, Field(ge=0, le=3600)] = 0.0
    keys: bool = True


class Cards(_Part):
    """Whose cards: ``demo``, a CSV file as `switch import cards` takes it, or ``count`` numbers after a ``prefix``.

    Of a file, those are taken that are active and not expired, each as often as its money would last.
    """

    file: str = "demo"
    only: tuple[str, ...] = Field(default=(), repr=False)
    prefix: Annotated[str, Field(pattern=r"^(\d{6,12})?$")] = ""
    count: Count = 1
    expiry_yymm: Annotated[str, Field(pattern=r"^\d\d(0[1-9]|1[0-2])$")] = "3012"
    pay_codes: tuple[Annotated[str, Field(pattern=r"^\d{10,40}$")], ...] = Field(default=(), repr=False)


class Faults(_Part):
    """The share of messages that are not as they should be, by fault; ``hold_s`` is how long a slow one is slow."""

    half_frame: Share = 0.0
    malformed: Share = 0.0
    dropped_connection: Share = 0.0
    slow_reader: Share = 0.0
    bad_mac: Share = 0.0
    duplicate_stan: Share = 0.0
    repeat: Share = 0.0
    late_reversal: Share = 0.0
    hold_s: Annotated[float, Field(ge=0, le=60)] = 1.0

    @property
    def shares(self) -> dict[str, float]:
        """Those that come at all, by name."""
        return {name: share for name, share in self.model_dump(exclude={"hold_s"}).items() if share}

    @model_validator(mode="after")
    def _no_more_than_all(self) -> Self:
        if sum(self.shares.values()) > 1:
            raise ValueError("the shares come to more than 1")
        return self


class Limits(_Part):
    """What the answers are held to; what is not named is not looked at."""

    p50_ms: Annotated[float, Field(gt=0)] | None = None
    p99_ms: Annotated[float, Field(gt=0)] | None = None
    p999_ms: Annotated[float, Field(gt=0)] | None = None
    error_share: Share | None = None
    approved_share: Share | None = None
    throughput_per_s: Rate | None = None


class Scenario(_Part):
    """The whole of a scenario file. Times are seconds; ``deadline_s`` is after how long an answer is late."""

    title: Annotated[str, Field(min_length=1, max_length=80)]
    dialect: str
    duration_s: Annotated[float, Field(gt=0, le=DURATION_MAX_S)]
    warm_up_s: Annotated[float, Field(ge=0, le=3600)] = 0.0
    deadline_s: Annotated[float, Field(gt=0, le=600)] = 10.0
    seed: int = 8583
    connections: Annotated[int, Field(ge=1, le=CONNECTIONS_MAX)] = 1
    time_zone: str = "Asia/Shanghai"
    currency: Annotated[str, Field(pattern=r"^\d{3}$")] = "156"
    arrival: Arrival
    mix: tuple[Mix, ...] = Field(min_length=1)
    terminals: Terminals = Terminals()
    cards: Cards = Cards()
    faults: Faults = Faults()
    limits: Limits = Limits()

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ValueError, OSError):  # a missing one is a KeyError too, which pydantic would let through
            raise ValueError("no such time zone") from None
        except KeyError:
            raise ValueError("no such time zone") from None
        return value

    @property
    def whole_s(self) -> float:
        """How long messages are sent, warm-up included."""
        return self.warm_up_s + self.duration_s

    def due_us(self) -> Iterator[int]:
        """Yield the moments at which messages are due, in microseconds after the run's start: always the same ones."""
        chance = Random(self.seed) if self.arrival.is_poisson else None  # noqa: S311 - a load is to be the same again
        return (round(due * 1e6) for due in arrivals.due_times(self.shape(), chance))

    def shape(self) -> arrivals.Shape:
        """The shape over the duration, after a warm-up at its first rate."""
        measured = self.arrival.over(self.duration_s)
        first = measured[0].rate or measured[0].last_rate / 2
        return (*(arrivals.constant(first, self.warm_up_s) if self.warm_up_s else ()), *measured)


def scenario_names() -> tuple[str, ...]:
    """The names of the scenarios that come with the switch."""
    return tuple(sorted(path.stem for path in _folder().glob("*.toml")))


def load_scenario(name: str) -> Scenario:
    """Read a scenario by its name, or from the file at that path.

    Raises `ConfigurationError` with file, key and reason; never with a value, which may be a card number.
    """
    path = Path(name)
    if _NAME.fullmatch(name):
        path = _folder() / f"{name}.toml"
        if not path.is_file():
            known = ", ".join(scenario_names())
            raise ConfigurationError(
                f"no scenario {name!r} comes with the switch (there are {known}); a file ends in .toml"
            )
    return read_scenario(path)


def changed(scenario: Scenario, changes: dict[str, object]) -> Scenario:
    """The scenario with other values of some of its own keys. Raises `OperatorError` for what no scenario may say."""
    try:
        return Scenario.model_validate(scenario.model_dump() | changes)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise OperatorError(f"{first['loc'][0]}: {first['msg'].removeprefix('Value error, ')}") from None


def read_scenario(path: Path) -> Scenario:
    """Read a scenario file; paths in it are relative to it. Raises `ConfigurationError`."""
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: not TOML: {error}") from None
    try:
        found = Scenario.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        key = ".".join(map(str, first["loc"])) or "the file"
        raise ConfigurationError(f"{path}: {key}: {first['msg'].removeprefix('Value error, ')}") from None
    return found.model_copy(
        update={
            "terminals": found.terminals.model_copy(update={"file": _beside(path, found.terminals.file)}),
            "cards": found.cards.model_copy(update={"file": _beside(path, found.cards.file)}),
        }
    )


def _beside(path: Path, file: str) -> str:
    return file if file == "demo" else str(path.parent / file)


def _folder() -> Path:
    return specs_directory() / "load"
