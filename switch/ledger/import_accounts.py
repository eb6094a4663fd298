"""Opens the accounts of imported cards, and moves their opening balances.

An opening balance is a transfer from the funding account of its currency, so that the books balance from the
first day; all transfers of one import stand under one journal row of kind ``import``. A negative balance goes
the other way, and is forced.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from switch.ledger import schema
from switch.ledger.import_columns import OWN_ACCOUNT
from switch.ledger.import_staging import Run, highest, write_rows
from switch.messages.actions import Action

IMPORT_KIND: Final = "import"  # of the journal row


def give_out_ids(connection: sa.Connection, last_card: int, last_account: int) -> None:
    """Number new cards by their line after the last card; likewise accounts, by the first line that names them."""
    write_rows(
        connection, "UPDATE import_card SET card_id = :last_card + line WHERE card_id IS NULL", last_card=last_card
    )
    write_rows(
        connection,
        """
        UPDATE import_card SET account_id = :last_account + named.line
          FROM (SELECT account, min(line) AS line FROM import_card
                 WHERE account_id IS NULL AND account IS NOT NULL GROUP BY account) AS named
         WHERE import_card.account_id IS NULL AND named.account = import_card.account""",
        last_account=last_account,
    )
    write_rows(
        connection,
        "UPDATE import_card SET account_id = :last_account + line WHERE account_id IS NULL",
        last_account=last_account,
    )


def open_accounts(connection: sa.Connection, last_account: int) -> None:
    """Add the accounts numbered after ``last_account``, each with its balance row."""
    write_rows(
        connection,
        f"""
        INSERT INTO account (account_id, kind, name, currency, class)
        SELECT account_id, 'cardholder', coalesce(min(account), '{OWN_ACCOUNT}' || min(card_id)),
               coalesce(min(currency), '156'), coalesce(min(class), '')
          FROM import_card WHERE account_id > :last_account GROUP BY account_id""",
        last_account=last_account,
    )
    write_rows(
        connection,
        """
        INSERT INTO balance (account_id, ledger_minor, held_minor, credit_limit_minor)
        SELECT account_id, coalesce(min(balance_minor), 0), 0, coalesce(min(credit_limit_minor), 0)
          FROM import_card WHERE account_id > :last_account GROUP BY account_id""",
        last_account=last_account,
    )


def move_opening_balances(connection: sa.Connection, last_account: int, run: Run) -> None:
    """Post one transfer for each new account whose balance is not zero; the legs are numbered by account."""
    currencies = connection.execute(sa.text(_OPENED_CURRENCIES), {"last_account": last_account}).scalars().all()
    if not currencies:
        return
    _open_funding(connection, currencies)
    connection.execute(schema.journal.insert(), _journal_row(run))
    write_rows(
        connection,
        """
        INSERT INTO transfer (journal_id, leg, debit_account_id, credit_account_id, amount_minor, currency, forced)
        SELECT :journal_id, b.account_id - :last_account,
               CASE WHEN b.ledger_minor > 0 THEN f.account_id ELSE b.account_id END,
               CASE WHEN b.ledger_minor > 0 THEN b.account_id ELSE f.account_id END,
               abs(b.ledger_minor), a.currency, CASE WHEN b.ledger_minor > 0 THEN 0 ELSE 1 END
          FROM balance AS b
          JOIN account AS a ON a.account_id = b.account_id
          JOIN account AS f ON f.kind = 'funding' AND f.name = 'funding' AND f.currency = a.currency
         WHERE b.account_id > :last_account AND b.ledger_minor <> 0""",
        journal_id=run.journal_id,
        last_account=last_account,
    )


_OPENED_CURRENCIES: Final = """
    SELECT DISTINCT a.currency FROM balance AS b JOIN account AS a ON a.account_id = b.account_id
     WHERE b.account_id > :last_account AND b.ledger_minor <> 0"""


def _open_funding(connection: sa.Connection, currencies: Sequence[str]) -> None:
    account = schema.account
    known = set(connection.scalars(sa.select(account.c.currency).where(account.c.kind == "funding")))
    last_account = highest(connection, "account", "account_id")
    for number, currency in enumerate(sorted(set(currencies) - known), 1):
        connection.execute(
            account.insert().values(account_id=last_account + number, kind="funding", name="funding", currency=currency)
        )


def _journal_row(run: Run) -> dict[str, Any]:
    return {
        "journal_id": run.journal_id,
        "kind": IMPORT_KIND,
        "action": Action.APPROVED,
        "local_date": int(run.local.strftime("%Y%m%d")),
        "local_time": run.local.strftime("%H%M%S"),
        "business_day": run.business_day,
        "received_at": run.at,
        "decided_at": run.at,
        "because": "opening balances",
    }
