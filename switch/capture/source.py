"""What every reader of captures offers, whatever the file is."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from switch.capture.entry import Entry
from switch.capture.files import Head
from switch.capture.losses import Losses
from switch.capture.unpacking import open_unpacked


class Source(Protocol):
    """A stream of entries in the order of time, read once. ``losses`` is complete when the last one was read.

    Iterating raises `switch.capture.faults.CaptureCut` after the last entry of a file that ends in the middle of
    something, and `CaptureFault` where it is broken.
    """

    @property
    def path(self) -> Path:
        """The file that is read."""

    @property
    def head(self) -> Head:
        """What is known of all entries."""

    @property
    def losses(self) -> Losses:
        """What did not become an entry so far."""

    def __iter__(self) -> Iterator[Entry]: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None: ...


class ForeignSource(ABC):
    """A `Source` that makes entries of a file in another format; gzip is unpacked."""

    def __init__(self, path: Path, dialect: str) -> None:
        self.path = path
        self.head = Head(dialect=dialect, made_by="")
        self.losses = Losses()
        self._file: io.BufferedReader = open_unpacked(path)

    @abstractmethod
    def __iter__(self) -> Iterator[Entry]: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._file.close()
