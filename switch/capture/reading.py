"""Opens whatever holds recorded messages, told apart by its first bytes; the name of a file says nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from switch.capture.faults import CaptureFault
from switch.capture.files import is_capture, read_capture
from switch.capture.hex_lines import HexLines, is_hex_lines
from switch.capture.pcap import is_pcap
from switch.capture.pcap_source import PcapSource
from switch.capture.pcapng import MAGIC
from switch.capture.q2_log import Q2Log, is_q2_log
from switch.capture.source import Source
from switch.capture.unpacking import PackedFault, open_unpacked
from switch.errors import OperatorError
from switch.wire.codec import Codec
from switch.wire.dialect import load_dialect

_LOOK_BYTES: Final = 1 << 16


def read_any(path: Path, dialect: str = "", *, host_port: int = 0) -> Source:
    """Open a capture, pcap, pcapng, jPOS log or hexadecimal lines; use it as a context manager and iterate.

    ``dialect`` is needed where the file does not name its own (pcap, jPOS) and must be the same where it does.
    ``host_port`` picks the connections of a pcap. Raises `CaptureFault` for a file that is none of these, or of
    another dialect; `switch.errors.OperatorError` where the dialect is missing.
    """
    first = _first_bytes(path)
    if is_capture(first):
        return _capture(path, dialect)
    codec = Codec(load_dialect(dialect)) if dialect else None
    if is_pcap(first) or first.startswith(MAGIC):
        return PcapSource(path, _needed(path, codec), host_port, is_pcapng=first.startswith(MAGIC))
    if is_q2_log(first):
        return Q2Log(path, _needed(path, codec))
    if is_hex_lines(first):
        return HexLines(path, codec)
    raise CaptureFault(path, "", "neither a capture nor a pcap, pcapng, jPOS log or lines of hexadecimal digits")


def is_recording(path: Path) -> bool:
    """Whether a file holds recorded messages of any kind that can be read."""
    try:
        first = _first_bytes(path)
    except CaptureFault:
        return False
    return is_capture(first) or is_pcap(first) or first.startswith(MAGIC) or is_q2_log(first) or is_hex_lines(first)


def _first_bytes(path: Path) -> bytes:
    with open_unpacked(path) as file:
        try:
            first = file.peek(_LOOK_BYTES)[:_LOOK_BYTES]
        except PackedFault as fault:
            raise CaptureFault(path, "", str(fault)) from None
        except OSError as error:
            raise CaptureFault(path, "", f"cannot be read: {error.strerror}") from None
    if not first:
        raise CaptureFault(path, "", "the file is empty")
    return first


def _capture(path: Path, dialect: str) -> Source:
    capture = read_capture(path)
    if dialect and capture.head.dialect not in {"", dialect}:
        capture.close()
        raise CaptureFault(path, "", f"a capture of {capture.head.dialect}, not of {dialect}")
    if dialect and not capture.head.dialect:
        load_dialect(dialect)
        return capture.spoken(dialect)
    return capture


def _needed(path: Path, codec: Codec | None) -> Codec:
    if codec is None:
        raise OperatorError(f"{path}: does not say which dialect was spoken; name it with --dialect")
    return codec
