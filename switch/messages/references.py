"""The numbers an answer carries, made from the journal id alone: no sequence to share, none to lose.

A journal id is 63 bits: microseconds since 2020 in the upper 51, a tag of the worker in the lower 12. So it
rises with time and no two workers make the same one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from switch.messages.model import Request

_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_PAIRS: Final = tuple(high + low for high in _DIGITS for low in _DIGITS)
_APPROVAL_STRIDE: Final = 387_420_489
"""Odd and not a multiple of five, so that neighbouring microseconds get approval codes far apart."""


def rrn_of(journal_id: int) -> str:
    """Retrieval reference number, DE 37, an12: the id in base 36. Unique as the id is, until the year 2055."""
    rest, f = divmod(journal_id, 1296)
    rest, e = divmod(rest, 1296)
    rest, d = divmod(rest, 1296)
    rest, c = divmod(rest, 1296)
    rest, b = divmod(rest, 1296)
    return _PAIRS[rest % 1296] + _PAIRS[b] + _PAIRS[c] + _PAIRS[d] + _PAIRS[e] + _PAIRS[f]


def approval_code_of(journal_id: int) -> str:
    """Approval code, DE 38, an6: six digits, spread so that a card's codes of one day rarely meet."""
    return f"{(journal_id >> 12) * _APPROVAL_STRIDE % 1_000_000:06d}"


def own_rrn(request: Request, journal_id: int) -> str:
    """The RRN of a request: the one its terminal gave it, else the host's.

    A void or a refund may say its original's: that is what it is about, not its own name.
    """
    reference = request.original
    names_another = reference is not None and reference.rrn == request.rrn
    return request.rrn if request.rrn and not names_another else rrn_of(journal_id)
