"""Proposals: changes that take two officers, those that wait first, with what became of the others."""

from __future__ import annotations

from typing import Final

from switch.console.visit import Page, Shown, Visit
from switch.office.all_acts import ACTS
from switch.office.changes import PROPOSAL_LIFE_US, ProposalLine, list_proposals
from switch.office.roles import may

SHOWN_MAX: Final = 100


def proposals(visit: Visit) -> Shown:
    """List proposals; whoever may make such a change, and did not propose it, may approve it."""
    with visit.desk.database.reading() as connection:
        found = list_proposals(connection, visit.desk.clock(), limit=SHOWN_MAX)
    waiting = [line for line in found if line.state == "open"]
    facts = {
        "waiting": [(line, _may_decide(visit, line), line.proposed_at + PROPOSAL_LIFE_US) for line in waiting],
        "decided": [line for line in found if line.state != "open"],
        "shown_max": SHOWN_MAX if len(found) == SHOWN_MAX else None,
    }
    return Shown("proposals.html", facts)


def _may_decide(visit: Visit, line: ProposalLine) -> bool:
    act = ACTS.get(line.what)
    return act is not None and may(visit.actor, act.permission)


PAGES: Final = (Page("/proposals", proposals),)
