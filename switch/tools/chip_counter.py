"""Where a chip's counter stands: the simulation does not keep it between plays, the host does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from switch.tools.day import Line, Play, Step, ask

_CARD_REFUSED: Final = "59"

_ATC_TRIED_MAX: Final = 65_000
_STEP: Final = 5
"""Counters that are skipped are used up, and a play takes about as many."""

_FAR: Final = 100
"""From here on steps grow with the way, by 3 in 10: the end is reached in some 45 tries."""

_UNIT_S: Final = 30
_START: Final = datetime(2026, 1, 1, tzinfo=UTC)


def likely_counter(now: datetime) -> int:
    """Return a counter above those of earlier plays, as a rule: one for every half a minute, for three weeks."""
    return int((now - _START).total_seconds()) // _UNIT_S % 60_000


async def find_counter(play: Play, step: Step) -> Line:
    """Ask with a chip whose counter the simulation may not know: where it is refused, try higher ones."""
    card, ahead = play.cards[step.card], 0
    start = card.atc
    line = await ask(play, step)
    while play.asked[step.name].answer.code == _CARD_REFUSED:
        ahead += _STEP if ahead < _FAR else ahead * 3 // 10
        if start + ahead > _ATC_TRIED_MAX:
            break
        card.atc = start + ahead
        line = await ask(play, step)
    return line
