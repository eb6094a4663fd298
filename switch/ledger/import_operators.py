"""Operators of terminals from a CSV file, each of a merchant that the books know. Passwords are staged hashed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa

from switch.ledger.import_columns import OPERATOR_COLUMNS
from switch.ledger.import_file import Cells, Problem
from switch.ledger.import_staging import Means, Run, Stager, Written, problems, repeated, stage, write_rows
from switch.ledger.schema import operator
from switch.values import Secret

COLUMNS: Final = OPERATOR_COLUMNS

STAGE: Final = stage(
    "operator",
    sa.Column("who", sa.Text),  # operator and merchant: the key
    sa.Column("merchant_id", sa.Text),
    sa.Column("operator_id", sa.Text),
    sa.Column("password", sa.Text),  # hashed; NULL: as it is
    sa.Column("status", sa.Text),
)


def stager(means: Means) -> Stager:
    """Hash passwords. One that is the operator's already is left as it is: each hash of it is another."""
    its = operator.c
    known: dict[tuple[object, object], str] = {
        (row.merchant_id, row.operator_id): row.password
        for row in means.connection.execute(sa.select(its.merchant_id, its.operator_id, its.password))
    }

    def staged(cells: Cells) -> dict[str, Any]:
        stored = known.get((cells["merchant_id"], cells["operator_id"]), "")
        return {
            **cells,
            "who": f"{cells['operator_id']} {cells['merchant_id']}",
            "password": _hash_to_keep(means, stored, cells["password"]),
        }

    return staged


def _hash_to_keep(means: Means, stored: str, password: object) -> str | None:
    if not isinstance(password, Secret):
        return None
    text = password.reveal()
    if not text:
        return ""
    is_the_same = stored and means.borrowed.password_matches(stored, text)
    return None if is_the_same else means.borrowed.hashed(text)


def conflicts(connection: sa.Connection) -> Iterator[Problem]:
    """Yield operators that stand twice, or whose merchant is not in the books."""
    yield from repeated(connection, STAGE.name, "who", "operator_id")
    yield from problems(
        connection,
        "merchant_id",
        "no such merchant in the books; import the merchants first",
        """
        SELECT s.line
          FROM import_operator AS s
         WHERE NOT EXISTS (SELECT 1 FROM merchant AS m WHERE m.merchant_id = s.merchant_id)""",
    )


def write(connection: sa.Connection, _run: Run) -> Written:
    """Change the operators that are known, then add the others. A new password makes up for wrong ones before it."""
    changed = write_rows(
        connection,
        """
        UPDATE operator
           SET password = coalesce(s.password, operator.password),
               failures = CASE WHEN s.password IS NULL THEN operator.failures ELSE 0 END,
               status = coalesce(s.status, operator.status)
          FROM import_operator AS s
         WHERE s.merchant_id = operator.merchant_id AND s.operator_id = operator.operator_id
           AND (s.password <> operator.password OR s.status <> operator.status)""",
    )
    added = write_rows(
        connection,
        """
        INSERT INTO operator (merchant_id, operator_id, password, status)
        SELECT s.merchant_id, s.operator_id, coalesce(s.password, ''), coalesce(s.status, 'active')
          FROM import_operator AS s
         WHERE NOT EXISTS (SELECT 1 FROM operator AS o
                            WHERE o.merchant_id = s.merchant_id AND o.operator_id = s.operator_id)""",
    )
    return Written(added, changed)
