"""A key file for load: the terminals' master key, and the MAC key of those whose dialect gives none out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

from switch.errors import ConfigurationError
from switch.security.key_file import check_private

_FILE: Final = re.compile(r"[0-9A-Fa-f]{32}|[0-9A-Fa-f]{64}")
_MASTER_BYTES: Final = 16


class KeyPair(NamedTuple):
    """``standing`` is the MAC key of terminals that were given none, b"" where they send no MACs."""

    master: bytes
    standing: bytes = b""

    def __repr__(self) -> str:
        return "KeyPair(********)"


def read_key_pair(path: Path) -> KeyPair:
    """Read a file that only its owner may touch (mode 0600): 64 hexadecimal digits, or 32 for a master key alone.

    Raises `ConfigurationError`, never with what is in it.
    """
    check_private(path)
    text = path.read_text("latin-1").strip()
    if not _FILE.fullmatch(text):
        raise ConfigurationError(f"{path}: wants 64 hexadecimal digits (a master key and a MAC key), or 32")
    data = bytes.fromhex(text)
    return KeyPair(data[:_MASTER_BYTES], data[_MASTER_BYTES:])
