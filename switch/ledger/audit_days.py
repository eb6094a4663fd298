"""I10: totals of batches are the ledger's; and days: statements are the ledger's movement and the clearing file.

What a settlement froze is held against what had moved when it froze: reversals, tips and adjustments that came later
are left out. It is added up from transfers, and not from the states of payments that the settlement looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Final

import orjson
import sqlalchemy as sa

from switch.errors import DatabaseError
from switch.ledger.audit_kinds import listed
from switch.ledger.audit_words import Invariant, Query
from switch.ledger.clearing import parts_of_clearing_file
from switch.ledger.packed_text import unpacked
from switch.messages.kinds import Kind
from switch.messages.settlement import DOMESTIC_PREFIX

_SALES: Final = (Kind.PURCHASE, Kind.CODE_PURCHASE, Kind.OFFLINE_SALE, Kind.COMPLETION, Kind.COMPLETION_ADVICE)
_CREDITS: Final = (Kind.VOID, Kind.CODE_CANCEL, Kind.COMPLETION_VOID, Kind.REFUND)
_DEBITS: Final = listed(_SALES)
_PARTS: Final = listed((Kind.REVERSAL, Kind.TIP, Kind.ADJUSTMENT))
_UNKNOWN: Final = "'000000'"  # sent by a terminal that was never told its batch: the open one is meant

_MOVED: Final = "CASE WHEN t.credit_account_id = m.account_id THEN t.amount_minor ELSE -t.amount_minor END"
_OF_BATCH: Final = f"""
    j.terminal_id = b.terminal_id AND j.merchant_id = b.merchant_id AND j.batch IN (b.batch, {_UNKNOWN})
    AND j.batch <> '' AND (j.batch = b.batch OR j.journal_id > b.after_id) AND j.journal_id < b.journal_id
    AND j.action = 'approved' AND j.kind IN {listed((*_SALES, *_CREDITS))}"""
_ITEM: Final = f"""
    b.terminal_id, b.merchant_id, b.batch, j.journal_id, CASE WHEN j.kind IN {_DEBITS} THEN 1 ELSE 0 END AS debit,
    CASE WHEN j.masked_pan = '' OR j.masked_pan LIKE '{DOMESTIC_PREFIX}%' THEN 1 ELSE 0 END AS domestic"""


_TOTALS: Final = tuple(
    (f"host_{'domestic' if domestic else 'foreign'}_{'debit' if debit else 'credit'}_{what}", domestic, debit, adds)
    for domestic in (1, 0)
    for debit in (1, 0)
    for what, adds in (("minor", "abs(i.minor)"), ("count", "1"))
)
_SUMS: Final = ", ".join(
    f"coalesce(sum(CASE WHEN i.domestic = {domestic} AND i.debit = {debit} THEN {adds} ELSE 0 END), 0) AS moved_{name}"
    for name, domestic, debit, adds in _TOTALS
)
_DIFFERS: Final = " OR ".join(f"b.{name} <> s.moved_{name}" for name, *_ in _TOTALS)
_NAMED: Final = ", ".join(f"b.{name}, s.moved_{name}" for name, *_ in _TOTALS)
_SAID: Final = ", ".join(f"{name[5:].replace('_', ' ')} {{{name}}} ({{moved_{name}}})" for name, *_ in _TOTALS)

BATCHES: Final = Invariant(
    "I10",
    "the totals of every settled batch are what the ledger had moved",
    Query(
        "{batches:,} settled batches, {unbalanced:,} of them not closed yet",
        """
        SELECT count(*) AS batches, coalesce(sum(CASE WHEN state = 'unbalanced' THEN 1 ELSE 0 END), 0) AS unbalanced
          FROM batch""",
    ),
    broken_by=(
        Query(
            f"batch {{batch}} of terminal {{terminal_id}}: settled as (and moved) {_SAID}",
            f"""
            WITH bounded AS (
                SELECT b.terminal_id, b.merchant_id, b.batch, b.journal_id,
                       coalesce((SELECT max(o.journal_id) FROM batch AS o
                                  WHERE o.terminal_id = b.terminal_id AND o.merchant_id = b.merchant_id
                                    AND o.journal_id < b.journal_id), 0) AS after_id
                  FROM batch AS b),
            moved AS (
                SELECT {_ITEM}, {_MOVED} AS minor
                  FROM bounded AS b
                  JOIN merchant AS m ON m.merchant_id = b.merchant_id
                  JOIN journal AS j ON {_OF_BATCH}
                  JOIN transfer AS t ON t.journal_id = j.journal_id
                 UNION ALL
                SELECT {_ITEM}, {_MOVED}
                  FROM journal AS e
                  JOIN transfer AS t ON t.journal_id = e.journal_id
                  JOIN journal AS j ON j.journal_id = e.original_id
                  JOIN merchant AS m ON m.merchant_id = j.merchant_id
                  JOIN bounded AS b ON {_OF_BATCH} AND e.journal_id < b.journal_id
                 WHERE e.kind IN {_PARTS} AND e.action = 'approved'),
            items AS (
                SELECT terminal_id, merchant_id, batch, journal_id, debit, domestic, sum(minor) AS minor
                  FROM moved GROUP BY terminal_id, merchant_id, batch, journal_id, debit, domestic
                HAVING sum(minor) <> 0),
            sums AS (
                SELECT b.terminal_id, b.merchant_id, b.batch, {_SUMS}
                  FROM batch AS b
                  LEFT JOIN items AS i
                    ON i.terminal_id = b.terminal_id AND i.merchant_id = b.merchant_id AND i.batch = b.batch
                 GROUP BY b.terminal_id, b.merchant_id, b.batch)
            SELECT b.terminal_id, b.batch, {_NAMED}
              FROM batch AS b
              JOIN sums AS s ON s.terminal_id = b.terminal_id AND s.merchant_id = b.merchant_id AND s.batch = b.batch
             WHERE {_DIFFERS}""",
        ),
    ),
)

# --- days --------------------------------------------------------------------------------------------------

_LEDGER: Final = """
    SELECT m.merchant_id, j.business_day, sum(e.minor) AS minor
      FROM (SELECT journal_id, credit_account_id AS account_id, amount_minor AS minor FROM transfer
             UNION ALL
            SELECT journal_id, debit_account_id, -amount_minor FROM transfer) AS e
      JOIN merchant AS m ON m.account_id = e.account_id
      JOIN journal AS j ON j.journal_id = e.journal_id
     GROUP BY m.merchant_id, j.business_day"""


_AMOUNT, _FEE = 10, 11  # their places among an item's fields (`switch.settlement.items.Item`)


def _contents(connection: sa.Connection) -> Iterator[str]:
    """Yield statements whose items add up to something else than their row says."""
    rows = connection.execute(
        sa.text(
            "SELECT merchant_id, business_day, gross_minor, credit_minor, fee_minor, items, content FROM statement"
        ),
        execution_options={"yield_per": 16},
    )
    for merchant_id, day, gross, credit, fee, items, content in rows:
        try:
            parsed = [(item[_AMOUNT], item[_FEE]) for item in orjson.loads(unpacked(content))["items"]]
            debits = sum(amount for amount, _ in parsed if amount > 0)
            is_so = debits, debits - sum(amount for amount, _ in parsed), sum(its for _, its in parsed), len(parsed)
        except (ValueError, KeyError, TypeError, IndexError):
            yield f"statement of merchant {merchant_id} for {day}: its content cannot be read"
            continue
        if is_so != (gross, credit, fee, items):
            yield f"statement of merchant {merchant_id} for {day}: its items do not add up to its totals"


def _hashes(connection: sa.Connection) -> Iterator[str]:
    """Yield clearing files that are not what their hash was made of."""
    rows = connection.execute(sa.text("SELECT business_day, sha256 FROM clearing_file ORDER BY business_day")).all()
    for day, digest in rows:
        found = sha256()
        try:
            for part in parts_of_clearing_file(connection, digest):
                found.update(part.encode())
        except DatabaseError:  # a part that nobody packed
            found.update(b"?")
        if found.hexdigest() != digest:
            yield f"clearing file of {day}: it was changed, its hash is another"


DAYS: Final = Invariant(
    "days",
    "the statements of a settled day are the ledger's movement on the merchants' accounts, and its clearing file",
    Query(
        "{days:,} days settled, {statements:,} statements",
        """
        SELECT (SELECT count(*) FROM clearing_file) AS days, (SELECT count(*) FROM statement) AS statements""",
    ),
    broken_by=(
        Query(
            "statement of merchant {merchant_id} for {business_day}: net {net_minor}, but {moved} moved on its account",
            f"""
            SELECT s.merchant_id, s.business_day, s.net_minor, coalesce(l.minor, 0) AS moved
              FROM statement AS s
              LEFT JOIN ({_LEDGER}) AS l ON l.merchant_id = s.merchant_id AND l.business_day = s.business_day
             WHERE s.net_minor <> coalesce(l.minor, 0)""",
        ),
        Query(
            "merchant {merchant_id}: {minor} moved on its account on {business_day}, which is settled, and there is no "
            "statement of it",
            f"""
            SELECT l.merchant_id, l.business_day, l.minor
              FROM ({_LEDGER}) AS l
              JOIN clearing_file AS f ON f.business_day = l.business_day
              LEFT JOIN statement AS s ON s.merchant_id = l.merchant_id AND s.business_day = l.business_day
             WHERE s.merchant_id IS NULL""",
        ),
        Query(
            "statement of merchant {merchant_id} for {business_day}: gross {gross_minor}, credits {credit_minor}, fees "
            "{fee_minor} of which shares {share_minor}, net {net_minor}: that does not add up",
            """
            SELECT merchant_id, business_day, gross_minor, credit_minor, fee_minor, share_minor, net_minor
              FROM statement
             WHERE net_minor <> gross_minor - credit_minor - fee_minor OR share_minor > fee_minor
                OR share_minor < 0 OR gross_minor < 0 OR credit_minor < 0""",
        ),
        Query(
            "statement of merchant {merchant_id} for {business_day}: fees {fee_minor}, of which shares {share_minor}; "
            "moved were {fees} and {shares}",
            """
            SELECT s.merchant_id, s.business_day, s.fee_minor, s.share_minor, coalesce(sum(t.amount_minor), 0) AS fees,
                   coalesce(sum(CASE WHEN a.kind = 'agent' THEN t.amount_minor ELSE 0 END), 0) AS shares
              FROM statement AS s
              LEFT JOIN transfer AS t ON t.journal_id = s.journal_id
              LEFT JOIN account AS a ON a.account_id = t.credit_account_id AND a.kind IN ('fee', 'agent')
             GROUP BY s.merchant_id, s.business_day, s.fee_minor, s.share_minor
            HAVING coalesce(sum(t.amount_minor), 0) <> s.fee_minor
                OR coalesce(sum(CASE WHEN a.kind = 'agent' THEN t.amount_minor ELSE 0 END), 0) <> s.share_minor""",
        ),
        Query(
            "journal {journal_id}: moves fees, but belongs to no statement",
            f"""
            SELECT j.journal_id FROM journal AS j
              LEFT JOIN statement AS s ON s.merchant_id = j.merchant_id AND s.business_day = j.business_day
             WHERE j.kind = '{Kind.STATEMENT}' AND (s.journal_id IS NULL OR s.journal_id <> j.journal_id)""",
        ),
        Query(
            "clearing file of {business_day}: {items} items, debits {debit_minor}, credits {credit_minor}; the "
            "statements have {stated_items}, {stated_debit} and {stated_credit}",
            """
            SELECT f.business_day, f.items, f.debit_minor, f.credit_minor, coalesce(sum(s.items), 0) AS stated_items,
                   coalesce(sum(s.gross_minor), 0) AS stated_debit, coalesce(sum(s.credit_minor), 0) AS stated_credit
              FROM clearing_file AS f
              LEFT JOIN statement AS s ON s.business_day = f.business_day
             GROUP BY f.business_day, f.items, f.debit_minor, f.credit_minor
            HAVING f.items <> coalesce(sum(s.items), 0) OR f.debit_minor <> coalesce(sum(s.gross_minor), 0)
                OR f.credit_minor <> coalesce(sum(s.credit_minor), 0)""",
        ),
        _contents,
        _hashes,
    ),
)
