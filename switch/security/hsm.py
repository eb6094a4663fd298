"""The port behind which keys and PINs stay: what the switch asks of a hardware security module.

Every key is given as the wrapped key block that the books keep; nothing here takes or returns a clear key, a PIN or a
card verification code, except where an officer puts a key in or takes one out. Answers are values; what is wrong with a
key (altered, another master key) raises `switch.errors.ConfigurationError`, for that is the operator's to mend.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from switch.messages.chip import ChipData
from switch.messages.verdicts import Finding, NewKeys
from switch.security.cryptogram_methods import CryptogramMethod, CryptogramVerdict
from switch.security.key_blocks import KeyAlgorithm, KeyUsage
from switch.security.key_serials import KeySerial
from switch.security.mac import MacMethod
from switch.security.pin_checks import NaturalPin
from switch.security.working_keys import KeyForm
from switch.values import Pan


class PinReference(NamedTuple):
    """What a PIN is held against: the verification value (PVV) under the key of that index (PVKI)."""

    key: str
    pvki: str
    pvv: str

    def __repr__(self) -> str:
        return "PinReference(********)"


class NaturalReference(NamedTuple):
    """What a PIN is held against where it is natural to the card's number: its offset from that, "" for none."""

    key: str
    method: NaturalPin
    offset: str

    def __repr__(self) -> str:
        return "NaturalReference(********)"


class KeptKey(NamedTuple):
    """A key as it may be kept and shown: its check value, and its key block."""

    check_value: str
    block: str


class TransactionKey(NamedTuple):
    """A key made for one transaction (DUKPT): its base derivation key's block and check value, its serial number."""

    base: str
    check_value: str
    serial: KeySerial

    def __repr__(self) -> str:
        return "TransactionKey(********)"


class Hsm(Protocol):
    """What the guard at the door asks. All calls return at once."""

    def authentic(self, blocks: Sequence[str], method: MacMethod, data: bytes, received: bytes) -> str | None:
        """Return the first of the key blocks under which ``received`` (8 bytes) is the MAC of ``data``, or None."""
        ...

    def mac(self, block: str, method: MacMethod, data: bytes) -> bytes:
        """Return the MAC of ``data``: the 8 bytes of its field."""
        ...

    def authentic_under(self, key: TransactionKey, data: bytes, received: bytes) -> TransactionKey | None:
        """Return the transaction's key if ``received`` (8 bytes) is its MAC of the request ``data``, else None."""
        ...

    def answer_mac(self, key: TransactionKey, data: bytes) -> bytes:
        """Return the MAC of the answer in the same transaction: 8 bytes."""
        ...

    def working_keys(self, master: str, form: KeyForm, *, owner: str, double_length_mac: bool) -> NewKeys:
        """Make working keys of their owner's alone, and send them out under the terminal's master key."""
        ...

    def open_track(self, block: str, track: str) -> str:
        """Decrypt a track in place. Raises ValueError for one that is too short."""
        ...

    def check_pin(
        self, block: str, format_digit: str, pin_block: bytes, pan: Pan, reference: PinReference | NaturalReference
    ) -> Finding:
        """Hold the PIN in a PIN block under the terminal's PIN key against what the issuer knows of it."""
        ...

    def check_pin_under(
        self,
        key: TransactionKey,
        format_digit: str,
        pin_block: bytes,
        pan: Pan,
        reference: PinReference | NaturalReference,
    ) -> Finding:
        """As `check_pin`, for a PIN block under the transaction's own key."""
        ...

    def check_code(self, block: str, pan: Pan, expiry_yymm: str, service_code: str, code: str) -> Finding:
        """Hold a card verification code against what the issuer's key makes of card, expiry and service code."""
        ...

    def check_cryptogram(
        self, block: str, method: CryptogramMethod, chip: ChipData, pan: Pan, sequence: str
    ) -> CryptogramVerdict:
        """Hold a chip's cryptogram against what the issuer's key makes of the chip's data.

        ``sequence`` is the card's, two digits (`switch.messages.chip.ChipData.sequence`).
        """
        ...

    def answer_cryptogram(
        self, block: str, method: CryptogramMethod, chip: ChipData, pan: Pan, sequence: str, response_code: bytes
    ) -> bytes:
        """Return tag 91: the issuer's answer to a cryptogram that was right, for this response code."""
        ...


class KeyOffice(Protocol):
    """What security officers ask: keys made, put in and taken out. An ``owner`` is bound into the key block."""

    def generate(self, usage: KeyUsage, *, owner: str) -> KeptKey:
        """Make a new key that nobody has seen."""
        ...

    def put_together(
        self,
        usage: KeyUsage,
        components: Sequence[bytes],
        *,
        owner: str,
        is_demo: bool,
        algorithm: KeyAlgorithm = KeyAlgorithm.TDES,
    ) -> KeptKey:
        """Take a key in as components, each held by another officer.

        Raises `OperatorError` for bad ones, and for a key of the demo's in books that are not a demo's.
        """
        ...

    def take_apart(self, block: str, usage: KeyUsage, count: int) -> list[bytes]:
        """Take a key out as so many components, to be entered into a terminal by as many people."""
        ...
