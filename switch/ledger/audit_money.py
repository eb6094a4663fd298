"""The invariants of money: I1 every entry has two sides, I2 balances are sums, I3 nobody overspends."""

from __future__ import annotations

from typing import Final

from switch.ledger.audit_words import Invariant, Query

_I1: Final = Invariant(
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

_I2: Final = Invariant(
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
        Query(
            "card {card_id} on {business_day}: counted {count} for {amount_minor}, replayed {times} for {minor}",
            """
            SELECT d.card_id, d.business_day, d.count, d.amount_minor,
                   coalesce(r.times, 0) AS times, coalesce(r.minor, 0) AS minor
              FROM card_day AS d
              LEFT JOIN (SELECT j.card_id, j.business_day, sum(p.current_minor) AS minor,
                                sum(CASE WHEN p.state = 'reversed' THEN 0 ELSE 1 END) AS times
                           FROM payment AS p JOIN journal AS j ON j.journal_id = p.payment_id
                          WHERE j.kind IN ('purchase', 'authorisation')
                          GROUP BY j.card_id, j.business_day) AS r
                ON r.card_id = d.card_id AND r.business_day = d.business_day
             WHERE d.amount_minor <> coalesce(r.minor, 0) OR d.count <> coalesce(r.times, 0)""",
        ),
        Query(
            "card {card_id} on {business_day}: has payments, but no counters",
            """
            SELECT j.card_id, j.business_day
              FROM payment AS p JOIN journal AS j ON j.journal_id = p.payment_id
             WHERE j.kind IN ('purchase', 'authorisation')
            EXCEPT SELECT card_id, business_day FROM card_day""",
        ),
    ),
)

_I3: Final = Invariant(
    "I3",
    "nothing took an account below its floor, but what is marked forced",
    Query(
        "{accounts:,} accounts, {below:,} below their floor, {forced:,} forced entries",
        """
        SELECT (SELECT count(*) FROM balance) AS accounts,
               (SELECT count(*) FROM balance WHERE ledger_minor - held_minor + credit_limit_minor < 0) AS below,
               (SELECT count(*) FROM transfer WHERE forced <> 0) AS forced""",
    ),
    broken_by=(
        # An account below its floor is replayed with the credit limit of today. Whatever brought it below zero,
        # or kept it there, since it was last at zero or above, must be forced.
        Query(
            "account {account_id}: journal {journal_id} took its available amount to {available}, not forced",
            """
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
                SELECT account_id, hold_id, -amount_minor, 0
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
                       b.credit_limit_minor
                       + sum(s.minor) OVER (PARTITION BY s.account_id ORDER BY s.journal_id) AS available
                  FROM steps AS s JOIN below AS b ON b.account_id = s.account_id),
            sound AS (
                SELECT account_id, max(journal_id) AS journal_id FROM replay WHERE available >= 0 GROUP BY account_id)
            SELECT r.account_id, r.journal_id, r.available
              FROM replay AS r LEFT JOIN sound AS s ON s.account_id = r.account_id
             WHERE r.minor < 0 AND r.forced = 0 AND r.journal_id > coalesce(s.journal_id, 0)
             ORDER BY r.account_id, r.journal_id""",
        ),
    ),
    listed=(
        Query(
            "forced: transfer {journal_id}/{leg} of {amount_minor} from account {debit_account_id}",
            "SELECT * FROM transfer WHERE forced <> 0 ORDER BY journal_id, leg",
        ),
    ),
)

MONEY_INVARIANTS: Final = (_I1, _I2, _I3)
