"""The shape of a host simulator's script: what pydantic accepts here, the rest of the simulator trusts.

A script is TOML: rules in order, the first that fits answers, and `Script.default` answers what no rule fits. The
built-in ones are in ``specs/host``. docs/host-simulator.md explains every key.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from switch.config import FramingSettings
from switch.data_files import specs_directory
from switch.errors import ConfigurationError

LATEST_MS: Final = 600_000
"""An answer waits ten minutes at most: nobody listens any longer."""

GARBAGE_MAX: Final = 8192

Deed = Literal["answer", "drop", "half", "garbage", "duplicate", "late"]
"""What a rule does: answers; says nothing; sends the first half and then nothing on this connection; sends bytes that
are no frame; sends the answer twice; answers after the peer stopped waiting."""

Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Place = Annotated[str, StringConstraints(pattern=r"^(mti|kind|mac|\d{1,3}(\.\d{1,2})?)$")]
Path_ = Annotated[str, StringConstraints(pattern=r"^\d{1,3}(\.\d{1,2})?$")]
Milliseconds = Annotated[float, Field(ge=0, le=LATEST_MS)]
Percent = Annotated[float, Field(gt=0, le=100)]


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Condition(_Row):
    """What one place of a message must be; all that is given must hold. A text alone means ``equals``."""

    equals: str | None = None
    prefix: str | None = None
    one_of: Annotated[frozenset[str] | None, Field(alias="in")] = None
    at_least: Annotated[int | None, Field(alias="from", ge=0)] = None
    at_most: Annotated[int | None, Field(alias="to", ge=0)] = None
    present: bool | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Condition:
        if not self.model_fields_set:
            raise ValueError("an empty condition: give equals, prefix, in, from, to or present")
        return self


def _condition(value: object) -> object:
    return {"equals": value} if isinstance(value, str) else value


class Value(_Row):
    """What one place of the answer becomes. A text alone is ``text``; an empty one leaves the field out."""

    text: str | None = None
    copy_of: Annotated[Path_ | None, Field(alias="copy")] = None
    counter: Annotated[int | None, Field(ge=0)] = None  # counts up from there, filled to the field's size
    generate: Literal["rrn", "approval_code"] | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Value:
        if len(self.model_fields_set) != 1:
            raise ValueError("give exactly one of text, copy, counter, generate")
        return self


def _value(value: object) -> object:
    return {"text": value} if isinstance(value, str) else value


class Delay(_Row):
    """How long an answer waits, in milliseconds; exactly one of the shapes. None of them: it does not wait."""

    constant_ms: Milliseconds | None = None
    uniform_ms: tuple[Milliseconds, Milliseconds] | None = None
    normal_ms: tuple[Milliseconds, Milliseconds] | None = None  # mean and deviation; below zero is zero
    exponential_ms: Annotated[float, Field(gt=0, le=LATEST_MS)] | None = None  # the mean
    percentiles_ms: Annotated[tuple[tuple[Percent, Milliseconds], ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Delay:
        if len(self.model_fields_set) != 1:
            raise ValueError("give exactly one of constant_ms, uniform_ms, normal_ms, exponential_ms, percentiles_ms")
        if self.uniform_ms is not None and self.uniform_ms[0] > self.uniform_ms[1]:
            raise ValueError("uniform_ms: the first is more than the second")
        table = self.percentiles_ms
        if table is not None and (table[-1][0] != 100 or list(table) != sorted(table) or _falls(table)):  # noqa: PLR2004
            raise ValueError("percentiles_ms: pairs of percent and milliseconds, both rising, the last at 100")
        return self


def _falls(table: tuple[tuple[float, float], ...]) -> bool:
    return [ms for _, ms in table] != sorted(ms for _, ms in table)


class Behaviour(_Row):
    """What is done with a message."""

    do: Deed = "answer"
    action: Word = "approved"  # DE 39 as the dialect writes this action
    answer: dict[Path_, Annotated[Value, BeforeValidator(_value)]] = {}
    delay: Delay | None = None
    garbage_bytes: Annotated[int, Field(ge=1, le=GARBAGE_MAX)] = 64
    close: bool = False  # the connection, after it was done

    @model_validator(mode="after")
    def _fits_together(self) -> Behaviour:
        if self.do == "late" and self.delay is None:
            raise ValueError("a late answer needs a delay")
        return self


class Rule(Behaviour):
    """One rule: whom it fits, and what it does then."""

    name: Annotated[str, StringConstraints(pattern=r"^[ -~]{1,40}$")]
    when: dict[Place, Annotated[Condition, BeforeValidator(_condition)]] = {}
    every: Annotated[int, Field(ge=1)] = 1  # only each so many-th message that fits
    share: Annotated[float, Field(gt=0, le=1)] = 1.0  # only this part of those, by the script's seed


class Script(_Row):
    """A whole script. ``dialect`` is the only one it is for, "" if any."""

    dialect: str = ""
    seed: int = 1
    framing: FramingSettings = FramingSettings()
    rules: Annotated[tuple[Rule, ...], Field(max_length=1000)] = ()
    default: Behaviour = Behaviour()

    @model_validator(mode="after")
    def _names_differ(self) -> Script:
        names = [rule.name for rule in self.rules]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two rules have the name {twice!r}")
        return self


def built_in_scripts() -> tuple[str, ...]:
    """Return the names of the scripts that come with the switch."""
    return tuple(sorted(path.stem for path in _folder().glob("*.toml")))


def load_script(named: str) -> tuple[Path, Script]:
    """Read a script: a file, or a built-in one by its name.

    Raises `ConfigurationError` naming file, key and reason.
    """
    path = _folder() / f"{named}.toml" if named in built_in_scripts() else Path(named)
    try:
        raw: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        known = ", ".join(built_in_scripts())
        raise ConfigurationError(f"{named}: no such file, and no built-in script (there are {known})") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path}: not TOML: {error}") from None
    try:
        return path, Script.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        reason = first["msg"].removeprefix("Value error, ").replace("Extra inputs are not permitted", "no such key")
        raise ConfigurationError(f"{path}: {key}: {reason}" if key else f"{path}: {reason}") from None


def _folder() -> Path:
    return specs_directory() / "host"
