"""Capture files: JSON lines, the head first, then one line per entry in the order of time; gzip where it is.

The format, version 1 (docs/captures.md)::

    {"switch_capture":1,"dialect":"iso8583-1987-ascii","tokenised":false,"made_by":"switch 0.1.0"}
    {"at_us":1763731200000000,"connection":"1","direction":"to_host","frame":"003530383030..."}
    {"at_us":1763731200250000,"connection":"1","direction":"to_terminal","event":"close"}

Both ways are streams: memory does not grow with the file. Numbers are told by line, contents never.
"""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any, BinaryIO, Final, Self

import orjson

from switch import __version__
from switch.capture.entry import Direction, Entry, Event
from switch.capture.faults import CaptureCut, CaptureFault
from switch.capture.losses import Losses
from switch.capture.unpacking import BUFFER_BYTES, PackedFault, open_unpacked

VERSION: Final = 1
"""The version of the format that is written, and the only one that is read."""

LINE_BYTES_MAX: Final = 1 << 20
"""A line is refused beyond: the longest frame there is (65,535 bytes) takes 131,070 digits."""

_GZIP_LEVEL: Final = 4  # hexadecimal digits: level 9 is six times slower for a twentieth less
_VERSION_KEY: Final = "switch_capture"
_DIRECTIONS: Final = {one.value: one for one in Direction}
_EVENTS: Final = {one.value: one for one in Event}


@dataclass(frozen=True, slots=True)
class Head:
    """What a capture says of itself. ``dialect`` is that of entries that name no other, "" where nobody knows it.

    ``tokenised``: its card numbers are not those that were on the wire. ``made_by`` is for people.
    """

    version: int = VERSION
    dialect: str = ""
    tokenised: bool = False
    made_by: str = f"switch {__version__}"


class CaptureReader:
    """Reads one capture file: its head at once, its entries one by one, once.

    Raises `CaptureFault`: not a capture, an unknown version, or a line that is wrong, named by its number.
    Raises `CaptureCut` after the last whole entry where the file ends in the middle of a line or gzip stream.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.losses = Losses()
        self._file = open_unpacked(path)
        self._number = 0
        try:
            self.head = self._read_head()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def spoken(self, dialect: str) -> Self:
        """Say what is spoken where the capture does not; the entries are of that dialect then."""
        self.head = replace(self.head, dialect=dialect)
        return self

    def close(self) -> None:
        """Close the file. Reading on is an error then."""
        self._file.close()

    def __iter__(self) -> Iterator[Entry]:
        dialect = self.head.dialect
        while True:
            line = self._line()
            if not line:
                return
            try:
                entry = _entry(orjson.loads(line), dialect)
            except (ValueError, KeyError, TypeError, AttributeError):
                if not line.endswith(b"\n") and len(line) < LINE_BYTES_MAX:
                    raise self._cut("the file ends in the middle of this line") from None
                if line.isspace():
                    continue
                raise CaptureFault(self.path, f"line {self._number}", _reason(line)) from None
            yield entry

    def _line(self) -> bytes:
        """Return the next line, b"" at the end."""
        self._number += 1
        try:
            return self._file.readline(LINE_BYTES_MAX)
        except PackedFault as fault:
            raise self._cut(f"{fault} here") from None
        except OSError as error:
            raise CaptureFault(self.path, f"line {self._number}", f"cannot be read: {error.strerror}") from None

    def _cut(self, reason: str) -> CaptureCut:
        return CaptureCut(self.path, f"line {self._number}", reason)

    def _read_head(self) -> Head:
        line = self._line()
        if not line:
            raise CaptureFault(self.path, "", "the file is empty")
        try:
            raw = orjson.loads(line)
        except ValueError:
            raw = None
        if not isinstance(raw, dict) or _VERSION_KEY not in raw:
            raise CaptureFault(self.path, "line 1", f'not the head of a capture ("{_VERSION_KEY}" is missing)')
        version = raw[_VERSION_KEY]
        if version != VERSION or isinstance(version, bool):
            shown = version if isinstance(version, int) else "?"
            raise CaptureFault(self.path, "line 1", f"version {shown} of the format; this program reads {VERSION}")
        dialect, tokenised, made_by = raw.get("dialect", ""), raw.get("tokenised", False), raw.get("made_by", "")
        if not (isinstance(dialect, str) and isinstance(tokenised, bool) and isinstance(made_by, str)):
            raise CaptureFault(self.path, "line 1", "dialect and made_by are texts, tokenised is true or false")
        return Head(VERSION, dialect, tokenised, made_by)


class CaptureWriter:
    """Writes one capture: to a new file, for its owner only (0600), gzip where its name ends in .gz, or to a stream.

    A stream stays open when this closes. Raises `CaptureFault` where the file exists already: a capture is never
    written over another. What fails while writing (a full disk) is the OSError it is.
    """

    def __init__(self, target: Path | BinaryIO, head: Head) -> None:
        self.head = head
        self._owned: list[io.IOBase | IO[bytes]] = []
        self._out: IO[bytes] = self._opened(target) if isinstance(target, Path) else target
        self._out.write(_head_line(head))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def write(self, entry: Entry) -> None:
        """Append one entry. Its dialect is written where it is not the head's."""
        self._out.write(entry_line(entry, self.head.dialect))

    def flush(self) -> None:
        """Hand what was written to the system: readers see every entry so far."""
        self._out.flush()

    def close(self) -> None:
        """Write what is pending and close the file; a stream is flushed and stays open."""
        if not self._owned:
            self._out.flush()
        while self._owned:
            self._owned.pop().close()

    def _opened(self, path: Path) -> IO[bytes]:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise CaptureFault(path, "", "exists; captures are not written over: remove it or name another") from None
        file = os.fdopen(descriptor, "wb", buffering=BUFFER_BYTES)
        self._owned.append(file)
        if path.suffix != ".gz":
            return file
        packed = gzip.GzipFile(filename="", mode="wb", compresslevel=_GZIP_LEVEL, fileobj=file, mtime=0)
        lines = io.BufferedWriter(packed, BUFFER_BYTES)
        self._owned += packed, lines
        return lines


def read_capture(path: Path) -> CaptureReader:
    """Open a capture file. Raises `CaptureFault` for what is none, or of an unknown version."""
    return CaptureReader(path)


def is_capture(first_bytes: bytes) -> bool:
    """Whether a file that begins so (unpacked) is a capture of some version."""
    return first_bytes.lstrip().startswith(f'{{"{_VERSION_KEY}"'.encode())


def entry_line(entry: Entry, head_dialect: str = "") -> bytes:
    """Return the line of an entry, its end included."""
    line: dict[str, int | str] = {
        "at_us": entry.at_us,
        "connection": entry.connection,
        "direction": entry.direction.value,
    }
    if entry.event is not Event.FRAME:
        line["event"] = entry.event.value
    if entry.frame:
        line["frame"] = entry.frame.hex()
    if entry.dialect and entry.dialect != head_dialect:
        line["dialect"] = entry.dialect
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def _head_line(head: Head) -> bytes:
    line = {_VERSION_KEY: head.version, "dialect": head.dialect, "tokenised": head.tokenised, "made_by": head.made_by}
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def _entry(raw: dict[str, Any], dialect: str) -> Entry:
    """Return the entry of a parsed line. Raises ValueError, KeyError, TypeError or AttributeError for a wrong one."""
    at_us, connection = raw["at_us"], raw["connection"]
    if type(at_us) is not int or type(connection) is not str or at_us < 0:
        raise ValueError
    if "event" in raw and raw["event"] != Event.FRAME.value:
        event, frame = _EVENTS[raw["event"]], b""
    else:
        event, frame = Event.FRAME, bytes.fromhex(raw["frame"])
        if not frame:
            raise ValueError
    own = raw.get("dialect", dialect)
    if type(own) is not str:
        raise ValueError
    return Entry(at_us, connection, _DIRECTIONS[raw["direction"]], frame, own, event)


def _reason(line: bytes) -> str:
    if len(line) >= LINE_BYTES_MAX:
        return f"longer than {LINE_BYTES_MAX} bytes"
    try:
        raw = orjson.loads(line)
    except ValueError:
        return "not JSON"
    if not isinstance(raw, dict):
        return "not a JSON object"
    return "not an entry: at_us (0 or more), connection, direction (to_host, to_terminal), frame in hex or event"
