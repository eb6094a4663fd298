"""Keys as they are stored: each in a TR-31 key block that names its usage and opens under the master key alone.

A key block (ASC X9 TR-31:2018, ANSI X9.143) of version D is a header in clear, the key under AES-256-CBC and an
AES-CMAC over both, so neither the key nor what it is for can be altered. All blocks are equally long: none tells
how long its key is. Clear keys are plain bytes that callers must not keep in anything that shows itself.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from psec import tr31

from switch.errors import ConfigurationError
from switch.security.ciphers import AES_BLOCK, des, sm4

MASTER_BYTES: Final = 32
CHECK_VALUE_BYTES: Final = 3


class KeyUsage(StrEnum):
    """What a key is for: it has one purpose."""

    TERMINAL_MASTER = "terminal_master"
    PIN = "pin"
    MAC = "mac"
    TRACK = "track"
    ISSUER_CRYPTOGRAM = "issuer_cryptogram"
    CVK = "cvk"
    PVK = "pvk"
    PIN_NATURAL = "pin_natural"
    BDK = "bdk"


class KeyAlgorithm(StrEnum):
    """What a key is a key of; TDES with a key of 8 bytes is DES."""

    TDES = "tdes"
    AES = "aes"
    SM4 = "sm4"


_LETTERS: Final = {KeyAlgorithm.TDES: "T", KeyAlgorithm.AES: "A", KeyAlgorithm.SM4: "4"}
"""X9.143 table 3, which has no SM4 but leaves digits to private use."""


class _Row(NamedTuple):
    """A usage in X9.143's words (tables 2 and 4), and the sizes in bytes that its keys have by algorithm."""

    code: str
    mode: str
    tdes: tuple[int, ...]
    aes: tuple[int, ...]
    sm4: tuple[int, ...]

    def sizes(self, algorithm: KeyAlgorithm) -> tuple[int, ...]:
        return {KeyAlgorithm.TDES: self.tdes, KeyAlgorithm.AES: self.aes, KeyAlgorithm.SM4: self.sm4}[algorithm]


# M3 is ISO 9797-1 algorithm 3. A MAC key's algorithm is chosen by the dialect, and UnionPay's ECB MAC has no code.
# fmt: off
_ROWS: Final = {
    #                                 code  mode  TDES         AES           SM4
    KeyUsage.TERMINAL_MASTER:   _Row("K0", "B", (16, 24),    (16, 24, 32), (16,)),
    KeyUsage.PIN:               _Row("P0", "B", (8, 16, 24), (16, 24, 32), (16,)),
    KeyUsage.MAC:               _Row("M3", "C", (8, 16, 24), (16, 24, 32), (16,)),
    KeyUsage.TRACK:             _Row("D0", "B", (8, 16, 24), (16, 24, 32), (16,)),
    KeyUsage.ISSUER_CRYPTOGRAM: _Row("E0", "X", (16,),       (16, 24, 32), (16,)),
    KeyUsage.CVK:               _Row("C0", "C", (16,),       (),           ()),
    KeyUsage.PVK:               _Row("V2", "C", (16,),       (),           ()),
    KeyUsage.PIN_NATURAL:       _Row("V1", "C", (8, 16, 24), (),           ()),
    KeyUsage.BDK:               _Row("B0", "X", (16,),       (16, 24, 32), ()),
}
# fmt: on

_USAGES: Final = {row.code: usage for usage, row in _ROWS.items()}
_ALGORITHMS: Final = {letter: algorithm for algorithm, letter in _LETTERS.items()}
_LONGEST_BYTES: Final = 32
# version D, no optional blocks; upper case only: in lower case a block would be another one that opens as well
_BLOCK: Final = re.compile(r"D\d{4}(?P<usage>[A-Z]\d)(?P<algorithm>[A-Z\d])[A-Z]\d\d[A-Z]0000[\dA-F]+", re.ASCII)


class KeyBlocks:
    """Wraps and unwraps keys under one master key (AES-256, 32 bytes). Thread-safe; shows nothing of itself."""

    __slots__ = ("_master",)

    def __init__(self, master: bytes) -> None:
        if len(master) != MASTER_BYTES:
            raise ValueError(f"the master key has {MASTER_BYTES} bytes, not {len(master)}")
        self._master = master

    def wrap(self, usage: KeyUsage, key: bytes, algorithm: KeyAlgorithm = KeyAlgorithm.TDES) -> str:
        """Return the key block of ``key``: 144 ASCII characters, never twice the same.

        Raises `ConfigurationError` where keys of that usage and algorithm have another size.
        """
        row = _ROWS[usage]
        sizes = row.sizes(algorithm)
        if len(key) not in sizes:
            allowed = " or ".join(map(str, sizes))
            wanted = f"has {allowed} bytes, not {len(key)}" if sizes else "is not supported"
            raise ConfigurationError(f"a key of {usage} for {algorithm.upper()} {wanted}")
        header = f"D0000{row.code}{_LETTERS[algorithm]}{row.mode}00N0000"
        return tr31.wrap(self._master, header, key, _LONGEST_BYTES)

    def unwrap(self, block: str, usage: KeyUsage, algorithm: KeyAlgorithm = KeyAlgorithm.TDES) -> bytes:
        """Return the key in ``block`` if it is one of that usage and algorithm.

        Raises `ConfigurationError` where the block is altered, of another master key, usage or algorithm.
        """
        found = _BLOCK.fullmatch(block)
        if not found:
            raise ConfigurationError(_shut(usage))
        try:
            _, key = tr31.unwrap(self._master, block)
        except ValueError:  # its messages quote parts of the block
            raise ConfigurationError(_shut(usage)) from None
        if found["usage"] != _ROWS[usage].code:
            other = _USAGES.get(found["usage"], "no usage known here")
            raise ConfigurationError(f"the key block of {usage} holds a key of {other}")
        if found["algorithm"] != _LETTERS[algorithm]:
            other = _ALGORITHMS.get(found["algorithm"], "no algorithm known here")
            raise ConfigurationError(
                f"the key block of {usage} holds a key for {other.upper()}, not {algorithm.upper()}"
            )
        return key

    @staticmethod
    def check_value(key: bytes, algorithm: KeyAlgorithm = KeyAlgorithm.TDES) -> str:
        """Return the check value of a clear key that may be shown: 6 hex digits in upper case.

        The start of a block of zeros under the key, or for AES of its CMAC (ANSI X9.24-1:2017 annex A). Raises
        ValueError for a size that the algorithm does not have.
        """
        if algorithm is KeyAlgorithm.AES:
            cmac = CMAC(AES(key))
            cmac.update(bytes(AES_BLOCK))
            return _shown(cmac.finalize())
        cipher = des(key) if algorithm is KeyAlgorithm.TDES else sm4(key)
        return _shown(cipher.encrypt(bytes(cipher.block_bytes)))

    def __repr__(self) -> str:
        return "KeyBlocks()"


def algorithm_of(block: str) -> KeyAlgorithm:
    """Return what a key block says its key is for; true once `KeyBlocks.unwrap` has opened it for that.

    Raises `ConfigurationError` for text that is no key block of ours.
    """
    found = _BLOCK.fullmatch(block)
    algorithm = _ALGORITHMS.get(found["algorithm"]) if found else None
    if algorithm is None:
        raise ConfigurationError("a key block is altered, or was not made here")
    return algorithm


def _shown(whole: bytes) -> str:
    return whole[:CHECK_VALUE_BYTES].hex().upper()


def _shut(usage: KeyUsage) -> str:
    return f"the key block of {usage} does not open: altered, or of another master key"
