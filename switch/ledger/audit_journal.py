"""The invariants of what was decided: I4 holds, I5 answers, I6 keys, I7 payments."""

from __future__ import annotations

from typing import Final

from switch.ledger.audit_words import Invariant, Query

_IS_OPEN: Final = "NOT EXISTS (SELECT 1 FROM hold_end AS e WHERE e.hold_id = h.hold_id)"
_MONEY_KINDS: Final = "('purchase', 'authorisation', 'refund')"
_KEYED_KINDS: Final = "('purchase', 'authorisation', 'refund', 'reversal', 'balance')"
_IS_APPROVAL: Final = f"j.action = 'approved' AND j.kind IN {_MONEY_KINDS}"

_I4: Final = Invariant(
    "I4",
    "a hold ends at most once, and as a whole",
    Query(
        "{holds:,} holds, {ended:,} ended",
        "SELECT (SELECT count(*) FROM hold) AS holds, (SELECT count(*) FROM hold_end) AS ended",
    ),
    broken_by=(
        Query(
            "hold {hold_id}: ended {times} times",
            "SELECT hold_id, count(*) AS times FROM hold_end GROUP BY hold_id HAVING count(*) > 1",
        ),
        Query(
            "hold {hold_id}: ended by journal {journal_id}, but was never opened",
            """
            SELECT e.hold_id, e.journal_id FROM hold_end AS e
             WHERE NOT EXISTS (SELECT 1 FROM hold AS h WHERE h.hold_id = e.hold_id)""",
        ),
        Query(
            "hold {hold_id}: replaced by journal {journal_id}, which opens no smaller one",
            """
            SELECT e.hold_id, e.journal_id
              FROM hold_end AS e JOIN hold AS h ON h.hold_id = e.hold_id
              LEFT JOIN hold AS smaller
                ON smaller.hold_id = e.journal_id AND smaller.account_id = h.account_id
               AND smaller.currency = h.currency AND smaller.amount_minor < h.amount_minor
             WHERE e.how = 'replaced' AND smaller.hold_id IS NULL""",
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
            "hold {hold_id}: ended by journal {journal_id}, which is about another payment",
            """
            SELECT e.hold_id, e.journal_id
              FROM hold_end AS e
              JOIN journal AS opening ON opening.journal_id = e.hold_id
              JOIN journal AS ending ON ending.journal_id = e.journal_id
             WHERE coalesce(ending.original_id, 0)
                   <> CASE WHEN opening.kind = 'reversal' THEN opening.original_id ELSE opening.journal_id END""",
        ),
        Query(
            "hold {hold_id}: in {currency}, its account in {account_currency}",
            """
            SELECT h.hold_id, h.currency, a.currency AS account_currency
              FROM hold AS h JOIN account AS a ON a.account_id = h.account_id WHERE a.currency <> h.currency""",
        ),
    ),
)

_I5: Final = Invariant(
    "I5",
    "every approval has its entries and one stored answer, and the reverse",
    Query(
        "{approvals:,} approvals of {requests:,} requests",
        f"""
        SELECT (SELECT count(*) FROM journal AS j WHERE {_IS_APPROVAL}) AS approvals,
               (SELECT count(*) FROM journal AS j WHERE j.kind <> 'import') AS requests""",
    ),
    broken_by=(
        Query(
            "journal {journal_id}: approved {kind}, but there is no payment of its amount",
            f"""
            SELECT j.journal_id, j.kind
              FROM journal AS j
              LEFT JOIN payment AS p ON p.payment_id = j.journal_id AND p.amount_minor = j.amount_minor
             WHERE {_IS_APPROVAL} AND p.payment_id IS NULL""",
        ),
        Query(
            "journal {journal_id}: approved {kind}, but its amount was not {moved}",
            f"""
            SELECT j.journal_id, j.kind, CASE WHEN j.kind = 'authorisation' THEN 'held' ELSE 'moved' END AS moved
              FROM journal AS j
              LEFT JOIN transfer AS t
                ON t.journal_id = j.journal_id AND t.amount_minor = j.amount_minor AND j.kind <> 'authorisation'
              LEFT JOIN hold AS h
                ON h.hold_id = j.journal_id AND h.amount_minor = j.amount_minor AND j.kind = 'authorisation'
             WHERE {_IS_APPROVAL} AND t.journal_id IS NULL AND h.hold_id IS NULL""",
        ),
        Query(
            "payment {payment_id}: not between the accounts of its card and its merchant",
            """
            SELECT p.payment_id
              FROM payment AS p
              JOIN journal AS j ON j.journal_id = p.payment_id
              LEFT JOIN card AS c ON c.card_id = j.card_id AND c.account_id = p.account_id
              LEFT JOIN merchant AS m ON m.merchant_id = j.merchant_id AND m.account_id = p.merchant_account_id
             WHERE c.card_id IS NULL OR m.merchant_id IS NULL""",
        ),
        Query(
            "transfer {journal_id}/{leg}: not from the one account of its payment to the other, or not the only one",
            """
            SELECT t.journal_id, t.leg
              FROM transfer AS t
              JOIN journal AS j ON j.journal_id = t.journal_id
              LEFT JOIN payment AS p
                ON p.payment_id = CASE WHEN j.kind = 'reversal' THEN j.original_id ELSE j.journal_id END
              LEFT JOIN journal AS o ON o.journal_id = p.payment_id
             WHERE j.kind <> 'import'
               AND (p.payment_id IS NULL
                    OR EXISTS (SELECT 1 FROM transfer AS other
                                WHERE other.journal_id = t.journal_id AND other.leg <> t.leg)
                    OR CASE WHEN (o.kind = 'refund') = (j.kind = 'reversal')
                            THEN t.debit_account_id <> p.account_id OR t.credit_account_id <> p.merchant_account_id
                            ELSE t.debit_account_id <> p.merchant_account_id OR t.credit_account_id <> p.account_id
                       END)""",
        ),
        Query(
            "journal {journal_id}: approved {kind}, but the stored answer lacks DE 37 or 38",
            f"SELECT j.journal_id, j.kind FROM journal AS j WHERE {_IS_APPROVAL} AND (rrn = '' OR approval_code = '')",
        ),
        Query(
            "journal {journal_id}: decided, but no key leads to its stored answer",
            f"SELECT journal_id FROM journal WHERE kind IN {_KEYED_KINDS} EXCEPT SELECT journal_id FROM request_key",
        ),
        Query(
            "journal {journal_id}: a reversal of what never came, but nothing of its terminal is buried",
            """
            SELECT j.journal_id
              FROM journal AS j
             WHERE j.kind = 'reversal' AND j.action = 'approved' AND j.original_id IS NULL
               AND NOT EXISTS (SELECT 1 FROM tombstone AS s
                                WHERE s.terminal_id = j.terminal_id AND s.merchant_id = j.merchant_id)""",
        ),
        *(
            Query(
                f"{what} {{id}}: under journal {{journal_id}}, which is no approved request for it",
                f"""
                SELECT x.{id_column} AS id, x.{journal_column} AS journal_id
                  FROM {what} AS x LEFT JOIN journal AS j ON j.journal_id = x.{journal_column}
                 WHERE j.journal_id IS NULL OR j.action <> 'approved' OR j.kind NOT IN ({kinds})""",
            )
            for what, id_column, journal_column, kinds in (
                ("payment", "payment_id", "payment_id", "'purchase', 'authorisation', 'refund'"),
                ("transfer", "leg", "journal_id", "'purchase', 'refund', 'reversal', 'import'"),
                ("hold", "hold_id", "hold_id", "'authorisation', 'reversal'"),
                ("hold_end", "hold_id", "journal_id", "'reversal'"),
            )
        ),
    ),
)

_I6: Final = Invariant(
    "I6",
    "no key has two effects",
    Query("{keys:,} keys", "SELECT count(*) AS keys FROM request_key"),
    broken_by=(
        Query(
            "journal {first} and {last}: {times} requests under one key (terminal {terminal_id}, STAN {stan})",
            f"""
            SELECT min(journal_id) AS first, max(journal_id) AS last, count(*) AS times, terminal_id, stan
              FROM journal
             WHERE kind IN {_KEYED_KINDS}
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
            """
            SELECT p.payment_id, s.journal_id
              FROM tombstone AS s
              JOIN request_key AS k
                ON k.terminal_id = s.terminal_id AND k.merchant_id = s.merchant_id AND k.stan = s.stan
               AND k.local_date = s.local_date AND s.message_class IN ('', k.message_class)
               AND s.batch IN ('', k.batch)
              JOIN payment AS p ON p.payment_id = k.journal_id
             WHERE s.journal_id < p.payment_id""",
        ),
    ),
)

_UNDONE: Final = """
    (SELECT j.original_id AS payment_id,
            sum(CASE WHEN t.credit_account_id = p.account_id THEN t.amount_minor ELSE -t.amount_minor END)
            * CASE WHEN o.kind = 'refund' THEN -1 ELSE 1 END AS minor
       FROM journal AS j
       JOIN transfer AS t ON t.journal_id = j.journal_id
       JOIN payment AS p ON p.payment_id = j.original_id
       JOIN journal AS o ON o.journal_id = j.original_id
      WHERE j.kind = 'reversal'
      GROUP BY j.original_id, o.kind)"""
_REFUNDED: Final = """
    (SELECT j.original_id AS payment_id, sum(r.current_minor) AS minor
       FROM payment AS r JOIN journal AS j ON j.journal_id = r.payment_id
      WHERE j.kind = 'refund' GROUP BY j.original_id)"""

_I7: Final = Invariant(
    "I7",
    "reversed and refunded amounts together stay within the original",
    Query(
        "{payments:,} payments, {undone:,} reversed or reduced, {refunded:,} refunded",
        """
        SELECT count(*) AS payments,
               coalesce(sum(CASE WHEN current_minor < amount_minor THEN 1 ELSE 0 END), 0) AS undone,
               coalesce(sum(CASE WHEN refunded_minor > 0 THEN 1 ELSE 0 END), 0) AS refunded
          FROM payment""",
    ),
    broken_by=(
        Query(
            "payment {payment_id}: of {amount_minor}, but {undone} reversed and {refunded} refunded",
            f"""
            SELECT p.payment_id, p.amount_minor, coalesce(u.minor, 0) AS undone, coalesce(r.minor, 0) AS refunded
              FROM payment AS p
              LEFT JOIN {_UNDONE} AS u ON u.payment_id = p.payment_id
              LEFT JOIN {_REFUNDED} AS r ON r.payment_id = p.payment_id
             WHERE coalesce(u.minor, 0) + coalesce(r.minor, 0) > p.amount_minor""",
        ),
        Query(
            "payment {payment_id}: says that {current_minor} is left, its reversals leave {replayed}",
            f"""
            SELECT p.payment_id, p.current_minor, p.amount_minor - coalesce(u.minor, 0) AS replayed
              FROM payment AS p
              JOIN journal AS j ON j.journal_id = p.payment_id
              LEFT JOIN {_UNDONE} AS u ON u.payment_id = p.payment_id
             WHERE j.kind <> 'authorisation' AND p.current_minor <> p.amount_minor - coalesce(u.minor, 0)""",
        ),
        Query(
            "payment {payment_id}: says that {refunded_minor} was refunded, its refunds sum to {replayed}",
            f"""
            SELECT p.payment_id, p.refunded_minor, coalesce(r.minor, 0) AS replayed
              FROM payment AS p LEFT JOIN {_REFUNDED} AS r ON r.payment_id = p.payment_id
             WHERE p.refunded_minor <> coalesce(r.minor, 0)""",
        ),
        Query(
            "payment {payment_id}: {state}, with {current_minor} of {amount_minor} left",
            """
            SELECT payment_id, state, current_minor, amount_minor FROM payment
             WHERE current_minor > amount_minor OR current_minor < 0 OR refunded_minor < 0
                OR (state = 'reversed' AND current_minor <> refunded_minor)
                OR (state <> 'reversed' AND current_minor = 0)""",
        ),
    ),
)

JOURNAL_INVARIANTS: Final = (_I4, _I5, _I6, _I7)
