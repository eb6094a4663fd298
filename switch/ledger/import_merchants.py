"""Merchants from a CSV file: each gets the account that its sales are credited to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa

from switch.ledger.import_columns import MERCHANT_COLUMNS
from switch.ledger.import_file import Cells, Problem
from switch.ledger.import_staging import Run, Written, highest, problems, repeated, stage, write_rows
from switch.ledger.ports import PanVault

COLUMNS: Final = MERCHANT_COLUMNS

STAGE: Final = stage(
    "merchant",
    sa.Column("merchant_id", sa.Text),
    sa.Column("name", sa.Text),
    sa.Column("mcc", sa.Text),
    sa.Column("status", sa.Text),
    sa.Column("currency", sa.Text),
)


def staged(cells: Cells, _vault: PanVault) -> dict[str, Any]:
    """Merchants are staged as they were read."""
    return cells


def conflicts(connection: sa.Connection) -> Iterator[Problem]:
    """Yield merchants that stand twice, or whose account is in another currency already."""
    yield from repeated(connection, STAGE.name, "merchant_id", "merchant_id")
    yield from problems(
        connection,
        "currency",
        "the merchant's account is in {held} already",
        """
        SELECT s.line, m.currency AS held
          FROM import_merchant AS s JOIN merchant AS m ON m.merchant_id = s.merchant_id
         WHERE s.currency <> m.currency""",
    )


def write(connection: sa.Connection, _run: Run) -> Written:
    """Change the merchants that are known, then open accounts for the others and add them."""
    changed = write_rows(
        connection,
        """
        UPDATE merchant
           SET name = coalesce(s.name, merchant.name),
               mcc = coalesce(s.mcc, merchant.mcc),
               status = coalesce(s.status, merchant.status)
          FROM import_merchant AS s
         WHERE s.merchant_id = merchant.merchant_id
           AND (s.name <> merchant.name OR s.mcc <> merchant.mcc OR s.status <> merchant.status)""",
    )
    write_rows(
        connection,
        """
        INSERT INTO account (account_id, kind, name, currency)
        SELECT :base + s.line, 'merchant', s.merchant_id, coalesce(s.currency, '156')
          FROM import_merchant AS s
         WHERE NOT EXISTS (SELECT 1 FROM merchant AS m WHERE m.merchant_id = s.merchant_id)""",
        base=highest(connection, "account", "account_id"),
    )
    added = write_rows(
        connection,
        """
        INSERT INTO merchant (merchant_id, name, mcc, status, currency, account_id)
        SELECT s.merchant_id, coalesce(s.name, ''), coalesce(s.mcc, ''), coalesce(s.status, 'active'),
               a.currency, a.account_id
          FROM import_merchant AS s
          JOIN account AS a
            ON a.kind = 'merchant' AND a.name = s.merchant_id AND a.currency = coalesce(s.currency, '156')
         WHERE NOT EXISTS (SELECT 1 FROM merchant AS m WHERE m.merchant_id = s.merchant_id)""",
    )
    return Written(added, changed)
