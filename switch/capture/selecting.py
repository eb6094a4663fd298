"""Picks entries of a capture: by time, connection, message type, or the first so many messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from switch.capture.cutting import message_type
from switch.capture.entry import Entry, Event
from switch.capture.spoken import Codecs


@dataclass(frozen=True, slots=True)
class Selection:
    """What is wanted: all that is given must hold. ``since_us`` is within, ``until_us`` is not; empty sets mean any.

    Openings and ends are wanted like the frames of their connection, unless message types are asked for.
    """

    since_us: int = 0
    until_us: int | None = None
    connections: frozenset[str] = frozenset()
    message_types: frozenset[str] = frozenset()
    first: int | None = None


def selected(entries: Iterable[Entry], selection: Selection) -> Iterator[Entry]:
    """Yield the entries that are wanted. Stops reading where no later entry can be."""
    codecs = Codecs()
    frames = 0
    for entry in entries:
        if selection.until_us is not None and entry.at_us >= selection.until_us:
            return
        if entry.at_us < selection.since_us or not _is_wanted(entry, selection, codecs):
            continue
        if entry.event is Event.FRAME:
            frames += 1
            if selection.first is not None and frames > selection.first:
                return
        yield entry


def _is_wanted(entry: Entry, selection: Selection, codecs: Codecs) -> bool:
    if selection.connections and entry.connection not in selection.connections:
        return False
    if not selection.message_types:
        return True
    if entry.event is not Event.FRAME:
        return False
    codec = codecs.of(entry)
    return codec is not None and message_type(codec, entry.frame) in selection.message_types
