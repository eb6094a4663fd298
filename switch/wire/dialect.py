"""A dialect: everything the switch knows about one way of speaking ISO 8583, read from one TOML file.

`load_dialect` reads ``specs/dialects/NAME.toml`` once at start-up and refuses a file with a mistake in it, so
that nothing after it needs to ask whether a dialect makes sense.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

from pydantic import ValidationError

from switch.data_files import specs_directory
from switch.errors import ConfigurationError
from switch.wire.dialect_file import NAME, DialectFile, TransactionFileRow
from switch.wire.fields import Field, Subfield
from switch.wire.framing import Framing

RESPONSE_CODE: Final = 39
"""The field that actions are answered in, in every version of the standard."""

THIRD_BITMAP: Final = 65
"""The bit of the second bitmap that would announce a third; no dialect here has one."""


@dataclass(frozen=True, slots=True)
class TransactionRow:
    """Which messages are of one kind. ``mti`` has its repeat digit cleared (0201 is looked up as 0200).

    ``when`` maps paths to patterns for the whole value there: ``?`` is any character, ``|`` parts alternatives,
    and what the message does not have is "". ``required``, each group of ``required_one_of``, ``optional`` and
    ``forbidden`` are field numbers; fields in none of them are let pass. ``echo`` replaces the dialect's
    `Answers.echo` for this kind unless it is None. ``topic`` is what a download or an upload is about; ``mac`` whether
    messages of this kind, and their answers, carry a MAC.
    """

    kind: str
    mti: str
    when: Mapping[str, str]
    required: tuple[str, ...]
    required_one_of: tuple[tuple[str, ...], ...]
    optional: tuple[str, ...]
    forbidden: tuple[str, ...]
    echo: tuple[str, ...] | None
    topic: str = ""
    mac: bool = False


@dataclass(frozen=True, slots=True)
class HeaderWishes:
    """Where in the opaque header (in half bytes) an answer says what the terminal is to do next, and how."""

    nibble: int
    codes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answers:
    """``echo``: fields copied from the request if it has them; ``host``: supplied by us where it has not."""

    echo: tuple[str, ...]
    host: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dialect:
    """One validated dialect; see the dialect author's guide for its file."""

    name: str
    title: str
    framing: Framing
    mti_encoding: Literal["ascii", "bcd"]
    bitmap_encoding: Literal["binary", "hex"]
    last_field: int
    fields: Mapping[int, Field]
    subfields: Mapping[str, Subfield]
    roles: Mapping[str, str]
    transactions: tuple[TransactionRow, ...]
    answers: Answers
    actions: Mapping[str, str]
    header: HeaderWishes | None = None


def dialect_names(directory: Path | None = None) -> tuple[str, ...]:
    """Return the names of all dialect files, sorted."""
    return tuple(sorted(path.stem for path in (directory or specs_directory() / "dialects").glob("*.toml")))


def load_dialect(name: str, directory: Path | None = None) -> Dialect:
    """Read and validate ``NAME.toml`` of the directory (default: the dialects that come with the switch).

    Raises `switch.errors.ConfigurationError` naming file, key and reason.
    """
    folder = directory or specs_directory() / "dialects"
    path = folder / f"{name}.toml"
    raw = _read(name, folder, ())
    try:
        file = DialectFile.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        raise _wrong(path, ".".join(str(part) for part in first["loc"]), first["msg"]) from error
    if file.name != name:
        raise _wrong(path, "name", f"must be the file's own name, {name}")
    try:
        framing = file.framing.framing()
    except ValueError as error:
        raise _wrong(path, "framing", str(error)) from error
    for key, reason in _contradictions(file):
        raise _wrong(path, key, reason)
    return _assemble(file, framing)


def _read(name: str, folder: Path, children: tuple[str, ...]) -> dict[str, Any]:
    """Read one file and lay it over what it extends."""
    path = folder / f"{name}.toml"
    if name in children:
        raise _wrong(folder / f"{children[0]}.toml", "extends", f"goes round in circles through {name}")
    if not re.fullmatch(NAME, name) or not path.is_file():
        known = ", ".join(dialect_names(folder)) or "none"
        raise ConfigurationError(f"no dialect {name!r} in {folder} (known: {known})")
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
    parent = raw.pop("extends", None)
    if parent is None:
        return raw
    if not isinstance(parent, str):
        raise _wrong(path, "extends", "must be the name of another dialect")
    return _laid_over(_read(parent, folder, (*children, name)), raw)


def _laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = _laid_over(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged


def _wrong(path: Path, key: str, reason: str) -> ConfigurationError:
    return ConfigurationError(f"{path}: {key}: {reason}")


def _contradictions(file: DialectFile) -> Iterator[tuple[str, str]]:
    """Find what each row alone cannot know: numbers out of range, and paths to fields that are not there."""
    for number in file.fields:
        if not 2 <= int(number) <= file.message.last_field or int(number) == THIRD_BITMAP:  # noqa: PLR2004
            yield f"fields.{number}", f"fields are numbered 2 to {file.message.last_field}, without {THIRD_BITMAP}"
    for path in file.subfields:
        if path.partition(".")[0] not in file.fields:
            yield f"subfields.{path}", "its field is not in [fields]"
    if file.header is not None and file.header.request_nibble >= 2 * file.framing.header_bytes:
        yield "header.request_nibble", f"the header has {file.framing.header_bytes} bytes"
    yield from _dangling(file)
    yield from _unanswerable(file)


def _dangling(file: DialectFile) -> Iterator[tuple[str, str]]:
    """Find roles, transactions and answers that name what the dialect does not have."""
    known = {*file.fields, *file.subfields}
    for role, path in file.roles.items():
        if path not in known:
            yield f"roles.{role}", f"{path} is neither in [fields] nor in [subfields]"
    for at, row in enumerate(file.transactions):
        for path in _paths(row):
            if path not in known:
                yield f"transactions.{at}", f"{path} is neither in [fields] nor in [subfields]"
    for path in (*file.answers.echo, *file.answers.host):
        if path not in file.fields:
            yield "answers", f"{path} is not in [fields]"


def _paths(row: TransactionFileRow) -> Iterator[str]:
    yield from (*row.when, *row.required, *row.optional, *row.forbidden, *(row.echo or ()))
    for group in row.required_one_of:
        yield from group


def _unanswerable(file: DialectFile) -> Iterator[tuple[str, str]]:
    """Find actions that the response code cannot say."""
    response = file.fields.get(str(RESPONSE_CODE))
    if response is None:
        yield f"fields.{RESPONSE_CODE}", "a dialect needs a response code"
        return
    for action, code in file.actions.items():
        digits_only = response.format == "n"
        if len(code) != response.size or not code.isascii() or (digits_only and not code.isdecimal()):
            yield f"actions.{action}", f"does not fit field {RESPONSE_CODE}"


def _assemble(file: DialectFile, framing: Framing) -> Dialect:
    numbered = sorted((int(number), row) for number, row in file.fields.items())
    return Dialect(
        name=file.name,
        title=file.title,
        framing=framing,
        mti_encoding=file.message.mti,
        bitmap_encoding=file.message.bitmap,
        last_field=file.message.last_field,
        fields=MappingProxyType({number: row.field(number, file.encodings) for number, row in numbered}),
        subfields=MappingProxyType(
            {
                path: Subfield(path, int(path.partition(".")[0]), row.start, row.size, row.name)
                for path, row in file.subfields.items()
            }
        ),
        roles=MappingProxyType(dict(file.roles)),
        transactions=tuple(
            TransactionRow(
                row.kind,
                row.mti,
                MappingProxyType(dict(row.when)),
                row.required,
                row.required_one_of,
                row.optional,
                row.forbidden,
                row.echo,
                row.topic,
                row.mac,
            )
            for row in file.transactions
        ),
        answers=Answers(file.answers.echo, file.answers.host),
        actions=MappingProxyType(dict(file.actions)),
        header=HeaderWishes(file.header.request_nibble, MappingProxyType(dict(file.header.wishes)))
        if file.header
        else None,
    )
