"""Writes what Prometheus reads: YAML of mappings, lists and plain values, laid out for people."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

Value = str | int | float | bool | Mapping[str, "Value"] | Sequence["Value"]

_PLAIN: Final = re.compile(r"[A-Za-z_/][A-Za-z0-9_./ -]*(?<! )")
_RESERVED: Final = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def yaml_text(value: Mapping[str, Value]) -> str:
    """Return a document; text of several lines becomes a block."""
    return "\n".join(_lines(value, 0)) + "\n"


def _lines(value: Value, depth: int) -> Iterator[str]:
    indent = "  " * depth
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _item(f"{indent}{_scalar(key)}:", item, depth)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            inner = list(_lines(item, depth + 1)) if _is_nested(item) else [f"{indent}  {_scalar(item)}"]
            yield f"{indent}- {inner[0].lstrip()}"
            yield from inner[1:]


def _item(head: str, item: Value, depth: int) -> Iterator[str]:
    if isinstance(item, str) and "\n" in item:
        yield f"{head} |-"
        yield from ("  " * (depth + 1) + line for line in item.splitlines())
    elif _is_nested(item):
        yield head
        yield from _lines(item, depth + 1)
    elif isinstance(item, Mapping | Sequence) and not isinstance(item, str):
        yield f"{head} {'{}' if isinstance(item, Mapping) else '[]'}"
    else:
        yield f"{head} {_scalar(item)}"


def _is_nested(value: Value) -> bool:
    return isinstance(value, Mapping | Sequence) and not isinstance(value, str) and bool(value)


def _scalar(value: Value) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _RESERVED:
        return value
    return json.dumps(value, ensure_ascii=False)
