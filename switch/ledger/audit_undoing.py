"""What a reversal must have left behind, written from the domain's rules (7 to 10 and 21) for the audit alone.

Exactly one level is undone, and only where the original, and what that is about, stand as it left them. Where they
stand otherwise nothing happens, and that is approved too; but what was cancelled does not stand again after it. To
what amount a reversal in part went the journal does not keep: it is read off its mark.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from switch.ledger.audit_kinds import COMPLETED, SOLD
from switch.ledger.audit_marks import NO_MARK, Event, Life, Lives, Mark, Step, about, held_again
from switch.messages.kinds import Kind


def reversal(lives: Lives, event: Event) -> Step | str:
    """Exactly one level is undone; where the original stands otherwise nothing happens, and that is approved too."""
    found = lives.get(event.original_id or 0)
    if found is not None and found.state == "voided":
        return Step(NO_MARK, (found._replace(state="reversed"),))
    stood = _undone(lives, found, event) if found is not None else None
    if found is None or stood is None:
        return Step(NO_MARK)
    if event.mark == NO_MARK and found.current_minor > found.refunded_minor:
        return Step(NO_MARK)  # one in part, to what is left already: the journal does not keep that amount
    if found.event.business_day != event.business_day and found.current_minor > found.refunded_minor:
        return Step(NO_MARK) if event.mark == NO_MARK else "the original's day was closed: an operator had to adjust it"
    return stood


def _undone(lives: Lives, found: Life, event: Event) -> Step | None:
    undo = _UNDO.get(found.event.kind)
    return None if undo is None else undo(lives, found, event)


def _undo_authorisation(_: Lives, found: Life, event: Event) -> Step | None:
    if found.state != "held":
        return None
    return _less_held(found, event, min(event.mark.held_minor, found.current_minor))


def _less_held(found: Life, event: Event, left: int) -> Step:
    """Nothing left: released and reversed; else a smaller hold in the place of the other."""
    if not left:
        reversed_ = found._replace(state="reversed", current_minor=0, hold_id=None)
        return Step(Mark(ended=found.hold_id, how="released"), (reversed_,))
    smaller = found._replace(current_minor=left, hold_id=event.journal_id)
    return Step(Mark(held_minor=left, ended=found.hold_id, how="replaced"), (smaller,))


def _undo_increment(lives: Lives, found: Life, event: Event) -> Step | None:
    authorisation = about(lives, found)
    if found.state != "posted" or authorisation is None or authorisation.state != "held":
        return None
    back = found.current_minor
    if event.mark.held_minor:
        back = min(authorisation.current_minor - event.mark.held_minor, back)
    less = _less_held(authorisation, event, max(authorisation.current_minor - back, 0))
    return less._replace(changed=(*less.changed, _without(found, back)))


def _undo_sale(_: Lives, found: Life, event: Event) -> Step | None:
    if found.state != "posted":
        return None
    back = _given_back(found, event)
    return Step(Mark(back), (_without(found, back),))


def _undo_completion(lives: Lives, found: Life, event: Event) -> Step | None:
    authorisation = about(lives, found)
    if found.state != "posted" or authorisation is None or authorisation.state != "captured":
        return None
    back = _given_back(found, event)
    less = _without(found, back)
    if less.state == "posted":
        return Step(Mark(back), (less,))
    its = held_again(lives, found, event)
    assert not isinstance(its, str)
    return Step(Mark(back, its[0]), (less, *its[1]))


def _undo_completion_void(lives: Lives, found: Life, _: Event) -> Step | None:
    completion = about(lives, found)
    authorisation = None if completion is None else about(lives, completion)
    if found.state != "posted" or completion is None or completion.state != "voided":
        return None
    if authorisation is None or authorisation.state not in ("held", "expired"):
        return None
    again = completion._replace(state="posted", current_minor=completion.current_minor + found.current_minor)
    captured = authorisation._replace(state="captured", hold_id=None)
    how = "captured" if authorisation.state == "held" else ""
    mark = Mark(-found.current_minor, 0, authorisation.hold_id, how)
    return Step(mark, (_without(found, found.current_minor), again, captured))


def _undo_authorisation_void(lives: Lives, found: Life, event: Event) -> Step | None:
    authorisation = about(lives, found)
    if found.state != "posted" or authorisation is None or authorisation.state != "voided":
        return None
    amount = found.current_minor
    held = authorisation._replace(state="held", current_minor=amount, hold_id=event.journal_id)
    return Step(Mark(held_minor=amount), (_without(found, amount), held))


def _undo_void(lives: Lives, found: Life, _: Event) -> Step | None:
    sale = about(lives, found)
    if found.state != "posted" or sale is None or sale.state != "voided":
        return None
    amount = found.current_minor
    again = sale._replace(state="posted", current_minor=sale.current_minor + amount)
    moved = amount if sale.event.kind == Kind.LOAD else -amount
    return Step(Mark(moved), (_without(found, amount), again))


def _undo_refund(lives: Lives, found: Life, event: Event) -> Step | None:
    sale = about(lives, found)
    if found.state != "posted" or sale is None or sale.state != "posted":
        return None
    back = _taken_back(found, event)
    refundable = sale._replace(refunded_minor=sale.refunded_minor - back)
    return Step(Mark(-back), (_without(found, back), refundable))


def _undo_load(_: Lives, found: Life, event: Event) -> Step | None:
    if found.state != "posted":
        return None
    back = _taken_back(found, event)
    return Step(Mark(-back), (_without(found, back),))


def _given_back(found: Life, event: Event) -> int:
    """What a reversal takes off a sale: the whole but for what was refunded, or the part that it did."""
    whole = found.current_minor - found.refunded_minor
    return min(max(event.mark.moved_minor, 0) or whole, whole)


def _taken_back(found: Life, event: Event) -> int:
    """The same of money that had come to the card."""
    return min(max(-event.mark.moved_minor, 0) or found.current_minor, found.current_minor)


def _without(found: Life, back: int) -> Life:
    left = found.current_minor - back
    return found._replace(current_minor=left, state="reversed" if left == found.refunded_minor else found.state)


# fmt: off
_UNDO: Final[Mapping[str, Callable[[Lives, Life, Event], Step | None]]] = {
    **dict.fromkeys(SOLD,    _undo_sale),
    **dict.fromkeys(COMPLETED, _undo_completion),
    Kind.TRANSFER:           _undo_sale,
    Kind.ACTIVATION:         _undo_sale,
    Kind.AUTHORISATION:      _undo_authorisation,
    Kind.INCREMENT:          _undo_increment,
    Kind.COMPLETION_VOID:    _undo_completion_void,
    Kind.AUTHORISATION_VOID: _undo_authorisation_void,
    Kind.VOID:               _undo_void,
    Kind.CODE_CANCEL:        _undo_void,
    Kind.LOAD_VOID:          _undo_void,
    Kind.REFUND:             _undo_refund,
    Kind.LOAD:               _undo_load,
}
# fmt: on
