from __future__ import annotations

from datetime import date

import pytest

from switch.office.health import ACT, DAY_US, FINE, HOUR_US, LOOK, Seen, Sign, signs_of, worst

NOW = 1_795_000_000_000_000


def seen(count: int, ago_us: int = 60_000_000, **changes: object) -> list[Seen]:
    """``count`` approved purchases read by chip, each a second before the one before it, the newest first."""
    usual: dict[str, object] = {
        "kind": "purchase", "action": "approved", "mti": "0200", "local_date": 20261121, "local_time": "120000",
        "entry_mode": "051",
    }  # fmt: skip
    made = []
    for number in range(count):
        at = NOW - ago_us - number * 1_000_000
        one = usual | {"journal_id": at, "stan": f"{at // 1_000_000 % 1_000_000:06d}", "received_at": at} | changes
        made.append(Seen(**one))  # type: ignore[arg-type]
    return made


def right(_day: date, _time: str, _at: int) -> int:
    return 0


def sign(about: str, rows: list[Seen], *, expected: bool = True, off_s: int = 0) -> Sign:
    signs = signs_of(rows, NOW, lambda _day, _time, _at: off_s, expected=expected)
    (found,) = (one for one in signs if one.about == about)
    return found


WEEK = seen(100, 2 * DAY_US)


@pytest.mark.parametrize(
    ("ago_us", "word"), [(0, FINE), (23 * HOUR_US, FINE), (25 * HOUR_US, LOOK), (80 * HOUR_US, ACT)]
)
def test_a_terminal_that_falls_silent_needs_a_look_and_then_somebody(ago_us: int, word: str) -> None:
    assert sign("Last seen", seen(1, ago_us)).word == word
    assert sign("Last seen", seen(1, ago_us), expected=False).word == FINE


def test_a_terminal_that_was_never_heard_of_needs_a_look_if_it_should_be() -> None:
    assert sign("Last seen", []).word == LOOK
    assert sign("Last seen", [], expected=False).word == FINE


@pytest.mark.parametrize(("declined", "word"), [(0, FINE), (1, FINE), (3, LOOK), (5, ACT), (10, ACT)])
def test_the_approval_rate_is_held_against_its_own_week(declined: int, word: str) -> None:
    hour = seen(declined, action="insufficient_funds") + seen(10 - declined, 1_800_000_000)

    assert sign("Approved in the last hour", [*hour, *WEEK]).word == word
    assert sign("Approved in the last day", [*hour, *WEEK]).word == word


def test_a_terminal_whose_week_is_as_bad_is_not_told_twice() -> None:
    bad_week = seen(50, 2 * DAY_US) + seen(50, 3 * DAY_US, action="insufficient_funds")
    hour = seen(5, action="insufficient_funds") + seen(5, 1_800_000_000)

    assert sign("Approved in the last hour", [*hour, *bad_week]).word == FINE


def test_too_few_customers_tell_nothing() -> None:
    assert sign("Approved in the last hour", [*seen(4, action="card_frozen"), *WEEK]).why.startswith("Too few")


@pytest.mark.parametrize(
    ("by_hand", "mode", "word"),
    [(0, "012", FINE), (2, "012", LOOK), (5, "012", ACT), (5, "801", ACT), (5, "071", FINE)],
)
def test_more_typed_and_fallback_than_usual_is_told(by_hand: int, mode: str, word: str) -> None:
    today = seen(by_hand, entry_mode=mode) + seen(10 - by_hand, 1_800_000_000)

    assert sign("Typed and fallback", [*today, *WEEK]).word == word


@pytest.mark.parametrize(("undone", "word"), [(0, FINE), (1, FINE), (2, LOOK), (4, ACT)])
def test_answers_that_do_not_arrive_are_told(undone: int, word: str) -> None:
    rows = seen(undone, kind="reversal", mti="0400") + seen(20, 1_800_000_000)

    assert sign("Reversals", rows).word == word


@pytest.mark.parametrize(("off_s", "word"), [(0, FINE), (119, FINE), (120, LOOK), (900, ACT)])
def test_a_clock_that_is_off_is_told(off_s: int, word: str) -> None:
    assert sign("Clock", seen(3), off_s=off_s).word == word


def test_a_terminal_that_does_not_tell_its_time_has_no_clock_to_be_off() -> None:
    assert sign("Clock", seen(3, local_time=""), off_s=9_999).word == FINE


def test_two_requests_with_one_number_are_told_and_a_reversal_of_the_same_number_is_not() -> None:
    sale = seen(1, stan="000001")
    undone = seen(1, 30_000_000, stan="000001", mti="0400", kind="reversal")

    assert sign("Duplicate STANs", sale + undone).word == FINE
    assert sign("Duplicate STANs", sale + seen(1, 90_000_000, stan="000001")).word == LOOK
    assert sign("Duplicate STANs", seen(6, stan="000001")).word == ACT


def test_the_worst_sign_is_the_word_for_all() -> None:
    signs = signs_of([*seen(10, action="card_frozen"), *WEEK], NOW, right, expected=True)

    assert worst(signs) == ACT
    assert worst([]) == FINE
    assert all(one.why.format(*one.values) for one in signs)
