"""Writes a capture whole or not at all: to a draft beside its place, which takes the place when it is good."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from switch.capture.entry import Entry, Event
from switch.capture.faults import CaptureCut, CaptureFault
from switch.capture.files import CaptureWriter, Head


@dataclass(slots=True)
class Saved:
    """What was written, and the cut at the end of what was read, if there was one."""

    entries: int = 0
    messages: int = 0
    cut: CaptureCut | None = None


class Draft:
    """A file that becomes ``target`` by `keep`; leaving the context without it removes what was written.

    Raises `CaptureFault` where ``target`` exists. What cannot be written is the OSError it is.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f".{secrets.token_hex(4)}-{target.name}")
        self._refuse_existing(exists=target.exists())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.path.unlink(missing_ok=True)

    def keep(self) -> None:
        """Put the draft in its place."""
        try:
            self.target.hardlink_to(self.path)
        except FileExistsError:
            self._refuse_existing(exists=True)

    def _refuse_existing(self, *, exists: bool) -> None:
        if exists:
            raise CaptureFault(self.target, "", "exists; captures are not written over: remove it or name another")


def save(entries: Iterable[Entry], path: Path, head: Head) -> Saved:
    """Write all entries. Where the source ends in the middle of something, what is whole is written and told."""
    saved = Saved()
    with CaptureWriter(path, head) as capture:
        try:
            for entry in entries:
                capture.write(entry)
                saved.entries += 1
                saved.messages += entry.event is Event.FRAME
        except CaptureCut as cut:
            saved.cut = cut
    return saved
