"""The limits of account classes (I, II, III, prepaid): the data of ``specs/rules/account_classes.toml``, checked."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final

from pydantic import Discriminator, Field, Tag, TypeAdapter, ValidationError

from switch.data_files import specs_directory
from switch.decisions import Limits
from switch.errors import ConfigurationError
from switch.rules.limits import parsed


def load_account_classes(path: Path | None = None) -> Mapping[str, Limits]:
    """Return the limits of each account class, from ``path`` or from the specs of the program.

    Raises `ConfigurationError` with file, class and reason for an unknown limit or channel and for what is no amount.
    """
    file = path or specs_directory() / "rules" / "account_classes.toml"
    try:
        rows = _FILE.validate_python(tomllib.loads(file.read_text("utf-8")))
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: not TOML: {error}") from None
    except ValidationError as error:
        raise ConfigurationError("\n".join(_problem(file, one["loc"], one["msg"]) for one in error.errors())) from None
    return {name: _limits(file, name, row) for name, row in rows.items()}


_Number = Annotated[int, Field(ge=0, strict=True)]
_Limits = dict[str, _Number]
_AMOUNT, _CHANNEL = "an amount", "a channel"
_Entry = Annotated[
    Annotated[_Number, Tag(_AMOUNT)] | Annotated[_Limits, Tag(_CHANNEL)],
    Discriminator(lambda value: _CHANNEL if isinstance(value, dict) else _AMOUNT),
]
_FILE: Final = TypeAdapter(dict[str, dict[str, _Entry]])


def _limits(file: Path, name: str, row: Mapping[str, int | dict[str, int]]) -> Limits:
    try:
        return parsed(" ".join(_words(row)))
    except ConfigurationError as error:
        raise ConfigurationError(f"{file}: class {name}: {error}") from None


def _words(row: Mapping[str, int | dict[str, int]]) -> Iterator[str]:
    """The row as operators write limits: one grammar, one check."""
    for name, value in row.items():
        if isinstance(value, int):
            yield f"{name}={value}"
        else:
            yield from (f"{name}.{inner}={number}" for inner, number in value.items())


def _problem(file: Path, location: tuple[int | str, ...], reason: str) -> str:
    place = ".".join(str(part) for part in location if part not in (_AMOUNT, _CHANNEL))
    return f"{file}: {place}: {reason}"
