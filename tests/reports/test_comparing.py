from __future__ import annotations

import pytest

from switch.errors import OperatorError
from switch.reports.allowing import Allowances, parse_allowances, parse_percent
from switch.reports.comparing import FIGURES, Comparison, Row, Word, compare
from switch.reports.comparing_page import comparing_page, judged
from switch.reports.results import Latency, Results
from tests.reports.sample_results import a_run, distribution, nothing_answered

TIMES = {"p50": 2.0, "p90": 5.0, "p99": 12.0, "p999": 50.0, "max": 180.0, "mean": 3.0}


def with_times(**changes: float) -> Results:
    return a_run(latency_ms=Latency(**{**TIMES, **changes}))


def row(comparison: Comparison, name: str) -> Row:
    return next(one for one in (*comparison.figures, *comparison.answers) if one.name == name)


def allowing(*texts: str) -> Allowances:
    return parse_allowances(texts, FIGURES)


def test_a_run_is_the_same_as_itself() -> None:
    comparison = compare(a_run(), a_run())

    assert {one.word for one in (*comparison.figures, *comparison.answers)} == {Word.SAME}
    assert comparison.too_much == ()
    assert judged(comparison).exit_status == 0


@pytest.mark.parametrize(
    ("after", "word"),
    [(12.0, Word.SAME), (12.59, Word.SAME), (12.61, Word.WORSE), (11.41, Word.SAME), (11.39, Word.BETTER)],
)
def test_a_percentile_is_judged_past_the_tolerance(after: float, word: Word) -> None:
    comparison = compare(with_times(), with_times(p99=after), 0.05)

    assert row(comparison, "p99").word is word
    assert row(comparison, "p50").word is Word.SAME


def test_more_throughput_is_better_and_less_is_worse() -> None:
    slow, fast = a_run(throughput_per_s=800.0), a_run(throughput_per_s=1000.0)

    assert row(compare(slow, fast), "throughput").word is Word.BETTER
    assert row(compare(fast, slow), "throughput").word is Word.WORSE
    assert row(compare(slow, fast), "throughput").ratio == pytest.approx(1.25)


def test_counts_of_a_longer_run_are_compared_as_shares() -> None:
    short = a_run(sent=1000, answered=990, late=7, missing=3, answers={"00": 900, "51": 97})
    long = a_run(sent=10_000, answered=9900, late=140, missing=30, answers={"00": 9000, "51": 970})

    comparison = compare(short, long)

    assert row(comparison, "missing").word is Word.SAME
    assert row(comparison, "missing").told() == ("3", "30")
    assert row(comparison, "late").word is Word.WORSE
    assert row(comparison, "late").ratio == pytest.approx(2.0)
    assert row(comparison, "51").word is Word.SAME


def test_the_first_that_goes_missing_is_worse_and_has_no_ratio() -> None:
    comparison = compare(a_run(missing=0), a_run(missing=1))

    assert row(comparison, "missing").word is Word.WORSE
    assert row(comparison, "missing").ratio is None


def test_answers_are_other_neither_better_nor_worse() -> None:
    comparison = compare(a_run(answers={"00": 90, "51": 10}), a_run(answers={"00": 70, "05": 30}))

    assert [(one.name, one.word) for one in comparison.answers] == [
        ("00", Word.OTHER),
        ("05", Word.OTHER),
        ("51", Word.OTHER),
    ]
    assert judged(comparison).exit_status == 0
    assert "3 response codes with another share" in judged(comparison).because[-1]


def test_a_run_without_answers_is_worse_in_every_time() -> None:
    comparison = compare(a_run(), nothing_answered())

    assert row(comparison, "p50").word is Word.WORSE
    assert row(comparison, "p50").told() == ("2.31 ms", "-")
    assert "p50" in {one.name for one in comparison.too_much}
    assert row(compare(nothing_answered(), a_run()), "p50").word is Word.BETTER
    assert row(compare(nothing_answered(), nothing_answered()), "p50").word is Word.SAME


@pytest.mark.parametrize(
    ("allowed", "too_much"),
    [
        ((), ["p50", "p99", "max"]),
        (("10%",), ["p50", "p99", "max"]),
        (("25%",), ["max"]),
        (("25%", "max=any"), []),
        (("25%", "p99=10%", "max=any"), ["p99"]),
        (("p50=0.4", "p99=2", "max=181"), []),
        (("p50=0.3", "p99=2", "max=179"), ["p50", "max"]),
        (("P99=20%", "p99=21%"), ["p50", "max"]),
    ],
)
def test_what_got_worse_is_too_much_beyond_what_is_allowed(allowed: tuple[str, ...], too_much: list[str]) -> None:
    after = with_times(p50=2.4, p99=14.0, max=360.0)

    comparison = compare(with_times(), after, 0.05, allowing(*allowed))

    assert [one.name for one in comparison.too_much] == too_much
    assert judged(comparison).exit_status == (1 if too_much else 0)


def test_throughput_may_fall_by_what_is_allowed() -> None:
    before, after = a_run(throughput_per_s=1000.0), a_run(throughput_per_s=850.0)

    assert compare(before, after, 0.05, allowing("throughput=20%")).too_much == ()
    assert len(compare(before, after, 0.05, allowing("throughput=100")).too_much) == 1


@pytest.mark.parametrize(
    "wrong", ["", "5", "p99", "p99=", "p99=-5%", "p98=5%", "5%%", "p99=5ms", "any", "p99=٣%", "1e3%"]
)
def test_an_allowance_of_another_form_is_refused_with_examples(wrong: str) -> None:
    with pytest.raises(OperatorError, match=r"p99=20%|no such figure; there are throughput"):
        allowing(wrong)


@pytest.mark.parametrize(("text", "share"), [("5%", 0.05), ("0", 0.0), (" 12.5 % ", 0.125)])
def test_a_tolerance_is_in_per_cent(text: str, share: float) -> None:
    assert parse_percent(text, "--tolerance") == pytest.approx(share)


@pytest.mark.parametrize("wrong", ["", "-1%", "five", "5 ms", "inf", "nan"])
def test_a_tolerance_of_another_form_is_refused(wrong: str) -> None:
    with pytest.raises(OperatorError, match="--tolerance"):
        parse_percent(wrong, "--tolerance")


def test_the_page_has_both_curves_in_one_picture() -> None:
    slower = a_run(title="after", distribution=distribution(1.5), latency_ms=Latency(**{**TIMES, "p99": 19.0}))

    text = comparing_page(compare(with_times(), slower))

    assert text.count('role="img"') == 1
    assert text.count('<path class="curve') == 2
    assert "Before: half came within" in text
    assert "Worse than allowed" in text
    assert text.count("https:") == text.count("http:") == 0


def test_two_runs_without_answers_have_a_page() -> None:
    text = comparing_page(compare(nothing_answered(), nothing_answered()))

    assert "there is no latency to draw" in text
    assert "<svg" not in text


def test_nothing_in_either_run_becomes_markup() -> None:
    hostile = a_run(title="<script>", command="<script>", target="<script>", answers={"<script>": 1})

    assert "<script" not in comparing_page(compare(hostile, hostile))
