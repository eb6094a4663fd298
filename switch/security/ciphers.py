"""DES, Triple DES, AES and SM4 on whole blocks, with the key's schedule made once.

What key management, MACs and PIN blocks are built of. Making a context of the cryptography library takes longer than
using it, so each is made when it is first needed and serves its key for good; it is not for two threads at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES, SM4

DES_BLOCK: Final = 8
AES_BLOCK: Final = 16
"""SM4's too."""

_DES_KEYS: Final = (8, 16, 24)
_CHAINED: Final = {size: modes.CBC(bytes(size)) for size in (DES_BLOCK, AES_BLOCK)}
_ECB: Final = modes.ECB()  # noqa: S305 - single blocks; the protocols built on it chain them


class BlockCipher:
    """One key of one algorithm. Data is always whole blocks; anything else raises ValueError."""

    __slots__ = ("_algorithm", "_chain", "_decrypt", "_encrypt", "_last", "block_bytes")

    def __init__(self, algorithm: TripleDES | AES | SM4, block_bytes: int) -> None:
        self.block_bytes = block_bytes
        self._algorithm = algorithm
        self._encrypt: Callable[[bytes], bytes] | None = None
        self._decrypt: Callable[[bytes], bytes] | None = None
        self._chain: Callable[[bytes], bytes] | None = None
        self._last = b""

    def encrypt(self, data: bytes) -> bytes:
        """Encrypt each block by itself (ECB)."""
        if len(data) % self.block_bytes:
            raise _of_parts(self.block_bytes)
        if self._encrypt is None:
            self._encrypt = Cipher(self._algorithm, _ECB).encryptor().update
        return self._encrypt(data)

    def decrypt(self, data: bytes) -> bytes:
        """Decrypt each block by itself (ECB)."""
        if len(data) % self.block_bytes:
            raise _of_parts(self.block_bytes)
        if self._decrypt is None:
            self._decrypt = Cipher(self._algorithm, _ECB).decryptor().update
        return self._decrypt(data)

    def encrypt_cbc(self, data: bytes, start: bytes | None = None) -> bytes:
        """Encrypt with each block chained to the one before, the first to ``start`` (zeros if not given)."""
        size = self.block_bytes
        if len(data) % size:
            raise _of_parts(size)
        if not data:
            return b""
        chain, self._chain = self._chain, None  # one that fails halfway is not used again
        if chain is None:
            mode = modes.CBC(start) if start else _CHAINED[size]
            chain = Cipher(self._algorithm, mode).encryptor().update
            encrypted = chain(data)
        else:
            # the context chains the first block to the last one of the call before: that is taken out beforehand
            before = xor(self._last, start) if start else self._last
            encrypted = chain(xor(data[:size], before) + data[size:])
        self._last = encrypted[-size:]
        self._chain = chain
        return encrypted

    def __repr__(self) -> str:
        return f"BlockCipher({type(self._algorithm).__name__})"


def des(key: bytes) -> BlockCipher:
    """DES for a key of 8 bytes, Triple DES for one of 16 or 24. Raises ValueError for any other size."""
    if len(key) not in _DES_KEYS:
        raise ValueError(f"a DES key has 8, 16 or 24 bytes, not {len(key)}")
    # all three sizes as three parts: the library takes shorter keys today, and says that it will not tomorrow
    triple = key + key[:DES_BLOCK] if len(key) == 2 * DES_BLOCK else key * (3 * DES_BLOCK // len(key))
    return BlockCipher(TripleDES(triple), DES_BLOCK)


def aes(key: bytes) -> BlockCipher:
    """AES for a key of 16, 24 or 32 bytes. Raises ValueError for any other size."""
    return BlockCipher(AES(key), AES_BLOCK)


def sm4(key: bytes) -> BlockCipher:
    """SM4 (GB/T 32907) for a key of 16 bytes. Raises ValueError for any other size."""
    return BlockCipher(SM4(key), AES_BLOCK)


def xor(left: bytes, right: bytes) -> bytes:
    """Exclusive or of two values of the same size."""
    size = len(left)
    if len(right) != size:
        raise ValueError("both values must have the same size")
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(size, "big")


def _of_parts(block_bytes: int) -> ValueError:
    """Of data that the library would keep the rest of for the next call: one message's bytes in another's."""
    return ValueError(f"the data must be whole blocks of {block_bytes} bytes")
