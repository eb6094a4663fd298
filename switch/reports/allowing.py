"""How much worse each figure of a run may be than before: the grammar of ``--allow-worse``.

======================  ==============================================================================
``10%``                 every figure may be worse by a tenth of what it was
``p99=20%``             this figure may be worse by a fifth
``p99=5``               this figure may be worse by 5 of its unit: ms, messages, messages a second
``max=any``             this figure may be as bad as it likes
======================  ==============================================================================

The last one for a figure counts. What is within the tolerance is not worse in the first place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from switch.errors import OperatorError

_GRAMMAR: Final = re.compile(
    r"(?:(?P<name>[a-z0-9]+)=)?(?:(?P<number>\d{1,9}(?:\.\d{1,9})?)(?P<percent>%?)|(?P<any>any))", re.ASCII
)


class Allowance(NamedTuple):
    """So much of what a figure was (0.1 = 10 %), and so much more in its own unit."""

    share: float = 0.0
    amount: float = 0.0


_NOTHING: Final = Allowance()
_ANY: Final = Allowance(amount=float("inf"))


@dataclass(frozen=True, slots=True)
class Allowances:
    """What is allowed to each figure: its own, or that of all."""

    every: Allowance = _NOTHING
    named: Mapping[str, Allowance] = field(default_factory=dict)

    def allow(self, name: str, before: float, worse_by: float) -> bool:
        """Whether a figure that was ``before`` may be worse by so much."""
        allowed = self.named.get(name, self.every)
        return worse_by <= max(allowed.share * abs(before), allowed.amount) * (1 + 1e-9)


def parse_allowances(texts: Iterable[str], names: Iterable[str]) -> Allowances:
    """Read the values of ``--allow-worse``. Raises `OperatorError` that says what one looks like."""
    known = tuple(names)
    every, named = Allowance(), {}
    for text in texts:
        found = _GRAMMAR.fullmatch(text.strip().lower())
        if found is None or (found["name"] is None and not found["percent"]):
            raise OperatorError(f"--allow-worse {text!r}: write 10%, p99=20%, p99=5 (ms, messages) or max=any")
        if found["name"] is not None and found["name"] not in known:
            raise OperatorError(f"--allow-worse {text!r}: no such figure; there are {', '.join(known)}")
        allowance = _ANY if found["any"] else _allowance(float(found["number"]), percent=bool(found["percent"]))
        if found["name"] is None:
            every = allowance
        else:
            named[found["name"]] = allowance
    return Allowances(every, named)


def parse_percent(text: str, option: str) -> float:
    """Read ``5%`` or ``5`` as 0.05. Raises `OperatorError`."""
    found = re.fullmatch(r"([0-9]{1,4}(?:\.[0-9]{1,9})?)\s*%?", text.strip())
    if found is None:
        raise OperatorError(f"{option} {text!r}: a number of per cent, like 5%")
    return float(found[1]) / 100


def _allowance(number: float, *, percent: bool) -> Allowance:
    return Allowance(share=number / 100) if percent else Allowance(amount=number)
