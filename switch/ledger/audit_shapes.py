"""What is stored of secrets is stored in one shape each: a part of I12.

A key is in a TR-31 key block, a password is an Argon2id hash, a pay code a hash of 32 bytes, and of a chip is kept what
may be kept. Whatever looks otherwise may be the secret itself, so that no offence shows any of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import orjson
import sqlalchemy as sa

from switch.ledger import schema

_KEY_BLOCK: Final = re.compile(  # TR-31, version D, with a label or from before there were labels
    r"D(?:0144[A-Z]\d[A-Z\d][A-Z]\d\d[A-Z]0000|0192[A-Z]\d[A-Z\d][A-Z]\d\d[A-Z]0100LB30\d{3} [ -~]{40})[\dA-F]{128}",
    re.ASCII,
)
_CHECK_VALUE: Final = re.compile(r"[\dA-F]{6}", re.ASCII)
_HASH: Final = re.compile(r"\$argon2id\$v=19\$m=\d+,t=\d+,p=\d+\$[A-Za-z\d+/]+\$[A-Za-z\d+/]{43}", re.ASCII)
_CODE_KEY_BYTES: Final = 32
_OF_A_CHIP: Final = frozenset({"tvr", "cvr", "cvm_results", "aid", "atc", "cryptogram"})
_CHIP_TEXT_MAX: Final = 64  # an AID is 32 digits, a CVR less
_ROWS_AT_ONCE: Final = 2_000


class Shape(NamedTuple):
    """A column of a table, whether a value is as it should be, and what is said of one that is not."""

    column: sa.Column[Any]
    fits: Callable[[Any], bool]
    says: str


def _is_chip_record(content: str) -> bool:
    try:
        record = orjson.loads(content)
    except orjson.JSONDecodeError:
        return False
    return (
        isinstance(record, dict)
        and record.keys() <= _OF_A_CHIP
        and all(isinstance(value, int) or len(str(value)) <= _CHIP_TEXT_MAX for value in record.values())
    )


# fmt: off
SHAPES: Final = (
    Shape(schema.terminal_key.c.block,          lambda text: bool(_KEY_BLOCK.fullmatch(text)),
          "is no key block: perhaps a key in clear"),
    Shape(schema.terminal_key.c.previous_block, lambda text: not text or bool(_KEY_BLOCK.fullmatch(text)),
          "is no key block: perhaps a key in clear"),
    Shape(schema.issuer_key.c.block,            lambda text: bool(_KEY_BLOCK.fullmatch(text)),
          "is no key block: perhaps a key in clear"),
    Shape(schema.base_key.c.block,              lambda text: bool(_KEY_BLOCK.fullmatch(text)),
          "is no key block: perhaps a key in clear"),
    Shape(schema.terminal_key.c.check_value,    lambda text: bool(_CHECK_VALUE.fullmatch(text)),
          "is no check value of six hex digits"),
    Shape(schema.issuer_key.c.check_value,      lambda text: bool(_CHECK_VALUE.fullmatch(text)),
          "is no check value of six hex digits"),
    Shape(schema.base_key.c.check_value,        lambda text: bool(_CHECK_VALUE.fullmatch(text)),
          "is no check value of six hex digits"),
    Shape(schema.key_counter.c.base,            lambda text: bool(_CHECK_VALUE.fullmatch(text)),
          "is no check value of six hex digits"),
    Shape(schema.operator.c.password,           lambda text: not text or bool(_HASH.fullmatch(text)),
          "is no Argon2id hash: perhaps a password in clear"),
    Shape(schema.pay_code.c.code_key,           lambda key: len(key) == _CODE_KEY_BYTES,
          "is no hash of 32 bytes: perhaps a pay code in clear"),
    Shape(schema.chip_record.c.content,         _is_chip_record,
          "holds more of a chip than may be kept"),
)
# fmt: on

_SHAPED: Final = frozenset((shape.column.table.name, shape.column.name) for shape in SHAPES)
_KEYS_OF_SECRETS: Final = frozenset({"code_key"})  # never part of what is said


def is_shaped(column: sa.Column[Any]) -> bool:
    """Whether a column has a shape of its own, in which hex digits may look like anything."""
    return (column.table.name, column.name) in _SHAPED


def misshapen(connection: sa.Connection) -> Iterator[str]:
    """Yield every value that is not in its shape, by table, column and key of its row."""
    for column, fits, says in SHAPES:
        table = column.table
        keys = [key for key in table.primary_key if key.name not in _KEYS_OF_SECRETS] or [table.c.card_id]
        asked = sa.select(column, *(sa.label(f"key_{at}", key) for at, key in enumerate(keys)))
        for row in connection.execute(asked, execution_options={"yield_per": _ROWS_AT_ONCE}):
            if not fits(row[0]):
                yield f"{table.name}.{column.name} of {'/'.join(map(str, row[1:]))}: {says}"
