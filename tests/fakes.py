"""One fake per port: what stands in for a part of the switch in the tests of another."""

from __future__ import annotations

from collections.abc import Callable

from switch.decisions import Outcome, Standing
from switch.messages.actions import Action
from switch.messages.model import Reply, Request


class FakeHandler:
    """Stands in for `switch.transactions.handler`: approves at once, or keeps requests until told to answer."""

    def __init__(self, *, answers_at_once: bool = True) -> None:
        self.requests: list[Request] = []
        self._answers_at_once = answers_at_once
        self._open: dict[str, tuple[Request, Callable[[Outcome], None]]] = {}

    def handle(self, request: Request, deliver: Callable[[Outcome], None]) -> None:
        self.requests.append(request)
        self._open[request.stan] = (request, deliver)
        if self._answers_at_once:
            self.answer(request.stan)

    @property
    def stans(self) -> list[str]:
        """What arrived so far, in order."""
        return [request.stan for request in self.requests]

    def answer(self, stan: str) -> None:
        """Approve the open request with this STAN."""
        request, deliver = self._open.pop(stan)
        deliver(Outcome(request, Standing.FIRST, Reply(Action.APPROVED, 0, "000000000001", "123456"), "", 1, 0))

    def stay_silent(self, stan: str) -> None:
        """End the open request with this STAN without an answer, as one whose commit's fate is unknown."""
        request, deliver = self._open.pop(stan)
        deliver(Outcome(request, Standing.UNKNOWN, None, "the commit's fate is unknown", None, 0))
