"""Key serial numbers (KSN): which base derivation key, which device, which transaction a derived key is of (DUKPT).

::

    Triple DES, 10 bytes (X9.24-1)    key set, 5 | device, 19 bits | counter, 21 bits; leading FF may be left out
    AES, 12 bytes (X9.24-3)           key set, 4 | device, 4       | counter, 4

The size tells which. Terminals count up from 1 and skip counters with more bits set than 10, or 16.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from switch.errors import PeerError
from switch.security import dukpt, dukpt_aes
from switch.security.key_blocks import KeyAlgorithm

TDES_KEY_SET_BYTES: Final = 5
AES_KEY_SET_BYTES: Final = 4

_TDES_COUNTER_BITS: Final = 21
_AES_COUNTER_BITS: Final = 32
_TDES_LAST: Final = 0x1FF800
_AES_LAST: Final = 0xFFFF0000
"""The highest counters with as few bits as may be set: after them a terminal needs another key."""


class KeySerial(NamedTuple):
    """A key serial number in its parts.

    ``ksn`` is in its full length, ``key_set`` in upper-case hexadecimal; ``device`` is all but the counter, whose bits
    are zero in it where they share a byte. ``last`` is the highest counter that there is.
    """

    algorithm: KeyAlgorithm
    ksn: bytes
    key_set: str
    device: bytes
    counter: int
    last: int


def read_key_serial(data: bytes) -> KeySerial:
    """Read a key serial number. Raises `PeerError` for another size, and for a counter that no terminal sends."""
    if len(data) == dukpt_aes.KSN_BYTES:
        counter = int.from_bytes(data[dukpt_aes.IDENTITY_BYTES :], "big")
        key_set, device = data[:AES_KEY_SET_BYTES], data[: dukpt_aes.IDENTITY_BYTES]
        serial = KeySerial(KeyAlgorithm.AES, data, key_set.hex().upper(), device, counter, _AES_LAST)
        ones_max = dukpt_aes.ONES_MAX
    elif dukpt.KSN_BYTES_MIN <= len(data) <= dukpt.KSN_BYTES:
        ksn = data.rjust(dukpt.KSN_BYTES, b"\xff")
        number = int.from_bytes(ksn, "big")
        counter = number & ((1 << _TDES_COUNTER_BITS) - 1)
        key_set, device = ksn[:TDES_KEY_SET_BYTES], (number ^ counter).to_bytes(dukpt.KSN_BYTES, "big")
        serial = KeySerial(KeyAlgorithm.TDES, ksn, key_set.hex().upper(), device, counter, _TDES_LAST)
        ones_max = dukpt.ONES_MAX
    else:
        raise PeerError(
            f"a key serial number has {dukpt.KSN_BYTES_MIN} to {dukpt.KSN_BYTES} bytes, "
            f"or {dukpt_aes.KSN_BYTES} for AES, not {len(data)}"
        )
    if not 0 < counter.bit_count() <= ones_max:
        raise PeerError("the key serial number's counter is zero, or one that terminals skip")
    return serial
