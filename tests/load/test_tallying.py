from __future__ import annotations

from datetime import UTC, datetime

from switch.load.plan import Planned, Stray
from switch.load.tallying import EVENTS_KEPT, Run, Tally
from switch.reports.results import Results

S = 1_000_000
RUN = Run(
    "Replay of a.jsonl",
    "switch replay a.jsonl",
    "127.0.0.1:1",
    "iso8583-1987-ascii",
    datetime(2026, 11, 21, tzinfo=UTC),
)
ONE = Planned(0, 0, b"", ("021", "000001"))


def exchanged(tally: Tally, due_us: int, took_us: int, code: str = "00", planned: Planned = ONE) -> None:
    tally.sent(planned, due_us, due_us)
    tally.answered(planned, {0: "0210", 39: code}, due_us, due_us + took_us)


def test_every_message_is_answered_late_or_missing() -> None:
    tally = Tally(1 * S)
    exchanged(tally, 0, 1_000)
    exchanged(tally, 0, 1 * S)
    exchanged(tally, 0, 1 * S + 1)
    tally.sent(ONE, 0, 0)
    tally.missing(ONE, 0, 1 * S)

    results = tally.results(RUN)

    assert (results.sent, results.answered, results.late, results.missing) == (4, 2, 1, 1)
    assert tally.errors == 2


def test_what_was_due_in_the_warm_up_is_not_counted_whenever_it_is_answered() -> None:
    tally = Tally(10 * S, warm_up_us=5 * S)
    exchanged(tally, 5 * S - 1, 2 * S)
    tally.sent(ONE, 5 * S - 1, 6 * S)
    tally.missing(ONE, 5 * S - 1, 16 * S)

    results = tally.results(RUN)

    assert (results.sent, results.answered, results.late, results.missing) == (0, 0, 0, 0)
    assert results.latency_ms.max == 0


def test_strays_of_the_warm_up_are_not_counted() -> None:
    tally = Tally(1 * S, warm_up_us=5 * S)
    for at_us in (0, 5 * S - 1, 5 * S, 6 * S):
        tally.stray(Stray.DUPLICATE, 0, at_us)

    assert tally.results(RUN).duplicates == 2
    assert tally.errors == 2


def test_strays_are_counted_apart() -> None:
    tally = Tally(1 * S)
    for what in (Stray.UNMATCHED, Stray.DUPLICATE, Stray.DUPLICATE, Stray.UNREADABLE):
        tally.stray(what, 0, 0)

    results = tally.results(RUN)

    assert (results.unmatched, results.duplicates, results.unreadable, results.sent) == (1, 2, 1, 0)


def test_latencies_are_of_all_that_was_answered_the_late_ones_too() -> None:
    tally = Tally(1 * S)
    for took_ms in range(1, 101):
        exchanged(tally, 0, took_ms * 1_000)
    exchanged(tally, 0, 5 * S)

    latency = tally.results(RUN).latency_ms

    assert 51 <= latency.p50 <= 51.1
    assert latency.max == 5_000
    assert 90 <= latency.p90 <= 92


def test_the_distribution_ends_at_the_highest() -> None:
    tally = Tally(1 * S)
    exchanged(tally, 0, 2_000)
    exchanged(tally, 0, 7_000)

    points = tally.results(RUN).distribution

    assert (points[0].share, points[0].ms) == (0.0, 2.0)
    assert (points[-1].share, points[-1].ms) == (1.0, 7.0)
    assert [point.share for point in points] == sorted(point.share for point in points)


def test_the_warm_up_is_in_the_timeline_alone_with_negative_seconds() -> None:
    told: list[bool] = []
    tally = Tally(1 * S, warm_up_us=2 * S, on_answer=lambda _planned, _fields, is_counted: told.append(is_counted))
    exchanged(tally, 0, 10)
    exchanged(tally, 1_900_000, 10)
    exchanged(tally, 2 * S, 10)

    results = tally.results(RUN)

    assert (results.sent, results.answered, results.warm_up_s) == (1, 1, 2.0)
    assert [(second.second, second.sent) for second in results.timeline] == [(-2, 1), (-1, 1), (0, 1)]
    assert told == [False, False, True]


def test_what_the_plan_does_not_count_is_not_counted() -> None:
    tally = Tally(1 * S)
    exchanged(tally, 0, 10, planned=ONE._replace(counted=False))
    exchanged(tally, 0, 10)

    assert tally.results(RUN).sent == 1


def test_a_second_in_which_nothing_happened_is_there_too() -> None:
    tally = Tally(1 * S)
    exchanged(tally, 0, 2_000)
    exchanged(tally, 3 * S, 4_000)

    timeline = tally.results(RUN).timeline

    assert [(one.second, one.answered, one.p50_ms) for one in timeline] == [
        (0, 1, 2.0), (1, 0, None), (2, 0, None), (3, 1, 4.0),
    ]  # fmt: skip


def test_seconds_long_past_keep_what_is_told_of_them() -> None:
    tally = Tally(1 * S)
    for second in range(50):
        exchanged(tally, second * S, (second + 1) * 1_000)

    timeline = tally.results(RUN).timeline

    assert [one.p99_ms for one in timeline] == [float(second + 1) for second in range(50)]


def test_answers_are_counted_by_their_code() -> None:
    tally = Tally(1 * S)
    for code in ("00", "51", "00", "A0"):
        exchanged(tally, 0, 10, code)

    assert tally.results(RUN).answers == {"00": 2, "51": 1, "A0": 1}


def test_the_throughput_is_that_after_the_warm_up() -> None:
    tally = Tally(1 * S, warm_up_us=10 * S)
    exchanged(tally, 0, 10)
    for at in range(5):
        exchanged(tally, 10 * S + at * S // 2, 0)

    results = tally.results(RUN)

    assert (results.duration_s, results.throughput_per_s) == (2.0, 2.5)


def test_connections_are_counted_beyond_the_events_that_are_kept() -> None:
    tally = Tally(1 * S, warm_up_us=1 * S)
    for number in range(EVENTS_KEPT + 7):
        tally.connection(number, "opened", 250_000)

    results = tally.results(RUN)

    assert (results.connections, len(results.connection_events)) == (EVENTS_KEPT + 7, EVENTS_KEPT)
    assert results.connection_events[0].second == -0.75


def test_how_it_is_doing_is_told_by_the_last_whole_second() -> None:
    tally = Tally(1 * S)
    for at in range(300):
        exchanged(tally, at * 10_000, 3_000)

    now = tally.now()

    assert (now.sent, now.answered, now.throughput_per_s, now.p99_ms) == (300, 300, 100, 3.0)


def test_a_run_in_which_nothing_happened_has_results_too() -> None:
    results = Tally(1 * S).results(RUN, interrupted=True)

    assert Results.model_validate(results.model_dump(mode="json")).interrupted
    assert (results.sent, results.throughput_per_s, results.timeline) == (0, 0.0, [])
