"""What a message asks (`Request`) and what is answered (`Reply`), in the switch's own words.

Both are frozen and carry no wire detail: no dialect, no DE 39, no packed digits. Times are integer
microseconds since 1970 in UTC (``*_at``); dates are `datetime.date` in the switch's configured zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import date

    from switch.messages.actions import Action
    from switch.messages.kinds import Kind
    from switch.values import Pan


@dataclass(frozen=True, slots=True)
class OriginalReference:
    """How a reversal or refund names the request it is about (DE 90 or 61, else its own key).

    ``message_class`` is the second digit of the original's MTI, "" where the dialect does not say;
    ``local_date`` is None where the message carries none; ``batch`` and ``rrn`` are "" likewise.
    """

    message_class: str
    stan: str
    local_date: date | None
    batch: str
    rrn: str


class Request(NamedTuple):
    """One decoded request of a terminal.

    ``local_date`` is DE 13 resolved with its year, or the host's date where the message has none (then
    ``has_local_date`` is False and a repeat just after midnight is still found). Absent text is "".
    ``amount_minor`` and ``new_amount_minor`` (DE 95) are None where absent.
    """

    kind: Kind
    mti: str
    processing_code: str
    terminal_id: str
    merchant_id: str
    stan: str
    batch: str
    local_date: date
    has_local_date: bool
    local_time: str
    received_at: int
    pan: Pan | None
    expiry_yymm: str
    amount_minor: int | None
    currency: str
    entry_mode: str
    condition_code: str
    rrn: str
    reason: str
    new_amount_minor: int | None
    original: OriginalReference | None
    listener: str = ""  # the door it came in by: its policy applies

    @property
    def message_class(self) -> str:
        """Second digit of the MTI: part of the key, so a reversal never collides with its original."""
        return self.mti[1]

    @property
    def is_repeat(self) -> bool:
        """Whether the sender says that it sent this before (MTI xxx1, xxx3)."""
        return self.mti[3] in "1357"


@dataclass(frozen=True, slots=True)
class Balance:
    """One amount of DE 54: account type, what it is (01 ledger, 02 available), currency, signed minor units."""

    account_type: str
    amount_type: str
    currency: str
    amount_minor: int


class Reply(NamedTuple):
    """The host-made part of an answer; echoes are taken from the request (or its repeat) when it is written.

    ``answered_at`` is the moment of the decision, so that a repeat shows the first answer's DE 12 and 13.
    ``rrn`` is DE 37; ``approval_code`` DE 38 is "" unless approved; ``batch`` is given out at sign-on.
    """

    action: Action
    answered_at: int
    rrn: str = ""
    approval_code: str = ""
    balances: tuple[Balance, ...] = ()
    batch: str = ""


@dataclass(frozen=True, slots=True)
class Reject:
    """A message that decodes but asks nothing we can decide: no kind fits, or a field is missing or wrong.

    ``because`` names the field and what is wrong with it, never its contents.
    """

    action: Action
    because: str
