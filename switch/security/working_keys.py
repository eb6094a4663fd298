"""A terminal's keys: made, put together from components, named by their check values, and delivered at sign-on.

The terminal's master key (TMK) is entered once, in components. At each sign-on the host makes new working keys and
answers with them in field 62, each encrypted under the TMK::

    form  slots                              one slot
    24    PIN key, MAC key                    8 bytes of key, 4 of check value
    40    PIN key, MAC key                   16 bytes of key, 4 of check value
    60    PIN key, MAC key, track key        16 bytes of key, 4 of check value

A single-length MAC key in a slot of 16 bytes is 8 encrypted bytes and 8 zeros that are not encrypted.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import reduce
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from switch.errors import InternalError, OperatorError, PeerError
from switch.security.ciphers import AES_BLOCK, DES_BLOCK, BlockCipher, des, sm4, xor
from switch.security.key_blocks import KeyAlgorithm
from switch.security.mac import single_or_double

CHECK_VALUE_BYTES: Final = 4
COMPONENTS_MIN: Final = 2
"""One person alone never holds a key."""

_KEY_SIZES: Final = (8, 16, 24)
_AES_KEY_SIZES: Final = (16, 24, 32)
_TRIES_MAX: Final = 8
"""A random key is weak once in 2**52: two in a row say that the source is not random."""

_ODD_PARITY: Final = bytes(byte & 0xFE | (byte >> 1).bit_count() % 2 ^ 1 for byte in range(256))

# fmt: off
_WEAK: Final = frozenset(map(bytes.fromhex, (  # NIST SP 800-67 rev. 2, 3.3.2: weak, then semi-weak
    "0101010101010101", "FEFEFEFEFEFEFEFE", "E0E0E0E0F1F1F1F1", "1F1F1F1F0E0E0E0E",
    "011F011F010E010E", "1F011F010E010E01", "01E001E001F101F1", "E001E001F101F101",
    "01FE01FE01FE01FE", "FE01FE01FE01FE01", "1FE01FE00EF10EF1", "E01FE01FF10EF10E",
    "1FFE1FFE0EFE0EFE", "FE1FFE1FFE0EFE0E", "E0FEE0FEF1FEF1FE", "FEE0FEE0FEF1FEF1",
)))
# fmt: on


class KeyForm(IntEnum):
    """How field 62 of a sign-on's answer is laid out; the value is its length in bytes."""

    SINGLE = 24
    DOUBLE = 40
    DOUBLE_WITH_TRACK = 60

    @property
    def key_bytes(self) -> int:
        """How many bytes a key has in its slot."""
        return 8 if self is KeyForm.SINGLE else 16

    @property
    def with_track(self) -> bool:
        """Whether a track key is among the keys."""
        return self is KeyForm.DOUBLE_WITH_TRACK


FORMS: Final[Mapping[str, KeyForm]] = MappingProxyType(
    {"001": KeyForm.SINGLE, "003": KeyForm.DOUBLE, "004": KeyForm.DOUBLE_WITH_TRACK}
)
"""The form that a sign-on asks for with its network management code (60.3)."""

_LENGTHS: Final = tuple(form.value for form in KeyForm)


@dataclass(frozen=True, slots=True)
class WorkingKeys:
    """The clear keys of one sign-on, 8 or 16 bytes each; ``track_key`` is empty where the form has none."""

    pin_key: bytes = field(repr=False)
    mac_key: bytes = field(repr=False)
    track_key: bytes = field(default=b"", repr=False)


def check_value(key: bytes) -> bytes:
    """Return the first 4 bytes of zeros encrypted under a clear key: DES for 8 bytes, Triple DES for 16 or 24."""
    return des(key).encrypt(bytes(DES_BLOCK))[:CHECK_VALUE_BYTES]


def sm4_check_value(key: bytes) -> bytes:
    """Return the first 4 bytes of zeros encrypted under a clear SM4 key of 16 bytes."""
    return sm4(key).encrypt(bytes(AES_BLOCK))[:CHECK_VALUE_BYTES]


def with_odd_parity(key: bytes) -> bytes:
    """Set the last bit of each byte so that its bits are odd in number; DES does not look at it."""
    return key.translate(_ODD_PARITY)


# --- made -------------------------------------------------------------------------------------------------


def fresh_key(size: int, random: Callable[[int], bytes]) -> bytes:
    """Make a DES key of 8, 16 or 24 bytes with odd parity, never a weak one, out of ``random(size)``.

    Raises `InternalError` if the source gives weak keys only, ValueError for another size.
    """
    if size not in _KEY_SIZES:
        raise ValueError(f"a DES key has 8, 16 or 24 bytes, not {size}")
    for _ in range(_TRIES_MAX):
        key = with_odd_parity(random(size))
        if weakness(key) is None:
            return key
    raise InternalError(f"the source of randomness gave {_TRIES_MAX} weak keys in a row; nothing it gives is random")


def fresh_working_keys(
    form: KeyForm, random: Callable[[int], bytes], *, double_length_mac: bool = False
) -> WorkingKeys:
    """Make all keys of a form. Its MAC key has 8 bytes, unless ``double_length_mac`` and its slot has 16."""
    size = form.key_bytes
    return WorkingKeys(
        pin_key=fresh_key(size, random),
        mac_key=fresh_key(size if double_length_mac else 8, random),
        track_key=fresh_key(size, random) if form.with_track else b"",
    )


def combined(components: Sequence[bytes], algorithm: KeyAlgorithm = KeyAlgorithm.TDES) -> bytes:
    """XOR components of 8, 16 or 24 bytes into the key that no holder of one knows; parity stays as it comes out.

    Those of an AES key have 16, 24 or 32 bytes.

    Raises `OperatorError` saying what is wrong, without the bytes: too few, unequal sizes, one that is all zeros
    (the others would hold the key), or a result that is no good as a key (see `weakness`).
    """
    if len(components) < COMPONENTS_MIN:
        raise OperatorError(f"a key needs at least {COMPONENTS_MIN} components, from as many people")
    is_aes = algorithm is KeyAlgorithm.AES
    sizes = _AES_KEY_SIZES if is_aes else _KEY_SIZES
    for number, component in enumerate(components, 1):
        if len(component) not in sizes:
            allowed = f"{', '.join(map(str, sizes[:-1]))} or {sizes[-1]}"
            raise OperatorError(f"component {number} has {len(component)} bytes; it must have {allowed}")
        if len(component) != len(components[0]):
            raise OperatorError(f"component {number} has {len(component)} bytes, component 1 has {len(components[0])}")
        if not any(component):
            raise OperatorError(f"component {number} is all zeros and adds nothing; enter another")
    key = reduce(xor, components)
    problem = ("" if any(key) else "it is all zeros") if is_aes else weakness(key)
    if problem:
        raise OperatorError(
            f"the components make no good key: {problem}; see that none was entered twice, or start anew"
        )
    return key


def weakness(key: bytes) -> str | None:
    """Say why a DES key of any size must not be used (NIST SP 800-67 rev. 2, 3.3), or None. Parity does not count."""
    if not any(key):
        return "it is all zeros"
    parts = [with_odd_parity(key[at : at + 8]) for at in range(0, len(key), 8)]
    if any(part in _WEAK for part in parts):
        return "a part of it is a weak DES key"
    if any(left == right for left, right in pairwise(parts)):
        return "two parts that follow each other are equal, as good as a shorter key"
    return None


# --- delivered --------------------------------------------------------------------------------------------


def delivery(tmk: bytes, form: KeyForm, pin_key: bytes, mac_key: bytes, track_key: bytes = b"") -> bytes:
    """Return field 62 in this form, each key under the clear ``tmk`` (8, 16 or 24 bytes).

    ``mac_key`` may have 8 bytes in every form. Raises ValueError if the keys do not fit the form.
    """
    if bool(track_key) != form.with_track:
        raise ValueError(f"the form of {form.value} bytes has {'a' if form.with_track else 'no'} track key")
    master = des(tmk)
    slots = [_slot(master, "PIN", pin_key, form), _mac_slot(master, mac_key, form)]
    if form.with_track:
        slots.append(_slot(master, "track", track_key, form))
    return b"".join(slots)


def taken(tmk: bytes, data: bytes) -> WorkingKeys:
    """Return what `delivery` was given, as a terminal with this master key reads it; the length tells the form.

    Raises `PeerError` for a length that no form has, and for a key that does not match its check value, by name.
    """
    if len(data) not in _LENGTHS:
        raise PeerError(f"working keys come in {', '.join(map(str, _LENGTHS))} bytes, not {len(data)}")
    form = KeyForm(len(data))
    master = des(tmk)
    step = form.key_bytes + CHECK_VALUE_BYTES
    slots = [data[at : at + step] for at in range(0, len(data), step)]
    keys = [_opened(master, name, slot) for name, slot in zip(("PIN", "MAC", "track"), slots, strict=False)]
    return WorkingKeys(*keys)


def _slot(master: BlockCipher, name: str, key: bytes, form: KeyForm) -> bytes:
    if len(key) != form.key_bytes:
        raise ValueError(f"the {name} key has {len(key)} bytes; the form of {form.value} bytes takes {form.key_bytes}")
    return master.encrypt(key) + check_value(key)


def _mac_slot(master: BlockCipher, mac_key: bytes, form: KeyForm) -> bytes:
    key = single_or_double(mac_key)
    if len(key) >= form.key_bytes:
        return _slot(master, "MAC", key, form)
    return master.encrypt(key) + bytes(form.key_bytes - len(key)) + check_value(key)


def _opened(master: BlockCipher, name: str, slot: bytes) -> bytes:
    encrypted, check = slot[:-CHECK_VALUE_BYTES], slot[-CHECK_VALUE_BYTES:]
    if name == "MAC":
        encrypted = single_or_double(encrypted)
    key = master.decrypt(encrypted)
    if not hmac.compare_digest(check_value(key), check):
        raise PeerError(f"the {name} key does not match its check value: sent under another master key, or altered")
    return key
