from __future__ import annotations

from switch.load.awaiting import Awaiting
from switch.load.line import Line, Waiting
from switch.load.plan import Planned
from tests.load.hosts import ISO

LINE = Line(0, ISO.framing)


def waiting(due_us: int) -> Waiting:
    return Waiting(Planned(due_us, 0, b"", ("021", str(due_us))), due_us, LINE)


def test_what_has_passed_its_deadline_is_not_open_any_more_but_waited_for() -> None:
    awaiting, one = Awaiting(100), waiting(0)
    awaiting.add(one)

    assert awaiting.pass_deadlines(100) == ([], [])
    assert awaiting.pass_deadlines(101) == ([one], [])
    assert awaiting.pass_deadlines(10**9) == ([], [])
    assert (awaiting.open, one.is_settled) == (0, False)


def test_what_was_answered_does_not_become_overdue() -> None:
    awaiting, one, other = Awaiting(100), waiting(0), waiting(0)
    awaiting.add(one)
    awaiting.add(other)

    awaiting.settle(one)

    assert awaiting.open == 1
    assert awaiting.pass_deadlines(500) == ([other], [])


def test_a_late_answer_is_not_taken_off_what_is_open_twice() -> None:
    awaiting, one = Awaiting(100), waiting(0)
    awaiting.add(one)
    awaiting.add(waiting(1_000))
    awaiting.pass_deadlines(500)

    awaiting.settle(one)

    assert awaiting.open == 1


def test_too_many_are_not_waited_for_and_the_oldest_go_first() -> None:
    awaiting, all_of_them = Awaiting(100, outstanding_max=3), [waiting(due) for due in range(5)]
    for one in all_of_them:
        awaiting.add(one)

    _, given_up = awaiting.pass_deadlines(50)

    assert given_up == all_of_them[:2]
    assert (awaiting.open, given_up[0].is_settled) == (3, True)


def test_overdue_ones_make_room_before_those_in_time() -> None:
    awaiting, late, fresh = Awaiting(100, outstanding_max=2), waiting(0), [waiting(400), waiting(450)]
    for one in (late, *fresh):
        awaiting.add(one)

    assert awaiting.pass_deadlines(460) == ([late], [late])
    assert awaiting.open == 2


def test_an_answered_key_is_known_on_its_connection_for_two_generations() -> None:
    awaiting = Awaiting(100)
    awaiting.remember(7, ("021", "first"))
    for number in range(25_000):
        awaiting.remember(7, ("021", str(number)))

    assert awaiting.was_answered(7, ("021", "first"))
    assert not awaiting.was_answered(8, ("021", "first"))

    for number in range(25_000):
        awaiting.remember(7, ("021", f"again {number}"))

    assert not awaiting.was_answered(7, ("021", "first"))


def test_messages_with_one_key_are_taken_in_order_and_one_in_the_middle_can_be_forgotten() -> None:
    line, three = Line(0, ISO.framing), [waiting(5) for _ in range(3)]
    key = three[0].planned.key
    assert key is not None
    for one in three:
        line.expect(key, one)

    line.forget(three[1])

    assert [line.take(key), line.take(key), line.take(key)] == [three[0], three[2], None]


def test_the_first_of_one_key_can_be_forgotten_too() -> None:
    line, two = Line(0, ISO.framing), [waiting(5), waiting(5)]
    key = two[0].planned.key
    assert key is not None
    for one in two:
        line.expect(key, one)

    line.forget(two[0])

    assert line.drop() == [two[1]]
