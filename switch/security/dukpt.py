"""A key of its own for each transaction, Triple DES (DUKPT, ANSI X9.24-1:2009), as the host derives it.

A terminal is given an initial key once, made of the base derivation key (BDK) and the terminal's identity. With each
transaction it sends a key serial number (KSN): its identity and, in the last 21 bits, a counter. For each bit that is
set in the counter, from the left, one step leads on from the initial key; no step can be taken back. What comes out is
never used as it is, but in variants, one for each purpose.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from switch.errors import PeerError
from switch.security.ciphers import DES_BLOCK, des, xor

KEY_BYTES: Final = 16
KSN_BYTES: Final = 10
KSN_BYTES_MIN: Final = 8
"""Leading bytes of FF may be left out."""

ONES_MAX: Final = 10
"""Terminals skip counters with more bits set, so that no derivation takes longer (annex A)."""

_COUNTER_BITS: Final = 21
_COUNTER: Final = (1 << _COUNTER_BITS) - 1
_REGISTER: Final = (1 << 8 * DES_BLOCK) - 1
_LEFT_HALF: Final = bytes.fromhex("C0C0C0C000000000C0C0C0C000000000")


class Purpose(StrEnum):
    """What a transaction's key is for; requests come from the terminal, responses from the host."""

    PIN = "pin"
    MAC_REQUEST = "mac_request"  # or both ways, where terminals do so
    MAC_RESPONSE = "mac_response"
    DATA_REQUEST = "data_request"  # or both ways
    DATA_RESPONSE = "data_response"


# fmt: off
_VARIANTS: Final[Mapping[Purpose, bytes]] = {  # annex A.4.1, the same for both halves of the key
    Purpose.PIN:           bytes.fromhex("00000000000000FF") * 2,
    Purpose.MAC_REQUEST:   bytes.fromhex("000000000000FF00") * 2,
    Purpose.MAC_RESPONSE:  bytes.fromhex("00000000FF000000") * 2,
    Purpose.DATA_REQUEST:  bytes.fromhex("0000000000FF0000") * 2,
    Purpose.DATA_RESPONSE: bytes.fromhex("000000FF00000000") * 2,
}
# fmt: on


def initial_key(bdk: bytes, ksn: bytes) -> bytes:
    """Return the key of 16 bytes that the terminal with this KSN was given; the counter does not matter.

    Raises ValueError unless ``bdk`` has 16 bytes, `PeerError` for a KSN of another size than 8 to 10.
    """
    _check_key("base derivation", bdk)
    identity = (_serial(ksn) & ~_COUNTER).to_bytes(KSN_BYTES, "big")[:DES_BLOCK]
    return des(bdk).encrypt(identity) + des(xor(bdk, _LEFT_HALF)).encrypt(identity)


def transaction_key(initial: bytes, ksn: bytes) -> bytes:
    """Return the 16 bytes of one transaction's key, to be used through `working_key` only.

    Raises ValueError unless ``initial`` has 16 bytes, `PeerError` for a KSN whose size is wrong or whose counter no
    terminal sends: zero, or with more than 10 bits set.
    """
    _check_key("initial", initial)
    serial = _serial(ksn)
    counter = serial & _COUNTER
    if not 0 < counter.bit_count() <= ONES_MAX:
        raise PeerError("the key serial number's counter is zero, or one that terminals skip")
    key, register = initial, (serial ^ counter) & _REGISTER
    for bit in reversed(range(_COUNTER_BITS)):
        if counter >> bit & 1:
            register |= 1 << bit
            key = _next(key, register.to_bytes(DES_BLOCK, "big"))
    return key


def working_key(transaction: bytes, purpose: Purpose) -> bytes:
    """Return the 16 bytes of the key for one purpose. Raises ValueError unless ``transaction`` has 16 bytes."""
    _check_key("transaction", transaction)
    key = xor(transaction, _VARIANTS[purpose])
    if purpose in {Purpose.DATA_REQUEST, Purpose.DATA_RESPONSE}:
        return des(key).encrypt(key)  # one more step that cannot be taken back: data are seen in clear
    return key


def _next(key: bytes, register: bytes) -> bytes:
    """The step that leads from one key to the next ("non-reversible key generation process")."""
    return _half(xor(key, _LEFT_HALF), register) + _half(key, register)


def _half(key: bytes, register: bytes) -> bytes:
    left, right = key[:DES_BLOCK], key[DES_BLOCK:]
    return xor(des(left).encrypt(xor(register, right)), right)


def _serial(ksn: bytes) -> int:
    if not KSN_BYTES_MIN <= len(ksn) <= KSN_BYTES:
        raise PeerError(f"a key serial number has {KSN_BYTES_MIN} to {KSN_BYTES} bytes, not {len(ksn)}")
    return int.from_bytes(ksn.rjust(KSN_BYTES, b"\xff"), "big")


def _check_key(name: str, key: bytes) -> None:
    if len(key) != KEY_BYTES:
        raise ValueError(f"the {name} key has {KEY_BYTES} bytes, not {len(key)}")
