"""Where a chip's counter stands: the simulation does not keep it between plays, the host does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from switch.tools.day import Line, Play, Step, ask

_CARD_REFUSED: Final = "59"

_AHEAD: Final = (4, 9, 16, 25, 36, 49, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
"""How far ahead a chip's counter is tried: small steps first, for what is skipped is used up."""

_ATC_TRIED_MAX: Final = 65_000

_MINUTE_S: Final = 60
_START: Final = datetime(2026, 1, 1, tzinfo=UTC)


def likely_counter(now: datetime) -> int:
    """Return a counter above those of earlier plays, as a rule: the minutes since a day, from zero again in time."""
    return int((now - _START).total_seconds()) // _MINUTE_S % _ATC_TRIED_MAX


async def find_counter(play: Play, step: Step) -> Line:
    """Ask with a chip whose counter the simulation may not know: where it is refused, try higher ones."""
    card, start = play.cards[step.card], play.cards[step.card].atc
    line = await ask(play, step)
    for ahead in _AHEAD:
        if play.asked[step.name].answer.code != _CARD_REFUSED or start + ahead >= _ATC_TRIED_MAX:
            break
        card.atc = start + ahead
        line = await ask(play, step)
    return line
