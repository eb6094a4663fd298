"""A device with a key for each transaction (DUKPT): it puts key serial number, PIN block and MAC into messages.

It derives as a terminal's firmware would be told to by the standards, from the published functions and vectors alone
(`switch.security.dukpt`, `dukpt_aes`), not by what the switch itself puts together of them.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from switch.security import dukpt, dukpt_aes
from switch.security.ciphers import aes, des
from switch.security.dukpt_aes import KeyKind
from switch.security.mac import MacAlgorithm, mac_key
from switch.security.pin_blocks import PinFormat, closed
from switch.values import Pan
from switch.wire.codec import Codec, Fields
from switch.wire.dialect import Dialect

TDES_BDK = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
AES_BDK = bytes.fromhex("FEDCBA9876543210F1F1F1F1F1F1F1F1")
TDES_KSN = bytes.fromhex("FFFF9876543210E00000")
AES_KSN = bytes.fromhex("123456789012345600000000")


@dataclass
class Device:
    """One device; ``ksn`` is its latest key serial number, and tells by its size which algorithm it uses."""

    dialect: Dialect
    base: bytes
    ksn: bytes

    @property
    def is_aes(self) -> bool:
        return len(self.ksn) == len(AES_KSN)

    def count(self, by: int = 1) -> None:
        """Go on to another transaction's key."""
        self.ksn = (int.from_bytes(self.ksn, "big") + by).to_bytes(len(self.ksn), "big")

    def under_key(
        self,
        fields: Fields,
        pan: Pan | None = None,
        pin: str = "",
        *,
        has_mac: bool = True,
        form: PinFormat = PinFormat.ISO_0,
    ) -> Fields:
        """The fields with the key serial number, and with what is wanted of PIN block and MAC."""
        serial, out = self.ksn, dict(fields)
        if pan is not None and self.is_aes:
            cipher = aes(self._aes_key(dukpt_aes.Purpose.PIN_ENCRYPTION))
            serial += closed(PinFormat.ISO_4, cipher, pin, pan.reveal(), secrets.token_bytes)
        elif pan is not None:
            cipher = des(self._tdes_key(dukpt.Purpose.PIN))
            out[52] = closed(form, cipher, pin, pan.reveal(), secrets.token_bytes).hex().upper()
        out[int(self.dialect.roles["key_serial"])] = serial.hex().upper()
        return self.maced(out) if has_mac else dict(sorted(out.items()))

    def maced(self, fields: Fields) -> Fields:
        """The fields with their MAC, in the last field that their bitmaps have."""
        number = 128 if max(fields) > 64 else 64
        whole = dict(sorted({**fields, number: "0" * 16}.items()))
        body = Codec(self.dialect).encode(whole)
        field = self.dialect.fields[number]
        data = body[: -16 if field.encoding == "hex" else -8]
        return {**whole, number: self._mac(data, dukpt.Purpose.MAC_REQUEST, dukpt_aes.Purpose.MAC_GENERATION)}

    def has_right_mac(self, body: bytes, fields: Fields) -> bool:
        """Whether an answer's MAC is that of the host under the key of the request's transaction."""
        number = 128 if 128 in fields else 64
        data = body[: -16 if self.dialect.fields[number].encoding == "hex" else -8]
        right = self._mac(data, dukpt.Purpose.MAC_RESPONSE, dukpt_aes.Purpose.MAC_VERIFICATION)
        return fields.get(number) == right

    def _mac(self, data: bytes, variant: dukpt.Purpose, purpose: dukpt_aes.Purpose) -> str:
        if not self.is_aes:
            return mac_key(MacAlgorithm.X9_19, self._tdes_key(variant)).compute(data).hex().upper()
        cmac = CMAC(AES(self._aes_key(purpose)))
        cmac.update(data)
        return cmac.finalize()[:8].hex().upper()

    def _tdes_key(self, variant: dukpt.Purpose) -> bytes:
        initial = dukpt.initial_key(self.base, self.ksn)
        return dukpt.working_key(dukpt.transaction_key(initial, self.ksn), variant)

    def _aes_key(self, purpose: dukpt_aes.Purpose) -> bytes:
        initial = dukpt_aes.initial_key(self.base, self.ksn)
        transaction = dukpt_aes.transaction_key(initial, self.ksn)
        return dukpt_aes.working_key(transaction, self.ksn, purpose, KeyKind.AES_128)
