"""What agents get of a merchant's fees: ``AGENT01=20% AGENT02=5%``. The rest is the acquirer's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from switch.errors import ConfigurationError

_SHARE: Final = re.compile(r"([A-Za-z0-9_-]{1,32})=([0-9]{1,3})%")
_WHOLE: Final = 100


class Share(NamedTuple):
    """One agent's part of the fees, in whole per cent."""

    agent: str
    percent: int


def parsed_shares(text: str) -> tuple[Share, ...]:
    """Return the shares that a merchant's ``shares`` name, () for "".

    Raises `ConfigurationError` for what is no share, for an agent named twice, and for more than the whole.
    """
    shares: list[Share] = []
    for place, word in enumerate(text.split(), 1):
        found = _SHARE.fullmatch(word)
        if found is None or not 0 < int(found[2]) <= _WHOLE:
            raise ConfigurationError(f"share {place}: write AGENT=20%, in whole per cent from 1 to 100")
        shares.append(Share(found[1], int(found[2])))
    if len({share.agent for share in shares}) < len(shares):
        raise ConfigurationError("an agent is named twice")
    if sum(share.percent for share in shares) > _WHOLE:
        raise ConfigurationError("the shares are more than 100 % together")
    return tuple(shares)


def divided(fee_minor: int, shares: Sequence[Share]) -> tuple[tuple[str, int], ...]:
    """Return what each agent gets of a fee, rounded down: what is left over stays with the acquirer. No zeros."""
    parts = ((share.agent, fee_minor * share.percent // _WHOLE) for share in shares)
    return tuple((agent, part) for agent, part in parts if part)
