"""What an endpoint is: a function from what is asked to what is told, and the models of both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NamedTuple

from pydantic import BaseModel

from switch.api.models import Given, Nothing
from switch.office.acts import Desk
from switch.office.roles import Actor, Permission


class Asked(NamedTuple):
    """Who asks for what: ``where``, ``query`` and ``body`` are of the endpoint's models."""

    desk: Desk
    actor: Actor
    where: Any
    query: Any
    body: Any


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path and method.

    ``answer`` runs in a worker thread; it raises `OperatorError` where it cannot. Its docstring is the summary.
    """

    method: str
    path: str
    answer: Callable[[Asked], BaseModel]
    told: type[BaseModel]
    permission: Permission = Permission.LOOK
    where: type[Given] = Nothing
    query: type[Given] = Nothing
    body: type[Given] | None = None
    status: HTTPStatus = HTTPStatus.OK

    @property
    def summary(self) -> str:
        """What it does, in one sentence."""
        return (self.answer.__doc__ or "").partition("\n")[0].rstrip(".")
