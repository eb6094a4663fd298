"""What is kept beside the money, held against the requests that it came with: a part of I5.

An authorisation is found by its approval code, a pay code is used by a purchase, a chip's counter rises with its
requests, and what terminals upload belongs to the message that brought it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Final

import orjson
import sqlalchemy as sa

from switch.ledger.audit_kinds import UPLOADS
from switch.ledger.audit_words import Query

_BROUGHT: Final = " OR ".join(f"(u.what = '{what}' AND j.kind = '{kind}')" for what, kind in UPLOADS.items())

_VERIFIED: Final = sa.text(
    """
    SELECT j.card_id, j.journal_id, j.kind, j.action, c.content, coalesce(s.atc, -1) AS kept
      FROM chip_record AS c
      JOIN journal AS j ON j.journal_id = c.journal_id
      LEFT JOIN card_security AS s ON s.card_id = j.card_id
     WHERE j.card_id IS NOT NULL AND c.content LIKE '%"cryptogram":"right"%'
     ORDER BY j.card_id, j.journal_id"""
)


def chip_counters(connection: sa.Connection) -> Iterator[str]:
    """Yield the cards whose highest counter is not that of the cryptograms that were verified, or was taken twice.

    A right cryptogram raises it where the request was approved. Where that was declined, it did or did not, as the
    ladder had come to the counter already or not: such a one bounds it from above only.
    """
    rows = connection.execute(_VERIFIED, execution_options={"yield_per": 1_000})
    for card_id, records in groupby(rows, key=lambda row: row.card_id):
        approved: dict[int, int] = {}
        highest, kept = -1, -1
        for row in records:
            kept, counter = row.kept, orjson.loads(row.content).get("atc", -1)
            highest = max(highest, counter)
            if row.action != "approved":
                continue
            if counter in approved and row.kind in ("purchase", "authorisation"):
                first = approved[counter]
                yield f"card {card_id}: journal {row.journal_id} has the chip's counter of journal {first}, {counter}"
            approved[counter] = row.journal_id
        needed = max(approved, default=-1)
        if kept < needed:
            where = f"journal {approved[needed]}"
            yield f"card {card_id}: its highest counter is kept as {kept}, but {where} was approved with {needed}"
        elif kept > highest:
            yield f"card {card_id}: its highest counter is kept as {kept}, the highest that was verified is {highest}"


RECORDS: Final = (
    Query(
        "journal {journal_id}: an approved authorisation that its completion would not find by its approval code",
        """
        SELECT j.journal_id
          FROM journal AS j
          LEFT JOIN authorisation AS a
            ON a.journal_id = j.journal_id AND a.merchant_id = j.merchant_id AND a.approval_code = j.approval_code
         WHERE j.kind = 'authorisation' AND j.action = 'approved' AND a.journal_id IS NULL""",
    ),
    Query(
        "authorisation of journal {journal_id}: that is no approved authorisation with this merchant and approval code",
        """
        SELECT a.journal_id
          FROM authorisation AS a
          LEFT JOIN journal AS j
            ON j.journal_id = a.journal_id AND j.merchant_id = a.merchant_id AND j.approval_code = a.approval_code
           AND j.kind = 'authorisation' AND j.action = 'approved'
         WHERE j.journal_id IS NULL""",
    ),
    Query(
        "pay code of card {card_id}: used by journal {used_by}, which is no approved purchase by pay code of that card",
        """
        SELECT c.card_id, c.used_by
          FROM pay_code AS c
          LEFT JOIN journal AS j
            ON j.journal_id = c.used_by AND j.kind = 'code_purchase' AND j.action = 'approved'
           AND j.card_id = c.card_id
         WHERE c.used_by IS NOT NULL AND j.journal_id IS NULL""",
    ),
    Query(
        "pay code of card {card_id}: used by journal {used_by} when it had expired",
        """
        SELECT c.card_id, c.used_by
          FROM pay_code AS c JOIN journal AS j ON j.journal_id = c.used_by
         WHERE j.decided_at > c.expires_at""",
    ),
    Query(
        "journal {used_by}: one purchase by pay code that has used {times} codes of card {card_id}",
        """
        SELECT used_by, count(*) AS times, min(card_id) AS card_id
          FROM pay_code WHERE used_by IS NOT NULL GROUP BY used_by HAVING count(*) > 1""",
    ),
    Query(
        "upload of journal {journal_id}: a {what}, but no approved request brought it",
        f"""
        SELECT u.journal_id, u.what
          FROM upload AS u LEFT JOIN journal AS j ON j.journal_id = u.journal_id
         WHERE j.journal_id IS NULL OR j.action <> 'approved' OR NOT ({_BROUGHT})""",
    ),
    Query(
        "upload of journal {journal_id}: about journal {original_id}, which is not what its message is about",
        """
        SELECT u.journal_id, u.original_id
          FROM upload AS u JOIN journal AS j ON j.journal_id = u.journal_id
         WHERE coalesce(u.original_id, 0) <> coalesce(j.original_id, 0)""",
    ),
    Query(
        "chip record of journal {journal_id}: there is no such request",
        "SELECT journal_id FROM chip_record EXCEPT SELECT journal_id FROM journal WHERE kind <> 'import'",
    ),
    Query(
        "adjustment of journal {journal_id}: it waits for payment {payment_id}, which its message is not about",
        """
        SELECT a.journal_id, a.payment_id
          FROM adjustment AS a LEFT JOIN journal AS j ON j.journal_id = a.journal_id AND j.original_id = a.payment_id
         WHERE j.journal_id IS NULL""",
    ),
    Query(
        "card {card_id}: its highest counter is kept as {atc}, but no cryptogram of it was ever verified",
        """
        SELECT s.card_id, s.atc
          FROM card_security AS s
          LEFT JOIN (SELECT DISTINCT j.card_id
                       FROM chip_record AS c JOIN journal AS j ON j.journal_id = c.journal_id
                      WHERE c.content LIKE '%"cryptogram":"right"%') AS v ON v.card_id = s.card_id
         WHERE s.atc >= 0 AND v.card_id IS NULL""",
    ),
    chip_counters,
)

USED_UP: Final = Query(
    "pay code of card {card_id}: used up by journal {used_by}, which was reversed without it: it stays used",
    """
    SELECT c.card_id, c.used_by
      FROM pay_code AS c JOIN payment AS p ON p.payment_id = c.used_by
     WHERE p.state = 'reversed' AND c.single_use <> 0""",
)
