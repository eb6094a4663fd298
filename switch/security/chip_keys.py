"""The keys of a chip card: its master key, made of its issuer's and its number, and a key for one transaction.

Nothing here sets parity bits: DES ignores them, and no key leaves the switch.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Final

from switch.security.ciphers import DES_BLOCK, BlockCipher, des, xor
from switch.security.mac import retail_mac
from switch.values import Pan

ISSUER_KEY_BYTES: Final = 16
ATC_BYTES: Final = 2

_DIGITS: Final = 16
"""As many of card number and sequence as make one block."""

_BLOCK_BITS: Final = 8 * DES_BLOCK
_ONES: Final = (1 << _BLOCK_BITS) - 1
_LETTERS: Final = str.maketrans("abcdef", "012345")


class KeyOption(StrEnum):
    """How a card's master key is made (EMV Book 2 annex A1.4)."""

    A = "A"  # of the last 16 digits of card number and sequence
    B = "B"  # as A up to 16 digits of card number; of a hash of all digits for longer ones


class SessionKey(StrEnum):
    """How the key of one transaction is made of the card's."""

    BY_VERSION = "by_cvn"  # as the cryptogram version in tag 9F10 says
    CARD = "card"  # it is the card's
    COMMON = "common"  # EMV Book 2 annex A1.3.1
    MASTERCARD = "mastercard"  # as common, of the unpredictable number too (M/Chip's proprietary way)
    UICS = "uics"  # UnionPay: JR/T 0025.7 (PBOC 3.0)


class TransactionKey:
    """The key that one transaction's cryptogram is made and answered with; shows nothing."""

    __slots__ = ("cipher", "mac")

    def __init__(self, key: bytes, cipher: BlockCipher | None = None) -> None:
        self.cipher = cipher or des(key)
        self.mac = retail_mac(des(key[:DES_BLOCK]), self.cipher)

    def __repr__(self) -> str:
        return "TransactionKey()"


class CardKey:
    """A card's master key for cryptograms, its schedule made once; shows nothing. Not for two threads at once."""

    __slots__ = ("_cipher", "_key", "_last", "_last_of", "_own")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._cipher = des(key)
        self._own: TransactionKey | None = None
        self._last: TransactionKey | None = None
        self._last_of: tuple[SessionKey, bytes, bytes] | None = None

    def session(self, kind: SessionKey, atc: bytes, unpredictable: bytes = b"") -> bytes:
        """Return the 16 bytes of one transaction's key.

        ``atc`` is tag 9F36, 2 bytes; ``unpredictable`` is 9F37, 4 bytes, needed for Mastercard's way only. Raises
        ValueError for other sizes.
        """
        if kind is SessionKey.CARD:
            return self._key
        return self._cipher.encrypt(_diversification(kind, atc, unpredictable))

    def transaction(self, kind: SessionKey, atc: bytes = b"", unpredictable: bytes = b"") -> TransactionKey:
        """Return what `session` returns, ready for use; the last one is kept, for what it checked it answers too.

        Until `forget`: what it is made of is taken by the next card's while it is still in the processor's cache.
        """
        if kind is SessionKey.CARD:
            if self._own is None:
                self._own = TransactionKey(self._key, self._cipher)
            return self._own
        wanted = (kind, atc, unpredictable)
        if self._last is None or self._last_of != wanted:
            self._last, self._last_of = TransactionKey(self.session(*wanted)), wanted
        return self._last

    def forget(self) -> None:
        """Keep the last transaction's key no longer: it has been answered."""
        self._last = self._last_of = None

    def __repr__(self) -> str:
        return "CardKey()"


def card_key(issuer_key: bytes, pan: Pan, sequence: str = "00", option: KeyOption = KeyOption.A) -> CardKey:
    """Make the key of one card of an issuer whose master key is ``issuer_key``, 16 bytes.

    ``sequence`` is the two digits of tag 5F34. Raises ValueError for another size of either.
    """
    return CardKey(derived(issuer_cipher(issuer_key), pan, sequence, option))


def issuer_cipher(issuer_key: bytes) -> BlockCipher:
    """Make an issuer's master key ready to derive its cards' keys. Raises ValueError unless it has 16 bytes."""
    if len(issuer_key) != ISSUER_KEY_BYTES:
        raise ValueError(f"an issuer's master key has {ISSUER_KEY_BYTES} bytes, not {len(issuer_key)}")
    return des(issuer_key)


def derived(issuer: BlockCipher, pan: Pan, sequence: str, option: KeyOption) -> bytes:
    """Return the 16 bytes that make one card's `CardKey`. Raises ValueError unless ``sequence`` is two digits."""
    if len(sequence) != 2 or not (sequence.isascii() and sequence.isdigit()):  # noqa: PLR2004 - one byte of digits
        raise ValueError("a card sequence number is two digits")
    digits = pan.reveal()
    is_hashed = option is KeyOption.B and len(digits) > _DIGITS
    block = _hashed(digits + sequence) if is_hashed else (digits + sequence)[-_DIGITS:].zfill(_DIGITS)
    left = int(block, 16)
    return issuer.encrypt((left << _BLOCK_BITS | left ^ _ONES).to_bytes(2 * DES_BLOCK, "big"))


def _hashed(digits: str) -> str:
    """The first 16 decimal digits of a SHA-1, its letters used as 0 to 5 where there are too few (annex A1.4.2)."""
    packed = bytes.fromhex(digits.zfill(len(digits) + len(digits) % 2))
    found = hashlib.sha1(packed).hexdigest()  # noqa: S324 - the standard's; it spreads digits, it protects nothing
    decimals = [digit for digit in found if digit.isdecimal()]
    letters = [digit.translate(_LETTERS) for digit in found if not digit.isdecimal()]
    return "".join([*decimals, *letters][:_DIGITS])


def _diversification(kind: SessionKey, atc: bytes, unpredictable: bytes) -> bytes:
    """The two blocks that the card's key turns into the left and right half of the transaction's."""
    if len(atc) != ATC_BYTES:
        raise ValueError("the transaction counter (tag 9F36) has 2 bytes")
    if kind is SessionKey.UICS:
        return bytes(6) + atc + bytes(6) + xor(atc, b"\xff\xff")
    rest = bytes(5)
    if kind is SessionKey.MASTERCARD:
        if len(unpredictable) != 4:  # noqa: PLR2004 - EMV Book 3 annex A
            raise ValueError("the unpredictable number (tag 9F37) has 4 bytes")
        rest = b"\x00" + unpredictable
    elif kind is not SessionKey.COMMON:
        raise ValueError("the cryptogram version says which key it is made with")
    return atc + b"\xf0" + rest + atc + b"\x0f" + rest
