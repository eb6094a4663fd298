"""The base derivation keys (BDK) that terminals' keys for single transactions are derived from, by key set."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from switch.errors import ConfigurationError
from switch.security.hsm import TransactionKey
from switch.security.key_blocks import KeyAlgorithm, algorithm_of, base_owner, check_owner
from switch.security.key_serials import AES_KEY_SET_BYTES, TDES_KEY_SET_BYTES, KeySerial

_HEX: Final = re.compile(r"[\dA-F]+", re.ASCII)
_BY_DIGITS: Final = {2 * TDES_KEY_SET_BYTES: KeyAlgorithm.TDES, 2 * AES_KEY_SET_BYTES: KeyAlgorithm.AES}


class BaseKeyRow(NamedTuple):
    """One key as it is kept."""

    key_set: str
    check_value: str
    block: str


class BaseKeys:
    """All base derivation keys of one moment. Raises `ConfigurationError` for one that is another key set's."""

    def __init__(self, rows: Iterable[BaseKeyRow] = ()) -> None:
        self._keys: dict[str, BaseKeyRow] = {}
        for row in rows:
            check_owner(row.block, base_owner(row.key_set))
            if algorithm_of(row.block) is not key_set_algorithm(row.key_set):
                raise ConfigurationError(f"the base derivation key of key set {row.key_set} is for another algorithm")
            self._keys[row.key_set] = row

    def find(self, serial: KeySerial) -> TransactionKey | None:
        """Return the key that a serial number names; None where its key set is not one of ours."""
        row = self._keys.get(serial.key_set)
        return None if row is None else TransactionKey(row.block, row.check_value, serial)

    def __repr__(self) -> str:
        return f"BaseKeys({len(self._keys)} keys)"


def key_set_algorithm(key_set: str) -> KeyAlgorithm:
    """Return what a key set's keys are for, by the size of its identifier in upper-case hexadecimal.

    Raises `ConfigurationError` for text that identifies none.
    """
    algorithm = _BY_DIGITS.get(len(key_set)) if _HEX.fullmatch(key_set) else None
    if algorithm is None:
        raise ConfigurationError(
            "a key set is named by the first bytes of its key serial numbers: 10 hex digits for Triple DES "
            "(with leading FF where those are left out), 8 for AES"
        )
    return algorithm
