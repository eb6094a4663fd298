"""What a run comes to in one line: it held, its limits are broken, its answers differ, or there were none."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from switch.reports.figures import count, one_or_many, rate, share
from switch.reports.results import Results, Step

DIFFERENCES: Final = "differences"
"""The name of the limit that says how many differences are let pass: where it is held, they do not count."""


class Outcome(StrEnum):
    """The kinds of a verdict."""

    HELD = "held"
    BROKEN = "broken"
    DIFFERENT = "different"
    UNANSWERED = "unanswered"


class Verdict(NamedTuple):
    """``headline`` is a few words, ``because`` the sentences under it."""

    outcome: Outcome
    headline: str
    because: tuple[str, ...]

    @property
    def exit_status(self) -> int:
        """What a command returns: 0 where it held, else 1."""
        return 0 if self.outcome is Outcome.HELD else 1


def verdict(results: Results) -> Verdict:
    """Judge a run. Broken limits and books weigh more than differences; a run with no limits at all can only differ."""
    broken = [one for one in results.limits if not one.held and one.name != DIFFERENCES]
    reasons = [f"{one.name}: {one.value} against {one.limit}" for one in broken]
    if results.books is not None and not results.books.agree:
        reasons.append("the books do not agree with the wire")
    answered = results.answered + results.late
    if results.sent and not answered:
        return Verdict(Outcome.UNANSWERED, "Nothing was answered", (f"{count(results.sent)} sent", *reasons))
    if reasons:
        headline = "A limit is broken" if len(reasons) == 1 else f"{len(reasons)} limits are broken"
        if not broken:
            headline = "The books do not agree"
        return Verdict(Outcome.BROKEN, headline, (*reasons, *_counts(results)))
    allowed = [one for one in results.limits if one.name == DIFFERENCES]
    if results.differences and not (allowed and all(one.held for one in allowed)):
        found = one_or_many(results.differences, "difference")
        against = "".join(f", {one.limit} allowed" for one in allowed)
        because = f"the answers are not those of the capture{against}"
        return Verdict(Outcome.DIFFERENT, found, (because, *_counts(results)))
    if results.knee and not any(step.held for step in results.knee):
        lowest = min(step.rate_per_s for step in results.knee)
        return Verdict(Outcome.BROKEN, "No rate held", (f"the lowest tried was {rate(lowest)}", *_counts(results)))
    return Verdict(Outcome.HELD, _held(results), tuple(_counts(results)))


def best_step(results: Results) -> Step | None:
    """Return the step with the highest rate that held."""
    return max((step for step in results.knee if step.held), key=lambda step: step.rate_per_s, default=None)


def _held(results: Results) -> str:
    if not results.sent:
        return "Nothing was sent"
    best = best_step(results)
    return f"Held up to {rate(best.rate_per_s)}" if best is not None else "Held"


def _counts(results: Results) -> list[str]:
    told = [f"{count(results.answered)} of {count(results.sent)} answered in time"]
    if results.late:
        told.append(f"{count(results.late)} late")
    if results.missing:
        told.append(f"{count(results.missing)} never answered ({share(results.missing, results.sent)})")
    if results.interrupted:
        told.append("the run was ended early")
    return told
