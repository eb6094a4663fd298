"""The security module in software: key blocks are opened under the master key, and kept open, ready for use.

What a key block holds is unwrapped once and kept as a schedule; the keys of cards, which are derived, those for card
codes and base derivation keys are kept as text too. Anybody who can read this process's
memory can read the keys: where that matters, a hardware module takes this one's place behind the same port.
"""

from __future__ import annotations

import hmac
import os
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Final, Generic, TypeVar

from switch.errors import OperatorError
from switch.messages.chip import ChipData
from switch.messages.verdicts import Finding, NewKeys
from switch.security.card_codes import check_card_code
from switch.security.chip_keys import CardKey, KeyOption, derived, issuer_cipher
from switch.security.ciphers import BlockCipher, des, xor
from switch.security.cryptogram_methods import CryptogramMethod, CryptogramVerdict, recipe_for
from switch.security.cryptograms import answer_with, verify_with
from switch.security.demo_keys import is_demo_key
from switch.security.hsm import KeptKey, NaturalReference, PinReference, TransactionKey
from switch.security.key_blocks import KeyAlgorithm, KeyBlocks, KeyUsage
from switch.security.key_serials import KeySerial
from switch.security.keys import MasterKeys
from switch.security.mac import MacKey, MacMethod, mac_key
from switch.security.pin_blocks import PinBlockError, PinFormat, opened
from switch.security.pin_checks import check_offset, check_pvv
from switch.security.tracks import opened_track
from switch.security.transaction_keys import TransactionKeys
from switch.security.working_keys import KeyForm, combined, delivery, fresh_key, fresh_working_keys
from switch.values import Pan

READY_MAX: Final = 20_000
"""Keys of one sort kept ready: about 1 KiB each. Beyond, the oldest are unwrapped again when they are needed."""

CARDS_MAX: Final = 4_096
"""Cards' keys kept ready, about 2 KiB each: far more than there are requests at work at a time, whose answers need
them again. Beyond, they are derived again.
"""

TRANSACTIONS_MAX: Final = 1_024
"""Transactions' keys kept ready (DUKPT): far more than are at work at a time, each of which needs them up to thrice."""

_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")

_DOUBLE: Final = 16


class _Ready(Generic[_K, _V]):
    """The last keys that were made ready, at most so many, by ``make``."""

    def __init__(self, make: Callable[[_K], _V], at_most: int = READY_MAX) -> None:
        self._make = make
        self._at_most = at_most
        self._held: OrderedDict[_K, _V] = OrderedDict()

    def __getitem__(self, name: _K) -> _V:
        value = self._held.get(name)
        if value is None:  # made outside an except clause: a key that does not open must not bring its name along
            value = self._held[name] = self._make(name)
            if len(self._held) > self._at_most:
                self._held.popitem(last=False)
        return value


class SoftwareHsm:
    """A `switch.security.hsm.Hsm` and `KeyOffice` under the master keys. For one thread at a time."""

    def __init__(self, master: MasterKeys | bytes, random: Callable[[int], bytes] = os.urandom) -> None:
        self._blocks = KeyBlocks(master)
        self._random = random
        self._macs: _Ready[tuple[str, MacMethod], MacKey] = _Ready(self._mac_key)
        self._masters: _Ready[str, bytes] = _Ready(lambda block: self._blocks.unwrap(block, KeyUsage.TERMINAL_MASTER))
        self._pins: _Ready[str, BlockCipher] = _Ready(lambda block: des(self._blocks.unwrap(block, KeyUsage.PIN)))
        self._tracks: _Ready[str, BlockCipher] = _Ready(lambda block: des(self._blocks.unwrap(block, KeyUsage.TRACK)))
        self._pvks: _Ready[str, BlockCipher] = _Ready(lambda block: des(self._blocks.unwrap(block, KeyUsage.PVK)))
        self._naturals: _Ready[str, BlockCipher] = _Ready(
            lambda block: des(self._blocks.unwrap(block, KeyUsage.PIN_NATURAL))
        )
        self._cvks: _Ready[str, bytes] = _Ready(lambda block: self._blocks.unwrap(block, KeyUsage.CVK))
        self._issuers: _Ready[str, BlockCipher] = _Ready(self._issuer)
        self._cards: _Ready[tuple[str, Pan, str, KeyOption], CardKey] = _Ready(self._card, CARDS_MAX)
        self._bases: _Ready[tuple[str, KeyAlgorithm], bytes] = _Ready(self._base)
        self._transactions: _Ready[tuple[str, KeySerial], TransactionKeys] = _Ready(self._transaction, TRANSACTIONS_MAX)

    # --- messages ------------------------------------------------------------------------------------------

    def authentic(self, blocks: Sequence[str], method: MacMethod, data: bytes, received: bytes) -> str | None:
        for block in blocks:
            if hmac.compare_digest(self.mac(block, method, data), received):
                return block
        return None

    def mac(self, block: str, method: MacMethod, data: bytes) -> bytes:
        return method.output.wire(self._macs[block, method].compute(data))

    def authentic_under(self, key: TransactionKey, data: bytes, received: bytes) -> TransactionKey | None:
        right = self._transactions[key.base, key.serial].request_mac(data)
        return key if hmac.compare_digest(right, received) else None

    def answer_mac(self, key: TransactionKey, data: bytes) -> bytes:
        return self._transactions[key.base, key.serial].answer_mac(data)

    def working_keys(self, master: str, form: KeyForm, *, owner: str, double_length_mac: bool) -> NewKeys:
        keys = fresh_working_keys(form, self._random, double_length_mac=double_length_mac)
        made = [(KeyUsage.PIN, keys.pin_key), (KeyUsage.MAC, keys.mac_key)]
        if keys.track_key:
            made.append((KeyUsage.TRACK, keys.track_key))
        sent = delivery(self._masters[master], form, keys.pin_key, keys.mac_key, keys.track_key)
        return NewKeys(sent, tuple((usage.value, *self._kept(usage, key, owner)) for usage, key in made))

    def open_track(self, block: str, track: str) -> str:
        return opened_track(self._tracks[block], track)

    # --- cards ---------------------------------------------------------------------------------------------

    def check_pin(
        self, block: str, format_digit: str, pin_block: bytes, pan: Pan, reference: PinReference | NaturalReference
    ) -> Finding:
        return self._check_pin(PinFormat(format_digit), self._pins[block], pin_block, pan, reference)

    def check_pin_under(
        self,
        key: TransactionKey,
        format_digit: str,
        pin_block: bytes,
        pan: Pan,
        reference: PinReference | NaturalReference,
    ) -> Finding:
        try:
            form, cipher = self._transactions[key.base, key.serial].pin(format_digit)
        except PinBlockError:
            return Finding.MALFORMED
        return self._check_pin(form, cipher, pin_block, pan, reference)

    def _check_pin(
        self,
        form: PinFormat,
        cipher: BlockCipher,
        pin_block: bytes,
        pan: Pan,
        reference: PinReference | NaturalReference,
    ) -> Finding:
        digits = pan.reveal()
        try:
            pin = opened(form, cipher, pin_block, digits)
        except (PinBlockError, ValueError):  # ValueError: a format whose blocks this key's cipher does not have
            return Finding.MALFORMED
        if isinstance(reference, NaturalReference):
            return check_offset(self._naturals[reference.key], reference.method, digits, pin, reference.offset)
        return check_pvv(self._pvks[reference.key], digits, reference.pvki, pin, reference.pvv)

    def check_code(self, block: str, pan: Pan, expiry_yymm: str, service_code: str, code: str) -> Finding:
        return check_card_code(self._cvks[block], pan.reveal(), expiry_yymm, service_code, code)

    def check_cryptogram(
        self, block: str, method: CryptogramMethod, chip: ChipData, pan: Pan, sequence: str
    ) -> CryptogramVerdict:
        recipe = recipe_for(method, chip)
        if isinstance(recipe, CryptogramVerdict):
            return recipe
        key = self._cards[block, pan, sequence, recipe.option]
        return verify_with(recipe, key, chip)

    def answer_cryptogram(
        self, block: str, method: CryptogramMethod, chip: ChipData, pan: Pan, sequence: str, response_code: bytes
    ) -> bytes:
        recipe = recipe_for(method, chip)
        if isinstance(recipe, CryptogramVerdict):
            raise ValueError(recipe.reason)  # noqa: TRY004 - it is the value that is wrong
        key = self._cards[block, pan, sequence, recipe.option]
        answer = answer_with(recipe, key, chip, response_code)
        key.forget()
        return answer

    # --- officers ------------------------------------------------------------------------------------------

    def generate(self, usage: KeyUsage, *, owner: str) -> KeptKey:
        return self._kept(usage, fresh_key(_DOUBLE, self._random), owner)

    def put_together(
        self,
        usage: KeyUsage,
        components: Sequence[bytes],
        *,
        owner: str,
        is_demo: bool,
        algorithm: KeyAlgorithm = KeyAlgorithm.TDES,
    ) -> KeptKey:
        key = combined(components, algorithm)
        return self.take_in(usage, key, owner=owner, is_demo=is_demo, algorithm=algorithm)

    def take_in(
        self,
        usage: KeyUsage,
        key: bytes,
        *,
        owner: str,
        is_demo: bool,
        algorithm: KeyAlgorithm = KeyAlgorithm.TDES,
    ) -> KeptKey:
        """Take in a clear key as a whole: only the demo does that."""
        if is_demo_key(key) and not is_demo:
            raise OperatorError("this is a key of the demo's, which everybody knows: make one of your own")
        return self._kept(usage, key, owner, algorithm)

    def take_apart(self, block: str, usage: KeyUsage, count: int) -> list[bytes]:
        key = self._blocks.unwrap(block, usage)
        parts = [self._random(len(key)) for _ in range(count - 1)]
        last = key
        for part in parts:
            last = xor(last, part)
        return [*parts, last]

    def _kept(self, usage: KeyUsage, key: bytes, owner: str, algorithm: KeyAlgorithm = KeyAlgorithm.TDES) -> KeptKey:
        return KeptKey(KeyBlocks.check_value(key, algorithm), self._blocks.wrap(usage, key, algorithm, owner))

    def _base(self, name: tuple[str, KeyAlgorithm]) -> bytes:
        block, algorithm = name
        return self._blocks.unwrap(block, KeyUsage.BDK, algorithm)

    def _transaction(self, name: tuple[str, KeySerial]) -> TransactionKeys:
        block, serial = name
        return TransactionKeys(self._bases[block, serial.algorithm], serial)

    def _card(self, name: tuple[str, Pan, str, KeyOption]) -> CardKey:
        block, pan, sequence, option = name
        return CardKey(derived(self._issuers[block], pan, sequence, option))

    def _issuer(self, block: str) -> BlockCipher:
        return issuer_cipher(self._blocks.unwrap(block, KeyUsage.ISSUER_CRYPTOGRAM))

    def _mac_key(self, name: tuple[str, MacMethod]) -> MacKey:
        block, method = name
        return mac_key(method.algorithm, self._blocks.unwrap(block, KeyUsage.MAC))

    def __repr__(self) -> str:
        return "SoftwareHsm()"
