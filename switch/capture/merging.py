"""Several captures as one, in the order of time, however long they are."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

from switch.capture.entry import Entry
from switch.capture.faults import CaptureCut
from switch.capture.files import Head
from switch.capture.source import Source


def merged_head(sources: Sequence[Source]) -> Head:
    """Return the head of the merged capture: tokenised only if all are; a dialect only if all share it."""
    dialects = {source.head.dialect for source in sources}
    return Head(
        dialect=dialects.pop() if len(dialects) == 1 else "",
        tokenised=all(source.head.tokenised for source in sources),
    )


def merged(sources: Sequence[Source], cuts: list[CaptureCut]) -> Iterator[Entry]:
    """Yield all entries by time; of the same time, the earlier source's first.

    Connections are renamed ``1/NAME``, ``2/NAME`` by the source, so that they stay apart. A source that ends in the
    middle of something ends there and is told in ``cuts``; the others go on.
    """
    return heapq.merge(*(_renamed(source, f"{number}/", cuts) for number, source in enumerate(sources, 1)), key=_time)


def _renamed(source: Source, prefix: str, cuts: list[CaptureCut]) -> Iterator[Entry]:
    try:
        for entry in source:
            yield entry._replace(connection=prefix + entry.connection)
    except CaptureCut as cut:
        cuts.append(cut)


def _time(entry: Entry) -> int:
    return entry.at_us
