"""The states of cards, terminals and merchants, and what operators may do to them: words, without the books."""

from __future__ import annotations

from typing import Final, NamedTuple

CARD_STATES: Final = ("active", "inactive", "frozen", "lost", "stolen")
TERMINAL_STATES: Final = ("registered", "active", "locked", "dormant", "retired")
MERCHANT_STATES: Final = ("active", "frozen", "closed")

MANUAL_ENTRY: Final = ("free", "with_code", "off")
"""How a terminal or a merchant may take typed card numbers."""

SCHEMES: Final = ("unionpay", "visa", "mastercard", "amex", "jcb", "diners", "discover")
"""Whose card a card is."""


class Move(NamedTuple):
    """What an operator may do to a party: the state it leads to, and those it may start from."""

    verb: str
    to: str
    starts: tuple[str, ...]


# fmt: off
CARD_MOVES: Final = (
    Move("freeze",     "frozen",   ("active", "inactive")),
    Move("unfreeze",   "active",   ("frozen",)),
    Move("activate",   "active",   ("inactive", "lost", "stolen")),
    Move("deactivate", "inactive", ("active", "frozen")),
    Move("lost",       "lost",     ("active", "inactive", "frozen", "stolen")),
    Move("stolen",     "stolen",   ("active", "inactive", "frozen", "lost")),
)
TERMINAL_MOVES: Final = (
    Move("activate",   "active",   ("registered", "locked", "dormant")),
    Move("lock",       "locked",   ("registered", "active", "dormant")),
    Move("unlock",     "active",   ("locked",)),
    Move("freeze",     "locked",   ("registered", "active", "dormant")),  # as for cards and merchants
    Move("unfreeze",   "active",   ("locked",)),
    Move("retire",     "retired",  ("registered", "active", "locked", "dormant")),
)
MERCHANT_MOVES: Final = (
    Move("freeze",     "frozen",   ("active",)),
    Move("unfreeze",   "active",   ("frozen",)),
    Move("close",      "closed",   ("active", "frozen")),
    Move("reopen",     "active",   ("closed",)),
)
# fmt: on

ASKED_FOR: Final = ("parameters", "ca_keys", "aids", "software", "sign_on", "status")
"""What a terminal can be told to do next (`switch.messages.model.Reply.wish`)."""
