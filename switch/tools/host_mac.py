"""MACs of a simulated host: one clear test key for all terminals, by the dialect's usual algorithm.

A real host has a key for each terminal, given out at its sign-on; a simulated one gives out none. It is for clients
that can be set to a fixed key.
"""

from __future__ import annotations

import hmac
import re
from pathlib import Path
from typing import Final

from switch.errors import ConfigurationError
from switch.messages.protected import ProtectedFields
from switch.security.key_file import check_private
from switch.security.mac import MAC_BYTES, MacAlgorithm, MacKey, MacMethod, MacOutput, mac_key
from switch.wire.codec import Fields
from switch.wire.dialect import Dialect

_KEY: Final = re.compile(r"[0-9A-Fa-f]{16}|[0-9A-Fa-f]{32}")
_FIELDS: Final = (64, 128)


class HostMac:
    """Checks the MACs of messages and makes those of answers."""

    def __init__(self, dialect: Dialect, key: MacKey, output: MacOutput) -> None:
        self._protected = ProtectedFields(dialect)
        self._key = key
        self._output = output
        self._size = 2 * MAC_BYTES if self._protected.mac_is_hex else MAC_BYTES

    def found(self, body: bytes, fields: Fields) -> str:
        """``absent``, ``right`` or ``wrong``."""
        if not any(number in fields for number in _FIELDS):
            return "absent"
        return "right" if hmac.compare_digest(self._written(body[: -self._size]), body[-self._size :]) else "wrong"

    def make_room(self, answer: Fields) -> None:
        """Put zeros where the answer's MAC goes."""
        self._protected.make_room_for_mac(answer)

    def sealed(self, body: bytes) -> bytes:
        """Return an encoded answer with its MAC in place of the zeros."""
        data = body[: -self._size]
        return data + self._written(data)

    def _written(self, data: bytes) -> bytes:
        mac = self._output.wire(self._key.compute(data))
        return mac.hex().upper().encode() if self._protected.mac_is_hex else mac


def read_mac(path: Path, dialect: Dialect) -> HostMac:
    """Read the key: 16 or 32 hex digits in a file that only its owner may read. Raises `ConfigurationError`."""
    check_private(path)
    text = path.read_text("latin-1").strip()
    if not _KEY.fullmatch(text):
        raise ConfigurationError(f"{path}: wants 16 or 32 hexadecimal digits and nothing else")
    method = (
        MacMethod(MacAlgorithm.ECB, MacOutput.ASCII8)
        if ProtectedFields(dialect).mac_is_text
        else MacMethod(MacAlgorithm.X9_19, MacOutput.RAW8)
    )
    return HostMac(dialect, mac_key(method.algorithm, bytes.fromhex(text)), method.output)
