"""I5: every approval has one stored answer and the effects of its kind, and no effect is without its approval.

The queries are made from the table of kinds (`switch.ledger.audit_kinds`).
"""

from __future__ import annotations

from typing import Final

from switch.ledger.audit_kinds import IMPORT, ROWS, Does, Way, kinds, listed
from switch.ledger.audit_records import RECORDS, USED_UP
from switch.ledger.audit_words import Invariant, Query
from switch.messages.kinds import Kind

_BY_THE_HOST: Final = listed((IMPORT, Kind.STATEMENT))
"""What moves money between accounts of other sorts: an import, and a merchant's fees (`switch.ledger.audit_days`)."""

_PAYS: Final = kinds(lambda row: row.pays)
_MOVES: Final = kinds(lambda row: row.moves is Does.MUST)
_HOLDS: Final = kinds(lambda row: row.holds is Does.MUST)
_ENDS: Final = kinds(lambda row: row.ends is Does.MUST)
_NAMES_AN_ORIGINAL: Final = kinds(lambda row: bool(row.about))
_IS_ABOUT: Final = " OR ".join(
    f"(j.kind = '{row.kind}' AND o.kind IN {listed(row.about)})" for row in ROWS if row.about
)

# Which way the money of a transfer goes, 1 for from the card: that of its kind, or the other of its original's.
_FROM: Final = kinds(lambda row: row.way is Way.FROM_CARD)
_TO: Final = kinds(lambda row: row.way is Way.TO_CARD)
_WAY: Final = f"""
    CASE WHEN j.kind = 'reversal'
         THEN CASE WHEN o.kind IN {_FROM} THEN -1 WHEN o.kind IN {_TO} THEN 1 ELSE 0 END
         WHEN j.kind = 'correction'
         THEN CASE WHEN j.reason = 'charge' THEN 1 ELSE -1 END
         ELSE CASE WHEN j.kind IN {_FROM} THEN 1 WHEN j.kind IN {_TO} THEN -1 ELSE 0 END END"""

_APPROVALS: Final = (
    Query(
        "journal {journal_id}: approved {kind}, but there is no payment of its amount",
        f"""
        SELECT j.journal_id, j.kind
          FROM journal AS j
          LEFT JOIN payment AS p
            ON p.payment_id = j.journal_id
           AND p.amount_minor = CASE WHEN j.kind = 'activation' THEN 0 ELSE j.amount_minor END
         WHERE j.action = 'approved' AND j.kind IN {_PAYS} AND p.payment_id IS NULL""",
    ),
    Query(
        "journal {journal_id}: approved {kind}, but its amount was not moved",
        f"""
        SELECT j.journal_id, j.kind
          FROM journal AS j
          LEFT JOIN transfer AS t ON t.journal_id = j.journal_id AND t.amount_minor = j.amount_minor
         WHERE j.action = 'approved' AND j.kind IN {_MOVES} AND t.journal_id IS NULL""",
    ),
    Query(
        "journal {journal_id}: approved {kind}, but its amount was not held",
        f"""
        SELECT j.journal_id, j.kind
          FROM journal AS j
          LEFT JOIN hold AS h
            ON h.hold_id = j.journal_id AND (h.amount_minor = j.amount_minor OR j.kind = 'increment')
         WHERE j.action = 'approved' AND j.kind IN {_HOLDS} AND h.hold_id IS NULL""",
    ),
    Query(
        "journal {journal_id}: approved {kind}, but it ended no hold",
        f"""
        SELECT j.journal_id, j.kind
          FROM journal AS j
          LEFT JOIN hold_end AS e ON e.journal_id = j.journal_id
         WHERE j.action = 'approved' AND j.kind IN {_ENDS} AND e.hold_id IS NULL""",
    ),
    Query(
        "journal {journal_id}: approved {kind}, but what it names as its original, journal {original}, is no approved "
        "request that it could be about",
        f"""
        SELECT j.journal_id, j.kind, coalesce(j.original_id, 0) AS original
          FROM journal AS j
          LEFT JOIN journal AS o
            ON o.journal_id = j.original_id AND (o.action = 'approved' OR j.kind = 'expiry')
         WHERE j.action = 'approved' AND j.kind IN {_NAMES_AN_ORIGINAL}
           AND (j.original_id IS NOT NULL OR j.kind <> 'expiry')
           AND (o.journal_id IS NULL OR NOT ({_IS_ABOUT}))""",
    ),
    Query(
        "journal {journal_id}: approved {kind}, but the stored answer lacks DE 37 or 38",
        f"""
        SELECT journal_id, kind FROM journal
         WHERE action = 'approved' AND kind IN {_PAYS} AND (rrn = '' OR approval_code = '')""",
    ),
    Query(
        "journal {journal_id}: decided, but no key leads to its stored answer",
        f"""
        SELECT journal_id FROM journal WHERE kind IN {kinds(lambda row: row.keyed)}
        EXCEPT SELECT journal_id FROM request_key""",
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
)

_PARTIES: Final = (
    Query(
        "payment {payment_id}: not of the account of its card, or of another account than its original",
        """
        SELECT p.payment_id
          FROM payment AS p
          JOIN journal AS j ON j.journal_id = p.payment_id
          LEFT JOIN payment AS o ON o.payment_id = j.original_id
          LEFT JOIN card AS c ON c.card_id = j.card_id
         WHERE p.account_id <> coalesce(o.account_id, c.account_id, 0)
            OR (o.payment_id IS NOT NULL AND p.merchant_account_id <> o.merchant_account_id)""",
    ),
    Query(
        "payment {payment_id}: not between the accounts of its card and its merchant",
        """
        SELECT p.payment_id
          FROM payment AS p
          JOIN journal AS j ON j.journal_id = p.payment_id
          LEFT JOIN merchant AS m ON m.merchant_id = j.merchant_id AND m.account_id = p.merchant_account_id
         WHERE m.merchant_id IS NULL AND j.kind <> 'transfer'""",
    ),
    Query(
        "payment {payment_id}: a transfer, but not from one cardholder's account to another's",
        """
        SELECT p.payment_id
          FROM payment AS p
          JOIN journal AS j ON j.journal_id = p.payment_id AND j.kind = 'transfer'
          LEFT JOIN account AS a ON a.account_id = p.merchant_account_id AND a.kind = 'cardholder'
         WHERE a.account_id IS NULL OR a.account_id = p.account_id""",
    ),
    Query(
        "transfer {journal_id}/{leg}: not from the one account of its payment to the other",
        f"""
        SELECT t.journal_id, t.leg
          FROM transfer AS t
          JOIN journal AS j ON j.journal_id = t.journal_id
          LEFT JOIN journal AS o ON o.journal_id = j.original_id
          LEFT JOIN payment AS own ON own.payment_id = j.journal_id
          LEFT JOIN payment AS p ON p.payment_id = coalesce(own.payment_id, j.original_id)
          LEFT JOIN card AS c ON c.card_id = j.card_id AND j.kind = 'correction'
          LEFT JOIN merchant AS m ON m.merchant_id = j.merchant_id AND j.kind = 'correction'
         WHERE j.kind NOT IN {_BY_THE_HOST}
           AND CASE WHEN t.debit_account_id = coalesce(c.account_id, p.account_id)
                     AND t.credit_account_id = coalesce(m.account_id, p.merchant_account_id) THEN ({_WAY}) < 0
                    WHEN t.debit_account_id = coalesce(m.account_id, p.merchant_account_id)
                     AND t.credit_account_id = coalesce(c.account_id, p.account_id) THEN ({_WAY}) > 0
                    ELSE 1 = 1 END""",
    ),
    Query(
        "journal {journal_id}: {times} transfers, where one entry is all that a request makes",
        f"""
        SELECT t.journal_id, t.times
          FROM (SELECT journal_id, count(*) AS times FROM transfer GROUP BY journal_id HAVING count(*) > 1) AS t
          JOIN journal AS j ON j.journal_id = t.journal_id
         WHERE j.kind NOT IN {_BY_THE_HOST}""",
    ),
)

_APPROVED_FOR_IT: Final = tuple(
    Query(
        f"{what} {{id}}: under journal {{journal_id}}, which is no approved request for it",
        f"""
        SELECT x.{id_column} AS id, x.{journal_column} AS journal_id
          FROM {what} AS x LEFT JOIN journal AS j ON j.journal_id = x.{journal_column}
         WHERE j.journal_id IS NULL OR j.action <> 'approved' OR j.kind NOT IN {allowed}""",
    )
    for what, id_column, journal_column, allowed in (
        ("payment", "payment_id", "payment_id", _PAYS),
        (
            "transfer",
            "leg",
            "journal_id",
            listed((IMPORT, Kind.STATEMENT, *(r.kind for r in ROWS if r.moves is not Does.NEVER))),
        ),
        ("hold", "hold_id", "hold_id", kinds(lambda row: row.holds is not Does.NEVER)),
        ("hold_end", "hold_id", "journal_id", kinds(lambda row: row.ends is not Does.NEVER)),
    )
)

ANSWERS: Final = Invariant(
    "I5",
    "every approval has its entries and one stored answer, and the reverse",
    Query(
        "{approvals:,} approvals of {requests:,} requests",
        f"""
        SELECT (SELECT count(*) FROM journal WHERE action = 'approved' AND kind IN {_PAYS}) AS approvals,
               (SELECT count(*) FROM journal WHERE kind <> '{IMPORT}') AS requests""",
    ),
    broken_by=(*_APPROVALS, *_PARTIES, *_APPROVED_FOR_IT, *RECORDS),
    listed=(USED_UP,),
)
