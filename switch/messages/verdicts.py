"""What security found out about a message before it was decided: values, made by whoever holds the keys.

A verdict carries no secret: the PIN, the code or the key it is about stays behind the HSM port. What has to be exact
(how many wrong PINs there were, whether a chip's counter increased) is judged with the books, not here.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


class Finding(StrEnum):
    """How one check came out."""

    ABSENT = "absent"  # the message carries none
    RIGHT = "right"
    WRONG = "wrong"
    MALFORMED = "malformed"  # it cannot be what it should be: most likely another key
    UNCHECKED = "unchecked"  # carried, but there is no key or no data to hold it against


class NewKeys(NamedTuple):
    """Working keys made for a sign-on: as the terminal gets them, and as they are kept.

    ``delivery`` goes out in DE 62, encrypted under the terminal's master key; ``kept`` has (usage, check value, key
    block) for each.
    """

    delivery: bytes
    kept: tuple[tuple[str, str, str], ...]


class KeyUse(NamedTuple):
    """One use of a key that is good for one transaction (DUKPT), told by its serial number.

    ``base`` is the check value of the base derivation key, ``device`` the serial number without its counter, ``last``
    the highest counter that there is. ``is_shown``: the MAC or the PIN block is under that key, so whoever made the
    message has it; else the number is the sender's word only.
    """

    base: str
    device: bytes
    counter: int
    last: int
    is_shown: bool


class Verdicts(NamedTuple):
    """All that was checked of one request. ``because`` is one English clause about the first thing that is wrong."""

    pin: Finding = Finding.ABSENT
    card_code: Finding = Finding.ABSENT  # as typed (CVN2)
    track_code: Finding = Finding.ABSENT  # on the stripe (CVV), or the chip's image of it (iCVV)
    cryptogram: Finding = Finding.ABSENT
    password: Finding = Finding.ABSENT  # of the terminal's operator
    because: str = ""
    new_keys: NewKeys | None = None
    key_use: KeyUse | None = None

    def __reduce__(self) -> str | tuple[object, ...]:
        """Pickled, `UNCHECKED` stays the one that it is."""
        return "UNCHECKED" if self is UNCHECKED else (Verdicts, tuple(self))


UNCHECKED: Final = Verdicts()
"""Of a request that carries nothing to check."""
