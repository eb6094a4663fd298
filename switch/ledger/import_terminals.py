"""Terminals from a CSV file, each bound to a merchant that the books know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa

from switch.ledger.import_columns import TERMINAL_COLUMNS
from switch.ledger.import_file import Cells, Problem
from switch.ledger.import_staging import Run, Written, problems, repeated, stage, write_rows
from switch.ledger.ports import PanVault

COLUMNS: Final = TERMINAL_COLUMNS

STAGE: Final = stage(
    "terminal",
    sa.Column("terminal_id", sa.Text),
    sa.Column("merchant_id", sa.Text),
    sa.Column("status", sa.Text),
    sa.Column("serial", sa.Text),
    sa.Column("kinds", sa.Text),
    sa.Column("entry_modes", sa.Text),
)


def staged(cells: Cells, _vault: PanVault) -> dict[str, Any]:
    """Terminals are staged as they were read."""
    return cells


def conflicts(connection: sa.Connection) -> Iterator[Problem]:
    """Yield terminals that stand twice, or whose merchant is not in the books."""
    yield from repeated(connection, STAGE.name, "terminal_id", "terminal_id")
    yield from problems(
        connection,
        "merchant_id",
        "no such merchant in the books; import the merchants first",
        """
        SELECT s.line
          FROM import_terminal AS s
         WHERE NOT EXISTS (SELECT 1 FROM merchant AS m WHERE m.merchant_id = s.merchant_id)""",
    )


def write(connection: sa.Connection, _run: Run) -> Written:
    """Change the terminals that are known (they keep their batch and sign-on), then add the others."""
    changed = write_rows(
        connection,
        """
        UPDATE terminal
           SET merchant_id = s.merchant_id,
               status = coalesce(s.status, terminal.status),
               serial = coalesce(s.serial, terminal.serial),
               kinds = coalesce(s.kinds, terminal.kinds),
               entry_modes = coalesce(s.entry_modes, terminal.entry_modes)
          FROM import_terminal AS s
         WHERE s.terminal_id = terminal.terminal_id
           AND (s.merchant_id <> terminal.merchant_id OR s.status <> terminal.status
                OR s.serial <> terminal.serial OR s.kinds <> terminal.kinds
                OR s.entry_modes <> terminal.entry_modes)""",
    )
    added = write_rows(
        connection,
        """
        INSERT INTO terminal (terminal_id, merchant_id, status, serial, kinds, entry_modes)
        SELECT s.terminal_id, s.merchant_id, coalesce(s.status, 'active'), coalesce(s.serial, ''),
               coalesce(s.kinds, ''), coalesce(s.entry_modes, '')
          FROM import_terminal AS s
         WHERE NOT EXISTS (SELECT 1 FROM terminal AS t WHERE t.terminal_id = s.terminal_id)""",
    )
    return Written(added, changed)
