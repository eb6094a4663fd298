"""I4: a hold ends at most once, as a whole, and in the way of what ended it."""

from __future__ import annotations

from typing import Final

from switch.ledger.audit_kinds import ROWS, listed
from switch.ledger.audit_words import Invariant, Query

_IS_OPEN: Final = "NOT EXISTS (SELECT 1 FROM hold_end AS e WHERE e.hold_id = h.hold_id)"

_ENDS: Final = " OR ".join(f"(j.kind = '{row.kind}' AND e.how IN {listed(row.ends_as)})" for row in ROWS if row.ends_as)

# The authorisation that a request is about, at most three steps away: a reversal of a void of its completion.
_AUTHORISATION: Final = "coalesce({0}3.original_id, {0}2.original_id, {0}1.original_id, {0}1.journal_id)"
_TO_AUTHORISATION: Final = """
    JOIN journal AS {0}1 ON {0}1.journal_id = {1}
    LEFT JOIN journal AS {0}2 ON {0}2.journal_id = {0}1.original_id
    LEFT JOIN journal AS {0}3 ON {0}3.journal_id = {0}2.original_id"""

HOLDS: Final = Invariant(
    "I4",
    "a hold ends at most once, as a whole, by what may end it",
    Query(
        "{holds:,} holds, {ended:,} ended",
        "SELECT (SELECT count(*) FROM hold) AS holds, (SELECT count(*) FROM hold_end) AS ended",
    ),
    broken_by=(
        Query(
            "hold {hold_id}: ended {times} times, by journal {first} and {last}",
            "SELECT hold_id, count(*) AS times, min(journal_id) AS first, max(journal_id) AS last"
            "  FROM hold_end GROUP BY hold_id HAVING count(*) > 1",
        ),
        Query(
            "hold {hold_id}: ended by journal {journal_id}, but was never opened",
            """
            SELECT e.hold_id, e.journal_id FROM hold_end AS e
             WHERE NOT EXISTS (SELECT 1 FROM hold AS h WHERE h.hold_id = e.hold_id)""",
        ),
        Query(
            "hold {hold_id}: {how} by journal {journal_id}, which is {article} {kind}: that does not end it so",
            f"""
            SELECT e.hold_id, e.how, e.journal_id, j.kind,
                   CASE WHEN substr(j.kind, 1, 1) IN ('a', 'e', 'i', 'o') THEN 'an' ELSE 'a' END AS article
              FROM hold_end AS e JOIN journal AS j ON j.journal_id = e.journal_id
             WHERE NOT ({_ENDS})""",
        ),
        Query(
            "hold {hold_id}: {how} by journal {journal_id}, a reversal, but what that reverses is {article} {kind}",
            """
            SELECT e.hold_id, e.how, e.journal_id, coalesce(o.kind, 'unknown request') AS kind,
                   CASE WHEN substr(o.kind, 1, 1) IN ('a', 'e', 'i', 'o') THEN 'an' ELSE 'a' END AS article
              FROM hold_end AS e
              JOIN journal AS j ON j.journal_id = e.journal_id
              LEFT JOIN journal AS o ON o.journal_id = j.original_id
             WHERE j.kind = 'reversal'
               AND coalesce(o.kind, '') NOT IN ('authorisation', 'increment', 'completion_void')
                OR e.how = 'captured' AND j.kind = 'reversal' AND coalesce(o.kind, '') <> 'completion_void'""",
        ),
        Query(
            "hold {hold_id}: replaced by journal {journal_id}, which opens no {other} one on its account",
            """
            SELECT e.hold_id, e.journal_id, CASE WHEN j.kind = 'increment' THEN 'larger' ELSE 'smaller' END AS other
              FROM hold_end AS e
              JOIN hold AS h ON h.hold_id = e.hold_id
              JOIN journal AS j ON j.journal_id = e.journal_id
              LEFT JOIN hold AS n
                ON n.hold_id = e.journal_id AND n.account_id = h.account_id AND n.currency = h.currency
               AND CASE WHEN j.kind = 'increment' THEN n.amount_minor > h.amount_minor
                        ELSE n.amount_minor < h.amount_minor END
             WHERE e.how = 'replaced' AND n.hold_id IS NULL""",
        ),
        Query(
            "hold {hold_id}: {how} by journal {journal_id}, which opens another at once",
            """
            SELECT e.hold_id, e.how, e.journal_id
              FROM hold_end AS e JOIN hold AS n ON n.hold_id = e.journal_id
             WHERE e.how <> 'replaced'""",
        ),
        Query(
            "hold {hold_id}: open for {amount_minor}, but no held payment has that hold and amount",
            f"""
            SELECT h.hold_id, h.amount_minor
              FROM hold AS h
              LEFT JOIN payment AS p
                ON p.hold_id = h.hold_id AND p.state = 'held' AND p.current_minor = h.amount_minor
               AND p.account_id = h.account_id
             WHERE {_IS_OPEN} AND p.payment_id IS NULL""",
        ),
        Query(
            "payment {payment_id}: held, but its hold is not open",
            f"""
            SELECT p.payment_id
              FROM payment AS p LEFT JOIN hold AS h ON h.hold_id = p.hold_id
             WHERE p.state = 'held' AND (h.hold_id IS NULL OR NOT {_IS_OPEN})""",
        ),
        Query(
            "hold {hold_id}: ended by journal {journal_id}, which is about another authorisation",
            f"""
            SELECT e.hold_id, e.journal_id
              FROM hold_end AS e
              {_TO_AUTHORISATION.format("o", "e.hold_id")}
              {_TO_AUTHORISATION.format("c", "e.journal_id")}
             WHERE {_AUTHORISATION.format("o")} <> {_AUTHORISATION.format("c")}""",
        ),
        Query(
            "hold {hold_id}: in {currency}, its account in {account_currency}",
            """
            SELECT h.hold_id, h.currency, a.currency AS account_currency
              FROM hold AS h JOIN account AS a ON a.account_id = h.account_id WHERE a.currency <> h.currency""",
        ),
    ),
)
