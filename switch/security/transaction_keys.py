"""What a base derivation key makes of one key serial number: the keys of one transaction, ready for use (DUKPT).

::

                         Triple DES                             AES
    PIN                  PIN variant, format 0 or 3             PIN encryption, format 4
    MAC of a request     request variant, ISO 9797-1 alg. 3     MAC generation, CMAC
    MAC of its answer    response variant, the same             MAC verification, CMAC

Of a CMAC the first 8 bytes are the MAC. AES keys are as long as the base derivation key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from switch.security import dukpt, dukpt_aes
from switch.security.ciphers import BlockCipher, aes, des
from switch.security.key_blocks import KeyAlgorithm
from switch.security.key_serials import KeySerial
from switch.security.mac import MAC_BYTES, MacAlgorithm, mac_key
from switch.security.pin_blocks import PinBlockError, PinFormat

_KINDS: Final = {
    kind.key_bytes: kind for kind in (dukpt_aes.KeyKind.AES_128, dukpt_aes.KeyKind.AES_192, dukpt_aes.KeyKind.AES_256)
}


_TDES_FORMATS: Final = frozenset({PinFormat.ISO_0, PinFormat.ISO_3})


class TransactionKeys:
    """The keys of one transaction, of a clear base derivation key. Not for two threads at once; shows nothing."""

    __slots__ = ("_is_aes", "_kind", "_ksn", "_transaction")

    def __init__(self, base: bytes, serial: KeySerial) -> None:
        self._is_aes = serial.algorithm is KeyAlgorithm.AES
        self._ksn = serial.ksn
        derive = dukpt_aes if self._is_aes else dukpt
        self._transaction = derive.transaction_key(derive.initial_key(base, serial.ksn), serial.ksn)
        self._kind = _KINDS[len(base)]

    def pin(self, format_digit: str) -> tuple[PinFormat, BlockCipher]:
        """Return the PIN block's format and what opens it: format 4 for AES, whatever the message says.

        Raises `PinBlockError` for format 1: of that one so many blocks open that it does not show who made it.
        """
        if self._is_aes:
            return PinFormat.ISO_4, aes(self._aes_key(dukpt_aes.Purpose.PIN_ENCRYPTION))
        form = PinFormat(format_digit)
        if form not in _TDES_FORMATS:
            raise PinBlockError(f"a PIN block of format {form} does not come under DUKPT")
        return form, des(dukpt.working_key(self._transaction, dukpt.Purpose.PIN))

    def request_mac(self, data: bytes) -> bytes:
        """Return the 8 bytes of a request's MAC."""
        return self._mac(dukpt.Purpose.MAC_REQUEST, dukpt_aes.Purpose.MAC_GENERATION)(data)

    def answer_mac(self, data: bytes) -> bytes:
        """Return the 8 bytes of the MAC of the answer to it."""
        return self._mac(dukpt.Purpose.MAC_RESPONSE, dukpt_aes.Purpose.MAC_VERIFICATION)(data)

    def _mac(self, variant: dukpt.Purpose, purpose: dukpt_aes.Purpose) -> Callable[[bytes], bytes]:
        if not self._is_aes:
            return mac_key(MacAlgorithm.X9_19, dukpt.working_key(self._transaction, variant)).compute
        key = self._aes_key(purpose)

        def compute(data: bytes) -> bytes:
            cmac = CMAC(AES(key))
            cmac.update(data)
            return cmac.finalize()[:MAC_BYTES]

        return compute

    def _aes_key(self, purpose: dukpt_aes.Purpose) -> bytes:
        return dukpt_aes.working_key(self._transaction, self._ksn, purpose, self._kind)

    def __repr__(self) -> str:
        return "TransactionKeys(********)"
