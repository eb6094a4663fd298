"""A key of its own for each transaction, AES (DUKPT, ANSI X9.24-3:2017), as the host derives it.

A terminal is given an initial key once, made of the base derivation key (BDK) and the terminal's identity. With each
transaction it sends a key serial number (KSN) of 12 bytes: its identity (8, of which 4 name the BDK) and a counter (4).
For each bit that is set in the counter, from the left, one derivation leads on from the initial key; one more, of
the last key, makes a working key for one purpose and one algorithm. Each encrypts 16 bytes that say what it is for::

    version 01 | block 01.. | purpose, 2 | algorithm, 2 | bits of the key, 2 | identity, 8, or its last 4 and counter, 4
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, IntEnum
from typing import Final

from switch.errors import PeerError
from switch.security.ciphers import AES_BLOCK, aes

IDENTITY_BYTES: Final = 8
KSN_BYTES: Final = 12

ONES_MAX: Final = 16
"""Terminals skip counters with more bits set, so that no derivation takes longer."""

_COUNTER_BITS: Final = 32
_DERIVATION: Final = 0x8000
_INITIAL: Final = 0x8001


class Purpose(IntEnum):
    """What a working key is for. The words are the terminal's: it generates, we verify."""

    KEY_ENCRYPTION = 0x0002
    PIN_ENCRYPTION = 0x1000
    MAC_GENERATION = 0x2000
    MAC_VERIFICATION = 0x2001
    MAC_BOTH_WAYS = 0x2002
    DATA_ENCRYPTION = 0x3000
    DATA_DECRYPTION = 0x3001
    DATA_BOTH_WAYS = 0x3002


class KeyKind(Enum):
    """What algorithm a working key is for, and its size in bytes."""

    DES_DOUBLE = (0x0000, 16)
    DES_TRIPLE = (0x0001, 24)
    AES_128 = (0x0002, 16)
    AES_192 = (0x0003, 24)
    AES_256 = (0x0004, 32)

    @property
    def code(self) -> int:
        """The number of the algorithm."""
        return self.value[0]

    @property
    def key_bytes(self) -> int:
        """The size of a key."""
        return self.value[1]


_BY_SIZE: Final[Mapping[int, KeyKind]] = {kind.key_bytes: kind for kind in list(KeyKind)[-3:]}


def initial_key(bdk: bytes, ksn: bytes) -> bytes:
    """Return the key, as long as ``bdk``, that the terminal with this KSN was given; the counter does not matter.

    Raises ValueError unless ``bdk`` has 16, 24 or 32 bytes, `PeerError` for a KSN that has not 12.
    """
    kind = _kind("base derivation", bdk)
    identity, _ = _parts(ksn)
    return _derived(bdk, _INITIAL, kind, identity)


def transaction_key(initial: bytes, ksn: bytes) -> bytes:
    """Return the key, as long as ``initial``, that one transaction's working keys are derived from.

    Raises ValueError unless ``initial`` has 16, 24 or 32 bytes, `PeerError` for a KSN that has not 12 or whose counter
    no terminal sends: zero, or with more than 16 bits set.
    """
    kind = _kind("initial", initial)
    identity, counter = _parts(ksn)
    if not 0 < counter.bit_count() <= ONES_MAX:
        raise PeerError("the key serial number's counter is zero, or one that terminals skip")
    key, reached = initial, 0
    for bit in reversed(range(_COUNTER_BITS)):
        if counter >> bit & 1:
            reached |= 1 << bit
            key = _derived(key, _DERIVATION, kind, _context(identity, reached))
    return key


def working_key(transaction: bytes, ksn: bytes, purpose: Purpose, kind: KeyKind) -> bytes:
    """Return the key for one purpose and algorithm, from the `transaction_key` of the same KSN.

    Raises ValueError unless ``transaction`` has 16, 24 or 32 bytes, and for an AES key longer than it (a derived key is
    no stronger than what it is derived from); `PeerError` for a KSN that has not 12 bytes.
    """
    from_kind = _kind("transaction", transaction)
    if kind.code > from_kind.code:
        raise ValueError(f"a {kind.name} key cannot be derived from one of {len(transaction)} bytes")
    return _derived(transaction, purpose, kind, _context(*_parts(ksn)))


def _derived(key: bytes, purpose: int, kind: KeyKind, context: bytes) -> bytes:
    """Derive a key: as many blocks as it needs, numbered from 1, the rest of the last one cut off."""
    parameters = b"".join(number.to_bytes(2, "big") for number in (purpose, kind.code, 8 * kind.key_bytes))
    blocks = -(-kind.key_bytes // AES_BLOCK)
    data = b"".join(bytes((1, block)) + parameters + context for block in range(1, blocks + 1))
    return aes(key).encrypt(data)[: kind.key_bytes]


def _context(identity: bytes, counter: int) -> bytes:
    return identity[4:] + counter.to_bytes(4, "big")


def _parts(ksn: bytes) -> tuple[bytes, int]:
    if len(ksn) != KSN_BYTES:
        raise PeerError(f"a key serial number of AES has {KSN_BYTES} bytes, not {len(ksn)}")
    return ksn[:IDENTITY_BYTES], int.from_bytes(ksn[IDENTITY_BYTES:], "big")


def _kind(name: str, key: bytes) -> KeyKind:
    kind = _BY_SIZE.get(len(key))
    if kind is None:
        raise ValueError(f"the {name} key has 16, 24 or 32 bytes, not {len(key)}")
    return kind
