from __future__ import annotations

import pytest

from switch.reports.results import Books, Limit, Results, Step
from switch.reports.verdict import Outcome, verdict
from tests.reports.sample_results import a_changed_run, a_knee_search, a_run, nothing_answered

BROKEN = Limit(name="p99", limit="at most 5 ms", value="11.9 ms", held=False)
DISAGREE = Books(approvals_on_wire=2, approvals_in_books=1, audit_findings=[], agree=False)
STEP = Step(rate_per_s=100, throughput_per_s=80, p99_ms=900, errors=0, held=False)


@pytest.mark.parametrize(
    ("run", "outcome", "headline", "status"),
    [
        (a_run(), Outcome.HELD, "Held", 0),
        (a_run(limits=[]), Outcome.HELD, "Held", 0),
        (a_run(limits=[BROKEN]), Outcome.BROKEN, "A limit is broken", 1),
        (a_run(limits=[BROKEN, BROKEN]), Outcome.BROKEN, "2 limits are broken", 1),
        (a_run(books=DISAGREE), Outcome.BROKEN, "The books do not agree", 1),
        (a_changed_run(), Outcome.DIFFERENT, "412 differences", 1),
        (a_run(differences=1), Outcome.DIFFERENT, "1 difference", 1),
        (a_run(differences=9, limits=[BROKEN]), Outcome.BROKEN, "A limit is broken", 1),
        (nothing_answered(), Outcome.UNANSWERED, "Nothing was answered", 1),
        (nothing_answered(sent=0, missing=0), Outcome.HELD, "Nothing was sent", 0),
        (a_knee_search(), Outcome.HELD, "Held up to 4,000/s", 0),
        (a_run(knee=[STEP]), Outcome.BROKEN, "No rate held", 1),
    ],
)
def test_a_run_comes_to_one_line(run: Results, outcome: Outcome, headline: str, status: int) -> None:
    judged = verdict(run)

    assert (judged.outcome, judged.headline, judged.exit_status) == (outcome, headline, status)


def test_differences_that_are_let_pass_do_not_count() -> None:
    allowed = Limit(name="differences", limit="at most 10", value="9", held=True)

    assert verdict(a_run(differences=9, limits=[allowed])).outcome is Outcome.HELD


def test_more_differences_than_are_let_pass_are_told_as_such() -> None:
    exceeded = Limit(name="differences", limit="at most 10", value="11", held=False)

    judged = verdict(a_run(differences=11, limits=[exceeded]))

    assert (judged.outcome, judged.headline, judged.exit_status) == (Outcome.DIFFERENT, "11 differences", 1)
    assert judged.because[0] == "the answers are not those of the capture, at most 10 allowed"
    assert verdict(a_run(differences=11, limits=[exceeded, BROKEN])).outcome is Outcome.BROKEN


def test_a_broken_limit_is_told_with_what_was_measured() -> None:
    assert verdict(a_run(limits=[BROKEN])).because[0] == "p99: 11.9 ms against at most 5 ms"


def test_a_run_that_was_ended_early_says_so() -> None:
    assert "the run was ended early" in verdict(a_run(interrupted=True)).because
