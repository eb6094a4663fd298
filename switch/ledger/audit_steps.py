"""The life of a payment once more, written from the domain's rules (18 to 22) for the audit alone.

The program has its own account of it, which made the books (`switch.transactions`); this one only says what must be
found in them. Given the payments of a family as they stood, each step says what a request must have left behind, its
`Mark`: money moved, a hold opened, a hold ended. A request fits where that is what it did leave behind.

What the journal does not keep is read off the marks, such as how large a tip was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from switch.ledger.audit_marks import (
    COMPLETION_DAYS,
    NO_MARK,
    Event,
    Life,
    Lives,
    Mark,
    Step,
    days_between,
    held_again,
    told,
)
from switch.ledger.audit_undoing import reversal
from switch.messages.kinds import Kind

COMPLETION_PERCENT: Final = 115
"""A completion may be this much of its authorisation (domain rule 18)."""

REFUND_DAYS: Final = 30
"""Days after which a sale is not refunded any more (domain rule 20)."""

_UNKNOWN_BATCH: Final = "000000"


def step(lives: Lives, event: Event) -> dict[int, Life] | str:
    """Return the family after a request, or why the request does not fit it as it stands."""
    later = None if event.original_id is None else _STEPS.get(event.kind)
    taken = _born(event) if later is None else later(lives, event)
    if isinstance(taken, str):
        return taken
    if taken.mark != event.mark:
        return f"it should have {told(taken.mark)}, but it has {told(event.mark)}"
    after = dict(lives)
    after.update((life.event.journal_id, life) for life in taken.changed)
    return after


def _born(event: Event) -> Step:
    own_id, amount = event.journal_id, event.amount_minor
    if event.kind == Kind.AUTHORISATION:
        return Step(Mark(held_minor=amount), (Life(event, "held", amount, hold_id=own_id),))
    if event.kind == Kind.ACTIVATION:
        return Step(NO_MARK, (Life(event, "posted", 0),))
    moved = amount if event.kind == Kind.LOAD else -amount
    return Step(Mark(moved), (Life(event, "posted", amount),))


def _own(event: Event) -> Life:
    return Life(event, "posted", event.amount_minor)


# --- about an authorisation --------------------------------------------------------------------------------


def _increment(lives: Lives, event: Event) -> Step | str:
    found = _standing(lives, event, "held")
    if isinstance(found, str):
        return found
    total = found.current_minor + event.amount_minor
    mark = Mark(held_minor=total, ended=found.hold_id, how="replaced")
    return Step(mark, (found._replace(current_minor=total, hold_id=event.journal_id), _own(event)))


def _completion(lives: Lives, event: Event) -> Step | str:
    """An advice has happened: also late, and of an authorisation that has expired."""
    is_advice = event.kind == Kind.COMPLETION_ADVICE
    found = _standing(lives, event, "held", *(("expired",) if is_advice else ()))
    if isinstance(found, str):
        return found
    if event.amount_minor * 100 > found.current_minor * COMPLETION_PERCENT:
        return f"{event.amount_minor} is more than {COMPLETION_PERCENT} % of the {found.current_minor} authorised"
    if not is_advice and days_between(found, event) > COMPLETION_DAYS:
        return f"the authorisation is older than {COMPLETION_DAYS} days"
    captured = found._replace(state="captured", hold_id=None)
    how = "captured" if found.state == "held" else ""
    return Step(Mark(-event.amount_minor, ended=found.hold_id, how=how), (captured, _own(event)))


def _authorisation_void(lives: Lives, event: Event) -> Step | str:
    found = _standing(lives, event, "held")
    if isinstance(found, str):
        return found
    if event.amount_minor != found.current_minor:
        return f"it is of {event.amount_minor}, but {found.current_minor} is held"
    voided = found._replace(state="voided", current_minor=0, hold_id=None)
    return Step(Mark(ended=found.hold_id, how="released"), (voided, _own(event)))


def _expiry(lives: Lives, event: Event) -> Step | str:
    found = lives.get(event.original_id or 0)
    if found is None or found.state != "held":
        return Step(NO_MARK)
    if days_between(found, event) <= COMPLETION_DAYS:
        return f"the authorisation is not older than {COMPLETION_DAYS} days"
    return Step(Mark(ended=found.hold_id, how="expired"), (found._replace(state="expired", hold_id=None),))


# --- about a sale ------------------------------------------------------------------------------------------


def _refund(lives: Lives, event: Event) -> Step | str:
    found = _standing(lives, event, "posted")
    if isinstance(found, str):
        return found
    refunded = found.refunded_minor + event.amount_minor
    if refunded > found.current_minor:
        return f"{refunded} would be refunded of {found.current_minor}"
    if days_between(found, event) > REFUND_DAYS:
        return f"the sale is older than {REFUND_DAYS} days"
    return Step(Mark(event.amount_minor), (found._replace(refunded_minor=refunded), _own(event)))


def _adjustment(lives: Lives, event: Event) -> Step | str:
    """A tip may name itself and not the new total: then it is what was moved.

    What was refunded or waits for an operator to be given back is not given back once more.
    """
    found = _standing(lives, event, "posted")
    if isinstance(found, str):
        return found
    low, high = (
        max(event.amount_minor, min(found.refunded_minor + given_back, found.current_minor))
        for given_back in event.given_back
    )
    moved = found.current_minor - low
    if low <= found.current_minor - event.mark.moved_minor <= high:
        moved = event.mark.moved_minor
    if event.kind == Kind.TIP and event.mark.moved_minor <= 0:
        moved = event.mark.moved_minor
    return Step(Mark(moved), (found._replace(current_minor=found.current_minor - moved),))


def _void(lives: Lives, event: Event) -> Step | str:
    """Same terminal, batch and day; nothing refunded; the whole of what is left (domain rule 19)."""
    found = _standing(lives, event, "posted")
    if isinstance(found, str):
        return found
    then, left = found.event, found.current_minor
    if found.refunded_minor or event.amount_minor != left:
        return f"it is of {event.amount_minor}, of the original {left} is left, {found.refunded_minor} refunded"
    if (then.terminal_id, then.business_day) != (event.terminal_id, event.business_day):
        return "the original is of another terminal or day"
    if then.batch != event.batch and _UNKNOWN_BATCH not in (then.batch, event.batch):
        return "the original is of another batch"
    voided = found._replace(state="voided", current_minor=0)
    back = -left if then.kind == Kind.LOAD else left
    mark, its = Mark(back), held_again(lives, voided, event)
    if isinstance(its, str):
        return its
    return Step(mark._replace(held_minor=its[0]), (voided, *its[1], _own(event)))


# --- who stands where --------------------------------------------------------------------------------------


def _standing(lives: Lives, event: Event, *states: str) -> Life | str:
    """The original, if it stands so and is of the same card; a code shows none."""
    found = lives.get(event.original_id or 0)
    if found is None:
        return "its original is no payment"
    if found.state not in states:
        return f"its original is {found.state}, not {' or '.join(states)}"
    if event.card_id != found.event.card_id and found.event.kind != Kind.CODE_PURCHASE:
        return "its original is of another card"
    return found


# fmt: off
_STEPS: Final[Mapping[str, Callable[[Lives, Event], Step | str]]] = {
    Kind.INCREMENT:          _increment,
    Kind.COMPLETION:         _completion,
    Kind.COMPLETION_ADVICE:  _completion,
    Kind.AUTHORISATION_VOID: _authorisation_void,
    Kind.EXPIRY:             _expiry,
    Kind.REFUND:             _refund,
    Kind.ADJUSTMENT:         _adjustment,
    Kind.TIP:                _adjustment,
    Kind.VOID:               _void,
    Kind.CODE_CANCEL:        _void,
    Kind.COMPLETION_VOID:    _void,
    Kind.LOAD_VOID:          _void,
    Kind.REVERSAL:           reversal,
}

# fmt: on
