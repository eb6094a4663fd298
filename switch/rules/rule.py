"""What a rule is, and the settings of a listener that rules read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from switch.decisions import Facts, Limits, Refusal
from switch.messages.downloads import Downloads
from switch.messages.model import Request

FIELD_MAXIMUM_MINOR: Final = 999_999_999_999
"""The largest amount that DE 4 can carry: twelve digits."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What an operator set for one listener. Amounts are minor units of the request's currency."""

    maximum_amount_minor: int = FIELD_MAXIMUM_MINOR
    sign_on_required: bool = False
    minimum_software: str = ""  # a terminal that reports an older version is told to update first
    has_batches: bool = False  # the dialect gives its terminals batch numbers
    classes: Mapping[str, Limits] = field(default_factory=dict)  # by account class
    downloads: Downloads | None = None  # what terminals may fetch
    in_maintenance: bool = False  # nothing new is let in for a while


Verdict = tuple[object, object, Refusal | None]
"""What a rule found, the limit it held that against, and its refusal, if it refuses."""

NOT_ASKED: Final[Verdict] = (None, None, None)
"""Of a rule that does not apply to a message. It is this very tuple, and leaves nothing in the trace."""


class Rule(NamedTuple):
    """One rung: ``name`` stands in the trace, the journal and the metrics."""

    name: str
    check: Callable[[Request, Facts, Policy], Verdict]


Ladder = tuple[Rule, ...]
