"""Keys as they are stored: each in a TR-31 key block that names its usage and opens under the master key alone.

A key block (ASC X9 TR-31:2018, ANSI X9.143) of version D is a header in clear, the key under AES-256-CBC and an
AES-CMAC over both, so neither the key nor what it is for can be altered. All blocks are equally long: none tells
how long its key is. Clear keys are plain bytes that callers must not keep in anything that shows itself.

The header has one optional block, a label (X9.143 "LB") of 44 characters: the version of the master key in three
digits, a space, and whose key it is, filled up with spaces. What is read from one owner's row must name that owner
(`check_owner`), and that the name is genuine is proven when the block opens. Blocks that were made before there were
labels have none: they are under version 1, and nobody's. `KeyBlocks.again` gives them one.
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
from switch.security.keys import MasterKeys

MASTER_BYTES: Final = 32
CHECK_VALUE_BYTES: Final = 3

OWNER_MAX: Final = 40
"""The longest name of an owner: room for a range of cards with its key's index."""


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
_UNLABELLED: Final = 1
"""The version of the master key that blocks without a label are under."""

# version D, no optional block but our label, whose size is 30 in hexadecimal; hexadecimal in upper case only: in lower
# case a block would be another one that opens as well
_BLOCK: Final = re.compile(
    r"D\d{4}(?P<usage>[A-Z]\d)(?P<algorithm>[A-Z\d])[A-Z]\d\d[A-Z]"
    rf"(?:0000|0100LB30(?P<version>\d{{3}}) (?P<owner>[ -~]{{{OWNER_MAX}}}))[\dA-F]+",
    re.ASCII,
)


class KeyBlocks:
    """Wraps keys under the current master key, unwraps them under any of its versions (AES-256, 32 bytes each).

    ``master`` alone is version 1. Thread-safe; shows nothing of itself.
    """

    __slots__ = ("_current", "_masters")

    def __init__(self, master: MasterKeys | bytes) -> None:
        masters = MasterKeys(_UNLABELLED, {_UNLABELLED: master}) if isinstance(master, bytes) else master
        for key in masters.keys.values():
            if len(key) != MASTER_BYTES:
                raise ValueError(f"the master key has {MASTER_BYTES} bytes, not {len(key)}")
        self._current, self._masters = masters.current, masters.keys

    def wrap(self, usage: KeyUsage, key: bytes, algorithm: KeyAlgorithm = KeyAlgorithm.TDES, owner: str = "") -> str:
        """Return the key block of ``key``: 192 ASCII characters, never twice the same.

        ``owner`` is whose key it is, at most `OWNER_MAX` printable ASCII characters; "" binds it to nobody. Raises
        `ConfigurationError` for another one, and where keys of that usage and algorithm have another size.
        """
        row = _ROWS[usage]
        sizes = row.sizes(algorithm)
        if len(key) not in sizes:
            allowed = " or ".join(map(str, sizes))
            wanted = f"has {allowed} bytes, not {len(key)}" if sizes else "is not supported"
            raise ConfigurationError(f"a key of {usage} for {algorithm.upper()} {wanted}")
        header = tr31.Header("D", row.code, _LETTERS[algorithm], row.mode, "00", "N")
        header.blocks["LB"] = f"{self._current:03d} {_padded(owner)}"
        return tr31.wrap(self._masters[self._current], header, key, _LONGEST_BYTES)

    def unwrap(self, block: str, usage: KeyUsage, algorithm: KeyAlgorithm = KeyAlgorithm.TDES) -> bytes:
        """Return the key in ``block`` if it is one of that usage and algorithm.

        Raises `ConfigurationError` where the block is altered, of another master key, usage or algorithm.
        """
        found = _BLOCK.fullmatch(block)
        if not found:
            raise ConfigurationError(_shut(usage))
        version = _version(found)
        master = self._masters.get(version)
        if master is None:
            raise ConfigurationError(
                f"the key block of {usage} does not open: it is under master key {version}, add that to the key file"
            )
        try:
            _, key = tr31.unwrap(master, block)
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

    def again(self, block: str, usage: KeyUsage, owner: str) -> str | None:
        """Return the block wrapped anew, under the current master key and for its owner; None where it is already.

        Raises `ConfigurationError` where it does not open, or is another's.
        """
        check_owner(block, owner)
        try:
            key = self.unwrap(block, usage, algorithm_of(block))
        except ConfigurationError as error:
            raise ConfigurationError(f"{owner}: {error}") from None
        found = _BLOCK.fullmatch(block)
        if found and found["owner"] == _padded(owner) and _version(found) == self._current:
            return None
        return self.wrap(usage, key, algorithm_of(block), owner)

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


def terminal_owner(terminal_id: str) -> str:
    """Return what a terminal is called in the labels of its keys."""
    return f"terminal {terminal_id}"


def range_owner(prefix: str, key_index: str) -> str:
    """Return what a range of cards, and which of its keys, is called in their labels."""
    return f"cards {prefix} {key_index}".rstrip()


def base_owner(key_set: str) -> str:
    """Return what a key set is called in the label of its base derivation key."""
    return f"key set {key_set}"


def check_owner(block: str, owner: str) -> None:
    """Raise `ConfigurationError` where a key block names another owner: it was moved from where it belongs.

    One that names nobody passes, and text that is no key block: it does not open. This is a look at the label only.
    """
    found = _BLOCK.fullmatch(block)
    named = found["owner"] if found else None
    if named is not None and named.strip() and named != _padded(owner):
        raise ConfigurationError(f"a key kept for {owner} is another's: put the right one in with `switch keys`")


def _padded(owner: str) -> str:
    if len(owner) > OWNER_MAX or not (owner.isascii() and owner.isprintable()):
        raise ConfigurationError(f"a key's owner is named by at most {OWNER_MAX} printable ASCII characters")
    return owner.ljust(OWNER_MAX)


def _version(found: re.Match[str]) -> int:
    return int(found["version"] or _UNLABELLED)


def _shown(whole: bytes) -> str:
    return whole[:CHECK_VALUE_BYTES].hex().upper()


def _shut(usage: KeyUsage) -> str:
    return f"the key block of {usage} does not open: altered, or of another master key"
