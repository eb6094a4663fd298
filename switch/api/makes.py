"""What can be changed: every act of the back office, through one endpoint; and proposals, decided."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from switch.api import models
from switch.api.endpoint import Asked, Endpoint
from switch.errors import NotInBooks
from switch.office.acts import Act
from switch.office.changes import Made, approve, make_change, refuse


class Making:
    """The endpoints that change something, over the acts there are."""

    def __init__(self, acts: Mapping[str, Act]) -> None:
        self._acts = acts

    def endpoints(self) -> tuple[Endpoint, ...]:
        made, by_number, created = models.Made, models.OneByNumber, HTTPStatus.CREATED
        # fmt: off
        return (
            Endpoint("GET",  "/acts", self.acts, models.Page[models.Act]),
            Endpoint("POST", "/changes", self.change, made, body=models.ChangeWish, status=created),
            Endpoint("POST", "/proposals/{number}/approve", self.approve, made, where=by_number, status=created),
            Endpoint("POST", "/proposals/{number}/refuse", self.refuse, models.Refused, where=by_number),
        )
        # fmt: on

    def acts(self, _asked: Asked) -> models.Page[models.Act]:
        """List what can be changed, by whom, and what each change needs to be told."""
        return models.Page(
            items=[
                models.Act(
                    name=act.name,
                    target=f"{act.of}:...",
                    permission=act.permission,
                    arguments=act.arguments.model_json_schema(),
                )
                for act in self._acts.values()
            ]
        )

    def change(self, asked: Asked) -> models.Made:
        """Make a change, or propose it where it takes two officers."""
        wish: models.ChangeWish = asked.body
        act = self._acts.get(wish.what)
        if act is None:
            raise NotInBooks("there is no such change: GET /acts lists them")
        return _told(make_change(asked.desk, asked.actor, act, wish.target, wish.arguments, wish.because))

    def approve(self, asked: Asked) -> models.Made:
        """Make what another officer proposed."""
        return _told(approve(asked.desk, asked.actor, self._acts, asked.where.number))

    def refuse(self, asked: Asked) -> models.Refused:
        """Turn a proposal down."""
        refuse(asked.desk, asked.actor, self._acts, asked.where.number)
        return models.Refused(proposal_id=asked.where.number)


def _told(made: Made) -> models.Made:
    changed = made.changed
    return models.Made(
        change_id=made.change_id,
        proposal_id=made.proposal_id,
        before=dict(changed.before),
        after=dict(changed.after),
        shown=dict(changed.shown),
    )
