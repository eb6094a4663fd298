"""The key file of a load or a replay: the terminals' master key, and the MAC key of those that were given none."""

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


NO_KEYS: Final = KeyPair(b"")
"""Of a replay that makes no MACs anew."""


def read_key_pair(path: Path) -> KeyPair:
    """Read a key file, which only its owner may touch (mode 0600).

    It holds 64 hexadecimal digits: the terminals' master key (32), then the MAC key of terminals that were given none
    (32; a single-length one is followed by zeros, zeros alone are none). 32 digits are a master key alone.
    Raises `ConfigurationError`, never with what is in it.
    """
    check_private(path)
    text = path.read_text("latin-1").strip()
    if not _FILE.fullmatch(text):
        raise ConfigurationError(
            f"{path}: wants 64 hexadecimal digits (a master key, then a MAC key), or 32 (the first)"
        )
    data = bytes.fromhex(text)
    master, standing = data[:_MASTER_BYTES], data[_MASTER_BYTES:]
    return KeyPair(master, standing if any(standing) else b"")
