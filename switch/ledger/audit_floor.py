"""I3: nobody spends what is not there, but what is marked ``forced``.

Only accounts that are below their floor now are looked into, with the credit limit of today: no limit is lowered below
what is used of it. Whatever took such an account below zero, or kept it there, since it was last at zero or above,
must be forced.

Entries are replayed by their journal ids, which rise with time on each host alone. So moves within the skew of two
clocks may have come in either order, and a spend is reported only if no order explains it. The best that a spend can
have met: all credits up to a skew after it; of the spends before it by id each, since one of them was the last; and of
what was forced only that which came two skews before, once for the spend and once for the one that took its place.
"""

from __future__ import annotations

from typing import Final

from switch.ledger.audit_words import SKEW, Invariant, Query

_BY_TIME: Final = "PARTITION BY s.account_id ORDER BY s.journal_id"

FLOOR: Final = Invariant(
    "I3",
    "nothing took an account below its floor, but what is marked forced",
    Query(
        "{accounts:,} accounts, {below:,} below their floor, {forced:,} forced entries",
        """
        SELECT (SELECT count(*) FROM balance) AS accounts,
               (SELECT count(*) FROM balance WHERE ledger_minor - held_minor + credit_limit_minor < 0) AS below,
               (SELECT count(*) FROM transfer WHERE forced <> 0)
               + (SELECT count(*) FROM hold WHERE forced <> 0) AS forced""",
    ),
    broken_by=(
        Query(
            "account {account_id}: journal {journal_id} took its available amount to {available} or less, not forced, "
            "whatever came just before or after it; look at the funds rung in its trace",
            f"""
            WITH below AS (
                SELECT account_id, credit_limit_minor FROM balance
                 WHERE ledger_minor - held_minor + credit_limit_minor < 0),
            moves AS (
                SELECT credit_account_id AS account_id, journal_id, amount_minor AS minor, 0 AS forced
                  FROM transfer WHERE credit_account_id IN (SELECT account_id FROM below)
                 UNION ALL
                SELECT debit_account_id, journal_id, -amount_minor, forced
                  FROM transfer WHERE debit_account_id IN (SELECT account_id FROM below)
                 UNION ALL
                SELECT account_id, hold_id, -amount_minor, forced
                  FROM hold WHERE account_id IN (SELECT account_id FROM below)
                 UNION ALL
                SELECT h.account_id, e.journal_id, h.amount_minor, 0
                  FROM hold_end AS e JOIN hold AS h ON h.hold_id = e.hold_id
                 WHERE h.account_id IN (SELECT account_id FROM below)),
            steps AS (
                SELECT account_id, journal_id, sum(minor) AS minor, max(forced) AS forced
                  FROM moves GROUP BY account_id, journal_id),
            replay AS (
                SELECT s.account_id, s.journal_id, s.minor, s.forced,
                       b.credit_limit_minor + sum(s.minor) OVER ({_BY_TIME}) AS available,
                       b.credit_limit_minor
                       + coalesce(sum(CASE WHEN s.minor > 0 THEN s.minor END)
                                  OVER ({_BY_TIME} RANGE BETWEEN UNBOUNDED PRECEDING AND {SKEW} FOLLOWING), 0)
                       + coalesce(sum(CASE WHEN s.minor < 0 AND s.forced = 0 THEN s.minor END)
                                  OVER ({_BY_TIME}), 0)
                       + coalesce(sum(CASE WHEN s.minor < 0 AND s.forced <> 0 THEN s.minor END)
                                  OVER ({_BY_TIME} RANGE BETWEEN UNBOUNDED PRECEDING AND {2 * SKEW + 1} PRECEDING), 0)
                       AS best
                  FROM steps AS s JOIN below AS b ON b.account_id = s.account_id),
            sound AS (
                SELECT account_id, max(journal_id) AS journal_id FROM replay WHERE available >= 0 GROUP BY account_id)
            SELECT r.account_id, r.journal_id, r.best AS available
              FROM replay AS r LEFT JOIN sound AS s ON s.account_id = r.account_id
             WHERE r.minor < 0 AND r.forced = 0 AND r.best < 0 AND r.journal_id > coalesce(s.journal_id, 0)
             ORDER BY r.account_id, r.journal_id""",
        ),
    ),
    listed=(
        Query(
            "forced: transfer {journal_id}/{leg} of {amount_minor} from account {debit_account_id}",
            "SELECT * FROM transfer WHERE forced <> 0 ORDER BY journal_id, leg",
        ),
        Query(
            "forced: hold {hold_id} of {amount_minor} on account {account_id}",
            "SELECT * FROM hold WHERE forced <> 0 ORDER BY hold_id",
        ),
    ),
)
