"""Opens a file for reading whether it is packed with gzip or not; what is whole before a cut is handed out first."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Final

from switch.capture.faults import CaptureFault

GZIP_MAGIC: Final = b"\x1f\x8b"

BUFFER_BYTES: Final = 1 << 18

_PACKED_BYTES: Final = 1 << 16
_GZIP: Final = 16 + zlib.MAX_WBITS


class PackedFault(EOFError):  # noqa: N818 - what is wrong with a file, not with us
    """The gzip stream ends early or is damaged here."""


def open_unpacked(path: Path) -> io.BufferedReader:
    """Open a file for reading, unpacking gzip by its magic. Raises `CaptureFault` where it cannot be read.

    Reading raises `PackedFault` where the gzip stream ends early or is damaged, after all that is before.
    """
    try:
        file: io.BufferedReader = io.BufferedReader(io.FileIO(path), BUFFER_BYTES)
    except OSError as error:
        raise CaptureFault(path, "", f"cannot be read: {error.strerror}") from None
    if file.peek(2)[:2] != GZIP_MAGIC:
        return file
    return io.BufferedReader(_Unpacked(file), BUFFER_BYTES)


class _Unpacked(io.RawIOBase):
    """What a gzip file holds, all its members (RFC 1952 clause 2.2). Closes the file beneath it."""

    def __init__(self, packed: io.BufferedReader) -> None:
        self._packed = packed
        self._member: zlib._Decompress | None = zlib.decompressobj(_GZIP)
        self._pending = b""

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._packed.close()
        super().close()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # any buffer; ours comes from BufferedReader
        """Unpack into ``buffer``; 0 at the end of the last member."""
        while True:
            data = self._pending or self._packed.read(_PACKED_BYTES)
            if not data and self._member is None:
                return 0
            if not data:
                raise PackedFault("the gzip stream ends early")
            if self._member is None:
                if not data.startswith(GZIP_MAGIC[: len(data)]):  # padding behind the last member
                    self._pending = b""
                    return 0
                self._member = zlib.decompressobj(_GZIP)
            try:
                unpacked = self._member.decompress(data, len(buffer))
            except zlib.error:
                raise PackedFault("the gzip stream is damaged") from None
            self._pending = self._member.unconsumed_tail
            if self._member.eof:
                self._pending, self._member = self._member.unused_data, None
            if unpacked:
                buffer[: len(unpacked)] = unpacked
                return len(unpacked)
