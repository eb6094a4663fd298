"""Cards from a CSV file, with their accounts, limits and opening balances.

Cards that name the same ``account`` share it; a card that names none has its own. What belongs to the account
(currency, class, balance, credit limit) is given on one of its rows, or equal on several.

What a card's PIN is held against is kept in one place (``card.pvv``): a verification value beside the index of its key
(``pvki``), or an offset from the natural PIN (column ``pin_offset``), which has no index. So a card has one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import sqlalchemy as sa

from switch.ledger import schema
from switch.ledger.import_accounts import give_out_ids, move_opening_balances, open_accounts
from switch.ledger.import_columns import CARD_COLUMNS
from switch.ledger.import_file import Cells, Problem
from switch.ledger.import_staging import (
    Means,
    Run,
    Stager,
    Written,
    differing,
    highest,
    problems,
    repeated,
    stage,
    taken_over,
    write_rows,
)
from switch.ledger.ports import PanVault
from switch.values import Pan

COLUMNS: Final = CARD_COLUMNS

_PLAIN: Final = ("scheme", "service_code", "sequence", "pvv", "pvki", "cvv_key", "limits")
"""Columns of the card alone, all text, "" where nothing is set."""

STAGE: Final = stage(
    "card",
    sa.Column("pan_key", sa.LargeBinary),
    sa.Column("pan_sealed", sa.LargeBinary),
    sa.Column("key_version", sa.Integer),
    sa.Column("masked_pan", sa.Text),
    sa.Column("expiry_yymm", sa.Text),
    sa.Column("status", sa.Text),
    sa.Column("account", sa.Text),
    sa.Column("class", sa.Text),
    sa.Column("currency", sa.Text),
    sa.Column("balance_minor", sa.BigInteger),
    sa.Column("credit_limit_minor", sa.BigInteger),
    sa.Column("single_limit_minor", sa.BigInteger),
    sa.Column("daily_limit_minor", sa.BigInteger),
    sa.Column("daily_count", sa.Integer),
    *(sa.Column(name, sa.Text) for name in _PLAIN),
    sa.Column("pin_offset", sa.Text),  # laid down as pvv and pvki where the row gives neither
    sa.Column("names_itself", sa.Integer),  # the account cell holds the card's number
    sa.Column("card_id", sa.BigInteger),  # found in the books, or given out by `write`
    sa.Column("account_id", sa.BigInteger),  # same
    sa.Column("differs", sa.Integer),  # from the card or account in the books
)


def stager(means: Means) -> Stager:
    """Cards are staged sealed."""
    return partial(_staged, means.vault)


def _staged(vault: PanVault, cells: Cells) -> dict[str, Any]:
    """Seal the card's number: in clear it goes no further than this."""
    row = dict(cells)
    pan = row.pop("pan")
    assert isinstance(pan, Pan)
    names_itself = pan.reveal() in str(row["account"])
    if row["pin_offset"] is not None and not row["pvv"] and not row["pvki"]:
        row |= {"pvv": row["pin_offset"], "pvki": ""}
    return row | {
        "pan_key": vault.pan_key(pan),
        "pan_sealed": vault.seal(pan),
        "key_version": vault.key_version,
        "masked_pan": pan.masked,
        "account": None if names_itself else row["account"],
        "names_itself": int(names_itself),
        "card_id": None,
        "account_id": None,
        "differs": 0,
    }


# --- what is wrong with them -------------------------------------------------------------------------------


def conflicts(connection: sa.Connection) -> Iterator[Problem]:
    """Find the cards and accounts that are in the books already, and yield what does not agree with them."""
    _find_known(connection)
    yield from repeated(connection, STAGE.name, "pan_key", "pan")
    yield from problems(
        connection, "account", "holds the card's number", "SELECT line FROM import_card WHERE names_itself <> 0"
    )
    for column, value in (
        ("currency", "coalesce(currency, '156')"),
        ("class", "class"),
        ("balance_minor", "balance_minor"),
        ("credit_limit_minor", "credit_limit_minor"),
    ):
        yield from _disagreeing(connection, column, value)
    yield from _against_the_books(connection)


def _find_known(connection: sa.Connection) -> None:
    write_rows(
        connection,
        """
        UPDATE import_card
           SET (card_id, account_id) =
               (SELECT c.card_id, c.account_id FROM card AS c WHERE c.pan_key = import_card.pan_key)""",
    )
    write_rows(
        connection,
        """
        UPDATE import_card
           SET account_id =
               (SELECT a.account_id FROM account AS a
                 WHERE a.kind = 'cardholder' AND a.name = import_card.account
                   AND a.currency = coalesce(import_card.currency, '156'))
         WHERE card_id IS NULL AND account IS NOT NULL""",
    )


def _disagreeing(connection: sa.Connection, column: str, value: str) -> Iterator[Problem]:
    """Yield rows of one account that give ``column`` another value than the first row that gives it."""
    return problems(
        connection,
        column,
        "cards of one account disagree: line {first} gives another",
        f"""
        WITH given AS (SELECT line, account, {value} AS value FROM import_card
                        WHERE account IS NOT NULL AND {value} IS NOT NULL),
             apart AS (SELECT account, min(line) AS first FROM given
                        GROUP BY account HAVING min(value) <> max(value))
        SELECT given.line, apart.first
          FROM given
          JOIN apart ON apart.account = given.account
          JOIN given AS earliest ON earliest.line = apart.first
         WHERE given.value <> earliest.value
         ORDER BY given.line""",
    )


def _against_the_books(connection: sa.Connection) -> Iterator[Problem]:
    _keep_still(connection)
    yield from _against_their_pins(connection)
    yield from problems(
        connection,
        "account",
        "the card is in the books with another account",
        """
        SELECT s.line FROM import_card AS s JOIN account AS a ON a.account_id = s.account_id
         WHERE s.card_id IS NOT NULL AND s.account <> a.name""",
    )
    yield from problems(
        connection,
        "currency",
        "the account is in {held} already",
        """
        SELECT s.line, a.currency AS held FROM import_card AS s JOIN account AS a ON a.account_id = s.account_id
         WHERE s.card_id IS NOT NULL AND s.currency <> a.currency
         UNION ALL
        SELECT s.line, a.currency FROM import_card AS s CROSS JOIN account AS a  -- SQLite keeps to this order
         WHERE s.card_id IS NULL AND a.kind = 'cardholder' AND a.name = s.account
           AND a.currency <> coalesce(s.currency, '156')""",
    )
    yield from problems(
        connection,
        "credit_limit_minor",
        "lower than what the account has used of it",
        """
        SELECT s.line FROM import_card AS s JOIN balance AS b ON b.account_id = s.account_id
         WHERE s.credit_limit_minor < b.credit_limit_minor
           AND b.ledger_minor - b.held_minor + s.credit_limit_minor < 0""",
    )


def _against_their_pins(connection: sa.Connection) -> Iterator[Problem]:
    """Yield rows that would turn an offset into a verification value, or that back, by giving half of what it takes."""
    yield from problems(
        connection,
        "pin_offset",
        "a card has a pin_offset, or a pvv with its pvki, not both",
        "SELECT line FROM import_card"
        " WHERE pin_offset IS NOT NULL AND (coalesce(pvv, '') <> pin_offset OR coalesce(pvki, '-') <> '')",
    )
    yield from problems(
        connection,
        "pvki",
        "must be given with a pvv: it says under which key that was made",
        """
        SELECT s.line FROM import_card AS s LEFT JOIN card AS c ON c.card_id = s.card_id
         WHERE s.pin_offset IS NULL AND coalesce(s.pvki, c.pvki, '') = ''
           AND (s.pvv <> '' OR (s.pvv IS NULL AND c.pvv <> '' AND c.pvki <> ''))""",
    )
    yield from problems(
        connection,
        "pvv",
        "must be given with the pvki: the card has a pin_offset",
        """
        SELECT s.line FROM import_card AS s JOIN card AS c ON c.card_id = s.card_id
         WHERE s.pvv IS NULL AND s.pvki <> '' AND c.pvv <> '' AND c.pvki = ''""",
    )


def _keep_still(connection: sa.Connection) -> None:
    """Lock the balances whose credit limit will change, in the order in which authorisations lock them."""
    balance = schema.balance
    connection.execute(
        sa.select(balance.c.account_id)
        .join(STAGE, STAGE.c.account_id == balance.c.account_id)
        .where(STAGE.c.credit_limit_minor != balance.c.credit_limit_minor)
        .order_by(balance.c.account_id)
        .with_for_update(of=balance)
    ).all()


# --- into the books ----------------------------------------------------------------------------------------


def write(connection: sa.Connection, run: Run) -> Written:
    """Change the cards that are known; open accounts and move opening balances for the others, and add them."""
    changed = _change_known(connection)
    last_card = highest(connection, "card", "card_id")
    last_account = highest(connection, "account", "account_id")
    give_out_ids(connection, last_card, last_account)
    open_accounts(connection, last_account)
    added = write_rows(
        connection,
        f"""
        INSERT INTO card (card_id, pan_key, pan_sealed, key_version, masked_pan, expiry_yymm, status, account_id,
                          single_limit_minor, daily_limit_minor, daily_count, {", ".join(_PLAIN)})
        SELECT card_id, pan_key, pan_sealed, key_version, masked_pan, expiry_yymm, coalesce(status, 'active'),
               account_id, nullif(single_limit_minor, -1), nullif(daily_limit_minor, -1), nullif(daily_count, -1),
               {", ".join(f"coalesce({name}, '')" for name in _PLAIN)}
          FROM import_card WHERE card_id > :last_card""",
        last_card=last_card,
    )
    move_opening_balances(connection, last_account, run)
    return Written(added, changed)


def _change_known(connection: sa.Connection) -> int:
    """Bring known cards, and their accounts, to what the filled cells say; return how many rows differed."""
    changed = write_rows(
        connection,
        f"""
        UPDATE import_card SET differs = 1
          FROM card AS c
          JOIN account AS a ON a.account_id = c.account_id
          JOIN balance AS b ON b.account_id = c.account_id
         WHERE c.card_id = import_card.card_id
           AND (import_card.expiry_yymm <> c.expiry_yymm
                OR import_card.status <> c.status
                OR import_card.single_limit_minor <> coalesce(c.single_limit_minor, -1)
                OR import_card.daily_limit_minor <> coalesce(c.daily_limit_minor, -1)
                OR import_card.daily_count <> coalesce(c.daily_count, -1)
                OR import_card.class <> a.class
                OR import_card.credit_limit_minor <> b.credit_limit_minor
                OR {differing("import_card", "c", _PLAIN)})""",
    )
    if changed:
        for change in _CHANGES:
            write_rows(connection, change)
    return changed


_CHANGES: Final = (
    f"""
    UPDATE card
       SET expiry_yymm = s.expiry_yymm,
           {taken_over("card", _PLAIN)},
           status = coalesce(s.status, card.status),
           single_limit_minor = nullif(coalesce(s.single_limit_minor, card.single_limit_minor), -1),
           daily_limit_minor = nullif(coalesce(s.daily_limit_minor, card.daily_limit_minor), -1),
           daily_count = nullif(coalesce(s.daily_count, card.daily_count), -1)
      FROM import_card AS s
     WHERE s.card_id = card.card_id AND s.differs = 1""",
    """
    UPDATE account SET class = s.class
      FROM import_card AS s
     WHERE s.account_id = account.account_id AND s.differs = 1 AND s.class <> account.class""",
    """
    UPDATE balance SET credit_limit_minor = s.credit_limit_minor
      FROM import_card AS s
     WHERE s.account_id = balance.account_id AND s.differs = 1 AND s.credit_limit_minor <> balance.credit_limit_minor
    """,
)
