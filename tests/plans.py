"""How a database means to find what it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import sqlalchemy as sa


def plans_of(connection: sa.Connection, *askings: Callable[[], object]) -> list[str]:
    """Ask each, and return SQLite's plans for all the statements that each of them executed."""
    plans = []
    for ask in askings:
        asked: list[tuple[str, object]] = []

        def note(*seen: object, into: list[tuple[str, object]] = asked) -> None:
            into.append((str(seen[2]), seen[3]))

        sa.event.listen(connection, "before_cursor_execute", note)
        ask()
        sa.event.remove(connection, "before_cursor_execute", note)
        plans.append("\n".join(_plan(connection, asked)))
    return plans


def _plan(connection: sa.Connection, asked: Iterable[tuple[str, object]]) -> Iterable[str]:
    for statement, parameters in asked:
        for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters):  # type: ignore[arg-type]
            yield str(row[-1])


def is_full_scan(line: str) -> bool:
    """Whether a line of a plan reads a whole table; a subquery's few rows are none."""
    return line.startswith("SCAN") and "USING" not in line and "SCAN anon_" not in line
