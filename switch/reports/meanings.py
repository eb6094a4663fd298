"""What the codes of DE 39 mean in a dialect, in the words that a cashier sees."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from switch.errors import ConfigurationError
from switch.messages.actions import Action
from switch.messages.responses import load_responses
from switch.wire.dialect import load_dialect

_TOLD_MAX: Final = 2
"""Some codes stand for many actions (58: all that a terminal may not do)."""


def meanings(dialect: str) -> Mapping[str, str]:
    """Return the words for each code that the dialect's actions have; {} where the dialect is not known here."""
    try:
        codes = load_dialect(dialect).actions
    except ConfigurationError:
        return {}
    texts = load_responses()
    words: defaultdict[str, list[str]] = defaultdict(list)
    for action, code in codes.items():
        text = texts[Action(action)].en.cashier
        if text not in words[code]:
            words[code].append(text)
    return {code: _joined(told) for code, told in words.items()}


def _joined(told: list[str]) -> str:
    shown, more = told[:_TOLD_MAX], len(told) - _TOLD_MAX
    return " / ".join(shown) + (f" / {more} more" if more > 0 else "")
