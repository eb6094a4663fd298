"""Turns source that the switch itself wrote for one layout into a function; shared by decoder and encoder.

A layout is the set of fields that one bitmap announces. The source is made from a validated dialect only:
numbers, and names made of numbers, never anything from the wire. A compiled function knows just the good case.
It returns None for anything else, and the careful way (`switch.wire.careful`) then finds out what is wrong, or
that all is well but unusual (an empty number, Chinese text).
"""

from __future__ import annotations

from functools import cache
from typing import Any

from switch.wire.fields import Field


def compiled(source: list[str], names: dict[str, object]) -> Any:
    """Compile the lines of one function called ``layout`` over these global names and return it."""
    scope = dict(names)
    exec(compile("\n".join(source), "<compiled layout>", "exec"), scope)  # noqa: S102 - our own source, see above
    return scope["layout"]


def length_table(field: Field) -> tuple[str, ...]:
    """Return the field's length as text (for binary and packed ones as hex), by the characters of its value.

    What the length cannot say (half a byte) is None-like: an empty text, that no length on the wire is equal to.
    """
    return _length_table(
        field.characters, field.characters_per_count, field.prefix, field.prefix_bytes, field.length_encoding
    )


@cache
def _length_table(characters: int, per_count: int, digits: int, width: int, encoding: str) -> tuple[str, ...]:
    style = {"ascii": f"0{digits}d", "bcd": f"0{width * 2}d", "binary": f"0{width * 2}X"}[encoding]
    return tuple("" if size % per_count else format(size // per_count, style) for size in range(characters + 1))


def inverse_length_table(field: Field) -> dict[str, int]:
    """Return the characters of the value by the field's length as text or upper-case hex."""
    return _inverse(length_table(field))


@cache
def _inverse(table: tuple[str, ...]) -> dict[str, int]:
    return {text: size for size, text in enumerate(table) if text}
