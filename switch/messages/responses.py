"""What each action means to the people around a terminal: the texts of ``specs/responses.toml``, checked whole."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from switch.data_files import specs_directory
from switch.errors import ConfigurationError
from switch.messages.actions import Action


@dataclass(frozen=True, slots=True)
class Texts:
    """One action in one language: what the cashier sees, the cardholder is told, the technician needs to know."""

    cashier: str
    cardholder: str
    technician: str
    next: str


@dataclass(frozen=True, slots=True)
class ResponseTexts:
    """One action in English and Chinese."""

    en: Texts
    zh: Texts


def load_responses(path: Path | None = None) -> Mapping[Action, ResponseTexts]:
    """Return the texts of every action, from ``path`` or from the specs of the program.

    Raises `ConfigurationError` with file, key and reason for a missing or unknown action or text.
    """
    file = path or specs_directory() / "responses.toml"
    try:
        rows = _FILE.validate_python(tomllib.loads(file.read_text("utf-8")))
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: not TOML: {error}") from None
    except ValidationError as error:
        raise ConfigurationError("\n".join(_problem(file, one["loc"], one["msg"]) for one in error.errors())) from None
    missing = [action.value for action in Action if action not in rows]
    if missing:
        raise ConfigurationError(f"{file}: no texts for {', '.join(missing)}")
    return {action: ResponseTexts(_texts(row.en), _texts(row.zh)) for action, row in rows.items()}


_Text = Annotated[str, Field(min_length=1)]


class _TextsRow(BaseModel):
    model_config = ConfigDict(extra="forbid")

    cashier: _Text
    cardholder: _Text
    technician: _Text
    next: _Text


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid")

    en: _TextsRow
    zh: _TextsRow


_FILE = TypeAdapter(dict[Action, _Row])


def _texts(row: _TextsRow) -> Texts:
    return Texts(row.cashier, row.cardholder, row.technician, row.next)


def _problem(file: Path, location: tuple[int | str, ...], reason: str) -> str:
    if location[-1] == "[key]":
        return f"{file}: {location[0]}: no such action"
    return f"{file}: {'.'.join(map(str, location))}: {reason}"
