"""The files of one recording, one after the other: their names, when the next is begun, and how each is closed.

A file whose cards were replaced is called ``unproven-NAME`` until it was read once more and no card of before was
found; otherwise it becomes ``NAME.untrusted``. Each is flushed every second (by whoever calls `flush`) and forced to
the disk when it is closed.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from switch.capture.entry import Entry
from switch.capture.faults import CaptureFault
from switch.capture.files import CaptureWriter, Head

Prove = Callable[[Path], Counter[str]]
"""Looks through a file for what must not be in it, and says what is, by form."""

_WEIGHED_EVERY: Final = 256
"""Entries between two looks at a file's size."""

_NUMBERS_MAX: Final = 9999
_MICROSECONDS: Final = 1_000_000


class RotatingCapture:
    """Writes entries to the current file. ``prove`` is None where nothing is promised.

    Raises `CaptureFault` for a file that exists or a folder that does not, OSError for a full disk.
    """

    def __init__(self, path: Path, head: Head, rotate_bytes: int = 0, prove: Prove | None = None) -> None:
        self._path = path
        self._head = head
        self._rotate_bytes = rotate_bytes
        self._prove = prove
        self._unweighed = 0
        self._number = 0
        self._writer: CaptureWriter | None = None
        self._final = self._draft = path
        self.unfinished = ""
        """The file that could not be closed, "" where none."""
        self.files: list[str] = []
        self.untrusted: list[str] = []
        self.forms: Counter[str] = Counter()

    @property
    def is_due(self) -> bool:
        """Whether the current file is long enough; looks every few hundred entries."""
        if not self._rotate_bytes or self._unweighed < _WEIGHED_EVERY or self._writer is None:
            return False
        self._unweighed = 0
        return self._draft.stat().st_size >= self._rotate_bytes

    def open(self, at_us: int) -> None:
        """Begin the next file; its name has the time where files rotate."""
        final = self._next_name(at_us)
        draft = final.with_name(f"unproven-{final.name}") if self._prove else final
        if final.exists():
            raise CaptureFault(final, "", "exists; captures are not written over: remove it or name another")
        try:
            self._writer = CaptureWriter(draft, self._head)
            self._writer.flush()
        except OSError as error:
            raise CaptureFault(final, "", f"cannot be written: {error.strerror}") from None
        self._final, self._draft = final, draft

    def write(self, entry: Entry) -> None:
        """Append an entry to the current file."""
        assert self._writer is not None
        self._writer.write(entry)
        self._unweighed += 1

    def flush(self) -> None:
        """Hand what was written to the system."""
        if self._writer is not None:
            self._writer.flush()

    def close(self) -> None:
        """Close the current file, force it to the disk, and prove it where that was promised."""
        if self._writer is None:
            return
        writer, self._writer = self._writer, None
        self.unfinished = str(self._draft)
        writer.close()
        _force(self._draft)
        self.unfinished = ""
        if self._prove is not None:
            forms = self._prove(self._draft)
            if forms:
                aside = self._final.with_name(f"{self._final.name}.untrusted")
                self._draft.rename(aside)
                self.forms += forms
                self.untrusted.append(str(aside))
                return
            self._draft.rename(self._final)
        self.files.append(str(self._final))

    def _next_name(self, at_us: int) -> Path:
        self._number += 1
        if not self._rotate_bytes and self._number == 1:
            return self._path
        stem, dot, endings = self._path.name.partition(".")
        time = datetime.fromtimestamp(at_us // _MICROSECONDS, UTC).strftime("%Y%m%dT%H%M%SZ")
        while True:
            name = f"{stem}-{time}-{self._number:04d}{dot}{endings}"
            taken = (name, f"unproven-{name}", f"{name}.untrusted")
            if self._number >= _NUMBERS_MAX or not any(self._path.with_name(one).exists() for one in taken):
                return self._path.with_name(name)
            self._number += 1


def _force(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
