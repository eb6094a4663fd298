"""What was approved and could not be told is remembered, and forgotten when it is told after all."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from switch.decisions import Outcome, Standing
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import Reply
from switch.terminals.counting import promised, reversal_reason
from switch.terminals.limits import Limits
from tests.builders import a_request
from tests.fakes import FakeHandler
from tests.terminals.door import Door, open_door
from tests.terminals.test_connections import filling, lazy_peer


def at_risk(door: Door) -> list[int]:
    return [approval.journal_id for approval in door._metrics.unanswered.pending(1)]


async def until_gone(door: Door) -> None:
    while door.counted("connections_open"):
        await trio.testing.wait_all_tasks_blocked()


async def lose(door: Door, handler: FakeHandler, stan: int, *, kind: str = "0200") -> None:
    """Send a request, hang up with a reset once it is being decided, then let it be answered."""
    async with door.connect() as peer:
        await peer.send(door.purchase(stan, f0=kind))
        while f"{stan:06d}" not in handler.stans:
            await trio.lowlevel.checkpoint()
        peer.reset()
    await until_gone(door)
    handler.answer(f"{stan:06d}")


async def test_an_approval_whose_terminal_has_hung_up_is_at_risk() -> None:
    handler = FakeHandler(answers_at_once=False)
    async with open_door(handler=handler) as door:
        await lose(door, handler, 1)

        assert at_risk(door) == [1]
        assert door.counted("answers_unsent_total") == 1


async def test_a_repeat_that_is_answered_ends_the_risk() -> None:
    handler = Repeating(answers_at_once=False)
    async with open_door(handler=handler) as door:
        await lose(door, handler, 1)
        async with door.connect() as peer:
            await peer.send(door.purchase(2))
            while "000002" not in handler.stans:
                await trio.lowlevel.checkpoint()
            handler.answer_again("000002")
            await peer.receive()

        assert at_risk(door) == []


async def test_an_approval_that_is_answered_is_not_at_risk() -> None:
    async with open_door() as door, door.connect() as peer:
        await peer.send(door.purchase(1))
        await peer.receive()

        assert at_risk(door) == []


class Repeating(FakeHandler):
    """Can answer as for a repeat of the first request."""

    def answer_again(self, stan: str) -> None:
        request, deliver = self._open.pop(stan)
        deliver(Outcome(request, Standing.REPEAT, Reply(Action.APPROVED, 0, "000000000001", "123456"), "", 1, 0))


@pytest.fixture
def hurried_clock() -> trio.testing.MockClock:
    """Time jumps to the next deadline once nothing has happened on any socket for a moment."""
    return trio.testing.MockClock(autojump_threshold=0.01)


async def test_what_a_slow_reader_left_in_our_hands_is_at_risk(hurried_clock: trio.testing.MockClock) -> None:  # noqa: ARG001
    async with open_door(limits=Limits(send_deadline_s=8)) as door:
        peer = await lazy_peer(door)
        async with peer.stream, filling(peer, 40_000):
            before = at_risk(door)
            with trio.fail_after(600):
                while not door.counted("connections_closed_total", reason="slow_reader"):  # noqa: ASYNC110 - in jumps
                    await trio.sleep(1)

            assert (before, at_risk(door)) == ([], [1])  # every request is the fake's first


def outcome(kind: Kind, action: Action = Action.APPROVED, journal_id: int | None = 7) -> Outcome:
    return Outcome(a_request(kind=kind), Standing.FIRST, Reply(action, 0), "", journal_id, 0)


@pytest.mark.parametrize("kind", [Kind.PURCHASE, Kind.AUTHORISATION, Kind.VOID, Kind.REFUND, Kind.LOAD, Kind.TRANSFER])
def test_an_approval_that_moves_money_promises_something(kind: Kind) -> None:
    assert promised(outcome(kind)) == 7


@pytest.mark.parametrize("lost", [
    outcome(Kind.PURCHASE, Action.INSUFFICIENT_FUNDS),
    outcome(Kind.BALANCE),
    outcome(Kind.OFFLINE_SALE),  # it has happened, whatever is answered
    outcome(Kind.REVERSAL),
    outcome(Kind.SIGN_ON),
    outcome(Kind.PURCHASE, journal_id=None),
    Outcome(a_request(), Standing.UNKNOWN, None, "the commit's fate is unknown", None, 0),
])  # fmt: skip
def test_no_other_answer_promises_anything(lost: Outcome) -> None:
    assert promised(lost) is None


@pytest.mark.parametrize(("said", "word"), [
    ("98", "no_answer"), ("68", "no_answer"), ("4021", "no_answer"), ("A0", "bad_answer"), ("96", "device_fault"),
    ("4000", "customer"), ("", "unsaid"), ("06", "other"), ("4111111111111111", "other"),
])  # fmt: skip
def test_reasons_of_reversals_are_few_words(said: str, word: str) -> None:
    assert reversal_reason(said) == word
