from __future__ import annotations

from switch.telemetry.unanswered import KEPT_MAX, KEPT_US, Unanswered


def test_an_approval_is_kept_until_it_is_answered_or_undone() -> None:
    unanswered = Unanswered()
    unanswered.add(1, 100)
    unanswered.add(2, 200)

    unanswered.discard({1, 3})

    assert unanswered.pending(300) == [(2, 200)]


def test_an_approval_is_forgotten_after_a_day() -> None:
    unanswered = Unanswered()
    unanswered.add(1, 0)
    unanswered.add(2, 1)

    assert unanswered.pending(KEPT_US) == [(2, 1)]
    assert len(unanswered) == 1


def test_the_newest_are_kept_where_there_are_too_many() -> None:
    unanswered = Unanswered()

    for name in range(KEPT_MAX + 5):
        unanswered.add(name, 0)

    assert len(unanswered) == KEPT_MAX
    assert unanswered.pending(1)[0].journal_id == 5
