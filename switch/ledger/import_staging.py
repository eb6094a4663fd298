"""Where the rows of an import wait: a temporary table, and what every kind of import asks of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from switch.errors import ConfigurationError
from switch.ledger.import_file import Cells, Problem
from switch.ledger.ports import PanVault

ACCOUNTS_LOCK: Final = 8583_01
"""PostgreSQL's advisory lock of whoever gives out the ids of accounts: they take turns."""

Stager = Callable[[Cells], dict[str, Any]]
"""Makes of a row as it was read the one to stage, without its line."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of an import: when, on which business day, and the id of the journal row it may write.

    ``at`` is microseconds since 1970 in UTC, ``local`` the same moment in the switch's time zone,
    ``business_day`` yyyymmdd.
    """

    journal_id: int
    at: int
    local: datetime
    business_day: int


def _nobody(_: str, *__: str) -> Any:
    raise ConfigurationError("is not taken here")


@dataclass(frozen=True, slots=True)
class Borrowed:
    """What an import borrows from floors that the ledger cannot reach; without it, files with such columns are refused.

    ``limits``, ``fee_plan`` and ``shares`` raise `ConfigurationError` for words that are no limits
    (`switch.rules.limits.parsed`), no plan that there is (`switch.settlement.fees.plan_named`) and no shares
    (`switch.settlement.shares.parsed_shares`); ``hashed`` and ``password_matches`` are those of
    `switch.security.passwords`.
    """

    limits: Callable[[str], object] = _nobody
    hashed: Callable[[str], str] = _nobody
    password_matches: Callable[[str, str], bool] = _nobody
    fee_plan: Callable[[str], object] = _nobody
    shares: Callable[[str], object] = _nobody


NOTHING_BORROWED: Final = Borrowed()


class Means(NamedTuple):
    """What rows are staged with."""

    connection: sa.Connection
    vault: PanVault
    borrowed: Borrowed


class Written(NamedTuple):
    """How many rows were new, and how many of the old ones changed."""

    added: int
    changed: int


def stage(name: str, *columns: sa.Column[Any]) -> sa.Table:
    """A temporary table ``import_<name>`` with the line of each row as its key."""
    return sa.Table(
        f"import_{name}",
        sa.MetaData(),
        sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
        *columns,
        prefixes=["TEMPORARY"],
    )


def problems(connection: sa.Connection, column: str, reason: str, query: str) -> Iterator[Problem]:
    """Yield a problem in ``column`` for each line that ``query`` returns.

    The reason may name what the query's other columns hold, by their names in braces: never a card number.
    """
    for row in connection.execute(sa.text(query)).mappings():
        yield row["line"], column, reason.format(**row)


def repeated(connection: sa.Connection, table: str, key: str, column: str) -> Iterator[Problem]:
    """Yield a problem for each row whose ``key`` an earlier line has already."""
    return problems(
        connection,
        column,
        "stands on line {first} already",
        f"""
        SELECT again.line, seen.first
          FROM {table} AS again
          JOIN (SELECT {key}, min(line) AS first FROM {table} GROUP BY {key} HAVING count(*) > 1) AS seen
            ON seen.{key} = again.{key} AND seen.first < again.line
         ORDER BY again.line""",
    )


def highest(connection: sa.Connection, table: str, column: str) -> int:
    """Return the highest id given out so far, 0 for none."""
    return int(connection.execute(sa.text(f"SELECT coalesce(max({column}), 0) FROM {table}")).scalar_one())


def write_rows(connection: sa.Connection, statement: str, **values: Any) -> int:
    """Run one statement and return how many rows it wrote."""
    return connection.execute(sa.text(statement), values).rowcount


def taken_over(table: str, columns: Sequence[str]) -> str:
    """What comes after SET: each column becomes what the staged row ``s`` gives, or stays."""
    return ", ".join(f"{column} = coalesce(s.{column}, {table}.{column})" for column in columns)


def differing(staged: str, table: str, columns: Sequence[str]) -> str:
    """The condition that a staged row gives any of the columns another value; one it does not give is NULL."""
    return "(" + " OR ".join(f"{staged}.{column} <> {table}.{column}" for column in columns) + ")"
