"""What a terminal and the books disagree about, settled by an operator: at most once, whatever fails on the way.

Two things wait for an operator: a discrepancy of an uploaded batch, and a reversal that came when its day was closed
(an adjustment). Who is right, an operator says:

    the books       nothing is posted; what waited is marked settled
    the terminal    a correction moves the difference between card and merchant, forced, and what waited is marked

The row that waits is locked first; correction and mark are one commit, so there is never one without the other. And
each correction claims a key of its own, made from what it settles, like the key of any request: where one is in the
books already, it is found and not made again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from switch.decisions import Needs
from switch.decisions.closing import Right
from switch.errors import NotInBooks, OperatorError
from switch.ledger.batches import CANCELS, REFUNDS, SALES
from switch.ledger.entry import Entry
from switch.ledger.group import Rules, settle
from switch.ledger.one_commit import in_one_commit
from switch.ledger.ports import Clock, Ids, PanVault
from switch.ledger.rows import date_of
from switch.ledger.statements import Change, Query, Session
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.model import OriginalReference, Request
from switch.messages.references import rrn_of
from switch.values import Money

CHARGE: Final = "charge"
RETURN: Final = "return"
"""What a correction does to the card, as `switch.transactions.settling` reads it in the request's reason."""

_OTHER_WAY: Final = {CHARGE: RETURN, RETURN: CHARGE}
_MTI: Final = "0220"  # no message is behind it; it has happened already, so it would be an advice
_FROM_CARD: Final = frozenset({*SALES, Kind.LOAD_VOID})
_TO_CARD: Final = frozenset({*CANCELS, *REFUNDS, Kind.LOAD})


class Posted(NamedTuple):
    """A correction: ``does`` is `CHARGE` or `RETURN`, of the card."""

    journal_id: int
    does: str
    amount: Money
    masked_pan: str


class Resolved(NamedTuple):
    """What became of it. ``is_new`` is False where it was settled before, and nothing has changed now.

    ``settled_by`` is the journal id of the correction, None where the books were right; or where, of an adjustment
    that was settled before, it is not known.
    """

    is_new: bool
    settled_by: int | None
    posted: tuple[Posted, ...] = ()


@dataclass(frozen=True, slots=True)
class Desk:
    """What corrections are made with: as a `switch.ledger.store.Store` has it, and the vault for the card's number."""

    connect: Callable[[], Session]
    rules: Rules
    vault: PanVault
    clock: Clock
    ids: Ids


def settle_discrepancy(
    desk: Desk, discrepancy_id: int, right: Right, because: str = "", *, is_credit: bool = False
) -> Resolved:
    """Settle one difference between a batch and its upload.

    ``is_credit``: what the terminal has beyond the books gave money back (a refund); an upload does not say which way
    money went, and else it is taken for a sale. Raises `NotInBooks`, `OperatorError` where no correction can be made
    (nothing has changed then), and `DatabaseError`.
    """

    def work(session: Session) -> Resolved:
        (rows,) = session.read((_DISCREPANCY, [(discrepancy_id,)]))
        if not rows:
            raise NotInBooks(f"discrepancy {discrepancy_id} is not in the books")
        found = _Discrepancy(*rows[0])
        if found.state != "open":
            return Resolved(is_new=False, settled_by=found.settled_by)
        posted = _post(desk, session, found.corrections(is_credit=is_credit)) if right is Right.TERMINAL else ()
        settled_by = posted[-1].journal_id if posted else None
        session.change(_DISCREPANCY_SETTLED, [(discrepancy_id, "settled", settled_by, because)])
        session.flush()
        return Resolved(is_new=True, settled_by=settled_by, posted=posted)

    return in_one_commit(desk.connect, "the correction", work)


def settle_adjustment(desk: Desk, journal_id: int, right: Right, because: str = "") -> Resolved:
    """Settle a reversal that came too late, by the journal id under which it waits. Raises as `settle_discrepancy`.

    The terminal is right: what the reversal asked for is done now, by a correction.
    """

    def work(session: Session) -> Resolved:
        (rows,) = session.read((_ADJUSTMENT, [(journal_id,)]))
        if not rows:
            raise NotInBooks(f"no adjustment waits under journal {journal_id}")
        found = _Adjustment(*rows[0])
        if found.state != "open":
            return Resolved(is_new=False, settled_by=None)
        posted = _post(desk, session, (found.correction(),)) if right is Right.TERMINAL else ()
        session.change(_ADJUSTMENT_SETTLED, [(journal_id, "settled", found.why_settled(right, because))])
        session.flush()
        return Resolved(is_new=True, settled_by=posted[-1].journal_id if posted else None, posted=posted)

    return in_one_commit(desk.connect, "the correction", work)


# --- what has to be posted ---------------------------------------------------------------------------------


class _Correction(NamedTuple):
    """One correction to be made. ``key`` stands where requests have their STAN: no terminal sends one like it."""

    key: str
    does: str
    amount_minor: int
    pan_key: bytes
    terminal_id: str
    merchant_id: str
    batch: str
    day: int  # part of the key: always the same for what is settled
    currency: str
    about: int | None = None  # the payment; of a discrepancy its row names it, and the card may be another


class Step(NamedTuple):
    """One correction of several: ``does`` is `CHARGE` or `RETURN`, of the books' own card or of the terminal's."""

    letter: str
    does: str
    amount_minor: int
    is_ours: bool = False


def steps_of(
    kind: str | None, host_minor: int, terminal_minor: int, *, is_other_card: bool, is_credit: bool
) -> tuple[Step, ...]:
    """Return what accepting the terminal's word posts; ``kind`` is the books', None where they have nothing.

    Raises `OperatorError` for a kind that no correction puts right.
    """
    does = (RETURN if is_credit else CHARGE) if kind is None else _way_of(kind)
    if host_minor and terminal_minor and is_other_card:
        return Step("R", _OTHER_WAY[does], host_minor, is_ours=True), Step("D", does, terminal_minor)
    difference = terminal_minor - host_minor
    return (Step("D", does if difference > 0 else _OTHER_WAY[does], abs(difference)),)


class _Discrepancy(NamedTuple):
    id: int
    state: str
    settled_by: int | None
    terminal_id: str
    merchant_id: str
    batch: str
    day: int
    currency: str
    journal_id: int | None
    kind: str | None
    host_minor: int | None
    terminal_minor: int | None
    terminal_pan_key: bytes | None
    host_pan_key: bytes | None

    def corrections(self, *, is_credit: bool) -> tuple[_Correction, ...]:
        """What makes the books say what the terminal says: of two cards, first the one, then the other."""
        its_card, our_card = bytes(self.terminal_pan_key or b""), bytes(self.host_pan_key or b"")
        is_other_card = bool(its_card and our_card) and its_card != our_card
        return tuple(
            self._correction(
                step.letter, step.does, step.amount_minor, our_card if step.is_ours else its_card or our_card
            )
            for step in steps_of(
                self.kind,
                self.host_minor or 0,
                self.terminal_minor or 0,
                is_other_card=is_other_card,
                is_credit=is_credit,
            )
        )

    def _correction(self, letter: str, does: str, amount_minor: int, pan_key: bytes) -> _Correction:
        of = (self.terminal_id, self.merchant_id, self.batch, self.day, self.currency)
        return _Correction(f"{letter}{rrn_of(self.id)}", does, amount_minor, pan_key, *of)


class _Adjustment(NamedTuple):
    journal_id: int
    state: str
    why: str
    amount_minor: int
    payment_id: int
    kind: str
    terminal_id: str
    merchant_id: str
    batch: str
    day: int
    currency: str
    pan_key: bytes | None

    def correction(self) -> _Correction:
        """What the reversal asked for."""
        return _Correction(
            f"A{rrn_of(self.journal_id)}",
            _OTHER_WAY[_way_of(self.kind)],
            self.amount_minor,
            bytes(self.pan_key or b""),
            self.terminal_id,
            self.merchant_id,
            self.batch,
            self.day,
            self.currency,
            self.payment_id,
        )

    def why_settled(self, right: Right, because: str) -> str:
        said = {Right.HOST: "the books were right", Right.TERMINAL: "the terminal was right"}[right]
        return f"{self.why}; {said}" + (f": {because}" if because else "")


def _way_of(kind: str) -> str:
    """Return what a transaction of this kind does to the card."""
    if kind in _FROM_CARD:
        return CHARGE
    if kind in _TO_CARD:
        return RETURN
    raise OperatorError(
        f"a correction moves money between a card and a merchant, which {kind} does not; what it holds or moved "
        "is undone in its own way (a hold by the merchant's cancel, or by its expiry); then accept the host"
    )


# --- posting them --------------------------------------------------------------------------------------------


def _post(desk: Desk, session: Session, corrections: tuple[_Correction, ...]) -> tuple[Posted, ...]:
    """Decide and write corrections as one group. Raises `OperatorError` where one is refused."""
    entries = [_entry(desk, session, correction) for correction in corrections]
    rules = replace(desk.rules, needs=_keyed(desk.rules.needs))
    posted = []
    for correction, settled in zip(corrections, settle(session, entries, rules, desk.clock()), strict=True):
        reply, pan = settled.reply, settled.entry.request.pan
        if reply is None or reply.action is not Action.APPROVED or settled.journal_id is None:
            raise OperatorError(f"no correction can be posted: {settled.because}")
        amount = Money(correction.amount_minor, correction.currency)
        posted.append(Posted(settled.journal_id, correction.does, amount, pan.masked if pan else ""))
    return tuple(posted)


def _keyed(needs: Mapping[Kind, Needs]) -> Mapping[Kind, Needs]:
    return {**needs, Kind.CORRECTION: replace(needs[Kind.CORRECTION], keyed=True, original=True, any_card=True)}


def _entry(desk: Desk, session: Session, correction: _Correction) -> Entry:
    (cards,) = session.read((_CARD, [(correction.pan_key,)])) if correction.pan_key else ((),)
    if not cards:
        named = "its card is not in the books" if correction.pan_key else "nobody named its card"
        raise OperatorError(f"no correction can be posted: {named}; accept the host, and settle it outside")
    sealed, key_version = cards[0]
    pan = desk.vault.open(bytes(sealed), key_version)
    request = Request(
        kind=Kind.CORRECTION,
        mti=_MTI,
        processing_code="",
        terminal_id=correction.terminal_id,
        merchant_id=correction.merchant_id,
        stan=correction.key,
        batch=correction.batch,
        local_date=date_of(correction.day),
        has_local_date=True,
        local_time="",
        received_at=desk.clock(),
        pan=pan,
        expiry_yymm="",
        amount_minor=correction.amount_minor,
        currency=correction.currency,
        entry_mode="",
        condition_code="",
        rrn="",
        reason=correction.does,
        new_amount_minor=None,
        original=_named(correction.about),
    )
    return Entry(request, desk.ids(), correction.pan_key)


def _named(journal_id: int | None) -> OriginalReference | None:
    return None if journal_id is None else OriginalReference("", "", None, "", "", "", journal_id)


# --- its SQL -----------------------------------------------------------------------------------------------

_ID: Final[Any] = (("id", "bigint"),)

_DISCREPANCY: Final = Query(
    given=_ID,
    columns=(
        *("d.id", "d.state", "d.settled_by", "d.terminal_id", "d.merchant_id", "d.batch", "b.business_day"),
        *("m.currency", "d.journal_id", "j.kind", "d.host_minor", "d.terminal_minor", "d.pan_key"),
        "coalesce(c.pan_key, j.pan_key)",
    ),
    source="discrepancy AS d ON d.id = g.id"
    " JOIN batch AS b ON b.terminal_id = d.terminal_id AND b.merchant_id = d.merchant_id AND b.batch = d.batch"
    " JOIN merchant AS m ON m.merchant_id = d.merchant_id"
    " LEFT JOIN journal AS j ON j.journal_id = d.journal_id"
    " LEFT JOIN card AS c ON c.card_id = j.card_id",  # of a payment by code too
    lock=("d", "id"),
)

_ADJUSTMENT: Final = Query(
    given=_ID,
    columns=(
        *("q.journal_id", "q.state", "q.why", "q.amount_minor", "q.payment_id", "j.kind", "j.terminal_id"),
        *("j.merchant_id", "j.batch", "j.business_day", "a.currency", "coalesce(c.pan_key, j.pan_key)"),
    ),
    source="adjustment AS q ON q.journal_id = g.id"
    " JOIN journal AS j ON j.journal_id = q.payment_id"
    " JOIN payment AS p ON p.payment_id = q.payment_id"
    " JOIN account AS a ON a.account_id = p.account_id"
    " LEFT JOIN card AS c ON c.card_id = j.card_id",
    lock=("q", "journal_id"),
)

_CARD: Final = Query(
    given=(("pan_key", "bytea"),),
    columns=("c.pan_sealed", "c.key_version"),
    source="card AS c ON c.pan_key = g.pan_key",
)

_DISCREPANCY_SETTLED: Final = Change("discrepancy", ("id",), ("state", "settled_by", "because"))
_ADJUSTMENT_SETTLED: Final = Change("adjustment", ("journal_id",), ("state", "why"))
