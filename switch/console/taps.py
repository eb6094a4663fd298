"""A tap: what passes between one terminal and the switch, masked, as it happens."""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

from switch.console.visit import Page, Shown, Visit
from switch.ledger.taps import LINES_MAX, TapLine, newest_tap_lines, tap_standing
from switch.office.acts import number_of
from switch.office.roles import Permission

SHOWN_MAX: Final = 30


class Message(NamedTuple):
    """One message as it passed: ``way`` is request, answer, silence or lost; ``lines`` are (path, name, value)."""

    at: int
    way: str
    about: str
    lines: list[tuple[str, str, str]]
    trouble: str


def tap(visit: Visit) -> Shown:
    """Show what a tap saw last, and go on while it is open."""
    tap_id = number_of(visit.where["tap_id"])
    with visit.desk.database.reading() as connection:
        standing = tap_standing(connection, tap_id)
        lines = newest_tap_lines(connection, tap_id, SHOWN_MAX)
    facts = {
        "tap": standing,
        "messages": [_message(line) for line in lines],
        "is_open": standing.ends_at > visit.desk.clock(),
        "lines_max": LINES_MAX,
        "shown_max": SHOWN_MAX,
    }
    return Shown("tap_messages.html" if visit.is_part else "tap.html", facts)


def _message(line: TapLine) -> Message:
    words: dict[str, Any] = json.loads(line.words)
    return Message(line.at, words["way"], words["about"], [tuple(one) for one in words["lines"]], words["trouble"])


PAGES: Final = (Page("/taps/{tap_id}", tap, Permission.TAP),)
