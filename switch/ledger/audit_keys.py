"""I6: no key has two effects."""

from __future__ import annotations

from typing import Final

from switch.ledger.audit_kinds import kinds
from switch.ledger.audit_words import SKEW, Invariant, Query
from switch.ledger.ids import TAG_BITS

_KEYED: Final = kinds(lambda row: row.keyed)
_TAG: Final = (1 << TAG_BITS) - 1  # ids with one tag are of one host, whose clock tells which was first

KEYS: Final = Invariant(
    "I6",
    "no key has two effects",
    Query("{keys:,} keys", "SELECT count(*) AS keys FROM request_key"),
    broken_by=(
        Query(
            "journal {first} and {last}: {times} requests under one key (terminal {terminal_id}, STAN {stan})",
            f"""
            SELECT min(journal_id) AS first, max(journal_id) AS last, count(*) AS times, terminal_id, stan
              FROM journal
             WHERE kind IN {_KEYED}
             GROUP BY terminal_id, merchant_id, stan, local_date, substr(mti, 2, 1), batch
            HAVING count(*) > 1""",
        ),
        Query(
            "journal {journal_id}: {times} keys lead to it",
            "SELECT journal_id, count(*) AS times FROM request_key GROUP BY journal_id HAVING count(*) > 1",
        ),
        Query(
            "journal {journal_id}: the key that leads to it is another's (terminal {terminal_id}, STAN {stan})",
            """
            SELECT k.journal_id, k.terminal_id, k.stan
              FROM request_key AS k LEFT JOIN journal AS j ON j.journal_id = k.journal_id
             WHERE j.journal_id IS NULL OR k.terminal_id <> j.terminal_id OR k.merchant_id <> j.merchant_id
                OR k.stan <> j.stan OR k.local_date <> j.local_date OR k.batch <> j.batch
                OR k.message_class <> substr(j.mti, 2, 1)""",
        ),
        Query(
            "payment {payment_id}: approved although its reversal, journal {journal_id}, came first",
            f"""
            SELECT p.payment_id, s.journal_id
              FROM tombstone AS s
              JOIN request_key AS k
                ON k.terminal_id = s.terminal_id AND k.merchant_id = s.merchant_id AND k.stan = s.stan
               AND k.local_date = s.local_date AND s.message_class IN ('', k.message_class)
               AND s.batch IN ('', k.batch)
              JOIN payment AS p ON p.payment_id = k.journal_id
             WHERE s.journal_id < p.payment_id - {SKEW}
                OR (s.journal_id < p.payment_id AND (s.journal_id & {_TAG}) = (p.payment_id & {_TAG}))""",
        ),
    ),
)
