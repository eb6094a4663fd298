"""What tells which answer belongs to which message, in every dialect: message type, number, terminal, time sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from switch.messages.mapping import answer_mti
from switch.messages.paths import field_of
from switch.wire.codec import Fields
from switch.wire.dialect import Dialect

MatchKey = tuple[str | None, ...]
"""The first three digits of the answer's type, then what both messages have in the fields that answers echo."""

_TYPE_DIGITS: Final = 3
"""The fourth digit says who sent it and whether again: a repeat (0201) is answered as its first (0210)."""

_ROLES: Final = ("stan", "terminal", "transmitted_at")
"""DE 11, 41 and 7. The local date (13) is none of them: hosts of some dialects write their own."""


class Matching:
    """The key of one dialect: those of number, terminal and time of transmission that its answers echo."""

    def __init__(self, dialect: Dialect) -> None:
        paths = [dialect.roles[role] for role in _ROLES if role in dialect.roles]
        self.fields: Final = tuple(field_of(dialect, path) for path in paths if path in dialect.answers.echo)
        self.of_answer: Final = _key_getter(self.fields)
        """The key of an answer."""

    def of_request(self, fields: Fields) -> MatchKey | None:
        """The key that the answer will have; None for a message that asks for no answer, or is one itself."""
        mti = answer_mti(fields[0])
        if mti is None:
            return None
        return (mti[:_TYPE_DIGITS], *(fields.get(number) for number in self.fields))


def _key_getter(numbers: tuple[int, ...]) -> Callable[[Fields], MatchKey]:
    if len(numbers) == 3:  # noqa: PLR2004 - the usual three, without a loop: once for every answer
        first, second, third = numbers
        return lambda fields: (fields[0][:_TYPE_DIGITS], fields.get(first), fields.get(second), fields.get(third))
    return lambda fields: (fields[0][:_TYPE_DIGITS], *(fields.get(number) for number in numbers))
