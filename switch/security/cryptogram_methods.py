"""Which elements, keys and padding a card's cryptograms are made with: what its scheme's versions say, or what is set.

The version is in tag 9F10, so it is the sender's word: what we do not know is never taken for right.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from switch.messages.chip import ChipData
from switch.messages.issuer_data import Scheme, read_issuer_data
from switch.messages.verdicts import Finding
from switch.security.chip_keys import KeyOption, SessionKey

CVR: Final = "CVR"
"""Element: the card verification results in tag 9F10."""

COUNTERS: Final = "COUNTERS"
"""Element: what follows Mastercard's data authentication code in tag 9F10."""


class Padding(StrEnum):
    """What fills up the last block (ISO/IEC 9797-1 clause 6.3)."""

    ZEROS = "iso9797-1"  # method 1
    BIT = "iso9797-2"  # method 2: 80, then zeros
    EITHER = "either"  # the version's own, and the other one if that does not match


class Answer(StrEnum):
    """What the ARPC covers besides the ARQC (EMV Book 2 clause 8.2)."""

    RESPONSE_CODE = "method-1"  # tag 91 is ARPC (8) and response code (2)
    CARD_STATUS = "method-2"  # tag 91 is ARPC (4) and card status update (4)


@dataclass(frozen=True, slots=True)
class CryptogramMethod:
    """How the cards of one range make cryptograms. What is "", empty or None is as the cryptogram version says.

    ``elements`` are tags in upper-case hex, `CVR` or `COUNTERS`, in order. A version that is not known needs a
    ``session`` other than by version, and ``elements``.
    """

    scheme: Scheme
    session: SessionKey = SessionKey.BY_VERSION
    elements: tuple[str, ...] = ()
    padding: Padding | None = None
    option: KeyOption | None = None
    answer: Answer | None = None


class CryptogramVerdict(NamedTuple):
    """How a cryptogram came out; ``reason`` is one English clause, "" where it is right. True if it is right.

    `Finding.UNCHECKED` is a version or algorithm that we do not know: never a yes, for the version is the sender's.
    """

    finding: Finding
    reason: str = ""

    @property
    def is_right(self) -> bool:
        return self.finding is Finding.RIGHT

    def __bool__(self) -> bool:
        return self.is_right


def read_method(scheme: Scheme, text: str = "") -> CryptogramMethod:
    """Read a method as it is configured: the scheme's own, and what ``text`` says otherwise.

    Like ``session=common padding=either option=B answer=method-1 elements=9F02,9F03,CVR``. Raises ValueError naming
    the part that is wrong.
    """
    given: dict[str, str] = {}
    for part in text.split():
        name, found, value = part.partition("=")
        if not found or name not in _SETTINGS:
            raise ValueError(f"{part!r} is none of {'=, '.join(_SETTINGS)}=")
        given[name] = value
    elements = tuple(filter(None, given.get("elements", "").split(",")))
    for element in elements:
        if element not in {CVR, COUNTERS} and not _TAG.fullmatch(element):
            raise ValueError(f"{element!r} is no element: a tag in upper-case hex, {CVR} or {COUNTERS}")
    return CryptogramMethod(
        scheme,
        SessionKey(given.get("session", SessionKey.BY_VERSION)),
        elements,
        Padding(given["padding"]) if "padding" in given else None,
        KeyOption(given["option"]) if "option" in given else None,
        Answer(given["answer"]) if "answer" in given else None,
    )


_ZERO_IF_ABSENT: Final[Mapping[str, bytes]] = {"9F03": bytes(6)}
"""A terminal that has no other amount gives zeros to the chip (EMV Book 3 clause 5.4), and some leave it out here."""


class Recipe(NamedTuple):
    """A method made definite for one cryptogram; ``paddings`` in the order to try them.

    ``known`` are the elements that are no tags of their own, and what stands for a tag that is not there.
    """

    session: SessionKey
    elements: tuple[str, ...]
    paddings: tuple[Padding, ...]
    option: KeyOption
    answer: Answer
    answer_session: SessionKey
    known: Mapping[str, bytes] = _ZERO_IF_ABSENT


_REMEMBERED: Final = 1024
"""Recipes kept: the chips of a range say much the same in tag 9F10, but for those that count there."""


def recipe_for(method: CryptogramMethod, chip: ChipData) -> Recipe | CryptogramVerdict:
    """Return what the version in tag 9F10 says with what the method says otherwise, or why there is no such thing."""
    return _recipe(method, chip.issuer_data)


@lru_cache(_REMEMBERED)
def _recipe(method: CryptogramMethod, issuer_data: bytes) -> Recipe | CryptogramVerdict:
    parts = read_issuer_data(issuer_data, method.scheme)
    if parts and parts.algorithm not in _TRIPLE_DES:
        return CryptogramVerdict(Finding.UNCHECKED, f"cryptogram algorithm {parts.algorithm:02X} is not supported")
    recipe = _definite(method, parts.version if parts else None)
    if recipe is not None:
        own = {CVR: parts.results, COUNTERS: parts.counters} if parts else {}
        return recipe._replace(known={**_ZERO_IF_ABSENT, **own})
    if parts:
        return CryptogramVerdict(Finding.UNCHECKED, f"cryptogram version {parts.version:02X} is not supported")
    return malformed(f"tag 9F10 is not laid out as {method.scheme} does it" if issuer_data else _missing("9F10"))


def message_of(recipe: Recipe, chip: ChipData) -> bytes | CryptogramVerdict:
    """Return the bytes that a cryptogram covers, not padded yet, or the verdict that one of them is missing."""
    said, known = chip.tags.get, recipe.known.get
    found = [said(element) or known(element, b"") for element in recipe.elements]
    if all(found):
        return b"".join(found)
    return malformed(_missing(recipe.elements[found.index(b"")]))


def malformed(reason: str) -> CryptogramVerdict:
    """Return the verdict on chip data that no cryptogram can belong to."""
    return CryptogramVerdict(Finding.MALFORMED, reason)


# --- what the versions say ---------------------------------------------------------------------------------

_SETTINGS: Final = ("session", "padding", "option", "answer", "elements")
_TAG: Final = re.compile(r"(?:[0-9A-F]{2}){1,4}")

_TRIPLE_DES: Final = (None, 0x00, 0x01)
"""UnionPay's algorithm flags that mean nothing else; 04 is SM4."""

_BASIC: Final = ("9F02", "9F03", "9F1A", "95", "5F2A", "9A", "9C", "9F37", "82", "9F36")
"""The minimum set (EMV Book 2 clause 8.1.1)."""

_WITH_CVR: Final = (*_BASIC, CVR)
_WITH_COUNTERS: Final = (*_BASIC, CVR, COUNTERS)
_WITH_ALL: Final = (*_BASIC, "9F10")

_ZEROS: Final = (Padding.ZEROS,)
_BIT: Final = (Padding.BIT,)

_CARD, _COMMON, _OWN, _UICS = SessionKey.CARD, SessionKey.COMMON, SessionKey.MASTERCARD, SessionKey.UICS
_CODE, _STATUS = Answer.RESPONSE_CODE, Answer.CARD_STATUS
_A, _B = KeyOption.A, KeyOption.B

# fmt: off
_RECIPES: Final = {
    # scheme and version              key      elements        padding card key  answer   its key
    (Scheme.VISA,       0x0A): Recipe(_CARD,   _WITH_CVR,      _ZEROS, _A,       _CODE,   _CARD),
    (Scheme.VISA,       0x12): Recipe(_COMMON, _WITH_ALL,      _BIT,   _B,       _STATUS, _COMMON),
    (Scheme.VISA,       0x22): Recipe(_COMMON, _WITH_ALL,      _BIT,   _B,       _STATUS, _COMMON),
    (Scheme.MASTERCARD, 0x10): Recipe(_OWN,    _WITH_CVR,      _BIT,   _A,       _CODE,   _CARD),
    (Scheme.MASTERCARD, 0x11): Recipe(_OWN,    _WITH_COUNTERS, _BIT,   _A,       _CODE,   _CARD),
    (Scheme.MASTERCARD, 0x14): Recipe(_COMMON, _WITH_CVR,      _BIT,   _A,       _CODE,   _COMMON),
    (Scheme.MASTERCARD, 0x15): Recipe(_COMMON, _WITH_COUNTERS, _BIT,   _A,       _CODE,   _COMMON),
    (Scheme.UNIONPAY,   0x01): Recipe(_UICS,   _WITH_CVR,      _BIT,   _A,       _CODE,   _UICS),
}
# fmt: on
"""Visa's versions 10 and 18 (VIS 1.5) and 22, which is written in hexadecimal (VIS 1.6); Mastercard's 16, 17, 20 and 21
(M/Chip 4, M/Chip Advance); UnionPay's 01 (JR/T 0025.7, PBOC 3.0). The first seven are held against pyemv in the tests.
"""


def _definite(method: CryptogramMethod, version: int | None) -> Recipe | None:
    known = _RECIPES.get((method.scheme, version)) if version is not None else None
    if known is None and method.elements and method.session is not SessionKey.BY_VERSION:
        known = Recipe(method.session, (), _BIT, KeyOption.A, Answer.RESPONSE_CODE, method.session)
    return _overridden(known, method) if known is not None else None


def _overridden(known: Recipe, method: CryptogramMethod) -> Recipe:
    session, padding = method.session, method.padding
    if session is not SessionKey.BY_VERSION:
        known = known._replace(session=session, answer_session=session)
    if padding is Padding.EITHER:
        known = known._replace(paddings=known.paddings + (_ZEROS if known.paddings == _BIT else _BIT))
    elif padding:
        known = known._replace(paddings=(padding,))
    return known._replace(
        elements=method.elements or known.elements,
        option=method.option or known.option,
        answer=method.answer or known.answer,
    )


def _missing(tag: str) -> str:
    return f"{tag} of tag 9F10 is missing" if tag in {CVR, COUNTERS} else f"tag {tag} is missing"
