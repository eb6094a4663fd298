"""Tells a person what bytes look like: the evidence drawn under them, and the listener that would take them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Final, NamedTuple

from switch.config import Address
from switch.wire.codec import Codec
from switch.wire.diagnosis import RECOGNISED, Finding, diagnose
from switch.wire.dialect import Dialect, dialect_names, load_dialect
from switch.wire.doctor import clear_bytes, row_with_caret
from switch.wire.framing import Framing

BIND: Final = Address("127.0.0.1", 8583)

_ROW_BYTES: Final = 16
_ROWS_MAX: Final = 6
_OTHERS_WITHIN: Final = 20
"""A second reading is told where it is so near to the first one in confidence."""

_MARKS: Final = {"length": "LL", "TPDU": "TT", "header": "HH", "MTI": "MM", "bitmap": "BB"}
_LISTENER_KEYS: Final = ("length", "length_includes_itself", "trailer", "trailer_counted", "tpdu", "header_bytes")


class Seen(NamedTuple):
    """Bytes and how they can be read, the best reading first; [] where nothing in them is known."""

    data: bytes
    findings: list[Finding]

    @property
    def is_recognised(self) -> bool:
        return bool(self.findings) and self.findings[0].confidence >= RECOGNISED

    @property
    def others(self) -> list[Finding]:
        """Readings that are nearly as likely as the best."""
        least = max(RECOGNISED, self.findings[0].confidence - _OTHERS_WITHIN) if self.findings else 0
        return [finding for finding in self.findings[1:] if finding.confidence >= least]

    def __repr__(self) -> str:
        """Show everything but the bytes."""
        return f"<Seen {len(self.data)} bytes, {len(self.findings)} readings>"


def all_codecs() -> tuple[Codec, ...]:
    """A codec for each dialect that the switch has."""
    return tuple(Codec(load_dialect(name)) for name in dialect_names())


def look_at(samples: Iterable[bytes], codecs: Sequence[Codec]) -> Seen:
    """Look at several beginnings of what peers said, return the one that can be read best."""
    best = Seen(b"", [])
    for data in samples:
        seen = Seen(data, diagnose(data, codecs))
        if not best.data or (seen.findings and (not best.findings or _order(seen) > _order(best))):
            best = seen
    return best


def _order(seen: Seen) -> tuple[int, bool]:
    return seen.findings[0].confidence, seen.findings[0].is_whole


# --- the bytes --------------------------------------------------------------------------------------------


def head_rows(data: bytes, finding: Finding) -> list[str]:
    """Draw the bytes up to the message's first field, and under each what it is.

    An opaque header is shown only where the message behind it decodes, type and bitmap behind an unusual one too: else
    they might be anything.
    """
    marks: dict[int, tuple[str, bool]] = {}
    for one in finding.evidence:
        is_shown = _is_shown(one.part, finding)
        marks |= dict.fromkeys(range(one.begin, one.end), (_MARKS[one.part], is_shown))
    first, end = min(marks), max(marks) + 1
    rows = []
    for start in range(first - first % _ROW_BYTES, end, _ROW_BYTES)[:_ROWS_MAX]:
        places = range(start, min(start + _ROW_BYTES, len(data)))
        shown = (f"{data[at]:02X}" if marks.get(at, ("", False))[1] else ".." for at in places)
        rows.append(f"{start:04d}  {' '.join(shown)}")
        rows.append(f"      {' '.join(marks.get(at, ('  ', False))[0] for at in places)}".rstrip())
    return rows


def _is_shown(part: str, finding: Finding) -> bool:
    if part == "header":
        return finding.is_whole
    return finding.is_placed or part == "length"


def fault_rows(data: bytes, finding: Finding) -> tuple[str, ...]:
    """Say where the message stops to fit the nearest dialect, with a caret; () where it all fits.

    Of the fields only the byte at the fault may be shown: in another dialect a card number can stand anywhere.
    """
    examination, dialect = finding.examination, finding.dialect
    if examination is None or dialect is None or examination.fault is None:
        return ()
    start, fault = finding.head.at, examination.fault
    at = start + fault.position
    shown = [False] * start + clear_bytes(dialect, examination, finding.cut.stop - start)
    shown += [False] * (len(data) - len(shown))
    clear = [
        is_shown and (place == at or (place < finding.head.end and finding.is_placed))
        for place, is_shown in enumerate(shown)
    ]
    return f"field {fault.field} at byte {at}: {fault.reason}", *row_with_caret(data, clear, at)


# --- the listener -----------------------------------------------------------------------------------------


def listener_toml(finding: Finding, bind: Address = BIND) -> str:
    """Return the ``[[listeners]]`` of a switch.toml that takes these bytes; "" where none can."""
    if finding.framing is None or finding.dialect is None:
        return ""
    dialect = finding.dialect
    lines = [
        "[[listeners]]",
        f'name    = "{dialect.name[:32]}"',
        f'dialect = "{dialect.name}"',
        f'bind    = "{bind}"',
    ]
    changes = _changes(finding.framing, dialect)
    return "\n".join([*lines, "", "[listeners.framing]", *changes] if changes else lines)


def _changes(framing: Framing, dialect: Dialect) -> list[str]:
    """The keys in which a framing is another than its dialect's preset."""
    names = [one.name for one in fields(Framing) if one.name in _LISTENER_KEYS]
    differing = [name for name in names if getattr(framing, name) != getattr(dialect.framing, name)]
    width = max(map(len, differing), default=0)
    return [f"{name:{width}} = {_written(getattr(framing, name))}" for name in differing]


def _written(value: str | bytes | bool | int) -> str:  # noqa: FBT001 - a setting's value, of any kind
    match value:
        case bool():
            return "true" if value else "false"
        case bytes():
            return f'"{value.hex().upper()}"'
        case str():
            return f'"{value}"'
    return str(value)
