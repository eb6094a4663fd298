"""Transactions: the live list with its filters, and one of them with the answer to "why was this declined?"."""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple
from urllib.parse import urlencode

from switch.console.visit import Page, Shown, Visit
from switch.errors import OperatorError
from switch.ledger.queries import JournalEntry
from switch.messages.actions import Action
from switch.messages.kinds import Kind
from switch.messages.responses import Texts, load_responses
from switch.office.acts import number_of
from switch.office.notes import notes_of
from switch.office.receipts import slip_of
from switch.office.transactions import DECLINED, Wanted, find_transactions, story_of
from switch.tools.receipts import receipt

_TEXT_MAX: Final = 64
_MILLISECONDS: Final = 1_000


class Step(NamedTuple):
    """One step of a transaction's way through the switch; ``ms`` is how long after its first byte."""

    name: str
    ms: float
    told: str


def transactions(visit: Visit) -> Shown:
    """List what was decided, the newest first."""
    wanted = _wanted(visit)
    before = visit.query.get("before", "")
    with visit.desk.database.reading() as connection:
        found = find_transactions(connection, wanted, number_of(before) if before else None)
    asked = {name: value for name, value in visit.query.items() if value and name != "before"}
    facts = {
        "found": found,
        "wanted": wanted,
        "asked": asked,
        "here": f"/transactions?{urlencode(asked)}",
        "is_live": not before,
        "kinds": [str(kind) for kind in Kind],
        "actions": [DECLINED, *(str(action) for action in Action)],
    }
    return Shown("transactions_rows.html" if visit.is_part else "transactions.html", facts)


def transaction(visit: Visit) -> Shown:
    """Show one transaction: what happened, why, what to do, what it did to the books, what it is about."""
    journal_id = number_of(visit.where["journal_id"])
    with visit.desk.database.reading() as connection:
        story = story_of(connection, journal_id)
        slip = slip_of(connection, story.entry, visit.desk.settings.zone)
        notes = notes_of(connection, f"transaction:{journal_id}")
    entry = story.entry
    facts = {
        "entry": entry,
        "line": entry.line,
        "columns": entry.columns,
        "story": story,
        "refused_by": [rung for rung in entry.trace if not rung.passed],
        "steps": _steps(entry),
        "texts": _texts(visit, entry.line.action),
        "slip": receipt(slip, _responses()[slip.action], is_reprint=True) if slip else "",
        "notes": notes,
    }
    return Shown("transaction.html", facts)


def _wanted(visit: Visit) -> Wanted:
    asked = visit.query
    if any(len(value) > _TEXT_MAX for value in asked.values()):
        raise OperatorError(f"a filter takes at most {_TEXT_MAX} characters")
    card = asked.get("card", "")
    return Wanted(
        asked.get("terminal", "").strip(),
        asked.get("merchant", "").strip(),
        number_of(card) if card else None,
        asked.get("kind", ""),
        asked.get("action", ""),
        asked.get("stan", "").strip(),
        asked.get("rrn", "").strip(),
    )


def _steps(entry: JournalEntry) -> list[Step]:
    """Return the way of the request from its first byte to its entries."""
    columns = entry.columns
    took_ms = (columns["decided_at"] - columns["received_at"]) / _MILLISECONDS
    sent = f"MTI {columns['mti'] or '-'}, STAN {entry.line.stan or '-'}, {entry.line.terminal_id}"
    ladder = f"{sum(rung.passed for rung in entry.trace)}/{len(entry.trace)}"
    steps = [Step("Received", 0.0, sent), Step("Rules asked", took_ms, ladder)]
    steps += [Step("Entered in the books", took_ms, effect) for effect in entry.effects]
    return [*steps, Step("Answered", took_ms, entry.line.action)]


_responses = cache(load_responses)


def _texts(visit: Visit, action: str) -> Texts | None:
    try:
        texts = _responses()[Action(action)]
    except ValueError:  # made by an import
        return None
    return texts.zh if visit.language == "zh" else texts.en


PAGES: Final = (
    Page("/transactions", transactions),
    Page("/transactions/{journal_id}", transaction),
)
