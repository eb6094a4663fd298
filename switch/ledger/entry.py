"""One request on its way through the books."""

from __future__ import annotations

from typing import NamedTuple

from switch.messages.model import Request


class Entry(NamedTuple):
    """A request under the identity that it keeps over every retry, and the keys that its secrets are looked up by.

    Each key is a keyed hash, b"" without what it is of: ``pan_key`` of its card, ``to_key`` of the card that a
    transfer goes to, ``code_key`` of a pay code.
    """

    request: Request
    journal_id: int
    pan_key: bytes
    to_key: bytes = b""
    code_key: bytes = b""
