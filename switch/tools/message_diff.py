"""Holds two messages against each other: field by field, subfields and TLV tags too, card data masked unless asked.

What differs is found in the values as they are, so two card numbers that look the same masked are told as different.
Length and bitmap follow from the fields: they are shown with the rest, but make no difference of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from switch.capture.entry import Entry, Event
from switch.capture.faults import CaptureFault
from switch.capture.reading import is_recording, read_any
from switch.errors import OperatorError
from switch.tools.describe import Description, Line, describe_bare, describe_frame, parse_hex
from switch.wire.dialect import Dialect, load_dialect

FILE_BYTES_MAX: Final = 1 << 20
"""A file of one message is smaller; frames are at most 65,535 bytes."""

_FOLLOWING: Final = frozenset({"length", "bitmap"})
_HEAD: Final = ("length", "tpdu", "header", "mti", "bitmap")
_HEX: Final = frozenset(b"0123456789ABCDEFabcdef \t\r\n")
_NUMBER: Final = re.compile("[0-9]{1,12}")

Place = tuple[str, int]
"""A path, and the how-many-th of it: a tag may stand there twice."""


class UnreadableMessage(OperatorError):  # noqa: N818 - an outcome told to a person, not a fault of ours
    """A message cannot be read in its dialect; says which one, where and why, never its bytes."""


@dataclass(frozen=True, slots=True)
class Message:
    """One of the two: how it was named, its bytes, the dialect that it is read in."""

    label: str
    data: bytes = field(repr=False)
    dialect: Dialect = field(repr=False)


@dataclass(frozen=True, slots=True)
class DiffRow:
    """One line of both messages, None where one has none. ``hidden``: what differs is masked, both look the same."""

    path: str
    name: str
    before: str | None = field(repr=False)
    after: str | None = field(repr=False)
    differs: bool
    hidden: bool = False


def read_message(text: str, dialect: str, option: str = "--dialect") -> Message:
    """Return the message that an argument names: hexadecimal digits, ``PATH``, ``@PATH`` or ``PATH#12``.

    A file holds one message, as hexadecimal or as it is; ``#12`` is the twelfth entry of a capture, of whatever kind
    `switch.capture.reading.read_any` knows. Raises `OperatorError`: no such file or entry, no dialect (``option``
    names the one that is missing), or the dialect's own faults.
    """
    if not text.strip():
        raise OperatorError("a message is missing: give it in hexadecimal, as a file or as capture.jsonl#12")
    path, number = _file_named(text)
    if path is None:
        return Message(_short(text), parse_hex(text), _spoken(dialect, option))
    if number is None:
        return Message(str(path), _of_file(path), _spoken(dialect, option))
    entry = _entry(path, number, dialect)
    return Message(f"{path}#{number}", entry.frame, _spoken(dialect or entry.dialect, option))


def diff_messages(before: Message, after: Message, *, unmask: bool = False) -> tuple[DiffRow, ...]:
    """Return all lines of both messages in their order. Raises `UnreadableMessage`."""
    first, second = _Told.of(before), _Told.of(after)
    return tuple(_row(place, first, second, unmask=unmask) for place in _places(first, second, unmask=unmask))


@dataclass(frozen=True, slots=True)
class _Told:
    """A message as its lines: masked, and as they are."""

    masked: Mapping[Place, Line]
    clear: Mapping[Place, Line]

    @classmethod
    def of(cls, message: Message) -> _Told:
        clear = _described(message, unmask=True)
        return cls(_by_place(_described(message, unmask=False).lines), _by_place(clear.lines))

    def shown(self, *, unmask: bool) -> Mapping[Place, Line]:
        return self.clear if unmask else self.masked


def _described(message: Message, *, unmask: bool) -> Description:
    """Describe it as a frame, or else as a message with no length and header."""
    framed = describe_frame(message.data, message.dialect, unmask=unmask)
    if framed.trouble is None:
        return framed
    bare = describe_bare(message.data, message.dialect, unmask=unmask)
    if bare.trouble is None:
        return bare
    raise UnreadableMessage(f"{message.label}: no message of {message.dialect.name}: {framed.trouble.reason}")


def _by_place(lines: Iterable[Line]) -> Mapping[Place, Line]:
    places: dict[Place, Line] = {}
    seen: dict[str, int] = {}
    for line in lines:
        seen[line.path] = seen.get(line.path, 0) + 1
        places[line.path, seen[line.path]] = line
    return places


def _places(first: _Told, second: _Told, *, unmask: bool) -> Iterator[Place]:
    """Yield the places of both in the order of fields; within one, those of the first message come first."""
    places = [*first.shown(unmask=unmask), *second.shown(unmask=unmask)]
    yield from sorted(dict.fromkeys(places), key=lambda place: _field_order(place[0]))


def _field_order(path: str) -> int:
    head = path.partition(".")[0]
    return _HEAD.index(head) - len(_HEAD) if head in _HEAD else int(head)


def _row(place: Place, first: _Told, second: _Told, *, unmask: bool) -> DiffRow:
    path = place[0]
    one, other = first.shown(unmask=unmask), second.shown(unmask=unmask)
    before, after = _value(one, place), _value(other, place)
    looks_different = before != after
    differs = path not in _FOLLOWING and (looks_different or _value(first.clear, place) != _value(second.clear, place))
    return DiffRow(
        path, (one.get(place) or other[place]).name, before, after, differs, hidden=differs and not looks_different
    )


def _value(lines: Mapping[Place, Line], place: Place) -> str | None:
    line = lines.get(place)
    return None if line is None else line.value


# --- where messages come from -----------------------------------------------------------------------------


def _file_named(text: str) -> tuple[Path | None, int | None]:
    """Return the file and the number of the entry that are meant; no file where the text is the message itself."""
    named, at = text.removeprefix("@"), text.startswith("@")
    name, hash_sign, number = named.rpartition("#")
    if hash_sign and _NUMBER.fullmatch(number) and not _is_file(named):
        return Path(name), int(number)
    if at or _is_file(named):
        return Path(named), None
    return None, None


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):  # a long frame is no possible name
        return False


def _of_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise OperatorError(f"{path}: cannot be read: {error.strerror}") from None
    if len(data) <= FILE_BYTES_MAX and data and set(data) <= _HEX:
        return parse_hex(data.decode("ascii"))
    if not data:
        raise OperatorError(f"{path}: the file is empty")
    if len(data) > FILE_BYTES_MAX or is_recording(path):
        raise OperatorError(f"{path}: holds more than one message; name one by its number, like {path.name}#1")
    return data


def _entry(path: Path, number: int, dialect: str) -> Entry:
    with read_any(path, dialect) as source:
        for at, entry in enumerate(source, 1):
            if at == number:
                if entry.event is not Event.FRAME:
                    raise CaptureFault(path, f"entry {number}", f"not a message but the {entry.event} of a connection")
                return entry
    raise CaptureFault(path, f"entry {number}", "there are not so many")


def _spoken(dialect: str, option: str) -> Dialect:
    if not dialect:
        raise OperatorError(f"{option}: which dialect? (a capture may name its own)")
    return load_dialect(dialect)


def _short(text: str) -> str:
    """Name a message that was typed, without showing it."""
    return f"HEX ({len(''.join(text.split())) // 2} bytes)"
