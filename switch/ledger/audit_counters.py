"""Counters of what was spent, held against the payments that they count: a part of I2.

A card's daily counters are exact: each payment of the day counts once, with what is left of it, unless it was voided
or reversed. An authorisation that is captured counts with what its completion left. Of what it counts its increments
have their part, each on its own day, the latest first; the rest is of the authorisation's day, and so is what had been
refunded of a completion that was undone.

Counters that have a limit cannot be replayed: they count from the moment that the limit is set, and what was before
is not given back to them. But none can count more than there was.
"""

from __future__ import annotations

from typing import Final

from switch.ledger.audit_kinds import COMPLETED, SPENDS, listed
from switch.ledger.audit_words import Query
from switch.messages.kinds import Kind

_SPENDS: Final = listed(SPENDS)
_ON_THEIR_DAY: Final = listed((*SPENDS, Kind.INCREMENT))
_COMPLETED: Final = listed(COMPLETED)

# An authorisation with its increments counts ``minor``; each increment counts of that what the later ones leave.
_COUNTED: Final = f"""
    (WITH held AS (
        SELECT a.journal_id, a.card_id, a.business_day,
               CASE WHEN p.state = 'captured' THEN coalesce(c.minor, 0) ELSE p.current_minor END AS minor,
               CASE WHEN p.state IN ('voided', 'reversed') THEN 0 ELSE 1 END AS times
          FROM journal AS a
          JOIN payment AS p ON p.payment_id = a.journal_id
          LEFT JOIN (SELECT j.original_id, sum(q.current_minor) AS minor
                       FROM journal AS j JOIN payment AS q ON q.payment_id = j.journal_id
                      WHERE j.kind IN {_COMPLETED} AND q.state = 'posted'
                      GROUP BY j.original_id) AS c ON c.original_id = a.journal_id
         WHERE a.kind = '{Kind.AUTHORISATION}'),
    increments AS (
        SELECT j.original_id, j.card_id, j.business_day, p.current_minor,
               h.minor - sum(p.current_minor) OVER (PARTITION BY j.original_id ORDER BY j.journal_id DESC)
                       + p.current_minor AS left_minor
          FROM journal AS j
          JOIN payment AS p ON p.payment_id = j.journal_id
          JOIN held AS h ON h.journal_id = j.original_id
         WHERE j.kind = '{Kind.INCREMENT}' AND p.state = 'posted'),
    shares AS (
        SELECT original_id, card_id, business_day,
               CASE WHEN left_minor <= 0 THEN 0 WHEN left_minor < current_minor THEN left_minor
                    ELSE current_minor END AS minor
          FROM increments)
    SELECT card_id, business_day, sum(minor) AS minor, sum(times) AS times
      FROM (SELECT j.card_id, j.business_day, p.current_minor AS minor,
                   CASE WHEN p.state IN ('voided', 'reversed') THEN 0 ELSE 1 END AS times
              FROM payment AS p JOIN journal AS j ON j.journal_id = p.payment_id
             WHERE j.kind IN {_SPENDS} AND j.kind <> '{Kind.AUTHORISATION}'
             UNION ALL
            SELECT h.card_id, h.business_day, h.minor - coalesce(s.minor, 0), h.times
              FROM held AS h
              LEFT JOIN (SELECT original_id, sum(minor) AS minor FROM shares GROUP BY original_id) AS s
                ON s.original_id = h.journal_id
             UNION ALL
            SELECT card_id, business_day, minor, 0 FROM shares
             UNION ALL
            SELECT a.card_id, a.business_day, p.current_minor, 0
              FROM journal AS j
              JOIN payment AS p ON p.payment_id = j.journal_id
              JOIN journal AS a ON a.journal_id = j.original_id
             WHERE j.kind IN {_COMPLETED} AND p.state <> 'posted') AS counted
     GROUP BY card_id, business_day)"""

CARD_DAYS: Final = (
    Query(
        "card {card_id} on {business_day}: counted {count} for {amount_minor}, its payments are {times} for {minor}",
        f"""
        SELECT d.card_id, d.business_day, d.count, d.amount_minor,
               coalesce(r.times, 0) AS times, coalesce(r.minor, 0) AS minor
          FROM card_day AS d
          LEFT JOIN {_COUNTED} AS r ON r.card_id = d.card_id AND r.business_day = d.business_day
         WHERE d.amount_minor <> coalesce(r.minor, 0) OR d.count <> coalesce(r.times, 0)""",
    ),
    Query(
        "card {card_id} on {business_day}: has payments, but no counters",
        f"""
        SELECT j.card_id, j.business_day
          FROM payment AS p JOIN journal AS j ON j.journal_id = p.payment_id
         WHERE j.kind IN {_ON_THEIR_DAY} AND j.card_id IS NOT NULL
        EXCEPT SELECT card_id, business_day FROM card_day""",
    ),
)

# What a counter can have come to at most: all that was approved, an authorisation's completion a little above it and
# its increments (domain rule 18), and what adjustments and tips put on top. The counters of channels are within their
# owner's own. What had been refunded of a completion that was undone stays counted beside the hold.
_AT_MOST: Final = f"""
    spent AS (
        SELECT j.card_id, j.terminal_id, j.merchant_id, j.business_day,
               j.amount_minor * 115 AS hundredths, 1 AS times
          FROM journal AS j
         WHERE j.action = 'approved' AND j.kind IN {_ON_THEIR_DAY}
         UNION ALL
        SELECT a.card_id, a.terminal_id, a.merchant_id, a.business_day, j.amount_minor * 15, 0
          FROM journal AS j JOIN journal AS a ON a.journal_id = j.original_id
         WHERE j.action = 'approved' AND j.kind = '{Kind.INCREMENT}'
         UNION ALL
        SELECT a.card_id, a.terminal_id, a.merchant_id, a.business_day, p.current_minor * 100, 0
          FROM journal AS j
          JOIN payment AS p ON p.payment_id = j.journal_id
          JOIN journal AS a ON a.journal_id = j.original_id
         WHERE j.kind IN {_COMPLETED} AND p.state <> 'posted'
         UNION ALL
        SELECT coalesce(a.card_id, o.card_id), coalesce(a.terminal_id, o.terminal_id), o.merchant_id,
               coalesce(a.business_day, o.business_day), t.amount_minor * 100, 0
          FROM journal AS j
          JOIN transfer AS t ON t.journal_id = j.journal_id
          JOIN journal AS o ON o.journal_id = j.original_id
          LEFT JOIN journal AS a ON a.journal_id = o.original_id AND o.kind IN {_COMPLETED}
         WHERE j.kind IN {listed((Kind.ADJUSTMENT, Kind.TIP))}),
    owned AS ({
    " UNION ALL ".join(
        f"SELECT '{who}:' || {column} AS owner, business_day AS period, hundredths, times FROM spent"
        for who, column in (("card", "card_id"), ("terminal", "terminal_id"), ("merchant", "merchant_id"))
    )
}),
    most AS (
        SELECT owner, period, sum(hundredths) AS hundredths, sum(times) AS times
          FROM (SELECT owner, period, hundredths, times FROM owned
                 UNION ALL
                SELECT owner, period / 100, hundredths, times FROM owned) AS periods
         GROUP BY owner, period)"""

_BATCHES: Final = listed((*SPENDS, Kind.INCREMENT, *COMPLETED, Kind.REFUND, Kind.LOAD, Kind.ACTIVATION))

SPENDING: Final = (
    Query(
        "counter {owner} of {period}: {count} for {amount_minor}, but no more than {times} were approved; "
        "compare it with the journal of that period",
        f"""
        WITH counters AS (
            SELECT owner, period, sum(amount_minor) AS amount_minor, sum(count) AS count,
                   CASE WHEN owner LIKE '%/%' THEN substr(owner, 1, length(owner) - 1 - length(
                       CASE WHEN owner LIKE '%/swipe' THEN 'swipe' WHEN owner LIKE '%/chip' THEN 'chip'
                            WHEN owner LIKE '%/contactless' THEN 'contactless' WHEN owner LIKE '%/manual' THEN 'manual'
                            ELSE 'qr' END)) ELSE owner END AS whole
              FROM spending
             WHERE owner NOT LIKE 'batch:%' AND owner NOT LIKE 'code:%' AND owner NOT LIKE 'chip:%'
             GROUP BY owner, period),
        {_AT_MOST}
        SELECT c.owner, c.period, c.amount_minor, c.count, coalesce(m.times, 0) AS times
          FROM counters AS c LEFT JOIN most AS m ON m.owner = c.whole AND m.period = c.period
         WHERE c.count > coalesce(m.times, 0) OR c.amount_minor * 100 > coalesce(m.hundredths, 0)""",
    ),
    Query(
        "counter {owner}: {count} requests, but the journal has only {times} of that batch",
        f"""
        SELECT c.owner, c.count, coalesce(j.times, 0) + coalesce(u.times, 0) AS times
          FROM (SELECT owner, sum(count) AS count FROM spending WHERE owner LIKE 'batch:%' GROUP BY owner) AS c
          LEFT JOIN (SELECT 'batch:' || terminal_id || '/' || batch AS owner, count(*) AS times
                       FROM journal WHERE action = 'approved' AND kind IN {_BATCHES} AND batch <> '000000'
                      GROUP BY terminal_id, batch) AS j ON j.owner = c.owner
          LEFT JOIN (SELECT 'batch:' || terminal_id || '/' AS prefix, count(*) AS times
                       FROM journal WHERE action = 'approved' AND kind IN {_BATCHES} AND batch = '000000'
                      GROUP BY terminal_id) AS u ON u.prefix = substr(c.owner, 1, length(c.owner) - 6)
         WHERE c.count > coalesce(j.times, 0) + coalesce(u.times, 0)""",
    ),
)
