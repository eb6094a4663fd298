"""The highest rate that held: raised until one breaks the limits, then narrowed. Pure: somebody else measures.

Each step is a short run at one rate, which held its limits or not. The rate is multiplied until one breaks (or the
highest rate asked for has held), then halved between the highest that held and the lowest that broke, until these
two are as close as asked for. If already the first rate breaks, rates go down in the same way.

The answer is right for a host that holds every rate up to its knee and none above. Near the knee real hosts hold a rate
at one time and not at another; what is reported is a rate that did hold, never one between.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

RAISE: Final = 2.0
"""How much higher the next rate is: a knee ten times as high is passed in four steps."""

CLOSE: Final = 0.05
"""The search ends when the lowest rate that broke is at most so much above the highest that held."""

STEPS_MAX: Final = 24
"""Whatever happens, a search ends: from one message a second to a hundred thousand it is 18 steps and 5."""

_LEAST: Final = 1.0


class KneeSearch:
    """The search: take each rate from `rates`, measure it, and `tell` before the next one is taken.

    ``knee`` is the highest rate that held, 0.0 where none did. ``is_open`` says that no rate broke: the knee is
    higher than the search was allowed to go. Raises ValueError for rates that make no search.
    """

    def __init__(self, first: float, highest: float, *, close: float = CLOSE) -> None:
        if not 0 < first <= highest:
            raise ValueError("the first rate must be above 0, and not above the highest")
        self.knee = 0.0
        self._broke: float | None = None
        self._rate = first
        self._highest = highest
        self._close = close
        self._told = True

    @property
    def is_open(self) -> bool:
        return self._broke is None

    def tell(self, *, held: bool) -> None:
        """Say what came of the rate that was last given out."""
        self._told = True
        if held:
            self.knee = max(self.knee, self._rate)
        elif self._broke is None or self._rate < self._broke:
            self._broke = self._rate

    def rates(self) -> Iterator[float]:
        """Yield one rate after the other, in messages a second. Raises ValueError where one was not told about."""
        for _ in range(STEPS_MAX):
            if not self._told:
                raise ValueError("the last rate was not told about")
            self._told = False
            yield self._rate
            following = self._next()
            if following is None:
                return
            self._rate = following

    def _next(self) -> float | None:
        if self._broke is None:
            return None if self.knee >= self._highest else min(self.knee * RAISE, self._highest)
        if not self.knee:
            return self._broke / RAISE if self._broke / RAISE >= _LEAST else None
        if self._broke <= self.knee * (1 + self._close):
            return None
        return (self.knee + self._broke) / 2
