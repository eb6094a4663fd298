"""Merchants from a CSV file: each gets the account that its sales are credited to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa

from switch.ledger.import_columns import MERCHANT_COLUMNS
from switch.ledger.import_file import Problem
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

COLUMNS: Final = MERCHANT_COLUMNS

STAGE: Final = stage(
    "merchant",
    sa.Column("merchant_id", sa.Text),
    sa.Column("name", sa.Text),
    sa.Column("mcc", sa.Text),
    sa.Column("status", sa.Text),
    sa.Column("currency", sa.Text),
    sa.Column("manual_entry", sa.Text),
    sa.Column("limits", sa.Text),
    sa.Column("fee_plan", sa.Text),
    sa.Column("shares", sa.Text),
)

_CHANGEABLE: Final = ("name", "mcc", "status", "manual_entry", "limits", "fee_plan", "shares")


def stager(_: Means) -> Stager:
    """Merchants are staged as they were read."""
    return dict


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
        f"""
        UPDATE merchant SET {taken_over("merchant", _CHANGEABLE)}
          FROM import_merchant AS s
         WHERE s.merchant_id = merchant.merchant_id AND {differing("s", "merchant", _CHANGEABLE)}""",
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
        INSERT INTO merchant (merchant_id, name, mcc, status, currency, account_id, manual_entry, limits,
                              fee_plan, shares)
        SELECT s.merchant_id, coalesce(s.name, ''), coalesce(s.mcc, ''), coalesce(s.status, 'active'),
               a.currency, a.account_id, coalesce(s.manual_entry, 'free'), coalesce(s.limits, ''),
               coalesce(s.fee_plan, ''), coalesce(s.shares, '')
          FROM import_merchant AS s
          JOIN account AS a
            ON a.kind = 'merchant' AND a.name = s.merchant_id AND a.currency = coalesce(s.currency, '156')
         WHERE NOT EXISTS (SELECT 1 FROM merchant AS m WHERE m.merchant_id = s.merchant_id)""",
    )
    return Written(added, changed)
