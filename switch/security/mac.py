"""Message authentication codes as terminals make them, with the key's schedule made once for all messages.

Whatever the algorithm, a MAC is computed over the bytes from the message type to the last byte before the MAC's
own field, the bitmap as it is sent, no length, TPDU or header.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache
from typing import Final, NamedTuple

from switch.errors import PeerError
from switch.security.ciphers import DES_BLOCK, BlockCipher, des, sm4, xor

MAC_BYTES: Final = 8
SINGLE_KEY_BYTES: Final = 8
DOUBLE_KEY_BYTES: Final = 16

_HEX_FROM: Final = 4
"""How many bytes of the MAC are left when it is written in hexadecimal."""


class MacAlgorithm(StrEnum):
    """How the bytes become 8; a key is `single_or_double` for all but SM4, whose key is 16 bytes."""

    ECB = "ecb"  # UnionPay: blocks XORed, the result in hexadecimal encrypted in two steps (DES, Triple DES)
    X9_9 = "x9.9"  # ISO/IEC 9797-1 algorithm 1, padding 1, DES under the first 8 bytes of the key
    X9_19 = "x9.19"  # ISO/IEC 9797-1 algorithm 3, padding 1, DES: the "retail MAC"
    CBC = "cbc"  # ISO/IEC 9797-1 algorithm 1, padding 1, DES or Triple DES under the whole key
    SM4_ECB = "sm4-ecb"  # as ecb, in SM4's blocks of 16 bytes; the first half of the last one is the MAC


class MacOutput(StrEnum):
    """How a MAC of 8 bytes is written in its field of 8 bytes."""

    ASCII8 = "ascii8"  # its first 4 bytes, in upper-case hexadecimal
    RAW8 = "raw8"  # as it is

    def wire(self, mac: bytes) -> bytes:
        """Return the 8 bytes for the field."""
        return mac[:_HEX_FROM].hex().upper().encode() if self is MacOutput.ASCII8 else mac


class MacMethod(NamedTuple):
    """What a dialect, or one terminal of it, has agreed on."""

    algorithm: MacAlgorithm
    output: MacOutput


class MacKey:
    """One key for one algorithm; make it with `mac_key` and keep it. Not for two threads at once."""

    __slots__ = ("algorithm", "compute")

    def __init__(self, algorithm: MacAlgorithm, compute: Callable[[bytes], bytes]) -> None:
        self.algorithm = algorithm
        self.compute = compute
        """The MAC over data: 8 bytes, before they are written as the dialect wants."""

    def __repr__(self) -> str:
        return f"MacKey({self.algorithm})"


def mac_key(algorithm: MacAlgorithm, key: bytes) -> MacKey:
    """Prepare a clear key. Raises ValueError for a size that the algorithm does not take."""
    return MacKey(algorithm, _SCHEMES[algorithm](key))


def verify_mac(key: MacKey, output: MacOutput, data: bytes, received: bytes) -> bytes:
    """Return ``data`` if ``received``, the 8 bytes of the field, is its MAC; compares in constant time.

    Raises `PeerError` if it is not. Hexadecimal in lower case is wrong too: terminals compare characters.
    """
    if not hmac.compare_digest(output.wire(key.compute(data)), received):
        raise PeerError(f"wrong MAC ({key.algorithm}, {output}): another key, or a message altered on its way")
    return data


def single_or_double(key: bytes) -> bytes:
    """Return the 8 or 16 bytes of a DES MAC key that count: 16 whose second half is zero are a single-length key.

    Raises ValueError for any other size.
    """
    if len(key) not in {SINGLE_KEY_BYTES, DOUBLE_KEY_BYTES}:
        raise ValueError(f"a MAC key has 8 or 16 bytes, not {len(key)}")
    return key if any(key[SINGLE_KEY_BYTES:]) else key[:SINGLE_KEY_BYTES]


def retail_mac(left: BlockCipher, whole: BlockCipher) -> Callable[[bytes], bytes]:
    """Return what makes the MACs of `MacAlgorithm.X9_19`, for the ciphers of a key's left half and of all of it.

    DES under the left half chains all blocks but the last. The last takes three steps, under the left half, back under
    the right one and under the left one again, which is Triple DES.
    """

    def compute(data: bytes) -> bytes:
        padded = _filled(data)
        start, last = padded[:-DES_BLOCK], padded[-DES_BLOCK:]
        return whole.encrypt(xor(left.encrypt_cbc(start)[-DES_BLOCK:], last) if start else last)

    return compute


# --- the algorithms: from a clear key to the function that makes its MACs ----------------------------------


def _ecb(key: bytes) -> Callable[[bytes], bytes]:
    return _in_two_steps(des(single_or_double(key)))


def _sm4_ecb(key: bytes) -> Callable[[bytes], bytes]:
    return _in_two_steps(sm4(key))


def _x9_9(key: bytes) -> Callable[[bytes], bytes]:
    return _chained(des(single_or_double(key)[:SINGLE_KEY_BYTES]))


def _x9_19(key: bytes) -> Callable[[bytes], bytes]:
    whole = single_or_double(key)
    if len(whole) == SINGLE_KEY_BYTES:
        return _x9_9(whole)  # decrypting and encrypting under one key again changes nothing
    return retail_mac(des(whole[:SINGLE_KEY_BYTES]), des(whole))


def _cbc(key: bytes) -> Callable[[bytes], bytes]:
    return _chained(des(single_or_double(key)))


def _chained(cipher: BlockCipher) -> Callable[[bytes], bytes]:
    def compute(data: bytes) -> bytes:
        return cipher.encrypt_cbc(_filled(data))[-MAC_BYTES:]

    return compute


def _filled(data: bytes) -> bytes:
    """Padding 1: zeros up to whole blocks, at least one (ISO/IEC 9797-1 clause 6.3.2)."""
    return data + bytes(-len(data) % DES_BLOCK) or bytes(DES_BLOCK)


def _in_two_steps(cipher: BlockCipher) -> Callable[[bytes], bytes]:
    size = cipher.block_bytes
    encrypt = cipher.encrypt

    def compute(data: bytes) -> bytes:
        characters = b"%0*X" % (2 * size, _folded(data, size))
        return encrypt(xor(encrypt(characters[:size]), characters[size:]))[:MAC_BYTES]

    return compute


def _folded(data: bytes, block_bytes: int) -> int:
    """XOR all blocks, the last one filled up with zeros: lay one half over the other until a single block is left."""
    missing = -len(data) % block_bytes
    value = int.from_bytes(data, "big") << 8 * missing
    blocks = (len(data) + missing) // block_bytes
    for bits, mask in _halves(block_bytes, (blocks - 1).bit_length()):
        value = (value >> bits) ^ (value & mask)
    return value


@cache
def _halves(block_bytes: int, doublings: int) -> tuple[tuple[int, int], ...]:
    """The lower half of so many blocks doubled so often, of half of them ... of two: its bits, and a mask of them."""
    widths = [8 * block_bytes << doubled for doubled in reversed(range(doublings))]
    return tuple((bits, (1 << bits) - 1) for bits in widths)


_SCHEMES: Final[Mapping[MacAlgorithm, Callable[[bytes], Callable[[bytes], bytes]]]] = {
    MacAlgorithm.ECB: _ecb,
    MacAlgorithm.X9_9: _x9_9,
    MacAlgorithm.X9_19: _x9_19,
    MacAlgorithm.CBC: _cbc,
    MacAlgorithm.SM4_ECB: _sm4_ecb,
}
