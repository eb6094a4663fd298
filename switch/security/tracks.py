"""Tracks 2 and 3 whose middle is encrypted in place, as UnionPay's terminals send them (53 digit 3 is 1).

Of the packed track (two digits a byte, an odd number filled up with a nibble of 0 on the right) the 8 bytes that end
one byte before the last are one block under the track key; length and everything else stay as they are::

    digits  6200000000000047D30122010000012345
    block                   ----------------         always 16 digits; 2 after it, or 1 where the number is odd

An encrypted block holds any nibble, so the separator may be gone, or there may be several.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from switch.security.ciphers import DES_BLOCK, BlockCipher
from switch.wire.fields import HEX_DIGITS

TRACK_DIGITS_MIN: Final = 17
"""A shorter track has no room for the block before its last byte."""

TRACK2_DIGITS_MAX: Final = 37

_BLOCK_DIGITS: Final = 2 * DES_BLOCK
_TRACK_2: Final = re.compile(
    r"[0-9]{8,19}[D=]"  # card number (ISO/IEC 7812-1), separator
    r"(?:[0-9]{4}|[D=])"  # expiry, or a separator where there is none; a month of 00 is met on cards without end
    r"(?:[0-9]{3}|[D=])"  # service code, likewise
    r"[0-9]*F?"  # the issuer's own; a chip fills the last byte up with F
)


def encrypted_track(cipher: BlockCipher, text: str) -> str:
    """Encrypt the block of a track (upper-case hex digits, ``D`` as separator) under the track key (`ciphers.des`).

    Raises ValueError for a track that is too short, or not of hex digits; never with its contents.
    """
    return _with_block(cipher.encrypt, text)


def opened_track(cipher: BlockCipher, text: str) -> str:
    """Decrypt what `encrypted_track` made; under another key it is rubbish, which `is_plausible_track2` tells.

    Raises ValueError as `encrypted_track` does.
    """
    return _with_block(cipher.decrypt, text)


def is_plausible_track2(text: str) -> bool:
    """Whether this can be track 2 of ISO/IEC 7813 (no sentinels): a card number of 8 to 19 digits comes first.

    Of the blocks that decrypt under a wrong key fewer than one in a thousand pass; the check digit is not looked at.
    """
    return len(text) <= TRACK2_DIGITS_MAX and _TRACK_2.fullmatch(text) is not None


def _with_block(transform: Callable[[bytes], bytes], text: str) -> str:
    if len(text) < TRACK_DIGITS_MIN:
        raise ValueError(f"a track of {len(text)} digits is too short to be encrypted; it takes {TRACK_DIGITS_MIN}")
    end = len(text) - 1 - (len(text) % 2 == 0)
    start = end - _BLOCK_DIGITS
    block = text[start:end]
    if block.strip(HEX_DIGITS):
        raise ValueError(f"digits {start + 1} to {end} of the track are not all hexadecimal")
    return text[:start] + transform(bytes.fromhex(block)).hex().upper() + text[end:]
