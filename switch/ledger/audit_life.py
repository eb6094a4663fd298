"""I7: each payment stands where its history leaves it, so that what was given back stays within what was taken.

A payment and all that came about it, directly or not, is a family: an authorisation, its increments, its completion,
the void of that, the reversal of the void. A family is replayed through its life (`switch.ledger.audit_steps`) until
an order is found that explains every mark and every state. Its requests are taken in the order of their journal ids,
but those within the skew of two clocks in any: ids rise with time on each host alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from switch.ledger.audit_kinds import LIVES, kinds, listed
from switch.ledger.audit_marks import Event, Life, Mark
from switch.ledger.audit_steps import step
from switch.ledger.audit_words import SKEW, Invariant, Query
from switch.messages.kinds import Kind

_TRIES_MAX: Final = 200
"""Steps tried for each request of a family before it is given up as one that nothing explains."""

_LIVES: Final = listed(LIVES)
_PAYS: Final = kinds(lambda row: row.pays)

_CORRECTS: Final = f"j.kind IN ('{Kind.ADJUSTMENT}', '{Kind.TIP}')"

_FAMILIES: Final = sa.text(
    f"""
    WITH events AS (
        SELECT j.journal_id, coalesce(g.original_id, p.original_id, j.original_id) AS root
          FROM journal AS j
          LEFT JOIN journal AS p ON p.journal_id = j.original_id
          LEFT JOIN journal AS g ON g.journal_id = p.original_id
         WHERE j.original_id IS NOT NULL AND j.action = 'approved' AND j.kind IN {_LIVES}),
    members AS (SELECT journal_id, root FROM events UNION SELECT root, root FROM events)
    SELECT m.root, j.journal_id, j.kind, j.original_id, j.amount_minor, j.card_id, j.terminal_id, j.batch,
           j.business_day,
           CASE WHEN t.credit_account_id = r.account_id THEN t.amount_minor ELSE -t.amount_minor END AS moved_minor,
           h.amount_minor AS held_minor, e.hold_id AS ended, e.how,
           p.payment_id, p.state, p.current_minor, p.refunded_minor, p.hold_id,
           CASE WHEN {_CORRECTS} THEN
                (SELECT sum(q.amount_minor) FROM adjustment AS q
                  WHERE q.payment_id = j.original_id AND q.journal_id < j.journal_id) END AS late_minor,
           CASE WHEN {_CORRECTS} THEN
                (SELECT sum(q.amount_minor) FROM adjustment AS q
                  WHERE q.payment_id = j.original_id AND q.journal_id < j.journal_id AND q.state = 'open') END
                AS waiting_minor,
           CASE WHEN {_CORRECTS} THEN
                (SELECT sum(c.amount_minor) FROM journal AS c
                  WHERE c.original_id = j.original_id AND c.journal_id < j.journal_id
                    AND c.kind = '{Kind.CORRECTION}' AND substr(c.stan, 1, 1) = 'A') END AS undone_minor,
           CASE WHEN {_CORRECTS} THEN
                (SELECT sum(c.amount_minor) FROM discrepancy AS d JOIN journal AS c ON c.journal_id = d.settled_by
                  WHERE d.journal_id = j.original_id AND c.journal_id < j.journal_id AND c.reason = 'return') END
                AS returned_minor
      FROM members AS m
      JOIN journal AS j ON j.journal_id = m.journal_id AND j.action = 'approved'
      LEFT JOIN payment AS r ON r.payment_id = m.root
      LEFT JOIN payment AS p ON p.payment_id = j.journal_id
      LEFT JOIN transfer AS t ON t.journal_id = j.journal_id
      LEFT JOIN hold AS h ON h.hold_id = j.journal_id
      LEFT JOIN hold_end AS e ON e.journal_id = j.journal_id
     WHERE j.kind IN {_PAYS} OR m.root <> j.journal_id
     ORDER BY m.root, j.journal_id"""
)


def lives(connection: sa.Connection) -> Iterator[str]:
    """Yield what no order explains, of each payment that something came about."""
    rows = connection.execute(_FAMILIES, execution_options={"yield_per": 2_000})
    for root, members in groupby(rows, key=lambda row: row.root):
        yield from _unexplained(root, {row.journal_id: row for row in members})


class _Stored(NamedTuple):
    """What the books say of a payment."""

    state: str
    current_minor: int
    refunded_minor: int
    hold_id: int | None

    def __str__(self) -> str:
        held = "" if self.hold_id is None else f" in hold {self.hold_id}"
        return f"{self.state}, {self.current_minor} left{held}, {self.refunded_minor} refunded"


def _unexplained(root: int, rows: Mapping[int, sa.Row[Any]]) -> Sequence[str]:
    """Return what is wrong with one family, nothing where some order explains it."""
    events = [_event(row) for row in rows.values()]
    stored = {row.payment_id: _stored(row) for row in rows.values() if row.payment_id is not None}
    try:
        return _Search(events, stored).problems()
    except ValueError:
        return [f"payment {root}: a business day of its history is no date"]


def _event(row: sa.Row[Any]) -> Event:
    mark = Mark(row.moved_minor or 0, row.held_minor or 0, row.ended, row.how or "")
    amount = row.amount_minor or 0
    return Event(
        row.journal_id,
        row.kind,
        row.original_id,
        amount,
        row.card_id,
        row.terminal_id,
        row.batch,
        row.business_day,
        mark,
        _given_back(row),
    )


def _given_back(row: sa.Row[Any]) -> tuple[int, int]:
    """What of its original was, or waited to be, given back when a tip or another total came: at least, and at most.

    A late reversal that was settled for the host counted until then, and when that was nobody knows.
    """
    returned = int(row.returned_minor or 0)
    return int(row.waiting_minor or 0) + int(row.undone_minor or 0) + returned, int(row.late_minor or 0) + returned


def _stored(row: sa.Row[Any]) -> _Stored:
    return _Stored(row.state, row.current_minor, row.refunded_minor, row.hold_id if row.state == "held" else None)


class _Turn(NamedTuple):
    """A family as it stands, what is still to come, and what of that may come next."""

    lives: Mapping[int, Life]
    waiting: tuple[Event, ...]
    choices: Iterator[Event]


class _Search:
    """Looks for an order of a family's events that explains the marks and states in the books."""

    def __init__(self, events: Sequence[Event], stored: Mapping[int, _Stored]) -> None:
        self._events = tuple(events)
        self._stored = stored
        self._problems: Sequence[str] = ()
        self._deepest = -1

    def problems(self) -> Sequence[str]:
        """Return nothing where an order is found, else what stood in the way of the one that came furthest."""
        tries = _TRIES_MAX * len(self._events)
        trail = [self._turn({}, self._events)]
        while trail and tries:
            turn = trail[-1]
            event = next(turn.choices, None)
            if event is None:
                trail.pop()
                continue
            tries -= 1
            after = self._after(turn.lives, event)
            if isinstance(after, str):
                self._note(len(trail) - 1, [_said(event, after)])
                continue
            waiting = tuple([other for other in turn.waiting if other is not event])
            if waiting:
                trail.append(self._turn(after, waiting))
                continue
            differing = self._differing(after)
            if not differing:
                return ()
            self._note(len(trail), differing)
        return self._problems

    def _turn(self, lives: Mapping[int, Life], waiting: tuple[Event, ...]) -> _Turn:
        last = waiting[0].journal_id + SKEW
        return _Turn(lives, waiting, iter([event for event in waiting if event.journal_id <= last]))

    def _after(self, lives: Mapping[int, Life], event: Event) -> dict[int, Life] | str:
        if event.original_id in self._stored and event.original_id not in lives:
            return "it came before its original"
        return step(lives, event)

    def _differing(self, lives: Mapping[int, Life]) -> list[str]:
        """What the books say of payments otherwise than their history; one that is missing is no business of I7."""
        found = []
        for payment_id, stored in self._stored.items():
            life = lives.get(payment_id)
            if life is None:
                continue
            replayed = _Stored(life.state, life.current_minor, life.refunded_minor, life.hold_id)
            if stored != replayed:
                found.append(f"payment {payment_id}: is {stored}; by its history it is {replayed}")
        return found

    def _note(self, depth: int, problems: Sequence[str]) -> None:
        if depth > self._deepest:
            self._deepest, self._problems = depth, problems


def _said(event: Event, problem: str) -> str:
    about = f" about journal {event.original_id}" if event.original_id is not None else ""
    return f"journal {event.journal_id}: {event.kind} of {event.amount_minor}{about}: {problem}"


_STANDS: Final = listed(("purchase", "code_purchase", "offline_sale", "transfer", "load", "authorisation"))

LIFE: Final = Invariant(
    "I7",
    "each payment stands where its history leaves it: what was given back stays within what was taken",
    Query(
        "{payments:,} payments, {undone:,} undone or reduced, {refunded:,} refunded",
        """
        SELECT count(*) AS payments,
               coalesce(sum(CASE WHEN current_minor < amount_minor THEN 1 ELSE 0 END), 0) AS undone,
               coalesce(sum(CASE WHEN refunded_minor > 0 THEN 1 ELSE 0 END), 0) AS refunded
          FROM payment""",
    ),
    broken_by=(
        Query(
            "payment {payment_id}: {state}, with {current_minor} left and {refunded_minor} refunded of {amount_minor}",
            """
            SELECT payment_id, state, current_minor, refunded_minor, amount_minor FROM payment
             WHERE refunded_minor > current_minor OR current_minor < 0 OR refunded_minor < 0
                OR (state = 'voided' AND current_minor <> 0)
                OR (state = 'reversed' AND current_minor <> refunded_minor)""",
        ),
        Query(
            "payment {payment_id}: {state}, {current_minor} of {amount_minor} left, but nothing came about it",
            f"""
            SELECT p.payment_id, p.state, p.current_minor, p.amount_minor
              FROM payment AS p
              JOIN journal AS j ON j.journal_id = p.payment_id
              LEFT JOIN (SELECT DISTINCT original_id FROM journal
                          WHERE original_id IS NOT NULL AND action = 'approved' AND kind IN {_LIVES}) AS e
                ON e.original_id = p.payment_id
             WHERE e.original_id IS NULL AND j.original_id IS NULL
               AND (p.current_minor <> p.amount_minor OR p.refunded_minor <> 0
                    OR CASE WHEN j.kind = 'authorisation' THEN p.state <> 'held' OR p.hold_id <> p.payment_id
                            ELSE p.state <> 'posted' END)""",
        ),
        lives,
    ),
    listed=(
        Query(
            "journal {journal_id}: a reversal that left payment {payment_id} standing: right only if it was in part, "
            "to the {current_minor} that were left; compare it with what the terminal sent",
            f"""
            SELECT j.journal_id, p.payment_id, p.current_minor
              FROM journal AS j
              JOIN payment AS p ON p.payment_id = j.original_id
              JOIN journal AS o ON o.journal_id = p.payment_id
              LEFT JOIN transfer AS t ON t.journal_id = j.journal_id
              LEFT JOIN hold_end AS e ON e.journal_id = j.journal_id
             WHERE j.kind = 'reversal' AND j.action = 'approved' AND o.kind IN {_STANDS}
               AND p.state IN ('posted', 'held') AND p.current_minor > p.refunded_minor
               AND t.journal_id IS NULL AND e.journal_id IS NULL""",
        ),
    ),
)
