"""Verify the cryptogram of a chip card's payment (ARQC), and answer it (ARPC).

A card proves that it is itself by a MAC over what chip and terminal agreed on: ISO/IEC 9797-1 algorithm 3 with DES
(EMV Book 2 annex A1.2.1), over elements and under a key as `switch.security.cryptogram_methods` has them.
"""

from __future__ import annotations

import hmac
from typing import Final, TypeVar

from switch.messages.chip import ChipData
from switch.messages.verdicts import Finding
from switch.security.chip_keys import ATC_BYTES, CardKey, KeyOption, SessionKey, TransactionKey, card_key
from switch.security.ciphers import DES_BLOCK, xor
from switch.security.cryptogram_methods import (
    Answer,
    CryptogramMethod,
    CryptogramVerdict,
    Padding,
    Recipe,
    malformed,
    message_of,
    recipe_for,
)
from switch.values import Pan

APPROVALS: Final = (b"00", b"10", b"11")
"""Authorisation response codes that a terminal takes for a yes (EMV Book 4 annex A6)."""

STATUS_APPROVED: Final = bytes.fromhex("00820000")
"""Card status update: approved online, offline counters back to zero (EMV Book 3 annex C)."""

STATUS_DECLINED: Final = bytes(4)


def card_key_for(method: CryptogramMethod, issuer_key: bytes, chip: ChipData, pan: Pan, field_23: str = "") -> CardKey:
    """Make the key that this card's cryptograms are checked with; worth keeping per card, sequence and option.

    Raises ValueError if ``issuer_key`` is not 16 bytes.
    """
    return card_key(issuer_key, pan, chip.sequence(field_23), key_option(method, chip))


def key_option(method: CryptogramMethod, chip: ChipData) -> KeyOption:
    """Return how the card's master key is made: Visa's versions 18 and 22 hash long card numbers (option B)."""
    recipe = recipe_for(method, chip)
    return method.option or (recipe.option if isinstance(recipe, Recipe) else KeyOption.A)


def verify_cryptogram(method: CryptogramMethod, key: CardKey, chip: ChipData) -> CryptogramVerdict:
    """Hold tag 9F26 against what the card with this key makes of the other tags; compares in constant time.

    An absent 9F03 counts as zero, as it does for the chip (EMV Book 3 clause 5.4).
    """
    recipe = recipe_for(method, chip)
    return recipe if isinstance(recipe, CryptogramVerdict) else verify_with(recipe, key, chip)


def verify_with(recipe: Recipe, key: CardKey, chip: ChipData) -> CryptogramVerdict:
    """Do what `verify_cryptogram` does, for whoever has the chip's recipe."""
    if not chip.cryptogram:
        return malformed("tag 9F26 is missing")
    message = message_of(recipe, chip)
    if isinstance(message, CryptogramVerdict):
        return message
    transaction = _transaction(recipe.session, key, chip)
    if isinstance(transaction, CryptogramVerdict):
        return transaction
    for padding in recipe.paddings:
        if hmac.compare_digest(transaction.mac(_padded(message, padding)), chip.cryptogram):
            return _RIGHT
    return CryptogramVerdict(Finding.WRONG, "the cryptogram differs")


def make_cryptogram(method: CryptogramMethod, key: CardKey, chip: ChipData) -> bytes:
    """Return the 8 bytes that the card with this key makes: the terminal's side of `verify_cryptogram`.

    Raises ValueError where that would say that something is missing or not supported.
    """
    recipe = _sure(recipe_for(method, chip))
    message, transaction = _sure(message_of(recipe, chip)), _sure(_transaction(recipe.session, key, chip))
    return transaction.mac(_padded(message, recipe.paddings[0]))


def arpc(
    method: CryptogramMethod, key: CardKey, chip: ChipData, response_code: bytes, status: bytes | None = None
) -> bytes:
    """Return the value of tag 91 for a cryptogram that was right.

    ``response_code`` is two characters as the terminal finds them in DE 39 or tag 8A; M/Chip cards read the same two
    bytes as flags. Cards that take a card status update instead get ``status``, 4 bytes: by default the one for yes
    where the code is one of `APPROVALS`, else the one for no. Raises ValueError for other sizes, or for a cryptogram
    that cannot be right.
    """
    return answer_with(_sure(recipe_for(method, chip)), key, chip, response_code, status)


def answer_with(
    recipe: Recipe, key: CardKey, chip: ChipData, response_code: bytes, status: bytes | None = None
) -> bytes:
    """Do what `arpc` does, for whoever has the chip's recipe."""
    if len(response_code) != 2:  # noqa: PLR2004 - EMV Book 3 annex A, tag 8A
        raise ValueError("a response code for the card has 2 bytes")
    if len(chip.cryptogram) != DES_BLOCK:
        raise ValueError("tag 9F26 is missing")
    transaction = _sure(_transaction(recipe.answer_session, key, chip))
    if recipe.answer is Answer.RESPONSE_CODE:
        return transaction.cipher.encrypt(xor(chip.cryptogram, response_code + bytes(6))) + response_code
    update = status if status is not None else STATUS_APPROVED if response_code in APPROVALS else STATUS_DECLINED
    if len(update) != len(STATUS_DECLINED):
        raise ValueError("a card status update has 4 bytes")
    return transaction.mac(_padded(chip.cryptogram + update, Padding.BIT))[:4] + update


# --- the steps ---------------------------------------------------------------------------------------------

_T = TypeVar("_T", bytes, Recipe, TransactionKey)

_RIGHT: Final = CryptogramVerdict(Finding.RIGHT)


def _transaction(kind: SessionKey, key: CardKey, chip: ChipData) -> TransactionKey | CryptogramVerdict:
    if kind is SessionKey.CARD:
        return key.transaction(kind)
    if chip.atc is None:
        return malformed("tag 9F36 is missing")
    if kind is SessionKey.MASTERCARD and not chip.unpredictable:
        return malformed("tag 9F37 is missing")
    return key.transaction(kind, chip.atc.to_bytes(ATC_BYTES, "big"), chip.unpredictable)


def _padded(message: bytes, padding: Padding) -> bytes:
    start = message if padding is Padding.ZEROS else message + b"\x80"
    return start + bytes(-len(start) % DES_BLOCK)


def _sure(found: _T | CryptogramVerdict) -> _T:
    if isinstance(found, CryptogramVerdict):
        raise ValueError(found.reason)  # noqa: TRY004 - it is the value that is wrong
    return found
