"""A script of messages to send: TOML in, ready fields out. The demo's is in ``specs/demo/script.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from switch.errors import ConfigurationError
from switch.wire.codec import Fields

_MOMENTS = {"7": "%m%d%H%M%S", "12": "%H%M%S", "13": "%m%d"}


class Step(BaseModel):
    """One message: what to say of it, its MTI, the fields that differ from the defaults, the expected action.

    Values may be ``@now`` (7 in UTC, 12 and 13 local), ``@NAME`` (the retrieval reference, DE 37, that the step
    of that name was answered with), or end in ``@today`` (local MMDD). An empty value leaves the field out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    listener: str
    say: str
    mti: str = Field(pattern=r"^\d{4}$")
    fields: dict[str, str]
    expect: str
    name: str = ""


class Script(BaseModel):
    """Steps in order, and each listener's default fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    defaults: dict[str, dict[str, str]] = {}
    steps: list[Step] = Field(min_length=1)

    def message(self, step: Step, now: datetime, utc: datetime, references: Mapping[str, str]) -> Fields:
        """The fields of one step, sent at ``now`` (local) and ``utc``, after steps with these references."""
        fields = {0: step.mti}
        for number, value in {**self.defaults.get(step.listener, {}), **step.fields}.items():
            if value == "@now":
                fields[int(number)] = (utc if number == "7" else now).strftime(_MOMENTS[number])
            elif value.endswith("@today"):
                fields[int(number)] = value.removesuffix("@today") + now.strftime("%m%d")
            elif value.startswith("@"):
                fields[int(number)] = references[value[1:]]
            elif value:
                fields[int(number)] = value
        return dict(sorted(fields.items()))


def load_script(path: Path) -> Script:
    """Read a script. Raises `ConfigurationError` with file, key and reason."""
    try:
        return Script.model_validate(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path}: not TOML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigurationError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
