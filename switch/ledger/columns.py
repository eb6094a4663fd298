"""The words in which tables of the books are written: their metadata, and the columns that recur."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import sqlalchemy as sa

metadata: Final = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

_ID: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""64 bits on both; on SQLite a key of exactly this type is the row's own number, without a second tree for it."""


def own_id(name: str, target: str | None = None) -> sa.Column[int]:
    """A primary key that the host makes, or that of the row in ``target`` which this one belongs to."""
    return sa.Column(name, _ID, *([sa.ForeignKey(target)] if target else []), primary_key=True, autoincrement=False)


def text(name: str) -> sa.Column[str]:
    """A text that is "" where there is none."""
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def minor(name: str, *, nullable: bool = False) -> sa.Column[int]:
    """An amount in minor units."""
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def moment(name: str, *, nullable: bool = False) -> sa.Column[int]:
    """Microseconds since 1970, UTC."""
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def refers(name: str, target: str, *, nullable: bool = False) -> sa.Column[int]:
    """The id of a row in another table."""
    return sa.Column(name, sa.BigInteger, sa.ForeignKey(target), nullable=nullable)


def one_of(column: str, *values: str) -> sa.CheckConstraint:
    """Nothing but these texts."""
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def either(column: str, *values: str) -> sa.CheckConstraint:
    """The same where every payment writes a row."""
    return sa.CheckConstraint(spelled_out(column, values), name=f"{column}_known")


def spelled_out(column: str, values: Iterable[str]) -> str:
    """Whether it is one of these texts, without a list: SQLite would make a table of that anew for every row."""
    return " OR ".join(f"{column} = '{value}'" for value in values)


def only(condition: sa.ColumnElement[bool] | sa.TextClause) -> dict[str, Any]:
    """What makes an index one of some rows, on both databases."""
    return {"sqlite_where": condition, "postgresql_where": condition}
