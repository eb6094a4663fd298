"""Reads the rows of an import file one by one: UTF-8 CSV with a header, every mistake noted with its place."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from switch.errors import ConfigurationError
from switch.ledger.import_columns import Column

PROBLEMS_MAX: Final = 1_000  # a file this wrong is not read to its end
_LINE_BYTES_MAX: Final = 65_536
_COLUMN_NAME: Final = re.compile(r"[a-z_]{1,32}")  # no digits: what is quoted back can never be a card number

Cells: TypeAlias = dict[str, object]
Problem: TypeAlias = tuple[int, str, str]


class ImportFile:
    """The rows of one file. ``problems`` (line, column, reason) grows while `rows` is iterated.

    ``on_progress`` is told the number of bytes read so far, about once per thousand lines.
    """

    def __init__(self, path: Path, columns: Sequence[Column], on_progress: Callable[[int], None]) -> None:
        self.problems: list[Problem] = []
        self.lines = 0
        self._path = path
        self._columns = {column.name: column for column in columns}
        self._on_progress = on_progress

    def rows(self) -> Iterator[tuple[int, Cells]]:
        """Yield each good row with its line number; None is an empty or absent cell.

        Raises `ConfigurationError` where the file cannot be opened.
        """
        try:
            reader = csv.reader(self._text_lines(), strict=True)
            header = self._header(next(reader, []))
            while header:
                line = reader.line_num + 1
                cells = next(reader, None)
                if cells is None or self._too_many():
                    return
                row = self._row(line, header, cells) if cells else None
                if row is not None:
                    self.lines += 1
                    yield line, row
        except csv.Error as error:
            self._note(reader.line_num, "", _plain(error))
        except _Unreadable as unreadable:
            self._note(unreadable.line, "", unreadable.reason)
        except OSError as error:
            raise ConfigurationError(f"{self._path}: cannot be read: {error.strerror}") from None

    def _text_lines(self) -> Iterator[str]:
        done = 0
        with self._path.open("rb") as file:
            number = 0
            while raw := file.readline(_LINE_BYTES_MAX):
                number += 1
                done += len(raw)
                yield _decoded(number, raw)
                if number % 1_000 == 0:
                    self._on_progress(done)
        self._on_progress(done)

    def _header(self, names: list[str]) -> list[Column]:
        """Return the columns in the file's order, or [] (and problems) where the header is not usable."""
        if not set(names) & set(self._columns):
            self._note(1, "", f"is not a header; expected: {', '.join(self._columns)}")
            return []
        for position, name in enumerate(names, 1):
            shown = name if _COLUMN_NAME.fullmatch(name) else ""
            if name not in self._columns:
                self._note(1, shown, f"column {position} is not one of {', '.join(self._columns)}")
            elif names.index(name) != position - 1:
                self._note(1, shown, "stands twice in the header")
        for column in self._columns.values():
            if column.required and column.name not in names:
                self._note(1, column.name, "is required, and not in the header")
        return [] if self.problems else [self._columns[name] for name in names]

    def _row(self, line: int, header: list[Column], cells: list[str]) -> Cells | None:
        if len(cells) != len(header):
            self._note(line, "", f"has {len(cells)} cells where the header has {len(header)}")
            return None
        before = len(self.problems)
        row: Cells = dict.fromkeys(self._columns)
        for column, cell in zip(header, cells, strict=True):
            if cell:
                row[column.name] = self._cell(line, column, cell)
            elif column.required:
                self._note(line, column.name, "must not be empty")
        return row if len(self.problems) == before else None

    def _cell(self, line: int, column: Column, cell: str) -> object:
        try:
            if cell[0].isspace() or cell[-1].isspace():
                raise ValueError("begins or ends with a space")  # noqa: TRY301 - one way to note what is wrong
            return column.read(cell)
        except ValueError as error:
            self._note(line, column.name, str(error))
            return None

    def _too_many(self) -> bool:
        if len(self.problems) < PROBLEMS_MAX:
            return False
        self._note(self.problems[-1][0] + 1, "", "too many problems: from here on the file was not read")
        return True

    def _note(self, line: int, column: str, reason: str) -> None:
        self.problems.append((line, column, reason))


class _Unreadable(Exception):  # noqa: N818 - ends the reading of one file, is never seen outside
    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


def _decoded(number: int, raw: bytes) -> str:
    if len(raw) == _LINE_BYTES_MAX and not raw.endswith(b"\n"):
        raise _Unreadable(number, f"is longer than {_LINE_BYTES_MAX} bytes")
    if b"\0" in raw:
        raise _Unreadable(number, "holds a NUL byte: is this a CSV file in UTF-8?")
    try:
        return raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError:
        raise _Unreadable(number, "is not UTF-8 text") from None


def _plain(error: csv.Error) -> str:
    if "field larger" in str(error) or "unexpected end" in str(error):
        return "a quoted cell does not end"
    return "is not CSV: a quotation mark or a line break stands where none may be"
