"""Which kind of transaction a message is, by the dialect's own table, and whether its fields are all there."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from switch.errors import ConfigurationError
from switch.messages.actions import Action
from switch.messages.extras import HAVE_EXTRAS
from switch.messages.kinds import Kind
from switch.messages.model import Reject
from switch.messages.originals import HAVE_ORIGINALS
from switch.messages.paths import Getter, getter
from switch.wire.codec import Fields
from switch.wire.dialect import Dialect, TransactionRow

_REMEMBERED_MAX: Final = 512
"""Combinations of discriminating values remembered per MTI; beyond, each message walks the table."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the dialect's table, compiled."""

    kind: Kind
    required: frozenset[int]
    one_of: tuple[frozenset[int], ...]
    forbidden: frozenset[int]
    echo: tuple[int, ...]
    matches: tuple[tuple[int, Callable[[str], object]], ...]  # (index of the path, pattern)
    mac: bool  # messages of this kind carry one
    topic: str  # what a download or an upload is about
    wants_card: bool  # one of the fields to choose from is the card number
    has_original: bool  # it is about an earlier one
    has_extras: bool  # it carries what only some kinds do

    def fault(self, fields: Fields) -> Reject | None:
        """The first field that is missing or must not be there."""
        if not (self.required <= fields.keys()):
            missing = min(self.required - fields.keys())
            return Reject(Action.FORMAT_ERROR, f"field {missing} is missing from a {self.kind}")
        for choice in self.one_of:
            if choice.isdisjoint(fields):
                names = " or ".join(map(str, sorted(choice)))
                return Reject(Action.FORMAT_ERROR, f"a {self.kind} needs field {names}")
        if not self.forbidden.isdisjoint(fields):
            extra = min(self.forbidden & fields.keys())
            return Reject(Action.FORMAT_ERROR, f"field {extra} does not belong in a {self.kind}")
        return None


class Catalogue:
    """The dialect's transactions, by MTI with the repeat digit cleared; the first entry that fits is it."""

    def __init__(self, dialect: Dialect) -> None:
        self._by_mti: dict[str, _Table] = {}
        for mti in {row.mti for row in dialect.transactions}:
            rows = [row for row in dialect.transactions if row.mti == mti]
            self._by_mti[mti] = _Table(dialect, rows)

    def find(self, fields: Fields, first_mti: str) -> Entry | None:
        """The entry of a message whose MTI, were it not a repeat, is ``first_mti``; None if no kind fits."""
        table = self._by_mti.get(first_mti)
        return table.find(fields) if table is not None else None


class _Table:
    """The entries of one MTI: their discriminating values are read once and the result is remembered."""

    def __init__(self, dialect: Dialect, rows: list[TransactionRow]) -> None:
        paths = sorted({path for row in rows for path in row.when})
        self._getters: tuple[Getter, ...] = tuple(getter(dialect, path) for path in paths)
        self._entries = tuple(_compile(dialect, row, paths) for row in rows)
        self._remembered: dict[tuple[str, ...], Entry | None] = {}

    def find(self, fields: Fields) -> Entry | None:
        values = tuple([get(fields) for get in self._getters])
        try:
            return self._remembered[values]
        except KeyError:
            found = next((entry for entry in self._entries if _fits(entry, values)), None)
            if len(self._remembered) < _REMEMBERED_MAX:
                self._remembered[values] = found
            return found


def _fits(entry: Entry, values: tuple[str, ...]) -> bool:
    return all(pattern(values[index]) for index, pattern in entry.matches)


def _compile(dialect: Dialect, row: TransactionRow, paths: list[str]) -> Entry:
    try:
        kind = Kind(row.kind)
    except ValueError:
        raise ConfigurationError(f"dialect {dialect.name}: transactions: unknown kind {row.kind!r}") from None
    return Entry(
        kind=kind,
        required=frozenset(map(int, row.required)),
        one_of=tuple(frozenset(map(int, choice)) for choice in row.required_one_of),
        forbidden=frozenset(map(int, row.forbidden)),
        echo=tuple(map(int, dialect.answers.echo if row.echo is None else row.echo)),
        matches=tuple((paths.index(path), _pattern(text)) for path, text in row.when.items()),
        mac=row.mac,
        topic=row.topic,
        has_original=kind in HAVE_ORIGINALS,
        has_extras=kind in HAVE_EXTRAS,
        wants_card=any(dialect.roles.get("pan") in choice for choice in row.required_one_of),
    )


def _pattern(text: str) -> Callable[[str], object]:
    """Compile "00????" or "001|003": ``?`` stands for any character, ``|`` parts alternatives."""
    alternatives = ("".join("." if sign == "?" else re.escape(sign) for sign in part) for part in text.split("|"))
    return re.compile("|".join(alternatives), re.DOTALL).fullmatch
