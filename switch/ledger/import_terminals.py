"""Terminals from a CSV file, each bound to a merchant that the books know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa

from switch.ledger.import_columns import TERMINAL_COLUMNS
from switch.ledger.import_file import Problem
from switch.ledger.import_staging import (
    Means,
    Run,
    Stager,
    Written,
    differing,
    problems,
    repeated,
    stage,
    taken_over,
    write_rows,
)

COLUMNS: Final = TERMINAL_COLUMNS

STAGE: Final = stage(
    "terminal",
    sa.Column("terminal_id", sa.Text),
    sa.Column("merchant_id", sa.Text),
    sa.Column("status", sa.Text),
    sa.Column("serial", sa.Text),
    sa.Column("kinds", sa.Text),
    sa.Column("entry_modes", sa.Text),
    sa.Column("manual_entry", sa.Text),
    sa.Column("fallback", sa.Integer),
    sa.Column("schemes", sa.Text),
    sa.Column("limits", sa.Text),
)

_CHANGEABLE: Final = (
    *("merchant_id", "status", "serial", "kinds", "entry_modes"),
    *("manual_entry", "fallback", "schemes", "limits"),
)


def stager(_: Means) -> Stager:
    """Terminals are staged as they were read."""
    return dict


def conflicts(connection: sa.Connection) -> Iterator[Problem]:
    """Yield terminals that stand twice, whose merchant is not in the books, or who owe their old one an upload.

    A batch is its merchant's: bound to another, the terminal could neither end its upload nor begin a new batch.
    """
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
    yield from problems(
        connection,
        "merchant_id",
        "stays {merchant_id} until batch {batch}, which does not balance, is closed: let the terminal end its upload, "
        "or close it (switch settlement close-batch)",
        """
        SELECT s.line, b.merchant_id, b.batch
          FROM import_terminal AS s
          JOIN terminal AS t ON t.terminal_id = s.terminal_id AND t.merchant_id <> s.merchant_id
          JOIN batch AS b ON b.terminal_id = t.terminal_id AND b.merchant_id = t.merchant_id AND b.state = 'unbalanced'
         ORDER BY s.line, b.batch""",
    )


def write(connection: sa.Connection, _run: Run) -> Written:
    """Change the terminals that are known (they keep their batch, sign-on and keys), then add the others.

    One that becomes active again counts as not heard of yet, so that no sweep puts it to sleep at once.
    """
    changed = write_rows(
        connection,
        f"""
        UPDATE terminal
           SET {taken_over("terminal", _CHANGEABLE)},
               because = CASE WHEN coalesce(s.status, terminal.status) = 'locked' THEN terminal.because ELSE '' END,
               last_seen_day = CASE WHEN s.status = 'active' AND terminal.status <> 'active' THEN 0
                                    ELSE terminal.last_seen_day END
          FROM import_terminal AS s
         WHERE s.terminal_id = terminal.terminal_id AND {differing("s", "terminal", _CHANGEABLE)}""",
    )
    added = write_rows(
        connection,
        """
        INSERT INTO terminal (terminal_id, merchant_id, status, serial, kinds, entry_modes,
                              manual_entry, fallback, schemes, limits)
        SELECT s.terminal_id, s.merchant_id, coalesce(s.status, 'active'), coalesce(s.serial, ''),
               coalesce(s.kinds, ''), coalesce(s.entry_modes, ''),
               coalesce(s.manual_entry, 'free'), coalesce(s.fallback, 1), coalesce(s.schemes, ''),
               coalesce(s.limits, '')
          FROM import_terminal AS s
         WHERE NOT EXISTS (SELECT 1 FROM terminal AS t WHERE t.terminal_id = s.terminal_id)""",
    )
    return Written(added, changed)
