"""The life of a payment: what may come when it stands somewhere, what that does, and where it stands then.

A payment is born `HELD` (an authorisation) or `POSTED` (all others), or it was `DECLINED` and never was one. What comes
later is about exactly one payment, its original, and is (but for an expiry, an adjustment and a tip) a payment itself,
born `POSTED`, which something still later may be about: a reversal of a void is about the void, and the sale is the
void's original. So there are four ways to go, and no others:

- A hold changes its size (an increment, a reversal in part), ends unused (a cancel, a reversal, its age), or is
  captured by a completion, which is a sale from then on.
- A sale gives money back: in part by refunds and reversals in part, after which it goes on; as a whole by the
  merchant's cancel (`VOIDED`) or the network's reversal (`REVERSED`), after which nothing more can come.
- A cancel or completion is undone by a reversal, which re-instates its original exactly one level: a voided sale is a
  sale again, a completed or cancelled authorisation is held again, a completion whose cancel is undone takes its hold
  again. What is re-instated is forced: the card may have spent the money meanwhile.
- What was cancelled can be reversed as well, by the network, which did not know: nothing more moves, but it is gone
  for good. A reversal of the cancel does not bring it back.
- What the table does not list finds nothing to do: 25 for a cancel, a completion or a refund; 00 for a reversal, which
  is no business decision (domain rule 10). So whatever a reversal finds, a second one finds nothing left to do.

``current_minor`` is what is left of a payment: 0 once it is voided, and once it is reversed what was refunded of it
before, which stays given. An authorisation keeps it through `CAPTURED` and `EXPIRED`: that much was authorised, its
increments included, and is held again should the completion be undone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from switch.decisions import ChangePayment, Effect, Facts, Payment, PaymentState
from switch.messages.kinds import Kind
from switch.transactions import hold_moves as holds
from switch.transactions import sale_moves as sales
from switch.transactions.moves import Change

K = Kind
HELD, CAPTURED, EXPIRED = PaymentState.HELD, PaymentState.CAPTURED, PaymentState.EXPIRED
POSTED, VOIDED, REVERSED = PaymentState.POSTED, PaymentState.VOIDED, PaymentState.REVERSED

HOLD: Final = (K.AUTHORISATION,)
COMPLETION: Final = (K.COMPLETION, K.COMPLETION_ADVICE)
SALE: Final = (K.PURCHASE, K.CODE_PURCHASE, K.OFFLINE_SALE)
CANCEL: Final = (K.VOID, K.CODE_CANCEL)
CANCELLED: Final = (K.PURCHASE, K.CODE_PURCHASE, *COMPLETION, K.LOAD, *HOLD)


class Step(NamedTuple):
    """One row: what ``comes`` about ``originals`` that ``are`` in a state, what it ``does``, and what they ``become``.

    ``theirs`` are the states in which the original's own original, and that one's, must be, if it matters. ``in_part``
    says that a reversal may leave a part of the original, which then goes on as before.
    """

    originals: tuple[Kind, ...]
    are: PaymentState
    comes: tuple[Kind, ...]
    does: Callable[[Change], tuple[Effect, ...]]
    become: PaymentState
    theirs: tuple[PaymentState, ...] = ()
    in_part: bool = False


def _undone(
    originals: tuple[Kind, ...],
    are: PaymentState,
    does: Callable[[Change], tuple[Effect, ...]],
    theirs: tuple[PaymentState, ...] = (),
    in_part: str = "",
) -> Step:
    """A row of what reversals do."""
    return Step(originals, are, (K.REVERSAL,), does, REVERSED, theirs, in_part=bool(in_part))


# fmt: off
STEPS: Final = (
    #    originals              are       what comes                what that does           become    theirs
    Step(HOLD,                  HELD,     (K.INCREMENT,),           holds.enlarge_hold,      HELD),
    Step(HOLD,                  HELD,     COMPLETION,               holds.capture,           CAPTURED),
    Step(HOLD,                  EXPIRED,  (K.COMPLETION_ADVICE,),   holds.charge,            CAPTURED),
    Step(HOLD,                  HELD,     (K.AUTHORISATION_VOID,),  holds.release_hold,      VOIDED),
    Step(HOLD,                  HELD,     (K.EXPIRY,),              holds.let_expire,        EXPIRED),

    Step((*SALE, *COMPLETION),  POSTED,   (K.REFUND,),              sales.refund,            POSTED),
    Step(SALE,                  POSTED,   (K.ADJUSTMENT, K.TIP),    sales.set_total,         POSTED),
    Step(COMPLETION,            POSTED,   (K.ADJUSTMENT, K.TIP),    sales.set_hold_total,    POSTED,   (CAPTURED,)),
    Step((K.PURCHASE,),         POSTED,   (K.VOID,),                sales.give_back,         VOIDED),
    Step((K.CODE_PURCHASE,),    POSTED,   (K.CODE_CANCEL,),         sales.give_back,         VOIDED),
    Step(COMPLETION,            POSTED,   (K.COMPLETION_VOID,),     holds.reopen_hold,       VOIDED,   (CAPTURED,)),
    Step((K.LOAD,),             POSTED,   (K.LOAD_VOID,),           sales.unload,            VOIDED),

    # originals, by a reversal        are      what that does                  theirs             leaves a part
    _undone(HOLD,                     HELD,    holds.release_hold,             (),                "in part"),
    _undone((K.INCREMENT,),           POSTED,  holds.shrink_hold,              (HELD,),           "in part"),
    _undone(COMPLETION,               POSTED,  holds.reopen_hold,              (CAPTURED,),       "in part"),
    _undone((K.COMPLETION_VOID,),     POSTED,  holds.capture_again,            (VOIDED, HELD)),
    _undone((K.COMPLETION_VOID,),     POSTED,  holds.charge_again,             (VOIDED, EXPIRED)),
    _undone((K.AUTHORISATION_VOID,),  POSTED,  holds.hold_again,               (VOIDED,)),
    _undone((K.PURCHASE,),            POSTED,  sales.give_back,                (),                "in part"),
    _undone((K.OFFLINE_SALE,),        POSTED,  sales.give_back,                (),                "in part"),
    _undone((K.CODE_PURCHASE,),       POSTED,  sales.give_back_and_free_code,  (),                "in part"),
    _undone((K.TRANSFER,),            POSTED,  sales.give_back_to_sender,      (),                "in part"),
    _undone(CANCEL,                   POSTED,  sales.stand_again,              (VOIDED,)),
    _undone((K.REFUND,),              POSTED,  sales.take_refund_back,         (POSTED,),         "in part"),
    _undone((K.LOAD,),                POSTED,  sales.unload_anyway,            (),                "in part"),
    _undone((K.LOAD_VOID,),           POSTED,  sales.load_again,               (VOIDED,)),
    _undone((K.ACTIVATION,),          POSTED,  sales.deactivate),
    _undone(CANCELLED,                VOIDED,  sales.leave),
)
# fmt: on

_LIFE: Final[Mapping[tuple[Kind, PaymentState, Kind], tuple[Step, ...]]] = {
    key: tuple([step for step in STEPS if key[0] in step.originals and key[1] is step.are and key[2] in step.comes])
    for key in {(original, step.are, comes) for step in STEPS for original in step.originals for comes in step.comes}
}


def step_for(comes: Kind, facts: Facts) -> Step | None:
    """Return the step that the original takes when this comes; None where nothing of the kind can come any more."""
    original = facts.original
    if original is None:
        return None
    steps = _LIFE.get((original.kind, original.state, comes), ())
    return next((step for step in steps if _are(step.theirs, facts)), None)


def _are(theirs: tuple[PaymentState, ...], facts: Facts) -> bool:
    found = (facts.parent, facts.grandparent)
    return all(payment is not None and payment.state is state for payment, state in zip(found, theirs, strict=False))


def take(
    step: Step, original: Payment, facts: Facts, remaining_minor: int, moved_minor: int = 0, *, is_last: bool = True
) -> tuple[Effect, ...]:
    """Return the effects of a step that leaves ``remaining_minor`` of its original; unless last, that goes on."""
    effects = step.does(Change(original, facts, remaining_minor, moved_minor, is_last))
    state = step.become if is_last else original.state
    hold_id = facts.journal_id if state is PaymentState.HELD else None
    if (state, remaining_minor, hold_id) == (original.state, original.current_minor, original.hold_id):
        return effects
    return (*effects, ChangePayment(original.payment_id, state, remaining_minor, hold_id))
