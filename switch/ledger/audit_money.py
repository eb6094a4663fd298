"""The invariants of money: I1 every entry has two sides, I2 balances and counters are sums."""

from __future__ import annotations

from typing import Final

from switch.ledger.audit_counters import CARD_DAYS, SPENDING
from switch.ledger.audit_words import Invariant, Query

ENTRIES: Final = Invariant(
    "I1",
    "debits equal credits, in every currency and every transfer",
    Query(
        "{transfers:,} transfers in {currencies} currencies",
        "SELECT count(*) AS transfers, count(DISTINCT currency) AS currencies FROM transfer",
    ),
    broken_by=(
        Query(
            "currency {currency}: debits {debits:,}, credits {credits:,}",
            """
            SELECT currency, sum(debit) AS debits, sum(credit) AS credits
              FROM (SELECT a.currency, t.amount_minor AS debit, 0 AS credit
                      FROM transfer AS t JOIN account AS a ON a.account_id = t.debit_account_id
                     UNION ALL
                    SELECT a.currency, 0, t.amount_minor
                      FROM transfer AS t JOIN account AS a ON a.account_id = t.credit_account_id) AS sides
             GROUP BY currency HAVING sum(debit) <> sum(credit) ORDER BY currency""",
        ),
        Query(
            "transfer {journal_id}/{leg}: one of its accounts does not exist",
            """
            SELECT t.journal_id, t.leg
              FROM transfer AS t
              LEFT JOIN account AS d ON d.account_id = t.debit_account_id
              LEFT JOIN account AS c ON c.account_id = t.credit_account_id
             WHERE d.account_id IS NULL OR c.account_id IS NULL""",
        ),
        Query(
            "transfer {journal_id}/{leg}: in {currency}, its accounts in {debit} and {credit}",
            """
            SELECT t.journal_id, t.leg, t.currency, d.currency AS debit, c.currency AS credit
              FROM transfer AS t
              JOIN account AS d ON d.account_id = t.debit_account_id
              JOIN account AS c ON c.account_id = t.credit_account_id
             WHERE d.currency <> t.currency OR c.currency <> t.currency""",
        ),
        Query(
            "transfer {journal_id}/{leg}: moves {amount_minor}, between accounts {debit_account_id} and "
            "{credit_account_id}",
            "SELECT * FROM transfer WHERE amount_minor <= 0 OR debit_account_id = credit_account_id",
        ),
    ),
)

BALANCES: Final = Invariant(
    "I2",
    "balances and daily counters equal their replay",
    Query(
        "{balances:,} balances, {counters:,} counters",
        "SELECT (SELECT count(*) FROM balance) AS balances, (SELECT count(*) FROM card_day) AS counters",
    ),
    broken_by=(
        Query(
            "account {account_id}: ledger {ledger_minor}, its entries sum to {replayed}",
            """
            SELECT b.account_id, b.ledger_minor, coalesce(r.minor, 0) AS replayed
              FROM balance AS b
              LEFT JOIN (SELECT account_id, sum(minor) AS minor
                           FROM (SELECT credit_account_id AS account_id, amount_minor AS minor FROM transfer
                                  UNION ALL
                                 SELECT debit_account_id, -amount_minor FROM transfer) AS entries
                          GROUP BY account_id) AS r ON r.account_id = b.account_id
             WHERE b.ledger_minor <> coalesce(r.minor, 0)""",
        ),
        Query(
            "account {account_id}: held {held_minor}, its open holds sum to {replayed}",
            """
            SELECT b.account_id, b.held_minor, coalesce(r.minor, 0) AS replayed
              FROM balance AS b
              LEFT JOIN (SELECT h.account_id, sum(h.amount_minor) AS minor
                           FROM hold AS h
                          WHERE NOT EXISTS (SELECT 1 FROM hold_end AS e WHERE e.hold_id = h.hold_id)
                          GROUP BY h.account_id) AS r ON r.account_id = b.account_id
             WHERE b.held_minor <> coalesce(r.minor, 0)""",
        ),
        Query(
            "account {account_id}: a cardholder's, without a balance",
            """
            SELECT a.account_id FROM account AS a
             WHERE a.kind = 'cardholder'
               AND NOT EXISTS (SELECT 1 FROM balance AS b WHERE b.account_id = a.account_id)""",
        ),
        Query(
            "account {account_id}: a balance, but of no cardholder's account",
            """
            SELECT b.account_id FROM balance AS b
             WHERE NOT EXISTS (SELECT 1 FROM account AS a
                                WHERE a.account_id = b.account_id AND a.kind = 'cardholder')""",
        ),
        *CARD_DAYS,
        *SPENDING,
    ),
)
